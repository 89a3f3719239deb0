"""Steps of chapter 3: embeddings of scenes, and how well each finds the same scene."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from visprof.study import Study


def test_example_queries_go_from_best_to_worst(tiny):
    table, split = tiny["example_queries"], tiny["scene_split"]
    scores = tiny["scene_ranking"]["hybrid"].average_precision
    assert table["average_precision"].is_monotonic_decreasing
    assert table["average_precision"].iloc[0] == scores.max()
    labels = split.test["label"].to_numpy()
    assert len({labels[query] for query in table["query"]}) == len(table) == 4
    assert all(query not in near for query, near in table[["query", "neighbours"]].to_numpy())


def test_table_1_has_both_readings_with_intervals(tiny):
    numbers = tiny["map_numbers"]
    for key, number in numbers.items():
        exact = key.startswith("map.random")
        assert (number.low is None) == exact, key
    for reading in ("", ".area"):
        difference = numbers[f"map.cnn-bow{reading}"]
        assert difference.value == pytest.approx(
            numbers[f"map.cnn{reading}"].value - numbers[f"map.bow{reading}"].value
        )
        shifted = numbers[f"map.bow-random{reading}"]
        bow, random = (numbers[f"map.{method}{reading}"] for method in ("bow", "random"))
        assert shifted.low == pytest.approx(bow.low - random.value)


def test_class_by_class_are_means_over_the_queries_of_a_class(tiny):
    table, labels = tiny["class_mean_ap"], tiny["scene_split"].test["label"].to_numpy()
    assert table.index.tolist() == sorted(set(labels))
    for method, ranking in tiny["scene_ranking"].items():
        for label in table.index:
            own = np.nanmean(ranking.average_precision[labels == label])
            assert table.loc[label, method] == pytest.approx(own)


def test_network_check_is_left_out_where_the_network_knows_no_class(tiny):
    assert tiny["network_numbers"] == {}  # ImageNet has no class named after a simulated scene


def test_network_check_counts_the_class_of_the_same_name(tiny, home, tmp_path):
    known = Study("tiny", home=home)["network"].load().classes
    data = tmp_path / "data"
    (data / "boards").mkdir(parents=True)
    for name in (known[0], "no such class"):
        folder = tiny["data_folder"] / "scenes" / "coast"
        shutil.copytree(folder, data / "scenes" / name)
    check = Study("tiny", home=home, data=str(data))["network_numbers"]["network.top5"]
    assert check.n == 6
    assert 0 <= check.low <= check.value <= check.high <= 1


@pytest.mark.slow
def test_training_beats_the_start_on_unseen_scenes(tmp_path):
    study = Study("tiny", home=tmp_path, scenes_per_class=16, n_similar=20, n_dissimilar=20,
                  n_outputs=64, n_iterations=300)  # fmt: skip
    assert study["map_numbers"]["map.siamese-untrained"].low > 0
