"""What a linear classifier makes of features: embeddings that labels alone explain.

Beside a distance that was learned from pairs of equal and different labels, they show what the same
labels give to a classifier that knows nothing of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups, check_number

with lazily():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import check_array

__all__ = ["fit_discriminants", "fit_linear_probe", "label_embeddings", "probe_logits"]

STRENGTH = 0.01  # of a probe whose outputs are ranked; it was not tuned


def fit_linear_probe(
    features: ArrayLike, labels: ArrayLike, strength: float = STRENGTH
) -> Pipeline:
    """Fit a linear probe: multinomial logistic regression on standardised features.

    The penalty on the weights makes the loss strictly convex: there is one optimum, and nothing is
    drawn.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Of the training pictures.
    labels : array-like of shape (n,)
        Their classes, at least two.
    strength : float, default=0.01
        Inverse of the penalty on the weights of standardised features (scikit-learn's C).

    Returns
    -------
    Pipeline
        ``predict_proba`` gives probabilities of classes, `probe_logits` the outputs below them.

    Raises
    ------
    TypeError
        If labels are of several kinds.
    ValueError
        If shapes do not match, a value is missing or not finite, there is one class, or the
        strength is not positive.

    Examples
    --------
    >>> probe = fit_linear_probe([[0.0], [0.2], [0.9], [1.0]], ["sea", "sea", "hill", "hill"], 1.0)
    >>> probe.predict([[0.1], [0.8]]).tolist()
    ['sea', 'hill']
    """
    strength = check_number(strength, "strength", above=0)
    model = LogisticRegression(C=strength, tol=1e-6, max_iter=10_000)
    return _fitted(model, features, labels)


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
    TypeError
        If labels are of several kinds.
    ValueError
        If shapes do not match, a value is missing or not finite, there is one class, or classes
        have too few pictures to tell how features vary within them.
    """
    return _fitted(LinearDiscriminantAnalysis("eigen", shrinkage="auto"), features, labels)


def label_embeddings(
    features: ArrayLike, labels: ArrayLike, others: ArrayLike
) -> dict[str, NDArray[np.float64]]:
    """Embed other pictures by what linear classifiers learn from labelled ones.

    Parameters
    ----------
    features, labels
        As of `fit_linear_probe`.
    others : array-like of shape (m, d)
        Features of the pictures to embed.

    Returns
    -------
    dict of str to ndarray of shape (m, k)
        ``probe``: outputs of the linear probe; ``lda``: coordinates of the linear discriminants.

    Raises
    ------
    TypeError, ValueError
        As `fit_linear_probe` and `probe_logits`.
    """
    return {
        "probe": probe_logits(fit_linear_probe(features, labels), others),
        "lda": fit_discriminants(features, labels).transform(_checked(others)),
    }


def _fitted(model: object, features: ArrayLike, labels: ArrayLike) -> Pipeline:
    features = _checked(features)
    labels = check_groups(labels, len(features), "labels")
    if len(np.unique(labels)) < 2:
        raise ValueError(f"labels: all {len(labels)} are equal; a classifier needs two classes")
    try:
        return make_pipeline(StandardScaler(), model).fit(features, labels)
    except np.linalg.LinAlgError:  # of two pictures a class, there is nothing to shrink by
        raise ValueError(
            "labels: classes have too few pictures to tell how features vary within them; "
            "three a class will do"
        ) from None


def _checked(features: ArrayLike) -> NDArray[np.float64]:
    return check_array(features, dtype=np.float64, input_name="features")
