"""A linear probe beside scikit-learn's estimators and a plain loss."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from visprof.probe import STRENGTH, probe_probabilities


@pytest.fixture
def scenes():
    rng = np.random.default_rng(0)
    labels = np.array(["b", "a", "c"])[np.arange(30) % 3]
    centres = {"a": 0, "b": 1, "c": 2}
    features = rng.normal(size=(30, 4)) * [1, 10, 0.1, 5]
    features[:, 0] += [centres[label] for label in labels]
    return features, labels, rng.normal(size=(5, 4)) * [1, 10, 0.1, 5]


def test_probabilities_are_those_of_the_least_penalised_loss(scenes):
    features, labels, pins = scenes
    mean, spread = features.mean(axis=0), features.std(axis=0)
    x = (features - mean) / spread
    y = np.unique(labels, return_inverse=True)[1]

    def loss(flat):
        weights = flat.reshape(5, 3)
        logits = x @ weights[:4] + weights[4]
        of_labels = logsumexp(logits, axis=1) - logits[np.arange(30), y]
        return STRENGTH * of_labels.sum() + (weights[:4] ** 2).sum() / 2

    best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-7}).x.reshape(5, 3)
    expected = softmax((pins - mean) / spread @ best[:4] + best[4], axis=1)
    np.testing.assert_allclose(probe_probabilities(features, labels, pins), expected, atol=1e-5)


def test_units_and_order_of_pictures_do_not_matter(scenes):
    features, labels, pins = scenes
    found = probe_probabilities(features, labels, pins)
    order = np.random.default_rng(1).permutation(30)
    units = [3, 0.5, 100, 1]
    again = probe_probabilities(features[order] * units + 7, labels[order], pins * units + 7)
    np.testing.assert_allclose(again, found, atol=1e-5)


def test_labels_that_are_too_few_are_refused(scenes):
    features, labels, pins = scenes
    with pytest.raises(ValueError, match="labels: expected shape"):
        probe_probabilities(features, labels[:9], pins)
    with pytest.raises(ValueError, match="class"):
        probe_probabilities(features, ["a"] * 30, pins)
