"""From pins to users: a profile is the mean of the pins' assignments; and how profiles differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from visprof._lazy import lazily
from visprof.checks import check_finite, check_groups, check_matrix, check_whole, listed
from visprof.mapped import read_rows
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE

with lazily():
    from sklearn.utils import check_array

    from visprof.vocabulary import VisualVocabulary

__all__ = [
    "DISTANCES", "assigned_counts", "distance_points", "join_profiles", "regress_out",
    "user_profiles", "whiten",
]  # fmt: skip

DISTANCES = ("euclidean", "hellinger", "cosine")

_SMALL = 1e-3  # spread beside the largest of which squares keep ten digits
_HEADROOM = 64  # bits: fewer than 2**64 numbers are added up


def user_profiles(
    assignments: ArrayLike, users: ArrayLike, counts: bool = False
) -> tuple[NDArray, NDArray[np.float64]]:
    """Sum the assignments of each user's pins, and by default scale the sum to 1 (Eq. 3).

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignment of each pin to the k visual words; rows usually sum to 1.
    users : array-like of shape (n,)
        User (or board) of each pin, in any order.
    counts : bool, default=False
        Return the plain sums, the counts y of Eq. 4, rather than profiles of unit sum.

    Returns
    -------
    user_labels : ndarray of shape (m,)
        The distinct users, sorted.
    profiles : ndarray of shape (m, k), float64
        Row i belongs to ``user_labels[i]``.

    Raises
    ------
    ValueError
        If the shapes do not match, a user is missing, a value or a sum is not finite, or a
        unit-sum profile is asked for and a value is negative or a user's sum is zero.
    TypeError
        If users are of several kinds, such as numbers and texts.

    Examples
    --------
    >>> users, profiles = user_profiles([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], ["ann", "ann", "ben"])
    >>> users.tolist()
    ['ann', 'ben']
    >>> profiles
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    pins = check_matrix(assignments, "assignments", order=None)
    labels, codes = np.unique(check_groups(users, len(pins), "users"), return_inverse=True)
    if np.any(np.diff(codes) < 0):
        order = np.argsort(codes, kind="stable")
        pins, codes = pins[order], codes[order]
    starts = np.searchsorted(codes, np.arange(len(labels)))
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(pins, starts, axis=0, dtype=np.float64)
    if counts:
        return labels, check_finite(sums, "sums of the assignments")
    if pins.min() < 0:
        raise ValueError(
            f"assignments: found a negative value ({pins.min()}); a profile of unit sum needs "
            "non-negative assignments"
        )
    with np.errstate(over="ignore"):
        totals = sums.sum(axis=1, keepdims=True)
    if not np.isfinite(totals).all():  # a profile is finite, though its sums are not
        huge = ~np.isfinite(totals[:, 0])
        sums[huge] = np.add.reduceat(np.ldexp(pins, -_HEADROOM), starts, axis=0)[huge]
        totals[huge] = sums[huge].sum(axis=1, keepdims=True)
    if np.any(totals == 0):
        raise ValueError(
            f"assignments: all zero for users {listed(labels[totals[:, 0] == 0].tolist())}; "
            "drop them or ask for counts=True"
        )
    return labels, sums / totals


def assigned_counts(
    vocabulary: VisualVocabulary, embeddings: NDArray, users: ArrayLike
) -> tuple[NDArray, NDArray[np.float64]]:
    """Sum the assignments of each user's pins without ever holding those of all pins.

    What it needs beside its input does not grow with the number of pins, but for a user's number a
    pin: so that embeddings may lie in a file (`numpy.load` with ``mmap_mode="r"``) that is larger
    than memory, of which no more than a block is held (`visprof.mapped.read_rows`). The sums are
    those of `user_profiles` with ``counts=True`` but for rounding, as they are summed in another
    order. For profiles by first and by last pins, let the two be two users.

    Parameters
    ----------
    vocabulary : VisualVocabulary
        Fitted, to `visprof.mapped.sample_rows` say.
    embeddings : ndarray of shape (n, d)
        One pin a row; read from the first row to the last, once. Users who stand together are read
        and summed fastest.
    users : array-like of shape (n,)
        User of each pin, in any order.

    Returns
    -------
    user_labels : ndarray of shape (m,)
        The distinct users, sorted.
    counts : ndarray of shape (m, k), float64
        The counts y of Eq. 4; row i belongs to ``user_labels[i]``.

    Raises
    ------
    ValueError
        If the shapes do not match, a user is missing, or as `VisualVocabulary.transform`.
    TypeError
        If users are of several kinds, such as numbers and texts.

    Warns
    -----
    UniformAssignmentWarning
        As `VisualVocabulary.transform`, which looks at the first pins here.

    Examples
    --------
    >>> pins = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> words = VisualVocabulary(n_clusters=2, bandwidth=0.0, random_state=0).fit(pins)
    >>> users, counts = assigned_counts(words, pins, ["ann", "ben", "ann", "ann"])
    >>> sorted(counts[0].tolist()), sorted(counts[1].tolist())
    ([1.0, 2.0], [0.0, 1.0])
    """
    if np.ndim(embeddings) != 2 or not len(embeddings):
        raise ValueError(
            f"embeddings: expected shape (n, d) of at least one pin, got {np.shape(embeddings)}"
        )
    groups = check_groups(users, len(embeddings), "users")
    labels, codes = np.unique(groups, return_inverse=True)
    counts: NDArray | None = None
    for block, pins in read_rows(embeddings):
        assign = vocabulary.transform if counts is None else vocabulary.assign
        words = assign(check_array(pins, dtype=[np.float64, np.float32], input_name="embeddings"))
        if counts is None:
            counts = np.zeros((len(labels), words.shape[1]))
        found, sums = user_profiles(words, codes[block], counts=True)
        counts[found] += sums
    return labels, counts


def distance_points(profiles: ArrayLike, distance: str, name: str) -> NDArray:
    """Points whose Euclidean distances order as the distance asked for.

    Parameters
    ----------
    profiles : array-like of shape (n, k)
    distance : {"euclidean", "hellinger", "cosine"}
        Hellinger is the Euclidean distance of the square roots (rows should have unit sum); cosine
        is that of the rows scaled to unit length.
    name : str
        What errors call the profiles.

    Returns
    -------
    ndarray of shape (n, k)

    Raises
    ------
    ValueError
        If a value is not finite, the distance is unknown, or a row is negative (hellinger) or zero
        (cosine).
    """
    profiles = check_matrix(profiles, name, double=distance != "euclidean")
    if distance == "euclidean":
        return profiles
    if distance == "hellinger":
        if profiles.min() < 0:
            raise ValueError(
                f"{name}: the hellinger distance needs values of at least 0, got {profiles.min()}"
            )
        return np.sqrt(profiles)
    if distance == "cosine":
        exponent = np.frexp(np.abs(profiles).max(axis=1, keepdims=True))[1]
        profiles = np.ldexp(profiles, -exponent)  # lest squares be 0 or infinite
        length = np.linalg.norm(profiles, axis=1, keepdims=True)
        if not length.all():
            raise ValueError(
                f"{name}: the cosine distance of a zero row is undefined "
                f"(rows {np.flatnonzero(length == 0)[:5].tolist()})"
            )
        return profiles / length
    raise ValueError(f"distance: expected one of {', '.join(DISTANCES)}, got {distance!r}")


def join_profiles(
    profiles: list[tuple[ArrayLike, ArrayLike]], distance: str = "euclidean"
) -> tuple[NDArray, NDArray]:
    """Put profiles of several kinds side by side, each with the same spread over users.

    A kind is divided by the root mean square distance of its train profiles from their mean, so
    every kind has the same say in a squared Euclidean distance, whatever its units. Only train
    profiles are looked at.

    Parameters
    ----------
    profiles : list of (train, test)
        Of each kind, arrays of shape (n, k); k may differ between kinds.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        Between profiles of one kind.

    Returns
    -------
    train, test : ndarray of shape (n, sum of k)
        Points whose squared Euclidean distance is the sum of the kinds' squared distances, each in
        units of its spread. A kind without spread is left as it is.

    Raises
    ------
    ValueError
        If there is no kind, as `distance_points`, or if a test profile is so far from the train
        profiles that it cannot be put in units of their spread.
    """
    if not profiles:
        raise ValueError("profiles: expected at least one pair (train, test), got none")
    joined = []
    for pair in profiles:
        train, test = (
            distance_points(side, distance, name)
            for side, name in zip(pair, ("train", "test"), strict=True)
        )
        exponent = scale_exponent(train)
        spread = np.sqrt(scaled(train, exponent).var(axis=0, dtype=np.float64).sum())
        if spread:
            with np.errstate(over="ignore"):  # checked below
                train, test = (scaled(side, exponent) / spread for side in (train, test))
        joined.append((train, check_finite(test, "test, in units of the spread of train")))
    train, test = (np.hstack(side) for side in zip(*joined, strict=True))
    return train, test


def regress_out(
    pins: ArrayLike, facts: ArrayLike, background: ArrayLike, background_facts: ArrayLike
) -> NDArray[np.float64]:
    """What is left of pins when all that facts say of them, by a linear fit, is taken away.

    Parameters
    ----------
    pins : array-like of shape (n, k)
        Values of pins, such as assignments or embeddings.
    facts : array-like of shape (n, m)
        Facts of the same pins, such as those of their files.
    background : array-like of shape (b, k)
        The same values of other pins, to which the fit is made (least squares, with an intercept).
    background_facts : array-like of shape (b, m)
        Their facts.

    Returns
    -------
    ndarray of shape (n, k)

    Raises
    ------
    ValueError
        If shapes do not match, or a value is not finite, or too large for the fit.
    """
    values, known, learnt, learnt_from = (
        check_array(of, dtype=np.float64, order="C", input_name=name)
        for name, of in (
            ("pins", pins), ("facts", facts), ("background", background),
            ("background_facts", background_facts),
        )
    )  # fmt: skip
    if (
        len(values) != len(known) or len(learnt) != len(learnt_from)
        or values.shape[1] != learnt.shape[1] or known.shape[1] != learnt_from.shape[1]
    ):  # fmt: skip
        raise ValueError(
            f"pins {values.shape} and facts {known.shape} must be of the same pins, background "
            f"{learnt.shape} and background_facts {learnt_from.shape} of others, in like columns"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        known, learnt_from = (
            np.column_stack([np.ones(len(of)), of]) for of in (known, learnt_from)
        )
        slopes = np.linalg.lstsq(learnt_from, learnt, rcond=None)[0]
        return check_finite(values - known @ slopes, "pins, without what facts say of them")


def whiten(pins: ArrayLike, background: ArrayLike, n_components: int) -> NDArray[np.float64]:
    """Principal components of pins, each in units of its spread over the background.

    A mean of embeddings is ruled by the few directions in which pictures differ most. Of unit
    variance, each component has the same say; the cosine is what compares such profiles.

    Parameters
    ----------
    pins : array-like of shape (n, d)
        Embeddings.
    background : array-like of shape (b, d)
        Embeddings of other pins, whose mean and principal components are taken.
    n_components : int
        Of those, the first so many; fewer where the background spans fewer.

    Returns
    -------
    ndarray of shape (n, n_components), float64
        Of each component's loadings the largest is positive (the first of those that are equal to
        1e-9), so its sign is fixed. Components of equal variance may be turned into each other by
        rounding, which no distance sees.

    Raises
    ------
    TypeError
        If `n_components` is no whole number.
    ValueError
        If it is less than 1, columns differ, a value is not finite, all of the background are
        equal, or the last component's variance is that of the next one, so that which is taken
        would be a matter of rounding.
    """
    check_whole(n_components, "n_components", 1)
    values, learnt = (
        check_array(of, dtype=np.float64, order="C", input_name=name)
        for name, of in (("pins", pins), ("background", background))
    )
    if values.shape[1] != learnt.shape[1]:
        raise ValueError(f"pins {values.shape} and background {learnt.shape} differ in columns")
    exponent = scale_exponent(values, learnt)
    values, learnt = scaled(values, exponent), scaled(learnt, exponent)
    origin = learnt.mean(axis=0)
    spread, axes = _principal_axes(learnt - origin, n_components + 1)
    rounding = np.finfo(np.float64).eps * max(learnt.shape) * max(spread[0], np.abs(origin).max())
    axes, spread = (of[spread > rounding] for of in (axes, spread))
    if not len(axes):
        raise ValueError("background: all rows are equal, so there is no component")
    last, following = spread[n_components - 1 : n_components], spread[n_components:][:1]
    if np.any(last**2 - following**2 <= TIE * last**2):
        raise ValueError(
            f"n_components: components {n_components} and {n_components + 1} have the same "
            "variance, so rounding would choose; take fewer or more"
        )
    axes, spread = axes[:n_components], spread[:n_components]
    magnitudes = np.abs(axes)
    largest = np.argmax(magnitudes >= (1 - TIE) * magnitudes.max(axis=1, keepdims=True), axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return (values - origin) @ axes.T / (spread / np.sqrt(len(learnt)))


def _principal_axes(
    centred: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values, descending, and right singular vectors: at least n, if there are as many.

    Where those asked for are few and none is small beside the first, they follow from the products
    of columns, several times faster than all of them from the array itself; squares would lose
    half of the digits of a small one.
    """
    if 4 * n < min(centred.shape):
        width = centred.shape[1]
        squared, vectors = eigh(centred.T @ centred, subset_by_index=(width - n, width - 1))
        if squared[0] > _SMALL**2 * squared[-1]:
            return np.sqrt(squared[::-1]), vectors.T[::-1]
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    return spread, axes
