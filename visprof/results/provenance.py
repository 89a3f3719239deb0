"""By what, and on what, numbers are made."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from pathlib import Path
from typing import Any

import visprof
from visprof._shipped import SHIPPED
from visprof.digests import digest
from visprof.machine import environment_version, hardware

__all__ = ["provenance"]

PACKAGE = Path(visprof.__file__).parent
LOCK = SHIPPED / "constraints.txt"  # the versions that were tested
# the versions that were tested; in a checkout


def provenance() -> dict[str, Any]:
    """Say by what, and on what, numbers are made in this process.

    Returns
    -------
    dict
        The version of the code (``visprof``, its release; ``commit``; ``source_sha256``, of the
        library), ``python``, digests of the versions of packages that were tested
        (``tested_packages``) and that are installed (``installed_packages``), and the ``machine``
        (see `visprof.machine.hardware`).
    """
    source = hashlib.sha256()
    for module in sorted(PACKAGE.rglob("*.py")):
        source.update(module.relative_to(PACKAGE).as_posix().encode() + module.read_bytes())
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "visprof": visprof.__version__,
        "commit": git.stdout.strip() if git.returncode == 0 else "not in a git checkout",
        "source_sha256": source.hexdigest(),
        "python": platform.python_version(),
        "tested_packages": digest(LOCK.read_text("utf-8")) if LOCK.exists() else "unknown",
        "installed_packages": environment_version(),
        "machine": hardware(),
    }
