"""Sessions and pins by user, and how they are dealt between two users."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit
from visprof._random import GOLDEN, mixed
from visprof.checks import check_groups
from visprof.profiles import user_profiles

__all__ = ["deal", "dealt_units", "group_codes", "session_codes"]

_HALF = np.uint64(32)  # of the bits of a random number
_TRIES = 20  # shuffles of sessions, of which the one that keeps the numbers of pins best is taken


def group_codes(groups: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Numbers of groups of n pins, in sorted order."""
    return np.unique(check_groups(groups, n, name), return_inverse=True)[1]


def session_codes(
    users: ArrayLike, sessions: ArrayLike, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Session of each of n pins, from 0 by user and name, and the user of each session, from 0.

    The same name with two users means two sessions.
    """
    owners, names = group_codes(users, n, "users"), group_codes(sessions, n, "sessions")
    n_names = names.max() + 1
    own, codes = np.unique(owners * n_names + names, return_inverse=True)
    return codes, own // n_names


def dealt_units(
    pins: NDArray, users: ArrayLike, sessions: ArrayLike | None
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """What is dealt, pins or sums of sessions, by user; their sizes; and where users start."""
    if sessions is None:
        owners = group_codes(users, len(pins), "users")
        if np.any(np.diff(owners) < 0):
            order = np.argsort(owners, kind="stable")
            pins, owners = pins[order], owners[order]
        sizes = np.ones(len(pins), np.int64)
    else:
        codes, owners = session_codes(users, sessions, len(pins))
        sizes = np.bincount(codes)
        pins = user_profiles(pins, codes, counts=True)[1]
    return pins, sizes, np.searchsorted(owners, np.arange(owners[-1] + 2))


@njit(inline="always")
def deal(order, sizes, n_pins, state, chosen):  # pragma: no cover  (compiled)
    """Draw units, at least one, with as many pins as asked for, or nearly: the best of some tries.

    Shuffles ``order``, writes ``chosen``; returns how many are chosen and the state of the stream.
    """
    n_chosen, nearest = 0, np.int64(2**62)
    for _ in range(_TRIES):
        place, n_dealt = 0, np.int64(0)
        while n_dealt < n_pins:
            state += GOLDEN
            n_left = np.uint64(len(order) - place)
            other = place + np.int64((mixed(state) >> _HALF) * n_left >> _HALF)
            order[place], order[other] = order[other], order[place]
            n_before = n_dealt
            n_dealt += sizes[order[place]]
            place += 1
        if place > 1 and n_pins - n_before <= n_dealt - n_pins:  # nearer without the last one
            n_dealt = n_before
            place -= 1
        if abs(n_dealt - n_pins) < nearest:
            n_chosen, nearest = place, abs(n_dealt - n_pins)
            for unit in range(place):
                chosen[unit] = order[unit]
        if nearest == 0:
            break
    return n_chosen, state
