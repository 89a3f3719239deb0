"""Steps: what profiles are means of, of every pin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pin_tables import N_BACKGROUND, NOT_WITHOUT_PICTURES, random_parts
from sklearn.linear_model import LinearRegression

from visprof.profiles import whiten
from visprof.steps.data import BoardSplit
from visprof.steps.pin_parts import file_facts, pin_parts, whitened


@pytest.fixture
def parts():
    return random_parts()


def test_each_part_is_of_the_analysed_pins(parts):
    found = pin_parts(**parts)
    outputs = parts["pin_features"].outputs
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["labels"], shares[N_BACKGROUND:])
    for part, name in (
        ("image", "assignments"), ("text", "text_assignments"), ("embedding", "pin_embedding"),
        ("whitened", "whitened"), ("facts", "file_facts"),
    ):  # fmt: skip
        np.testing.assert_array_equal(found[part], parts[name].analysed)
    np.testing.assert_array_equal(found["palette"], parts["palettes"])


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("image less facts", "assignments"),
        ("embedding less facts", "pin_embedding"),
        ("whitened less facts", "whitened"),
    ],
)
def test_facts_are_regressed_out_by_a_fit_to_the_background(parts, part, name):
    facts, values = parts["file_facts"], parts[name]
    fit = LinearRegression().fit(facts.background, values.background)
    expected = values.analysed - fit.predict(facts.analysed)
    np.testing.assert_allclose(pin_parts(**parts)[part], expected, atol=1e-12)


def test_what_the_data_do_not_give_is_no_part(parts):
    parts |= dict.fromkeys(NOT_WITHOUT_PICTURES)
    assert list(pin_parts(**parts)) == ["image", "embedding", "whitened"]


def test_facts_are_of_the_files_of_all_pins_the_backgrounds_first(tmp_path):
    for name, size in {"a": (20, 10), "b": (10, 10), "c": (40, 10)}.items():
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    background, analysed = (
        pd.DataFrame({"image": [str(tmp_path / f"{name}.png") for name in names]})
        for names in ("ab", "c")
    )
    facts = file_facts(BoardSplit(background, analysed, pd.DataFrame()))
    # width and aspect are 20 and 10 pixels in the background: one above the mean, one below
    np.testing.assert_allclose(facts.background[:, :2], [[1, 1], [-1, -1]])
    np.testing.assert_allclose(facts.analysed[:, :2], [[3, 3]])
    alike = BoardSplit(background[:1], background[:1], pd.DataFrame())
    assert file_facts(alike) is None


def test_all_pins_are_whitened_by_the_background(parts):
    embedded = parts["pin_embedding"]
    found = whitened(embedded, parts["board_split"], n_components=2)
    np.testing.assert_allclose(found.background.var(axis=0), 1)
    expected = whiten(embedded.analysed, embedded.background, 2)
    np.testing.assert_allclose(found.analysed, expected)
