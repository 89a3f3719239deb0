from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from visprof.prediction import rank_users, reciprocal_ranks
from visprof.profiles import DISTANCES, join_profiles
from visprof.rank_scores import mean_reciprocal_rank, random_mrr
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
