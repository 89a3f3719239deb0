"""The Dirichlet-multinomial: its likelihood, the maximum of it, and what is expected of it."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.optimize import minimize
from scipy.special import digamma

from visprof._dirichlet_fit import digamma_rise, log_likelihood, tallied
from visprof.dirichlet import (
    WEAKEST,
    count_chances,
    expected_log_probability,
    fit_dirichlet_multinomial,
    fit_strength,
    log_probability,
)

COUNTS = arrays(np.int64, (4, 3), elements=st.integers(0, 30))
ALPHA = arrays(np.float64, 3, elements=st.floats(0.01, 100))


# --- the likelihood


@given(COUNTS, ALPHA)
def test_the_likelihood_is_scipys_but_for_the_orders_of_pins(counts, alpha):
    ours = log_probability(counts, alpha)
    for own, row in zip(ours, counts, strict=True):
        n = int(row.sum())
        orders = stats.multinomial.logpmf(row, n, np.full(3, 1 / 3)) + n * np.log(3)
        assert own + orders == pytest.approx(
            stats.dirichlet_multinomial.logpmf(row, alpha, n), rel=1e-8, abs=1e-7
        )


@given(arrays(np.int64, 5, elements=st.integers(0, 2)), ALPHA)
def test_the_likelihood_is_the_product_of_one_pin_after_the_other(pins, alpha):
    own, expected = np.zeros(3), 0.0
    for pin in pins:
        expected += np.log((alpha[pin] + own[pin]) / (alpha.sum() + own.sum()))
        own[pin] += 1
    assert log_probability([own], alpha)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "alpha", [[1.0, 0.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf], [], "12", ["1", "2"], None]
)
def test_parameters_are_numbers_above_0(alpha):
    for function in (log_probability, lambda counts, alpha: expected_log_probability(alpha, 2)):
        with pytest.raises(
            (TypeError, ValueError), match=r"alpha: (expected|1 of 2 values are NaN)"
        ):
            function([[1, 2]], alpha)


@pytest.mark.parametrize("alpha", [[1e308] * 2, [1e-320] * 2])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parameters_too_large_or_small_to_compute_with_are_refused(alpha):
    with pytest.raises(ValueError, match="log probability of alpha: 1 of 1 values are not finite"):
        log_probability([[1, 0]], alpha)
    with pytest.raises(ValueError, match="alpha: "):
        expected_log_probability(alpha, 2)


def test_an_expectation_is_of_one_row_of_parameters():
    with pytest.raises(ValueError, match=r"alpha: expected shape \(k,\), got \(1, 2\)"):
        expected_log_probability([[1.0, 2.0]], 2)


def test_counts_are_checked():
    with pytest.raises(ValueError, match="counts: Negative values in data, at row 1"):
        log_probability([[1, 2], [1, -1]], [1.0, 1.0])
    with pytest.raises(ValueError, match="counts"):
        log_probability([[1, np.nan]], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"alpha: expected shape \(2,\) or \(1, 2\), got \(3,\)"):
        log_probability([[1, 2]], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="counts contains NaN"):
        log_probability(np.ma.masked_equal([[1, 2]], 2), [1.0, 1.0])


def test_a_billion_pins_are_not_too_many_but_more_are():
    users = np.random.default_rng(0).dirichlet([4.0, 6.0, 10.0], 40)
    many, few = (fit_dirichlet_multinomial(np.floor(users * n)) for n in (1e9, 1e5))
    assert many.strength == pytest.approx(few.strength, rel=0.01)
    with pytest.raises(
        ValueError, match=r"counts: expected .* at most 1e\+09, got 2e\+09 at row 1"
    ):
        fit_dirichlet_multinomial([[1e9, 1], [1, 2e9]])
    with pytest.raises(ValueError, match="smoothing: expected a finite number"):
        fit_dirichlet_multinomial([[1, 2]], 1e308)


# --- its maximum


@pytest.mark.parametrize("strength", [2.0, 20.0])
def test_the_maximum_is_that_of_a_general_search(strength):
    rng = np.random.default_rng(0)
    users = rng.dirichlet(strength * np.array([0.5, 0.3, 0.2]), 60)
    counts = np.array([rng.multinomial(50, user) for user in users])
    found = fit_dirichlet_multinomial(counts)
    best = minimize(
        lambda logs: -log_probability(counts, np.exp(logs)).sum(), np.log(found.alpha) + 0.3,
        method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000},
    )  # fmt: skip
    assert found.objective[-1] == pytest.approx(-best.fun, abs=1e-3)
    np.testing.assert_allclose(found.alpha, np.exp(best.x), rtol=0.01)
    assert found.strength == pytest.approx(strength, rel=0.5)


@given(arrays(np.int64, (6, 3), elements=st.integers(0, 9)), st.floats(0, 2))
def test_no_iteration_lowers_the_objective(counts, smoothing):
    if not counts.sum() + smoothing:
        return
    found = fit_dirichlet_multinomial(counts, smoothing)
    rises = np.diff(found.objective)
    assert (rises >= -1e-8 * np.abs(found.objective).max()).all()
    assert found.shares.sum() == pytest.approx(1)
    assert (found.shares >= 0).all()
    assert 0.01 <= found.strength <= WEAKEST
    # no shares near by are better
    at = found.objective[-1]
    for one, other in itertools.permutations(range(3), 2):
        moved = found.shares.copy()
        step = min(1e-3, moved[one] / 2)
        moved[one] -= step
        moved[other] += step
        if (moved > 0).all():
            with_moved = log_probability(counts, found.strength * moved).sum()
            assert with_moved + smoothing * np.log(moved).sum() <= at + 1e-3 + 1e-3 * abs(at)


def test_users_who_do_not_differ_have_the_weakest_taste():
    found = fit_dirichlet_multinomial([[10, 10], [9, 11], [10, 10]])
    assert found.strength == WEAKEST
    np.testing.assert_allclose(found.shares, [29 / 60, 31 / 60], rtol=1e-6)


def test_an_item_that_nobody_has_has_no_share_but_for_smoothing():
    counts = [[5, 3, 0], [2, 9, 0], [7, 0, 0]]
    assert fit_dirichlet_multinomial(counts).shares[2] == 0
    assert 0 < fit_dirichlet_multinomial(counts, 0.5).shares[2] < 0.05
    with pytest.raises(ValueError, match="there is no pin, and no smoothing"):
        fit_dirichlet_multinomial([[0, 0]])
    nobody = fit_dirichlet_multinomial([[0, 0]], 1.0)
    assert nobody.shares.tolist() == [0.5, 0.5]


def test_users_without_pins_say_nothing():
    counts = [[5, 3], [2, 9], [7, 0]]
    one, other = (fit_dirichlet_multinomial(of) for of in (counts, [*counts, [0, 0]]))
    assert one.strength == other.strength


def test_a_shared_strength_is_the_best_for_all_groups_together():
    rng = np.random.default_rng(1)
    shares = [np.array([0.5, 0.5]), np.array([0.2, 0.3, 0.5])]
    groups = [
        np.array([rng.multinomial(30, rng.dirichlet(5 * share)) for _ in range(200)])
        for share in shares
    ]
    found = fit_strength(groups, shares)
    assert found == pytest.approx(5, rel=0.2)

    def objective(strength):
        return sum(
            log_probability(of, strength * share).sum()
            for of, share in zip(groups, shares, strict=True)
        )

    assert all(objective(found) >= objective(found * by) for by in (0.99, 1.01, 0.1, 10))
    with pytest.raises(ValueError, match="one of each for each group, got 2 and 1"):
        fit_strength(groups, shares[:1])


@pytest.mark.parametrize(
    ("counts", "shares", "message"),
    [
        ([[1, -1]], [0.5, 0.5], r"counts\[1\]: Negative values"),
        ([[1, 1]], [0.2, 0.3, 0.5], r"shares\[1\]: expected shape \(2,\), got \(3,\)"),
        ([[1, 1]], [[0.5, 0.5]], r"shares\[1\]: expected shape"),
        ([[1, 1]], [0.5, 0.6], r"shares\[1\]: expected shares .* got 0.5, 0.6, of sum 1.1"),
        ([[1, 1]], [0.0, 1.0], r"shares\[1\]: expected shares above 0"),
        ([[1, 1]], ["a", "b"], r"shares\[1\]: expected numbers"),
    ],
)
def test_a_group_that_cannot_be_fitted_is_named(counts, shares, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fit_strength([[[1, 2]], counts], [[0.5, 0.5], shares])


# --- what is expected


@pytest.mark.parametrize("n_pins", [0, 1, 6])
def test_chances_are_those_of_two_items(n_pins):
    found = count_chances(n_pins, 0.7, 2.0)
    expected = [
        stats.dirichlet_multinomial.pmf([n, n_pins - n], [0.7, 1.3], n_pins)
        for n in range(n_pins + 1)
    ]
    np.testing.assert_allclose(found, expected)
    assert count_chances(n_pins, 2.0, 2.0).tolist() == [0.0] * n_pins + [1.0]


def test_the_expectation_is_over_all_pins_that_there_could_be():
    alpha = np.array([0.5, 1.0, 2.0])
    counts = [
        np.bincount(np.array(pins), minlength=3) for pins in itertools.product(range(3), repeat=4)
    ]
    logs = log_probability(counts, alpha)
    assert expected_log_probability(alpha, 4) == pytest.approx(np.exp(logs) @ logs)
    assert expected_log_probability(alpha, 0) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 1.0, 2.0), "n_pins: expected a whole number"),
        ((2.0, 1.0, 2.0), "n_pins: expected a whole number"),
        ((2, 0.0, 2.0), "alpha: expected a finite number"),
        ((2, 3.0, 2.0), "alpha: expected a finite number"),
        ((2, 1.0, np.nan), "strength: expected a finite number"),
        ((2, 1.0, np.inf), "strength: expected a finite number"),
        ((2, 1.0, "2"), "strength: expected a finite number"),
    ],
)
def test_what_has_no_chances_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        count_chances(*arguments)


@given(alpha=st.floats(1e-6, 1e6), count=st.integers(0, 200))
def test_the_rise_of_digamma_is_a_sum_over_pins(alpha, count):
    """Exactly, also where two values of digamma are nearly equal."""
    expected = math.fsum(1 / (Fraction(alpha) + i) for i in range(count))
    found = digamma_rise(alpha, float(count))
    assert found == pytest.approx(expected, rel=1e-14, abs=0)


@given(alpha=st.floats(1e-6, 1), count=st.floats(0.1, 1e4))
def test_the_rise_of_digamma_is_that_of_scipy_for_tempered_pins(alpha, count):
    found = digamma_rise(alpha, count)
    np.testing.assert_allclose(found, digamma(alpha + count) - digamma(alpha), rtol=1e-12)


def test_counts_that_are_equal_are_worked_out_once():
    groups = [np.array([[3.0, 0.0], [3.0, 3.0], [0.0, 0.5]]), np.array([[2.0], [0.0]])]
    values, items, times, totals, users = tallied(groups)
    assert list(zip(values, items, times, strict=True)) == [
        (3.0, 0, 2.0), (0.5, 1, 1.0), (3.0, 1, 1.0), (2.0, 2, 1.0)
    ]  # fmt: skip
    assert list(zip(totals, users, strict=True)) == [
        (0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (3.0, 1.0), (6.0, 1.0)
    ]  # fmt: skip


@given(st.integers(0, 2**16), st.booleans())
def test_counts_worked_out_once_give_the_likelihood(seed, by_columns):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 4, (9, 3)) * rng.choice([1.0, 0.7], (9, 1))
    users = np.asfortranarray(users) if by_columns else users
    shares, strength = rng.dirichlet([1, 1, 1]), rng.gamma(2)
    found = log_likelihood(*tallied([users]), shares, np.log(strength))
    assert found == pytest.approx(log_probability(users, strength * shares).sum(), rel=1e-12)


@given(st.integers(0, 2**16))
def test_fits_are_those_of_plain_steps(seed):
    """The two steps in turn, as they are written down, on all counts at once."""
    rng = np.random.default_rng(seed)
    users = rng.dirichlet(rng.gamma(2, size=3) + 0.2, 30)
    counts = np.array([rng.multinomial(20, user) for user in users]).astype(float)
    counts *= rng.choice([1.0, 0.6], (30, 1))
    found = fit_dirichlet_multinomial(counts, 0.5)
    if found.strength == WEAKEST:
        return
    shares, alpha = found.shares, found.alpha
    moved = 0.5 + (alpha * (digamma(alpha + counts) - digamma(alpha))).sum(axis=0)
    np.testing.assert_allclose(moved / moved.sum(), shares, atol=1e-8)
    slope = (shares * (digamma(alpha + counts) - digamma(alpha))).sum()
    whole, totals = found.strength, counts.sum(axis=1)
    slope -= (digamma(whole + totals) - digamma(whole)).sum()
    assert found.strength == pytest.approx(0.01) or abs(whole * slope) < 1e-6
