"""Worlds whose truth is known: false positives, levels and power."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from visprof.logodds import log_odds_z
from visprof.shares import share_over_seeds
from visprof.sources.pin_bank import draw_users, pin_bank
from visprof.sources.vectors import simulate_counts
from visprof.steps import error_rates
from visprof.steps.error_rates import (
    LEVEL,
    calibration_numbers,
    calibration_world,
    false_positives,
    null_pvalues,
    power,
)
from visprof.ties import exceeds

ALPHA = 0.01


@pytest.fixture(scope="module")
def bank():
    return pin_bank(3000, random_state=0)  # clustered in seconds


@pytest.fixture(scope="module")
def worlds(bank):
    """Of 50 clusters by two starts of k-means, with a background of 2,000 pins."""
    split = SimpleNamespace(background=range(2000))
    return [calibration_world(bank, split, 50, 0.05, start) for start in (0, 1)]


@pytest.fixture(scope="module")
def world(worlds):
    return worlds[0]


def test_the_background_has_the_size_of_the_studys(world):
    for assignment in ("hard", "soft"):
        assert world.background[assignment].sum() == pytest.approx(2000, rel=1e-5)
    assert set(np.unique(world.assignments["hard"])) == {0, 1}
    assert 0 < world.assignments["soft"].max(axis=1).mean() < 1


def test_clusters_of_the_bank_are_others_at_another_start(worlds):
    one, other = worlds
    assert not np.allclose(one.assignments["soft"], other.assignments["soft"])


@pytest.mark.parametrize("n_starts", [1, 2])
def test_false_positives_equal_plain_loops(bank, worlds, monkeypatch, n_starts):
    """Of two starts, each has its part of the pairs: the first 12, and the other 13."""
    monkeypatch.setattr(error_rates, "RULE_PINS", (40, 300))
    n_pairs, threshold = 25, 1.2
    table = false_positives(bank, worlds[:n_starts], ALPHA, threshold, n_pairs, 3)
    rows, _ = draw_users(bank, 2 * n_pairs, 300, random_state=3)
    for line in table.itertuples():
        called = []
        for i in range(n_pairs):
            world = worlds[0 if n_starts == 1 or i < 12 else 1]
            pins, background = world.assignments[line.assignment], world.background[line.assignment]
            y = [pins[rows[2 * i + j, : line.n_pins]].sum(axis=0, dtype=float) for j in (0, 1)]
            z = log_odds_z(*y, background, line.alpha, line.variance)
            called.append(np.abs(z).max() > threshold)
        assert line.value == line.estimate.value == np.mean(called)
        assert line.prior == pytest.approx(line.alpha * 2000, rel=1e-5)
        parts = [called] if n_starts == 1 else [called[:12], called[12:]]
        assert [own[0] for own in line.estimate.by_seed] == [np.mean(part) for part in parts]
        if n_starts == 1:
            interval = binomtest(int(sum(called)), n_pairs).proportion_ci(method="wilson")
        else:
            both = share_over_seeds(parts)
            interval = both.low, both.high
        assert (line.low, line.high) == pytest.approx(tuple(interval))
    assert len(table) == 2 * 2 * 3 * 2
    assert table["value"].nunique() > 5


@pytest.mark.parametrize(
    ("n_pins", "low", "high"), [(100, 0.004, 0.016), (300, 0.20, 0.24), (1000, 0.88, 0.92)]
)
def test_the_papers_rule_calls_as_many_different_as_others_have_found(n_pins, low, high):
    """Hard assignment, 200 clusters: numbers from an independent computation (as ranges)."""
    y = simulate_counts(4000, n_pins, 200, taste=0).astype(float)
    background = simulate_counts(1, 180_000, 200, taste=0)[0].astype(float)
    z = error_rates._disjoint_max_z(y, background, 10 / 180_000, "two-term")
    share = share_over_seeds([exceeds(z, 2)])
    assert share.low <= high
    assert share.high >= low


def test_null_pvalues_of_few_pairs(bank, worlds):
    by_start = null_pvalues(bank, worlds, ALPHA, "two-term", 40, 21, 49, 0)
    for parts in by_start.values():
        assert [part.shape for part in parts] == [(10,), (11,)]
        assert min(part.min() for part in parts) >= 1 / 50
    p = {name: np.concatenate(parts) for name, parts in by_start.items()}
    counted, ranked = p["hard assignment"], p["hard, ties at random"]
    small = counted <= error_rates.LEVEL  # above it, fewer shuffles are counted than ranked
    assert np.all(ranked[small] <= counted[small])
    assert np.median(p["sessions, pins shuffled"]) < 0.1


def test_fewer_pairs_than_starts_leave_starts_without_any(bank, worlds):
    p = null_pvalues(bank, worlds * 2, ALPHA, "two-term", 20, 2, 9, 0)
    assert all([part.shape for part in parts] == [(1,), (1,)] for parts in p.values())
    table = false_positives(bank, worlds * 2, ALPHA, 2.0, 1, 0)
    assert all(len(estimate.by_seed) == 1 for estimate in table["estimate"])


def test_calibration_numbers_are_the_rates_of_the_rule_and_of_the_tests(bank, worlds, monkeypatch):
    monkeypatch.setattr(error_rates, "RULE_PINS", (40,))
    table = false_positives(bank, worlds, ALPHA, 1.2, 25, 3)
    p = null_pvalues(bank, worlds, ALPHA, "two-term", 40, 25, 49, 0)
    numbers = calibration_numbers(table, p, ALPHA, "two-term", 25)
    ours = table[np.isclose(table["alpha"], ALPHA) & (table["variance"] == "two-term")]
    expected = {
        f"null.rule.{a}.40": rate for a, rate in zip(ours["assignment"], ours["value"], strict=True)
    }
    keys = {
        "soft assignment": "soft-assignment", "hard assignment": "hard-assignment",
        "hard, ties at random": "hard-ties-at-random",
        "sessions, shuffled whole": "sessions-shuffled-whole",
        "sessions, pins shuffled": "sessions-pins-shuffled",
    }  # fmt: skip
    for name, key in keys.items():
        expected[f"null.test.{key}"] = np.mean(np.concatenate(p[name]) <= LEVEL)
    assert {key: number.value for key, number in numbers.items()} == pytest.approx(expected)
    for number in numbers.values():
        assert (number.n, number.unit, len(number.by_seed)) == (25, "simulated pairs", 2)


@pytest.mark.slow
@pytest.mark.parametrize("variance", ["two-term", "four-term"])
def test_the_permutation_test_holds_its_level(bank, worlds, variance):
    by_start = null_pvalues(bank, worlds, ALPHA, variance, 100, 2500, 199, 1)
    p = {name: np.concatenate(parts) for name, parts in by_start.items()}
    for name in ("soft assignment", "hard, ties at random", "sessions, shuffled whole"):
        for level in (LEVEL, 0.2):
            n_reached = int(np.sum(p[name] <= level))
            low, high = binomtest(n_reached, 2500).proportion_ci(0.99, method="wilson")
            assert low <= level <= high, name
        share = share_over_seeds([part <= LEVEL for part in by_start[name]])
        assert share.low <= LEVEL <= share.high, name
    assert np.mean(p["hard assignment"] <= LEVEL) < LEVEL
    assert np.mean(p["sessions, pins shuffled"] <= LEVEL) > 0.5  # the wrong null


@pytest.mark.slow
def test_power_rises_to_one_with_pins_and_taste(bank, worlds):
    table = power(bank, worlds, ALPHA, "two-term", 2.0, 150, 199, 0)
    share = table[table["rule"] == "pins"].pivot(index="taste", columns="n_pins", values="value")
    noise = 0.08
    assert np.all(np.diff(share.loc[0.5:], axis=1) > -noise)
    assert np.all(np.diff(share, axis=0) > -noise)
    assert share.loc[2.0, 300] > 0.98
    assert share.loc[2.0, 10] < 0.9
    null = table[(table["rule"] != "Z") & (table["taste"] == 0)]
    assert np.all(null["low"] <= 0.07)
    of_sessions = table[table["rule"] == "sessions"].set_index(["taste", "n_pins"])["value"]
    assert of_sessions[2.0, 30] < of_sessions[2.0, 300] < share.loc[2.0, 300]
