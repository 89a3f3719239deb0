"""Users with accounts on two platforms: what is known of them on the first and on the second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_groups, check_matrix, check_whole
from visprof.profiles import user_profiles
from visprof.scaling import check_squares

__all__ = ["SIZES", "TwoPlatforms", "two_platforms"]

SIZES = (0, 1, 2, 5, 10, 20)  # pins known on the second platform


@dataclass(frozen=True)
class TwoPlatforms:
    """Profiles of users on two platforms; rows stand for `users`, (m,), sorted.

    Attributes
    ----------
    users : ndarray of shape (m,)
    source : ndarray of shape (m, k)
        Means of the pins on the first platform.
    own : dict of int to ndarray of shape (m, k)
        Means of the first so many pins on the second one; zeros for 0 pins.
    crowding : dict of int to ndarray of shape (m,)
        Sum of n_s^2 of these pins, n_s of them in session s.
    held : ndarray of shape (m, k)
        Means of the last pins on the second platform, which no fit sees.
    held_pins, held_users : ndarray of shape (h, k) and (h,)
        These pins, and whose each is.
    squares, squares_within : ndarray of shape (m,)
        Sums of squared distances of the most first pins from their mean, and from that of their
        session.
    n_sessions : ndarray of shape (m,)
        Sessions that these pins are of.
    """

    users: NDArray
    source: NDArray[np.float64]
    own: dict[int, NDArray[np.float64]]
    crowding: dict[int, NDArray[np.float64]]
    held: NDArray[np.float64]
    held_pins: NDArray[np.float64]
    held_users: NDArray
    squares: NDArray[np.float64]
    squares_within: NDArray[np.float64]
    n_sessions: NDArray[np.int64]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of pins known on the second platform, increasing from 0."""
        return tuple(self.own)

    def n_effective(self, size: int, icc: NDArray[np.float64]) -> NDArray[np.float64]:
        r"""Independent pins that say as much as the first `size` ones, (m,).

        :math:`n^2 / (n + \rho\,(\sum_s n_s^2 - n))` with the correlation :math:`\rho` of two pins
        of a session: from n where sessions do not matter to :math:`n^2 / \sum_s n_s^2`.
        """
        if size not in self.crowding:
            raise ValueError(f"size: expected one of {list(self.sizes)}, got {size!r}")
        if size == 0:
            return np.zeros(len(self.users))
        return size**2 / (size + icc * (self.crowding[size] - size))

    def with_sources_of(self, order: ArrayLike) -> TwoPlatforms:
        """The same, where row i has the source profile of row ``order[i]``."""
        rows, m = np.asarray(order), len(self.users)
        if rows.shape != (m,) or rows.dtype.kind not in "iu" or not np.isin(rows, range(m)).all():
            raise ValueError(f"order: expected {m} rows, each from 0 to {m - 1}, got {order!r}")
        return replace(self, source=self.source[rows])


def two_platforms(
    pins: ArrayLike,
    users: ArrayLike,
    second: ArrayLike,
    order: ArrayLike,
    sizes: Iterable[int] = SIZES,
    n_held: int = 10,
    sessions: ArrayLike | None = None,
) -> TwoPlatforms:
    """Profiles of users on two platforms, from their pins.

    Parameters
    ----------
    pins : array-like of shape (n, k)
        Embeddings or assignments, in any order.
    users : array-like of shape (n,)
        Whose each pin is.
    second : array-like of bool, shape (n,)
        Whether it is on the second platform.
    order : array-like of shape (n,)
        Times, or numbers that order a user's pins; equal ones stay as they stand.
    sizes : iterable of int
        How many first pins of the second platform are known, increasing from 0.
    n_held : int, default=10
        Last pins of the second platform, which are held out.
    sessions : array-like of shape (n,), optional
        Session of each pin; by default each is one.

    Returns
    -------
    TwoPlatforms

    Raises
    ------
    TypeError
        If a number is not whole, or users, orders or sessions are of several kinds.
    ValueError
        If shapes do not match, a value is missing, not finite, or too large or small to be squared,
        sizes do not increase from 0 to at least 1, or a user has no pin on the first platform, or
        fewer on the second than the largest size and n_held together (they are named).

    Examples
    --------
    >>> pins, users = [[0.0], [1.0], [3.0], [8.0]] * 2, [*"aaaabbbb"]
    >>> second = [False, True, True, True] * 2
    >>> found = two_platforms(pins, users, second, range(8), (0, 1, 2), n_held=1)
    >>> found.source.ravel().tolist(), found.own[2].ravel().tolist(), found.held.ravel().tolist()
    ([0.0, 0.0], [2.0, 2.0], [8.0, 8.0])
    """
    values = check_matrix(pins, "pins")
    check_squares(values, "pins")
    n = len(values)
    on_second = np.asarray(second)
    if on_second.shape != (n,) or on_second.dtype != bool:
        raise ValueError(
            f"second: expected True or False for each of {n} pins, got {on_second.dtype} of shape "
            f"{on_second.shape}"
        )
    check_groups(second, n, "second")
    if not isinstance(sizes, Iterable):
        raise TypeError(f"sizes: expected numbers that increase from 0, got {sizes!r}")
    known = [check_whole(size, "sizes", 0) for size in sizes]
    if len(known) < 2 or known[0] != 0 or any(np.diff(known) <= 0):
        raise ValueError(f"sizes: expected numbers that increase from 0, got {known}")
    n_held, most = check_whole(n_held, "n_held", 1), known[-1]
    labels, codes = np.unique(check_groups(users, n, "users"), return_inverse=True)
    at = np.unique(check_groups(order, n, "order"), return_inverse=True)[1]
    session = np.arange(n)
    if sessions is not None:
        session = np.unique(check_groups(sessions, n, "sessions"), return_inverse=True)[1]
    m = len(labels)
    there = np.bincount(codes[on_second], minlength=m)
    lacking = (there < most + n_held) | (np.bincount(codes[~on_second], minlength=m) == 0)
    if lacking.any():
        raise ValueError(
            f"users {labels[lacking][:10].tolist()}: each needs a pin on the first platform and "
            f"{most + n_held} on the second; leave them out, or lower sizes or n_held"
        )
    rows = np.lexsort((at, codes))  # stable
    rows = rows[on_second[rows]]
    place = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)

    def means(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        sums = user_profiles(values[rows], codes[rows], counts=True)[1]
        return sums / np.bincount(codes[rows])[:, None]

    own = {0: np.zeros((m, values.shape[1]))}
    crowding = {0: np.zeros(m)}
    for size in known[1:]:
        first = rows[place < size]
        both, of_session = np.unique(codes[first] * n + session[first], return_counts=True)
        own[size] = means(first)
        crowding[size] = np.bincount(both // n, np.float64(of_session) ** 2)
    _, one_session = np.unique(codes[first] * n + session[first], return_inverse=True)
    sums = user_profiles(values[first], one_session, counts=True)[1]
    within = values[first] - (sums / np.bincount(one_session)[:, None])[one_session]
    apart = values[first] - own[most][codes[first]]
    squares, squares_within = (
        np.bincount(codes[first], np.square(of).sum(axis=1, dtype=np.float64))
        for of in (apart, within)
    )
    last = rows[place >= np.repeat(there, there) - n_held]
    return TwoPlatforms(
        labels, means(np.flatnonzero(~on_second)), own, crowding, means(last),
        values[last].astype(np.float64), labels[codes[last]], squares, squares_within,
        np.bincount(both // n),
    )  # fmt: skip
