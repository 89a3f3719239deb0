"""Table 1 of embeddings of labelled pictures: both readings of mAP, with intervals over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups
from visprof.intervals import Estimate, jackknife_over_seeds

with lazily():
    from visprof.hybrid import hybrid_embedding
    from visprof.retrieval import RankingMetrics, random_mean_ap, random_pr_area, ranking_metrics

__all__ = [
    "READINGS", "Readings", "class_readings", "joined_readings", "random_values",
    "rank_embeddings", "table_one", "table_values", "with_hybrids",
]  # fmt: skip

READINGS = ("mean_ap", "pr_area")  # mean average precision, area under the averaged curve
_BLOCK_BYTES = 64 * 2**20  # one block of curves


def with_hybrids(
    cnn: ArrayLike, siamese: ArrayLike, scale_blocks: bool = False
) -> dict[str, NDArray[np.float64]]:
    """The paper's embeddings of the same pictures, and the hybrid of scaled blocks.

    Parameters
    ----------
    cnn : array-like of shape (n, c)
        Outputs of the classifier.
    siamese : array-like of shape (n, d)
        Outputs of the Siamese network.
    scale_blocks : bool, default=False
        Whether the hybrid's blocks are scaled, too.

    Returns
    -------
    dict of str to ndarray of float64
        ``hybrid`` and ``scaled`` (n, c + d), ``cnn``, ``siamese``.

    Raises
    ------
    ValueError
        As `visprof.hybrid.hybrid_embedding`.
    """
    return {
        "hybrid": hybrid_embedding(cnn, siamese, scale_blocks),
        "scaled": hybrid_embedding(cnn, siamese, scale_blocks=True),
        "cnn": np.float64(cnn),
        "siamese": np.float64(siamese),
    }


@dataclass(frozen=True)
class Readings:
    """Both readings of Table 1 of one ranking: mean average precision, and area under the curve.

    Queries of one class share their relevant pictures, so classes, not queries, are the independent
    units of an interval (see `visprof.intervals.jackknife_over_seeds`).

    Attributes
    ----------
    values : ndarray of shape (2,)
        Of all queries with a relevant picture.
    left_out : ndarray of shape (c, 2)
        The same without the queries of each class in turn; pictures to be found stay the same.
    classes : ndarray of shape (c,)
        Labels of the classes with such queries, sorted.
    sizes : ndarray of int, shape (c,)
        Their pictures.
    """

    values: NDArray[np.float64]
    left_out: NDArray[np.float64]
    classes: NDArray
    sizes: NDArray[np.int64]

    def __sub__(self, other: Readings | NDArray[np.float64]) -> Readings:
        """Paired difference of two rankings of the same pictures, or from exact values (2,)."""
        if isinstance(other, Readings):
            values, left_out = self.values - other.values, self.left_out - other.left_out
        else:
            values, left_out = self.values - other, self.left_out - other
        return replace(self, values=values, left_out=left_out)

    def record(self) -> dict[str, list[Any]]:
        """The same as values of JSON; ``Readings.read`` is the way back."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def read(cls, record: Mapping[str, Sequence[Any]]) -> Readings:
        """Readings of what `record` gave."""
        return cls(**{name: np.array(of) for name, of in record.items()})


def class_readings(ranking: RankingMetrics, labels: ArrayLike) -> Readings:
    """Both readings of Table 1, of all classes and without each in turn.

    Parameters
    ----------
    ranking : RankingMetrics
        Of n pictures.
    labels : array-like of shape (n,)
        Those that they were ranked by.

    Returns
    -------
    Readings

    Raises
    ------
    ValueError
        If `labels` is not of the ranking's shape or has missing values, or fewer than two classes
        have a query with a relevant picture.
    TypeError
        If labels are of several kinds.
    """
    means, scored = ranking.class_mean_ap(labels), ranking.class_sizes > 1
    if scored.sum() < 2:
        raise ValueError(
            f"labels: {scored.sum()} class(es) with a score; to leave one out needs two"
        )
    sizes, hits = ranking.class_sizes[scored], ranking.class_hits[np.flatnonzero(scored)]
    sums, n_queries = sizes * means[scored], sizes.sum()
    # the area is sum_k precision(k) (recall(k) - recall(k - 1)), and both factors are sums over
    # classes: a quadratic form, from which a class takes its row and its column
    form, ranks = np.empty((len(sizes), len(sizes))), np.arange(1, hits.shape[1] + 1)
    block = max(1, _BLOCK_BYTES // (8 * len(ranks)))
    for first in range(0, len(sizes), block):
        found = np.cumsum(hits[first : first + block].toarray(), axis=1) / ranks
        form[first : first + block] = found @ hits.T / (sizes - 1)
    left, rest = n_queries - sizes, form.sum() - form.sum(axis=0) - form.sum(axis=1)
    return Readings(
        np.array([sums.sum() / n_queries, form.sum() / n_queries**2]),
        np.column_stack([(sums.sum() - sums) / left, (rest + np.diag(form)) / left**2]),
        np.unique(check_groups(labels, None, "labels"))[scored],
        sizes,
    )


def joined_readings(parts: Sequence[Readings]) -> Readings:
    """Readings of rankings of different classes as one: means over their queries.

    Parameters
    ----------
    parts : sequence of Readings
        No class is in two of them.

    Returns
    -------
    Readings
        Its classes are sorted.

    Raises
    ------
    ValueError
        If there is no part, or a class is in two.
    """
    if not parts:
        raise ValueError("parts: expected the readings of at least one ranking")
    classes = np.concatenate([of.classes for of in parts])
    order = np.argsort(classes, kind="stable")
    if (repeated := classes[order][1:][classes[order][1:] == classes[order][:-1]]).size:
        raise ValueError(f"parts: the class {str(repeated[0])!r} is in two of them")
    sizes = np.concatenate([of.sizes for of in parts])
    sums = [of.sizes.sum() * of.values for of in parts]
    left_out = [
        (sum(sums) - own + (of.sizes.sum() - of.sizes)[:, None] * of.left_out)
        / (sizes.sum() - of.sizes)[:, None]
        for of, own in zip(parts, sums, strict=True)
    ]
    return Readings(
        sum(sums) / sizes.sum(), np.concatenate(left_out)[order], classes[order], sizes[order]
    )


def rank_embeddings(embeddings: Mapping[str, ArrayLike], labels: ArrayLike) -> dict[str, Readings]:
    """Rank the same pictures by each embedding.

    Parameters
    ----------
    embeddings : mapping of str to array-like of shape (n, d)
        By name.
    labels : array-like of shape (n,)
        Classes of the pictures.

    Returns
    -------
    dict of str to Readings

    Raises
    ------
    ValueError, TypeError
        As `visprof.retrieval.ranking_metrics` and `class_readings`.
    """
    return {
        name: class_readings(ranking_metrics(embedding, labels), labels)
        for name, embedding in embeddings.items()
    }


def random_values(labels: ArrayLike) -> NDArray[np.float64]:
    """Both readings of a random ranking, (2,), exactly.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Classes of the pictures.

    Raises
    ------
    ValueError, TypeError
        As `visprof.retrieval.random_mean_ap`.
    """
    return np.array([random_mean_ap(labels), random_pr_area(labels)])


def table_one(
    by_method: Mapping[str, Sequence[Readings]],
    random: ArrayLike,
    compared: Sequence[tuple[str, str]] = (),
) -> dict[str, dict[str, Estimate]]:
    """Table 1 with 95 % intervals over classes and seeds, and differences of its rows.

    Parameters
    ----------
    by_method : mapping of str to sequence of Readings
        By method, of each seed.
    random : array-like of shape (2,)
        Both readings of a random ranking.
    compared : sequence of (str, str)
        Methods, of which the second is subtracted from the first; it may be ``random``.

    Returns
    -------
    dict of str to dict of str to Estimate
        By method (``A-B`` for a difference), then by reading, see `READINGS`.

    Raises
    ------
    ValueError
        If a pair names no method.

    Examples
    --------
    >>> of = rank_embeddings({"cnn": [[0], [1], [5], [6]]}, ["hill", "hill", "sea", "sea"])
    >>> table = table_one({"cnn": [of["cnn"]]}, [0.6, 0.3], [("cnn", "random")])
    >>> [f"{name} {row['mean_ap'].value:.1f}" for name, row in table.items()]
    ['cnn 1.0', 'cnn-random 0.4', 'random 0.6']
    """
    random = np.asarray(random, dtype=np.float64)
    if unknown := {name for pair in compared for name in pair} - {*by_method, "random"}:
        raise ValueError(
            f"compared: no method is named {min(unknown)!r}; there are {', '.join(by_method)}"
        )
    rows = dict(by_method)
    for better, worse in compared:
        others = [random] * len(by_method[better]) if worse == "random" else by_method[worse]
        rows[f"{better}-{worse}"] = [
            of - other for of, other in zip(by_method[better], others, strict=True)
        ]
    table = {}
    for name, seeds in rows.items():
        n_classes = len(seeds[0].classes)
        table[name] = {
            reading: jackknife_over_seeds(
                [of.values[place] for of in seeds],
                np.column_stack([of.left_out[:, place] for of in seeds]),
            ).of(n_classes, "classes")
            for place, reading in enumerate(READINGS)
        }
    table["random"] = {
        reading: Estimate(float(value), n=n_classes, unit="classes")
        for reading, value in zip(READINGS, random, strict=True)
    }
    return table


def table_values(
    table: Mapping[str, Mapping[str, Estimate]],
) -> dict[str, dict[str, dict[str, float]]]:
    """Values and ends of intervals of a table, as values of JSON.

    Parameters
    ----------
    table : mapping of str to mapping of str to Estimate
        From `table_one`.

    Returns
    -------
    dict
        By row, then by reading: ``value``, and where there is an interval ``low`` and ``high``.
    """
    return {
        name: {
            reading: {
                part: getattr(of, part)
                for part in ("value", "low", "high")
                if getattr(of, part) is not None
            }
            for reading, of in row.items()
        }
        for name, row in table.items()
    }
