"""Does what a user collected on one platform help on another, where few pins are known yet?

The profile on the second platform is a posterior mean: what the first one says of it is the prior,
and the user's own pins there weigh more the more of them there are. Whatever is fitted is fitted on
other users, who have accounts on both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.accounts import TwoPlatforms
from visprof.blocks import slices
from visprof.checks import check_matrix, check_number, check_numbers, check_whole, unmasked
from visprof.rank_scores import random_mrr
from visprof.scaling import check_squares
from visprof.ties import TIE

__all__ = [
    "ALIGNMENTS", "NO_SOURCE", "N_FOLDS", "Alignment", "CrossFit", "cold_start_scores",
    "cross_fit", "fit_alignment", "posterior_mean", "shuffled_sources", "transfer_pvalue",
]  # fmt: skip

ALIGNMENTS = ("none", "mean shift", "scaled shift", "ridge", "procrustes")
NO_SOURCE = "no source"  # the prior is the mean of other users on the second platform
PENALTIES = np.exp2(np.arange(-6.0, 11.0))  # of the ridge, in units of the mean squared spread
N_FOLDS = 5  # of users
_AT_ONCE = 2**18  # cosines of shuffles that are computed together
_ROUNDING = 1e-12  # of means, by the magnitude of what they are of


# --- the profile


def posterior_mean(
    own: ArrayLike, prior: ArrayLike, n_effective: ArrayLike, kappa: ArrayLike
) -> NDArray[np.float64]:
    r"""Profiles from few pins and a prior: :math:`w\,p + (1 - w)\,q`, :math:`w = n/(n + \kappa)`.

    Both of the usual conjugate models say so. If the taste :math:`\theta` has the prior
    :math:`N(q, \tau^2 I)` and the mean p of n pins is :math:`N(\theta, \sigma^2 / n\, I)`, the
    posterior mean is this with :math:`\kappa = \sigma^2 / \tau^2`. If it has the prior
    :math:`\mathrm{Dirichlet}(\kappa q)` and pins are draws of clusters, of which p has the shares,
    it is :math:`(n p + \kappa q) / (n + \kappa)`, the same.

    Parameters
    ----------
    own, prior : array-like of shape (m, k)
        Mean p of each user's own pins (anything if there are none), and prior mean q.
    n_effective : array-like of shape (m,)
        Effective number n >= 0 of own pins; 0 gives the prior.
    kappa : array-like of shape (m,) or float
        What the prior weighs, in pins: at least 0, may be infinite (the prior alone).

    Returns
    -------
    ndarray of shape (m, k)

    Raises
    ------
    TypeError
        If a number is none.
    ValueError
        If shapes do not match, a profile is not finite, a number of pins is negative or not finite,
        kappa is negative or NaN, or a user has neither pins nor a prior that weighs anything.

    Examples
    --------
    >>> posterior_mean([[1.0, 0.0]], [[0.2, 0.8]], [3], 1.0).tolist()
    [[0.8, 0.2]]
    """
    known, assumed = _rows(own, "own"), _rows(prior, "prior")
    if known.shape != assumed.shape:
        raise ValueError(f"own {known.shape} and prior {assumed.shape} must have one shape (m, k)")
    n = check_numbers(n_effective, len(known), "n_effective")
    weight = np.asarray(unmasked(kappa))
    if weight.dtype.kind not in "biuf":
        raise TypeError(f"kappa: expected numbers, got {weight.dtype}")
    if weight.shape not in ((), n.shape):
        raise ValueError(f"kappa: expected a number, or shape {n.shape}, got {weight.shape}")
    weight = np.broadcast_to(weight.astype(np.float64), n.shape)
    if (n < 0).any():
        raise ValueError(f"n_effective: expected numbers of at least 0, got {n.min()}")
    if not (weight >= 0).all():
        raise ValueError("kappa: expected numbers of at least 0, got one that is less, or NaN")
    if ((n == 0) & (weight == 0)).any():
        raise ValueError("kappa: it is 0 for a user without pins, of whom nothing is known then")
    with np.errstate(invalid="ignore"):
        w = np.where(np.isinf(weight), 0.0, n / (n + weight))[:, None]
    # a weight of 0 leaves the other side as it is, to the last bit
    return np.where(w == 0, assumed, np.where(w == 1, known, w * known + (1 - w) * assumed))


def _rows(values: ArrayLike, name: str) -> NDArray[np.float64]:
    return check_matrix(values, name, double=True)


# --- from one platform to the other


@dataclass(frozen=True)
class Alignment:
    """What a profile of the first platform says of the second: :math:`M p + b`.

    Attributes
    ----------
    matrix : ndarray of shape (k, k)
        M.
    shift : ndarray of shape (k,)
        b.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]

    def apply(self, profiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prior means on the second platform, (m, k), of profiles of the first."""
        return profiles @ self.matrix.T + self.shift


def fit_alignment(
    source: ArrayLike, target: ArrayLike, kind: str, penalty: float | None = None
) -> Alignment:
    r"""Fit what profiles of the first platform say of those of the second.

    Parameters
    ----------
    source, target : array-like of shape (m, k)
        Profiles of the same users on the first and on the second platform.
    kind : str
        "none" (the profile as it is), "mean shift" (:math:`b` is the mean difference), "scaled
        shift" (:math:`M = s I` with the s >= 0 that is best for centred profiles), "ridge" (least
        squares with a penalty on M and an intercept; Hoerl and Kennard 1970), "procrustes" (the
        orthogonal M that is best for centred profiles; Schonemann 1966), or "no source" (the mean
        target profile, whatever the source).
    penalty : float, optional
        Of the ridge, above 0, as scikit-learn's ``alpha``. By default the one of a grid with the
        least squared error when each user is left out in turn.

    Returns
    -------
    Alignment

    Raises
    ------
    TypeError
        If the penalty is no number.
    ValueError
        If shapes differ, a value is not finite, or too large or small to be squared, the kind is
        unknown, the penalty is not above 0, there are fewer than 3 users for a ridge whose penalty
        is to be chosen, or not more users than dimensions for "procrustes", whose M then has
        directions that nothing decides.

    Examples
    --------
    >>> source = [[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]]
    >>> target = [[3.0, 1.0], [5.0, 0.0], [4.0, 5.0]]
    >>> fit_alignment(source, target, "mean shift").shift.tolist()
    [3.0, 0.0]
    """
    x, y = _rows(source, "source"), _rows(target, "target")
    if x.shape != y.shape:
        raise ValueError(f"source {x.shape} and target {y.shape} must be of the same users")
    check_squares(x, "source")
    check_squares(y, "target")
    if penalty is not None:
        check_number(penalty, "penalty", above=0)
    return _fit(x, y, kind, penalty)


def _fit(
    x: NDArray[np.float64], y: NDArray[np.float64], kind: str, penalty: float | None = None
) -> Alignment:
    """The same of checked profiles."""
    n, k = x.shape
    if kind == NO_SOURCE:
        return Alignment(np.zeros((k, k)), y.mean(axis=0))
    if kind == "none":
        return Alignment(np.eye(k), np.zeros(k))
    if kind == "mean shift":
        return Alignment(np.eye(k), (y - x).mean(axis=0))
    origin, mean = x.mean(axis=0), y.mean(axis=0)
    centred = x - origin
    if np.abs(centred).max() <= _ROUNDING * np.abs(x).max():
        centred = np.zeros_like(x)  # all users are alike
    if kind == "scaled shift":
        spread = np.square(centred).sum()
        slope = np.sum(centred * (y - mean)) / spread if spread > 0 else 0.0
        matrix = max(slope, 0.0) * np.eye(k)
    elif kind == "ridge":
        matrix = _ridge(centred, y - mean, penalty)
    elif kind == "procrustes":
        if n <= k:
            raise ValueError(
                f"procrustes: {n} users do not decide how {k} dimensions turn; take more users, "
                "fewer dimensions, or another alignment"
            )
        left, _, right = np.linalg.svd((y - mean).T @ centred)
        matrix = left @ right
    else:
        known = ", ".join((NO_SOURCE, *ALIGNMENTS))
        raise ValueError(f"kind: expected one of {known}, got {kind!r}")
    return Alignment(matrix, mean - matrix @ origin)


def _ridge(
    x: NDArray[np.float64], y: NDArray[np.float64], penalty: float | None
) -> NDArray[np.float64]:
    """Matrix of a ridge regression of centred profiles."""
    left, spread, right = np.linalg.svd(x, full_matrices=False)
    squares = spread**2
    rotated = left.T @ y
    if penalty is None:
        if len(x) < 3:
            raise ValueError(f"ridge: choosing a penalty needs at least 3 users, got {len(x)}")
        unit = squares.mean()
        if not unit:
            return np.zeros((y.shape[1], x.shape[1]))
        penalty = min(unit * PENALTIES, key=lambda of: _left_out_error(left, squares, y, of))
    return (right.T @ ((spread / (squares + penalty))[:, None] * rotated)).T


def _left_out_error(
    left: NDArray[np.float64], squares: NDArray[np.float64], y: NDArray[np.float64], penalty: float
) -> float:
    """Sum of squared errors where each user is left out in turn, without fitting again."""
    shrunk = squares / (squares + penalty)
    residual = y - (left * shrunk) @ (left.T @ y)
    influence = np.einsum("ij,j,ij->i", left, shrunk, left) + 1 / len(y)  # of the intercept, too
    return float(np.square(residual / np.maximum(1 - influence, TIE)[:, None]).sum())


# --- what is learned from other users


@dataclass(frozen=True)
class CrossFit:
    """What other users' accounts on both platforms say of each user.

    Attributes
    ----------
    prior : ndarray of shape (m, k)
        Mean of the profile on the second platform before any pin is known there.
    kappa : ndarray of shape (m,)
        What it weighs, in effective pins.
    icc : ndarray of shape (m,)
        Correlation of two pins of one session.
    folds : ndarray of int, shape (m,)
        Users of other folds are the other users.
    centre : ndarray of shape (n_folds, k)
        Mean profile of these on the second platform.
    """

    prior: NDArray[np.float64]
    kappa: NDArray[np.float64]
    icc: NDArray[np.float64]
    folds: NDArray[np.int64]
    centre: NDArray[np.float64]


def _folds(n: int, n_folds: int, random_state: int) -> NDArray[np.int64]:
    """Fold of each of n users; sizes differ by 1 at most."""
    if check_whole(n_folds, "n_folds", 3) > n:
        raise ValueError(f"n_folds: {n} users cannot be in {n_folds} folds; take fewer folds")
    rng = np.random.default_rng(check_whole(random_state, "random_state", 0))
    return rng.permutation(np.arange(n) % n_folds)


def _priors(
    between: TwoPlatforms, kind: str, folds: NDArray[np.int64], without: Iterable[int] = ()
) -> NDArray[np.float64]:
    """Prior mean of each user, fitted on users of neither their fold nor those left out."""
    source, target = between.source, between.own[between.sizes[-1]]
    left_out = np.isin(folds, list(without))
    priors = np.empty_like(source)
    for fold in np.unique(folds):
        others = (folds != fold) & ~left_out
        priors[folds == fold] = _fit(source[others], target[others], kind).apply(
            source[folds == fold]
        )
    return priors


def cross_fit(
    between: TwoPlatforms, kind: str, n_folds: int = N_FOLDS, random_state: int = 0
) -> CrossFit:
    r"""Prior mean of each user, and its weight, from users of the other folds alone.

    The weight is :math:`\kappa = \sigma^2 / \tau^2` (see `posterior_mean`), by moments: with the
    variance :math:`\sigma^2` of a pin about its user's mean, the squared distance of a profile of n
    effective pins from its prior has the mean :math:`\tau^2 + \sigma^2 / n`, and priors of these
    other users are fitted without their own fold, too. It is infinite where they are no farther
    apart than so many pins would be by themselves. No held-out pin is looked at.

    Parameters
    ----------
    between : TwoPlatforms
    kind : str
        As of `fit_alignment`.
    n_folds, random_state : int
        At least 3 folds, and at most as many as users; the seed of the folds.

    Returns
    -------
    CrossFit

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If there are too few users for the folds or the alignment, or every user of other folds has
        a single session, so that nothing says how much pins vary.
    """
    folds = _folds(len(between.users), n_folds, random_state)
    most = between.sizes[-1]
    kappa, icc = np.empty((2, len(folds)))
    for fold in range(folds.max() + 1):
        others, own = folds != fold, folds == fold
        variance, icc[own] = _pin_variance(between, others)
        apart = between.own[most] - _priors(between, kind, folds, without=[fold])
        squared = np.square(apart[others]).sum(axis=1)
        n = between.n_effective(most, icc[own][0])[others]
        prior_variance = np.mean(squared - variance / n)
        known = prior_variance > TIE * squared.mean()
        kappa[own] = variance / prior_variance if known else np.inf
    centre = _centres(between, folds)
    return CrossFit(_priors(between, kind, folds), kappa, icc, folds, centre)


def _pin_variance(between: TwoPlatforms, chosen: NDArray[np.bool_]) -> tuple[float, float]:
    """Variance of a pin about its user's mean, and how far two pins of a session share it."""
    n = between.sizes[-1]
    crowding, n_sessions = between.crowding[n][chosen], between.n_sessions[chosen]
    total, within = between.squares[chosen].sum(), between.squares_within[chosen].sum()
    between_sessions = np.sum(n - crowding / n)  # times the variance of sessions in `total`
    if not between_sessions > 0:
        raise ValueError(
            "sessions: each user has a single one on the second platform, so nothing says how much "
            "they vary; take users with more"
        )
    free_within = np.sum(n - n_sessions)
    of_pins = within / free_within if free_within else 0.0
    of_sessions = max(0.0, (total - (n - 1) * len(crowding) * of_pins) / between_sessions)
    variance = of_pins + of_sessions
    return variance, of_sessions / variance if variance else 0.0


def _centres(between: TwoPlatforms, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean profile on the second platform of users not in each fold."""
    target = between.own[between.sizes[-1]]
    return np.stack([target[folds != fold].mean(axis=0) for fold in range(folds.max() + 1)])


def cold_start_scores(
    between: TwoPlatforms,
    fitted: CrossFit,
    with_source: bool = True,
    sizes: Iterable[int] | None = None,
) -> dict[int, NDArray[np.float64]]:
    """How well profiles on the second platform find their user's held-out pins there.

    Profiles and pins are compared by the cosine of what they differ in from the mean of other
    users. A profile that leans on a prior is short, and by the Euclidean distance the nearest to a
    short one is whoever is like everybody.

    Parameters
    ----------
    between : TwoPlatforms
        Of at least 2 users.
    fitted : CrossFit
        As of `cross_fit`.
    with_source : bool, default=True
        If not, a profile is the mean of the user's own pins; a prior that is the same for all would
        change its length alone. A user without any pin is ranked at random.
    sizes : iterable of int, optional
        Numbers of known pins, of those of `between`; by default all.

    Returns
    -------
    dict of int to ndarray of shape (m, 2)
        By known pins: each user's reciprocal rank among all (Eq. 8; expected where ties are broken
        at random, so that profiles which say nothing are at the random value), and the chance that
        a held-out pin of their own is nearer to the profile than another user's (AUC; ties count
        one half).

    Raises
    ------
    ValueError
        If a number of known pins is not one of those of `between`.
    """
    m = len(between.users)
    asked = between.sizes if sizes is None else tuple(sizes)
    if unknown := [size for size in asked if size not in between.own]:
        raise ValueError(f"sizes: expected some of {list(between.sizes)}, got {unknown}")
    held, pins = (_Others.of(rows, fitted.centre) for rows in (between.held, between.held_pins))
    of_own = np.nonzero(between.held_users == between.users[:, None])
    scores = {}
    for size in asked:
        own = between.own[size]
        if with_source and size == 0:
            of = fitted.prior  # even if it weighs nothing beside a pin
        elif with_source:
            n = between.n_effective(size, fitted.icc)
            of = posterior_mean(own, fitted.prior, n, fitted.kappa)
        elif size == 0:
            scores[size] = np.tile([random_mrr(m), 0.5], (m, 1))
            continue
        else:
            of = own
        ranks = _own_ranks(_cosines(of, held, fitted.folds))
        scores[size] = np.column_stack(
            [ranks, _own_aucs(_cosines(of, pins, fitted.folds), *of_own)]
        )
    return scores


@dataclass(frozen=True)
class _Others:
    """What profiles are compared with, about each of some centres."""

    centre: NDArray[np.float64]
    rows: list[NDArray[np.float64]]
    lengths: list[NDArray[np.float64]]
    largest: float

    @classmethod
    def of(cls, others: NDArray[np.float64], centre: NDArray[np.float64]) -> _Others:
        rows = [others - at for at in centre]
        return cls(centre, rows, [_lengths(of) for of in rows], np.abs(others).max())


def _lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.square(rows).sum(axis=-1))


def _cosines(
    profiles: NDArray[np.float64], others: _Others, folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cosine of each profile with each of the others, (..., m, h), about the centre of its fold.

    It is 0 where either is at the centre.
    """
    cosines = np.zeros((*profiles.shape[:-1], len(others.rows[0])))
    largest = np.maximum(np.abs(profiles).max(axis=(-2, -1)), others.largest)
    rounding = _ROUNDING * largest[..., None]
    for fold, at in enumerate(others.centre):
        own = folds == fold
        mine, theirs = profiles[..., own, :] - at, others.rows[fold]
        first, second = (
            np.where(of > rounding, of, 0) for of in (_lengths(mine), others.lengths[fold])
        )
        product = first[..., None] * second[..., None, :]
        # what rounding leaves of a profile there
        tiny = TIE * np.maximum(1e-300, second.max(axis=-1))[..., None, None] ** 2
        there, found = product > tiny, mine @ theirs.T
        if there.all():  # a mask takes as long again
            found /= product
        else:
            found = np.divide(found, product, out=np.zeros_like(product), where=there)
        cosines[..., own, :] = found
    return cosines


def _own_ranks(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected reciprocal rank of the own held-out profile, (..., m), of cosines (..., m, m)."""
    own = np.diagonal(cosines, axis1=-2, axis2=-1)[..., None]
    nearer, tied = (cosines > own + TIE).sum(axis=-1), (np.abs(cosines - own) <= TIE).sum(axis=-1)
    harmonic = np.concatenate([[0], np.cumsum(1 / np.arange(1, cosines.shape[-1] + 1))])
    return (harmonic[nearer + tied] - harmonic[nearer]) / tied


def _own_aucs(
    cosines: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Chance that an own held-out pin, in such a row and column, has a larger cosine, (m,)."""
    own = cosines[rows, columns]
    apart = 4.0 * np.arange(len(cosines))  # rows in one array, each above the one before
    ordered = (np.sort(cosines, axis=1) + apart[:, None]).ravel()
    of_own = np.sort(own + apart[rows])
    # others' are all less one's own
    below, to = (
        np.searchsorted(ordered, own + apart[rows] + shift, side)
        - np.searchsorted(of_own, own + apart[rows] + shift, side)
        for shift, side in ((-TIE, "left"), (TIE, "right"))
    )
    n_own = np.bincount(rows, minlength=len(cosines))
    n_others = cosines.shape[1] - n_own
    before = np.concatenate([[0], np.cumsum(n_others)[:-1]])  # others' of the rows above
    twice = np.bincount(rows, below + to - 2 * before[rows], len(cosines))
    return twice / (2 * n_own * n_others)


def shuffled_sources(n_users: int, n_shuffles: int, random_state: int = 0) -> NDArray[np.int64]:
    """Whose source profile each user gets, where they are shuffled among users.

    Parameters
    ----------
    n_users, n_shuffles, random_state : int
        At least 1, and a seed of at least 0.

    Returns
    -------
    ndarray of shape (n_shuffles, n_users)

    Raises
    ------
    TypeError, ValueError
        If a number is not whole, or too small.
    """
    check_whole(n_users, "n_users", 1)
    check_whole(n_shuffles, "n_shuffles", 1)
    rng = np.random.default_rng(check_whole(random_state, "random_state", 0))
    return np.stack([rng.permutation(n_users) for _ in range(n_shuffles)])


def transfer_pvalue(
    between: TwoPlatforms,
    kind: str,
    n_permutations: int = 999,
    n_folds: int = N_FOLDS,
    random_state: int = 0,
) -> float:
    """Permutation test of transfer before any pin is known: do sources say whose pins these are?

    Source profiles are shuffled among users, and all is fitted again. It is exact if users are
    exchangeable.

    Parameters
    ----------
    between, kind, n_folds, random_state
        As of `cross_fit`.
    n_permutations : int, default=999
        Number of shuffles.

    Returns
    -------
    float
        (1 + #{shuffled >= observed}) / (1 + n_permutations), of mean reciprocal ranks.

    Raises
    ------
    TypeError, ValueError
        As `cross_fit`, or if `n_permutations` is not a whole number of at least 1.
    """
    check_whole(n_permutations, "n_permutations", 1)
    folds = _folds(len(between.users), n_folds, random_state)
    orders = shuffled_sources(len(folds), n_permutations, random_state)
    held = _Others.of(between.held, _centres(between, folds))

    def found(orders: NDArray[np.int64]) -> NDArray[np.float64]:
        priors = _priors_by_order(between, orders, kind, folds)
        return _own_ranks(_cosines(priors, held, folds)).mean(axis=-1)

    (observed,) = found(np.arange(len(folds))[None])
    blocks = slices(n_permutations, max(1, _AT_ONCE // (len(folds) ** 2)))
    reached = sum((found(orders[of]) >= observed * (1 - TIE)).sum() for of in blocks)
    return float((1 + reached) / (1 + n_permutations))


def _priors_by_order(
    between: TwoPlatforms, orders: NDArray[np.int64], kind: str, folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """As `_priors`, of sources in each of some orders, (n_orders, m, k); of one slope, at once."""
    if kind != "scaled shift":
        return np.stack([_priors(between.with_sources_of(of), kind, folds) for of in orders])
    sources, target = between.source[orders], between.own[between.sizes[-1]]
    priors = np.empty_like(sources)
    for fold in np.unique(folds):
        own, others = folds == fold, folds != fold
        x, y = sources[:, others], target[others]
        origin, mean = x.mean(axis=1, keepdims=True), y.mean(axis=0)
        centred = x - origin
        alike = np.abs(centred).max(axis=(1, 2)) <= _ROUNDING * np.abs(x).max(axis=(1, 2))
        spread = np.where(alike, 0, np.square(centred).sum(axis=(1, 2)))
        shared = np.einsum("nmk,mk->n", centred, y - mean)
        slope = np.divide(shared, spread, out=np.zeros_like(spread), where=spread > 0)
        slope = np.maximum(slope, 0)[:, None, None]
        priors[:, own] = slope * (sources[:, own] - origin) + mean
    return priors
