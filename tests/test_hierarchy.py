"""Tastes at two levels: likelihoods, their maxima, bits a pin, and the deal of styles."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from visprof.dirichlet import WEAKEST, log_probability
from visprof.hierarchy import (
    HierarchicalProfile,
    deal_styles,
    expected_bits,
    rank_by_score,
    session_weights,
)


@parametrize_with_checks([HierarchicalProfile()])
def test_scikit_learn_contract(estimator, check):
    assert check(estimator) is None


def draw(rng, n_users, n_pins, alpha, style_alpha):
    """Counts of users of a world of the two levels, (n_users, n_categories * n_styles)."""
    return np.array(
        [
            np.concatenate(
                [
                    rng.multinomial(m, rng.dirichlet(styles))
                    for m, styles in zip(
                        rng.multinomial(n_pins, rng.dirichlet(alpha)), style_alpha, strict=True
                    )
                ]
            )
            for _ in range(n_users)
        ]
    )


# --- two levels


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(2)
    style_alpha = np.array([[0.5, 0.5, 1.0], [30.0, 30.0, 30.0]])
    counts = draw(rng, 60, 40, np.array([2.0, 2.0]), style_alpha)
    return HierarchicalProfile(n_categories=2).fit(counts)


@pytest.fixture(scope="module")
def users():
    rng = np.random.default_rng(3)
    style_alpha = np.array([[0.5, 0.5, 1.0], [30.0, 30.0, 30.0]])
    return [draw(rng, 8, n, np.array([2.0, 2.0]), style_alpha) for n in (20, 10)]


def test_the_profile_is_the_posterior_mean_in_closed_form(fitted, users):
    profiles = fitted.transform(users[0])
    np.testing.assert_allclose(profiles.sum(axis=1), 1)
    for row, profile in zip(users[0].reshape(-1, 2, 3), profiles.reshape(-1, 2, 3), strict=True):
        n = row.sum()
        for c, s in itertools.product(range(2), range(3)):
            a = (fitted.strength_ * fitted.shares_[c] + row[c].sum()) / (fitted.strength_ + n)
            strength = fitted.style_strengths_[c]
            b = (strength * fitted.style_shares_[c, s] + row[c, s]) / (strength + row[c].sum())
            assert profile[c, s] == pytest.approx(a * b)
    prior = (fitted.shares_[:, None] * fitted.style_shares_).ravel()
    np.testing.assert_allclose(fitted.transform(np.zeros((1, 6)))[0], prior)


def test_bits_are_those_of_each_pin_by_the_profile(fitted, users):
    train, test = users
    found = fitted.bits(train, test)
    prior, profiles = fitted.transform(np.zeros((1, 6)))[0], fitted.transform(train)
    by_category, of_all = (of.reshape(-1, 2, 3).sum(axis=2) for of in (profiles, prior))
    for u, row in enumerate(test):
        pins = np.repeat(np.arange(6), row)
        whole = np.log2(profiles[u, pins] / prior[pins])
        inter = np.log2(by_category[u, pins // 3] / of_all[0, pins // 3])
        assert found.fusion[u] == pytest.approx(whole.mean())
        assert found.inter[u] == pytest.approx(inter.mean())
        assert found.intra[u] == pytest.approx((whole - inter).mean())
        own = train[u].reshape(2, 3).sum(axis=0) + fitted.styles_.alpha
        styles = np.log2(own[pins % 3] / own.sum() / fitted.styles_.shares[pins % 3])
        assert found.styles[u] == pytest.approx(styles.mean())
        cells = train[u] + fitted.cells_.alpha
        flat = np.log2(cells[pins] / cells.sum() / fitted.cells_.shares[pins])
        assert found.flat[u] == pytest.approx(flat.mean())
    np.testing.assert_allclose(
        found.fusion, found.inter + found.styles + found.interaction, atol=1e-12
    )


def test_evidence_is_the_log_ratio_of_scipys_probabilities(fitted, users):
    train, test = users
    found = fitted.evidence(train, test)
    for u, v in itertools.product(range(8), range(8)):
        one, later = train[u].reshape(2, 3), test[v].reshape(2, 3)

        def bits(own, held, alpha):
            of = [
                stats.dirichlet_multinomial.logpmf(held, parameters, held.sum())
                for parameters in (alpha + own, alpha)
            ]
            return (of[0] - of[1]) / np.log(2) / later.sum()  # noqa: B023

        alpha = fitted.strength_ * fitted.shares_
        inter = bits(one.sum(axis=1), later.sum(axis=1), alpha)
        intra = sum(
            bits(one[c], later[c], fitted.style_strengths_[c] * fitted.style_shares_[c])
            for c in range(2)
        )
        assert found.inter[u, v] == pytest.approx(inter)
        assert found.intra[u, v] == pytest.approx(intra)
        styles = bits(one.sum(axis=0), later.sum(axis=0), fitted.styles_.alpha)
        assert found.styles[u, v] == pytest.approx(styles)
        assert found.flat[u, v] == pytest.approx(bits(train[u], test[v], fitted.cells_.alpha))


def test_of_one_pin_evidence_is_what_it_gains(fitted, users):
    one = np.eye(6, dtype=int)[[0, 1, 2, 3, 4, 5, 0, 1]]
    bits, evidence = fitted.bits(users[0], one), fitted.evidence(users[0], one)
    for part in ("inter", "intra", "styles", "flat", "fusion", "interaction"):
        matrix = getattr(evidence, part)
        assert matrix.shape == (8, 8)
        np.testing.assert_allclose(np.diag(matrix), getattr(bits, part), atol=1e-9)


def test_where_users_do_not_differ_nothing_is_told(users):
    counts = np.tile([[4, 4, 0, 2, 2, 2], [3, 5, 0, 2, 2, 2]], (20, 1))
    alike = HierarchicalProfile(n_categories=2).fit(counts)
    assert alike.strength_ == alike.shared_strength_ == WEAKEST
    profiles = alike.transform([*users[0], [0] * 6])
    np.testing.assert_array_equal(profiles, np.tile(profiles[-1], (9, 1)))
    bits, evidence = alike.bits(*users), alike.evidence(*users)
    for part in ("inter", "intra", "styles", "flat", "fusion", "interaction"):
        assert not getattr(bits, part).any()
        assert not getattr(evidence, part).any()


def test_strengths_of_categories_are_told_apart_and_shared_where_users_are_few(fitted):
    strong, weak = fitted.style_strengths_
    assert strong < 10 < weak
    assert strong < fitted.shared_strength_ < weak
    rng = np.random.default_rng(4)
    counts = draw(rng, 9, 40, np.array([2.0, 2.0]), np.full((2, 3), 0.7))
    few = HierarchicalProfile(n_categories=2).fit(counts)
    assert set(few.style_strengths_) == {few.shared_strength_}
    own = clone(few).set_params(min_users=2).fit(counts)
    assert len(set(own.style_strengths_)) == 2


@pytest.mark.slow
@given(st.permutations(range(8)), st.permutations(range(60)))
def test_the_order_of_users_does_not_matter(order, background):
    rng = np.random.default_rng(5)
    counts = draw(rng, 68, 30, np.array([1.0, 2.0]), np.full((2, 2), 0.5))
    learnt, users = counts[:60], counts[60:]
    profiles = [
        HierarchicalProfile(n_categories=2).fit(of) for of in (learnt, learnt[list(background)])
    ]
    one, other = (
        of.evidence(users[rows], users[rows]).fusion
        for of, rows in zip(profiles, (list(range(8)), list(order)), strict=True)
    )
    np.testing.assert_allclose(other, one[np.ix_(order, order)], rtol=1e-5, atol=1e-6)


def test_the_score_is_that_of_the_two_levels(fitted, users):
    expected = [
        log_probability([row.sum(axis=1)], fitted.strength_ * fitted.shares_)[0]
        + sum(
            log_probability([row[c]], fitted.style_strengths_[c] * fitted.style_shares_[c])[0]
            for c in range(2)
        )
        for row in users[0].reshape(-1, 2, 3)
    ]
    np.testing.assert_allclose(fitted.score_samples(users[0]), expected)
    assert fitted.score(users[0]) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    ("parameters", "counts", "message"),
    [
        ({"n_categories": 2}, np.ones((3, 5)), "as many columns for each of n_categories=2"),
        ({"n_categories": 0}, np.ones((3, 4)), "n_categories: expected a whole number"),
        ({"n_categories": 2.0}, np.ones((3, 4)), "n_categories: expected a whole number"),
        ({"smoothing": 0}, np.ones((3, 4)), "smoothing: expected a finite number above 0"),
        ({"min_users": 0}, np.ones((3, 4)), "min_users: expected a whole number"),
        ({}, -np.ones((3, 4)), "X: Negative values in data, at row 0"),
        ({}, np.full((3, 4), np.nan), "NaN"),
        ({}, np.ma.masked_less(np.arange(4.0).reshape(2, 2), 1), "NaN"),
    ],
)
def test_what_cannot_be_fitted_is_refused(parameters, counts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        HierarchicalProfile(**parameters).fit(counts)


def test_what_has_no_bits_is_refused(fitted, users):
    with pytest.raises(ValueError, match="test: row 1 has no pin"):
        fitted.bits(users[0][:2], [[1, 0, 0, 0, 0, 0], [0] * 6])
    with pytest.raises(ValueError, match="train and test: 8 and 2 rows do not match"):
        fitted.bits(users[0], users[1][:2])


# --- ranks


def test_ranks_are_those_of_plain_loops():
    scores = np.random.default_rng(0).integers(0, 4, (9, 9)) / 3
    ranks = rank_by_score(scores)
    for user, row in enumerate(scores):
        better = sum(row[other] > row[user] + 1e-6 for other in range(9))
        as_good = sum(row[other] > row[user] - 1e-6 for other in range(9))
        assert (ranks.optimistic[user], ranks.pessimistic[user]) == (better + 1, as_good)
    with pytest.raises(ValueError, match="as many columns as users"):
        rank_by_score(scores[:, :4])
    with pytest.raises(ValueError, match="minimum of 2"):
        rank_by_score([[1.0]])


# --- what is known exactly


def all_sequences(n_cells, n):
    return itertools.product(range(n_cells), repeat=n)


@pytest.mark.slow
def test_expected_bits_are_those_of_all_pins_that_there_could_be():
    alpha, styles = np.array([0.5, 1.5]), np.array([[0.4, 0.8], [2.0, 1.0]])
    profile = HierarchicalProfile(2)
    profile.strength_, profile.shares_ = alpha.sum(), alpha / alpha.sum()
    profile.style_strengths_ = styles.sum(axis=1)
    profile.style_shares_ = styles / profile.style_strengths_[:, None]
    profile.styles_ = profile.cells_ = SimpleNamespace(alpha=np.ones(4), shares=np.full(4, 0.25))
    profile.styles_ = SimpleNamespace(alpha=np.ones(2))
    profile.n_features_in_ = 4
    inter = intra = total = 0.0
    for pins in all_sequences(4, 5):
        counts = np.array([np.bincount(np.array(of, int), minlength=4) for of in (pins[:4], pins)])
        chance = np.exp(profile.score_samples(counts[1:]))[0]
        bits = profile.bits(counts[:1], np.diff(counts, axis=0))
        inter += chance * bits.inter[0]
        intra += chance * bits.intra[0]
        total += chance
    assert total == pytest.approx(1)
    assert expected_bits(alpha, styles, 4) == pytest.approx((inter, intra))


def test_without_a_category_to_choose_styles_are_all_there_is():
    inter, intra = expected_bits([3.0], [[0.5, 0.5]], 4)
    assert inter == pytest.approx(0)
    assert intra == pytest.approx(expected_bits([0.5, 0.5], [[1.0], [1.0]], 4)[0])
    assert expected_bits([1.0, 1.0], [[1.0], [1.0]], 0) == pytest.approx((0, 0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha": [1.0, 0.0]}, "alpha: expected finite"),
        ({"style_alpha": [[1.0, 0.0]] * 2}, "style_alpha: expected finite"),
        ({"style_alpha": [[1.0, 1.0]]}, "expected shapes"),
        ({"n_train": -1}, "n_train: expected a whole number"),
        ({"n_train": 1.0}, "n_train: expected a whole number"),
        ({"alpha": ["a", "b"]}, "alpha: expected numbers"),
        ({"style_alpha": [[], []]}, "style_alpha: expected at least one column"),
    ],
)
def test_what_has_no_expectation_is_refused(changed, message):
    arguments = {"alpha": [1.0, 1.0], "style_alpha": [[1.0, 1.0]] * 2, "n_train": 2}
    with pytest.raises((TypeError, ValueError), match=message):
        expected_bits(**arguments | changed)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 8.0])
def test_bits_of_many_users_are_those_expected(strength):
    rng = np.random.default_rng(6)
    alpha, styles = strength * np.full(3, 1 / 3), strength * np.full((3, 2), 1 / 2)
    profile = HierarchicalProfile(n_categories=3).fit(draw(rng, 2000, 60, alpha, styles))
    tastes = rng.dirichlet(alpha, 2000)
    looks = [rng.dirichlet(of, 2000) for of in styles]
    train, test = (
        np.array(
            [
                np.concatenate(
                    [rng.multinomial(m, looks[c][u]) for c, m in
                     enumerate(rng.multinomial(n, tastes[u]))]
                )
                for u in range(2000)
            ]
        )
        for n in (20, 10)
    )  # fmt: skip
    found, expected = profile.bits(train, test), expected_bits(alpha, styles, 20)
    for own, truth in zip((found.inter, found.intra), expected, strict=True):
        assert own.mean() == pytest.approx(truth, abs=4 * own.std() / np.sqrt(2000))


# --- sessions and the null


def test_a_session_tells_as_much_as_its_effective_number_of_pins():
    users, sessions = np.array(["a"] * 5 + ["b"] * 2), np.array([1, 1, 1, 2, 2, 1, 3])
    for icc in (0.0, 0.3, 1.0):
        weights = session_weights(users, sessions, icc)
        for u, s, n in (("a", 1, 3), ("a", 2, 2), ("b", 1, 1), ("b", 3, 1)):
            own = weights[(users == u) & (sessions == s)]
            assert own.sum() == pytest.approx(n / (1 + (n - 1) * icc))
    for icc in (-0.1, 1.1):
        with pytest.raises(ValueError, match="icc: expected a finite number"):
            session_weights(users, sessions, icc)
    with pytest.raises(ValueError, match="sessions: expected shape"):
        session_weights(users, sessions[:3], 0.5)


@given(st.integers(0, 1000), st.booleans())
def test_a_deal_keeps_categories_and_what_came_together(seed, in_blocks):
    rng = np.random.default_rng(seed)
    categories, styles = rng.integers(0, 3, 40), rng.integers(0, 50, 40)
    blocks = rng.integers(0, 15, 40) if in_blocks else None
    dealt = deal_styles(categories, styles, blocks, seed)
    units = np.arange(40) if blocks is None else blocks
    for category in range(3):
        of = categories == category
        assert sorted(dealt[of]) == sorted(styles[of])
        before, after = (
            sorted(tuple(given[of & (units == unit)]) for unit in np.unique(units[of]))
            for given in (styles, dealt)
        )
        assert before == after
    np.testing.assert_array_equal(dealt, deal_styles(categories, styles, blocks, seed))


def test_each_deal_is_as_likely():
    rng = np.random.default_rng(0)
    deals = [tuple(deal_styles([0, 0, 0], [1, 2, 3], None, rng)) for _ in range(3000)]
    counts = [deals.count(order) for order in itertools.permutations([1, 2, 3])]
    assert stats.chisquare(counts).pvalue > 0.001


def test_deals_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="styles: expected shape"):
        deal_styles([0, 1], [0], None, 0)
    with pytest.raises(ValueError, match="blocks: expected shape"):
        deal_styles([0, 1], [0, 1], [0], 0)
    for seed in (-1, 1.5, "0", None, True):
        with pytest.raises((TypeError, ValueError), match="random_state: expected a whole number"):
            deal_styles([0, 1], [0, 1], None, seed)
