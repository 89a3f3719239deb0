from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from visprof.prediction import (
    preference_auc,
    rank_users,
    reciprocal_ranks,
    whitened_profiles,
)
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
@settings(max_examples=15)
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    n=st.integers(2, 30), some=st.integers(1, 30), k=st.integers(1, 6), seed=st.integers(0, 10_000),
    distance=st.sampled_from(DISTANCES),
)  # fmt: skip
def test_some_users_among_all_have_the_ranks_that_they_have_with_all(
    dtype, n, some, k, seed, distance
):
    rng = np.random.default_rng(seed)
    train, test = (rng.integers(0, 6, size=(2, n, k + 1)) / 5 + 0.1).astype(dtype)
    chosen, rest = np.split(rng.permutation(n), [some])  # there may be no others
    ranks = rank_users(train, test, distance)
    found = rank_users(train[chosen], test[chosen], distance, others=test[rest])
    np.testing.assert_array_equal(found.optimistic, ranks.optimistic[chosen])
    np.testing.assert_array_equal(found.pessimistic, ranks.pessimistic[chosen])


def test_others_must_have_the_same_columns():
    with pytest.raises(ValueError, match=r"others \(1, 2\) and test \(3, 3\) differ in columns"):
        rank_users(np.eye(3), np.eye(3), others=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="others contains NaN"):
        rank_users(np.eye(3), np.eye(3), others=[[1.0, 2.0, np.nan]])


@given(st.integers(3, 40), st.integers(2, 30), st.integers(0, 10_000))
@example(29, 2, 0)  # profiles that equal the user's own, but for the last places
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


@given(seed=st.integers(0, 10**6), k=st.integers(1, 5), single=st.booleans())
def test_whitened_profiles_are_those_of_sklearn_but_for_signs(seed, k, single):
    rng = np.random.default_rng(seed)
    background = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + 3
    pins, users = rng.normal(size=(30, 6)), rng.permutation(np.arange(30) % 4)
    if single:
        background, pins = background.astype(np.float32), pins.astype(np.float32)
    found = whitened_profiles(pins, users, background, k)
    pca = PCA(k, whiten=True, svd_solver="full").fit(background.astype(np.float64))
    projected = pca.transform(pins.astype(np.float64))
    expected = np.array([projected[users == user].mean(axis=0) for user in range(4)])
    signs = np.sign(pca.components_[np.arange(k), np.abs(pca.components_).argmax(axis=1)])
    expected = expected * signs * np.sqrt(60 / 59)  # of the population, not of a sample
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    own = whitened_profiles(background, np.arange(60), background, k)
    np.testing.assert_allclose(own.T @ own / 60, np.eye(k), atol=1e-6)


def test_whitened_profiles_depend_on_neither_order_nor_names_nor_scale():
    rng = np.random.default_rng(0)
    background, pins = rng.normal(size=(60, 6)) * np.arange(1, 7), rng.normal(size=(30, 6))
    users, order = rng.permutation(np.arange(30) % 4), rng.permutation(30)
    expected = whitened_profiles(pins, users, background, 3)
    names = np.array(["k", "l", "m", "n"])[users]
    found = whitened_profiles(pins[order], names[order], background[::-1], 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for exponent in (-900, -40, 40, 900):
        far = np.ldexp(pins, exponent), users, np.ldexp(background, exponent), 3
        np.testing.assert_allclose(whitened_profiles(*far), expected, rtol=1e-12)
    rotated, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    turned = whitened_profiles(pins @ rotated, users, background @ rotated, 3)
    np.testing.assert_allclose(turned @ turned.T, expected @ expected.T, rtol=1e-9)


def test_whitening_finds_what_a_large_common_direction_hides():
    rng = np.random.default_rng(0)
    scale = np.array([30.0] + [1.0] * 9)
    tastes = rng.normal(size=(40, 10))

    def profiles(n):
        pins = np.repeat(tastes, n, axis=0) + 3 * rng.normal(size=(40 * n, 10))
        return pins * scale, np.repeat(np.arange(40), n)

    background = 3 * rng.normal(size=(2000, 10)) * scale
    sides = profiles(30), profiles(30)
    whitened = [whitened_profiles(pins, users, background, 10) for pins, users in sides]
    plain = [pins.reshape(40, 30, 10).mean(axis=1) for pins, _ in sides]
    better, worse = (reciprocal_ranks(*of, distance="cosine").mean() for of in (whitened, plain))
    assert better > worse + 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 3}, "background of 5 rows varies in 2 directions, got 3"),
        ({"n_components": 0}, "n_components: expected a whole number of at least 1, got 0"),
        ({"background": np.eye(4)[:, :3]}, "components 1 and 2 have the same variance"),
        ({"background": np.ones((1, 3))}, "all rows are equal"),
        ({"background": np.ones((9, 3))}, "all rows are equal"),
        ({"background": np.ones((9, 2))}, r"pins \(4, 3\) and background \(9, 2\) differ in"),
        ({"users": [0, 1, 2]}, "users: expected shape"),
        ({"pins": np.full((4, 3), np.nan)}, "pins contains NaN"),
    ],
)
def test_what_cannot_be_whitened_is_named(change, message):
    plane = np.random.default_rng(0).normal(size=(5, 3)) * [1, 2, 0]
    good = {"pins": np.eye(4)[:, :3], "users": [0, 0, 1, 1], "background": plane}
    with pytest.raises(ValueError, match=message):
        whitened_profiles(**({"n_components": 1} | good | change))


def plain_auc(profiles, pictures, users, strata):
    """By pairs of an own picture and another's of the same stratum, the own pictures alike."""
    auc = []
    for user, profile in zip(np.unique(users), profiles, strict=True):
        shares = []
        for own in np.flatnonzero(users == user):
            wins = []
            for other in np.flatnonzero((users != user) & (strata == strata[own])):
                near, far = (np.sum((pictures[p] - profile) ** 2) for p in (own, other))
                tied = math.isclose(near, far, rel_tol=1e-9)
                wins.append(0.5 if tied else float(near < far))
            if wins:
                shares.append(np.mean(wins))
        auc.append(np.mean(shares) if shares else np.nan)
    return np.array(auc)


@given(seed=st.integers(0, 10**6), tied=st.booleans(), n_strata=st.integers(1, 12))
def test_preference_equals_plain_loops(seed, tied, n_strata):
    rng = np.random.default_rng(seed)
    users = rng.permutation(np.r_[np.arange(3), rng.integers(0, 3, 15)])
    pictures = rng.integers(0, 3, (18, 2)) / 7 if tied else rng.normal(size=(18, 2))
    profiles, strata = rng.integers(0, 3, (3, 2)) / 7, rng.integers(0, n_strata, 18)
    found = preference_auc(profiles, pictures, users, strata)
    np.testing.assert_allclose(found, plain_auc(profiles, pictures, users, strata))
    order = rng.permutation(18)
    names = np.array(["x", "y", "z"])[users][order]
    same = preference_auc(profiles, pictures[order], names, strata[order] + 0.5)
    np.testing.assert_allclose(same, found, rtol=1e-12)
    far = np.ldexp(profiles, 600), np.ldexp(pictures, 600)
    np.testing.assert_array_equal(preference_auc(*far, users, strata), found)


@pytest.mark.parametrize("distance", DISTANCES)
def test_preference_is_the_area_under_the_roc_curve(distance):
    rng = np.random.default_rng(0)
    profiles, pictures = rng.dirichlet(np.ones(5), 4), rng.dirichlet(np.ones(5), 200)
    users = np.arange(200) % 4
    found = preference_auc(profiles, pictures, users, distance=distance)
    a, b = {
        "euclidean": (profiles, pictures),
        "hellinger": (np.sqrt(profiles), np.sqrt(pictures)),
        "cosine": tuple(x / np.linalg.norm(x, axis=1)[:, None] for x in (profiles, pictures)),
    }[distance]
    expected = [roc_auc_score(users == user, -cdist(a, b)[user]) for user in range(4)]
    np.testing.assert_allclose(found, expected)


def test_matched_negatives_take_away_what_the_file_tells():
    """Each user has pictures of one size; which those are, is all that tells them apart."""
    rng = np.random.default_rng(0)
    users, sizes = np.repeat([0, 1, 2, 3], 50), np.repeat([0, 0, 1, 1], 50)
    pictures = np.column_stack([10.0 * sizes, rng.normal(size=200)])
    profiles = np.array([[0, 0], [0, 0], [10, 0], [10, 0]])
    assert (preference_auc(profiles, pictures, users) > 0.75).all()
    matched = preference_auc(profiles, pictures, users, sizes)
    np.testing.assert_allclose(matched, 0.5, atol=0.15)
    assert matched[0] + matched[1] == pytest.approx(1)  # of two, one's gain is the other's loss
    assert np.isnan(preference_auc(profiles, pictures, users, users)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profiles": np.ones((3, 2))}, r"profiles: expected shape \(2, 2\), .* got \(3, 2\)"),
        ({"users": np.zeros(4), "profiles": np.ones((1, 2))}, "users: expected .* 2, got 1"),
        ({"strata": [0, 1]}, r"strata: expected shape \(4,\)"),
        ({"pictures": np.full((4, 2), np.inf)}, "pictures contains infinity"),
        ({"distance": "manhattan"}, "distance: expected one of"),
        ({"pictures": np.zeros((4, 2)), "distance": "cosine"}, "pictures: the cosine .* zero row"),
    ],
)
def test_bad_input_of_preference_is_named(change, message):
    good = {"profiles": np.eye(2), "pictures": np.eye(4)[:, :2], "users": [0, 0, 1, 1]}
    with pytest.raises(ValueError, match=message):
        preference_auc(**(good | change))
