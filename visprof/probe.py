"""A linear probe: which class a network's features say, by labels that others learn from, too."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from visprof.checks import check_groups

__all__ = ["STRENGTH", "probe_probabilities"]

STRENGTH = 1.0  # C: scikit-learn's own, not tuned on any data


def probe_probabilities(
    features: ArrayLike, labels: ArrayLike, pins: ArrayLike
) -> NDArray[np.float64]:
    """Class probabilities of pins by multinomial logistic regression on labelled pictures.

    Features are standardised by those of the labelled pictures. The penalty (half the squared
    weights, with C = 1) makes the loss strictly convex: there is one optimum, nothing is drawn.

    Parameters
    ----------
    features : array-like of shape (b, d)
        Features of labelled pictures.
    labels : array-like of shape (b,)
        Their classes, at least two.
    pins : array-like of shape (n, d)
        Features of others.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
        Classes are sorted.

    Raises
    ------
    ValueError
        If shapes do not match, a label is missing, there is one class, or a value is not finite.
    """
    learnt, asked = (
        check_array(of, dtype=np.float64, order="C", input_name=name)
        for name, of in (("features", features), ("pins", pins))
    )
    labels = check_groups(labels, len(learnt), "labels")
    scale = StandardScaler().fit(learnt)
    probe = LogisticRegression(C=STRENGTH, tol=1e-6, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        probe.fit(scale.transform(learnt), labels)
    return probe.predict_proba(scale.transform(asked))
