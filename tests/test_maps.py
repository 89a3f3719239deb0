"""Maps: the plane, its neighbourhoods and labels, against loops from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from visprof import maps


def cloud(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def loop_neighbours(points, k):
    """The k nearest others of each point, one distance at a time."""
    found = []
    for i, point in enumerate(points):
        others = [j for j in range(len(points)) if j != i]
        found.append(sorted(others, key=lambda j: np.linalg.norm(points[j] - point))[:k])
    return np.array(found)


# ---------------------------------------------------------------- the plane


@pytest.fixture(scope="module")
def groups():
    """Three groups far from each other, and which one each point is of."""
    group = np.repeat([0, 1, 2], 20)
    return cloud(60, 8) + 20 * np.eye(8)[group], group


def test_plane_keeps_groups_apart_and_is_the_same_in_every_run(groups):
    features, group = groups
    plane = maps.tsne_plane(features, perplexity=6, random_state=1)
    assert plane.shape == (60, 2)
    assert maps.label_purity(maps.nearest_neighbours(plane, 10), group).mean() == 1
    np.testing.assert_array_equal(plane, maps.tsne_plane(features, 6, random_state=1))


def test_plane_takes_the_largest_perplexity_and_no_more(groups):
    features, _ = groups
    largest = maps.largest_perplexity(60)
    assert np.isfinite(maps.tsne_plane(features, largest)).all()
    with pytest.raises(ValueError, match=r"perplexity: got 20 for 60 points.* = 19\.7, so lower"):
        maps.tsne_plane(features, 20)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.full((60, 3), np.nan), "NaN"),
        (np.full((60, 3), np.inf), "infinity"),
        (np.ones((60, 3)), "all 60 rows are equal"),
        (np.ones((60, 1)), "minimum of 2 is required"),
        (np.ones(60), "Expected 2D array"),
        (cloud(2), "perplexity: got 5 for 2 points"),
    ],
)
def test_plane_of_bad_features(features, message):
    with pytest.raises(ValueError, match=message):
        maps.tsne_plane(features, perplexity=5)


@pytest.fixture(scope="module")
def usual(groups):
    """Their plane at a usual scale."""
    return maps.tsne_plane(np.ldexp(groups[0], 50), perplexity=6)


@pytest.mark.parametrize("exponent", [-1000, -300, 64, 300, 1000])
def test_plane_of_features_of_any_scale(groups, usual, exponent):
    features, group = groups
    plane = maps.tsne_plane(np.ldexp(features, exponent), perplexity=6)
    assert maps.label_purity(maps.nearest_neighbours(plane, 10), group).mean() == 1
    np.testing.assert_array_equal(plane, usual)


def test_plane_takes_a_seed_that_its_generator_has(groups):
    with pytest.raises(ValueError, match=r"random_state: expected a seed below 2\*\*32"):
        maps.tsne_plane(groups[0], 6, random_state=2**32)


@pytest.mark.slow
def test_the_last_places_of_features_do_not_move_the_plane():
    """What another processor's sums change; the descent alone would make another map of it."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 40)) + 3 * np.eye(40)[np.repeat(np.arange(10), 30)]
    plane = maps.tsne_plane(features, perplexity=15)
    moved = features * (1 + 1e-14 * rng.standard_normal(features.shape))
    np.testing.assert_array_equal(maps.tsne_plane(moved, perplexity=15), plane)
    order = rng.permutation(40)  # sums in another order
    np.testing.assert_array_equal(maps.tsne_plane(features[:, order], perplexity=15), plane)


# ---------------------------------------------------------------- neighbours


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 20))
def test_the_last_places_of_points_decide_no_neighbour(seed, k, d):
    """Fifths: many are at equal distance, or in the same place; the first rows are taken."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 6, size=(30, d)) / 5
    got = maps.nearest_neighbours(points, k)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2).round(9)
    np.fill_diagonal(squared, np.inf)
    np.testing.assert_array_equal(got, np.argsort(squared, axis=1, kind="stable")[:, :k])
    codes = np.unique(points, axis=0, return_inverse=True)[1].ravel()  # equal points stay equal
    noisy = points * (1 + 4e-16 * rng.integers(-3, 4, size=points.shape)[codes])
    np.testing.assert_array_equal(maps.nearest_neighbours(noisy, k), got)
    np.testing.assert_array_equal(maps.trust(noisy, got), maps.trust(points, got))


@pytest.mark.parametrize("d", [3, 30])
@pytest.mark.parametrize("distance", [1e7, 1e9, 1e12])
def test_neighbours_in_groups_far_apart(d, distance):
    points = np.round(cloud(60, d), 3)
    points[30:] += distance  # both groups as exact as they are
    points[30:] = points[30:] - distance + distance
    k = 5
    expected = loop_neighbours(points, k)
    got = maps.nearest_neighbours(points, k)
    for i in range(60):  # by distance: others at equal distance may take turns
        np.testing.assert_allclose(
            np.linalg.norm(points[got[i]] - points[i], axis=1),
            np.linalg.norm(points[expected[i]] - points[i], axis=1),
            rtol=1e-12,
        )
    planar = maps.nearest_neighbours(cloud(60, 2, seed=1), k)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    costs = [
        sum(max(0, np.sum(distances[i] < distances[i, j] * (1 - 1e-9)) + 1 - k) for j in planar[i])
        for i in range(60)
    ]
    expected = 1 - 2 / (k * (2 * 60 - 3 * k - 1)) * np.array(costs)
    np.testing.assert_allclose(maps.trust(points, planar), expected)


def test_neighbours_whose_squared_distances_vanish():
    points = np.append(np.arange(1, 12.0)[:, None] ** 2 * 1e-200, [[1.0]], axis=0)
    np.testing.assert_array_equal(maps.nearest_neighbours(points, 2)[1:10], [
        [i - 1, i + 1 if 2 * i + 3 < 4 * i else i - 2] if i > 1 else [0, 2] for i in range(1, 10)
    ])  # fmt: skip


@given(n=st.integers(2, 40), d=st.integers(1, 20), seed=st.integers(0, 99), data=st.data())
def test_neighbours_are_those_of_a_plain_loop(n, d, seed, data):
    k = data.draw(st.integers(1, n - 1))
    points = cloud(n, d, seed) + 1e3  # far from 0
    np.testing.assert_array_equal(maps.nearest_neighbours(points, k), loop_neighbours(points, k))


@pytest.mark.parametrize("n_copies", [2, 15])
@pytest.mark.parametrize("d", [2, 50])
def test_no_point_is_its_own_neighbour_however_many_copies_it_has(n_copies, d):
    points = np.repeat(cloud(6, d), n_copies, axis=0)
    neighbours = maps.nearest_neighbours(points, 10)
    assert not (neighbours == np.arange(len(points))[:, None]).any()
    copies = neighbours // n_copies == np.arange(len(points))[:, None] // n_copies
    assert (copies.sum(axis=1) == min(10, n_copies - 1)).all()


@pytest.mark.parametrize("k", [0, 5])
def test_neighbours_out_of_range(k):
    with pytest.raises(ValueError, match=f"got {k} neighbours for 5 points; each has 4 others"):
        maps.nearest_neighbours(cloud(5), k)


def test_preservation_is_the_share_of_a_plain_loop():
    features, plane = cloud(30), cloud(30, 2, seed=1)
    for k in (1, 5, 29):
        embedded, planar = loop_neighbours(features, k), loop_neighbours(plane, k)
        expected = [len(set(a) & set(b)) / k for a, b in zip(embedded, planar, strict=True)]
        np.testing.assert_allclose(maps.preservation(embedded, planar), expected)


def test_preservation_of_the_embedding_itself_is_1_and_of_random_planes_chance():
    features = cloud(40)
    embedded = maps.nearest_neighbours(features, 6)
    assert (maps.preservation(embedded, embedded) == 1).all()
    random = [
        maps.preservation(embedded, maps.nearest_neighbours(cloud(40, 2, seed), 6)).mean()
        for seed in range(200)
    ]
    assert np.mean(random) == pytest.approx(6 / 39, abs=0.01)


def test_preservation_of_other_shapes():
    with pytest.raises(ValueError, match=r"same shape \(n, k\), got \(4, 2\) and \(4, 3\)"):
        maps.preservation(np.zeros((4, 2), int), np.zeros((4, 3), int))


@given(n=st.integers(5, 60), seed=st.integers(0, 99), data=st.data())
def test_trust_is_trustworthiness(n, seed, data):
    k = data.draw(st.integers(1, (n - 1) // 2))
    features, plane = cloud(n, 5, seed), cloud(n, 2, seed + 1)
    each = maps.trust(features, maps.nearest_neighbours(plane, k))
    assert each.shape == (n,)
    assert each.mean() == pytest.approx(trustworthiness(features, plane, n_neighbors=k))


def test_trust_is_the_same_in_small_blocks(monkeypatch):
    features = cloud(500, 4)
    planar = maps.nearest_neighbours(cloud(500, 2, seed=1), 7)
    whole = maps.trust(features, planar)
    monkeypatch.setattr(maps, "_BLOCK_MIB", 0.1)  # 26 rows of 500 distances
    np.testing.assert_array_equal(maps.trust(features, planar), whole)


def test_chance_trust_is_the_mean_over_random_planes():
    features = cloud(40)
    random = [
        maps.trust(features, maps.nearest_neighbours(cloud(40, 2, seed), 6)).mean()
        for seed in range(300)
    ]
    assert maps.chance_trust(40, 6) == pytest.approx(np.mean(random), abs=0.01)
    assert maps.chance_trust(10**6, 10) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("shape", [(10, 5), (9, 2), (10, 0), (10,)])
def test_trust_of_other_shapes(shape):
    with pytest.raises(ValueError, match=r"expected shape \(10, k\) with k from 1 to below 5"):
        maps.trust(cloud(10), np.zeros(shape, int))


@pytest.mark.parametrize("n", [3, 4, 20, 21, 1000])
def test_trust_is_defined_for_the_neighbourhood(n):
    k = maps.neighbourhood(n)
    assert k <= 10
    assert np.isfinite(maps.trust(cloud(n), maps.nearest_neighbours(cloud(n, 2), k))).all()


# ---------------------------------------------------------------- labels


def test_purity_is_the_share_of_a_plain_loop():
    labels = np.array(list("abcabbcaab"))
    neighbours = loop_neighbours(cloud(10), 4)
    expected = [np.mean([labels[j] == labels[i] for j in row]) for i, row in enumerate(neighbours)]
    np.testing.assert_allclose(maps.label_purity(neighbours, labels), expected)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6).filter(lambda s: sum(s) > 1))
def test_chance_purity_counts_pairs(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = len(labels)
    same = [labels[i] == labels[j] for i in range(n) for j in range(n) if i != j]
    assert maps.chance_purity(labels) == pytest.approx(np.mean(same))


def test_chance_purity_is_the_mean_over_shuffles():
    labels, neighbours = np.repeat([0, 1, 2], [25, 10, 5]), loop_neighbours(cloud(40), 6)
    rng = np.random.default_rng(0)
    shuffled = [maps.label_purity(neighbours, rng.permutation(labels)).mean() for _ in range(500)]
    assert maps.chance_purity(labels) == pytest.approx(np.mean(shuffled), abs=0.005)


@pytest.mark.parametrize("wrong", [-1, 4, 0.5])
def test_neighbours_are_numbers_of_points(wrong):
    with pytest.raises(ValueError, match="neighbours: expected"):
        maps.label_purity(np.full((4, 2), wrong), list("abcd"))


def test_labels_that_do_not_match():
    with pytest.raises(ValueError, match=r"labels: expected shape \(4,\), .* got \(3,\)"):
        maps.label_purity(np.zeros((4, 2), int), list("abc"))
    with pytest.raises(ValueError, match="at least two, got 1"):
        maps.chance_purity(["a"])


# ---------------------------------------------------------------- aggregates


def test_interval_draws_groups_not_points():
    scores = np.repeat([0.0, 1.0], 500)
    mean, low, high = maps.mean_interval(scores, np.repeat(["a", "b"], 500))
    assert (mean, low, high) == (0.5, 0.0, 1.0)  # both draws may be of one group
    mean, low, high = maps.mean_interval(scores, np.arange(1000))
    assert mean == 0.5
    assert low == pytest.approx(0.5 - 1.96 * 0.5 / 1000**0.5, abs=0.005)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / 1000**0.5, abs=0.005)


def test_interval_weighs_groups_by_their_points():
    scores, groups = [1.0, 0.0, 0.0, 0.0], ["a", "b", "b", "b"]
    assert maps.mean_interval(scores, groups)[0] == 0.25
    assert maps.mean_interval(scores, groups) == maps.mean_interval(scores, groups)


@given(shift=st.floats(-5, 5), seed=st.integers(0, 9))
def test_interval_moves_with_the_scores(shift, seed):
    scores, groups = cloud(30, 1, seed)[:, 0], np.arange(30) % 5
    moved = maps.mean_interval(scores + shift, groups, random_state=seed)
    np.testing.assert_allclose(
        moved, np.add(maps.mean_interval(scores, groups, random_state=seed), shift), atol=1e-12
    )


def test_interval_of_bad_input():
    with pytest.raises(ValueError, match="needs at least two, got 1"):
        maps.mean_interval([0.1, 0.2], ["a", "a"])
    with pytest.raises(ValueError, match=r"groups: expected shape \(2,\), .* got \(1,\)"):
        maps.mean_interval([0.1, 0.2], ["a"])
