"""Table 1 with intervals over classes: folds, differences, probe and discriminants."""

from __future__ import annotations

import json

import numpy as np
import pytest

from visprof.intervals import jackknife_interval
from visprof.results.trainings import write_training
from visprof.retrieval import metrics_without_classes, ranking_metrics
from visprof.scene_table import (
    discriminants,
    linear_probe,
    mean_of_folds,
    rank_embeddings,
    table_one,
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


def test_without_a_class_its_queries_do_not_count(scenes):
    x, labels = scenes
    ranking = ranking_metrics(x, labels)
    mean_ap, pr_area = metrics_without_classes(ranking, labels)
    others = labels != "b"
    assert mean_ap[1] == pytest.approx(ranking.average_precision[others].mean())
    assert pr_area.shape == (6,)
    # nothing but the queries changes: of six equal classes the mean is the whole
    assert mean_ap.mean() == pytest.approx(ranking.mean_ap)


def test_a_mean_has_the_t_interval():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    without = (values.sum() - values) / 3
    low, high = jackknife_interval(values.mean(), without)
    arm = 3.182446 * values.std(ddof=1) / 2  # t of 3 degrees of freedom
    assert (low, high) == pytest.approx((4 - arm, 4 + arm))


def test_the_interval_covers_over_few_classes():
    """Percentile intervals of means of eight cover some 88 %, these as they promise."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(2000, 8))
    covered = 0
    for values in samples:
        low, high = jackknife_interval(values.mean(), (values.sum() - values) / 7)
        covered += low <= 0 <= high
    assert 0.935 < covered / len(samples) < 0.965


@pytest.mark.parametrize(
    ("without", "message"), [([1.0], "at least 2 units, got 1"), ([1.0, np.nan], "without")]
)
def test_no_interval(without, message):
    with pytest.raises(ValueError, match=message):
        jackknife_interval(1.0, without)


def test_labels_make_an_embedding(scenes):
    x, labels = scenes
    train, test = np.arange(60) % 2 == 0, np.arange(60) % 2 == 1
    learnt = {
        "probe": linear_probe(x[train], labels[train], x[test]),
        "discriminants": discriminants(x[train], labels[train], x[test]),
    }
    assert learnt["probe"].shape == (30, 6)
    assert learnt["discriminants"].shape == (30, 5)
    ranked = rank_embeddings({"plain": x[test], **learnt}, labels[test])
    for name in learnt:
        assert ranked[name]["mean_ap"]["value"] > ranked["plain"]["mean_ap"]["value"] + 0.1


def test_two_classes_have_one_logit():
    x, labels = np.eye(6), [*"aaabbb"]
    assert linear_probe(x, labels, x).shape == (6, 1)


def test_table(scenes):
    x, labels = scenes
    blocks = with_hybrids(x[:, 2:], x[:, :2])
    assert blocks["hybrid"].shape == (60, 8)
    ranked = json.loads(json.dumps(rank_embeddings(blocks, labels)))  # as it is kept
    table = table_one(ranked, [("siamese", "cnn"), ("siamese", "random")])
    row = table["siamese-cnn"]["mean_ap"]
    assert 0 < row["low"] < row["value"] < row["high"]
    assert row["value"] == table["siamese"]["mean_ap"]["value"] - table["cnn"]["mean_ap"]["value"]
    assert table["siamese-random"]["pr_area"]["low"] > 0
    assert {*table["random"]["mean_ap"]} == {"value"}
    with pytest.raises(ValueError, match="no embedding is named 'sift'"):
        table_one(ranked, [("sift", "cnn")])


def test_mean_of_folds(scenes):
    x, labels = scenes
    halves = [np.isin(labels, [*of]) for of in ("abc", "def")]
    folds = [rank_embeddings({"plain": x[half]}, labels[half]) for half in halves]
    mean = mean_of_folds(folds)["plain"]["mean_ap"]
    first, second = (fold["plain"]["mean_ap"] for fold in folds)
    assert mean["value"] == pytest.approx((first["value"] + second["value"]) / 2)
    assert [*mean["without"]] == [*"abcdef"]
    assert mean["without"]["b"] == pytest.approx((first["without"]["b"] + second["value"]) / 2)
    with pytest.raises(ValueError, match="all with the same embeddings"):
        mean_of_folds([folds[0], {}])
    with pytest.raises(ValueError, match="at least one"):
        mean_of_folds([])


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
