"""Does a taste that shows in one category of pictures show in another? Variances and tests.

A pin x of user u in category c and session s is taken apart as x = m + a_c + t_u + d_uc + s + e:
what all pins share, what is of the category, the user's general taste, the user's taste within the
category, the session, and the pin itself. Of these, t, d, s and e are independent, of zero mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._cells import Cells, Groups, counted_cells
from visprof.blocks import slices
from visprof.checks import check_whole
from visprof.intervals import Estimate, jackknife_over_seeds
from visprof.ties import TIE

__all__ = ["PARTS", "CarryOver", "carry_over", "general_taste_pvalue", "taste_pvalue"]

PARTS = ("general", "category", "session", "pin")
_AT_ONCE = 2**14  # numbers of deals that are looked at together


@dataclass(frozen=True)
class CarryOver:
    """Shares of the variance of a category's pins, and how much of a taste carries over.

    Attributes
    ----------
    general, category, session, pin : float
        Of a pin's variance in its category, what is of the user's general taste, of the taste
        within the category, of the session and of the pin itself; they sum to 1. One that is small
        may be estimated below 0. `session` and `pin` are NaN where no session has two pins.
    rho : float
        General taste over all taste, `general` / (`general` + `category`); NaN where that sum is
        not above 0, with all users or without any one of them.
    n_users, n_left_out : int
        How many users they rest on, and how many have fewer than two categories with pins enough.
    without : ndarray of shape (n_users, 5)
        The four shares and rho without each user.
    """

    general: float
    category: float
    session: float
    pin: float
    rho: float
    n_users: int
    n_left_out: int
    without: NDArray[np.float64]

    def estimates(self) -> dict[str, Estimate]:
        """The shares, their sum `taste`, and `rho`, with intervals by the jackknife over users.

        Returns
        -------
        dict of str to Estimate
            By ``"general"``, ``"category"``, ``"session"``, ``"pin"``, ``"taste"`` (general and
            category) and ``"rho"``; those that are not defined are left out.
        """
        values = dict.fromkeys([*PARTS, "rho"])
        for place, name in enumerate(values):
            values[name] = (getattr(self, name), self.without[:, place])
        values["taste"] = (self.general + self.category, self.without[:, :2].sum(axis=1))
        return {
            name: jackknife_over_seeds([value], without[:, None]).of(self.n_users, "users")
            for name, (value, without) in values.items()
            if np.isfinite(value) and np.isfinite(without).all()
        }


def carry_over(
    pins: ArrayLike,
    users: ArrayLike,
    categories: ArrayLike,
    sessions: ArrayLike,
    min_pins: int = 8,
) -> CarryOver:
    r"""Part the variance of pins into general taste, taste within a category, session and pin.

    Take two categories, and the users who have both. With the mean squared distance of two pins

    - :math:`D_0` of one user, category and session,
    - :math:`D_1` of one user and category, in different sessions,
    - :math:`D_2` of one user, one in each category, in different sessions,
    - :math:`D_3` of different users, in the same category,
    - :math:`D_4` of different users, one in each category,

    in each of which every user weighs the same, the variances of the parts are

    .. math:: V_t = \frac{D_4 - D_2}{2}, \quad V_t + V_d = \frac{D_3 - D_1}{2}, \quad
              V_s = \frac{D_1 - D_0}{2}, \quad V_e = \frac{D_0}{2}.

    What two categories differ in is in both :math:`D_2` and :math:`D_4`, and cancels: users are
    compared with the other users of a category, and what these leave uncertain costs no bias. (Each
    category is centred by its mean over users first; it is one number for all, and matters only
    where a session holds pins of two categories.) Variances are means over all pairs of categories,
    each with the weight of its users less one.

    A user counts in a category with at least `min_pins` pins there, and two effective sessions,
    :math:`n^2 / \sum_s n_s^2`. A user whose sessions all have one pin has no :math:`D_0`: it is the
    mean over the others.

    Parameters
    ----------
    pins : array-like of shape (n, d)
        Embeddings or other features, one row a pin; read in double precision.
    users, categories, sessions : array-like of shape (n,)
        Of each pin; the same name of a session with two users means two sessions, and one session
        may hold pins of several categories.
    min_pins : int, default=8
        Pins of a user in a category, at least 2.

    Returns
    -------
    CarryOver

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a user, category or session is missing, no
        two categories are of at least 3 users, or all pins of a category are equal, of those who
        have two.
    TypeError
        If users, categories or sessions are of several kinds, or `min_pins` is no whole number.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, categories = np.repeat(range(30), 40), np.tile(np.repeat([*"ab"], 20), 30)
    >>> general = rng.normal(size=(30, 4))[users]  # the same in both categories
    >>> pins = general + 2 * rng.normal(size=(1200, 4))
    >>> found = carry_over(pins, users, categories, np.arange(1200))
    >>> f"{found.general:.2f} {found.category:.2f} {found.rho:.2f}"
    '0.17 0.01 0.93'
    """
    cells = counted_cells(pins, users, categories, sessions, min_pins)
    general, taste, session, pin, total = _variances(cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(total > TIE * total[0], total, np.nan)  # rounding may leave some of 0
        shares = np.stack([general, taste - general, session, pin], axis=1) / total[:, None]
        rho = np.where(taste > TIE * total, general / taste, np.nan)
    if np.isnan(rho).any():
        rho[0] = np.nan
    found = np.column_stack([shares, rho])
    return CarryOver(*map(float, found[0]), len(cells.pins), cells.n_left_out, found[1:])


def taste_pvalue(
    pins: ArrayLike,
    users: ArrayLike,
    categories: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
    min_pins: int = 8,
) -> float:
    r"""Permutation test of taste, of either kind: do users differ within categories at all?

    The statistic is :math:`V_t + V_d` of :func:`carry_over`, over all categories that at least two
    users have. Whole sessions are dealt over users, with their pins in all categories, among the
    sessions that have pins in the same ones: everybody keeps their number of each kind. (Dealt in
    each category by itself, a session in two would be torn, and the test err too often.) The level
    is exact if a session, with its length, is equally likely to be of any user of the same
    categories.

    Parameters
    ----------
    pins, users, categories, sessions, min_pins
        As for :func:`carry_over`.
    n_permutations : int, default=999
        Number of random deals.
    random_state : int, default=0
        Seed.

    Returns
    -------
    float
        (1 + #{dealt >= observed}) / (1 + n_permutations), never 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`carry_over`, or if `n_permutations` is not a whole number of at least 1, or the
        seed not one of at least 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, categories = np.repeat(range(10), 40), np.tile(np.repeat([*"ab"], 20), 10)
    >>> pins = rng.normal(size=(20, 4))[2 * users + (categories == "a")]  # no taste is general
    >>> pins += rng.normal(size=(400, 4))
    >>> taste_pvalue(pins, users, categories, np.arange(400), 199)
    0.005
    """
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    cells = counted_cells(pins, users, categories, sessions, min_pins)
    rng = np.random.default_rng(random_state)
    dealt, scale = np.zeros(1 + n_permutations), 0.0
    shared = (cells.pins > 0).sum(axis=0) > 1
    groups = cells.groups.of(shared[cells.groups.category])
    owners, session = _dealt_sessions(groups, n_permutations, rng)
    for category in np.flatnonzero(shared):
        inside = groups.category == category
        of, place = groups.of(inside), session[inside]
        columns = np.vstack([of.pins, of.squares, of.pins**2, _within(of), of.sums.T])
        has = np.bincount(of.user, minlength=len(cells.pins)) > 0
        number, n = np.cumsum(has) - 1, np.count_nonzero(has)  # among the users of the category
        for block in slices(len(owners), max(1, _AT_ONCE // len(place))):
            dealt[block] += (n - 1) * _taste_of(columns, number[owners[block, place]], n)
        scale += of.squares.sum()
    reached = np.sum(dealt[1:] >= dealt[0] - TIE * scale)
    return float((1 + reached) / (1 + n_permutations))


def general_taste_pvalue(
    pins: ArrayLike,
    users: ArrayLike,
    categories: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
    min_pins: int = 8,
) -> float:
    r"""Permutation test of general taste: does a user's taste in one category tell of another?

    The statistic is :math:`V_t` of :func:`carry_over`. All that a user has in a category is dealt
    whole over the users who have the category: each keeps a taste within each category, but one
    that has nothing to do with that in another. To deal single sessions would take away these
    tastes too, and a taste within categories would pass for a general one.

    Parameters
    ----------
    pins, users, categories, sessions, n_permutations, random_state, min_pins
        As for :func:`taste_pvalue`.

    Returns
    -------
    float
        (1 + #{dealt >= observed}) / (1 + n_permutations), never 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`taste_pvalue`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, categories = np.repeat(range(10), 40), np.tile(np.repeat([*"ab"], 20), 10)
    >>> pins = rng.normal(size=(10, 4))[users] + rng.normal(size=(400, 4))
    >>> general_taste_pvalue(pins, users, categories, np.arange(400), 199)
    0.005
    """
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    cells = counted_cells(pins, users, categories, sessions, min_pins)
    together = cells.together()
    paired = (together > 1).any(axis=0)  # of many categories, most may be of one user
    pairs, there = together[np.ix_(paired, paired)].astype(float), cells.pins[:, paired] > 0
    means = np.where(there[..., None], cells.means[:, paired], 0)
    members = [np.flatnonzero(column) for column in there.T]
    rng = np.random.default_rng(random_state)

    def general(means: NDArray) -> NDArray[np.float64]:
        """Sums over pairs of categories of covariances, times their users less one, by deal."""
        by_category = means.swapaxes(1, 2).reshape(len(means), len(members), -1)
        products = by_category @ by_category.swapaxes(1, 2)
        totals = there.T.astype(float) @ means.reshape(len(means), len(there), -1)
        totals = totals.reshape(len(means), *pairs.shape, -1)  # of the second, users of the first
        crossed = np.einsum("ncad,nacd->nca", totals, totals)
        of_pairs = products - np.divide(
            crossed, pairs, out=np.zeros_like(products), where=pairs > 0
        )
        return of_pairs[:, pairs > 1].sum(axis=1)

    reached, scale = 0, float(np.einsum("ucd,ucd->", means, means))
    weights = np.triu(together - 1).clip(min=0)
    cut = 2 * float(_variances(cells)[0][0] * weights.sum()) - TIE * scale
    for block in slices(n_permutations, max(1, _AT_ONCE // means.size)):
        dealt = np.zeros((block.stop - block.start, *means.shape))
        for deal in dealt:
            for category, of in enumerate(members):
                deal[of, category] = means[rng.permutation(of), category]
        reached += np.count_nonzero(general(dealt) >= cut)
    return float((1 + reached) / (1 + n_permutations))


def _within(groups: Groups) -> NDArray[np.float64]:
    """Sum of squared distances over the ordered pairs of pins of each group."""
    return 2 * (groups.pins * groups.squares - np.einsum("gd,gd->g", groups.sums, groups.sums))


def _same_session(cells: Cells) -> NDArray[np.float64]:
    """Mean squared distance of two pins of a session, (n, k); NaN where there is none."""
    n, k = cells.pins.shape
    groups = cells.groups
    of_cell = groups.user * k + groups.category
    pairs, total = (
        np.bincount(of_cell, of, n * k).reshape(n, k)
        for of in (groups.pins * (groups.pins - 1), _within(groups))
    )
    return np.divide(total, pairs, out=np.full((n, k), np.nan), where=pairs > 0)


def _same_category(cells: Cells) -> NDArray[np.float64]:
    """Mean squared distance of two pins of different sessions, (n, k); 0 where there is none."""
    n, k = cells.pins.shape
    groups = cells.groups
    of_cell = groups.user * k + groups.category
    squared, within = (
        np.bincount(of_cell, of, n * k).reshape(n, k) for of in (groups.pins**2, _within(groups))
    )
    lengths = np.einsum("ucd,ucd->uc", cells.means, cells.means)
    total = 2 * cells.pins**2 * (cells.squares - lengths) - within
    pairs = cells.pins**2 - squared
    return np.divide(total, pairs, out=np.zeros((n, k)), where=pairs > 0)


def _other_category(cells: Cells, a: int, b: int) -> NDArray[np.float64]:
    """Mean squared distance of a pin in either category, of different sessions; 0: no such user."""
    pairs = cells.pins[:, a] * cells.pins[:, b]
    products = np.einsum("ud,ud->u", cells.means[:, a], cells.means[:, b])
    total = pairs * (cells.squares[:, a] + cells.squares[:, b] - 2 * products)
    of_a, of_b = (cells.groups.of(cells.groups.category == of) for of in (a, b))
    _, in_a, in_b = np.intersect1d(of_a.session, of_b.session, return_indices=True)
    of_a, of_b = of_a.of(in_a), of_b.of(in_b)
    shared = of_b.pins * of_a.squares + of_a.pins * of_b.squares
    shared = shared - 2 * np.einsum("gd,gd->g", of_a.sums, of_b.sums)
    total = total - np.bincount(of_a.user, shared, len(pairs))
    pairs = pairs - np.bincount(of_a.user, of_a.pins * of_b.pins, len(pairs))
    return np.divide(total, pairs, out=np.zeros_like(pairs), where=pairs > 0)


def _both(cells: Cells, a: int, b: int) -> NDArray[np.float64]:
    """1 for users who count in both categories, else 0."""
    return np.float64((cells.pins[:, a] > 0) & (cells.pins[:, b] > 0))


def _less_one(values: NDArray, inside: NDArray) -> NDArray:
    """Sum over the users who are inside; and without each user, a row each."""
    own = values * inside.reshape(-1, *[1] * (values.ndim - 1))
    total = own.sum(axis=0)
    return np.concatenate([total[None], total - own])


def _variances(cells: Cells) -> NDArray[np.float64]:
    """V_t, V_t + V_d, V_s, V_e and the whole, of all users and without each, (5, 1 + n)."""
    n = len(cells.pins)
    same_session, same_category = _same_session(cells), _same_category(cells)
    lengths = np.einsum("ucd,ucd->uc", cells.means, cells.means)
    sums, weights, known = np.zeros((5, 1 + n)), np.zeros(1 + n), np.zeros(1 + n)
    for a, b in np.argwhere(np.triu(cells.together()) > 1):
        inside = _both(cells, a, b)
        users = _less_one(np.ones(n), inside)
        weight = np.maximum(users - 1, 0)
        per_user, pairs = np.maximum(users, 1), np.maximum(users * (users - 1), 1)
        total_a, total_b = (_less_one(cells.means[:, of], inside) for of in (a, b))
        squares = _less_one(cells.squares[:, [a, b]].sum(axis=1), inside)
        # over pairs of different users: all pairs less those of a user with itself
        crossed = np.einsum("id,id->i", total_a, total_b) - _less_one(
            np.einsum("ud,ud->u", cells.means[:, a], cells.means[:, b]), inside
        )
        straight = (
            np.einsum("id,id->i", total_a, total_a) + np.einsum("id,id->i", total_b, total_b)
        ) / 2 - _less_one(lengths[:, [a, b]].mean(axis=1), inside)
        across, alike = ((weight * squares - 2 * of) / pairs for of in (crossed, straight))
        apart = _less_one(_other_category(cells, a, b), inside) / per_user
        close = _less_one(same_category[:, [a, b]].mean(axis=1), inside) / per_user
        sums[0] += weight * (across - apart) / 2
        sums[1] += weight * (alike - close) / 2
        sums[2] += weight * close / 2
        sums[4] += weight * alike / 2
        weights += weight
        sessions = same_session[:, [a, b]]
        with_pair = ~np.isnan(sessions)
        in_session = np.where(with_pair, sessions, 0).sum(axis=1)
        number = _less_one(with_pair.sum(axis=1), inside)
        weight = np.where(number > 0, weight, 0)
        sums[3] += weight * _less_one(in_session, inside) / np.maximum(number, 1) / 2
        known += weight

    with np.errstate(invalid="ignore", divide="ignore"):
        sums[[0, 1, 2, 4]] /= weights
        sums[3] /= known
    sums[2] -= sums[3]
    return sums


def _dealt_sessions(
    groups: Groups, n_deals: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Owner of each session as it is, and by each deal, (1 + n_deals, s); session of each group."""
    first, session = np.unique(groups.session, return_index=True, return_inverse=True)[1:]
    has = np.zeros((len(first), groups.category.max() + 1), bool)
    has[session, groups.category] = True
    kind = np.unique(~has, axis=0, return_inverse=True)[1].ravel()  # that of the first category: 0
    owners = np.tile(groups.user[first], (1 + n_deals, 1))
    for number in range(kind.max() + 1):
        alike = np.flatnonzero(kind == number)
        for deal in owners[1:]:
            deal[alike] = rng.permutation(deal[alike])
    return owners, session


def _taste_of(columns: NDArray, owners: NDArray, n: int) -> NDArray[np.float64]:
    """V_t + V_d of a category's sessions by each of some deals: from sums over the sessions."""
    deals = len(owners)
    cells = (owners + n * np.arange(deals)[:, None]).ravel()
    pins, squares, squared, within, *sums = (
        np.bincount(cells, np.tile(of, deals), n * deals).reshape(deals, n) for of in columns
    )
    means = np.array(sums) / pins  # (d, deals, n)
    lengths = np.einsum("dru,dru->ru", means, means)
    close = (2 * pins * squares - 2 * pins**2 * lengths - within) / (pins**2 - squared)
    total = means.sum(axis=2)
    totals = np.einsum("dr,dr->r", total, total)
    others = 2 * np.mean(squares / pins, axis=1)
    others -= 2 * (totals - lengths.sum(axis=1)) / (n * (n - 1))
    return (others - close.mean(axis=1)) / 2
