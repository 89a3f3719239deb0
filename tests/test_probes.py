"""Linear probes of features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from visprof.probes import (
    fit_discriminants,
    fit_linear_probe,
    label_embeddings,
    probe_logits,
)


def blobs(n_classes, seed=0, width=6):
    rng = np.random.default_rng(seed)
    labels = np.repeat([f"class {c}" for c in range(n_classes)], 30)
    centres = 3 * np.random.default_rng(9).normal(size=(n_classes, width))
    shape = np.diag(10.0 ** np.arange(width))  # units of very different size
    return (np.repeat(centres, 30, axis=0) + rng.normal(size=(len(labels), width))) @ shape, labels


@pytest.mark.parametrize("n_classes", [2, 5])
def test_logits_are_one_a_class_and_name_those_of_other_pictures(n_classes):
    probe = fit_linear_probe(*blobs(n_classes))
    features, labels = blobs(n_classes, seed=1)
    logits = probe_logits(probe, features)
    assert logits.shape == (len(labels), n_classes)
    named = probe.classes_[logits.argmax(axis=1)]
    np.testing.assert_array_equal(named, probe.predict(features))
    assert (named == labels).mean() > 0.95
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, probe.predict_proba(features), atol=1e-9)


def test_discriminants_have_unit_spread_within_classes():
    features, labels = blobs(4)
    places = fit_discriminants(features, labels).transform(features)
    assert places.shape == (len(labels), 3)
    within = np.mean([np.cov(places[labels == c].T) for c in set(labels)], axis=0)
    np.testing.assert_allclose(within, np.eye(3), atol=0.15)  # but for shrinkage


@pytest.mark.parametrize("fit", [fit_linear_probe, fit_discriminants])
@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.ones((4, 2)), list("aabbb"), r"labels: expected shape \(4,\)"),
        (np.eye(4), ["a", "b", None, "b"], "labels.*missing"),
        (np.eye(4), list("aaaa"), "all 4 are equal"),
        (np.full((4, 2), np.nan), list("aabb"), "NaN"),
    ],
)
def test_what_cannot_be_learned_is_refused(fit, features, labels, message):
    with pytest.raises(ValueError, match=message):
        fit(features, labels)


def test_features_of_another_width_are_refused():
    probe = fit_linear_probe(*blobs(3))
    with pytest.raises(ValueError, match="features"):
        probe_logits(probe, np.ones((2, 5)))


def test_a_strength_is_positive():
    with pytest.raises(ValueError, match="strength"):
        fit_linear_probe(*blobs(2), 0.0)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_labels_embed_other_pictures(n_classes):
    features, labels = blobs(n_classes)
    others, _ = blobs(n_classes, seed=1)
    features[:, 0] = others[:, 0] = 7.0  # a unit of a network may be silent
    found = label_embeddings(features, labels, others)
    assert found["probe"].shape == (len(others), n_classes)
    assert found["lda"].shape == (len(others), n_classes - 1)
    few = label_embeddings(features[::10], labels[::10], others)  # of three pictures a class
    assert all(np.isfinite(of).all() for of in few.values())
    with pytest.raises(ValueError, match="too few pictures to tell how features vary"):
        label_embeddings(features[::15], labels[::15], others)


@pytest.fixture
def scenes():
    rng = np.random.default_rng(0)
    labels = np.array(["b", "a", "c"])[np.arange(30) % 3]
    centres = {"a": 0, "b": 1, "c": 2}
    features = rng.normal(size=(30, 4)) * [1, 10, 0.1, 5]
    features[:, 0] += [centres[label] for label in labels]
    return features, labels, rng.normal(size=(5, 4)) * [1, 10, 0.1, 5]


def probabilities(features, labels, pins):
    return fit_linear_probe(features, labels, 0.5).predict_proba(pins)


def test_probabilities_are_those_of_the_least_penalised_loss(scenes):
    features, labels, pins = scenes
    mean, spread = features.mean(axis=0), features.std(axis=0)
    x = (features - mean) / spread
    y = np.unique(labels, return_inverse=True)[1]

    def loss(flat):
        weights = flat.reshape(5, 3)
        logits = x @ weights[:4] + weights[4]
        of_labels = logsumexp(logits, axis=1) - logits[np.arange(30), y]
        return 0.5 * of_labels.sum() + (weights[:4] ** 2).sum() / 2

    best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-7}).x.reshape(5, 3)
    expected = softmax((pins - mean) / spread @ best[:4] + best[4], axis=1)
    np.testing.assert_allclose(probabilities(features, labels, pins), expected, atol=1e-5)


def test_units_and_order_of_pictures_do_not_matter(scenes):
    features, labels, pins = scenes
    found = probabilities(features, labels, pins)
    order = np.random.default_rng(1).permutation(30)
    units = [3, 0.5, 100, 1]
    again = probabilities(features[order] * units + 7, labels[order], pins * units + 7)
    np.testing.assert_allclose(again, found, atol=1e-5)
