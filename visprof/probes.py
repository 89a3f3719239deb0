"""What a linear classifier makes of features: embeddings that labels alone explain.

Beside a distance that was learned from pairs of equal and different labels, they show what the same
labels give to a classifier that knows nothing of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from visprof.checks import check_groups

__all__ = ["fit_discriminants", "fit_linear_probe", "probe_logits"]

# Inverse of the penalty on the weights of standardised features. It was not tuned.
INVERSE_PENALTY = 0.01


def fit_linear_probe(features: ArrayLike, labels: ArrayLike) -> Pipeline:
    """Fit a linear probe: multinomial logistic regression on standardised features.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Of the training pictures.
    labels : array-like of shape (n,)
        Their classes, at least two.

    Returns
    -------
    Pipeline
        ``predict_proba`` gives probabilities of classes, `probe_logits` the outputs below them.

    Raises
    ------
    TypeError
        If labels are of several kinds.
    ValueError
        If shapes do not match, a value is missing or not finite, or there is one class.
    """
    return _fitted(LogisticRegression(C=INVERSE_PENALTY, max_iter=1000), features, labels)


def probe_logits(probe: Pipeline, features: ArrayLike) -> NDArray[np.float64]:
    """Outputs of a linear probe, one a class.

    Parameters
    ----------
    probe : Pipeline
        Of `fit_linear_probe`.
    features : array-like of shape (n, d)
        Of any pictures.

    Returns
    -------
    ndarray of shape (n, c)

    Raises
    ------
    ValueError
        If features are not of the probe's width, or a value is not finite.
    """
    logits = probe.decision_function(_checked(features))
    if logits.ndim == 1:  # of two classes, scikit-learn gives the difference
        logits = np.column_stack([-logits / 2, logits / 2])
    return logits


def fit_discriminants(features: ArrayLike, labels: ArrayLike) -> Pipeline:
    """Fit linear discriminants (Fisher) with shrinkage (Ledoit and Wolf).

    Parameters
    ----------
    features, labels
        As of `fit_linear_probe`.

    Returns
    -------
    Pipeline
        ``transform`` gives coordinates in which the spread within classes is 1 in every direction.

    Raises
    ------
    TypeError, ValueError
        As `fit_linear_probe`.
    """
    return _fitted(LinearDiscriminantAnalysis("eigen", shrinkage="auto"), features, labels)


def _fitted(model: object, features: ArrayLike, labels: ArrayLike) -> Pipeline:
    features = _checked(features)
    labels = check_groups(labels, len(features), "labels")
    if len(np.unique(labels)) < 2:
        raise ValueError(f"labels: all {len(labels)} are equal; a classifier needs two classes")
    return make_pipeline(StandardScaler(), model).fit(features, labels)


def _checked(features: ArrayLike) -> NDArray[np.float64]:
    return check_array(features, dtype=np.float64, input_name="features")
