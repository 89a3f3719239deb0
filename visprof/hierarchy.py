"""Tastes at two levels: which categories a user collects, and which styles within each.

A user's categories are draws from a Dirichlet-multinomial, and so are the styles within each
category, with strengths and shares learned from background users (empirical Bayes). What a user's
pins say of later ones is then a sum over the levels, in bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from visprof._gains import Gain, evidence_of, predicted
from visprof._lazy import lazily
from visprof._style_deals import StyleDeals, pairs_as_codes
from visprof.checks import check_groups, check_number, check_whole, unmasked
from visprof.dirichlet import (
    WEAKEST,
    DirichletMultinomial,
    check_counts,
    check_parameters,
    count_chances,
    expected_log_probability,
    fit_dirichlet_multinomial,
    fit_strength,
    log_probability,
)
from visprof.ties import TIE

with lazily():
    from visprof.prediction import Ranks

__all__ = [
    "Bits", "HierarchicalProfile", "deal_styles", "expected_bits", "rank_by_score",
    "session_weights",
]  # fmt: skip


@dataclass(frozen=True)
class Bits:
    """What users' pins say of later ones, in bits a pin beyond what the population says.

    Of n users' own test pins, (n,), or of every pair of a user and test pins, (n, m).

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
        (1954). It is above 0 where a taste in styles differs from category to category, or a style
        is another thing in each. It is below 0 where the taste is the same in all categories, which
        single ones learn slower, or where styles tell what categories have told already.
        """
        return self.intra - self.styles


class HierarchicalProfile(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""A profile of categories, and of styles within each, that leans on background users.

    .. math:: c_u \sim \mathrm{DM}(A \pi), \qquad s_{uc} \sim \mathrm{DM}(B_c q_c)

    are the categories of a user's pins and the styles of those in category c, with shares
    :math:`\pi, q_c` of the population and strengths :math:`A, B_c`: the fewer pins, the more users
    differ. All are fitted to background users by maximum likelihood. At a level where these do not
    differ by more than chance, everybody has the population's shares, and pins tell nothing.

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
        They are fitted when they are first asked for.
    n_features_in_ : int

    Examples
    --------
    >>> background = [[9, 1, 0, 0], [0, 0, 2, 8], [5, 0, 1, 4], [1, 9, 0, 0], [0, 0, 9, 1]]
    >>> profile = HierarchicalProfile(n_categories=2).fit(background)
    >>> profile.transform([[0, 3, 0, 0]]).round(2)  # three pins of one cell
    array([[0.2 , 0.77, 0.01, 0.01]])
    >>> profile.bits([[0, 3, 0, 0]], [[0, 2, 0, 0]]).fusion.round(2)
    array([2.06])
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
        counts = check_counts(validate_data(self, unmasked(X), dtype=np.float64), "X")
        if counts.shape[1] % n_categories:
            raise ValueError(
                f"X: expected as many columns for each of n_categories={n_categories}, got "
                f"{counts.shape[1]} columns"
            )
        cells = counts.reshape(len(counts), n_categories, -1)
        of_categories = fit_dirichlet_multinomial(cells.sum(axis=2), smoothing)
        self.strength_, self.shares_ = of_categories.strength, of_categories.shares
        self._fit_styles(cells, smoothing, min_users)
        self._fitted = counts.copy(), smoothing
        for beside in ("styles_", "cells_"):
            self.__dict__.pop(beside, None)
        return self

    @cached_property
    def styles_(self) -> DirichletMultinomial:
        """Of styles, whatever their category."""
        check_is_fitted(self)
        counts, smoothing = self._fitted
        cells = counts.reshape(len(counts), len(self.shares_), -1)
        return fit_dirichlet_multinomial(cells.sum(axis=1), smoothing)

    @cached_property
    def cells_(self) -> DirichletMultinomial:
        """Of cells without levels."""
        check_is_fitted(self)
        return fit_dirichlet_multinomial(*self._fitted)

    def _fit_styles(self, cells: NDArray, smoothing: float, min_users: int) -> None:
        alone = [
            fit_dirichlet_multinomial(cells[:, category], smoothing)
            for category in range(cells.shape[1])
        ]
        shares = np.array([of.shares for of in alone])
        many = (cells.sum(axis=2) >= 2).sum(axis=0) >= min_users
        self.shared_strength_ = _shared_strength(cells, shares)
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
        shares = self.strength_ * self.shares_ + of_category * _differ(self.strength_)
        shares /= shares.sum(axis=1, keepdims=True)
        styles = self._style_alpha() + cells * _differ(self.style_strengths_)[:, None]
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
        found = log_probability(cells.sum(axis=2), self.strength_ * self.shares_)
        return found + sum(
            log_probability(cells[:, category], alpha)
            for category, alpha in enumerate(self._style_alpha())
        )

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

    def bits(self, train: ArrayLike, test: ArrayLike) -> Bits:
        r"""What training pins say of each test pin: :math:`\log_2 p(x \mid n_u) - \log_2 p(x)`.

        Of a pin x by the user's profile and by the population's, as a mean over the test pins. In
        each part both tell the same pin, so that parts can be compared. Of users who are as the
        population that was fitted, no part is above 0 in expectation, whatever the strengths.

        Parameters
        ----------
        train : array-like of shape (n, n_categories * n_styles)
            Training pins of each user by cell; they may be tempered.
        test : array-like of shape (n, n_categories * n_styles)
            Test pins of the same users by cell, at least one in each row.

        Returns
        -------
        Bits
            Of shape (n,).

        Raises
        ------
        ValueError
            As `transform`, or if a row of test pins is empty, or rows do not match.
        """
        train, test = self._own_pins(train, test)
        return Bits(*self._levels(train, test, predicted), *self._beside(train, test, predicted))

    def level_bits(
        self, train: ArrayLike, test: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The two levels of `bits` alone, for which nothing that stands beside them is fitted.

        Parameters
        ----------
        train, test : array-like of shape (n, n_categories * n_styles)
            As of `bits`.

        Returns
        -------
        inter, intra : ndarray of shape (n,)

        Raises
        ------
        ValueError
            As `bits`.
        """
        return self._levels(*self._own_pins(train, test), predicted)

    def evidence(self, train: ArrayLike, test: ArrayLike) -> Bits:
        r"""How much likelier test pins S are of a user: :math:`\log_2 p(S \mid n_u) - \log_2 p(S)`.

        Of all test pins at once, and of somebody's, so that S may be told by what S has in common:
        the logarithm of the Bayes factor that both are of one user, not of two. It ranks users; its
        parts cannot be compared, since each has a p(S) of its own.

        Parameters
        ----------
        train : array-like of shape (n, n_categories * n_styles)
            Training pins of each user by cell; they may be tempered.
        test : array-like of shape (m, n_categories * n_styles)
            Test pins by cell, at least one in each row.

        Returns
        -------
        Bits
            A pin, of shape (n, m): of every user with every row of test pins.

        Raises
        ------
        ValueError
            As `transform`, or if a row of test pins is empty.
        """
        pins = self._train_and_test(train, test)
        return Bits(*self._levels(*pins, evidence_of), *self._beside(*pins, evidence_of))

    def _own_pins(self, train: ArrayLike, test: ArrayLike) -> tuple[NDArray, NDArray]:
        train, test = self._train_and_test(train, test)
        if len(train) != len(test):
            raise ValueError(f"train and test: {len(train)} and {len(test)} rows do not match")
        return train, test

    def _train_and_test(self, train: ArrayLike, test: ArrayLike) -> tuple[NDArray, NDArray]:
        train, test = self._cells(train, "train"), self._cells(test, "test")
        empty = np.flatnonzero(test.sum(axis=(1, 2)) == 0)
        if len(empty):
            raise ValueError(f"test: row {int(empty[0])} has no pin to be told of")
        return train, test

    def _levels(self, train: NDArray, test: NDArray, gain: Gain) -> tuple[NDArray, NDArray]:
        inter = _told(
            train.sum(axis=2), test.sum(axis=2), self.strength_ * self.shares_, gain
        )  # fmt: skip
        intra = sum(
            _told(train[:, category], test[:, category], alpha, gain)
            for category, alpha in enumerate(self._style_alpha())
        )
        n_test = test.sum(axis=(1, 2))
        return inter / (n_test * np.log(2)), intra / (n_test * np.log(2))

    def _beside(self, train: NDArray, test: NDArray, gain: Gain) -> tuple[NDArray, NDArray]:
        styles = _told(train.sum(axis=1), test.sum(axis=1), self.styles_.alpha, gain)
        flat = _told(
            train.reshape(len(train), -1), test.reshape(len(test), -1), self.cells_.alpha, gain
        )
        n_test = test.sum(axis=(1, 2))
        return styles / (n_test * np.log(2)), flat / (n_test * np.log(2))

    def _style_alpha(self) -> NDArray[np.float64]:
        return self.style_strengths_[:, None] * self.style_shares_

    def _cells(self, X: ArrayLike, name: str) -> NDArray[np.float64]:
        check_is_fitted(self)
        X = validate_data(self, unmasked(X), dtype=np.float64, reset=False)
        counts = check_counts(X, name)
        return counts.reshape(len(counts), len(self.shares_), -1)


def _told(own: NDArray, later: NDArray, alpha: NDArray, gain: Gain) -> NDArray[np.float64]:
    """Nats that are gained; none where users do not differ."""
    found = gain(own, later, alpha)
    return found if _differ(alpha.sum()) else np.zeros_like(found)


def _differ(strengths: ArrayLike) -> NDArray[np.bool_]:
    """Whether users differ at all: what they have is no taste otherwise, and tells nothing."""
    return np.asarray(strengths) < (1 - TIE) * WEAKEST


def _shared_strength(cells: NDArray, shares: NDArray) -> float:
    if cells.shape[2] == 1:  # there is no style to choose
        return WEAKEST
    return fit_strength([cells[:, category] for category in range(len(shares))], shares)


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
    scores = check_array(
        unmasked(scores), dtype=np.float64, input_name="scores", ensure_min_samples=2
    )
    if scores.shape[0] != scores.shape[1]:
        raise ValueError(f"scores: expected as many columns as users, got {scores.shape}")
    own = np.diag(scores)[:, None]
    slack = TIE * np.maximum(1, np.abs(own))
    better = (scores > own + slack).sum(axis=1)
    return Ranks(better + 1, (scores >= own - slack).sum(axis=1))


def expected_bits(alpha: ArrayLike, style_alpha: ArrayLike, n_train: int) -> tuple[float, float]:
    r"""What training pins say of a later pin in a world of the two levels, exactly.

    If m pins of a user have the expected log probability H(m), which a finite sum over
    beta-binomial counts gives, n pins gain :math:`H(n + 1) - H(n) - H(1)` on the next. Of styles
    it is the mean over how many pins of the next pin's category there are.

    Parameters
    ----------
    alpha : array-like of shape (n_categories,)
        Strength times shares of categories, in truth.
    style_alpha : array-like of shape (n_categories, n_styles)
        The same of styles in each.
    n_train : int
        Training pins of each user, at least 0.

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
    >>> inter, intra = expected_bits([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], 20)
    >>> f"{inter:.2f} {intra:.2f}"
    '0.41 0.39'
    """
    n_train = check_whole(n_train, "n_train", 0)
    alpha = check_parameters(alpha, "alpha")
    styles = check_parameters(style_alpha, "style_alpha")
    if alpha.ndim != 1 or styles.ndim != 2 or len(styles) != len(alpha):
        raise ValueError(
            f"alpha and style_alpha: expected shapes (c,) and (c, s), got {alpha.shape} and "
            f"{styles.shape}"
        )
    inter = _gains(alpha, n_train)[n_train]
    different, places = np.unique(styles, axis=0, return_inverse=True)
    by_pins = [_gains(of, n_train) for of in different]
    strength, numbers = float(alpha.sum()), np.arange(n_train + 1)
    intra = 0.0
    for of, place in zip(alpha.tolist(), places.ravel().tolist(), strict=True):
        again = (of + numbers) / (strength + n_train)  # the next pin is of the category
        intra += float(count_chances(n_train, of, strength) @ (again * by_pins[place]))
    return float(inter / np.log(2)), float(intra / np.log(2))


def _gains(alpha: NDArray, most: int) -> NDArray[np.float64]:
    """Expected gain on the next pin of 0 to `most` pins, in nats."""
    logs = np.array([expected_log_probability(alpha, m) for m in range(most + 2)])
    return np.diff(logs) - logs[1]


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
    blocks = pairs_as_codes(users, sessions, "sessions")
    return 1 / (1 + (np.bincount(blocks)[blocks] - 1) * icc)


def deal_styles(
    categories: ArrayLike,
    styles: ArrayLike,
    blocks: ArrayLike | None,
    random_state: int | np.random.Generator,
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
        Seed of at least 0, or a generator to draw from.

    Returns
    -------
    ndarray of shape (n,)
        The dealt styles.

    Raises
    ------
    TypeError
        If labels are of several kinds, or the seed is no whole number.
    ValueError
        If shapes do not match, a label is missing, or the seed is negative.

    Examples
    --------
    >>> deal_styles([0, 0, 0, 1], [5, 6, 7, 8], None, 0)
    array([7, 5, 6, 8])
    """
    categories = check_groups(categories, None, "categories")
    styles = check_groups(styles, len(categories), "styles")
    deals = StyleDeals(categories, blocks)
    rng = random_state
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng(check_whole(random_state, "random_state", 0))
    return deals.deal(styles, rng)
