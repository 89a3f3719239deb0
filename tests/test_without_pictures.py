"""Steps of a study of simulated embeddings, which has no pictures."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from visprof.sources.vectors import simulate_embeddings
from visprof.study import Study


def computed(study, name, caplog):
    """Value of a step, and the names of those that were computed for it."""
    with caplog.at_level(logging.INFO, "visprof"):
        value = study[name]
    return value, {record.args[0] for record in caplog.records if "computed" in record.msg}


def test_a_world_that_is_not_drawn_needs_no_picture(tmp_path, caplog):
    study = Study("tiny", home=tmp_path, drawn=False, repeat_share=0.5)
    numbers, names = computed(study, "pair_numbers", caplog)
    assert not names & {"data_folder", "scene_features", "siamese_training"}
    assert numbers["pairs.differ"].n == 8 * 7 // 2
    split, embedding = study["board_split"], study["pin_embedding"].stacked()
    assert embedding.shape == (12 * 20, 410)
    rows = pd.concat([split.background["row"], split.analysed["row"]])
    assert sorted(rows) == list(range(240))
    world = simulate_embeddings(12, 20, repeat_share=0.5, random_state=0)
    np.testing.assert_array_equal(embedding, world.vectors[rows])
    clusters = study["near_duplicates"]
    assert len(clusters) == 240
    equal = (world.vectors[:, None] == world.vectors[None]).all(axis=2)
    np.testing.assert_array_equal(clusters[:, None] == clusters[None], equal)
    assert study["text_assignments"] is None


@pytest.mark.slow
def test_a_world_that_is_not_drawn_has_all_that_the_chapters_ask(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, repeat_share=0.1)
    assert study["pin_features"] is None
    assert study["palettes"] is None
    for kind in ("batch", "leakage", "gain", "taste"):
        assert study[f"{kind}_numbers"]
    assert not any(study["board_guesses"].rounds["images"].sum())
    assert not any(any(images) for images in study["side_by_side"].images)
    assert len(study["null_leakage"])
    truth = study["pin_truth"]
    assert list(truth) == ["scene", "style"]
    assert len(truth) == 12 * 20
