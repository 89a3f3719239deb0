"""The wheel: it carries the book, and its core works where nothing else is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visprof import _shipped

ROOT = Path(__file__).resolve().parent.parent
TRACKED = ("book", "_config.yml", "_toc.yml", "results", "CITATION.cff", "constraints.txt")


def tracked_files() -> set[str]:
    """Files of the repository that the wheel brings along."""
    paths = [path for name in TRACKED for path in ((ROOT / name), *(ROOT / name).rglob("*"))]
    return {path.relative_to(ROOT).as_posix() for path in paths if path.is_file()}


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


# --- pages that come with the package -------------------------------------------------------------


def test_a_folder_with_pages_of_its_own_is_the_root(tmp_path):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    assert _shipped.pages_root(tmp_path) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["_toc.yml"]


def test_another_folder_gets_those_of_the_package_anew_each_time(tmp_path):
    root = _shipped.pages_root(tmp_path)
    assert root == tmp_path / "_build" / "pages"
    page = root / "book" / "01-data.md"
    page.write_text("of another version")
    assert _shipped.pages_root(tmp_path) == root
    assert page.read_text("utf-8") == (ROOT / "book" / "01-data.md").read_text("utf-8")
    assert (root / "_config.yml").read_bytes() == (ROOT / "_config.yml").read_bytes()


def test_in_a_checkout_what_is_shipped_is_the_repositorys(tmp_path):
    assert _shipped.SHIPPED == ROOT


# --- the wheel ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # from a copy: setuptools leaves folders behind, and takes up what an earlier build left
    copied = folder / "source"
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copied / name).parent.mkdir(parents=True, exist_ok=True)
            (copied / name).write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check")
    made = run(*pip, "--no-deps", "--no-build-isolation", "-w", folder, copied, cwd=folder)
    assert made.returncode == 0, made.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.mark.slow
def test_the_wheel_carries_pages_results_and_citation_once(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("visprof/shipped/")]
        shipped = {name.removeprefix("visprof/shipped/"): archive.read(name) for name in names}
    assert shipped.keys() == tracked_files()
    assert all(content == (ROOT / name).read_bytes() for name, content in shipped.items())


@pytest.mark.slow
def test_installed_a_chapter_runs_on_pictures_in_a_folder_without_pages(wheel, tmp_path):
    site, work = tmp_path / "site", tmp_path / "work"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)  # what pip would do; the packages of [all] are those of the tests
    rng = np.random.default_rng(0)
    for board in range(4):
        folder = work / "my-pictures" / "boards" / f"board {board}"
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(rng.normal(60 * board, 40, (64, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    small = ["n_clusters=4", "n_iterations=4", "n_seeds=1", "scenes_per_class=6", "image_size=64"]
    small += ["n_similar=2", "n_dissimilar=2"]
    command = [sys.executable, "-m", "visprof"]
    ran = run(
        *command, "run", "09-your-boards", "--preset", "own", "--data", "my-pictures",
        *(word for value in small for word in ("-p", value)),
        cwd=work, PYTHONPATH=str(site),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (page,) = (work / "_build" / "runs").glob("*/html/book/09-your-boards.html")
    assert "board 0" in page.read_text("utf-8")
    cited = run(*command, "cite", "mrr.image.50", cwd=work, PYTHONPATH=str(site))
    assert cited.returncode == 0, cited.stderr
    assert {path.name for path in work.iterdir()} == {"my-pictures", "_build"}


@pytest.mark.slow
def test_the_core_alone_runs_the_readmes_example_on_arrays(wheel, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    installed = run(
        python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
        "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path,
    )  # fmt: skip
    if re.search(r"ConnectionError|NewConnectionError|ReadTimeout", installed.stderr):
        pytest.skip("the package index cannot be reached")
    assert installed.returncode == 0, installed.stderr
    listed = run(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).stdout.lower()
    assert not re.search("^(torch|matplotlib|jupyter|opencv)", listed, re.MULTILINE)
    readme = (ROOT / "README.md").read_text("utf-8").split("### Your own embeddings")[1]
    code = re.search(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[1]
    ran = run(python, "-I", "-c", code, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "mean embedding: MRR 1.00" in ran.stdout
    missing = run(python, "-I", "-c", "import visprof; visprof.embed_images", cwd=tmp_path)
    assert missing.stderr.splitlines()[-1].endswith(
        'torch is not installed: pip install "visprof[nets]"'
    )
    refused = run(environment / "bin" / "visprof", "run", "06-prediction", cwd=tmp_path)
    assert refused.returncode == 1
    assert re.fullmatch(
        r'visprof: \w+ is not installed: pip install "visprof\[book\]"\n', refused.stderr
    )
    cited = run(environment / "bin" / "visprof", "cite", "mrr.image.50", cwd=tmp_path)
    assert cited.returncode == 0, cited.stderr
