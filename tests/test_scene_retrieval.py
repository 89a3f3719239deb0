"""Steps of chapter 3: embeddings of scenes, and how well each finds the same scene."""

from __future__ import annotations

import inspect
import shutil

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from visprof.steps.data import SceneSplit
from visprof.steps.scene_retrieval import held_out_retrieval, scene_descriptors
from visprof.study import STEPS, Study


@pytest.mark.slow
def test_example_queries_go_from_best_to_worst(tiny):
    table, split = tiny["example_queries"], tiny["scene_split"]
    scores = tiny["scene_ranking"]["hybrid"].average_precision
    assert table["average_precision"].is_monotonic_decreasing
    assert table["average_precision"].iloc[0] == scores.max()
    labels = split.test["label"].to_numpy()
    assert len({labels[query] for query in table["query"]}) == len(table) == 4
    assert all(query not in near for query, near in table[["query", "neighbours"]].to_numpy())


@pytest.mark.slow
def test_table_1_has_both_readings_with_intervals(tiny):
    numbers = tiny["map_numbers"]
    for key, number in numbers.items():
        exact = key.endswith(("random", "random.area", "cnn_share")) and "-" not in key
        assert (number.low is None) == exact, key
    for reading in ("", ".area"):
        difference = numbers[f"map.cnn-bow{reading}"]
        assert difference.value == pytest.approx(
            numbers[f"map.cnn{reading}"].value - numbers[f"map.bow{reading}"].value
        )
        shifted = numbers[f"map.bow-random{reading}"]
        bow, random = (numbers[f"map.{method}{reading}"] for method in ("bow", "random"))
        assert shifted.low == pytest.approx(bow.low - random.value)


@pytest.mark.slow
def test_class_by_class_are_means_over_the_queries_of_a_class(tiny):
    table, labels = tiny["class_mean_ap"], tiny["scene_split"].test["label"].to_numpy()
    assert table.index.tolist() == sorted(set(labels))
    for method, ranking in tiny["scene_ranking"].items():
        for label in table.index:
            own = np.nanmean(ranking.average_precision[labels == label])
            assert table.loc[label, method] == pytest.approx(own)


@pytest.mark.slow
def test_network_check_is_left_out_where_the_network_knows_no_class(tiny):
    assert tiny["network_numbers"] == {}  # ImageNet has no class named after a simulated scene


@pytest.mark.slow
def test_held_out_classes_and_probes_stand_beside_table_1(tiny):
    numbers = tiny["map_numbers"]
    splits = tiny["held_out_retrieval"]
    assert len(splits) == tiny.n_class_splits == 2
    classes = sorted(set(tiny["scene_split"].test["label"]))
    for split in splits:
        assert all(of.classes.tolist() == classes for of in split.readings.values())
    for reading, end in enumerate(("", ".area")):
        key = f"map.heldout.hybrid-cnn{end}"
        both = [of.readings["hybrid"].values - of.readings["cnn"].values for of in splits]
        assert numbers[key].value == pytest.approx(np.mean(both, axis=0)[reading])
        assert len(numbers[key].by_seed) == 2
        assert numbers[f"map.heldout.random{end}"].low is None
        assert numbers[f"map.heldout.random{end}"].value > numbers[f"map.random{end}"].value
        for method in ("probe", "lda", "heldout.scaled", "heldout.siamese"):
            found = numbers[f"map.{method}{end}"]
            assert found.low < found.value < found.high
            assert (found.n, found.unit) == (len(classes), "classes")
        assert numbers[f"map.hybrid-probe{end}"].value == pytest.approx(
            numbers[f"map.hybrid{end}"].value - numbers[f"map.probe{end}"].value
        )


@pytest.mark.slow
def test_training_on_a_half_sees_no_picture_of_the_other(tiny, monkeypatch):
    seen = []

    def train(model, features, pairs, similar, **settings):
        seen.append((set(labels[np.unique(pairs)]), np.unique(pairs).max()))

    split = tiny["scene_split"]
    labels = np.array([*split.train["label"], *split.test["label"]])
    monkeypatch.setattr("visprof.steps.scene_retrieval.train_last_layer", train)
    names = inspect.signature(held_out_retrieval).parameters
    found = held_out_retrieval(
        **{of: tiny[of] if of in STEPS else getattr(tiny, of) for of in names}
    )
    assert len(seen) == 4
    assert all(last < len(split.train) for _, last in seen)
    for (one, _), (other, _) in zip(seen[::2], seen[1::2], strict=True):
        assert not one & other
        assert len(one) == len(other) == 10
    assert len(found) == 2


@pytest.mark.slow
def test_three_classes_are_too_few_for_halves(tiny):
    split = tiny["scene_split"]
    few = sorted(set(split.train["label"]))[:3]
    kept = [part[part["label"].isin(few)] for part in (split.train, split.test)]
    given = {of: getattr(tiny, of, None) for of in inspect.signature(held_out_retrieval).parameters}
    assert held_out_retrieval(**given | {"scene_split": SceneSplit(*kept)}) == []


@pytest.mark.slow
def test_words_are_learnt_from_scenes_of_all_classes(tiny, monkeypatch):
    split = tiny["scene_split"]
    assert len(tiny["scene_descriptors"]) == len(split.train) + len(split.test)
    monkeypatch.setattr("visprof.steps.scene_retrieval.MOST_WORD_SCENES", 20)
    monkeypatch.setattr("visprof.bow.sift_descriptors", list)
    found = scene_descriptors(split)
    assert found[20:] == split.test["image"].to_list()
    labels = split.train.set_index("image")["label"]
    assert sorted(labels[found[:20]]) == sorted(set(labels))


@pytest.mark.slow
def test_the_share_of_the_cnn_is_that_of_squared_distances(tiny):
    embedded, scores = tiny["scene_embeddings"], tiny["scene_scores"]
    squared = [pdist(embedded[of], "sqeuclidean").mean() for of in ("cnn", "hybrid")]
    assert scores.cnn_share == pytest.approx(squared[0] / squared[1])


@pytest.mark.slow
def test_network_check_counts_the_class_of_the_same_name(tiny, home, tmp_path):
    known = Study("tiny", home=home)["network"].load().classes
    data = tmp_path / "data"
    (data / "boards").mkdir(parents=True)
    for name in (known[0].replace("/", "-"), "no such class"):
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
