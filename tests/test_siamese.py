"""Siamese embedding: Eq. 1 against a plain loop, first weights, normalisation, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from visprof.backbones import load_backbone
from visprof.siamese import SiameseEmbedding, calibrate, contrastive_loss, siamese_outputs

vectors = arrays(np.float64, (6, 3), elements=st.floats(-10, 10))


def loss_by_loop(x, y, similar, margin):
    total = 0.0
    for a, b, label in zip(x, y, similar, strict=True):
        distance = math.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)))
        total += 0.5 * label * distance**2 + 0.5 * (1 - label) * max(0, margin - distance) ** 2
    return total / len(x)


@given(vectors, vectors, st.lists(st.integers(0, 1), min_size=6, max_size=6), st.floats(0.1, 30))
def test_loss_equals_equation_1(x, y, similar, margin):
    expected = loss_by_loop(x, y, similar, margin)
    assert contrastive_loss(x, y, similar, margin).item() == pytest.approx(expected, abs=1e-9)


@given(vectors, vectors, st.lists(st.booleans(), min_size=6, max_size=6), st.floats(0.1, 30))
def test_loss_is_symmetric_and_not_negative(x, y, similar, margin):
    loss = contrastive_loss(x, y, similar, margin).item()
    assert loss >= 0
    assert contrastive_loss(y, x, similar, margin).item() == pytest.approx(loss)


@pytest.mark.parametrize(
    ("distance", "similar", "expected"),
    [(3, 1, 4.5), (3, 0, 2.0), (5, 0, 0.0), (7, 0, 0.0), (0, 0, 12.5), (0, 1, 0.0)],
)
def test_loss_by_hand_with_margin_5(distance, similar, expected):
    loss = contrastive_loss(np.zeros((1, 1)), np.full((1, 1), distance), [similar], 5)
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("similar", [0, 1])
def test_gradient_of_coinciding_pairs_is_finite(similar):
    x = torch.ones(2, 3, requires_grad=True)
    contrastive_loss(x, torch.ones(2, 3), torch.tensor([similar] * 2), 1.0).backward()
    assert torch.equal(x.grad, torch.zeros(2, 3))


def test_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(size=(5, 3)), requires_grad=True) for _ in range(2))
    similar = torch.tensor([1, 0, 0, 1, 0])
    assert torch.autograd.gradcheck(lambda a, b: contrastive_loss(a, b, similar, 2.5), (x, y))


@pytest.mark.parametrize(
    ("x", "y", "similar", "margin", "match"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), [0, 1], 1, r"\(2, 3\) and \(2, 4\)"),
        (np.zeros(3), np.zeros(3), [0, 1, 1], 1, "shape"),
        (np.zeros((0, 3)), np.zeros((0, 3)), [], 1, "n > 0"),
        (np.zeros((2, 3)), np.zeros((2, 3)), [1], 1, r"shape \(2,\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), [1, -1], 1, "0 and 1 only"),
        (np.zeros((2, 3)), np.zeros((2, 3)), [1, 0], 0, "margin"),
        (np.zeros((2, 3)), np.zeros((2, 3)), [1, 0], float("nan"), "margin"),
    ],
)
def test_bad_pairs_say_what_is_wrong(x, y, similar, margin, match):
    with pytest.raises(ValueError, match=match):
        contrastive_loss(x, y, similar, margin)


def test_first_weights_are_seeded():
    one, again, other = (
        SiameseEmbedding(None, 4, 3, random_state=s).last.weight for s in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_calibration_standardises_the_outputs_and_nothing_else():
    features = np.random.default_rng(0).normal(1, 3, (200, 12))
    model = calibrate(SiameseEmbedding(None, 12, 6), features)
    outputs = siamese_outputs(model, features)
    np.testing.assert_allclose(outputs.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(outputs.std(0, ddof=1), 1, rtol=0.02)  # its eps is 1e-5
    assert torch.equal(model.last.weight, SiameseEmbedding(None, 12, 6).last.weight)
    plain = SiameseEmbedding(None, 12, 6, "l2")
    before = siamese_outputs(plain, features)
    np.testing.assert_array_equal(siamese_outputs(calibrate(plain, features), features), before)


def test_wrong_feature_width_is_named():
    with pytest.raises(ValueError, match=r"\(n, 4\), not \(5, 3\)"):
        siamese_outputs(SiameseEmbedding(None, 4), np.zeros((5, 3)))


def test_wrong_model_options_are_named():
    with pytest.raises(ValueError, match="output_norm"):
        SiameseEmbedding(None, 4, output_norm="layer")
    backbone = load_backbone("squeezenet-places365", "random", 64)
    with pytest.raises(ValueError, match=r"in_features=4 .* 512"):
        SiameseEmbedding(backbone, 4)


def test_trunk_stays_in_evaluation_mode():
    model = SiameseEmbedding(load_backbone("alexnet", "random", 64), 4096, 3)
    model.train()
    assert model.training
    assert not any(module.training for module in model.backbone.modules())
