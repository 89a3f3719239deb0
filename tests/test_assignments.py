"""Steps: clusters of pins, by picture and by caption, and assignments to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import pin_arrays

from visprof import text
from visprof.steps import assignments as rooms
from visprof.steps.data import BoardSplit
from visprof.study import Study
from visprof.vocabulary import VisualVocabulary


def test_there_are_no_more_clusters_than_rows_that_differ():
    rows = np.repeat(np.eye(3), 5, axis=0)
    fitted = rooms.fit_vocabulary(VisualVocabulary(8, bandwidth=0.0, random_state=0), rows)
    assert fitted.n_clusters == 3
    centres = np.array(sorted(map(tuple, fitted.cluster_centers_.round(9))))
    np.testing.assert_allclose(centres, np.eye(3)[::-1], atol=1e-9)
    assert rooms.fit_vocabulary(VisualVocabulary(2, random_state=0), rows).n_clusters == 2


def test_another_interpretation_of_eq_2_needs_no_new_clusters(tmp_path):
    study, other = (
        Study("tiny", home=tmp_path, drawn=False, **changes)
        for changes in (
            {},
            {"bandwidth": 0.5, "sigma_over": "centres", "normalised_assignments": False},
        )
    )
    assert study.key("visual_vocabulary") == other.key("visual_vocabulary")
    assert study.key("assignments") != other.key("assignments")


def test_clusters_are_the_backgrounds_and_both_parts_are_assigned_to_them():
    rng = np.random.default_rng(0)
    pins = pin_arrays(rng.normal(size=(40, 3)), rng.normal(size=(25, 3)))
    words = rooms.visual_vocabulary(pins, n_clusters=4, start=2)
    expected = VisualVocabulary(4, bandwidth=0.3, random_state=2).fit(pins.background)
    np.testing.assert_array_equal(words.cluster_centers_, expected.cluster_centers_)
    found = rooms.assignments(
        pins, words, bandwidth=0.3, normalised_assignments=True, sigma_over="pairs"
    )
    np.testing.assert_array_equal(found.background, expected.transform(pins.background))
    np.testing.assert_array_equal(found.analysed, expected.transform(pins.analysed))


def test_settings_are_those_of_the_study_before_it_has_seen_a_picture():
    words = rooms.vocabulary_settings(7, 0.5, False, "centres", seed=3)
    assert words.get_params() == {
        **VisualVocabulary(7).get_params(), "bandwidth": 0.5, "normalised_assignments": False,
        "sigma_over": "centres", "random_state": 3,
    }  # fmt: skip
    assert not hasattr(words, "cluster_centers_")


def captions(*said):
    return pd.DataFrame({"caption": said})


def test_words_are_learnt_from_the_backgrounds_captions():
    split = BoardSplit(
        captions("sea and sand", "sea and sky", "red sand"), captions("sea", "sand"), pd.DataFrame()
    )
    found = rooms.text_embedding(split, text_size=4, text_epochs=3, start=1)
    background = split.background["caption"].to_numpy()
    model = text.ParagraphVectors(4, epochs=3, random_state=1).fit(background)
    both = model.transform(np.array([*background, "sea", "sand"], dtype=object))
    np.testing.assert_array_equal(found.stacked(), both)
    assert (len(found.background), len(found.analysed)) == (3, 2)


def test_captions_without_a_common_word_give_no_text_profile(caplog):
    split = BoardSplit(captions("1", "2"), captions("3"), pd.DataFrame())
    assert rooms.text_embedding(split, text_size=4, text_epochs=3, start=1) is None
    assert "no word is seen twice" in caplog.text
    assert rooms.text_assignments(None, 5, 0.1, True, "pairs", 0) is None


def test_the_spread_of_assignments_is_that_of_the_analysed_pins():
    background = np.full((3, 4), 0.25)
    hard = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]], float)
    assert rooms.assignment_spread(pin_arrays(background, hard)) == {"entropy": 0, "empty": 2}
    uniform = rooms.assignment_spread(pin_arrays(background, np.full((2, 4), 0.25)))
    assert uniform["entropy"] == pytest.approx(1)
    # without normalisation only shares count, and a pin far from all clusters has none
    plain = np.array([[0.2, 0.2, 0, 0], [0, 0, 0, 0], [0, 0, 0.1, 0.3]])
    shares = np.array([0.25, 0.75])
    expected = (np.log(2) - (shares * np.log(shares)).sum()) / 2 / np.log(4)
    found = rooms.assignment_spread(pin_arrays(background, plain))
    assert found["entropy"] == pytest.approx(expected)
    numbers = rooms.assignment_numbers(
        [{"entropy": 0.5, "empty": 1}, {"entropy": 1, "empty": 2}], 4
    )
    assert numbers["assignments.entropy"].value == 0.75
    assert (numbers["assignments.empty"].value, numbers["assignments.empty"].n) == (1.5, 4)
