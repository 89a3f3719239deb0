"""Tastes at two levels: which categories a user collects, and which styles within each.

A user's categories are draws from a Dirichlet-multinomial, and so are the styles within each
category, with strengths and shares learned from background users (empirical Bayes). What a user's
pins say of later ones is then a sum over the levels, in bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from visprof.checks import check_groups, check_number, check_whole
from visprof.prediction import Ranks
from visprof.ties import TIE

__all__ = [
    "WEAKEST", "Bits", "DirichletMultinomial", "HierarchicalProfile", "deal_styles",
    "expected_bits", "fit_dirichlet_multinomial", "fit_strength", "log_probability",
    "rank_by_score", "session_weights",
]  # fmt: skip

STRONGEST, WEAKEST = 1e-2, 1e6  # tastes: users who share nothing, and users who do not differ
_GRID = 33  # strengths tried before the best is refined
_MAX_ITER = 500
_TOLERANCE = 1e-9  # of the objective, by how much there is of it


# --- one level


def log_probability(counts: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
    r"""Log probability of pins, in the order in which they came, by a Dirichlet-multinomial.

    .. math:: \log p(n) = \sum_k \log \frac{\Gamma(\alpha_k + n_k)}{\Gamma(\alpha_k)}
                          - \log \frac{\Gamma(A + N)}{\Gamma(A)}, \quad
              A = \sum_k \alpha_k, \; N = \sum_k n_k.

    The probability of the counts, in whatever order (``scipy.stats.dirichlet_multinomial``), has
    the multinomial coefficient besides; in ratios of two models it cancels.

    Parameters
    ----------
    counts : array-like of shape (n, k)
        Pins of each of n users by item; they may be tempered (see `session_weights`).
    alpha : array-like of shape (k,) or (n, k)
        Parameters, each above 0; those of a posterior are the prior's and a user's own counts.

    Returns
    -------
    ndarray of shape (n,)
        In nats.

    Raises
    ------
    ValueError
        If shapes do not match, a count is negative or not finite, or a parameter is not above 0.

    Examples
    --------
    >>> log_probability([[2, 0]], [1.0, 1.0]).round(3)  # 1/2, then 2/3
    array([-1.099])
    """
    counts = _counts(counts, "counts")
    alpha = np.asarray(alpha, np.float64)
    if alpha.shape not in (counts.shape, counts.shape[1:]):
        raise ValueError(
            f"alpha: expected shape {counts.shape[1:]} or {counts.shape}, got {alpha.shape}"
        )
    if not (np.isfinite(alpha).all() and (alpha > 0).all()):
        raise ValueError("alpha: expected finite parameters above 0")
    return _log_probability(counts, alpha)


def _log_probability(counts: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    whole = alpha.sum(axis=-1)
    items = gammaln(alpha + counts) - gammaln(alpha)
    return items.sum(axis=-1) - (gammaln(whole + counts.sum(axis=-1)) - gammaln(whole))


@dataclass(frozen=True)
class DirichletMultinomial:
    """Strength and shares by maximum likelihood.

    Attributes
    ----------
    strength : float
        In pins: a user's own share of an item counts as much as the population's once the user has
        so many. `WEAKEST` where users do not differ by more than chance.
    shares : ndarray of shape (k,)
        The population's; they sum to 1.
    objective : ndarray of shape (n_iter,)
        Log likelihood, with the smoothing's part, after each iteration: it never falls.
    """

    strength: float
    shares: NDArray[np.float64]
    objective: NDArray[np.float64]

    @property
    def alpha(self) -> NDArray[np.float64]:
        """Parameters: the strength times the shares."""
        return self.strength * self.shares


def fit_strength(counts: Sequence[ArrayLike], shares: Sequence[ArrayLike]) -> float:
    """Strength of taste that several groups of users have in common, by maximum likelihood.

    Parameters
    ----------
    counts : sequence of array-like of shape (n, k)
        Pins by user and item; each group has users and items of its own.
    shares : sequence of array-like of shape (k,)
        The population's shares in each group, all above 0.

    Returns
    -------
    float
        The best of a grid from 0.01 to `WEAKEST`, refined between its neighbours.

    Raises
    ------
    ValueError
        As `log_probability`, or if there is no group or not as many shares.

    Examples
    --------
    >>> alike = [[5, 5], [6, 4], [4, 6], [5, 5]]
    >>> fit_strength([alike], [[0.5, 0.5]]) == WEAKEST  # they differ by less than chance
    True
    """
    if not len(counts) or len(counts) != len(shares):
        raise ValueError(
            f"counts and shares: expected one of each for each group, got {len(counts)} and "
            f"{len(shares)}"
        )
    groups = []
    for place, (of, share) in enumerate(zip(counts, shares, strict=True)):
        log_probability(of, share)  # checks both
        groups.append((_counts(of, f"counts[{place}]"), np.asarray(share, np.float64)))
    return _best_strength(groups)


def _best_strength(groups: Sequence[tuple[NDArray, NDArray]], near: float | None = None) -> float:
    """The best strength: of a grid, or within a factor 8 of one that is known."""

    def objective(log_strength: float) -> float:
        alphas = [np.exp(log_strength) * shares for _, shares in groups]
        return sum(
            float(_log_probability(counts, alpha).sum())
            for (counts, _), alpha in zip(groups, alphas, strict=True)
        )

    low, high = np.log(STRONGEST), np.log(WEAKEST)
    if near is None:
        grid = np.linspace(low, high, _GRID)
        place = int(np.argmax([objective(at) for at in grid]))
        start, ends = grid[place], (grid[max(place - 1, 0)], grid[min(place + 1, _GRID - 1)])
    else:
        start = np.log(near)
        ends = max(low, start - np.log(8)), min(high, start + np.log(8))
    found = minimize_scalar(lambda at: -objective(at), bounds=ends, method="bounded",
                            options={"xatol": 1e-7})  # fmt: skip
    best = max((start, float(found.x), *ends), key=objective)
    reached = objective(best)
    if objective(high) >= reached - TIE * max(1, abs(reached)):  # they differ by rounding
        return WEAKEST
    return float(np.clip(np.exp(best), STRONGEST, WEAKEST))


def fit_dirichlet_multinomial(counts: ArrayLike, smoothing: float = 0.0) -> DirichletMultinomial:
    r"""Strength and shares of a Dirichlet-multinomial by maximum likelihood.

    Two steps in turn, of which neither lowers the likelihood: the shares by the fixed point of
    Minka (2000, "Estimating a Dirichlet distribution"), for a given strength A

    .. math:: \pi_k \propto \lambda + \sum_u A \pi_k
              \left(\psi(A \pi_k + n_{uk}) - \psi(A \pi_k)\right),

    and the strength by a search in one dimension. With the smoothing :math:`\lambda` what rises is
    the likelihood times :math:`\prod_k \pi_k^\lambda`: an item that nobody of the background has
    keeps a share.

    Parameters
    ----------
    counts : array-like of shape (n, k)
        Pins by user and item. Users without pins say nothing.
    smoothing : float, default=0
        Pins that each item is given, in all.

    Returns
    -------
    DirichletMultinomial
        Until the objective rises by less than 1e-9 of itself, at most 500 iterations. An item that
        nobody has gets the share 0 without smoothing.

    Raises
    ------
    ValueError
        If a count is negative or not finite, there is no pin at all and no smoothing, or the
        smoothing is negative.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users = rng.dirichlet([2.0, 4.0, 6.0], 500)  # of strength 12
    >>> found = fit_dirichlet_multinomial([rng.multinomial(100, user) for user in users])
    >>> f"{found.strength:.1f}", found.shares.round(2).tolist()
    ('12.2', [0.16, 0.33, 0.51])
    """
    counts = _counts(counts, "counts")
    smoothing = check_number(smoothing, "smoothing", least=0)
    counts = counts[counts.sum(axis=1) > 0]
    totals = counts.sum(axis=0)
    if not totals.sum() + smoothing:
        raise ValueError("counts: there is no pin, and no smoothing to take its place")
    there = totals + smoothing > 0
    shares = np.zeros(len(totals))
    shares[there], strength, objective = _alternate(counts[:, there], smoothing)
    return DirichletMultinomial(strength, shares, np.array(objective))


def _alternate(counts: NDArray, smoothing: float) -> tuple[NDArray, float, list[float]]:
    """Shares, strength and objectives of items that all have a pin, or are given one."""
    shares = counts.sum(axis=0) + smoothing
    shares /= shares.sum()
    if not len(counts) or len(shares) == 1:  # nobody, or nothing to choose
        return shares, WEAKEST, [smoothing * float(np.log(shares).sum())]
    strength = _best_strength([(counts, shares)])
    objective: list[float] = []
    for _ in range(_MAX_ITER):
        alpha = strength * shares
        shares = smoothing + (alpha * (digamma(alpha + counts) - digamma(alpha))).sum(axis=0)
        shares = np.maximum(shares, np.finfo(float).tiny)
        shares /= shares.sum()
        strength = _best_strength([(counts, shares)], strength)
        log_likelihood = float(_log_probability(counts, strength * shares).sum())
        objective.append(log_likelihood + smoothing * float(np.log(shares).sum()))
        if len(objective) > 1 and objective[-1] - objective[-2] <= _TOLERANCE * abs(objective[-1]):
            break
    return shares, strength, objective


def _counts(counts: ArrayLike, name: str) -> NDArray[np.float64]:
    array = check_array(counts, dtype=np.float64, input_name=name)
    if array.min() < 0:
        row = int(np.flatnonzero((array < 0).any(axis=1))[0])
        # in the words of scikit-learn, whose checks ask for them
        raise ValueError(f"{name}: Negative values in data, at row {row}; expected numbers of pins")
    return array


# --- two levels


@dataclass(frozen=True)
class Bits:
    """What users' pins say of later ones, in bits a pin beyond what the population says.

    All of n users' own test pins, (n,), or of every pair of a user and test pins, (n, m).

    Attributes
    ----------
    inter : ndarray
        Of categories.
    intra : ndarray
        Of styles within categories, given the categories.
    styles : ndarray
        Of styles by themselves, whatever their category.
    flat : ndarray
        Of category and style at once, by a model that knows cells and no levels.
    """

    inter: NDArray[np.float64]
    intra: NDArray[np.float64]
    styles: NDArray[np.float64]
    flat: NDArray[np.float64]

    @property
    def fusion(self) -> NDArray[np.float64]:
        """Of both levels: ``inter + intra``."""
        return self.inter + self.intra

    @property
    def interaction(self) -> NDArray[np.float64]:
        """What knowing the category adds to a style: ``intra - styles``.

        So that ``fusion = inter + styles + interaction``, as of McGill's interaction information
        (1954). It is above 0 where a taste in styles differs from category to category, and below
        where it is the same in all, which single categories learn slower; or where styles tell what
        categories have told already.
        """
        return self.intra - self.styles


class HierarchicalProfile(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""A profile of categories, and of styles within each, that leans on background users.

    .. math:: c_u \sim \mathrm{DM}(A \pi), \qquad s_{uc} \sim \mathrm{DM}(B_c q_c)

    are the categories of a user's pins and the styles of those in category c, with shares
    :math:`\pi, q_c` of the population and strengths :math:`A, B_c`: the fewer pins, the more users
    differ. All are fitted to background users by maximum likelihood.

    Users stand in rows, and cells in columns: all styles of the first category, then those of the
    next.

    Parameters
    ----------
    n_categories : int, default=1
        How many categories the columns are of.
    smoothing : float, default=0.5
        Pins that each category, and each style of a category, is given, in all: a cell that the
        background lacks is rare then, not impossible.
    min_users : int, default=10
        Users with at least two pins in a category whom a strength of its own needs. With fewer, it
        has that which all categories have in common.

    Attributes
    ----------
    strength_ : float
        A, in pins.
    shares_ : ndarray of shape (n_categories,)
        pi.
    style_strengths_ : ndarray of shape (n_categories,)
        B, in pins.
    style_shares_ : ndarray of shape (n_categories, n_styles)
        q; rows sum to 1.
    shared_strength_ : float
        The strength of styles that all categories have in common.
    styles_, cells_ : DirichletMultinomial
        Of styles, whatever their category, and of cells without levels: what `Bits` sets beside.
    n_features_in_ : int

    Examples
    --------
    >>> background = [[9, 1, 0, 0], [0, 0, 2, 8], [5, 0, 1, 4], [1, 9, 0, 0], [0, 0, 9, 1]]
    >>> profile = HierarchicalProfile(n_categories=2).fit(background)
    >>> profile.transform([[0, 3, 0, 0]]).round(2)  # three pins of one cell
    array([[0.2 , 0.77, 0.01, 0.01]])
    >>> profile.bits([[0, 3, 0, 0]], [[0, 2, 0, 0]]).fusion.round(2)
    array([1.28])
    """

    def __init__(self, n_categories: int = 1, smoothing: float = 0.5, min_users: int = 10) -> None:
        self.n_categories = n_categories
        self.smoothing = smoothing
        self.min_users = min_users

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def fit(self, X: ArrayLike, y: None = None) -> HierarchicalProfile:
        """Learn strengths and shares from background users.

        Parameters
        ----------
        X : array-like of shape (n_users, n_categories * n_styles)
            Pins of each background user by cell, none negative; they may be tempered.
        y : None
            Ignored.

        Returns
        -------
        HierarchicalProfile
            The fitted estimator.

        Raises
        ------
        TypeError
            If a parameter is no number.
        ValueError
            If a count is negative or not finite, the columns are not those of so many categories,
            or a parameter is out of range.
        """
        n_categories = check_whole(self.n_categories, "n_categories", 1)
        smoothing = check_number(self.smoothing, "smoothing", above=0)
        min_users = check_whole(self.min_users, "min_users", 1)
        counts = _counts(validate_data(self, X, dtype=np.float64), "X")
        if counts.shape[1] % n_categories:
            raise ValueError(
                f"X: expected as many columns for each of n_categories={n_categories}, got "
                f"{counts.shape[1]} columns"
            )
        cells = counts.reshape(len(counts), n_categories, -1)
        of_categories = fit_dirichlet_multinomial(cells.sum(axis=2), smoothing)
        self.strength_, self.shares_ = of_categories.strength, of_categories.shares
        self._fit_styles(cells, smoothing, min_users)
        self.styles_ = fit_dirichlet_multinomial(cells.sum(axis=1), smoothing)
        self.cells_ = fit_dirichlet_multinomial(counts, smoothing)
        return self

    def _fit_styles(self, cells: NDArray, smoothing: float, min_users: int) -> None:
        alone = [
            fit_dirichlet_multinomial(cells[:, category], smoothing)
            for category in range(cells.shape[1])
        ]
        shares = np.array([of.shares for of in alone])
        many = (cells.sum(axis=2) >= 2).sum(axis=0) >= min_users
        groups = [(cells[:, category], share) for category, share in enumerate(shares)]
        self.shared_strength_ = _best_strength(groups) if cells.shape[2] > 1 else WEAKEST
        own = np.array([of.strength for of in alone])
        self.style_strengths_ = np.where(many, own, self.shared_strength_)
        self.style_shares_ = shares

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        r"""Profiles: the chance that a user's next pin is of each cell.

        .. math:: \frac{A \pi_c + n_{uc}}{A + n_u} \cdot
                  \frac{B_c q_{cs} + n_{ucs}}{B_c + n_{uc}}

        Parameters
        ----------
        X : array-like of shape (n, n_categories * n_styles)
            Pins by cell. A user without pins has the population's profile.

        Returns
        -------
        ndarray of shape (n, n_categories * n_styles)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If a count is negative or not finite, or the columns are not those of `fit`.
        """
        cells = self._cells(X, "X")
        of_category = cells.sum(axis=2)
        shares = self.strength_ * self.shares_ + of_category
        shares /= shares.sum(axis=1, keepdims=True)
        styles = self._style_alpha() + cells
        styles /= styles.sum(axis=2, keepdims=True)
        return (shares[:, :, None] * styles).reshape(len(cells), -1)

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log probability of each user's pins by the population's two levels, in nats.

        Parameters
        ----------
        X : array-like of shape (n, n_categories * n_styles)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        ValueError
            As `transform`.
        """
        cells = self._cells(X, "X")
        found = _log_probability(cells.sum(axis=2), self.strength_ * self.shares_)
        return found + _log_probability(cells, self._style_alpha()).sum(axis=1)

    def score(self, X: ArrayLike, y: None = None) -> float:
        """Mean of `score_samples` over users.

        Parameters
        ----------
        X : array-like of shape (n, n_categories * n_styles)
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean())

    def bits(self, train: ArrayLike, test: ArrayLike, *, pairs: bool = False) -> Bits:
        r"""What training pins say of test pins: :math:`\log_2 p(S \mid n_u) - \log_2 p(S)`, a pin.

        Parameters
        ----------
        train : array-like of shape (n, n_categories * n_styles)
            Training pins of each user by cell; they may be tempered.
        test : array-like of shape (m, n_categories * n_styles)
            Test pins by cell, at least one in each row; row i is user i's unless `pairs`.
        pairs : bool, default=False
            Of all users with all rows of test pins, (n, m).

        Returns
        -------
        Bits

        Raises
        ------
        ValueError
            As `transform`, or if a row of test pins is empty, or rows do not match.
        """
        train, test = self._cells(train, "train"), self._cells(test, "test")
        n_test = test.sum(axis=(1, 2))
        if not n_test.all():
            raise ValueError(
                f"test: row {int(np.flatnonzero(n_test == 0)[0])} has no pin to be told of"
            )
        if not pairs and len(train) != len(test):
            raise ValueError(f"train and test: {len(train)} and {len(test)} rows do not match")

        def gain(own: NDArray, later: NDArray, alpha: NDArray) -> NDArray:
            score = _pair_gains if pairs else _own_gains
            return score(own, later, alpha) / (n_test * np.log(2))

        styles = self._style_alpha()
        return Bits(
            gain(train.sum(axis=2), test.sum(axis=2), self.strength_ * self.shares_),
            sum(
                gain(train[:, category], test[:, category], alpha)
                for category, alpha in enumerate(styles)
            ),
            gain(train.sum(axis=1), test.sum(axis=1), self.styles_.alpha),
            gain(
                train.reshape(len(train), -1), test.reshape(len(test), -1), self.cells_.alpha
            ),
        )  # fmt: skip

    def _style_alpha(self) -> NDArray[np.float64]:
        return self.style_strengths_[:, None] * self.style_shares_

    def _cells(self, X: ArrayLike, name: str) -> NDArray[np.float64]:
        check_is_fitted(self)
        counts = _counts(validate_data(self, X, dtype=np.float64, reset=False), name)
        return counts.reshape(len(counts), len(self.shares_), -1)


def _own_gains(train: NDArray, test: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    """Nats that each user's training counts tell of the same row of test counts, (n,)."""
    return _log_probability(test, alpha + train) - _log_probability(test, alpha)


def _pair_gains(train: NDArray, test: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    """The same of all rows with all, (n, m), added item by item: in one order on any machine."""
    posterior = alpha + train

    def rising(of: NDArray, counts: NDArray) -> NDArray:
        """log Gamma(of + counts) - log Gamma(of), of each count that there is but once."""
        values, places = np.unique(counts, return_inverse=True)
        found = gammaln(of[:, None] + values) - gammaln(of)[:, None]
        return found[:, places]

    gains = -rising(posterior.sum(axis=1), test.sum(axis=1))
    for item in range(test.shape[1]):
        gains += rising(posterior[:, item], test[:, item])
    return gains - _log_probability(test, alpha)


def rank_by_score(scores: ArrayLike) -> Ranks:
    """Rank every user's own test pins by their score among all users' test pins.

    Parameters
    ----------
    scores : array-like of shape (n, n)
        Of users (rows) with test pins (columns): the higher, the better they match.

    Returns
    -------
    Ranks
        Scores that differ by a billionth, or less, are equal.

    Raises
    ------
    ValueError
        If the scores are not square and finite, or of fewer than 2 users.

    Examples
    --------
    >>> rank_by_score([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]).middle
    array([1., 2., 2.])
    """
    scores = check_array(scores, dtype=np.float64, input_name="scores", ensure_min_samples=2)
    if scores.shape[0] != scores.shape[1]:
        raise ValueError(f"scores: expected as many columns as users, got {scores.shape}")
    own = np.diag(scores)[:, None]
    slack = TIE * np.maximum(1, np.abs(own))
    better = (scores > own + slack).sum(axis=1)
    return Ranks(better + 1, (scores >= own - slack).sum(axis=1))


def expected_bits(
    alpha: ArrayLike, style_alpha: ArrayLike, n_train: int, n_test: int
) -> tuple[float, float]:
    r"""What training pins say of test pins in a world of the two levels, exactly.

    If m pins of a user have the expected log probability H(m), which a finite sum over
    beta-binomial counts gives, n pins tell of t others on average :math:`H(n + t) - H(n) - H(t)`.

    Parameters
    ----------
    alpha : array-like of shape (n_categories,)
        Strength times shares of categories, in truth.
    style_alpha : array-like of shape (n_categories, n_styles)
        The same of styles in each.
    n_train, n_test : int
        Training and test pins of each user, at least 0 and 1.

    Returns
    -------
    inter, intra : float
        In bits a test pin.

    Raises
    ------
    TypeError
        If a number of pins is not whole.
    ValueError
        If shapes do not match, a parameter is not above 0, or a number of pins is too small.

    Examples
    --------
    >>> inter, intra = expected_bits([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], 20, 10)
    >>> f"{inter:.2f} {intra:.2f}"
    '0.13 0.15'
    """
    n_train, n_test = check_whole(n_train, "n_train", 0), check_whole(n_test, "n_test", 1)
    alpha, styles = np.asarray(alpha, np.float64), np.asarray(style_alpha, np.float64)
    if alpha.ndim != 1 or styles.ndim != 2 or len(styles) != len(alpha) or not alpha.size:
        raise ValueError(
            f"alpha and style_alpha: expected shapes (c,) and (c, s), got {alpha.shape} and "
            f"{styles.shape}"
        )
    for name, of in (("alpha", alpha), ("style_alpha", styles)):
        if not (np.isfinite(of).all() and (of > 0).all()):
            raise ValueError(f"{name}: expected finite parameters above 0")
    sizes = (n_train + n_test, n_train, n_test)
    whole, *parts = (_expected_log_probability(alpha, size) for size in sizes)
    inter = whole - sum(parts)
    intra = 0.0
    for of_category, of_styles in zip(alpha, styles, strict=True):
        by_pins = np.array([_expected_log_probability(of_styles, m) for m in range(sizes[0] + 1)])
        mean, *means = (
            float(_count_chances(size, of_category, alpha.sum()) @ by_pins[: size + 1])
            for size in sizes
        )
        intra += mean - sum(means)
    return float(inter / n_test / np.log(2)), float(intra / n_test / np.log(2))


def _count_chances(n_pins: int, alpha: float, strength: float) -> NDArray[np.float64]:
    """Chances of 0 to `n_pins` pins of one item."""
    if alpha >= strength:  # there is no other
        return np.eye(n_pins + 1)[n_pins]
    return stats.betabinom.pmf(np.arange(n_pins + 1), n_pins, alpha, strength - alpha)


def _expected_log_probability(alpha: NDArray, n_pins: int) -> float:
    strength, numbers = alpha.sum(), np.arange(n_pins + 1)
    items = [
        float(_count_chances(n_pins, of, strength) @ (gammaln(of + numbers) - gammaln(of)))
        for of in alpha
    ]
    return sum(items) - float(gammaln(strength + n_pins) - gammaln(strength))


# --- sessions, and the null


def session_weights(users: ArrayLike, sessions: ArrayLike, icc: float) -> NDArray[np.float64]:
    """Weight of each pin as evidence, where pins of one session are alike.

    A session of n pins whose intraclass correlation is `icc` tells as much as
    n / (1 + (n - 1) icc) pins that are independent (the design effect of Kish 1965).

    Parameters
    ----------
    users, sessions : array-like of shape (n,)
        User and session of each pin; the same name with two users means two sessions.
    icc : float
        Correlation of pins of one session beyond their user's, 0 to 1.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    TypeError
        If users or sessions are of several kinds, or `icc` is no number.
    ValueError
        If shapes do not match, a user or session is missing, or `icc` is out of range.

    Examples
    --------
    >>> session_weights(["a", "a", "a", "b"], [1, 1, 2, 1], 0.5).round(2)
    array([0.67, 0.67, 1.  , 1.  ])
    """
    icc = check_number(icc, "icc", least=0, most=1)
    blocks = _pairs_as_codes(users, sessions, "sessions")
    return 1 / (1 + (np.bincount(blocks)[blocks] - 1) * icc)


def _pairs_as_codes(first: ArrayLike, second: ArrayLike, name: str) -> NDArray[np.int64]:
    """Numbers of the pairs that two labels make."""
    first = np.unique(check_groups(first, None, "users"), return_inverse=True)[1]
    second = np.unique(check_groups(second, len(first), name), return_inverse=True)[1]
    return np.unique(first * (second.max(initial=0) + 1) + second, return_inverse=True)[1]


def deal_styles(
    categories: ArrayLike, styles: ArrayLike, blocks: ArrayLike | None, random_state: object
) -> NDArray:
    """Deal styles within categories over users: the null, in which taste has no style.

    Every pin keeps its user and category. Pins of one block (a user's session, say) and category
    are dealt as a whole, with others of the same category and as many pins: what is alike in a
    session stays so.

    Parameters
    ----------
    categories, styles : array-like of shape (n,)
        Of each pin.
    blocks : array-like of shape (n,) or None
        User and session of each pin, as one label; None: each pin is dealt by itself.
    random_state : int or numpy.random.Generator
        Seed, or a generator to draw from.

    Returns
    -------
    ndarray of shape (n,)
        The dealt styles.

    Raises
    ------
    TypeError
        If labels are of several kinds.
    ValueError
        If shapes do not match, or a label is missing.

    Examples
    --------
    >>> deal_styles([0, 0, 0, 1], [5, 6, 7, 8], None, 0)
    array([7, 5, 6, 8])
    """
    categories = check_groups(categories, None, "categories")
    styles = check_groups(styles, len(categories), "styles")
    n = len(categories)
    blocks = np.arange(n) if blocks is None else check_groups(blocks, n, "blocks")
    rng = np.random.default_rng(random_state)
    of_category = np.unique(categories, return_inverse=True)[1]
    units = _pairs_as_codes(blocks, of_category, "categories")
    order = np.argsort(units, kind="stable")  # pins of a unit stand together, in their order
    sizes = np.bincount(units)
    starts = np.cumsum(sizes) - sizes
    category = of_category[order[starts]] if n else of_category
    dealt = styles.copy()
    for of, size in sorted(set(zip(category.tolist(), sizes.tolist(), strict=True))):
        alike = starts[(category == of) & (sizes == size)]
        rows = order[alike[:, None] + np.arange(size)]
        dealt[rows] = styles[rows[rng.permutation(len(rows))]]
    return dealt
