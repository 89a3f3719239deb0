"""Copies into the wheel what stands beside the package; all else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("book", "_config.yml", "_toc.yml", "results", "CITATION.cff", "constraints.txt")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__")


class BuildWithPages(build_py):
    """An editable install needs no copy: `visprof._shipped` finds the originals."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "visprof", "shipped")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SHIPPED:
            if Path(name).is_dir():
                shutil.copytree(name, target / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(name, target)


setup(cmdclass={"build_py": BuildWithPages})
