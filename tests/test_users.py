"""Values of users beside a ledger, and differences of two runs user by user."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.results.users import (
    NotPairedError,
    paired_differences,
    read_users,
    user_scores,
    users_file,
    write_users,
)


def values_of(ranks, users=None, held_out="same", profile="image", n_train=50):
    """A table of values, of ranks by seed and user."""
    ranks = np.asarray(ranks, float)
    n_seeds, n = ranks.shape
    users = [f"user {k}" for k in range(n)] if users is None else users
    return pd.DataFrame(
        {
            "profile": profile,
            "n_train": n_train,
            "seed": np.repeat(np.arange(1, n_seeds + 1), n),
            "user": users * n_seeds,
            "held_out": held_out,
            "rank": ranks.ravel(),
            "reciprocal_rank": 1 / ranks.ravel(),
        }
    )


@pytest.fixture
def two_runs():
    rng = np.random.default_rng(5)
    return tuple(rng.integers(1, 9, (3, 8)).astype(float) for _ in range(2))


def test_what_is_written_is_read(tmp_path):
    ledger = tmp_path / "run" / "numbers.json"
    assert read_users(ledger) is None
    table = values_of([[1, 2.5]])
    write_users(table, ledger)
    assert [file.name for file in ledger.parent.iterdir()] == ["users.parquet"]
    pd.testing.assert_frame_equal(read_users(ledger), table)


def test_a_file_that_was_cut_is_named(tmp_path):
    ledger = tmp_path / "demo.json"
    write_users(values_of([[1, 2]]), ledger)
    file = users_file(ledger)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"demo\.users\.parquet cannot be read .* make it anew"):
        read_users(ledger)


def test_the_ledger_of_a_page_has_its_users_beside_it():
    assert users_file("book/06.ledger.json").name == "06.users.parquet"


def test_scores_are_by_seed_and_user_in_any_order_of_rows():
    table = pd.concat(
        [values_of([[1, 4], [2, 5]]), values_of([[9, 9], [9, 9]], profile="text")]
    ).sample(frac=1, random_state=1)
    assert user_scores(table, "mrr.image.50").tolist() == [[1, 0.25], [0.5, 0.2]]
    assert user_scores(table, "recall@4.image.50").tolist() == [[1, 1], [1, 0]]
    for other in ("mrr.image.10", "mrr.palette.50", "mrr.image.50.pessimistic", "map.cnn"):
        assert user_scores(table, other) is None


def test_paired_intervals_equal_a_computation_by_hand(two_runs):
    """Loops over draws of users and of seeds, as the definition has it (Owen 2007)."""
    a, b = two_runs
    keys = ["mrr.image.50", "map.cnn", "recall@2.image.50"]
    found = paired_differences(values_of(a), values_of(b), keys, random_state=7)
    assert list(found) == ["mrr.image.50", "recall@2.image.50"]
    for key, score in (("mrr.image.50", lambda r: 1 / r), ("recall@2.image.50", lambda r: r <= 2)):
        differences = score(b).astype(float) - score(a).astype(float)
        n_seeds, n = differences.shape
        users = np.random.default_rng(7).multinomial(n, np.full(n, 1 / n), size=2000)
        seeds = np.random.default_rng([7, n_seeds]).multinomial(
            n_seeds, np.full(n_seeds, 1 / n_seeds), size=2000
        )
        by_seed, means = [], []
        for draw in range(2000):
            row = []
            for of_seed in differences:
                total = 0.0
                for user in range(n):
                    total += users[draw, user] * of_seed[user]
                row.append(total / n)
            by_seed.append(row)
        for row, times in zip(by_seed, seeds, strict=True):
            stretched = [1 + (t - 1) * np.sqrt(n_seeds / (n_seeds - 1)) for t in times]
            means.append(sum(w * m for w, m in zip(stretched, row, strict=True)) / n_seeds)
        low, high = np.quantile(np.clip(means, np.min(by_seed), np.max(by_seed)), [0.025, 0.975])
        value = sum(of.mean() for of in differences) / n_seeds
        estimate = found[key]
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high))
        assert (estimate.n, estimate.unit) == (8, "users")


@given(st.randoms(use_true_random=False))
def test_the_order_of_users_changes_nothing(random):
    ranks = np.array([[1.0, 2, 3, 4, 5]]), np.array([[2.0, 1, 4, 3, 5]])
    order = random.sample(range(5), 5)
    plain = paired_differences(*map(values_of, ranks), ["mrr.image.50"])
    shuffled = [values_of(of).iloc[order] for of in ranks]
    assert paired_differences(*shuffled, ["mrr.image.50"]) == plain


def test_a_run_less_itself_is_nothing(two_runs):
    table = values_of(two_runs[0])
    (difference,) = paired_differences(table, table, ["mrr.image.50"]).values()
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (None, "no values of users are kept"),
        (values_of([[1, 2]]), "other users: 2 against 3, 2 in both"),
        (values_of([[1, 2, 3]], ["user 0", "user 1", "ann"]), "3 against 3, 2 in both"),
        (values_of([[1, 2, 3]], held_out=["same", "b", "c"]), "held-out pins, of 2 of 3 users"),
        (values_of([[1, 2, 3]] * 2), "2 seeds against 1"),
    ],
)
def test_why_users_are_not_paired(other, message):
    with pytest.raises(NotPairedError, match=message):
        paired_differences(values_of([[1, 2, 3]]), other, ["mrr.image.50"])
