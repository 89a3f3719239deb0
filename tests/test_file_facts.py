"""Facts of picture files, stated or read."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visprof.file_facts import fact_columns, file_facts


@pytest.fixture
def pins(tmp_path):
    """Three pictures of 30 x 20, 20 x 10 and 8 x 8 pixels, in three formats."""
    for name, size in {"a.jpg": (30, 20), "b.png": (20, 10), "c.webp": (8, 8)}.items():
        Image.new("RGB", size, (9, 99, 200)).save(tmp_path / name)
    return pd.DataFrame({"image": [str(tmp_path / n) for n in ("a.jpg", "b.png", "c.webp")]})


def sizes_of(pins):
    return [math.prod(Image.open(image).size) for image in pins["image"]]


def test_where_nothing_is_stated_facts_are_those_of_the_file(pins):
    from pathlib import Path

    facts = file_facts(pins.set_index(pd.Index([7, 3, 9])), n_workers=2)
    assert facts[["width", "height"]].to_numpy().tolist() == [[30, 20], [20, 10], [8, 8]]
    assert facts["format"].tolist() == ["jpeg", "png", "webp"]
    of_bytes = [Path(image).stat().st_size for image in pins["image"]]
    expected = np.array(of_bytes) / sizes_of(pins)
    np.testing.assert_allclose(facts["bytes_per_pixel"], expected, atol=1e-12)


def test_what_is_stated_of_the_original_goes_first_and_needs_no_file():
    stated = pd.DataFrame({
        "image": "nowhere.jpg", "width": ["400", "50"], "height": ["200", "40"],
        "format": ["JPG", "png"], "bytes": ["160000", "500"],
    })  # fmt: skip
    facts = file_facts(stated)
    assert facts[["width", "height"]].to_numpy().tolist() == [[400, 200], [50, 40]]
    assert facts["format"].tolist() == ["jpeg", "png"]
    assert facts["bytes_per_pixel"].tolist() == [2, 0.25]


def test_each_fact_that_is_not_stated_is_that_of_the_file(pins):
    own = file_facts(pins)
    stated = pins.assign(width=["400", "", "-3"], height=["200", "80", "8"], bytes=["", "9", "9"])
    facts = file_facts(stated)
    # without a width, a height is of nothing; and bytes need the pixels that they are of
    assert facts["width"].tolist() == [400, 20, 8]
    assert facts["height"].tolist() == [200, 10, 8]
    pd.testing.assert_series_equal(facts["bytes_per_pixel"], own["bytes_per_pixel"])
    pd.testing.assert_series_equal(facts["format"], own["format"])


def test_a_file_that_is_needed_and_missing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_facts(pd.DataFrame({"image": [str(tmp_path / "none.jpg")]}))


def facts_of(widths, forms):
    return pd.DataFrame({
        "width": np.asarray(widths, float), "height": 100.0, "format": forms,
        "bytes_per_pixel": np.arange(1.0, 1 + len(widths)),
    })  # fmt: skip


def test_columns_are_in_units_of_their_spread_over_the_background():
    facts = facts_of([100, 200, 400, 800], ["jpeg", "png", "jpeg", "gif"])
    background = [True, True, True, False]
    columns = fact_columns(facts, background)
    logs = [math.log(width) for width in facts["width"]]
    mean = sum(logs[:3]) / 3
    spread = math.sqrt(sum((log - mean) ** 2 for log in logs[:3]) / 3)
    expected = [(log - mean) / spread for log in logs]
    # height does not vary, so aspect is width; then bytes, and whether a file is jpeg, or png
    assert columns.shape == (4, 5)
    np.testing.assert_allclose(columns[:, 0], expected, atol=1e-12)
    np.testing.assert_allclose(columns[:, 1], expected, atol=1e-12)
    np.testing.assert_allclose(columns[:3].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(columns[:3].std(axis=0), 1)
    assert columns[3, 3:].tolist() == [columns[1, 3], columns[0, 4]]  # neither jpeg nor png


def test_where_only_bytes_vary_they_tell_of_the_picture_alone():
    facts = facts_of([100, 100, 200], ["png"] * 3)
    assert fact_columns(facts, [True, True, False]) is None
    assert fact_columns(facts, [True, False, True]).shape == (3, 3)
