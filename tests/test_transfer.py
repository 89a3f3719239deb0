"""Profiles on a second platform: conjugate models, alignments, cross-fitting, pins saved."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from visprof import transfer
from visprof.accounts import two_platforms
from visprof.rank_scores import random_mrr
from visprof.sources.platforms import simulate_platforms
from visprof.transfer import (
    ALIGNMENTS,
    NO_SOURCE,
    _priors,
    _priors_by_order,
    cold_start_scores,
    cross_fit,
    fit_alignment,
    posterior_mean,
    shuffled_sources,
    transfer_pvalue,
)

RNG = np.random.default_rng(0)
SOURCE, TARGET = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 4))


def world(n_users=20, seed=0, sizes=(0, 1, 5), **changes):
    """Arguments of `two_platforms`, of a simulated world."""
    drawn = simulate_platforms(
        n_users, (12, 12), 5, decay=0.0, session_lengths=(2.0, 2.0), random_state=seed, **changes
    )
    return {
        "pins": drawn.vectors, "users": drawn.users, "second": drawn.second,
        "order": np.arange(len(drawn.users)), "sizes": sizes, "n_held": 4,
        "sessions": drawn.sessions,
    }  # fmt: skip


# --- the posterior mean


def test_it_is_the_posterior_of_the_normal_model():
    variance, prior_variance, n = 2.0, 0.25, 7
    own, prior = RNG.normal(size=(2, 3))
    precision = n / variance + 1 / prior_variance
    expected = (n / variance * own + prior / prior_variance) / precision
    found = posterior_mean([own], [prior], [n], variance / prior_variance)
    np.testing.assert_allclose(found[0], expected)


def test_it_is_the_posterior_of_the_normal_model_by_quadrature():
    variance, prior_variance, n, own, prior = 2.0, 0.5, 3, 1.5, -0.5
    theta = np.linspace(-8, 8, 20001)
    density = np.exp(-n * (own - theta) ** 2 / (2 * variance)
                     - (theta - prior) ** 2 / (2 * prior_variance))  # fmt: skip
    expected = np.sum(theta * density) / np.sum(density)
    found = posterior_mean([[own]], [[prior]], [n], variance / prior_variance)
    assert found.item() == pytest.approx(expected, abs=1e-9)


def test_it_is_the_posterior_of_the_dirichlet_model():
    counts, prior, kappa = np.array([3, 0, 1]), np.array([0.2, 0.5, 0.3]), 2.5
    expected = (counts + kappa * prior) / (counts.sum() + kappa)
    found = posterior_mean([counts / 4], [prior], [4], kappa)
    np.testing.assert_allclose(found[0], expected)


def test_without_pins_it_is_the_prior_and_without_a_prior_the_pins_to_the_last_bit():
    own, prior = RNG.normal(size=(2, 2, 3))
    np.testing.assert_array_equal(posterior_mean(own, prior, [0, 0], 3.0), prior)
    np.testing.assert_array_equal(posterior_mean(own, prior, [4, 4], np.inf), prior)
    np.testing.assert_array_equal(posterior_mean(own, prior, [4, 4], 0.0), own)
    mixed = posterior_mean(own, prior, [0, 4], [3.0, 0.0])
    np.testing.assert_array_equal(mixed, [prior[0], own[1]])


@given(n=st.floats(0, 100), kappa=st.floats(0.01, 100), one=st.floats(-5, 5), two=st.floats(-5, 5))
def test_it_lies_between_pins_and_prior(n, kappa, one, two):
    found = posterior_mean([[one]], [[two]], [n], kappa).item()
    assert min(one, two) - 1e-9 <= found <= max(one, two) + 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"own": [[1.0, 2.0]]}, r"own \(1, 2\) and prior \(1, 1\) must have one shape"),
        ({"own": [[np.nan]]}, "own"),
        ({"prior": [[np.inf]]}, "prior"),
        ({"n_effective": [-1.0]}, "n_effective: expected numbers of at least 0, got -1"),
        ({"n_effective": [1.0, 2.0]}, "n_effective"),
        ({"kappa": -1.0}, "kappa: expected numbers of at least 0"),
        ({"kappa": np.nan}, "kappa: expected numbers of at least 0"),
        ({"kappa": [1.0, 2.0]}, r"kappa: expected a number, or shape \(1,\), got \(2,\)"),
        ({"kappa": [[1.0]]}, r"kappa: expected a number, or shape \(1,\), got \(1, 1\)"),
        ({"kappa": np.ma.masked_equal([1.0], 1)}, "kappa: expected numbers of at least 0"),
        ({"own": np.ma.masked_equal([[1.0]], 1)}, "own"),
        ({"n_effective": [0.0], "kappa": 0.0}, "kappa: it is 0 for a user without pins"),
    ],
)
def test_what_has_no_posterior_is_refused(changes, message):
    arguments = {"own": [[1.0]], "prior": [[0.0]], "n_effective": [1.0], "kappa": 1.0}
    with pytest.raises(ValueError, match=message):
        posterior_mean(**arguments | changes)


# --- alignments


def test_ridge_is_scikit_learns():
    for penalty in (0.01, 1.0, 50.0):
        ours = fit_alignment(SOURCE, TARGET, "ridge", penalty)
        theirs = Ridge(alpha=penalty).fit(SOURCE, TARGET)
        np.testing.assert_allclose(ours.apply(SOURCE), theirs.predict(SOURCE), atol=1e-10)
        np.testing.assert_allclose(ours.matrix, theirs.coef_, atol=1e-10)


def test_the_penalty_is_that_of_the_least_error_where_each_user_is_left_out():
    centred = SOURCE - SOURCE.mean(axis=0)
    unit = np.square(np.linalg.svd(centred)[1]).mean()

    def error(penalty):
        found = cross_val_predict(Ridge(alpha=penalty), SOURCE, TARGET, cv=LeaveOneOut())
        return np.square(found - TARGET).sum()

    best = min(unit * transfer.PENALTIES, key=error)
    ours, expected = (fit_alignment(SOURCE, TARGET, "ridge", of) for of in (None, best))
    np.testing.assert_allclose(ours.matrix, expected.matrix)


def test_procrustes_is_scipys():
    ours = fit_alignment(SOURCE, TARGET, "procrustes")
    centred = [of - of.mean(axis=0) for of in (SOURCE, TARGET)]
    rotation, _ = orthogonal_procrustes(*centred)
    np.testing.assert_allclose(
        ours.apply(SOURCE), centred[0] @ rotation + TARGET.mean(axis=0), atol=1e-10
    )
    np.testing.assert_allclose(ours.matrix @ ours.matrix.T, np.eye(4), atol=1e-10)


def test_a_turned_and_moved_platform_is_found_again():
    rotation = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    target = SOURCE @ rotation + [1.0, 2.0, 3.0, 4.0]
    for kind, penalty in (("procrustes", None), ("ridge", 1e-9)):
        found = fit_alignment(SOURCE, target, kind, penalty).apply(SOURCE)
        np.testing.assert_allclose(found, target, atol=1e-6)


def test_shifts_are_means_and_a_slope_is_that_of_least_squares():
    np.testing.assert_array_equal(fit_alignment(SOURCE, TARGET, "none").apply(SOURCE), SOURCE)
    moved = fit_alignment(SOURCE, TARGET, "mean shift").apply(SOURCE)
    np.testing.assert_allclose(moved - SOURCE, np.tile((TARGET - SOURCE).mean(axis=0), (12, 1)))
    constant = fit_alignment(SOURCE, TARGET, NO_SOURCE).apply(SOURCE)
    np.testing.assert_allclose(constant, np.tile(TARGET.mean(axis=0), (12, 1)))
    target = 0.3 * SOURCE + 2 + 0.1 * TARGET
    centred = [(of - of.mean(axis=0)).ravel() for of in (SOURCE, target)]
    slope = np.polyfit(*centred, 1)[0]
    scaled = fit_alignment(SOURCE, target, "scaled shift")
    np.testing.assert_allclose(scaled.matrix, slope * np.eye(4))
    np.testing.assert_allclose(scaled.apply(SOURCE).mean(axis=0), target.mean(axis=0))


def test_a_source_that_says_the_opposite_or_nothing_says_nothing():
    opposite = fit_alignment(SOURCE, -SOURCE, "scaled shift")
    assert not opposite.matrix.any()
    same = np.ones((5, 2))
    for kind in ("scaled shift", "ridge"):
        found = fit_alignment(same, TARGET[:5, :2], kind)
        np.testing.assert_allclose(found.apply(same), np.tile(TARGET[:5, :2].mean(axis=0), (5, 1)))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source": SOURCE[:-1]}, ValueError, r"source \(11, 4\) and target \(12, 4\)"),
        ({"source": SOURCE * np.nan}, ValueError, "source"),
        ({"kind": "rotation"}, ValueError, "kind: expected one of no source, none, mean shift"),
        ({"penalty": 0.0}, ValueError, "penalty: expected a finite number above 0"),
        ({"penalty": "1"}, TypeError, "penalty"),
    ],
)
def test_what_cannot_be_aligned_is_refused(changes, error, message):
    arguments = {"source": SOURCE, "target": TARGET, "kind": "ridge", "penalty": 1.0}
    with pytest.raises((error, TypeError), match=message):
        fit_alignment(**arguments | changes)


def test_too_few_users_for_an_alignment_are_refused():
    with pytest.raises(ValueError, match="4 users do not decide how 4 dimensions turn"):
        fit_alignment(SOURCE[:4], TARGET[:4], "procrustes")
    with pytest.raises(ValueError, match="needs at least 3 users, got 2"):
        fit_alignment(SOURCE[:2], TARGET[:2], "ridge")


# --- learning from others


def test_no_user_teaches_anything_of_themselves():
    """A user's own pins on the second platform change neither prior, weight nor centre."""
    arguments = world()
    plain = cross_fit(two_platforms(**arguments), "ridge")
    fold = plain.folds == plain.folds[3]
    changed = arguments["pins"].copy()
    own = np.isin(arguments["users"], np.flatnonzero(fold)) & arguments["second"]
    changed[own] += RNG.normal(size=changed[own].shape).astype(np.float32)
    other = cross_fit(two_platforms(**arguments | {"pins": changed}), "ridge")
    for name in ("prior", "kappa", "icc"):
        np.testing.assert_array_equal(getattr(plain, name)[fold], getattr(other, name)[fold])
        assert (getattr(plain, name)[~fold] != getattr(other, name)[~fold]).any()
    np.testing.assert_array_equal(plain.centre[plain.folds[3]], other.centre[plain.folds[3]])


@pytest.mark.parametrize("kind", [NO_SOURCE, *ALIGNMENTS])
def test_held_out_pins_change_no_fit(kind):
    arguments = world()
    plain = cross_fit(two_platforms(**arguments), kind)
    place = np.arange(len(arguments["users"])) % 24
    changed = arguments["pins"].copy()
    changed[place >= 20] = 9.0
    other = cross_fit(two_platforms(**arguments | {"pins": changed}), kind)
    for name in ("prior", "kappa", "icc", "folds", "centre"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(other, name))


def test_a_prior_is_the_fit_to_users_of_other_folds():
    between = two_platforms(**world())
    fitted = cross_fit(between, "mean shift", n_folds=4, random_state=2)
    assert np.bincount(fitted.folds).tolist() == [5, 5, 5, 5]
    for user, fold in enumerate(fitted.folds):
        others = fitted.folds != fold
        shift = (between.own[5] - between.source)[others].mean(axis=0)
        np.testing.assert_allclose(fitted.prior[user], between.source[user] + shift)
        np.testing.assert_allclose(fitted.centre[fold], between.own[5][others].mean(axis=0))


@pytest.mark.slow
def test_weight_and_correlation_of_sessions_are_found_again():
    """In a normal model where both are known; many users, so that chance is small."""
    rng = np.random.default_rng(0)
    n_users, k, sessions = 1500, 6, np.repeat(np.arange(10), 3)
    of_sessions, of_pins, prior_variance = 0.5, 1.5, 0.4
    taste = rng.normal(0, 1, (n_users, 1, k))
    late = taste + rng.normal(0, np.sqrt(prior_variance), (n_users, 1, k))
    moods = rng.normal(0, np.sqrt(of_sessions), (n_users, 10, k))[:, sessions]
    second = late + moods + rng.normal(0, np.sqrt(of_pins), (n_users, 30, k))
    pins = np.concatenate([taste, second], axis=1).reshape(-1, k)
    users = np.repeat(np.arange(n_users), 31)
    of_pin = np.tile(np.concatenate([[10], sessions]), n_users) + 11 * users
    is_second = np.tile(np.arange(31) > 0, n_users)
    between = two_platforms(pins, users, is_second, np.arange(len(users)), (0, 1, 20), 10, of_pin)
    fitted = cross_fit(between, "none")
    np.testing.assert_allclose(fitted.icc, of_sessions / (of_sessions + of_pins), atol=0.01)
    np.testing.assert_allclose(fitted.kappa, (of_sessions + of_pins) / prior_variance, rtol=0.05)


def test_pins_that_do_not_vary_and_priors_that_are_right_have_their_weights():
    pins, users = np.repeat([[0.0], [1.0], [5.0], [2.0]], 6, axis=0), np.repeat(range(4), 6)
    second = np.tile(np.arange(6) > 1, 4)
    between = two_platforms(pins, users, second, np.arange(24), (0, 1, 2), 2)
    fitted = cross_fit(between, "none", n_folds=4)
    assert np.isinf(fitted.kappa).all()  # the prior is as good as can be
    moved = np.where(second[:, None], pins + users[:, None], pins)
    fitted = cross_fit(
        two_platforms(moved, users, second, np.arange(24), (0, 1, 2), 2), "none", n_folds=4
    )
    assert (fitted.kappa == 0).all()  # one own pin says all
    assert (fitted.icc == 0).all()


def test_users_of_single_sessions_do_not_tell_how_sessions_vary():
    arguments = world()
    arguments["sessions"] = arguments["users"] * 2 + arguments["second"]
    with pytest.raises(ValueError, match="sessions: each user has a single one on the second"):
        cross_fit(two_platforms(**arguments), "none")


@pytest.mark.parametrize("n_folds", [2, 21, 2.5])
def test_folds_are_at_least_three_and_no_more_than_users(n_folds):
    with pytest.raises((ValueError, TypeError), match="n_folds"):
        cross_fit(two_platforms(**world()), "none", n_folds)


# --- scores


@pytest.fixture(scope="module")
def between():
    return two_platforms(**world(popularity=1.0, offset=1.0))


@pytest.mark.parametrize("with_source", [True, False])
def test_scores_are_those_of_plain_loops_and_of_scikit_learn(between, with_source):
    fitted = cross_fit(between, "mean shift")
    scores = cold_start_scores(between, fitted, with_source)
    for size in between.sizes[0 if with_source else 1 :]:
        n = between.n_effective(size, fitted.icc)
        for user, found in enumerate(scores[size]):
            centre = fitted.centre[fitted.folds[user]]
            profile = between.own[size][user]
            if with_source:
                w = n[user] / (n[user] + fitted.kappa[user])
                profile = w * profile + (1 - w) * fitted.prior[user]

            def cosines(of, at=centre, mine=profile):
                theirs, own = of - at, mine - at
                return theirs @ own / np.linalg.norm(theirs, axis=1) / np.linalg.norm(own)

            of_users = cosines(between.held)
            assert found[0] == pytest.approx(1 / (1 + np.sum(of_users > of_users[user])))
            own = between.held_users == between.users[user]
            assert found[1] == pytest.approx(roc_auc_score(own, cosines(between.held_pins)))


def test_without_a_source_nor_pins_users_are_ranked_at_random(between):
    scores = cold_start_scores(between, cross_fit(between, NO_SOURCE), with_source=False)
    expected = [np.mean(1 / np.arange(1, 21)), 0.5]
    np.testing.assert_allclose(scores[0], np.tile(expected, (20, 1)))


def test_a_prior_that_is_the_same_for_all_changes_no_cosine(between):
    fitted = cross_fit(between, NO_SOURCE)
    with_prior, own = (cold_start_scores(between, fitted, of) for of in (True, False))
    np.testing.assert_allclose(with_prior[5], own[5])
    # a profile that is the centre is level with all
    np.testing.assert_allclose(with_prior[0], np.tile([random_mrr(20), 0.5], (20, 1)))


@pytest.mark.parametrize("kind", ALIGNMENTS)
def test_the_order_of_users_and_pins_does_not_matter(kind):
    arguments = world()
    rows = np.random.default_rng(1).permutation(len(arguments["users"]))
    shuffled = {
        name: of[rows] if isinstance(of, np.ndarray) else of for name, of in arguments.items()
    }
    found = []
    for of in (arguments, shuffled):
        between = two_platforms(**of)
        scores = cold_start_scores(between, cross_fit(between, kind))
        found.append([*scores.values(), transfer_pvalue(between, kind, 9)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


# --- the test with shuffled sources


def test_shuffled_sources_are_permutations_by_the_seed():
    orders = shuffled_sources(7, 5, 3)
    assert orders.shape == (5, 7)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    np.testing.assert_array_equal(orders, shuffled_sources(7, 5, 3))
    assert (orders != shuffled_sources(7, 5, 4)).any()
    for wrong in ((0, 5, 0), (7, 0, 0), (7, 5, -1)):
        with pytest.raises(ValueError, match="expected a whole number"):
            shuffled_sources(*wrong)


@pytest.mark.parametrize("kind", ["mean shift", "scaled shift"])
def test_the_p_value_is_that_of_a_plain_loop(between, kind, monkeypatch):
    def statistic(order):
        other = between.with_sources_of(order)
        return cold_start_scores(other, cross_fit(other, kind, random_state=1))[0][:, 0]

    observed = statistic(np.arange(20)).mean()
    reached = sum(statistic(of).mean() >= observed - 1e-9 for of in shuffled_sources(20, 19, 1))
    for at_once in (2**18, 1200):  # cosines: all shuffles, or three
        monkeypatch.setattr("visprof.transfer._AT_ONCE", at_once)
        assert transfer_pvalue(between, kind, 19, random_state=1) == (1 + reached) / 20
    with pytest.raises(ValueError, match="n_permutations: expected a whole number of at least 1"):
        transfer_pvalue(between, "mean shift", 0)


def test_priors_of_shuffled_sources_are_fitted_alike_at_once(between):
    """Also of users who are all alike, whose slope is that of nothing."""
    folds = np.arange(20) % 4
    orders = shuffled_sources(20, 6, 0)
    alike = dataclasses.replace(between, source=np.full_like(between.source, 0.3))
    for world_ in (between, alike):
        found = _priors_by_order(world_, orders, "scaled shift", folds)
        for order, priors in zip(orders, found, strict=True):
            expected = _priors(world_.with_sources_of(order), "scaled shift", folds)
            np.testing.assert_allclose(priors, expected, rtol=1e-9, atol=1e-12)


def test_scores_of_some_known_pins_alone(between):
    fitted = cross_fit(between, "scaled shift")
    every = cold_start_scores(between, fitted)
    some = cold_start_scores(between, fitted, sizes=between.sizes[:2])
    assert list(some) == list(between.sizes[:2])
    for size, scores in some.items():
        np.testing.assert_array_equal(scores, every[size])
    with pytest.raises(ValueError, match=r"sizes: expected some of \[0, .*\], got \[77\]"):
        cold_start_scores(between, fitted, sizes=(0, 77))


@pytest.mark.slow
def test_transfer_is_found_where_it_is_and_not_where_it_is_not():
    found = {
        common: [
            transfer_pvalue(
                two_platforms(**world(24, seed, common=common, offset=1.0)), "scaled shift", 19
            )
            for seed in range(60)
        ]
        for common in (0.0, 1.0)
    }
    assert np.mean(np.array(found[0.0]) <= 0.05) < 0.15
    assert np.mean(np.array(found[1.0]) <= 0.05) > 0.3


# --- where nobody differs, and other scales


def scored(pins, **changes):
    """Scores by size with a source and without, and the p-value, of six users with these pins."""
    second = np.tile(np.arange(9) >= 3, 6)
    sessions = np.arange(54) // 2
    between = two_platforms(
        pins, np.repeat(np.arange(6), 9), second, np.arange(54), (0, 1, 4), 2, sessions
    )
    fitted = cross_fit(between, "scaled shift", n_folds=3)
    return (
        [cold_start_scores(between, fitted, of) for of in (True, False)],
        transfer_pvalue(between, "scaled shift", 9, 3),
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e8 / 3])
def test_pins_that_are_all_equal_tell_nothing(value):
    found, p_value = scored(np.full((54, 2), value))
    assert p_value == 1
    for scores in found:
        for of in scores.values():
            np.testing.assert_allclose(of, np.tile([random_mrr(6), 0.5], (6, 1)))


def test_users_whose_pins_do_not_vary_are_found_by_the_source_alone():
    found, _ = scored(np.repeat(RNG.normal(size=(6, 2)), 9, axis=0))
    for of in found[0].values():
        np.testing.assert_array_equal(of, 1)


def test_sources_that_are_equal_but_for_rounding_have_no_slope():
    source = np.full((6, 2), 0.1) + 1e-17 * RNG.integers(0, 3, (6, 2))
    for kind in ("scaled shift", "ridge"):
        assert not fit_alignment(source, TARGET[:6, :2], kind).matrix.any()


@pytest.mark.parametrize("exponent", [-330, -40, 40, 330])
def test_scale_does_not_matter(exponent):
    pins = RNG.normal(size=(54, 2))
    (plain, p), (other, q) = scored(pins), scored(np.ldexp(pins, exponent))
    assert p == q
    for one, two in zip(plain, other, strict=True):
        for size, of in one.items():
            np.testing.assert_allclose(two[size], of)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_magnitudes_that_have_no_squares_are_refused(scale):
    with pytest.raises(ValueError, match=r"pins: the largest magnitude .*; rescale them"):
        scored(scale * RNG.normal(size=(54, 2)))
    for name in ("source", "target"):
        arguments = {"source": SOURCE, "target": TARGET} | {name: SOURCE * scale}
        with pytest.raises(ValueError, match=f"{name}: the largest magnitude"):
            fit_alignment(**arguments, kind="scaled shift")
