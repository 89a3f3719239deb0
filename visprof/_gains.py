"""What a user's pins gain on later ones by a Dirichlet-multinomial, in nats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from visprof.dirichlet import log_probability

__all__ = ["Gain", "evidence_of", "predicted"]

Gain = Callable[[NDArray, NDArray, NDArray], NDArray]  # of own and later pins, and parameters


def predicted(train: NDArray, test: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    """Nats that each user's training counts gain on the same row of test counts, (n,)."""
    posterior = alpha + train
    own = posterior / posterior.sum(axis=1, keepdims=True)
    return (test * np.log(own / (alpha / alpha.sum()))).sum(axis=1)


def evidence_of(train: NDArray, test: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    """Log Bayes factors of all rows with all, (n, m), added item by item: in one order anywhere."""
    posterior = alpha + train

    def rising(of: NDArray, counts: NDArray) -> NDArray:
        """log Gamma(of + counts) - log Gamma(of), of each count that there is but once."""
        values, places = np.unique(counts, return_inverse=True)
        found = gammaln(of[:, None] + values) - gammaln(of)[:, None]
        return found[:, places]

    gains = -rising(posterior.sum(axis=1), test.sum(axis=1))
    for item in range(test.shape[1]):
        gains += rising(posterior[:, item], test[:, item])
    return gains - log_probability(test, alpha)
