"""The gradient of a last layer that is written out, against torch's backpropagation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from visprof import _last_layer
from visprof._last_layer import BatchNorm, InSpan, OfFeatures, UnitLength, distinct
from visprof.siamese import mean_loss


def drawn(seed, n, d, n_pairs):
    """Outputs of pictures, pairs of these (some of a picture with itself), and their kinds."""
    rng = np.random.default_rng(seed)
    members = rng.integers(0, n, (2, n_pairs))
    members[:, 0] = 0
    return rng.normal(size=(n, d)), members, rng.random(n_pairs) < 0.4


def torch_gradient(outputs, members, similar, margin, norm):
    """Loss, distances and gradient at the outputs, by backpropagation."""
    x = torch.from_numpy(outputs).requires_grad_()
    first, second = norm(x[torch.from_numpy(members.ravel())]).chunk(2)
    loss = mean_loss(first, second, torch.from_numpy(similar), margin)
    loss.backward()
    distances = (first - second).detach().norm(dim=1).numpy()
    return loss.item(), distances, x.grad.numpy()


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 99), n=st.integers(2, 12), d=st.integers(1, 9),
    n_pairs=st.integers(2, 30), margin=st.sampled_from([0.5, 2.0, 9.0]), by_batch=st.booleans(),
)  # fmt: skip
def test_gradient_is_that_of_backpropagation(seed, n, d, n_pairs, margin, by_batch):
    outputs, members, similar = drawn(seed, n, d, n_pairs)
    pictures, places, counts = distinct(members)
    if by_batch:
        of_torch = torch.nn.BatchNorm1d(d, affine=False, dtype=torch.float64).train()
        norm = BatchNorm(np.zeros(d), np.ones(d), of_torch.eps, of_torch.momentum)
    else:
        of_torch, norm = (lambda x: F.normalize(x, dim=1)), UnitLength()
    expected = torch_gradient(outputs, members, similar, margin, of_torch)
    loss, distances, gradient = norm.gradient(outputs[pictures], places, counts, similar, margin)
    assert loss == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(distances, expected[1], rtol=1e-12, atol=1e-12)
    size = np.abs(expected[2]).max()
    np.testing.assert_allclose(gradient, expected[2][pictures], rtol=1e-9, atol=1e-11 * (1 + size))
    assert not np.delete(expected[2], pictures, axis=0).any()
    if by_batch:
        np.testing.assert_allclose(norm.mean, of_torch.running_mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(norm.var, of_torch.running_var, rtol=1e-12)


@pytest.mark.parametrize("norm", ["batch", "l2"])
def test_a_batch_of_equal_pictures_has_no_gradient_but_a_loss(norm):
    outputs, members = np.ones((1, 3)), np.zeros((2, 4), dtype=int)
    norm = BatchNorm(np.zeros(3), np.ones(3), 1e-5, 0.1) if norm == "batch" else UnitLength()
    similar = np.array([True, True, False, False])
    loss, distances, gradient = norm.gradient(outputs, members, np.array([8]), similar, 2.0)
    assert loss == 0.5 * 2.0**2 / 2
    assert not distances.any()
    assert not gradient.any()


def test_outputs_of_length_0_get_the_gradient_that_torch_gives():
    outputs = np.array([[0.0, 0.0], [3.0, 4.0]])
    members, similar = np.array([[0], [1]]), np.array([True])
    expected = torch_gradient(outputs, members, similar, 1.0, lambda x: F.normalize(x, dim=1))
    found = UnitLength().gradient(outputs, members, np.array([1, 1]), similar, 1.0)
    assert found[0] == pytest.approx(expected[0])
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("norm", ["batch", "l2"])
def test_what_is_not_finite_reaches_the_loss(norm):
    outputs, members = np.array([[np.nan, 1.0], [2.0, 0.0]]), np.array([[0, 1], [1, 0]])
    norm = BatchNorm(np.zeros(2), np.ones(2), 1e-5, 0.1) if norm == "batch" else UnitLength()
    for similar in (np.ones(2, bool), np.zeros(2, bool)):
        loss, _, _ = norm.gradient(outputs, members, np.array([2, 2]), similar, 1.0)
        assert np.isnan(loss)


@given(seed=st.integers(0, 99), m=st.integers(1, 8), k=st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_both_layers_learn_as_torch_does(seed, m, k):
    """Descent with momentum on a plain linear layer, by given gradients at its outputs."""
    rng = np.random.default_rng(seed)
    rows, first = rng.normal(size=(m, k)), rng.normal(size=(k, 3))
    weights = torch.from_numpy(first.copy()).requires_grad_()
    optimiser = torch.optim.SGD([weights], lr=0.1, momentum=0.9)
    layers = [InSpan(rows, first), OfFeatures(lambda pictures: rows[pictures], first)]
    for _ in range(4):
        pictures = np.flatnonzero(rng.random(m) < 0.7)
        gradient = rng.normal(size=(len(pictures), 3))
        outputs = torch.from_numpy(rows[pictures]) @ weights
        for layer in layers:
            found = layer.outputs(pictures)
            np.testing.assert_allclose(found, outputs.detach(), rtol=1e-9, atol=1e-10)
            layer.descend(gradient, 0.1, 0.9)
        optimiser.zero_grad()
        outputs.backward(torch.from_numpy(gradient))
        optimiser.step()
    for layer in layers:
        np.testing.assert_allclose(layer.learnt(), weights.detach(), rtol=1e-9, atol=1e-10)


def test_distinct_pictures_are_sorted_and_counted():
    pictures, places, counts = distinct([[7, 2, 7], [2, 9, 7]])
    assert pictures.tolist() == [2, 7, 9]
    assert pictures[places].tolist() == [[7, 2, 7], [2, 9, 7]]
    assert counts.tolist() == [2, 3, 1]


def test_sums_are_taken_in_the_order_that_is_written():
    """Free to change it, the compiler does so or not by where in memory arrays happen to lie."""
    compiled = [of for of in vars(_last_layer).values() if hasattr(of, "targetoptions")]
    assert len(compiled) > 4
    assert not [of for of in compiled if of.targetoptions.get("fastmath")]
