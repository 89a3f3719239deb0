from __future__ import annotations

import re
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from sklearn.utils.estimator_checks import parametrize_with_checks

from visprof.vocabulary import (
    UniformAssignmentWarning,
    VisualVocabulary,
    assignment_entropy,
    count_distinct,
    match_clusters,
    nearest_first,
)


@parametrize_with_checks([VisualVocabulary(n_clusters=3, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).normal(size=(120, 6)) + 3.0


def test_sigma2_is_the_mean_squared_distance_between_pairs(pictures):
    vocabulary = VisualVocabulary(n_clusters=4, random_state=0).fit(pictures)
    assert vocabulary.sigma2_ == pytest.approx(pdist(pictures, "sqeuclidean").mean())


@pytest.mark.parametrize("bandwidth", [0.05, 1.0, 20.0])
def test_transform_equals_equation_2_by_plain_loops(pictures, bandwidth, monkeypatch):
    monkeypatch.setattr("visprof.vocabulary._BLOCK_BYTES", 8 * 5 * 7)  # 7 rows a block
    vocabulary = VisualVocabulary(n_clusters=5, bandwidth=bandwidth, random_state=0)
    words = vocabulary.fit_transform(pictures)
    for row, picture in zip(words, pictures, strict=True):
        weight = [
            np.exp(-np.sum((picture - centre) ** 2) / (bandwidth * vocabulary.sigma2_))
            for centre in vocabulary.cluster_centers_
        ]
        np.testing.assert_allclose(row, np.array(weight) / sum(weight), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unnormalised_assignments_are_the_plain_exponentials(pictures, dtype):
    plain = VisualVocabulary(
        n_clusters=5, bandwidth=0.3, normalised_assignments=False, random_state=0
    )
    weights = plain.fit_transform(pictures.astype(dtype))
    distance = cdist(pictures, plain.cluster_centers_, "sqeuclidean")
    np.testing.assert_allclose(weights, np.exp(-distance / (0.3 * plain.sigma2_)), rtol=1e-4)
    shares = VisualVocabulary(n_clusters=5, bandwidth=0.3, random_state=0).fit_transform(pictures)
    np.testing.assert_allclose(weights / weights.sum(axis=1, keepdims=True), shares, rtol=1e-4)


def test_a_picture_at_a_centre_counts_as_one_at_most(pictures):
    plain = VisualVocabulary(
        n_clusters=5, bandwidth=1e-3, normalised_assignments=False, random_state=0
    )
    centres = plain.fit(pictures.astype(np.float32)).cluster_centers_
    weights = plain.transform(centres)
    assert weights.max() <= 1
    np.testing.assert_allclose(np.diag(weights), 1, atol=1e-3)


def test_sigma2_may_average_over_pictures_and_centres(pictures):
    vocabulary = VisualVocabulary(n_clusters=4, sigma_over="centres", random_state=0).fit(pictures)
    mean = cdist(pictures, vocabulary.cluster_centers_, "sqeuclidean").mean()
    assert vocabulary.sigma2_ == pytest.approx(mean)


def test_another_setting_needs_no_new_clusters(pictures):
    other = {"bandwidth": 0.2, "normalised_assignments": False, "sigma_over": "centres"}
    fitted = VisualVocabulary(n_clusters=4, random_state=0).fit(pictures)
    afresh = VisualVocabulary(n_clusters=4, random_state=0, **other).fit(pictures)
    np.testing.assert_array_equal(
        fitted.set_params(**other).transform(pictures), afresh.transform(pictures)
    )
    with pytest.raises(ValueError, match="bandwidth: expected"):
        fitted.set_params(bandwidth=-1).transform(pictures)


def test_the_reading_that_divides_by_beta_is_the_reciprocal_bandwidth(pictures):
    beta = 4.0
    vocabulary = VisualVocabulary(n_clusters=3, bandwidth=1 / beta, random_state=0).fit(pictures)
    distance = cdist(pictures, vocabulary.cluster_centers_, "sqeuclidean")
    weights = np.exp(-beta * distance / vocabulary.sigma2_)
    expected = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(vocabulary.transform(pictures), expected, rtol=1e-9)


def test_zero_bandwidth_is_the_hard_limit(pictures):
    hard = VisualVocabulary(n_clusters=5, bandwidth=0, random_state=0).fit(pictures)
    words = hard.transform(pictures)
    distance = ((pictures[:, None] - hard.cluster_centers_) ** 2).sum(-1)
    np.testing.assert_array_equal(words, np.eye(5)[distance.argmin(1)])
    nearly = VisualVocabulary(n_clusters=5, bandwidth=1e-9, random_state=0).fit(pictures)
    np.testing.assert_allclose(nearly.transform(pictures), words, atol=1e-12)


def test_float32_is_computed_in_float64_and_rounded_at_the_end(pictures):
    single = pictures.astype(np.float32)
    vocabulary = VisualVocabulary(n_clusters=5, random_state=0).fit(single)
    exact = VisualVocabulary(n_clusters=5, random_state=0).fit(single.astype(float))
    assert vocabulary.cluster_centers_.dtype == np.float64
    np.testing.assert_array_equal(vocabulary.cluster_centers_, exact.cluster_centers_)
    words = vocabulary.transform(single)
    assert words.dtype == np.float32
    np.testing.assert_array_equal(words, exact.transform(single.astype(float)).astype(np.float32))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bandwidth", [5e-324, 1e-300, 1e-45, 1e-38, 1e-30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vanishing_bandwidth_is_hard(pictures, bandwidth, dtype):
    vocabulary = VisualVocabulary(n_clusters=3, bandwidth=bandwidth, random_state=0)
    words = vocabulary.fit_transform(pictures.astype(dtype))
    np.testing.assert_array_equal(np.sort(words, axis=1), np.tile([0, 0, 1], (120, 1)))


@given(st.floats(0, 100), st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_rows_are_distributions_however_far_the_picture(bandwidth, scale, seed):
    rng = np.random.default_rng(seed)
    vocabulary = VisualVocabulary(n_clusters=3, bandwidth=bandwidth, random_state=seed)
    vocabulary.fit(rng.normal(size=(20, 2)))
    words = vocabulary.transform(rng.normal(size=(10, 2)) * scale)
    assert words.min() >= 0
    np.testing.assert_allclose(words.sum(axis=1), 1, rtol=1e-12)


def test_a_start_from_a_sample_finds_separate_clusters(monkeypatch):
    monkeypatch.setattr("visprof.vocabulary._START_ROWS", 40)
    rng = np.random.default_rng(0)
    middles = 20 * np.eye(6)
    rows = np.repeat(middles, 100, axis=0) + rng.normal(size=(600, 6))
    centres = VisualVocabulary(n_clusters=6, random_state=0).fit(rows).cluster_centers_
    assert cdist(middles, centres).min(axis=1).max() < 0.5


def test_equal_training_rows_give_a_hard_assignment():
    vocabulary = VisualVocabulary(n_clusters=1).fit(np.ones((4, 2)))
    assert vocabulary.sigma2_ == 0
    np.testing.assert_array_equal(vocabulary.transform([[3.0, 4.0]]), [[1.0]])


def test_same_seed_same_words(pictures):
    first, second, other = (
        VisualVocabulary(n_clusters=8, random_state=seed).fit_transform(pictures)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "n_clusters=200 is more than n_samples=120"),
        ({"n_clusters": 0}, "n_clusters: expected"),
        ({"n_clusters": 2, "bandwidth": -1.0}, "bandwidth: expected"),
        ({"n_clusters": 2, "bandwidth": np.nan}, "bandwidth: expected"),
        ({"n_clusters": 2, "normalised_assignments": "yes"}, "normalised_assignments: expected"),
        (
            {"n_clusters": 2, "normalised_assignments": False, "bandwidth": 0},
            "bandwidth: 0 is a limit",
        ),
        ({"n_clusters": 2, "sigma_over": "mean"}, "sigma_over: expected one of"),
        ({"n_clusters": 2, "max_iter": 0}, "max_iter: expected"),
    ],
)
def test_bad_parameters_are_named(pictures, parameters, message):
    with pytest.raises(ValueError, match=message):
        VisualVocabulary(**parameters).fit(pictures)


def test_numbers_of_clusters_and_iterations_are_whole(pictures):
    for name in ("n_clusters", "max_iter"):
        with pytest.raises(TypeError, match=f"{name}: expected a whole number .* got 2.5"):
            VisualVocabulary(**{"n_clusters": 2, name: 2.5}).fit(pictures)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pictures_that_are_not_finite_are_refused(pictures, value):
    bad = pictures.copy()
    bad[3, 1] = value
    with pytest.raises(ValueError, match="Input X contains"):
        VisualVocabulary(n_clusters=2).fit(bad)
    with pytest.raises(ValueError, match="Input X contains"):
        VisualVocabulary(n_clusters=2).fit(pictures).transform(bad)


def test_entropy_between_hard_and_uniform():
    rows = [[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]
    np.testing.assert_allclose(assignment_entropy(rows), [0, np.log(4), np.log(2)])


@pytest.mark.parametrize("rows", [[[0.5, 0.2]], [[1.5, -0.5]]])
def test_entropy_refuses_what_is_no_distribution(rows):
    with pytest.raises(ValueError, match="assignments"):
        assignment_entropy(rows)


@given(
    st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, 1e-300])] * 2), min_size=1, max_size=30),
    st.integers(1, 20),
    st.sampled_from([np.float64, np.float32]),
    st.integers(1, 7),
)
def test_distinct_rows_are_counted_as_far_as_asked(rows, most, dtype, at_a_time):
    x = np.array(rows, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visprof.vocabulary._COUNTED_ROWS", at_a_time)
        assert count_distinct(x, most) == min(most, len(np.unique(x, axis=0)))
        assert count_distinct(np.asfortranarray(x), most) == count_distinct(x, most)


def test_more_clusters_than_distinct_pictures_are_refused():
    three = np.repeat(np.random.default_rng(0).normal(size=(3, 6)), 40, axis=0)
    with pytest.raises(
        ValueError,
        match=r"n_clusters=8 is more than the 3 distinct rows among n_samples=120.*n_clusters=3 or",
    ):
        VisualVocabulary(n_clusters=8, random_state=0).fit(three)
    words = VisualVocabulary(n_clusters=3, bandwidth=1e-3, random_state=0).fit_transform(three)
    np.testing.assert_allclose(np.unique(words.round(9), axis=0), np.eye(3)[::-1], atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_pictures_among_many_copies_get_a_cluster_each(dtype, monkeypatch):
    """The start is drawn from a sample of rows that may hold the copies alone."""
    monkeypatch.setattr("visprof.vocabulary._START_ROWS", 2)
    few = np.random.default_rng(0).normal(size=(150, 5)).astype(dtype)
    x = np.concatenate([np.zeros((20_000, 5), dtype), np.repeat(few, 20, axis=0)])
    for seed in range(2):
        centres = VisualVocabulary(n_clusters=151, random_state=seed).fit(x).cluster_centers_
        distance = cdist(np.unique(x, axis=0), centres)
        assert distance.min(axis=1).max() < 1e-4
        assert distance.min(axis=0).max() < 1e-4


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("far", [1e12, 1e16])
def test_pictures_too_close_to_tell_apart_are_refused(far):
    """Beside a group far away, some of 20 centres would coincide."""
    x = np.random.default_rng(0).normal(size=(60, 6))
    x[:30] += far
    assert len(VisualVocabulary(n_clusters=2, random_state=0).fit(x).cluster_centers_) == 2
    with pytest.raises(ValueError, match=r"k-means can tell only \d+ clusters .* Pass n_clusters="):
        VisualVocabulary(n_clusters=20, random_state=0).fit(x)


SETTINGS = [{}, {"normalised_assignments": False}, {"sigma_over": "centres"}, {"bandwidth": 0}]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@settings(max_examples=20)
@given(st.integers(-900, 900), st.integers(0, 9))
def test_assignments_do_not_depend_on_the_unit(setting, k, seed):
    x = np.random.default_rng(seed).normal(size=(40, 3)) + 1
    vocabulary = VisualVocabulary(4, **{"bandwidth": 0.05, "random_state": 0} | setting)
    expected, centres = vocabulary.fit_transform(x), vocabulary.cluster_centers_
    sigma2 = vocabulary.sigma2_
    np.testing.assert_array_equal(vocabulary.fit_transform(np.ldexp(x, k)), expected)
    np.testing.assert_array_equal(vocabulary.cluster_centers_, np.ldexp(centres, k))
    if abs(k) < 500:
        assert vocabulary.sigma2_ == np.ldexp(sigma2, 2 * k)
    elif k > 520:
        with pytest.raises(ValueError, match="sigma2_: 1 of 1 values are not finite"):
            vocabulary.sigma2_  # noqa: B018


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("k", [-110, -70, -63, -40, -33, -32, 32, 33, 63, 70, 120])
def test_assignments_in_single_precision_do_not_depend_on_the_unit(k):
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    vocabulary = VisualVocabulary(4, bandwidth=0.05, random_state=0)
    expected = vocabulary.fit_transform(x)
    np.testing.assert_array_equal(vocabulary.fit_transform(np.ldexp(x, k)), expected)


@pytest.mark.filterwarnings("error", "ignore::visprof.vocabulary.UniformAssignmentWarning")
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_finite_bandwidth_and_picture_give_finite_assignments_or_an_error(dtype, normalised):
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(dtype)
    vocabulary = VisualVocabulary(
        4, bandwidth=1e308, normalised_assignments=normalised, random_state=0
    )
    np.testing.assert_allclose(vocabulary.fit_transform(x), 0.25 if normalised else 1, rtol=1e-6)
    vocabulary.set_params(bandwidth=0.05)
    top = np.finfo(float).max
    far = vocabulary.transform(np.full((1, 6), np.sqrt(top) / 8))
    assert far.sum() == (1 if normalised else 0)
    for value in (top, np.sqrt(top)):
        with pytest.raises(ValueError, match=r"X: squared distances .* 1 of 1 values are not fin"):
            vocabulary.transform(np.full((1, 6), value))


# --- a bandwidth that is found --------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 20])
def test_auto_is_the_bandwidth_with_half_of_the_largest_entropy(pictures, k):
    vocabulary = VisualVocabulary(k, bandwidth="auto", random_state=0)
    words = vocabulary.fit_transform(pictures)
    assert assignment_entropy(words).mean() == pytest.approx(np.log(k) / 2, abs=1e-9)
    by_number = VisualVocabulary(k, bandwidth=vocabulary.bandwidth_, random_state=0)
    np.testing.assert_allclose(by_number.fit_transform(pictures), words, rtol=1e-9)
    assert by_number.bandwidth_ == by_number.bandwidth


def test_auto_depends_neither_on_the_unit_nor_on_what_sigma_is_over(pictures):
    words = VisualVocabulary(5, bandwidth="auto", random_state=0)
    expected = words.fit_transform(pictures)
    np.testing.assert_allclose(words.fit_transform(np.ldexp(pictures, 300)), expected, rtol=1e-9)
    words.set_params(sigma_over="centres")
    np.testing.assert_allclose(words.transform(np.ldexp(pictures, 300)), expected, rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_auto_where_words_do_not_differ_in_distance():
    one = VisualVocabulary(1, bandwidth="auto", random_state=0)
    np.testing.assert_array_equal(one.fit_transform([[0.0], [1.0]]), 1)
    ends = VisualVocabulary(2, bandwidth="auto", random_state=0).fit([[-1.0], [1.0]])
    np.testing.assert_array_equal(ends.transform([[-1.0], [1.0]]).max(axis=1) > 0.5, True)


def test_auto_is_found_in_fit_alone_and_other_words_are_refused(pictures):
    fitted = VisualVocabulary(3, bandwidth=0.1, random_state=0).fit(pictures)
    with pytest.raises(ValueError, match='bandwidth: "auto" is found in fit'):
        fitted.set_params(bandwidth="auto").transform(pictures)
    with pytest.raises(
        ValueError, match="bandwidth: expected a number or \"auto\", got 'automatic'"
    ):
        VisualVocabulary(3, bandwidth="automatic").fit(pictures)


def test_nearly_uniform_assignments_are_told_with_a_bandwidth_that_helps():
    x = np.random.default_rng(0).normal(size=(1500, 512))
    words = VisualVocabulary(20, random_state=0).fit(x)  # at the paper's reading, beta = margin = 1
    with pytest.warns(UniformAssignmentWarning, match="bandwidth=1 assigns") as told:
        uniform = words.transform(x)
    text = str(told[0].message)
    assert f"is {assignment_entropy(uniform).mean():.3f} of at most {np.log(20):.3f}" in text
    better = float(re.search(r"With bandwidth=(\S+) it would be", text)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(words.assign(x), uniform)
        words.set_params(bandwidth=better).transform(x)
        VisualVocabulary(20, bandwidth="auto", random_state=0).fit_transform(x)
        words.set_params(bandwidth=0.0).transform(x)
    entropy = assignment_entropy(words.set_params(bandwidth=better).transform(x)).mean()
    assert entropy == pytest.approx(np.log(20) / 2, rel=0.1)


def shared_rows(labels, others):
    """Rows that each cluster shares with each of the other clustering, by plain loops."""
    return [
        [sum((x == a) & (y == b) for x, y in zip(labels, others, strict=True)) for b in set(others)]
        for a in sorted(set(labels))
    ]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 25), st.integers(0, 99))
def test_matched_clusters_share_the_most_rows_of_all_matchings(k, k_others, n, seed):
    rng = np.random.default_rng(seed)
    labels, others = rng.integers(0, k, n).tolist(), rng.integers(0, k_others, n).tolist()
    shared = shared_rows(labels, others)
    rows, columns = len(shared), len(shared[0])
    n_places = max(rows, columns)  # a place beyond the columns is no match
    best, jaccards = -1, []
    for matching in permutations(range(n_places), rows):
        found = [shared[i][j] if j < columns else 0 for i, j in enumerate(matching)]
        if sum(found) < best:
            continue
        if sum(found) > best:
            best, jaccards = sum(found), []
        of_columns = [sum(row[j] for row in shared) if j < columns else 0 for j in matching]
        jaccards.append([
            both / (sum(shared[i]) + of_columns[i] - both) for i, both in enumerate(found)
        ])  # fmt: skip
    clusters, jaccard = match_clusters(labels, others)
    assert clusters.tolist() == sorted(set(labels))
    assert any(np.allclose(jaccard, candidate) for candidate in jaccards)


def test_clusters_by_other_names_and_in_another_order_are_alike():
    labels = np.random.default_rng(0).integers(0, 6, 90)
    names = np.array(["f", "a", "e", "b", "d", "c"])
    clusters, jaccard = match_clusters(labels * 10, names[labels])
    np.testing.assert_array_equal(clusters, np.unique(labels) * 10)
    np.testing.assert_array_equal(jaccard, 1)


def test_no_rows_have_no_clusters():
    clusters, jaccard = match_clusters([], [])
    assert clusters.shape == jaccard.shape == (0,)


def test_a_cluster_without_a_match_is_like_none():
    clusters, jaccard = match_clusters(["x", "x", "y", "y", "z"], [0, 0, 1, 1, 1])
    assert clusters.tolist() == ["x", "y", "z"]
    np.testing.assert_allclose(jaccard, [1, 2 / 3, 0])
    clusters, jaccard = match_clusters([0, 0, 1, 1, 1], ["x", "x", "y", "y", "z"])
    np.testing.assert_allclose(jaccard, [1, 2 / 3])


@pytest.mark.parametrize(
    ("labels", "others", "message"),
    [
        ([0, 1, 1], [0, 1], r"others: expected shape \(3,\), one for each row"),
        ([0, 1, np.nan], [0, 1, 1], r"labels: 1 of 3 values are missing, at row\(s\) 2"),
        ([0, 1, 1], ["a", None, "b"], r"others: 1 of 3 values are missing, at row\(s\) 1"),
    ],
)
def test_rows_without_clusters_are_not_matched(labels, others, message):
    with pytest.raises(ValueError, match=message):
        match_clusters(labels, others)


@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 1000))
def test_nearest_first_is_the_order_of_a_plain_sort(n, d, seed):
    rng = np.random.default_rng(seed)
    pictures, centre = rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-2, 3, d)
    squares = [sum((x - c) ** 2 for x, c in zip(row, centre, strict=True)) for row in pictures]
    assert nearest_first(pictures, centre).tolist() == sorted(range(n), key=squares.__getitem__)


def test_pictures_and_centre_of_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"centre \(3,\) and pictures \(2, 4\)"):
        nearest_first(np.ones((2, 4)), np.ones(3))
