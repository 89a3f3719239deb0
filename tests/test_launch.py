"""The public repository: its workflow, and the notebooks and buttons for Binder and Colab."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from visprof.book.build import build_book

ROOT = Path(__file__).resolve().parent.parent
URL = "https://github.com/owner/name"
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())


def commands() -> list[str]:
    return [
        step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step
    ]


def test_workflow_runs_targets_and_files_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = [command.split()[1] for command in commands() if command.startswith("make ")]
    assert targets == ["install", "test", "book", "pdf"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert any(".github/notebooks.py" in command for command in commands())


def test_workflow_can_write_only_where_it_publishes():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOW["jobs"]["build"]
    for job in ("publish", "notebooks"):
        assert "refs/heads/main" in WORKFLOW["jobs"][job]["if"]


def test_every_action_is_of_a_stated_version():
    used = [
        step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in used)


def config_of(url: str, folder: Path) -> Path:
    """The book's configuration, as the workflow changes it if a repository is named."""
    shutil.copy(ROOT / "_config.yml", folder)
    if url:
        (change,) = [command for command in commands() if "_config.yml" in command]
        environment = {"REPOSITORY": url, "PATH": "/usr/bin:/bin"}
        subprocess.run(change, shell=True, check=True, cwd=folder, env=environment)
    return folder / "_config.yml"


def test_each_chapter_becomes_a_notebook_that_installs_what_is_absent(tmp_path):
    write_notebooks = runpy.run_path(str(ROOT / ".github" / "notebooks.py"))["write_notebooks"]
    written = write_notebooks(ROOT, URL, tmp_path)
    assert {path.stem for path in written} >= {"01-data", "06-prediction", "index"}
    for path in written:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert f"git+{URL}" in code[0].source
        assert notebook.metadata["kernelspec"]["name"] == "python3"
        assert not any(cell.outputs for cell in code)


def test_the_script_refuses_what_is_no_address(tmp_path):
    command = [sys.executable, str(ROOT / ".github" / "notebooks.py"), "owner/name", str(tmp_path)]
    refused = subprocess.run(command, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "REPOSITORY-URL" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("url", ["", URL])
def test_pages_have_launch_buttons_where_the_repository_is_named(url, tmp_path):
    root = tmp_path / "root"
    (root / "book").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    config = yaml.safe_load(config_of(url, root).read_text())
    assert ("launch_buttons" in config["sphinx"]["config"]["html_theme_options"]) == bool(url)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    front = "---\nkernelspec: {name: python3, display_name: Python 3, language: python}\n---\n"
    cell = "```{code-cell} ipython3\nprint(1)\n```\n"
    bibliography = "{cite:t}`Yang2015`\n\n```{bibliography}\n```\n"
    (root / "book" / "index.md").write_text(f"{front}\n# Front\n\n{cell}\n{bibliography}")
    html = build_book(root, "tiny", out=tmp_path / "out") / "book" / "index.html"
    links = re.findall(r'href="(https://(?:mybinder|colab)[^"]*)"', html.read_text())
    expected = [
        "https://mybinder.org/v2/gh/owner/name/notebooks?urlpath=lab/tree/book/index.ipynb",
        "https://colab.research.google.com/github/owner/name/blob/notebooks/book/index.ipynb",
    ]
    assert sorted(set(links)) == (sorted(expected) if url else [])
    assert "executablebooks/jupyter-book" not in html.read_text()
