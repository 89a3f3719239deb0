"""A last linear layer that learns from Eq. 1, by a gradient that is written out.

What `visprof.siamese_training.train_siamese` finds by backpropagation, this finds in one product of
matrices a step, and one pass over its result. Of pictures that come more than once in a mini-batch,
the outputs are computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit

__all__ = ["BatchNorm", "InSpan", "Layer", "OfFeatures", "UnitLength", "distinct"]

_SHORTEST = 1e-12  # a length that outputs are divided by, at least, as torch has it


class Layer(Protocol):
    """Outputs of pictures by a linear layer, and a step of it down a gradient.

    Attributes
    ----------
    weights, velocity : ndarray of float64, shape (k, d)
        What learns, and the momentum of it.
    """

    weights: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def outputs(self, pictures: NDArray[np.int64]) -> NDArray[np.float64]:
        """Outputs (n, d) of distinct pictures, in the order of their numbers."""

    def descend(self, gradient: NDArray[np.float64], rate: float, momentum: float) -> None:
        """Learn from the gradient, (n, d), at the outputs that were computed last."""

    def learnt(self) -> NDArray[np.float64]:
        """Weights of features, (k, d)."""


class OfFeatures:
    """The layer by its own weights: a product for the outputs, and another for the gradient.

    Parameters
    ----------
    rows : callable
        Takes pictures (n,), returns their features, float64 (n, k).
    first : ndarray of float64, shape (k, d)
        Weights to begin with.
    """

    def __init__(
        self, rows: Callable[[NDArray[np.int64]], NDArray[np.float64]], first: NDArray[np.float64]
    ) -> None:
        self._rows = rows
        self.weights = np.array(first, order="C")
        self.velocity = np.zeros_like(self.weights)
        self._all = np.arange(len(first))

    def outputs(self, pictures: NDArray[np.int64]) -> NDArray[np.float64]:
        """As of `Layer`."""
        self._seen = self._rows(pictures)
        return self._seen @ self.weights

    def descend(self, gradient: NDArray[np.float64], rate: float, momentum: float) -> None:
        """As of `Layer`."""
        of_weights = self._seen.T @ gradient
        _descend(self.weights, self.velocity, self._all, of_weights, rate, momentum)

    def learnt(self) -> NDArray[np.float64]:
        """As of `Layer`."""
        return self.weights


class InSpan:
    """The layer by how much of each picture is added to the weights that it begins with.

    The gradient is a sum over the pictures that the layer sees, so what is added stays in their
    span, and outputs follow from the pictures' products.

    Parameters
    ----------
    rows : ndarray of float64, shape (m, k)
        Features of all pictures that will be seen.
    first : ndarray of float64, shape (k, d)
        Weights to begin with.
    """

    def __init__(self, rows: NDArray[np.float64], first: NDArray[np.float64]) -> None:
        self._rows, self._first = rows, first
        self._products, self._before = rows @ rows.T, rows @ first
        self.weights = np.zeros_like(self._before)
        self.velocity = np.zeros_like(self._before)

    def outputs(self, pictures: NDArray[np.int64]) -> NDArray[np.float64]:
        """As of `Layer`."""
        self._seen = pictures
        found = self._products[pictures] @ self.weights
        found += self._before[pictures]
        return found

    def descend(self, gradient: NDArray[np.float64], rate: float, momentum: float) -> None:
        """As of `Layer`."""
        _descend(self.weights, self.velocity, self._seen, gradient, rate, momentum)

    def learnt(self) -> NDArray[np.float64]:
        """As of `Layer`."""
        return self._first + self._rows.T @ self.weights


class BatchNorm:
    """Eq. 1 behind batch normalisation, and its running statistics.

    Parameters
    ----------
    mean, var : ndarray of float64, shape (d,)
        Running statistics to begin with; they are changed in place.
    eps, momentum : float
        As of ``torch.nn.BatchNorm1d``.
    """

    def __init__(
        self, mean: NDArray[np.float64], var: NDArray[np.float64], eps: float, momentum: float
    ) -> None:
        self.mean, self.var, self._eps, self._momentum = mean, var, eps, momentum

    def gradient(
        self,
        outputs: NDArray[np.float64],
        members: NDArray[np.int64],
        counts: NDArray[np.int64],
        similar: NDArray[np.bool_],
        margin: float,
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Loss of the pairs, their distances (m,), and the gradient at the outputs (n, d).

        Parameters
        ----------
        outputs : ndarray of float64, shape (n, d)
            Of distinct pictures.
        members : ndarray of int, shape (2, m)
            Rows of the pairs' members.
        counts : ndarray of int, shape (n,)
            How often each row is a member.
        similar : ndarray of bool, shape (m,)
            Whether the pair is similar.
        margin : float
            Margin of Eq. 1.
        """
        mean, var = np.empty(outputs.shape[1]), np.empty(outputs.shape[1])
        loss, distances, gradient = _batch_gradient(
            outputs, *members, counts, similar, margin, self._eps, mean, var
        )
        n = counts.sum()
        for running, of_batch in ((self.mean, mean), (self.var, var * (n / (n - 1)))):
            running *= 1 - self._momentum
            running += self._momentum * of_batch
        return loss, distances, gradient


class UnitLength:
    """Eq. 1 of outputs that are divided by their length."""

    def gradient(
        self,
        outputs: NDArray[np.float64],
        members: NDArray[np.int64],
        counts: NDArray[np.int64],
        similar: NDArray[np.bool_],
        margin: float,
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """As of `BatchNorm`."""
        return _unit_gradient(outputs, *members, similar, margin)


def distinct(members: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Distinct pictures among the members of pairs, (2, m), sorted; places of these; how often."""
    members = np.asarray(members)
    pictures, places, counts = np.unique(members, return_inverse=True, return_counts=True)
    return pictures, places.reshape(members.shape), counts


@njit
def _squared_length(x):  # pragma: no cover  (compiled)
    """Sum of squares, in four parts that need not wait for each other.

    (The compiler could part it, too, but does so or not by where in memory arrays happen to lie.)
    """
    whole = len(x) - len(x) % 4
    p, q, r, s = 0.0, 0.0, 0.0, 0.0
    for j in range(0, whole, 4):
        p += x[j] * x[j]
        q += x[j + 1] * x[j + 1]
        r += x[j + 2] * x[j + 2]
        s += x[j + 3] * x[j + 3]
    for j in range(whole, len(x)):
        p += x[j] * x[j]
    return (p + q) + (r + s)


@njit
def _pull(squared, similar, margin):  # pragma: no cover  (compiled)
    """Loss of a pair by its squared distance, and its derivative by half of that."""
    if similar:
        return 0.5 * squared, 1.0
    distance = np.sqrt(squared)
    hinge = margin - distance
    if hinge < 0:  # not of NaN, which must reach the loss
        hinge = 0.0
    # 0 of members that coincide: the direction of the push is not defined
    return 0.5 * hinge * hinge, -hinge / distance if distance > 0 else 0.0


@njit
def _pull_pairs(
    rows, scale, first, second, similar, margin, distances, gradient, along
):  # pragma: no cover  (compiled)
    """Loss of pairs of scaled rows; fill in distances and add to the gradient at scaled rows.

    ``along``, (d,), is filled with the sum over members of gradient times scaled row.
    """
    apart, loss, n_pairs = np.empty(len(scale)), 0.0, len(first)
    for j in range(len(scale)):
        along[j] = 0.0
    for k in range(n_pairs):
        a, b = first[k], second[k]
        for j in range(len(scale)):
            apart[j] = (rows[a, j] - rows[b, j]) * scale[j]
        squared = _squared_length(apart)
        distances[k] = np.sqrt(squared)
        of_pair, pull = _pull(squared, similar[k], margin)
        loss += of_pair
        if pull != 0:
            pull /= n_pairs
            for j in range(len(scale)):
                by = pull * apart[j]
                gradient[a, j] += by
                gradient[b, j] -= by
                along[j] += by * apart[j]
    return loss / n_pairs


@njit(nogil=True, cache=True, error_model="numpy")
def _batch_gradient(
    outputs, first, second, counts, similar, margin, eps, mean, var
):  # pragma: no cover  (compiled)
    """As `BatchNorm.gradient`; fill in the batch's mean and biased variance.

    The gradient at the normalised outputs has no mean to be taken off: what pulls one member of a
    pair pulls the other likewise.
    """
    n, d = outputs.shape
    for j in range(d):
        mean[j], var[j] = 0.0, 0.0
    for i in range(n):
        share = counts[i] / (2 * len(first))
        for j in range(d):
            mean[j] += share * outputs[i, j]
    for i in range(n):
        share = counts[i] / (2 * len(first))
        for j in range(d):
            off = outputs[i, j] - mean[j]
            var[j] += share * off * off
    scale, along = np.empty(d), np.empty(d)
    for j in range(d):
        scale[j] = 1 / np.sqrt(var[j] + eps)
    distances, gradient = np.empty(len(first)), np.zeros((n, d))
    loss = _pull_pairs(
        outputs, scale, first, second, similar, margin, distances, gradient, along
    )  # fmt: skip
    for j in range(d):
        along[j] *= scale[j]
    for i in range(n):
        share = counts[i] / (2 * len(first))
        for j in range(d):
            back = share * (outputs[i, j] - mean[j]) * along[j]
            gradient[i, j] = (gradient[i, j] - back) * scale[j]
    return loss, distances, gradient


@njit(nogil=True, cache=True, error_model="numpy")
def _unit_gradient(outputs, first, second, similar, margin):  # pragma: no cover  (compiled)
    """As `UnitLength.gradient`."""
    n, d = outputs.shape
    units, lengths = np.empty((n, d)), np.empty(n)
    for i in range(n):
        lengths[i] = np.sqrt(_squared_length(outputs[i]))
        for j in range(d):
            units[i, j] = outputs[i, j] / max(lengths[i], _SHORTEST)
    distances, gradient, scale = np.empty(len(first)), np.zeros((n, d)), np.empty(d)
    for j in range(d):
        scale[j] = 1.0
    loss = _pull_pairs(
        units, scale, first, second, similar, margin, distances, gradient, np.empty(d)
    )
    for i in range(n):
        along = 0.0
        if lengths[i] > _SHORTEST:
            for j in range(d):
                along += gradient[i, j] * units[i, j]
        for j in range(d):
            gradient[i, j] = (gradient[i, j] - along * units[i, j]) / max(lengths[i], _SHORTEST)
    return loss, distances, gradient


@njit(nogil=True, cache=True)
def _descend(weights, velocity, rows, gradient, rate, momentum):  # pragma: no cover  (compiled)
    """Descend by a gradient that is 0 but in some rows, sorted; changes weights and velocity."""
    at = 0
    for i in range(len(weights)):
        for j in range(weights.shape[1]):
            velocity[i, j] *= momentum
        if at < len(rows) and rows[at] == i:
            for j in range(weights.shape[1]):
                velocity[i, j] += gradient[at, j]
            at += 1
        for j in range(weights.shape[1]):
            weights[i, j] -= rate * velocity[i, j]
