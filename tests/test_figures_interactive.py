"""The map to zoom into is whole, and shows pictures, names and numbers."""

from __future__ import annotations

import base64
import io
import re

import figure_examples
import numpy as np
import pandas as pd
import pytest
from bokeh.resources import INLINE
from PIL import Image

from visprof import figures


@pytest.fixture
def pictures(tmp_path):
    return figure_examples.colour_files(tmp_path)


@pytest.fixture
def placed_pins(pictures):
    """Pins of two boards, as the map takes them."""
    return pd.DataFrame(
        {
            "x": np.arange(6.0), "y": np.arange(6.0) ** 2, "image": pictures,
            "caption": ["</script>", *"bcdef"], "board": ["one", "two"] * 3,
        }
    )  # fmt: skip


def test_interactive_map_is_whole_and_the_same_every_time(placed_pins):
    html = figures.interactive_map(placed_pins, alt='A "map" <of> pins', caption="Six pins.").data
    assert figures.interactive_map(placed_pins, 'A "map" <of> pins', "Six pins.").data == html
    assert 'aria-label="A &quot;map&quot; &lt;of&gt; pins"' in html
    assert "<figcaption>Six pins.</figcaption>" in html
    assert html.count("<script") == html.count("</script>") == 2  # the caption closes none
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=.http", html)
    assert html.count("data:image/webp;base64,") == 6
    assert len(html) < len(INLINE.js_raw[0]) + 30_000  # nearly all of it Bokeh's script
    other = placed_pins.assign(caption="other")
    assert figures.interactive_map(other, 'A "map" <of> pins', "Six pins.").data != html


def test_interactive_map_comes_with_its_numbers(placed_pins):
    bundle = figures.interactive_map(placed_pins, alt="pins")._repr_mimebundle_()
    numbers = pd.read_csv(io.StringIO(bundle["text/csv"]))
    np.testing.assert_allclose(numbers[["x", "y"]], placed_pins[["x", "y"]], rtol=1e-5)
    assert bundle["text/html"].lstrip().startswith("<figure")


def test_interactive_map_shows_small_pictures_and_their_mean_colours(placed_pins, tmp_path):
    path = str(tmp_path / "halves.png")
    Image.fromarray(
        np.repeat([[[255, 0, 0], [0, 0, 255]]], 200, 0).repeat(150, 1).astype("uint8")
    ).save(path)
    html = figures.interactive_map(placed_pins.head(1).assign(image=path), "one", thumbnail=32).data
    encoded = re.search(r"data:image/webp;base64,([\w+/=]+)", html)[1]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        assert picture.size == (32, 21)
    assert "#800080" in html


@pytest.mark.parametrize("pins", [slice(0), slice(6)], ids=["no pins", "nowhere"])
def test_interactive_map_of_pins_without_a_place(placed_pins, pins):
    with pytest.raises(ValueError, match="all with finite x and y"):
        figures.interactive_map(placed_pins[pins].assign(x=np.nan), alt="")
