"""Pins saved: how many own pins a profile from another platform is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_numbers, check_whole
from visprof.intervals import Estimate, estimate_over_seeds, mean_draws, resample_counts
from visprof.ties import TIE

__all__ = ["pins_saved", "pins_saved_estimate"]


def pins_saved(curve: ArrayLike, level: ArrayLike, sizes: Sequence[int]) -> NDArray[np.float64]:
    """Own pins that are worth as much as the source: where a curve first reaches a level.

    Parameters
    ----------
    curve : array-like of shape (..., s)
        Scores of profiles of own pins alone, by their number; straight lines join them.
    level : array-like of shape (...)
        Scores with the source and no own pin.
    sizes : sequence of int, length s
        Numbers of own pins, increasing.

    Returns
    -------
    ndarray of shape (...)
        At least the first of sizes; the last where the curve never reaches the level (censored).
        Scores that differ by a billionth, or less, are equal.

    Raises
    ------
    TypeError
        If a score is no number.
    ValueError
        If shapes do not match, sizes do not increase, or a score is not finite.

    Examples
    --------
    >>> pins_saved([0.0, 0.25, 0.75], 0.5, [0, 1, 5]).tolist()
    3.0
    >>> pins_saved([[0.1, 0.2, 0.4]] * 2, [0.05, 0.5], [0, 1, 5]).tolist()  # none, and at least 5
    [0.0, 5.0]
    """
    scores, target = _of_any_shape(curve, "curve"), _of_any_shape(level, "level")
    at = check_numbers(sizes, None, "sizes")
    if scores.shape[-1:] != at.shape or scores.shape[:-1] != target.shape or len(at) < 2:
        raise ValueError(
            f"curve {scores.shape}, level {target.shape} and sizes {at.shape}: expected (..., s), "
            "(...) and (s,), s > 1"
        )
    if not (np.diff(at) > 0).all():
        raise ValueError(f"sizes: expected increasing numbers, got {list(sizes)}")
    reached = scores >= (target - TIE * np.abs(target))[..., None]
    place = reached.argmax(axis=-1)
    before = np.maximum(place - 1, 0)
    low, high = (
        np.take_along_axis(scores, of[..., None], axis=-1)[..., 0] for of in (before, place)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, np.minimum((target - low) / (high - low), 1), 1.0)
    found = np.where(place > 0, at[before] + share * (at[place] - at[before]), at[0])
    return np.where(reached.any(axis=-1), found, at[-1])


def _of_any_shape(values: ArrayLike, name: str) -> NDArray[np.float64]:
    return check_numbers(np.ravel(values), None, name).reshape(np.shape(values))


def pins_saved_estimate(
    own: Mapping[int, NDArray[np.float64]],
    transferred: NDArray[np.float64],
    n_resamples: int = 2000,
    random_state: int = 0,
) -> Estimate:
    """Pins saved by means over users, with an interval for the draw of users and of seeds.

    Parameters
    ----------
    own : mapping of int to array-like of shape (S, m)
        Scores of m users by each of S seeds, by the number of own pins, without the source.
    transferred : array-like of shape (S, m)
        Scores with the source and no own pin. The same draws of users serve both.
    n_resamples, random_state : int
        Number of bootstrap draws, and their seed.

    Returns
    -------
    Estimate
        Ends of the interval are censored as values are, see `pins_saved`.

    Raises
    ------
    TypeError, ValueError
        As `pins_saved` and `mean_over_seeds`.

    Examples
    --------
    >>> own = {0: [[0.2, 0.3, 0.2, 0.3]], 1: [[0.6, 0.5, 0.5, 0.6]], 5: [[1.0, 0.9, 1.0, 0.9]]}
    >>> f"{pins_saved_estimate(own, [[0.7, 0.8, 0.8, 0.7]]):.1f}"
    '3.0 (2.1 to 3.7)'
    """
    sizes = sorted(check_whole(size, "own: known pins", 0) for size in own)
    level = _of_any_shape(transferred, "transferred")
    by_size = [_of_any_shape(own[size], f"own[{size}]") for size in sizes]
    if level.ndim != 2 or len(sizes) < 2 or {of.shape for of in by_size} != {level.shape}:
        raise ValueError(
            f"own and transferred: expected one shape (S, m), of two numbers of own pins at least, "
            f"got {[of.shape for of in by_size]} and {level.shape}"
        )
    scores = np.stack(by_size, axis=-1)
    times = resample_counts(level.shape[1], n_resamples, random_state)
    values = pins_saved(scores.mean(axis=1), level.mean(axis=1), sizes)
    draws = np.stack(
        [
            pins_saved(mean_draws(curves, times), mean_draws(of, times), sizes)
            for curves, of in zip(scores, level, strict=True)
        ],
        axis=1,
    )
    return estimate_over_seeds(values, draws, random_state).of(level.shape[1], "users")
