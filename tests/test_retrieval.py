from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from visprof.retrieval import (
    mean_ap_difference_interval,
    mean_ap_interval,
    random_mean_ap,
    ranking_metrics,
)


def oracle(features, labels):
    """Table 1's measures by plain loops; tied items count at the end of their block."""
    n = len(labels)
    ap, precisions, recalls = np.full(n, np.nan), [], []
    for q in range(n):
        others = [i for i in range(n) if i != q]
        distance = np.array([np.sum((features[i] - features[q]) ** 2) for i in others])
        relevant = np.array([labels[i] == labels[q] for i in others])
        if not relevant.any():
            continue
        ap[q] = average_precision_score(relevant, -distance)
        end = np.array([np.sum(distance <= d) for d in distance])
        hits = [np.sum(relevant & (end <= k)) for k in range(1, n)]
        precisions.append(np.array(hits) / np.arange(1, n))
        recalls.append(np.array(hits) / relevant.sum())
    precision, recall = np.mean(precisions, axis=0), np.mean(recalls, axis=0)
    area = sum(p * (r - s) for p, r, s in zip(precision, recall, [0, *recall[:-1]], strict=True))
    return ap, precision, recall, area


def assert_matches_oracle(features, labels):
    got = ranking_metrics(features, labels)
    ap, precision, recall, area = oracle(np.asarray(features, float), labels)
    np.testing.assert_allclose(got.average_precision, ap, rtol=1e-12)
    np.testing.assert_allclose(got.precision, precision, rtol=1e-12)
    np.testing.assert_allclose(got.recall, recall, rtol=1e-12)
    assert got.pr_area == pytest.approx(area, rel=1e-12)
    assert got.mean_ap == pytest.approx(np.nanmean(ap), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 25),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 10_000),
    st.sampled_from(["continuous", "whole", "duplicates"]),
)
def test_equals_plain_loops_and_scikit_learn(n, d, n_classes, seed, kind):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    labels[:2] = 0
    features = rng.normal(size=(n, d))
    if kind == "whole":
        features = rng.integers(0, 3, size=(n, d)) + 100.0
    if kind == "duplicates":
        features = features[rng.integers(0, (n + 1) // 2, size=n)]
    assert_matches_oracle(features, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_whole_number_distances_tie_in_every_dtype(dtype):
    rng = np.random.default_rng(0)
    assert_matches_oracle(rng.integers(0, 2, size=(60, 6)).astype(dtype), np.arange(60) % 4)


def test_more_queries_than_fit_one_block(monkeypatch):
    monkeypatch.setattr("visprof.retrieval._BLOCK_BYTES", 8 * 40 * 7)
    rng = np.random.default_rng(1)
    assert_matches_oracle(rng.normal(size=(40, 3)), np.sort(rng.integers(5, size=40)))


def test_all_tied_features_do_not_depend_on_the_order_of_the_labels():
    labels = np.repeat(np.arange(4), 5)
    shuffled = np.random.default_rng(0).permutation(labels)
    tied = np.full((20, 3), 0.1, dtype=np.float32)
    expected = 4 / 19  # one block of 19 with 4 relevant
    np.testing.assert_allclose(ranking_metrics(tied, labels).average_precision, expected)
    np.testing.assert_allclose(ranking_metrics(tied, shuffled).average_precision, expected)


def test_row_order_does_not_matter():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 8))[rng.integers(0, 200, size=300)]
    labels = rng.integers(10, size=300)
    order = rng.permutation(300)
    plain, permuted = ranking_metrics(x, labels), ranking_metrics(x[order], labels[order])
    np.testing.assert_allclose(permuted.average_precision, plain.average_precision[order])
    assert permuted.pr_area == pytest.approx(plain.pr_area)


def test_far_from_the_origin_float32_keeps_its_ranking():
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=(200, 5)), 2).astype(np.float32)
    labels = rng.integers(5, size=200)
    offset = np.float32(2**12)
    moved = x + offset
    exact = (moved.astype(float) - float(offset)).astype(np.float32)
    np.testing.assert_allclose(
        ranking_metrics(moved, labels).mean_ap, ranking_metrics(exact, labels).mean_ap, rtol=1e-4
    )


@pytest.mark.parametrize("scale", [1e-22, 1e-17, 1e17])
def test_scale_does_not_matter(scale):
    rng = np.random.default_rng(8)
    labels = np.arange(40) % 3
    x = rng.normal(size=(40, 4)).astype(np.float32)
    scaled = ranking_metrics((x * np.float64(scale)).astype(np.float32), labels)
    assert 0.3 < scaled.mean_ap < 0.5
    if scale >= 1e-17:  # below, float32 squares vanish
        assert scaled.mean_ap == pytest.approx(ranking_metrics(x, labels).mean_ap, rel=1e-3)


def test_one_positive_far_away_does_not_spoil_the_others():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(60, 2))
    x[0] *= 1e6
    assert_matches_oracle(x, np.arange(60) % 3)


def test_perfect_embedding_and_lone_query():
    x = np.array([[0.0], [0.1], [5.0], [5.1], [99.0]])
    got = ranking_metrics(x, ["a", "a", "b", "b", "c"])
    np.testing.assert_array_equal(got.average_precision, [1, 1, 1, 1, np.nan])
    assert (got.mean_ap, got.pr_area, got.recall[0]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.ones((3, 2)), [0, 0], r"labels: expected shape \(3,\)"),
        (np.ones((3, 2)), [[0], [0], [1]], "labels"),
        (np.ones((3, 2)), [0, 1, 2], "no query has a relevant picture"),
        (np.ones(3), [0, 0, 1], "2D array"),
        (np.ones((1, 2)), [0], "minimum of 2"),
        ([[np.nan], [1.0]], [0, 0], "features contains NaN"),
        (np.float32([[1e30], [-1e30]]), [0, 0], "features: squared distances overflow float32"),
    ],
)
def test_bad_input_is_named(features, labels, message):
    with pytest.raises(ValueError, match=message):
        ranking_metrics(features, labels)


@pytest.mark.parametrize("labels", ["aabb", "aaab", "aabbb", "aaaaa", "aa", "aabc"])
def test_random_mean_ap_equals_full_enumeration(labels):
    expected = []
    for label in labels:
        n_relevant = labels.count(label) - 1
        if not n_relevant:
            continue
        scores = []
        for hits in itertools.combinations(range(1, len(labels)), n_relevant):
            scores.append(np.mean([(i + 1) / rank for i, rank in enumerate(hits)]))
        expected.append(np.mean(scores))
    assert random_mean_ap(list(labels)) == pytest.approx(np.mean(expected), rel=1e-12)


def test_random_mean_ap_equals_simulation():
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(30), [5, 10, 20] * 10)
    simulated = np.mean(
        [ranking_metrics(rng.normal(size=(len(labels), 50)), labels).mean_ap for _ in range(20)]
    )
    assert simulated == pytest.approx(random_mean_ap(labels), rel=0.03)
    with pytest.raises(ValueError, match="all different"):
        random_mean_ap([1, 2, 3])


def test_interval_is_a_bootstrap_of_whole_classes():
    labels = np.repeat([0, 1], [10, 10])
    ap = np.where(labels == 0, 0.2, 0.8)
    ap[0] = np.nan
    draws = [0.2, 0.8, (9 * 0.2 + 10 * 0.8) / 19]  # the only means two classes can give
    low, high = mean_ap_interval(ap, labels, n_resamples=500)
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))
    low, high = mean_ap_interval(ap, labels, level=0.01, n_resamples=500)
    assert low == high == pytest.approx(draws[2])


def test_interval_covers_the_population_mean_of_classes():
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(40), 5)
    covered = 0
    for trial in range(200):
        ap = np.repeat(rng.normal(0.5, 0.1, size=40), 5)
        low, high = mean_ap_interval(ap, labels, n_resamples=300, random_state=trial)
        covered += low <= 0.5 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_difference_is_paired():
    rng = np.random.default_rng(6)
    labels = np.repeat(np.arange(20), 5)
    a = np.repeat(rng.uniform(size=20), 5)
    difference, low, high = mean_ap_difference_interval(a, a - 0.002, labels)
    assert difference == pytest.approx(0.002)
    assert (low, high) == (pytest.approx(0.002), pytest.approx(0.002))
    assert mean_ap_interval(a, labels)[1] - mean_ap_interval(a, labels)[0] > 0.1


def test_same_seed_same_interval():
    rng = np.random.default_rng(7)
    ap, labels = rng.uniform(size=100), np.arange(100) % 20
    first = mean_ap_interval(ap, labels, random_state=3)
    assert first == mean_ap_interval(ap, labels, random_state=3)
    assert first != mean_ap_interval(ap, labels, random_state=4)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"level": 1.0}, "level"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"labels": [0, 0, 0, 0]}, "needs two"),
        ({"labels": [0, 1]}, "labels: expected shape"),
        ({"average_precision": np.ones((2, 2))}, "average_precision: expected shape"),
    ],
)
def test_bad_interval_input_is_named(kwargs, message):
    arguments = {"average_precision": [0.1, 0.2, 0.3, 0.4], "labels": [0, 0, 1, 1]} | kwargs
    with pytest.raises(ValueError, match=message):
        mean_ap_interval(**arguments)


def test_difference_needs_the_same_queries():
    with pytest.raises(ValueError, match="same queries"):
        mean_ap_difference_interval([0.1, np.nan], [0.1, 0.2], [0, 1])
