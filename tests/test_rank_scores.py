from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, permutation_test

from visprof.rank_scores import (
    holm,
    mean_reciprocal_rank,
    mrr_difference,
    nested_choice,
    random_mrr,
    randomisation_test,
    rank_scores,
    reciprocal_rank_bounds,
    subset_reciprocal_ranks,
)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_random_mrr_is_exact(n):
    exact = sum(Fraction(1, rank) for rank in range(1, n + 1)) / n
    assert random_mrr(n) == pytest.approx(float(exact), rel=1e-15)


def test_random_mrr_needs_a_user():
    with pytest.raises(ValueError, match=r"n: expected .* at least 1, got 0"):
        random_mrr(0)


def test_mean_and_interval():
    rr = np.random.default_rng(3).uniform(0.01, 1, size=400)
    mrr, low, high = mean_reciprocal_rank(rr, random_state=1)
    assert mrr == pytest.approx(rr.mean())
    half = 1.96 * rr.std() / 20
    assert (low, high) == (pytest.approx(mrr - half, abs=5e-3), pytest.approx(mrr + half, abs=5e-3))
    assert [mrr, low, high] == mean_reciprocal_rank(rr, random_state=1).tolist()
    assert [low, high] != mean_reciprocal_rank(rr, random_state=2)[1:].tolist()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rr": []}, "rr: expected"),
        ({"rr": [0.0, 1.0]}, "1 values outside"),
        ({"rr": [np.nan]}, "rr: expected"),
        ({"n_resamples": 0}, "n_resamples"),
    ],
)
def test_bad_interval_input_is_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mean_reciprocal_rank(**({"rr": [0.5, 1.0]} | kwargs))


def test_difference_is_paired():
    rng = np.random.default_rng(0)
    worse = 1 / rng.integers(2, 40, size=60)
    better = np.minimum(1, worse + 0.01)  # a lead that is small beside the spread between users
    difference, low, high = mrr_difference(better, worse)
    assert difference == pytest.approx((better - worse).mean())
    assert 0 < low <= difference <= high < 0.02
    assert mrr_difference(worse, worse).tolist() == [0, 0, 0]
    both = mrr_difference(np.column_stack([better, worse]), np.column_stack([worse, worse]))
    np.testing.assert_allclose(both, [[difference, low, high], [0, 0, 0]])


def test_difference_of_different_users_is_refused():
    with pytest.raises(ValueError, match=r"rr_a \(2,\) and rr_b \(3,\)"):
        mrr_difference([0.5, 1.0], [0.5, 1.0, 1.0])


def test_scores_are_shares_and_a_median_with_plain_bootstrap_intervals():
    ranks = np.random.default_rng(0).integers(1, 30, size=(41, 2)) / 2 + 0.5
    scores = rank_scores(ranks, n_resamples=200, random_state=3)
    draws = np.random.default_rng(3).multinomial(41, np.full(41, 1 / 41), size=200)
    by_hand = {
        "mrr": lambda r: np.mean(1 / r),
        "recall@1": lambda r: np.mean(r <= 1),
        "recall@5": lambda r: np.mean(r <= 5),
        "recall@10": lambda r: np.mean(r <= 10),
        "median rank": np.median,
    }
    assert list(scores) == list(by_hand)
    for name, score in by_hand.items():
        for method in (0, 1):
            drawn = [score(np.repeat(ranks[:, method], times)) for times in draws]
            expected = [score(ranks[:, method]), *np.quantile(drawn, [0.025, 0.975])]
            np.testing.assert_allclose(scores[name][method], expected)
        alone = rank_scores(ranks[:, 1], n_resamples=200, random_state=3)[name]
        np.testing.assert_allclose(alone, scores[name][1])


def test_median_of_an_even_number_of_ranks_is_between_the_two_in_the_middle():
    assert rank_scores([1, 2, 5, 9])["median rank"][0] == 3.5


@pytest.mark.parametrize("ranks", [[], [0.5], [np.nan], [np.inf], [[[1.0]]]])
def test_bad_ranks_are_named(ranks):
    with pytest.raises(ValueError, match="ranks: expected"):
        rank_scores(ranks)


def test_randomisation_test_equals_scipys():
    rng = np.random.default_rng(0)
    rr = 1 / rng.integers(1, 9, size=(3, 8, 2))
    ours = randomisation_test(rr[0], rr[1], n_permutations=20_000, random_state=0)
    for column in (0, 1):
        exact = permutation_test(
            (rr[0, :, column], rr[1, :, column]), lambda a, b, axis: (a - b).mean(axis=axis),
            permutation_type="samples", n_resamples=np.inf, vectorized=True,
        )  # fmt: skip
        assert ours[column] == pytest.approx(exact.pvalue, abs=0.01)
        alone = randomisation_test(rr[0, :, column], rr[1, :, column], 20_000, random_state=0)
        assert alone == ours[column]


def test_p_value_is_never_0_and_1_without_a_difference():
    worse = 1 / np.arange(2, 40)
    assert randomisation_test(np.ones(38), worse, n_permutations=99) == 1 / 100
    assert randomisation_test(worse, worse, n_permutations=99) == 1
    with pytest.raises(ValueError, match="n_permutations"):
        randomisation_test(worse, worse, n_permutations=0)
    with pytest.raises(ValueError, match="same users"):
        randomisation_test(worse, worse[1:])


def test_p_values_are_uniform_where_two_profiles_do_equally_well():
    rr = 1 / np.random.default_rng(1).integers(1, 30, size=(2, 60, 400))
    p = randomisation_test(rr[0], rr[1], n_permutations=499, random_state=1)
    assert kstest(p, "uniform").pvalue > 0.01


@given(n=st.integers(1, 7), seed=st.integers(0, 999), data=st.data())
def test_fewer_users_equal_the_mean_over_all_subsets(n, seed, data):
    size = data.draw(st.integers(1, n))
    ranks = np.random.default_rng(seed).integers(1, n + 1, size=n)
    for rank, found in zip(ranks, subset_reciprocal_ranks(ranks, size), strict=True):
        others = range(1, n)  # the first rank - 1 of them are nearer
        subsets = list(combinations(others, size - 1))
        values = [1 / (1 + sum(other < rank for other in chosen)) for chosen in subsets]
        assert found == pytest.approx(np.mean(values), rel=1e-9)


def test_fewer_users_at_random_have_the_random_value_of_their_number():
    for size in (1, 10, 500, 4000):
        expected = subset_reciprocal_ranks(np.arange(1, 4001), size).mean()
        assert expected == pytest.approx(random_mrr(size), rel=1e-8)
    whole = np.array([1.0, 2.5, 2.5, 4.0])
    np.testing.assert_allclose(subset_reciprocal_ranks(whole, 4), 1 / whole)


@pytest.mark.parametrize(
    ("ranks", "size", "message"),
    [([1, 3], 2, "ranks: expected"), ([], 1, "ranks: expected"), ([1, 2], 3, "size: expected 1"),
     ([1, 2], 0, "size: expected .* at least 1, got 0")],
)  # fmt: skip
def test_bad_subsets_are_named(ranks, size, message):
    with pytest.raises(ValueError, match=message):
        subset_reciprocal_ranks(ranks, size)


def test_each_user_is_scored_by_what_is_best_for_the_others():
    rng = np.random.default_rng(0)
    rr = 1 / rng.integers(1, 9, (12, 3))
    found, chosen = nested_choice(rr)
    for user in range(12):
        means = [
            np.mean([rr[other, method] for other in range(12) if other != user])
            for method in range(3)
        ]
        assert chosen[user] == int(np.argmax(np.round(means, 9)))
        assert found[user] == rr[user, chosen[user]]


def test_a_choice_needs_others_and_takes_the_first_of_equals():
    with pytest.raises(ValueError, match="at least 2 users"):
        nested_choice([[1.0, 0.5]])
    assert nested_choice([[1.0, 1.0], [0.1, 0.1]])[1].tolist() == [0, 0]
    # each would have its own best, and gets the other's
    assert nested_choice([[1.0, 0.5], [0.5, 1.0]])[0].tolist() == [0.5, 0.5]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.001, 1, exclude_max=True))
def test_holm_rejects_what_its_step_down_procedure_rejects(p_values, level):
    # at a level of 1 all are rejected: adjusted p-values end there
    rejected = set()
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] * (len(p_values) - step) > level:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(p_values) <= level)) == rejected


@pytest.mark.parametrize("p_values", [[], [0.1, 1.1], [-0.1]])
def test_what_is_no_p_value_is_refused(p_values):
    with pytest.raises(ValueError, match="p_values: expected"):
        holm(p_values)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 6))
def test_bounds_of_ranks_known_to_a_depth_are_those_of_all_that_they_may_be(ranks, most):
    n = 6
    known = np.array([rank if rank <= most else np.nan for rank in ranks])
    low, high = reciprocal_rank_bounds(known, most, n).mean(axis=0)
    may_be = [[rank] if rank <= most else range(most + 1, n + 1) for rank in ranks]
    every = [np.mean([1 / rank for rank in one]) for one in product(*may_be)]
    assert (low, high) == (pytest.approx(min(every)), pytest.approx(max(every)))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"ranks": [0.5]}, ValueError, "values from 1 to 3, or NaN; .* 1 values outside"),
        ({"ranks": [4]}, ValueError, "1 values outside"),
        ({"ranks": [np.inf]}, ValueError, "1 values outside"),
        ({"ranks": []}, ValueError, r"shape \(0,\)"),
        ({"ranks": [[1.0]]}, ValueError, r"shape \(1, 1\)"),
        ({"ranks": [1, None]}, TypeError, "ranks: expected numbers"),
        ({"most": 6}, ValueError, "most: expected 1 to n=5, got 6"),
        ({"most": 5, "ranks": [np.nan]}, ValueError, "from 1 to 5; .* and 1 NaN"),
        ({"most": 0}, ValueError, "most"),
    ],
)
def test_ranks_known_to_a_depth_must_be_such(change, error, told):
    with pytest.raises(error, match=told):
        reciprocal_rank_bounds(**({"ranks": [1.0, np.nan], "most": 3, "n": 5} | change))
