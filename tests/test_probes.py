"""Linear probes of features."""

from __future__ import annotations

import numpy as np
import pytest

from visprof.probes import fit_discriminants, fit_linear_probe, probe_logits


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
