"""Draws that the simulated worlds share, with pictures or without: tastes, items and repeats."""

from __future__ import annotations

import numpy as np

from visprof.checks import check_finite

__all__ = [
    "BASE_SPREAD", "draw_categories", "draw_category_tastes", "draw_items", "draw_repeats",
    "draw_taste", "in_categories", "items_at", "tastes_around",
]  # fmt: skip

BASE_SPREAD = 0.4  # sd of the population's log-preferences


def draw_taste(base: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a user's early and late taste around the population's.

    Parameters
    ----------
    base : ndarray of shape (k,)
        Log-preferences of the population for k items.
    strength : float
        How much tastes differ, at least 0.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (2, k)
        Probabilities; rows sum to 1.

    Raises
    ------
    ValueError
        If the strength is so large that a log-preference is not finite.

    Examples
    --------
    >>> early, late = draw_taste(np.zeros(4), 0.0, np.random.default_rng(0))  # all users alike
    >>> early
    array([0.25, 0.25, 0.25, 0.25])
    """
    return tastes_around(base, strength, rng.standard_normal((2, len(base))))


def tastes_around(base: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Tastes around the population's, from what is drawn of them.

    Parameters
    ----------
    base, strength
        As of `draw_taste`.
    noise : ndarray of shape (..., k)
        Normal deviations.

    Returns
    -------
    ndarray of shape (..., k)
        Probabilities; rows sum to 1.

    Raises
    ------
    ValueError
        As `draw_taste`.
    """
    with np.errstate(over="ignore"):  # checked
        logits = base + strength * noise
    check_finite(logits, "strength of taste: log-preferences")
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def draw_category_tastes(
    general: np.ndarray,
    base: np.ndarray,
    strength: float,
    n_categories: int,
    carry_over: float,
    user: np.random.SeedSequence,
) -> np.ndarray:
    r"""Draw a user's taste in each category: the general one, or one of its own.

    It is the general one with probability :math:`\sqrt\rho` in each category, so the covariance of
    the tastes in two is rho times the variance of one. (Mixed log-preferences would not do: of a
    half each in common, the probabilities have less than a half.)

    Parameters
    ----------
    general : ndarray of shape (2, k)
        The user's general taste, early and late, as of `draw_taste`.
    base, strength
        What it was drawn with.
    n_categories : int
        At least 1.
    carry_over : float
        The carry-over rho, 0 to 1.
    user : numpy.random.SeedSequence
        The user's. Draws are of a stream of their own, so all else about a user is the same at
        every rho.

    Returns
    -------
    ndarray of shape (2, n_categories, k)
    """
    if carry_over == 1:
        return np.repeat(general[:, None], n_categories, axis=1)
    drawn = draw_categories(user, n_categories, len(base))
    return in_categories(general, base, strength, *drawn, carry_over).swapaxes(0, 1)


def draw_categories(
    user: np.random.SeedSequence, n_categories: int, n_items: int
) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn for `draw_category_tastes`: of each category a chance, and a taste's noise.

    All are drawn, so that none depends on the carry-over.

    Parameters
    ----------
    user, n_categories
        As of `draw_category_tastes`.
    n_items : int
        Number k of items.

    Returns
    -------
    chances : ndarray of shape (n_categories,)
        Uniform.
    noise : ndarray of shape (n_categories, 2, k)
        Normal.
    """
    rng = np.random.default_rng([*user.generate_state(4), 1])
    return rng.random(n_categories), rng.standard_normal((n_categories, 2, n_items))


def in_categories(
    general: np.ndarray,
    base: np.ndarray,
    strength: float,
    chances: np.ndarray,
    noise: np.ndarray,
    carry_over: float,
) -> np.ndarray:
    """Tastes in categories from what is drawn of them (see `draw_category_tastes`).

    Parameters
    ----------
    general : ndarray of shape (2, k), or (n, 1, 2, k) of n users
        General tastes.
    base, strength, carry_over
        As of `draw_category_tastes`.
    chances, noise : ndarray of shape (..., n_categories) and (..., n_categories, 2, k)
        From `draw_categories`.

    Returns
    -------
    ndarray of shape (..., n_categories, 2, k)
    """
    is_own = chances >= np.sqrt(carry_over)
    return np.where(is_own[..., None, None], tastes_around(base, strength, noise), general)


def draw_items(taste: np.ndarray, late: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw items by inversion, by a taste that changes from early to late.

    Parameters
    ----------
    taste : ndarray of shape (2, k) or (2, n, k)
        Early and late, as of `draw_taste`; of each draw, where they differ.
    late : ndarray of shape (n,)
        Weight of the late taste in each draw, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        Numbers of items, 0 to k - 1.
    """
    mixed = (1 - late[:, None]) * taste[0] + late[:, None] * taste[1]
    return items_at(np.cumsum(mixed, axis=1)[:, :-1], rng.random(len(late)))


def items_at(below: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Items by inversion.

    Parameters
    ----------
    below : ndarray of shape (k - 1,) or (n, k - 1)
        Probability of all items up to each but the last.
    uniform : ndarray of shape (n,)
        What is drawn, from 0 to 1.

    Returns
    -------
    ndarray of int, shape (n,)
        Numbers of items, 0 to k - 1.
    """
    return (uniform[:, None] >= below).sum(axis=1)


def draw_repeats(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw which pins of a board show an earlier picture again.

    Parameters
    ----------
    n : int
        Pins of the board.
    share : float
        Share of them that are repeats, 0 to 1; the first cannot be one.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        The pin whose picture each pin shows: itself or an earlier one.
    """
    source = np.arange(n)
    repeats = rng.permutation(np.arange(1, n))[: round(share * n)]
    for pin in np.sort(repeats):
        source[pin] = source[rng.integers(pin)]
    return source
