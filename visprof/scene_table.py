"""Table 1 of embeddings of labelled photographs: both readings of mAP, with intervals over classes.

Beside the paper's rows stand two that learn from the same labels without any network of their own:
a linear probe (logistic regression) and linear discriminants.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

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

__all__ = ["discriminants", "linear_probe", "score_embeddings", "with_hybrids"]

READINGS = ("mean_ap", "pr_area")
Score = dict[str, float]


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
    # shrunk covariance: features of a ReLU may be constant, or as many as photographs
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    return lda.fit(np.float64(train), labels).transform(np.float64(test))


def score_embeddings(
    embeddings: Mapping[str, ArrayLike],
    labels: ArrayLike,
    differences: Sequence[tuple[str, str]] = (),
) -> dict[str, dict[str, Score]]:
    """Both readings of Table 1 for each embedding, random and chosen differences.

    Parameters
    ----------
    embeddings : mapping of str to array-like, shape (n, d)
        Embeddings of the same photographs, by name.
    labels : array-like, shape (n,)
        Their classes.
    differences : sequence of (str, str)
        Pairs of names, or ``random``: the first less the second.

    Returns
    -------
    dict
        By name (``A-B`` for a difference), by reading (``mean_ap``, ``pr_area``): ``value``,
        ``low``, ``high``, a 95 % interval over classes by the jackknife with t (see
        `visprof.intervals.jackknife_interval`). ``random`` is exact and has a value only.

    Raises
    ------
    ValueError
        As `visprof.retrieval.ranking_metrics`, or if a difference names an unknown embedding.
    """
    labels = check_groups(labels, None, "labels")
    unknown = {name for pair in differences for name in pair} - {*embeddings, "random"}
    if unknown:
        raise ValueError(f"differences: no embedding is named {sorted(unknown)[0]!r}")
    found: dict[tuple[str, str], tuple[float, NDArray[np.float64]]] = {}
    for name, embedding in embeddings.items():
        ranking = ranking_metrics(embedding, labels)
        values = ranking.mean_ap, ranking.pr_area
        without = metrics_without_classes(ranking, labels)
        for reading, value, others in zip(READINGS, values, without, strict=True):
            found[name, reading] = value, others
    scores: dict[str, dict[str, Score]] = {name: {} for name in embeddings}
    for (name, reading), (value, others) in found.items():
        scores[name][reading] = _score(value, others)
    exact = {"mean_ap": random_mean_ap(labels), "pr_area": random_pr_area(labels)}
    scores["random"] = {reading: {"value": value} for reading, value in exact.items()}
    for better, worse in differences:
        both = scores[f"{better}-{worse}"] = {}
        for reading in READINGS:
            (a, a_without), (b, b_without) = (
                found.get((name, reading), (exact[reading], exact[reading]))
                for name in (better, worse)
            )
            both[reading] = _score(a - b, a_without - b_without)
    return scores


def _score(value: float, without: NDArray[np.float64]) -> Score:
    low, high = jackknife_interval(value, without)
    return {"value": float(value), "low": low, "high": high}
