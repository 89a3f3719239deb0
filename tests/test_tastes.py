"""Draws that both simulated worlds share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from visprof.sources.tastes import draw_items, draw_repeats, draw_taste


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
