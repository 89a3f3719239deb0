"""Pins of users in categories: who counts in which, and the sums that statistics are made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups, check_matrix, check_whole
from visprof.scaling import scale_exponent, scaled

with lazily():
    from visprof._deals import group_codes

__all__ = ["FEWEST", "Cells", "Groups", "counted_cells", "vary_within"]

FEWEST = 3  # users with the same two categories: the jackknife leaves out one of them


@dataclass(frozen=True)
class Groups:
    """Sums over the pins of a user in a category and session; those of a cell stand together."""

    user: NDArray[np.int64]
    category: NDArray[np.int64]
    session: NDArray[np.int64]
    pins: NDArray[np.float64]
    sums: NDArray[np.float64]  # of rows less the mean of their category
    squares: NDArray[np.float64]  # of their distances from that mean

    def of(self, chosen: NDArray) -> Groups:
        """Those chosen, by number or mask."""
        return Groups(*(getattr(self, part.name)[chosen] for part in fields(self)))


@dataclass(frozen=True)
class Cells:
    """What is known of each counted user (n) in each category (k); all 0 where too little is."""

    users: NDArray  # names
    n_left_out: int
    rows: NDArray[np.float64]  # of all pins, less the mean of their category
    codes: tuple[NDArray, NDArray, NDArray]  # of all pins: user (-1 if left out), category, session
    groups: Groups
    pins: NDArray[np.float64]  # (n, k)
    means: NDArray[np.float64]  # (n, k, d)
    squares: NDArray[
        np.float64
    ]  # mean squared distance of the pins from the mean of their category

    def together(self) -> NDArray[np.int64]:
        """How many users count in both of two categories, (k, k); none in one and itself."""
        there = np.int64(self.pins > 0)
        both = there.T @ there
        np.fill_diagonal(both, 0)
        return both


def counted_cells(
    pins: ArrayLike, users: ArrayLike, categories: ArrayLike, sessions: ArrayLike, min_pins: int
) -> Cells:
    """Users with two categories of so many pins, in two effective sessions, and their sums."""
    min_pins = check_whole(min_pins, "min_pins", 2)
    rows = check_matrix(pins, "pins")
    n_rows = len(rows)
    names, own = np.unique(check_groups(users, n_rows, "users"), return_inverse=True)
    category, session = (
        group_codes(of, n_rows, name)
        for of, name in ((categories, "categories"), (sessions, "sessions"))
    )
    session = np.unique(own * (session.max() + 1) + session, return_inverse=True)[1]
    n, k = len(names), category.max() + 1
    cell = own * k + category
    keys, group = np.unique(cell * (session.max() + 1) + session, return_inverse=True)
    sizes = np.bincount(group)
    of_cell = keys // (session.max() + 1)
    n_pins, n_squared = (np.bincount(of_cell, of, n * k).reshape(n, k) for of in (sizes, sizes**2))
    counted = (n_pins >= min_pins) & (n_pins**2 >= 2 * n_squared)
    chosen = counted.sum(axis=1) >= 2
    n_users = int(chosen.sum())
    counted &= chosen[:, None]
    shared = counted.T.astype(int) @ counted
    np.fill_diagonal(shared, 0)
    if shared.max() < FEWEST:
        raise ValueError(
            f"users: expected at least {FEWEST} with the same two categories of at least "
            f"{min_pins} pins and two effective sessions (n^2 / sum of n_s^2), got {shared.max()}; "
            f"{n - n_users} of {n} users have no two"
        )
    used = counted[own, category]
    if not vary_within(rows[used], category[used]):
        raise ValueError(
            f"pins: in each category all are equal, of {n_users} users: there is no variance to "
            "part; leave this feature out"
        )
    rows = scaled(rows, scale_exponent(rows)).astype(np.float64)
    rows = rows - rows[used].mean(axis=0)
    # each user weighs the same in the mean of a category
    cells, place = np.unique(cell[used], return_inverse=True)
    centres = np.zeros((k, rows.shape[1]))
    np.add.at(centres, cells % k, _sums(rows[used], place) / n_pins.ravel()[cells, None])
    rows = rows - (centres / np.maximum(counted.sum(axis=0), 1)[:, None])[category]
    sums = _sums(rows, group)
    squares = np.bincount(group, np.einsum("nd,nd->n", rows, rows))
    numbers = np.where(chosen, np.cumsum(chosen) - 1, -1)
    groups = Groups(
        numbers[of_cell // k], of_cell % k, keys % (session.max() + 1),
        sizes.astype(np.float64), sums, squares,
    ).of(counted.ravel()[of_cell])  # fmt: skip
    cells = groups.user * k + groups.category
    n_pins, squares = (
        np.bincount(cells, of, n_users * k).reshape(n_users, k)
        for of in (groups.pins, groups.squares)
    )
    means = np.zeros((n_users * k, rows.shape[1]))
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    means[cells[first]] = np.add.reduceat(groups.sums, first)
    divisors = np.maximum(n_pins, 1)
    means = means.reshape(n_users, k, -1) / divisors[..., None]
    return Cells(
        names[chosen], n - n_users, rows, (numbers[own], category, session), groups, n_pins,
        means, squares / divisors,
    )  # fmt: skip


def vary_within(rows: NDArray, categories: NDArray) -> bool:
    """Whether the rows of any category differ at all."""
    first, codes = np.unique(categories, return_index=True, return_inverse=True)[1:]
    return bool((rows != rows[first[codes]]).any())


def _sums(rows: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of the rows of each group; all groups have some."""
    order = np.argsort(group, kind="stable")
    return np.add.reduceat(rows[order], np.flatnonzero(np.diff(group[order], prepend=-1)))
