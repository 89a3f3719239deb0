"""Visual words: clusters of pictures, and how much a picture belongs to each (Eq. 2)."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linear_sum_assignment
from scipy.special import entr, softmax
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_array
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import check_is_fitted, validate_data

from visprof.checks import check_finite, check_groups, check_number, check_whole
from visprof.scaling import scale_exponent, scaled

__all__ = [
    "UniformAssignmentWarning", "VisualVocabulary", "assignment_entropy", "count_distinct",
    "match_clusters", "nearest_first",
]  # fmt: skip

_SIGMAS = ("pairs", "centres")
_START_ROWS = 100  # a cluster
_COUNTED_ROWS = 4096  # at a time
_BLOCK_BYTES = 32 * 2**20  # one block of row-to-centre distances
_LOOKED_AT = 1000  # rows whose mean entropy stands for that of all
_AUTO_ENTROPY = 0.5  # of the largest
_UNIFORM_ENTROPY = 0.95  # likewise


class UniformAssignmentWarning(UserWarning):
    """Assignments are so nearly uniform that profiles made of them hardly differ."""


class VisualVocabulary(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""K-means clusters of background pictures, with soft assignment to them (Eq. 2).

    .. math:: c(k) = \frac{\exp(-\|r - d_k\|^2 / (\beta \sigma^2))}
                          {\sum_l \exp(-\|r - d_l\|^2 / (\beta \sigma^2))}

    where r is a picture's embedding, :math:`d_k` a cluster centre, :math:`\sigma^2` the mean
    squared distance between pairs of training pictures and :math:`\beta` the bandwidth. The
    paper leaves open whether assignments are normalised, and what :math:`\sigma^2` is a mean over:
    both interpretations of both can be had. Where :math:`\beta` is read to divide
    :math:`\sigma^2`, pass a bandwidth of :math:`1 / \beta`. Near :math:`\beta = 1` the assignment
    is almost uniform, and a warning says so: see :func:`assignment_entropy`.

    Parameters
    ----------
    n_clusters : int, default=200
        Number of visual words k; at most the number of distinct training pictures, see
        :func:`count_distinct`.
    bandwidth : float or "auto", default=1.0
        :math:`\beta`; 0 assigns each picture wholly to the nearest centre. "auto" takes the one
        with which the mean entropy of the training pictures' normalised assignments is half of the
        largest: :math:`\log(k) / 2`, as if each belonged equally to :math:`\sqrt{k}` words.
    normalised_assignments : bool, default=True
        Divide by the sum over clusters, so that every picture counts as 1. Else the plain
        exponentials: a picture far from all centres counts for little.
    sigma_over : {"pairs", "centres"}, default="pairs"
        What :math:`\sigma^2` is the mean over: pairs of training pictures, or all pictures and
        centres.
    max_iter : int, default=25
        Most iterations of k-means. A few thousand rows converge in fewer; at the paper's size
        (180,000 rows, 410-d, 200 clusters) it is what most of the time goes into.
    random_state : int or None, default=None
        Seed of the k-means++ start (on a sample of rows, where there are many).

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, d)
    sigma2_ : float
        Mean of :math:`\|r_i - r_j\|^2` over all pairs i != j of training rows, or of
        :math:`\|r_i - d_k\|^2` over all rows and centres. Like `bandwidth` and
        `normalised_assignments`, `sigma_over` plays no part in `fit`: another choice needs no new
        clusters, but `set_params` (only "auto" is found in `fit`).
        Assignments do not depend on the unit of the embeddings; this does, and asking for it is a
        ValueError where it is beyond the largest float.
    bandwidth_ : float
        :math:`\beta` as it is used: `bandwidth`, or the one that "auto" found.
    n_iter_ : int
        Iterations that k-means took.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> words = VisualVocabulary(n_clusters=2, bandwidth=0.1, random_state=0).fit_transform(x)
    >>> words.sum(axis=1)
    array([1., 1., 1., 1.])
    """

    def __init__(
        self,
        n_clusters: int = 200,
        bandwidth: float | str = 1.0,
        normalised_assignments: bool = True,
        sigma_over: str = "pairs",
        max_iter: int = 25,
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.bandwidth = bandwidth
        self.normalised_assignments = normalised_assignments
        self.sigma_over = sigma_over
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> VisualVocabulary:
        """Cluster the rows of `X`.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Embeddings of background pictures. All is computed in float64, whatever their type: in
            float32 it would depend on the processor which of two near centres a picture is of.
        y : None
            Ignored.

        Returns
        -------
        VisualVocabulary
            The fitted estimator.

        Raises
        ------
        TypeError
            If `bandwidth` is no number, or another not whole.
        ValueError
            If `X` has fewer distinct rows than `n_clusters`, or fewer than two rows, or k-means
            cannot tell its rows apart, or a parameter is out of range.
        """
        self._check_parameters()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters} is more than n_samples={len(X)}: pass more rows "
                "or a smaller n_clusters"
            )
        distinct = count_distinct(X, self.n_clusters)
        if distinct < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters} is more than the {distinct} distinct rows among "
                f"n_samples={len(X)}, and equal clusters would share what one should have: pass "
                f"n_clusters={distinct} or fewer, or more pictures that differ"
            )
        self._exponent = scale_exponent(X)  # of the unit that all is computed in
        X = scaled(X, self._exponent)
        kmeans = KMeans(
            self.n_clusters,
            init=_sampled_start,
            n_init=1,
            max_iter=self.max_iter,
            random_state=self.random_state,
        ).fit(X)
        _check_filled(len(np.unique(kmeans.labels_)), self.n_clusters)
        self.cluster_centers_ = scaled(kmeans.cluster_centers_, -self._exponent)
        self.n_iter_ = kmeans.n_iter_
        self._sigma2 = _mean_squared_distances(X, kmeans.cluster_centers_)
        self._auto_scale = None
        if self.bandwidth == "auto":
            self._auto_scale = _scale_of_entropy(self._affinities(_some_rows(X))[0])
        return self

    @property
    def bandwidth_(self) -> float:
        r"""Bandwidth :math:`\beta` that is used."""
        if self.bandwidth != "auto":
            return float(self.bandwidth)
        if self._auto_scale is None:
            raise ValueError('bandwidth: "auto" is found in fit; fit with it, or pass a number')
        return 2 * self._auto_scale / self._sigma2[self.sigma_over]

    @property
    def sigma2_(self) -> float:
        r"""Mean squared distance :math:`\sigma^2`, over what `sigma_over` says."""
        with np.errstate(over="ignore"):  # checked below
            sigma2 = scaled(self._sigma2[self.sigma_over], -2 * self._exponent)
        return float(check_finite(sigma2, "sigma2_"))

    def transform(self, X: ArrayLike) -> NDArray:
        """Assign each row of `X` to the visual words.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_clusters)
            Non-negative; rows sum to 1 if `normalised_assignments`. Computed in float64; of float32
            input rounded to float32 at the end.

        Raises
        ------
        TypeError
            If `bandwidth` is no number, or another not whole.
        ValueError
            If a picture is so far from those of `fit` that distances are not finite, a parameter
            is out of range, or "auto" was not the bandwidth when it was fitted.

        Warns
        -----
        UniformAssignmentWarning
            If normalised assignments are nearly uniform; it says with which bandwidth they would
            not be.
        """
        X = self._checked(X)
        words = self._assign(X)
        if self.normalised_assignments:
            self._warn_if_uniform(X, words)
        return words

    def assign(self, X: ArrayLike) -> NDArray:
        """Do what `transform` does without its warning, where uniformity is what is to be seen.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_clusters)

        Raises
        ------
        TypeError, ValueError
            As `transform`.
        """
        return self._assign(self._checked(X))

    def _checked(self, X: ArrayLike) -> NDArray:
        check_is_fitted(self)
        self._check_parameters()
        return validate_data(self, X, reset=False, dtype=[np.float64, np.float32])

    def _assign(self, X: NDArray) -> NDArray:
        scale = self.bandwidth_ * self._sigma2[self.sigma_over] / 2
        words = np.empty((len(X), len(self.cluster_centers_)), dtype=X.dtype)
        block = max(1, _BLOCK_BYTES // (words.shape[1] * np.dtype(float).itemsize))
        for start in range(0, len(X), block):
            with np.errstate(over="ignore"):  # checked below
                rows = scaled(X[start : start + block].astype(float), self._exponent)
            affinity, half_norms = self._affinities(rows)
            self._soften(affinity, half_norms, scale)
            words[start : start + block] = affinity
        return words

    def _affinities(self, rows: NDArray) -> tuple[NDArray, NDArray]:
        """Half of |r|^2 - |r - d|^2 of rows and centres, and half of |r|^2, from a near origin."""
        centres = scaled(self.cluster_centers_, self._exponent)
        origin = centres.mean(axis=0)  # near the data, so squares do not cancel
        centres = centres - origin
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            rows = rows - origin
            affinity = rows @ centres.T
            affinity -= np.einsum("ij,ij->i", centres, centres) / 2
            row_norms = np.einsum("ij,ij->i", rows, rows)
        check_finite(row_norms, "X: squared distances from the visual words")
        return affinity, row_norms / 2

    def _warn_if_uniform(self, X: NDArray, words: NDArray) -> None:
        largest = np.log(words.shape[1])
        entropy = assignment_entropy(_some_rows(words)).mean()
        if entropy < _UNIFORM_ENTROPY * largest or largest == 0:
            return
        rows = scaled(_some_rows(X).astype(float), self._exponent)
        better = 2 * _scale_of_entropy(self._affinities(rows)[0]) / self._sigma2[self.sigma_over]
        warnings.warn(
            f"bandwidth={self.bandwidth_:g} assigns pictures nearly equally to all visual words: "
            f"the mean entropy is {entropy:.3f} of at most {largest:.3f}. With bandwidth="
            f'{better:.2g} it would be {_AUTO_ENTROPY * largest:.3f}, as bandwidth="auto" makes it',
            UniformAssignmentWarning,
            stacklevel=3,
        )

    def _soften(self, affinity: NDArray, half_norms: NDArray, scale: float) -> None:
        """Turn affinities into assignments, in place."""
        if scale < np.finfo(float).tiny:  # the limit of a vanishing bandwidth
            nearest = affinity.argmax(axis=1)
            affinity[:] = 0
            affinity[np.arange(len(affinity)), nearest] = 1
            return
        if self.normalised_assignments:  # |r|^2 cancels; no row may vanish
            affinity -= affinity.max(axis=1, keepdims=True)
        else:
            affinity -= half_norms[:, np.newaxis]
            np.minimum(affinity, 0, out=affinity)  # rounding
        with np.errstate(over="ignore"):  # an infinite distance has weight exp(-inf) = 0, rightly
            affinity /= scale
            np.exp(affinity, out=affinity)
        if self.normalised_assignments:
            affinity /= affinity.sum(axis=1, keepdims=True)

    def _check_parameters(self) -> None:
        check_whole(self.n_clusters, "n_clusters", 1)
        check_whole(self.max_iter, "max_iter", 1)
        if not isinstance(self.bandwidth, str):
            check_number(self.bandwidth, "bandwidth", least=0)
        elif self.bandwidth != "auto":
            raise ValueError(f'bandwidth: expected a number or "auto", got {self.bandwidth!r}')
        if not isinstance(self.normalised_assignments, bool | np.bool_):
            raise ValueError(
                "normalised_assignments: expected True or False, got "
                f"{self.normalised_assignments!r}"
            )
        if self.bandwidth == 0 and not self.normalised_assignments:
            raise ValueError(
                "bandwidth: 0 is a limit of normalised assignments only; pass a positive one or "
                "normalised_assignments=True"
            )
        if self.sigma_over not in _SIGMAS:
            raise ValueError(f"sigma_over: expected one of {_SIGMAS}, got {self.sigma_over!r}")

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _sampled_start(X: NDArray, n_clusters: int, random_state: np.random.RandomState) -> NDArray:
    """K-means++ on a sample of rows: on all it takes longer than the iterations that follow."""
    n_rows = min(len(X), _START_ROWS * n_clusters)
    sample = X[random_state.choice(len(X), n_rows, replace=False)]
    if count_distinct(sample, n_clusters) < n_clusters:  # nearly all rows are copies of a few
        sample = np.unique(X, axis=0)
        _check_filled(len(sample), n_clusters)  # here X is centred, and rounded by that
    return kmeans_plusplus(sample, n_clusters, random_state=random_state)[0]


def _some_rows(rows: NDArray) -> NDArray:
    """Rows spread evenly over all, `_LOOKED_AT` at most."""
    return rows[:: -(-len(rows) // _LOOKED_AT)]


def _scale_of_entropy(affinity: NDArray) -> float:
    """What to divide affinities by, for a mean entropy of `_AUTO_ENTROPY` of the largest."""
    gaps = affinity.max(axis=1, keepdims=True) - affinity
    least, largest = gaps[gaps > 0].min(initial=np.inf), gaps.max()
    if not largest:  # one word, or words that are all equally near: any scale will do
        return 0.0

    def excess(exponent: float) -> float:
        shares = softmax(-gaps / np.exp(exponent), axis=1)
        return float(entr(shares).sum(axis=1).mean()) - _AUTO_ENTROPY * np.log(gaps.shape[1])

    # at the one end hard, but for equal distances, at the other uniform
    ends = np.log(least) - np.log(1e3), np.log(largest) + np.log(1e3)
    return float(np.exp(ends[0] if excess(ends[0]) >= 0 else brentq(excess, *ends)))


def _check_filled(found: int, n_clusters: int) -> None:
    """Refuse clusters without a row: k-means leaves one only where it takes two rows for one."""
    if found < n_clusters:
        raise ValueError(
            f"n_clusters={n_clusters}, but k-means can tell only {found} clusters of these rows "
            "apart: though distinct, some lie too close together for how far others are away. "
            f"Pass n_clusters={found} or fewer, or leave out rows that are far from all others"
        )


def _mean_squared_distances(pictures: NDArray, centres: NDArray) -> dict[str, float]:
    """By variances: over pairs i != j of pictures, and over all pictures and centres."""
    within = pictures.var(axis=0).sum()
    off_centre = centres - pictures.mean(axis=0)
    return {
        "pairs": float(2 * within * len(pictures) / (len(pictures) - 1)),
        "centres": float(within + np.square(off_centre).sum(axis=1).mean()),
    }


def count_distinct(X: ArrayLike, most: int) -> int:
    """Count distinct rows, exactly, as far as asked.

    Rows are looked at until `most` distinct ones are found: of pictures that nearly all differ, a
    few thousand, however many there are.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Numbers; -0.0 equals 0.0.
    most : int
        Where to stop, at least 1; for instance the number of clusters wanted.

    Returns
    -------
    int
        The number of distinct rows, or `most` if there are more.

    Raises
    ------
    TypeError
        If `most` is no whole number.
    ValueError
        If `X` is not two-dimensional, is empty or holds a value that is not finite, or `most` is
        less than 1.

    Examples
    --------
    >>> count_distinct([[0.0, 1.0], [0.0, 2.0], [0.0, 1.0]], most=10)
    2
    """
    check_whole(most, "most", 1)
    X = check_array(X, input_name="X")
    found: set[bytes] = set()
    for start in range(0, len(X), _COUNTED_ROWS):
        rows = np.ascontiguousarray(X[start : start + _COUNTED_ROWS] + X.dtype.type(0))  # no -0.0
        found.update(row.tobytes() for row in rows)
        if len(found) >= most:
            return most
    return len(found)


def assignment_entropy(assignments: ArrayLike) -> NDArray[np.float64]:
    """Shannon entropy of each row, in nats: 0 for a hard assignment, log(k) for a uniform one.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Rows sum to 1.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If a value is negative or not finite, or a row does not sum to 1.
    """
    c = check_array(assignments, dtype=[np.float64, np.float32], input_name="assignments")
    totals = c.sum(axis=1, dtype=np.float64)
    if c.min() < 0 or np.abs(totals - 1).max() > 1e-4:
        raise ValueError(
            f"assignments: expected non-negative rows that sum to 1, got values from {c.min()} "
            f"and sums from {totals.min()} to {totals.max()}"
        )
    return entr(c).sum(axis=1, dtype=np.float64)


def match_clusters(labels: ArrayLike, others: ArrayLike) -> tuple[NDArray, NDArray[np.float64]]:
    r"""Match the clusters of one clustering to those of another, one to one.

    The matching shares the most rows (Hungarian method; Kuhn 1955). A cluster and its match are
    alike by the index of Jaccard, :math:`|A \cap B| / |A \cup B|`.

    Parameters
    ----------
    labels, others : array-like of shape (n,)
        Cluster of each row in the one clustering and in the other.

    Returns
    -------
    clusters : ndarray of shape (k,)
        The clusters of `labels` that have rows, sorted.
    jaccard : ndarray of shape (k,)
        Index of each with its match; 0 where the other clustering has fewer clusters and none is
        left for it.

    Raises
    ------
    TypeError
        If labels are of several kinds.
    ValueError
        If there is not one label for each row in both, or one is missing.

    Examples
    --------
    >>> match_clusters([0, 0, 1, 1], ["b", "b", "a", "b"])[1].round(2).tolist()
    [0.67, 0.5]
    """
    labels = check_groups(labels, None, "labels")
    others = check_groups(others, len(labels), "others")
    shared = contingency_matrix(labels, others)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    found = shared[rows, columns]
    jaccard = np.zeros(len(shared))
    jaccard[rows] = found / (shared.sum(axis=1)[rows] + shared.sum(axis=0)[columns] - found)
    return np.unique(labels), jaccard


def nearest_first(pictures: ArrayLike, centre: ArrayLike) -> NDArray[np.int64]:
    """Rows of pictures, those nearest a centre first.

    Parameters
    ----------
    pictures : array-like of shape (n, d)
        Embeddings; there may be none.
    centre : array-like of shape (d,)
        A row of `VisualVocabulary.cluster_centers_`, say.

    Returns
    -------
    ndarray of int, shape (n,)
        By Euclidean distance; those at equal distance stay in order.

    Raises
    ------
    ValueError
        If the widths differ, or a value is not finite.
    """
    pictures = check_array(pictures, dtype="numeric", ensure_min_samples=0, input_name="pictures")
    centre = check_array(centre, dtype="numeric", ensure_2d=False, input_name="centre")
    if centre.shape != pictures.shape[1:]:
        raise ValueError(
            f"centre {centre.shape} and pictures {pictures.shape} must be of one width"
        )
    return np.argsort(row_norms(pictures - centre, squared=True), kind="stable")
