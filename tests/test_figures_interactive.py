"""The map to zoom into is whole, and shows pictures, names and numbers."""

from __future__ import annotations

import base64
import io
import json
import re

import figure_examples
import numpy as np
import pandas as pd
import pytest
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


def carried(figure):
    """What the page of a map carries, at first and later."""
    scripts = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', figure.data)
    first, later = map(json.loads, scripts)
    assert set(later) == {"sheet"}
    return first | later


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def on_sheet(data, pin):
    """The picture of a pin, cut from the sheet."""
    encoded = data["sheet"].removeprefix("data:image/webp;base64,")
    width, height = unpacked(data["sizes"], np.uint8).reshape(-1, 2)[pin]
    top, left = (data["cell"] * place for place in divmod(pin, data["columns"]))
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.asarray(picture.convert("RGB"))[top : top + height, left : left + width]


def test_interactive_map_is_whole_and_the_same_every_time(placed_pins):
    html = figures.interactive_map(placed_pins, alt='A "map" <of> pins', caption="Six pins.").data
    assert figures.interactive_map(placed_pins, 'A "map" <of> pins', "Six pins.").data == html
    assert 'aria-label="A &quot;map&quot; &lt;of&gt; pins"' in html
    assert "<figcaption>Six pins.</figcaption>" in html
    assert html.count("<script") == html.count("</script>") == 2  # the caption closes none
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=.http", html)
    assert html.count("data:image/webp;base64,") == 1  # all pictures on one sheet
    other = placed_pins.assign(caption="other")
    assert figures.interactive_map(other, 'A "map" <of> pins', "Six pins.").data != html


def test_interactive_map_carries_pins_boards_and_captions_in_order(placed_pins):
    data = carried(figures.interactive_map(placed_pins, alt="pins"))
    np.testing.assert_array_equal(unpacked(data["x"], np.float32), placed_pins["x"])
    np.testing.assert_array_equal(unpacked(data["y"], np.float32), placed_pins["y"])
    boards = [data["boards"][board] for board in unpacked(data["board"], np.uint16)]
    assert boards == placed_pins["board"].tolist()
    assert data["captions"] == placed_pins["caption"].tolist()


def test_pictures_lie_on_the_sheet_where_the_page_looks_for_them(placed_pins, pictures):
    data = carried(figures.interactive_map(placed_pins, alt="pins", thumbnail=16))
    for pin, image in enumerate(pictures):
        with Image.open(image) as picture:
            expected = np.asarray(picture)[0, 0]
        seen = on_sheet(data, pin)
        assert seen.shape == (16, 11, 3)
        assert np.abs(seen.mean(axis=(0, 1)) - expected).max() < 15  # a lossy format
        colour = data["colours"][6 * pin : 6 * pin + 6]
        assert colour == "".join(f"{part:02x}" for part in expected)


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
    one = placed_pins.head(1).assign(image=path)
    data = carried(figures.interactive_map(one, "one", thumbnail=32))
    assert on_sheet(data, 0).shape == (21, 32, 3)
    assert data["colours"] == "800080"


@pytest.mark.parametrize("thumbnail", [0, 256])
def test_pictures_too_large_for_a_map(placed_pins, thumbnail):
    with pytest.raises(ValueError, match="thumbnail: expected 1 to 255 pixels"):
        figures.interactive_map(placed_pins, alt="", thumbnail=thumbnail)


@pytest.mark.parametrize("pins", [slice(0), slice(6)], ids=["no pins", "nowhere"])
def test_interactive_map_of_pins_without_a_place(placed_pins, pins):
    with pytest.raises(ValueError, match="all with finite x and y"):
        figures.interactive_map(placed_pins[pins].assign(x=np.nan), alt="")
