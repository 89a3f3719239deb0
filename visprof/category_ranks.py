"""Are users found in one category of pictures by what they collect in another?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._cells import FEWEST, counted_cells
from visprof._lazy import lazily
from visprof.checks import check_groups
from visprof.held_out import session_halves
from visprof.rank_scores import random_mrr
from visprof.ties import TIE

with lazily():
    from visprof.prediction import rank_users

__all__ = ["TransferRanks", "transfer_ranks"]


@dataclass(frozen=True)
class TransferRanks:
    """How well users are found in one category by their pins in another, and in the same one.

    Means over the ordered pairs of categories that a user has; NaN for a user who has none.

    Attributes
    ----------
    users : ndarray of shape (n,)
        Sorted.
    other, same : ndarray of shape (n,)
        Reciprocal rank of a user's held-out pins in a category, by as many pins in another
        category and in the same one.
    random : ndarray of shape (n,)
        Its expectation in a random ranking of as many users.
    n_candidates : ndarray of shape (n,)
        Users among whom each is sought.
    """

    users: NDArray
    other: NDArray[np.float64]
    same: NDArray[np.float64]
    random: NDArray[np.float64]
    n_candidates: NDArray[np.float64]


def transfer_ranks(
    pins: ArrayLike,
    users: ArrayLike,
    categories: ArrayLike,
    sessions: ArrayLike,
    order: ArrayLike,
    distance: str = "cosine",
    min_pins: int = 8,
) -> TransferRanks:
    """Train on one category, test on another: ranks of users, beside those within the category.

    For each ordered pair of categories A and B that at least 3 users have, among these: the test
    profile is the mean of the second half of a user's pins in B, whole sessions. It is sought by as
    many pins of A and of the first half of B, as many as the fewer of both, spread evenly over
    their order; sessions of the test pins are not among them. All profiles are less their mean over
    the users, which takes away what the category shows of everyone. (The mean over the *other*
    users would make all differences larger by the same factor, n / (n - 1), and no rank another.)
    A pair of which one side shows the same of all users tells nothing, and is left out.

    Parameters
    ----------
    pins, users, categories, sessions, min_pins
        As for :func:`visprof.carry_over.carry_over`.
    order : array-like of shape (n,)
        When each pin was added, or other values that can be put in order.
    distance : {"euclidean", "cosine"}, default="cosine"
        Between profiles.

    Returns
    -------
    TransferRanks
        Of all users who have two categories.

    Raises
    ------
    ValueError, TypeError
        As :func:`visprof.carry_over.carry_over`, or if the distance is unknown, or a profile has no
        cosine.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, categories = np.repeat(range(30), 40), np.tile(np.repeat([*"ab"], 20), 30)
    >>> pins = rng.normal(size=(30, 4))[users] + rng.normal(size=(1200, 4))
    >>> found = transfer_ranks(pins, users, categories, np.arange(1200), np.arange(1200))
    >>> f"{found.other.mean():.2f} {found.same.mean():.2f} {found.random.mean():.2f}"
    '0.75 0.80 0.13'
    """
    if distance not in ("euclidean", "cosine"):
        raise ValueError(f"distance: expected euclidean or cosine, got {distance!r}")
    cells = counted_cells(pins, users, categories, sessions, min_pins)
    order = check_groups(order, len(cells.rows), "order")
    place = np.unique(order, return_inverse=True)[1]
    # pins of one time are put in order by what they show, not by where they stand
    canonical = np.lexsort((*cells.rows.T[::-1], cells.codes[2], place))
    own, category, session = (of[canonical] for of in cells.codes)
    rows, there = cells.rows[canonical], cells.pins > 0
    n, k = there.shape
    rounding = TIE * np.abs(rows).max()
    found, counts = np.zeros((4, n)), np.zeros(n)
    enough = cells.together() >= FEWEST
    for b in range(k):
        of_b = np.flatnonzero((category == b) & (own >= 0))
        of_b = of_b[there[own[of_b], b]]
        if not enough[b].any():
            continue
        first = session_halves(own[of_b], session[of_b], np.arange(len(of_b)))
        held = _by_user(of_b[~first], own, n)
        known = _by_user(of_b[first], own, n)
        hidden = np.isin(session, session[of_b[~first]])
        for a in np.flatnonzero(enough[b]):
            of_a = _by_user(np.flatnonzero((category == a) & (own >= 0) & ~hidden), own, n)
            both = [u for u in np.flatnonzero(there[:, a] & there[:, b]) if len(of_a[u])]
            if len(both) < FEWEST:
                continue
            few = [min(len(of_a[u]), len(known[u])) for u in both]
            profiles = [
                _means(rows, of, both, sizes)
                for of, sizes in ((of_a, few), (known, few), (held, [len(held[u]) for u in both]))
            ]
            if min(np.ptp(of, axis=0).max() for of in profiles) <= rounding:
                continue
            other, same, test = (of - of.mean(axis=0) for of in profiles)
            ranks = [1 / rank_users(train, test, distance).middle for train in (other, same)]
            chance = np.full(len(both), random_mrr(len(both)))
            found[:, both] += [*ranks, chance, np.full(len(both), float(len(both)))]
            counts[both] += 1
    with np.errstate(invalid="ignore"):
        return TransferRanks(cells.users, *np.where(counts, found, np.nan) / counts)


def _by_user(rows: NDArray, own: NDArray, n: int) -> list[NDArray]:
    """Rows of each user, in their order."""
    order = np.argsort(own[rows], kind="stable")
    return np.split(rows[order], np.searchsorted(own[rows][order], np.arange(1, n)))


def _means(rows: NDArray, of: list[NDArray], users: Iterable[int], sizes: list[int]) -> NDArray:
    """Mean of so many of each user's rows."""
    chosen = zip(users, sizes, strict=True)
    return np.array([rows[_spread(of[user], size)].mean(axis=0) for user, size in chosen])


def _spread(rows: NDArray, m: int) -> NDArray:
    """So many of the rows, evenly over their order."""
    return rows[(2 * np.arange(m) + 1) * len(rows) // (2 * m)]
