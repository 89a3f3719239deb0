"""Steps of the share of users in the variance of pins."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from visprof.steps.data import PinArrays
from visprof.steps.user_variance import (
    fixed_variance,
    variance_by_seed,
    variance_numbers,
    variance_pvalue,
    variance_table,
)
from visprof.variation import variance_shares

USERS = np.repeat(list("abcd"), 12)
SESSIONS = np.repeat(np.arange(16), 3)
SPLIT = SimpleNamespace(analysed=pd.DataFrame({"board": USERS}))


@pytest.fixture
def every_parts():
    rng = np.random.default_rng(0)
    tastes = np.repeat(rng.normal(size=(4, 2)), 12, axis=0)
    return [
        {"image": tastes + rng.normal(size=(48, 2)), "labels": rng.normal(size=(48, 3)),
         "no profile": rng.normal(size=(48, 3))}
        for _ in range(3)
    ]  # fmt: skip


def test_shares_are_means_over_seeds_by_profile(every_parts):
    by_seed = [variance_by_seed(parts, {}, SPLIT, SESSIONS) for parts in every_parts]
    table = variance_table(by_seed)
    assert table["profile"].unique().tolist() == ["image", "label histogram"]
    alone = [variance_shares(parts["image"], USERS, SESSIONS).user for parts in every_parts]
    user = table[(table["profile"] == "image") & (table["share"] == "user")].iloc[0]
    assert user["value"] == pytest.approx(np.mean(alone))
    assert [value for value, *_ in user["estimate"].by_seed] == pytest.approx(alone)
    assert user["estimate"].sd_seeds == pytest.approx(np.std(alone, ddof=1) / np.sqrt(3))
    assert user["low"] < user["value"] < user["high"]
    numbers = variance_numbers(table, 0.01)
    assert numbers["variance.label-histogram.user"].n == 4
    assert (numbers["variance.image.user.p"].value, numbers["variance.image.user.p"].n) == (0.01, 4)


def test_parts_that_are_the_same_for_all_seeds_are_looked_at_once(every_parts):
    parts = every_parts[0]
    fixed = fixed_variance({"labels": parts["labels"]}, SPLIT, SESSIONS)
    found = variance_by_seed(parts, fixed, SPLIT, SESSIONS)
    assert found["labels"] is fixed["labels"]
    assert list(found) == list(parts)
    alone = variance_by_seed(parts, {}, SPLIT, SESSIONS)
    assert [of.user for of in found.values()] == [of.user for of in alone.values()]


def test_where_there_are_no_sessions_each_pin_is_one(every_parts):
    table = variance_table([variance_by_seed(parts, {}, SPLIT, None) for parts in every_parts])
    assert table["share"].unique().tolist() == ["user"]  # no two pins are of one session


def test_too_few_users_with_two_effective_sessions_have_no_shares(every_parts):
    few = np.where(np.isin(USERS, ["a", "b"]), SESSIONS, 99)
    by_seed = [variance_by_seed(parts, {}, SPLIT, few) for parts in every_parts]
    assert by_seed == [{}, {}, {}]
    table = variance_table(by_seed)
    assert table.empty
    words = [PinArrays(np.ones((1, 2)), np.abs(parts["image"])) for parts in every_parts]
    assert variance_pvalue(words, SPLIT, few, 99, 0) is None
    assert variance_numbers(table, None) == {}


def test_users_who_differ_are_found_by_the_test(every_parts):
    words = [PinArrays(np.ones((1, 2)), np.exp(parts["image"])) for parts in every_parts]
    assert variance_pvalue(words, SPLIT, SESSIONS, 99, 0) <= 0.05
    assert variance_pvalue(words, SPLIT, None, 99, 0) <= 0.05
