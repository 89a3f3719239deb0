"""The back matter: library, glossary, notation, and the code of the contributor's page."""

from __future__ import annotations

import importlib
import pkgutil
import re
import textwrap
from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import visprof
from visprof.boards import read_boards
from visprof.book.execute import execute_page
from visprof.book.page import book_pages, read_page
from visprof.embedding import embed_images
from visprof.steps import registry
from visprof.steps.data import BoardSplit

ROOT = Path(__file__).resolve().parent.parent
PAGES = {page.stem: (ROOT / page).read_text("utf-8") for page in book_pages(ROOT)}
UNLISTED = {"visprof.sources.canvas"}  # brushes of the simulated world's painters
LIBRARY = {name: text for name, text in PAGES.items() if name.startswith("api-")}
WORDING = ("visprof.sentences.", "visprof.tables.")  # of the pages themselves; no reader calls it


def public_modules() -> set[str]:
    found = pkgutil.walk_packages(visprof.__path__, "visprof.")
    names = {module.name for module in found if not module.ispkg and "._" not in module.name}
    names = {name for name in names if not name.startswith(WORDING)}
    return {name for name in names if getattr(importlib.import_module(name), "__all__", ())}


def modules_shown() -> list[str]:
    return [name for text in LIBRARY.values() for name in re.findall(r"automodule:: (\S+)", text)]


def test_the_library_pages_show_every_public_module_once():
    shown = Counter(modules_shown())
    assert set(shown) == public_modules() - UNLISTED
    assert set(shown.values()) == {1}


def test_the_library_page_lists_every_module_in_the_order_of_its_pages():
    assert re.findall(r"^- \{py:mod\}`(\S+)`$", PAGES["api"], re.MULTILINE) == modules_shown()
    groups = re.findall(r"^## (.*)$", PAGES["api"], re.MULTILINE)
    titles = [text.splitlines()[0].removeprefix("# Library: ") for text in LIBRARY.values()]
    assert [group[0].lower() + group[1:] for group in groups] == titles


def test_each_module_stands_under_its_own_name():
    text = "\n".join(LIBRARY.values())
    pairs = re.findall(
        r"^## `(\S+)`\n\n```\{eval-rst\}\n\.\. automodule:: (\S+)", text, re.MULTILINE
    )
    assert len(pairs) == len(modules_shown())
    assert all(heading == module for heading, module in pairs)


@pytest.mark.parametrize("page", ["notation", "contributing"])
def test_names_of_code_exist(page):
    targets = re.findall(r"\{py:\w+\}`~?([\w.]+)`", PAGES[page])
    assert targets
    for target in targets:
        assert pkgutil.resolve_name(target) is not None


def glossary_terms() -> list[str]:
    body = PAGES["glossary"].split("```{glossary}\n")[1].split("```")[0]
    return [line for line in body.splitlines() if line and not line.startswith(" ")]


def test_glossary_is_in_alphabetical_order_without_repetition():
    body = PAGES["glossary"].split("```{glossary}\n")[1].split("```")[0]
    firsts = [entry.splitlines()[0].lower() for entry in body.strip().split("\n\n")]
    assert firsts == sorted(firsts)
    assert len(set(glossary_terms())) == len(glossary_terms())


def test_glossary_explains_the_words_that_the_paper_leaves_unexplained():
    needed = {"mAP", "MRR", "eCDF", "log-odds", "maxT", "FDR", "BH", "Siamese network"}
    needed |= {"contrastive loss", "soft assignment", "bandwidth", "bootstrap", "mid-rank"}
    assert needed | {"leakage", "near-duplicate", "session"} <= set(glossary_terms())


# --- the contributor's page -----------------------------------------------------------------------


@pytest.fixture
def contributed(monkeypatch):
    """Names that the Python of the contributor's page defines."""
    monkeypatch.setattr(registry, "STEPS", dict(registry.STEPS))
    names = {}
    for source in re.findall(r"```python\n(.*?)```", PAGES["contributing"], re.DOTALL):
        exec(source, names)
    return names


@pytest.fixture
def pictures(tmp_path):
    files = []
    for number, colour in enumerate([(255, 0, 0), (0, 51, 204)]):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (80, 60), colour).save(files[-1])
    return files


def test_the_source_collects_what_read_boards_reads(contributed, pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:40])
    albums = {"one": pictures, "two": [pictures[0], broken]}
    summary = contributed["collect_albums"](albums, tmp_path / "out")
    assert (summary.kept, summary.boards, summary.left_out.total()) == (3, 2, 1)
    pins = read_boards(tmp_path / "out")
    assert pins["board"].tolist() == ["one", "one", "two"]
    assert pins["caption"].tolist() == ["0", "1", "0"]
    assert pins.loc[1, "time"] - pins.loc[0, "time"] == pd.Timedelta(days=1)


def test_the_backbone_embeds_pictures(contributed, pictures, tmp_path):
    grid = contributed["ColourGrid"]("none", image_size=64)
    embedded = embed_images(pictures, grid, tmp_path / "store", precision="fp32", progress=False)
    expected = np.repeat([[1, 0, 0], [0, 0.2, 0.8]], 16, axis=1)
    np.testing.assert_allclose(embedded.features, expected, atol=1e-5)
    np.testing.assert_array_equal(embedded.outputs, embedded.features)


def test_the_step_is_registered_and_counts_pins(contributed):
    pins = pd.DataFrame({"board": ["a", "b", "a"]})
    step = registry.STEPS["board_sizes"]
    assert step is contributed["board_sizes"]
    assert step(BoardSplit(pins[:0], pins, pd.DataFrame())).to_dict() == {"a": 2, "b": 1}


@pytest.mark.slow
def test_the_chapter_runs(tmp_path):
    block = re.search(r"\n    ---\n    jupytext:.*?\n(?=\S)", PAGES["contributing"], re.DOTALL)
    chapter = tmp_path / "sizes.md"
    chapter.write_text(textwrap.dedent(block[0]).lstrip())
    page = read_page(chapter)
    assert all(parameter.help for parameter in page.own_parameters.values())
    target = execute_page(page, tmp_path / "sizes.ipynb", {"preset": "tiny"}, ROOT)
    cells = nbformat.read(target, as_version=4).cells
    texts = {
        output.metadata["scrapbook"]["name"]: output.data
        for cell in cells
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }
    assert texts["median"] == {"application/papermill.record/text/plain": "20.0"}
