from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import squareform

from visprof.logodds import log_odds_z, pair_users, pairwise_max_z, prior_weight

VARIANCES = ["two-term", "four-term"]


def oracle(y_i, y_j, g, alpha, variance):
    """Eqs. 4-6 as printed, one cluster at a time."""
    n_i, n_j, total = sum(y_i), sum(y_j), sum(g)
    z = []
    for k in range(len(g)):
        a_i, a_j = y_i[k] + alpha * g[k], y_j[k] + alpha * g[k]
        b_i, b_j = n_i + alpha * total - a_i, n_j + alpha * total - a_j
        delta = math.log(a_i / b_i) - math.log(a_j / b_j)
        sigma2 = 1 / a_i + 1 / a_j
        if variance == "four-term":
            sigma2 += 1 / b_i + 1 / b_j
        z.append(delta / math.sqrt(sigma2))
    return np.array(z)


def draw(seed, n, k):
    rng = np.random.default_rng(seed)
    counts = rng.gamma(0.3, 20, size=(n, k)) * (rng.uniform(size=(n, k)) < 0.7)
    counts[:, 0] += 0.1  # nobody is without pins
    return counts, rng.gamma(1.0, 50, size=k) + 1e-3


@given(st.integers(2, 30), st.floats(1e-4, 100), st.sampled_from(VARIANCES), st.integers(0, 10_000))
def test_one_pair_equals_the_equations_and_flips_sign(k, alpha, variance, seed):
    (y_i, y_j), g = draw(seed, 2, k)
    z = log_odds_z(y_i, y_j, g, alpha, variance)
    np.testing.assert_allclose(z, oracle(y_i, y_j, g, alpha, variance), rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(z, -log_odds_z(y_j, y_i, g, alpha, variance))


@given(st.integers(2, 12), st.integers(2, 20), st.sampled_from(VARIANCES), st.integers(0, 1000))
def test_all_pairs_equal_one_pair_at_a_time_in_pdist_order(n, k, variance, seed):
    counts, g = draw(seed, n, k)
    expected = [
        np.abs(log_odds_z(counts[i], counts[j], g, 0.05, variance)).max()
        for i in range(n)
        for j in range(i + 1, n)
    ]
    got = pairwise_max_z(counts, g, 0.05, variance)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def sparse(rng, n, k):
    return np.array([np.bincount(rng.choice(k, 3), minlength=k) for _ in range(n)])


COUNTS = {
    "random": lambda rng, n, k: rng.integers(0, 50, (n, k)) + 1,
    "sparse": sparse,
    "fractional": lambda rng, n, k: 100 * rng.dirichlet(np.full(k, 0.1), n),
    "unit sums": lambda rng, n, k: rng.dirichlet(np.ones(k), n),
    "equal users": lambda rng, n, k: np.tile(rng.integers(1, 9, k), (n, 1)),
    "one cluster each": lambda rng, n, k: 100 * np.eye(k)[rng.integers(0, k, n)],
}


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("kind", COUNTS)
def test_float32_counts_equal_plain_loops(kind, variance):
    rng = np.random.default_rng(1)
    counts = COUNTS[kind](rng, 9, 12).astype(np.float32)
    g = rng.gamma(0.5, 100, 12).astype(np.float32)
    users, background = counts.astype(float).tolist(), g.astype(float).tolist()
    expected = [
        np.abs(oracle(users[i], users[j], background, 0.01, variance)).max()
        for i in range(9)
        for j in range(i + 1, 9)
    ]
    np.testing.assert_allclose(
        pairwise_max_z(counts, g, 0.01, variance), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("n", [63, 64, 65, 130])
def test_pairs_across_tiles_stand_where_pdist_puts_them(n):
    counts, g = draw(4, n, 3)
    z = squareform(pairwise_max_z(counts, g, 0.1))
    for i, j in np.random.default_rng(0).integers(0, n, (300, 2)):
        expected = np.abs(log_odds_z(counts[i], counts[j], g, 0.1)).max()
        assert z[i, j] == pytest.approx(expected, rel=1e-9)


def test_words_unique_to_opposite_sides_have_opposite_signs():
    z = log_odds_z([10, 0, 5], [0, 10, 5], [1, 1, 1], 0.1)
    assert z[0] > 0 > z[1]
    assert z[2] == pytest.approx(0)


def test_equal_users_have_z_zero():
    counts, g = draw(0, 1, 10)
    assert pairwise_max_z(np.repeat(counts, 3, axis=0), g, 1.0).tolist() == [0, 0, 0]


def test_cluster_without_count_or_prior_carries_no_evidence():
    y_i, y_j, g = [5.0, 0.0, 3.0, 2.0], [1.0, 0.0, 4.0, 0.0], [1.0, 0.0, 2.0, 0.0]
    z = log_odds_z(y_i, y_j, g, 0.5)
    assert z[1] == z[3] == 0
    assert np.isfinite(z).all()
    assert pairwise_max_z([y_i, y_j], g, 0.5)[0] == np.abs(z).max()


def test_no_evidence_is_the_limit_of_a_vanishing_prior():
    z = [log_odds_z([5, 2], [4, 0], [1, g], 0.5)[1] for g in (1e-4, 1e-8, 1e-12)]
    assert z[0] > z[1] > z[2] > 0
    assert z[2] < 1e-4


def test_stronger_prior_shrinks_and_four_terms_shrink():
    counts, g = draw(3, 6, 8)
    weak, strong = pairwise_max_z(counts, g, 0.01), pairwise_max_z(counts, g, 10.0)
    assert (strong < weak).all()
    assert (pairwise_max_z(counts, g, 0.01, "four-term") < weak).all()


@pytest.mark.slow
def test_four_terms_are_calibrated_on_a_large_cluster():
    rng = np.random.default_rng(0)
    share = np.array([0.33, 0.33, 0.34])
    draws = rng.multinomial(300, share, size=(2, 4000))
    sd = {
        variance: np.std(
            [
                log_odds_z(i, j, share, 1e-3, variance)[0]
                for i, j in zip(draws[0], draws[1], strict=True)
            ]
        )
        for variance in VARIANCES
    }
    assert sd["four-term"] == pytest.approx(1.0, abs=0.05)
    assert sd["two-term"] == pytest.approx(1.21, abs=0.05)


GOOD = {"counts": [[1.0, 2.0], [3.0, 4.0]], "background": [1.0, 1.0], "alpha": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [[1.0, np.nan], [3.0, 4.0]]}, "counts: expected finite .* 1 NaN"),
        ({"counts": [[1.0, -2.0], [3.0, 4.0]]}, "counts: .* 1 negative"),
        ({"counts": [[1.0, 2.0], [0.0, 0.0]]}, r"counts: all zero for the users in rows 1;"),
        ({"counts": [[1.0, 2.0]]}, r"n >= 2 users, got \(1, 2\)"),
        ({"counts": [1.0, 2.0]}, r"counts: expected shape \(n, k\)"),
        ({"background": [0.0, 0.0]}, "background: all counts are zero"),
        ({"background": [1.0, -1.0]}, "background: .* 1 negative"),
        ({"background": [1.0, 1.0, 1.0]}, r"background: expected shape \(2,\)"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": np.nan}, "alpha"),
        ({"variance": "three-term"}, "variance"),
        ({"counts": [[1.0], [2.0]], "background": [1.0]}, "undefined"),
        ({"counts": [[1.0, 0.0], [1.0, 1.0]], "background": [1.0, 0.0]}, "mass of user 0"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        pairwise_max_z(**(GOOD | change))


def test_one_pair_needs_two_vectors_of_one_length():
    with pytest.raises(ValueError, match="one shape"):
        log_odds_z([1, 2], [1, 2, 3], [1, 1], 1.0)
    with pytest.raises(ValueError, match="y_j: expected shape"):
        log_odds_z([1, 2], [[1, 2]], [1, 1], 1.0)
    with pytest.raises(ValueError, match="y_j: all counts are zero"):
        log_odds_z([1, 2], [0, 0], [1, 1], 1.0)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_a_place_in_pdist_order_is_a_pair(n):
    places = squareform(np.arange(n * (n - 1) // 2))
    for place, (i, j) in enumerate(pair_users(range(n * (n - 1) // 2), n)):
        assert i < j
        assert places[i, j] == place


def exactly(y_i, y_j, g, alpha, variance):
    """Eqs. 4-6 in decimals of 50 digits."""
    with localcontext(prec=50):
        y_i, y_j, g = ([Decimal(float(count)) for count in counts] for counts in (y_i, y_j, g))
        inside = [
            [y + Decimal(alpha) * prior for y, prior in zip(u, g, strict=True)] for u in (y_i, y_j)
        ]
        z = []
        for k in range(len(g)):
            a = [user[k] for user in inside]
            b = [sum(user[:k] + user[k + 1 :]) for user in inside]
            delta = (a[0] / b[0]).ln() - (a[1] / b[1]).ln()
            terms = a + b if variance == "four-term" else a
            z.append(float(delta / sum(1 / term for term in terms).sqrt()))
        return z


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize(
    ("y_i", "y_j", "g", "alpha"),
    [
        ([9e307, 1e307, 9e307], [1e307, 2e307, 3e307], [1, 1, 1], 0.01),
        ([1.7e308, 1.5e308, 1.6e308], [1, 2, 3], [1, 1, 1], 0.01),
        ([1e200, 3e-200, 2], [3, 4e200, 1e-150], [1e-170, 1e-180, 1e-190], 1e-20),
        ([1e-200, 3e-200, 0], [3e-200, 4e-200, 1e-201], [1e-200, 1e-201, 1e-200], 0.1),
        ([5, 0, 3], [1, 2, 3], [1e-300, 2e-300, 1e-300], 0.5),
    ],
)
def test_counts_near_the_ends_of_double_precision(y_i, y_j, g, alpha, variance):
    expected = exactly(y_i, y_j, g, alpha, variance)
    np.testing.assert_allclose(log_odds_z(y_i, y_j, g, alpha, variance), expected, rtol=1e-12)
    largest = pairwise_max_z([y_i, y_j], g, alpha, variance)[0]
    assert largest == pytest.approx(np.abs(expected).max(), rel=1e-9)


def test_a_prior_that_overflows_is_named():
    with pytest.raises(ValueError, match=r"counts \+ alpha \* background, alpha=1e\+308: 4 of 4"):
        pairwise_max_z([[1.0, 2.0], [3.0, 4.0]], [3.0, 4.0], 1e308)


def test_places_of_pairs_are_whole_and_in_range():
    with pytest.raises(TypeError, match="places: expected whole numbers"):
        pair_users([0.0, 1.0], 4)
    with pytest.raises(ValueError, match="places: expected 0 to 5, for n_users=4, got 6, -1"):
        pair_users([0, 6, -1], 4)


# --- the prior in pins ----------------------------------------------------------------------------


@pytest.mark.parametrize("variance", VARIANCES)
def test_a_prior_of_so_many_pins_is_that_many_over_those_of_the_background(variance):
    counts, background = draw(0, 6, 9)
    alpha = 20 / background.sum()
    np.testing.assert_array_equal(
        pairwise_max_z(counts, background, variance=variance, prior_pins=20),
        pairwise_max_z(counts, background, alpha, variance),
    )
    np.testing.assert_array_equal(
        log_odds_z(counts[0], counts[1], background, variance=variance, prior_pins=20),
        log_odds_z(counts[0], counts[1], background, alpha, variance),
    )


def test_a_prior_in_pins_means_the_same_whatever_the_size_of_the_background():
    counts, background = draw(1, 5, 7)
    by_pins = [pairwise_max_z(counts, g, prior_pins=20) for g in (background, 1000 * background)]
    np.testing.assert_allclose(*by_pins, rtol=1e-9)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "alpha: expected a finite number above 0, or prior_pins: .* got neither"),
        ({"alpha": 0.1, "prior_pins": 20}, "alpha and prior_pins: .* got 0.1 and 20"),
    ],
)
def test_the_prior_is_given_once(given, told):
    counts, background = draw(0, 3, 4)
    with pytest.raises(TypeError, match=told):
        log_odds_z(counts[0], counts[1], background, **given)
    with pytest.raises(TypeError, match=told):
        pairwise_max_z(counts, background, **given)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_a_prior_in_pins_is_positive_and_finite(value):
    with pytest.raises(ValueError, match="prior_pins: expected a finite number above 0"):
        prior_weight([1.0, 2.0], prior_pins=value)


def test_a_prior_in_pins_needs_a_background():
    with pytest.raises(TypeError, match="prior_pins"):
        prior_weight([1.0, 2.0], prior_pins="20")
    with pytest.raises(ValueError, match="background: all counts are zero"):
        prior_weight([0.0, 0.0], prior_pins=20)
    with pytest.raises(ValueError, match="sum of background"):
        prior_weight([1e308, 1e308], prior_pins=20)
    with pytest.raises(ValueError, match="background: expected finite counts"):
        prior_weight([1.0, -2.0], prior_pins=20)
    with pytest.raises(ValueError, match=r"1e-300 / 1e\+300"):
        prior_weight([1e300], prior_pins=1e-300)
