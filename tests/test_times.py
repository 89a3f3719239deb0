"""Steps: what the MRR owes to when pins were added."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import SPLIT, pin_parts_of, profiles_of, random_parts, split_of, table

from visprof import boards
from visprof.intervals import mean_over_seeds
from visprof.prediction import reciprocal_ranks
from visprof.steps import times
from visprof.steps.data import BoardSplit
from visprof.steps.user_ranking import reciprocal_ranks as ranks_of


@pytest.fixture
def parts():
    return random_parts()


def recency_of(parts, n_repeats=2, **changes):
    split = {**SPLIT, "seed": 3, "distance": "euclidean", **changes}
    return times.recency_ranks(
        pin_parts_of(parts), parts["board_split"], n_repeats=n_repeats, **split
    )


def test_first_and_last_training_pins_are_ranked_as_plain_loops_do(parts):
    found = recency_of(parts)
    rows = boards.sample_pins(parts["board_split"].analysed, 10, random_state=3).reshape(-1, 10)
    for name, part in (("image", "assignments"), ("mean embedding", "pin_embedding")):
        pins = parts[part].analysed
        test = [pins[of[-4:]].mean(axis=0) for of in rows]
        for which, n_train, taken in (
            ("first", 3, slice(0, 3)), ("last", 3, slice(3, 6)), ("random", 6, slice(0, 6)),
            ("first", 6, slice(0, 6)), ("last", 6, slice(0, 6)),
        ):  # fmt: skip
            train = [pins[of[taken]].mean(axis=0) for of in rows]
            np.testing.assert_allclose(found[which, name, n_train], reciprocal_ranks(train, test))


def test_random_training_pins_are_so_many_of_each_boards_pool():
    pool = np.tile([True] * 6 + [False] * 4, 7)
    of_board = pd.Series(np.repeat(np.arange(7), 10))
    masks = [mask for which, mask in times._chosen(pool, of_board, 3, 30, 0) if which == "random"]
    assert len(masks) == 30
    for mask in masks:
        assert not (mask & ~pool).any()
        assert (pd.Series(mask).groupby(of_board).sum() == 3).all()
    share = np.mean(masks, axis=0)[pool]
    assert abs(share.mean() - 0.5) < 1e-12
    assert share.min() > 0.2  # none is favoured
    assert share.max() < 0.8


def test_numbers_of_recency_are_differences_paired_by_user(parts):
    seeds = [recency_of(parts, seed=seed) for seed in (3, 4)]
    table = times.recency(seeds, seed=0)
    numbers = times.recency_numbers(seeds, table, (3, 6), seed=0)
    assert numbers["recency.last.image.3"].value == pytest.approx(
        np.mean([of["last", "image", 3] for of in seeds])
    )
    for key, a, b in (
        ("recency.last-first.image.3", ("last", "image", 3), ("first", "image", 3)),
        ("recency.growth.image", ("first", "image", 6), ("random", "image", 3)),
    ):
        apart = np.stack([of[a] - of[b] for of in seeds])[..., None]
        assert numbers[key] == mean_over_seeds(apart, "users", random_state=0)[0]


def by_days(n_days):
    """Seven users' ranks, and pins on so many days each."""
    of_boards = [np.arange(12) % n for n in n_days]
    pins = pd.concat([
        table(1, 12, np.sort(days) * 24).assign(board=f"user-{i:02d}")
        for i, days in enumerate(of_boards)
    ])  # fmt: skip
    parts = random_parts()
    ranks = ranks_of(profiles_of(parts), (3, 6), "euclidean")
    return ranks, times.mrr_by_days([ranks], split_of(pins), seed=0)


def test_boards_of_many_days_are_set_apart_from_the_others():
    ranks, found = by_days([1, 8, 2, 12, 7, 9, 3])
    image = found[found["profile"] == "image"].set_index("days")
    assert image.index.tolist() == ["at least 8", "fewer"]
    assert image["n_users"].tolist() == [3, 4]
    rows = ranks[(ranks["profile"] == "image") & (ranks["n_train"] == 6)].set_index("user")
    rr = rows["reciprocal_rank"]
    many = ["user-01", "user-03", "user-05"]
    assert image.loc["at least 8", "value"] == pytest.approx(rr[many].mean())
    assert image.loc["fewer", "value"] == pytest.approx(rr.drop(many).mean())
    numbers = times.days_numbers(found)
    assert numbers["days.at-least-8.image"] == image.loc["at least 8", "estimate"]


def test_where_no_board_has_so_many_days_there_is_nothing():
    _, found = by_days([1, 7, 2, 3, 7, 7, 3])
    assert found.empty
    assert times.days_numbers(found) == {}
    _, all_many = by_days([8] * 7)
    assert all_many["days"].unique().tolist() == ["at least 8"]


def session_study(taste, seed=0, n_users=8, n_sessions=4):
    """Users with sessions of two pins each, and what steps know of them."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), 2 * n_sessions)
    own = taste * np.eye(n_users)[users]
    embedded = own + rng.normal(size=(len(users), n_users))
    split = BoardSplit(
        pd.DataFrame(), pd.DataFrame({"board": [f"u{i}" for i in users]}), pd.DataFrame()
    )
    days = np.repeat(np.arange(len(users) // 2), 2)
    return {"image": np.exp(embedded), "embedding": embedded}, split, days


def session_numbers_of(parts, split, days):
    ranks = times.session_ranks(parts, split, days, "euclidean")
    deals = times.session_deals(parts, split, days, "euclidean", seed=0)
    return times.session_numbers([ranks, ranks], deals, split, seed=0)


def test_sessions_of_users_with_a_taste_are_found_and_of_others_not():
    numbers = session_numbers_of(*session_study(5.0))
    assert numbers["sessions.random"].value == pytest.approx(np.mean(1 / np.arange(1, 9)))
    assert "sessions.whitened" not in numbers  # it is no part here
    for name in ("image", "mean-embedding"):
        assert numbers[f"sessions.{name}.p"].value == 1 / (1 + times.N_DEALS)
        assert numbers[f"sessions.{name}"].low > numbers[f"sessions.{name}.dealt"].value
    nobody = session_numbers_of(*session_study(0.0))
    assert nobody["sessions.mean-embedding.p"].value > 0.05
    assert abs(nobody["sessions.image.dealt"].value - nobody["sessions.random"].value) < 0.1


def test_without_sessions_or_with_too_few_there_is_nothing():
    parts, split, days = session_study(1.0)
    assert session_numbers_of(parts, split, None) == {}
    assert session_numbers_of(parts, split, days // 2) == {}  # two sessions each
