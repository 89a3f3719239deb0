"""Table 1 of embeddings of labelled photographs: both readings of mAP, with intervals over classes.

Beside the paper's rows stand two that learn from the same labels without any network of their own:
a linear probe (logistic regression) and linear discriminants.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from visprof.checks import check_groups
from visprof.embedding import hybrid_embedding
from visprof.intervals import jackknife_interval
from visprof.retrieval import (
    metrics_without_classes,
    random_mean_ap,
    random_pr_area,
    ranking_metrics,
)

__all__ = [
    "discriminants", "linear_probe", "mean_of_folds", "rank_embeddings", "table_one",
    "with_hybrids",
]  # fmt: skip

READINGS = ("mean_ap", "pr_area")
Ranked = dict[str, dict[str, dict[str, Any]]]  # by name, by reading: value, without each class


def with_hybrids(cnn: NDArray, siamese: NDArray) -> dict[str, NDArray[np.float64]]:
    """The paper's three embeddings of the same photographs, and the hybrid of scaled blocks.

    Parameters
    ----------
    cnn : ndarray, shape (n, c)
        Outputs of the classifier.
    siamese : ndarray, shape (n, d)
        Outputs of the Siamese network.

    Returns
    -------
    dict of str to ndarray of float64
        ``hybrid`` and ``scaled`` (n, c + d), ``cnn``, ``siamese``.

    Raises
    ------
    ValueError
        As `visprof.embedding.hybrid_embedding`.
    """
    return {
        "hybrid": hybrid_embedding(cnn, siamese),
        "scaled": hybrid_embedding(cnn, siamese, scale_blocks=True),
        "cnn": np.float64(cnn),
        "siamese": np.float64(siamese),
    }


def linear_probe(
    train: ArrayLike, labels: ArrayLike, test: ArrayLike, strength: float = 0.01
) -> NDArray[np.float64]:
    """Logits of a logistic regression on features: an embedding learnt from labels alone.

    Parameters
    ----------
    train : array-like, shape (n, d)
        Features of training photographs; each is brought to unit variance.
    labels : array-like, shape (n,)
        Their classes.
    test : array-like, shape (m, d)
        Features to embed.
    strength : float
        Inverse of the penalty (scikit-learn's C).

    Returns
    -------
    ndarray of float64, shape (m, c)
        One logit a class; for two classes one column.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or there is one class.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
    with warnings.catch_warnings():  # the last digits of a probe are not what is compared
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(np.float64(train), labels)
    return probe.decision_function(np.float64(test)).reshape(len(test), -1)


def discriminants(train: ArrayLike, labels: ArrayLike, test: ArrayLike) -> NDArray[np.float64]:
    """Coordinates in which classes have equal spread and means lie apart (Fisher 1936; Rao 1948).

    Parameters
    ----------
    train : array-like, shape (n, d)
        Features of training photographs.
    labels : array-like, shape (n,)
        Their classes.
    test : array-like, shape (m, d)
        Features to embed.

    Returns
    -------
    ndarray of float64, shape (m, min(c - 1, d))

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or there is one class.
    """
    # by singular values: the other solvers fail where features are constant, or more than pictures
    lda = LinearDiscriminantAnalysis(solver="svd")
    return lda.fit(np.float64(train), labels).transform(np.float64(test))


def rank_embeddings(embeddings: Mapping[str, ArrayLike], labels: ArrayLike) -> Ranked:
    """Both readings of Table 1 for each embedding, and without each class in turn.

    Parameters
    ----------
    embeddings : mapping of str to array-like, shape (n, d)
        Embeddings of the same photographs, by name.
    labels : array-like, shape (n,)
        Their classes.

    Returns
    -------
    dict
        By name, then by reading (``mean_ap``, ``pr_area``): ``value``, and ``without``, a list of
        the same without the queries of each class, by its name. ``random`` is exact, and the same
        without any class. All of it can be kept as JSON.

    Raises
    ------
    ValueError
        As `visprof.retrieval.ranking_metrics`.
    """
    labels = check_groups(labels, None, "labels")
    names, sizes = np.unique(labels, return_counts=True)
    scored = [str(name) for name in names[sizes > 1]]
    found: Ranked = {}
    for name, embedding in embeddings.items():
        ranking = ranking_metrics(embedding, labels)
        without = metrics_without_classes(ranking, labels)
        found[name] = {
            reading: {"value": value, "without": dict(zip(scored, others.tolist(), strict=True))}
            for reading, value, others in zip(
                READINGS, (ranking.mean_ap, ranking.pr_area), without, strict=True
            )
        }
    exact = random_mean_ap(labels), random_pr_area(labels)
    found["random"] = {
        reading: {"value": value, "without": dict.fromkeys(scored, value)}
        for reading, value in zip(READINGS, exact, strict=True)
    }
    return found


def mean_of_folds(folds: Sequence[Ranked]) -> Ranked:
    """Means over folds that test on different classes, and without each class in turn.

    A class that a fold does not test on leaves that fold's value as it is.

    Parameters
    ----------
    folds : sequence of dict
        From `rank_embeddings`, with the same names.

    Returns
    -------
    dict
        As of `rank_embeddings`; the classes are those of all folds.

    Raises
    ------
    ValueError
        If there is no fold, or their names differ.
    """
    if not folds or any(fold.keys() != folds[0].keys() for fold in folds):
        raise ValueError("folds: expected at least one, all with the same embeddings")
    means: Ranked = {}
    for name, reading in product(folds[0], READINGS):
        parts = [fold[name][reading] for fold in folds]
        classes = sorted({c for part in parts for c in part["without"]})
        means.setdefault(name, {})[reading] = {
            "value": float(np.mean([part["value"] for part in parts])),
            "without": {
                c: float(np.mean([part["without"].get(c, part["value"]) for part in parts]))
                for c in classes
            },
        }
    return means


def table_one(
    ranked: Ranked, differences: Sequence[tuple[str, str]] = ()
) -> dict[str, dict[str, dict[str, float]]]:
    """Table 1 with 95 % intervals over classes, and differences of its rows.

    Parameters
    ----------
    ranked : dict
        From `rank_embeddings` or `mean_of_folds`.
    differences : sequence of (str, str)
        Pairs of names: the first less the second, paired by class.

    Returns
    -------
    dict
        By name (``A-B`` for a difference), then by reading: ``value``, ``low``, ``high``, by
        `visprof.intervals.jackknife_interval`; ``random`` has a value only.

    Raises
    ------
    ValueError
        If a difference names no embedding.
    """
    unknown = {name for pair in differences for name in pair} - {*ranked}
    if unknown:
        raise ValueError(
            f"differences: no embedding is named {min(unknown)!r}; there are {', '.join(ranked)}"
        )

    def cell(value: float, without: NDArray[np.float64]) -> dict[str, float]:
        low, high = jackknife_interval(value, without)
        return {"value": value, "low": low, "high": high}

    def of(name: str, reading: str) -> tuple[float, NDArray[np.float64]]:
        kept = ranked[name][reading]
        return kept["value"], np.array([*kept["without"].values()])

    rows = {
        name: {reading: cell(*of(name, reading)) for reading in READINGS}
        for name in ranked
        if name != "random"
    }
    if "random" in ranked:
        rows["random"] = {r: {"value": ranked["random"][r]["value"]} for r in READINGS}
    for better, worse in differences:
        rows[f"{better}-{worse}"] = {
            reading: cell(a[0] - b[0], a[1] - b[1])
            for reading in READINGS
            for a, b in [(of(better, reading), of(worse, reading))]
        }
    return rows
