from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import kstest, permutation_test, rankdata

from visprof.prediction import (
    DISTANCES,
    join_profiles,
    mean_reciprocal_rank,
    mrr_difference,
    random_mrr,
    randomisation_test,
    rank_scores,
    rank_users,
    reciprocal_ranks,
    split_pins,
    subset_reciprocal_ranks,
)
from visprof.sources.vectors import simulate_embeddings


def plain_ranks(train, test):
    """Optimistic and pessimistic ranks by plain loops in double precision, rounding being a tie."""
    ranks = []
    for i, row in enumerate(train):
        distances = []
        for other in test:
            total = 0.0
            for x, y in zip(row, other, strict=True):
                difference = float(x) - float(y)
                total += difference * difference
            distances.append(total)
        tied = [math.isclose(d, distances[i], rel_tol=1e-9) for d in distances]
        nearer = sum(d < distances[i] and not t for d, t in zip(distances, tied, strict=True))
        ranks.append((nearer + 1, nearer + sum(tied)))
    return np.array(ranks)


INPUTS = {
    "random": lambda rng, n, k: rng.random((2, n, k)),
    "sparse": lambda rng, n, k: 1.0 * (rng.random((2, n, k)) > 0.9),
    "fractional": lambda rng, n, k: rng.integers(0, 6, size=(2, n, k)) / 5,
    "far from 0": lambda rng, n, k: 1 + 1e-6 * rng.random((2, n, k)),
    "tiny": lambda rng, n, k: 1e-30 * rng.random((2, n, k)),
    "one far out": lambda rng, n, k: rng.random((2, n, k)) * np.r_[1e6, [1] * (n - 1)][:, None],
    "few test profiles": lambda rng, n, k: rng.random((2, 3, k))[:, rng.integers(0, 3, size=n)],
    "all equal": lambda rng, n, k: np.ones((2, n, k)),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=15, deadline=None)
@given(n=st.integers(2, 30), k=st.integers(1, 9), seed=st.integers(0, 10_000))
def test_equals_plain_loops(kind, dtype, n, k, seed):
    train, test = INPUTS[kind](np.random.default_rng(seed), n, k).astype(dtype)
    ranks = rank_users(train, test)
    expected = plain_ranks(train, test)
    np.testing.assert_array_equal(ranks.optimistic, expected[:, 0])
    np.testing.assert_array_equal(ranks.pessimistic, expected[:, 1])
    np.testing.assert_array_equal(reciprocal_ranks(train, test), 2 / expected.sum(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_a_double_loop_across_blocks(dtype):
    rng = np.random.default_rng(0)
    users = rng.dirichlet(np.full(30, 0.3), size=5000)
    train, test = (rng.multinomial(50, users, size=(2, 5000)) / 50).astype(dtype)
    some = np.r_[0, 511, 512, 4095, 4096, 4999]
    squared = ((train[some, None].astype(float) - test.astype(float)) ** 2).cumsum(axis=2)[..., -1]
    expected = [1 / rankdata(row)[i] for i, row in zip(some, squared, strict=True)]
    np.testing.assert_allclose(reciprocal_ranks(train, test)[some], expected, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 25),
    st.integers(1, 6),
    st.integers(0, 10_000),
    st.sampled_from(DISTANCES),
    st.booleans(),
)
def test_equals_scipy_mid_ranks(n, k, seed, distance, tied):
    rng = np.random.default_rng(seed)
    train, test = rng.dirichlet(np.ones(k + 1), size=(2, n))
    if tied:
        test = test[rng.integers(0, (n + 1) // 2, size=n)]
    a, b = (np.sqrt(train), np.sqrt(test)) if distance == "hellinger" else (train, test)
    matrix = cdist(a, b, "cosine" if distance == "cosine" else "euclidean").round(12)
    expected = [1 / rankdata(row)[i] for i, row in enumerate(matrix)]
    np.testing.assert_allclose(reciprocal_ranks(train, test, distance), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(3, 40), st.integers(2, 30), st.integers(0, 10_000))
def test_the_last_places_of_profiles_decide_no_rank(n, k, seed):
    """Shares of pins in fifths: many distances are equal, in all digits but the last."""
    rng = np.random.default_rng(seed)
    profiles = rng.integers(0, 6, size=(2, n, k)) / 5
    ranks = rank_users(*profiles)
    noisy = profiles * (1 + 4e-16 * rng.integers(-3, 4, size=profiles.shape))
    for moved in (rank_users(*noisy), rank_users(*profiles[..., ::-1])):
        np.testing.assert_array_equal(moved.optimistic, ranks.optimistic)
        np.testing.assert_array_equal(moved.pessimistic, ranks.pessimistic)


@pytest.mark.parametrize("factor", [1e-3, 1, 1e4])
def test_distances_tie_within_a_billionth_and_no_further(factor):
    """Also where the train profiles are far from all test profiles, or these from each other."""
    train, test = np.zeros((2, 2, 2))
    test[:, 0] = factor, -factor * (1 + 4e-10)  # squares differ by 8e-10
    ranks = rank_users(train, test)
    assert (ranks.optimistic.tolist(), ranks.pessimistic.tolist()) == ([1, 1], [2, 2])
    test[1, 0] = -factor * (1 + 6e-10)
    ranks = rank_users(train, test)
    assert (ranks.optimistic.tolist(), ranks.pessimistic.tolist()) == ([1, 2], [1, 2])


def test_equal_test_rows_share_the_mean_rank_exactly():
    rng = np.random.default_rng(0)
    test = np.tile(rng.dirichlet(np.ones(199)), (501, 1))
    train = rng.dirichlet(np.ones(199), size=501)
    for distance in DISTANCES:
        np.testing.assert_array_equal(reciprocal_ranks(train, test, distance), 1 / 251)
        assert set(rank_users(train, test, distance).optimistic) == {1}
        assert set(rank_users(train, test, distance).pessimistic) == {501}


def test_perfect_profiles_rank_first_and_float32_is_welcome():
    profiles = np.random.default_rng(0).dirichlet(np.ones(5), size=50).astype(np.float32)
    np.testing.assert_array_equal(reciprocal_ranks(profiles, profiles), np.ones(50))


def test_order_of_users_does_not_matter():
    rng = np.random.default_rng(1)
    train, test = rng.dirichlet(np.ones(7), size=(2, 100))
    order = rng.permutation(100)
    np.testing.assert_array_equal(
        reciprocal_ranks(train[order], test[order]), reciprocal_ranks(train, test)[order]
    )


def test_random_profiles_have_the_random_mrr():
    rng = np.random.default_rng(2)
    rr = [reciprocal_ranks(*rng.normal(size=(2, 100, 3))).mean() for _ in range(100)]
    assert np.mean(rr) == pytest.approx(random_mrr(100), rel=0.08)


@pytest.mark.parametrize(
    ("train", "test", "distance", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 3)), "euclidean", "one shape"),
        (np.ones((2, 3)), np.ones((2, 3)), "manhattan", "distance: expected"),
        (np.ones((2, 3)), -np.ones((2, 3)), "hellinger", "test: the hellinger"),
        (np.zeros((2, 3)), np.ones((2, 3)), "cosine", "train: the cosine"),
        (np.full((2, 3), np.nan), np.ones((2, 3)), "euclidean", "train contains NaN"),
        (np.ones(3), np.ones(3), "euclidean", "2D array"),
        (np.ones((1, 3)), np.ones((1, 3)), "euclidean", "at least 2 users"),
    ],
)
def test_bad_profiles_are_named(train, test, distance, message):
    with pytest.raises(ValueError, match=message):
        reciprocal_ranks(train, test, distance)


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
    _, narrow_low, narrow_high = mean_reciprocal_rank(rr, level=0.5, random_state=1)
    assert low < narrow_low < narrow_high < high


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rr": []}, "rr: expected"),
        ({"rr": [0.0, 1.0]}, "1 values outside"),
        ({"rr": [np.nan]}, "rr: expected"),
        ({"level": 0.0}, "level"),
        ({"n_resamples": 0}, "n_resamples"),
    ],
)
def test_bad_interval_input_is_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mean_reciprocal_rank(**({"rr": [0.5, 1.0]} | kwargs))


def board_table(sizes):
    return pd.DataFrame(
        [
            {"board": board, "time": pd.Timestamp("2014-01-01") + pd.Timedelta(hours=t)}
            for board, size in sizes.items()
            for t in range(size)
        ]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_split_takes_the_first_and_the_last(n_train, n_test, extra):
    sizes = {f"b{i}": n_train + n_test + more for i, more in enumerate(extra)}
    pins = board_table(sizes)
    train, test = split_pins(pins, n_train, n_test)
    expected_train, expected_test = [], []
    for size in sizes.values():
        expected_train += [t < n_train for t in range(size)]
        expected_test += [t >= size - n_test for t in range(size)]
    assert train.tolist() == expected_train
    assert test.tolist() == expected_test
    assert not (train & test).any()


def test_split_ignores_the_index():
    pins = board_table({"a": 4, "b": 4})
    pins.index = [0] * 8
    assert split_pins(pins, 2, 2)[0].tolist() == [True, True, False, False] * 2


@pytest.mark.parametrize(
    ("pins", "n_train", "message"),
    [
        (board_table({"a": 5, "b": 2}), 3, r"'b' \(2\); drop"),
        (board_table({f"b{i}": 2 for i in range(12)}), 3, "and 2 more"),
        (board_table({"a": 5}), 0, "at least 1"),
        (board_table({"a": 5})[::-1], 2, "sorted"),
        (pd.concat([board_table({"a": 5, "b": 5}), board_table({"a": 5})]), 2, "sorted"),
        (board_table({"a": 5})[["board"]], 2, r"no column\(s\) time; there are board"),
        (
            board_table({"a": 5}).assign(time=pd.NaT),
            2,
            r"pins: time: 5 of 5 values are missing, at row\(s\) 0, 1, 2, 3, 4;",
        ),
        (board_table({"a": 5})[:0], 2, "the table is empty"),
    ],
)
def test_bad_tables_are_named(pins, n_train, message):
    with pytest.raises(ValueError, match=message):
        split_pins(pins, n_train, 2)


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


@settings(max_examples=30, deadline=None)
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


@pytest.mark.parametrize("distance", DISTANCES)
def test_joined_profiles_add_squared_distances_in_units_of_their_spread(distance):
    rng = np.random.default_rng(0)
    image, text = rng.dirichlet(np.ones(4), size=(2, 9)), 7 * rng.random((2, 9, 3))
    train, test = join_profiles([image, text], distance)
    expected = 0
    for kind in (image, text):
        a, b = np.sqrt(kind) if distance == "hellinger" else kind
        if distance == "cosine":
            a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
        spread = np.mean(np.sum((a - a.mean(axis=0)) ** 2, axis=1))
        expected = expected + cdist(a, b) ** 2 / spread
    np.testing.assert_allclose(cdist(train, test) ** 2, expected)
    scaled, _ = join_profiles([image, 100 * text], "cosine")
    np.testing.assert_allclose(scaled, join_profiles([image, text], "cosine")[0])


def test_a_kind_without_spread_says_nothing_and_no_kind_is_refused():
    profiles = np.random.default_rng(0).random((2, 6, 3))
    same = np.ones((6, 2))
    train, test = join_profiles([tuple(profiles), (same, same)])
    np.testing.assert_array_equal(reciprocal_ranks(train, test), reciprocal_ranks(*profiles))
    with pytest.raises(ValueError, match="at least one"):
        join_profiles([])


def test_batches_stay_whole_on_the_side_of_the_test_pins():
    table = pd.DataFrame(
        {
            "board": list("aaaaabbbbbccccc"),
            "time": pd.to_datetime([1, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5], unit="D"),
        }
    )
    train, test = split_pins(table, 3, 2, keep_batches=True)
    plain, same_test = split_pins(table, 3, 2)
    np.testing.assert_array_equal(test, same_test)
    assert table["board"][train].tolist() == ["a", "a", "c", "c", "c"]  # b is one batch
    assert (plain & ~train).sum() == 4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_no_time_is_on_both_sides_where_batches_are_kept(seed, n_times):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, n_times, size=(3, 9)), axis=1)
    table = pd.DataFrame({"board": np.repeat(list("xyz"), 9), "time": times.ravel()})
    train, test = split_pins(table, 4, 3, keep_batches=True)
    for board in "xyz":
        of_board = (table["board"] == board).to_numpy()
        learnt, found = (table["time"][of_board & side] for side in (train, test))
        assert learnt.empty or learnt.max() < found.min()
        dropped = split_pins(table, 4, 3)[0] & ~train & of_board
        assert (table["time"][dropped] == found.min()).all()


def test_without_taste_the_mrr_is_random_unless_pictures_repeat():
    def mrr(repeat_share):
        world = simulate_embeddings(
            400, 60, 40, class_taste=0, style_taste=0, repeat_share=repeat_share, random_state=5
        )
        pins = world.vectors.reshape(400, 60, 40)
        rr = reciprocal_ranks(pins[:, :30].mean(axis=1), pins[:, 30:].mean(axis=1))
        return mean_reciprocal_rank(rr)

    _, low, high = mrr(0)
    assert low < random_mrr(400) < high
    curve = [mrr(share)[0] for share in (0, 0.1, 0.2, 0.4)]
    assert curve == sorted(curve)
    assert curve[-1] > 10 * random_mrr(400)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(-900, 900),
    st.integers(0, 99),
    st.sampled_from(DISTANCES),
    st.sampled_from(["random", "tied", "close"]),
)
def test_ranks_do_not_depend_on_the_unit(k, seed, distance, kind):
    rng = np.random.default_rng(seed)
    train, test = rng.dirichlet(np.ones(4), size=(2, 12))
    if kind == "tied":
        test = test[rng.integers(0, 6, size=12)]
    elif kind == "close":  # distances that single precision cannot tell apart
        train, directions = np.full((12, 4), 1.5), rng.normal(size=(12, 4))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        test = train + directions * (1 + 1e-9 * rng.random((12, 1)))
    k = 2 * (k // 2)  # an even power: the square root of Hellinger's is exact
    expected = rank_users(train, test, distance)
    ranks = rank_users(np.ldexp(train, k), np.ldexp(test, k), distance)
    np.testing.assert_array_equal(ranks.middle, expected.middle)
    np.testing.assert_array_equal(ranks.optimistic, expected.optimistic)
    if kind != "close":  # there train has no spread, which would be the unit
        both = [(train, test), (np.ldexp(train, k), np.ldexp(test, k))]
        first, second = (join_profiles([pair, (train, test)], distance) for pair in both)
        np.testing.assert_array_equal(first, second)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(-100, 100), st.integers(0, 99), st.sampled_from(DISTANCES))
def test_ranks_in_single_precision_do_not_depend_on_the_unit(k, seed, distance):
    train, test = np.random.default_rng(seed).dirichlet(np.ones(4), size=(2, 12))
    train, test = (np.maximum(side, 1e-3).astype(np.float32) for side in (train, test))
    ranks = rank_users(np.ldexp(train, 2 * (k // 2)), np.ldexp(test, 2 * (k // 2)), distance)
    np.testing.assert_array_equal(ranks.middle, rank_users(train, test, distance).middle)


@pytest.mark.parametrize("scale", [1e160, 1e300, 1e-160, 1e-300, 1e-25])
def test_profiles_of_any_size_are_told_apart(scale):
    rng = np.random.default_rng(0)
    train = np.abs(rng.normal(size=(60, 6)))
    test = train + rng.normal(0, 0.01, train.shape) ** 2
    for distance in DISTANCES:
        ranks = rank_users(train * scale, test * scale, distance)
        assert set(ranks.middle) == {1}, distance
        assert set(ranks.pessimistic) == {1}, distance


def test_rows_of_very_different_length_have_cosines():
    rng = np.random.default_rng(0)
    train = rng.random((20, 4))
    lengths = 10.0 ** rng.integers(-300, 300, size=(20, 1))
    np.testing.assert_array_equal(
        reciprocal_ranks(train * lengths, train * lengths[::-1], "cosine"), np.ones(20)
    )
