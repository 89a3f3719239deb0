"""What figures need later leaves the page, and comes back the same from a script."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visprof import figures
from visprof.book.later import SUFFIX, put_later_apart
from visprof.figures.interactive import carried_later

HOSTILE = "</script><script>hacked = 1</script> & \u2028"


def test_a_part_moves_to_a_file_and_the_page_says_where(tmp_path):
    page, folder = tmp_path / "book" / "a.html", tmp_path / "figures" / "a"
    page.parent.mkdir()
    parts = {name: {"name": HOSTILE, "numbers": [1.5, 2]} for name in ("one", "two")}
    inside = "".join(f"<figure>{carried_later(*part)}</figure>" for part in parts.items())
    page.write_text(f"<p>before{inside}<p>after", "utf-8")
    put_later_apart(page, folder)
    text = page.read_text("utf-8")
    assert "hacked" not in text
    assert re.findall(r'data-of="(\w+)" data-file="([^"]+)"></script>', text) == [
        (name, f"../figures/a/{name}{SUFFIX}") for name in parts
    ]
    assert text.startswith("<p>before")
    assert text.endswith("<p>after")
    for name, data in parts.items():
        script = (folder / f"{name}{SUFFIX}").read_text("utf-8")
        assert "</script" not in script
        begin, _, rest = script.partition(" = ")
        assert begin == f'(window.visprofLater ??= {{}})["{name}"]'
        assert json.loads(rest.removesuffix(";\n")) == data


def test_a_page_without_such_figures_stays_as_it_is(tmp_path):
    page = tmp_path / "a.html"
    page.write_text("<p>text", "utf-8")
    put_later_apart(page, tmp_path / "figures")
    assert page.read_text("utf-8") == "<p>text"
    assert not (tmp_path / "figures").exists()


def test_twice_is_as_once(tmp_path):
    page = tmp_path / "a.html"
    page.write_text(carried_later("one", {"a": 1}), "utf-8")
    put_later_apart(page, tmp_path)
    before = page.read_text("utf-8")
    put_later_apart(page, tmp_path)
    assert page.read_text("utf-8") == before
    assert "1" in (tmp_path / f"one{SUFFIX}").read_text("utf-8")


def test_figures_to_try_have_parts_that_can_be_moved(tmp_path):
    counts = np.random.default_rng(0).gamma(1, size=(3, 4, 5))
    image = tmp_path / "a.png"
    Image.new("RGB", (9, 9)).save(image)
    pins = pd.DataFrame(
        {"x": [0.0], "y": [0.0], "image": str(image), "caption": HOSTILE, "board": "b"}
    )
    tried = figures.explore_pairs(
        {"users": counts, "dealt": counts}, [1] * 5, [1, 2, 3], 0.1, "two-term", 2.0
    )
    page = tmp_path / "a.html"
    page.write_text(tried.data + figures.interactive_map(pins, "a map").data, "utf-8")
    before = page.stat().st_size
    put_later_apart(page, tmp_path)
    assert page.stat().st_size < before
    assert {file.name for file in tmp_path.glob(f"*{SUFFIX}")} == {
        f"{name}{SUFFIX}" for name in ("explore-pairs", "interactive-map")
    }


def test_a_number_that_no_browser_reads_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        carried_later("one", {"a": float("nan")})
