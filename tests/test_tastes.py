"""Draws that both simulated worlds share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from visprof.sources.tastes import draw_category_tastes, draw_items, draw_repeats, draw_taste


@given(st.integers(1, 8), st.floats(0, 5), st.integers(0, 99))
def test_tastes_are_softmaxes_around_the_populations(k, strength, seed):
    base = np.random.default_rng(seed + 1).normal(size=k)
    taste = draw_taste(base, strength, np.random.default_rng(seed))
    noise = np.random.default_rng(seed).standard_normal((2, k))
    np.testing.assert_allclose(taste, softmax(base + strength * noise, axis=1), rtol=1e-12)


def test_a_taste_too_strong_to_compute_is_refused():
    with pytest.raises(ValueError, match="strength of taste: log-preferences"):
        draw_taste(np.zeros(30), 1.7e308, np.random.default_rng(0))


@pytest.mark.parametrize("late", [0.0, 0.25, 1.0])
def test_items_are_drawn_by_the_mixture_of_early_and_late(late):
    taste = np.array([[0.5, 0.3, 0.2, 0.0], [0.0, 0.1, 0.2, 0.7]])
    items = draw_items(taste, np.full(20_000, late), np.random.default_rng(0))
    expected = (1 - late) * taste[0] + late * taste[1]
    drawn = np.bincount(items, minlength=4)
    assert not drawn[expected == 0].any()
    there = expected > 0
    assert chisquare(drawn[there], 20_000 * expected[there]).pvalue > 0.001


@given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 99))
def test_repeats_show_earlier_pictures_and_are_as_many_as_asked(n, share, seed):
    source = draw_repeats(n, share, np.random.default_rng(seed))
    own = np.arange(n)
    assert source[0] == 0
    assert np.all(source <= own)
    assert np.all(source[source] == source)  # what is repeated is no repeat
    assert (source != own).sum() == min(n - 1, round(share * n))


def category_tastes(carry_over, n_users=4000, n_categories=3):
    base, found = np.array([0.3, 0.0, -0.3]), []
    for user in np.random.SeedSequence(0).spawn(n_users):
        general = draw_taste(base, 1.0, np.random.default_rng(user))
        found.append(draw_category_tastes(general, base, 1.0, n_categories, carry_over, user)[0])
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("carry_over", [0.0, 0.25, 1.0])
def test_tastes_vary_as_much_at_every_carry_over_and_share_it(carry_over):
    tastes = category_tastes(carry_over)
    centred = tastes - tastes.mean(axis=0)
    variances = (centred**2).mean(axis=0)
    np.testing.assert_allclose(variances, category_tastes(1.0).var(axis=0), rtol=0.1)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        covariance = (centred[:, a] * centred[:, b]).mean(axis=0)
        correlation = covariance / np.sqrt(variances[a] * variances[b])
        np.testing.assert_allclose(correlation, carry_over, atol=0.06)
    np.testing.assert_allclose(tastes.sum(axis=2), 1)


def test_tastes_that_carry_over_are_the_general_one():
    general = draw_taste(np.zeros(4), 1.0, np.random.default_rng(0))
    user = np.random.SeedSequence(5)
    tastes = draw_category_tastes(general, np.zeros(4), 1.0, 3, 1.0, user)
    np.testing.assert_array_equal(tastes, np.repeat(general[:, None], 3, axis=1))
    own = draw_category_tastes(general, np.zeros(4), 1.0, 3, 0.0, user)
    assert not np.isin(own, general).any()
    half = draw_category_tastes(general, np.zeros(4), 1.0, 3, 0.5, user)
    for category in range(3):  # what is not general is the same at every carry-over
        among = general, own[:, category]
        assert any(np.array_equal(half[:, category], of) for of in among)


def test_items_may_be_drawn_by_a_taste_each():
    rng = np.random.default_rng(0)
    tastes = rng.dirichlet(np.ones(4), (2, 50))
    late = rng.random(50)
    together = draw_items(tastes, late, np.random.default_rng(1))
    drawn = np.random.default_rng(1).random(50)
    for place in range(50):
        mixed = (1 - late[place]) * tastes[0, place] + late[place] * tastes[1, place]
        assert together[place] == min(3, np.searchsorted(np.cumsum(mixed), drawn[place], "right"))
