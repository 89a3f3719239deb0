from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from visprof.retrieval import (
    held_out_classes,
    random_mean_ap,
    random_pr_area,
    ranking_metrics,
)


def without_rounding(distance):
    """Distances, in which a run of near ones has one value: its first."""
    order = np.argsort(distance)
    for before, after in itertools.pairwise(order):
        if distance[after] <= distance[before] * (1 + 1e-9):
            distance[after] = distance[before]
    return distance


def oracle(features, labels):
    """Table 1's measures by plain loops; tied items count at the end of their block."""
    n = len(labels)
    ap, precisions, recalls = np.full(n, np.nan), [], []
    for q in range(n):
        others = [i for i in range(n) if i != q]
        distance = np.array([np.sum((features[i] - features[q]) ** 2) for i in others])
        distance = without_rounding(distance)
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


@pytest.mark.parametrize("scale", [1e-35, 1e-25, 1e-22, 1e-17, 1e17, 1e30, 1e37])
def test_scale_does_not_matter(scale):
    rng = np.random.default_rng(8)
    labels = np.arange(40) % 3
    x = rng.normal(size=(40, 4)).astype(np.float32)
    scaled = ranking_metrics((x * np.float64(scale)).astype(np.float32), labels)
    assert scaled.mean_ap == pytest.approx(ranking_metrics(x, labels).mean_ap, rel=1e-3)


def test_one_positive_far_away_does_not_spoil_the_others():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(60, 2))
    x[0] *= 1e6
    assert_matches_oracle(x, np.arange(60) % 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_groups", [2, 5])
@pytest.mark.parametrize("distance", [1e2, 1e3, 1e4, 1e6])
def test_groups_far_apart_keep_the_order_within(dtype, n_groups, distance):
    rng = np.random.default_rng(10)
    labels, group = np.arange(60) % 3, np.repeat(np.arange(n_groups), 60 // n_groups)
    x = rng.normal(size=(60, 6)) + labels[:, None] / 2
    x = (x + distance * rng.normal(size=(n_groups, 6))[group]).astype(dtype)
    got = ranking_metrics(x, labels)
    expected, *_ = oracle(x.astype(float), labels)
    np.testing.assert_allclose(got.average_precision, expected, atol=2e-3)
    assert got.mean_ap == pytest.approx(np.mean(expected), abs=5e-5)


def test_groups_too_far_apart_for_squares_in_double_precision():
    rng = np.random.default_rng(15)
    near = rng.integers(-9, 10, size=(40, 4)) / 8
    x = np.concatenate([near, near + 2.0**40])
    labels = np.tile(np.arange(40) % 4, 2)
    labels[40:] += 4
    ap, *_ = oracle(near, labels[:40])
    whole = ranking_metrics(x, labels).average_precision
    np.testing.assert_allclose(whole, np.tile(ap, 2), rtol=1e-12)


@pytest.mark.parametrize("power", [-1050, -600, -520, -30])
def test_rows_whose_squared_distances_vanish_are_ranked(power):
    rng = np.random.default_rng(16)
    near = rng.integers(1, 2**10, size=(30, 3)).astype(float)
    labels = np.append(np.arange(30) % 3, [0])
    x = np.append(np.ldexp(near, power), [[1.0, 0, 0]], axis=0)
    got = ranking_metrics(x, labels).average_precision
    expected = ranking_metrics(np.append(near, [[1e9, 0, 0]], axis=0), labels)
    np.testing.assert_allclose(got[:30], expected.average_precision[:30], rtol=1e-12)


def test_rows_that_differ_by_less_than_centring_keeps_are_not_copies():
    near = np.float32([[1, 0], [1 + 2**-20, 0], [1 + 2**-22, 0], [1 + 2**-18, 0]])
    x = np.append(near, np.float32([[9000, 0], [9001, 1], [9002, 3], [9003, 6]]), axis=0)
    labels = [0, 1, 0, 1, 2, 2, 3, 3]
    ap, *_ = oracle(x.astype(float), labels)
    np.testing.assert_array_equal(ranking_metrics(x, labels).average_precision, ap)
    assert ap[0] == 1


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
        ([[1e300], [1e-300]], [0, 0], "features: magnitudes from 1e-300 to 1e.300 are too far"),
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


def test_class_means_and_hits_are_those_of_the_queries():
    rng = np.random.default_rng(11)
    labels = np.repeat(["lone", "few", "many"], [1, 3, 12])
    x = rng.normal(size=(16, 3))
    got = ranking_metrics(x, labels)
    np.testing.assert_array_equal(got.class_sizes, [3, 1, 12])  # sorted: few, lone, many
    expected = [np.mean(got.average_precision[labels == c]) for c in ("few", "lone", "many")]
    np.testing.assert_allclose(got.class_mean_ap(labels), expected)
    hits = got.class_hits.toarray()
    np.testing.assert_array_equal(hits.sum(axis=1), [3 * 2, 0, 12 * 11])
    np.testing.assert_allclose(np.cumsum(hits.sum(axis=0)) / np.arange(1, 16) / 15, got.precision)


def test_labels_of_other_classes_have_no_means():
    ranking = ranking_metrics(np.arange(4.0)[:, None], [0, 0, 1, 1])
    for labels in ([0, 0, 0, 1], [0, 0, 1, 2]):
        with pytest.raises(ValueError, match="labels: expected those that the pictures were"):
            ranking.class_mean_ap(labels)


def test_shuffled_labels_give_the_analytic_random_values():
    rng = np.random.default_rng(14)
    labels = rng.permutation(np.repeat(np.arange(41), 20))
    got = ranking_metrics(rng.normal(size=(820, 12)), labels)
    assert got.mean_ap == pytest.approx(random_mean_ap(labels), rel=0.02)
    assert got.pr_area == pytest.approx(random_pr_area(labels), rel=0.02)


def test_random_values_at_the_papers_sizes():
    labels = np.repeat(np.arange(205), 100)
    assert round(random_mean_ap(labels), 4) == 0.0053
    assert random_pr_area(labels) == pytest.approx(99 / 20_499)  # 0.0048; the paper prints 0.005


@pytest.mark.parametrize("n_classes", [2, 3, 8, 9])
def test_classes_are_parted_in_halves(n_classes):
    labels = np.random.default_rng(0).permutation(np.arange(40) % n_classes)
    found = [held_out_classes(labels, seed) for seed in range(9)]
    for learned, held_out in found:
        np.testing.assert_array_equal(learned, ~held_out)
        assert not set(labels[learned]) & set(labels[held_out])
        assert len(set(labels[held_out])) == n_classes // 2
    assert len({held_out.tobytes() for _, held_out in found}) > 1
    again = held_out_classes([f"class {label}" for label in labels], 3)
    np.testing.assert_array_equal(again, found[3])


def test_every_class_is_held_out_equally_often():
    times = sum(held_out_classes(np.arange(6), seed)[1] for seed in range(400))
    assert np.all(np.abs(times - 200) < 5 * np.sqrt(400 / 4))


def test_one_class_cannot_be_parted():
    with pytest.raises(ValueError, match="labels: expected at least 2 classes to part, got 1"):
        held_out_classes(["sea", "sea"], 0)
