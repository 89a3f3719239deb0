"""Table 1: both readings by class, joined halves, differences, intervals over classes and seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_array

from visprof.intervals import jackknife_over_seeds
from visprof.probes import label_embeddings
from visprof.results.trainings import write_training
from visprof.retrieval import RankingMetrics, random_mean_ap, random_pr_area, ranking_metrics
from visprof.scene_table import (
    Readings,
    class_readings,
    joined_readings,
    random_values,
    rank_embeddings,
    table_one,
    table_values,
    with_hybrids,
)


@pytest.fixture
def scenes():
    """Six classes of ten in 8 dimensions, of which two tell them apart."""
    rng = np.random.default_rng(0)
    labels = np.repeat([*"abcdef"], 10)
    angle = np.repeat(np.arange(6), 10) * np.pi / 3
    x = rng.normal(size=(60, 8)) * np.r_[0.3, 0.3, np.full(6, 2.0)]
    x[:, 0] += np.cos(angle)
    x[:, 1] += np.sin(angle)
    return x, labels


def ranking_of(ap_of_class, labels):
    """Rankings whose queries all have their class's average precision."""
    ap, sizes = np.asarray(ap_of_class)[labels], np.bincount(labels)
    n = len(labels)
    hits = np.zeros((len(sizes), n - 1), dtype=int)
    hits[:, 0] = sizes * (sizes - 1)
    nan = np.full(n - 1, np.nan)
    return RankingMetrics(ap, ap.mean(), nan, nan, np.nan, sizes, csr_array(hits))


@pytest.mark.parametrize("lone", [0, 3])
def test_readings_without_a_class_are_those_of_the_other_queries(lone):
    rng = np.random.default_rng(12)
    sizes = [2, 5, 9, 4] + [1] * lone
    labels = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(labels), 3)) + labels[:, None] / 3
    got = ranking_metrics(x, labels)
    found = class_readings(got, labels)
    assert found.values == pytest.approx([got.mean_ap, got.pr_area])
    assert found.classes.tolist() == [0, 1, 2, 3]
    assert found.sizes.tolist() == sizes[:4]
    curves = []
    for q in np.flatnonzero(np.isin(labels, range(4))):
        others = np.delete(np.arange(len(labels)), q)
        order = others[np.argsort(((x[others] - x[q]) ** 2).sum(axis=1))]
        hits = np.cumsum(labels[order] == labels[q])
        curves.append((labels[q], hits / np.arange(1, len(labels)), hits / hits[-1]))
    for without in range(4):
        rest = [curve for curve in curves if curve[0] != without]
        ap = got.average_precision[(labels != without) & (labels < 4)].mean()
        precision, recall = (np.mean([curve[i] for curve in rest], axis=0) for i in (1, 2))
        area = precision @ np.diff(recall, prepend=0.0)
        assert found.left_out[without] == pytest.approx([ap, area])


def test_differences_of_readings_are_paired():
    rng = np.random.default_rng(6)
    labels = np.repeat(np.arange(20), 5)
    ap = rng.uniform(0.1, 0.9, size=20)
    a, b = (class_readings(ranking_of(of, labels), labels) for of in (ap, ap - 0.002))
    for less in (a - b, a - (a - b).values):
        assert less.classes.tolist() == list(range(20))
    np.testing.assert_allclose((a - b).left_out[:, 0], 0.002)
    np.testing.assert_allclose((a - np.array([0.5, 0])).values[0], a.values[0] - 0.5)
    np.testing.assert_allclose((a - np.array([0.5, 0])).left_out[:, 0], a.left_out[:, 0] - 0.5)


def test_readings_of_two_rankings_are_joined_by_their_queries():
    rng = np.random.default_rng(3)
    parts = []
    for classes, sizes in ((["d", "a"], [3, 4]), (["c", "b", "e"], [2, 5, 3])):
        labels = np.repeat(classes, sizes)
        ranking = ranking_metrics(rng.normal(size=(len(labels), 2)), labels)
        parts.append((labels, ranking, class_readings(ranking, labels)))
    joined = joined_readings([readings for *_, readings in parts])
    assert joined.classes.tolist() == list("abcde")
    assert joined.sizes.tolist() == [4, 5, 2, 3, 3]
    labels = np.concatenate([labels for labels, *_ in parts])
    ap = np.concatenate([ranking.average_precision for _, ranking, _ in parts])
    assert joined.values[0] == pytest.approx(ap.mean())
    areas = [(len(labels), ranking.pr_area) for labels, ranking, _ in parts]
    assert joined.values[1] == pytest.approx(sum(n * area for n, area in areas) / 17)
    for place, name in enumerate("abcde"):
        assert joined.left_out[place, 0] == pytest.approx(ap[labels != name].mean())
    assert joined.left_out[0, 1] == pytest.approx(
        (3 * parts[0][2].left_out[0, 1] + 10 * areas[1][1]) / 13  # a is the first of its ranking
    )
    with pytest.raises(ValueError, match="class 'a' is in two"):
        joined_readings([parts[0][2], parts[0][2]])
    with pytest.raises(ValueError, match="at least one ranking"):
        joined_readings([])


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 0, 1, 2], "needs two"), ([0, 0, 1, 1, 1], r"labels: expected shape \(4,\)")],
)
def test_labels_that_give_no_readings_are_named(labels, message):
    ranking = ranking_metrics(np.arange(4.0)[:, None], labels[:4])
    with pytest.raises(ValueError, match=message):
        class_readings(ranking, labels)


def test_readings_are_kept_as_json(scenes):
    x, labels = scenes
    readings = class_readings(ranking_metrics(x, labels), labels)
    again = Readings.read(json.loads(json.dumps(readings.record())))
    for name in ("values", "left_out", "classes", "sizes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(readings, name))


def test_labels_make_an_embedding(scenes):
    x, labels = scenes
    train, test = np.arange(60) % 2 == 0, np.arange(60) % 2 == 1
    learnt = label_embeddings(x[train], labels[train], x[test])
    ranked = rank_embeddings({"plain": x[test], **learnt}, labels[test])
    for name in learnt:
        assert ranked[name].values[0] > ranked["plain"].values[0] + 0.1


def test_table(scenes):
    x, labels = scenes
    blocks = with_hybrids(x[:, 2:], x[:, :2])
    assert blocks["hybrid"].shape == (60, 8)
    ranked = {name: [of] for name, of in rank_embeddings(blocks, labels).items()}
    random = random_values(labels)
    assert random.tolist() == [random_mean_ap(labels), random_pr_area(labels)]
    table = table_one(ranked, random, [("siamese", "cnn"), ("siamese", "random")])
    row = table["siamese-cnn"]["mean_ap"]
    assert 0 < row.low < row.value < row.high
    assert (row.n, row.unit) == (6, "classes")
    assert row.value == pytest.approx(
        table["siamese"]["mean_ap"].value - table["cnn"]["mean_ap"].value
    )
    assert table["siamese-random"]["pr_area"].low > 0
    values = json.loads(json.dumps(table_values(table)))
    assert values["random"]["mean_ap"] == {"value": random[0]}
    assert {*values["cnn"]["pr_area"]} == {"value", "low", "high"}
    with pytest.raises(ValueError, match="no method is named 'sift'"):
        table_one(ranked, random, [("sift", "cnn")])


def test_intervals_of_a_table_cover_seeds(scenes):
    x, labels = scenes
    rng = np.random.default_rng(1)
    seeds = [
        rank_embeddings({"noisy": x + rng.normal(size=x.shape)}, labels)["noisy"] for _ in range(3)
    ]
    found = table_one({"noisy": seeds}, random_values(labels))["noisy"]["pr_area"]
    expected = jackknife_over_seeds(
        [of.values[1] for of in seeds], np.column_stack([of.left_out[:, 1] for of in seeds])
    )
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)
    assert found.sd_seeds > 0


def test_a_training_is_kept(tmp_path):
    path = write_training("tiny-1", {"log": {"loss": [1.0, float("nan")]}, "hours": 2}, tmp_path)
    kept = json.loads(path.read_text())
    assert kept["log"] == {"loss": [1.0, None]}
    assert kept["run"]["python"]
    assert json.loads(write_training("b", {"run": "there"}, tmp_path).read_text()) == {
        "run": "there"
    }
    with pytest.raises(ValueError, match="use small letters, digits and hyphens"):
        write_training("../x", {}, tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_training("c", {"loss": float("inf")}, tmp_path)
