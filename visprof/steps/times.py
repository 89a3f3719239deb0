"""Steps: what the MRR owes to when pins were added: recency, days, and sessions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from visprof import boards
from visprof.held_sessions import HeldSessions
from visprof.intervals import Estimate, mean_over_seeds
from visprof.rank_scores import random_mrr
from visprof.steps.data import BoardSplit
from visprof.steps.profile_kinds import PROFILES, drawn_pins, rank_profiles, split_profiles
from visprof.steps.registry import step, variant
from visprof.steps.user_ranking import by_user, mrr_columns, slug, with_most_pins
from visprof.ties import TIE

__all__ = [
    "FEWEST_DAYS", "FEWEST_SESSIONS", "days_numbers", "mrr_by_days", "no_session_ranks", "recency",
    "recency_numbers", "recency_ranks", "session_deals", "session_numbers", "session_ranks",
]  # fmt: skip

FEWEST_DAYS = 8  # of a board whose pins were added over time
FEWEST_SESSIONS = 3  # of a user of whom one is held out
N_DEALS = 99  # of sessions among users
CHOSEN = ("image", "mean embedding")  # profiles of which recency is asked
HELD_OUT = ("image", "mean embedding", "whitened", "within-class residual", "file facts")


# --- recency: does the MRR grow with pins, or with how late they are?


@step
def recency_ranks(
    plain_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    n_repeats: int,
    seed: int,
) -> dict[tuple[str, str, int], np.ndarray]:
    """Reciprocal ranks of users by which training pins, profile and their number.

    The training pins of the largest size are the pool; of it a profile takes the first, the last,
    or random ones (the mean of some draws).
    """
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    pool, last = boards.split_pins(sample, max(train_sizes), n_test)
    parts = {part: plain_parts[part] for name in CHOSEN for part in PROFILES[name].parts}
    numbers: dict[bytes, int] = {}  # of masks: the whole pool is chosen more than once
    masks: dict[int, np.ndarray] = {}
    chosen: list[tuple[str, int, int]] = []
    for n_train in train_sizes:
        for which, mask in _chosen(pool, sample["board"], n_train, max(1, n_repeats), seed):
            number = numbers.setdefault(mask.tobytes(), len(numbers))
            masks[number] = mask
            chosen.append((which, n_train, number))
    profiles = split_profiles(parts, sample, masks, last)
    ranks = {
        (name, number): 1 / rank_profiles(profiles, name, number, distance).middle
        for name in CHOSEN
        for number in masks
    }
    found: dict[tuple[str, str, int], list[np.ndarray]] = {}
    for which, n_train, number in chosen:
        for name in CHOSEN:
            found.setdefault((which, name, n_train), []).append(ranks[name, number])
    return {key: np.mean(of, axis=0) for key, of in found.items()}


def _chosen(
    pool: np.ndarray, of_board: pd.Series, n: int, n_repeats: int, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Masks of `n` pins of each board's pool: its first, its last, and random ones."""
    place = np.arange(len(pool))
    yield "first", _least(place, pool, of_board, n)
    yield "last", _least(-place, pool, of_board, n)
    for repeat in range(n_repeats):
        order = np.random.default_rng(seed + repeat).random(len(pool))
        yield "random", _least(order, pool, of_board, n)


def _least(order: np.ndarray, pool: np.ndarray, of_board: pd.Series, n: int) -> np.ndarray:
    """The `n` pins of each board's pool that come first in an order."""
    places = pd.Series(np.where(pool, order, np.inf)).groupby(of_board.to_numpy())
    return (places.rank(method="first") <= n).to_numpy()


@step
def recency(
    every_recency_ranks: list[dict[tuple[str, str, int], np.ndarray]], seed: int
) -> pd.DataFrame:
    """MRR by first, last and random training pins: columns pins, profile, n_train, value, ..."""
    keys = list(every_recency_ranks[0])
    ranks = [np.column_stack([of[key] for key in keys]) for of in every_recency_ranks]
    columns = ["pins", "profile", "n_train"]
    return pd.DataFrame(keys, columns=columns).assign(**mrr_columns(ranks, seed))


@step
def recency_numbers(
    every_recency_ranks: list[dict[tuple[str, str, int], np.ndarray]],
    recency: pd.DataFrame,
    train_sizes: tuple[int, ...],
    seed: int,
) -> dict[str, Estimate]:
    """MRR by which pins, profile and number: keys such as ``recency.last.image.10``.

    At the fewest pins also ``recency.last-first.image.10``, what late pins are worth, and
    ``recency.growth.image``: what all pins have more than random ones of that number. Both are
    paired by user.
    """
    numbers = {
        f"recency.{row.pins}.{slug(row.profile)}.{row.n_train}": row.estimate
        for row in recency.itertuples()
    }
    least, most = min(train_sizes), max(train_sizes)
    for name in CHOSEN:
        late, growth = (
            mean_over_seeds(
                [(of[a] - of[b])[:, None] for of in every_recency_ranks], "users", random_state=seed
            )[0]
            for a, b in (
                (("last", name, least), ("first", name, least)),
                (("first", name, most), ("random", name, least)),
            )
        )
        numbers[f"recency.last-first.{slug(name)}.{least}"] = late
        numbers[f"recency.growth.{slug(name)}"] = growth
    return numbers


# --- days: boards whose pins were added over time, and the others


@step
def mrr_by_days(
    every_reciprocal_ranks: list[pd.DataFrame], board_split: BoardSplit, seed: int
) -> pd.DataFrame:
    """MRR of users whose boards have pins of many days, and of the others, at the most pins.

    Every user is ranked among all. Columns days ("at least 8", "fewer"), n_users, profile, value,
    low, high, estimate; no rows where no board has pins of so many days (UTC).
    """
    pins = board_split.analysed
    n_days = pins.groupby("board")["time"].agg(lambda times: times.dt.floor("D").nunique())
    keys, ranks = by_user(with_most_pins(every_reciprocal_ranks), "reciprocal_rank")
    many = (n_days.sort_index() >= FEWEST_DAYS).to_numpy()
    tables = [
        pd.DataFrame(
            {"days": days, "n_users": int(of.sum()), "profile": [name for name, _ in keys],
             **mrr_columns(ranks[:, of], seed)}
        )
        for days, of in ((f"at least {FEWEST_DAYS}", many), ("fewer", ~many))
        if many.any() and of.any()
    ]  # fmt: skip
    columns = ["days", "n_users", "profile", "value", "low", "high", "estimate"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


@step
def days_numbers(mrr_by_days: pd.DataFrame) -> dict[str, Estimate]:
    """MRR by days and profile: keys such as ``days.at-least-8.image``."""
    return {
        f"days.{slug(row.days)}.{slug(row.profile)}": row.estimate
        for row in mrr_by_days.itertuples()
    }


# --- sessions: each held out in turn


def _held_sessions(
    pin_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    distance: str,
) -> dict[str, HeldSessions]:
    """Sessions by profile; none where there are none, or too few for two users."""
    if pin_sessions is None:
        return {}
    users = board_split.analysed["board"].to_numpy()
    held = {}
    for name in HELD_OUT:
        (part,) = PROFILES[name].parts
        if part in pin_parts:
            by = PROFILES[name].usual(distance)
            held[name] = HeldSessions(pin_parts[part], users, pin_sessions, FEWEST_SESSIONS, by)
    return {name: of for name, of in held.items() if of.eligible.sum() > 1}


@step
def session_ranks(
    pin_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    distance: str,
) -> dict[str, np.ndarray]:
    """Reciprocal ranks of users by profile, means over their sessions, each held out in turn.

    A session's profile is set against its user's other pins, and all pins of each other user. Users
    of fewer than three sessions are only ranked among.
    """
    held = _held_sessions(pin_parts, board_split, pin_sessions, distance)
    return {name: of.reciprocal_ranks() for name, of in held.items()}


@variant("session_ranks", data="", session_length=1.0)
def no_session_ranks() -> dict[str, np.ndarray]:
    """Pins of the simulated world are in no sessions."""
    return {}


@step
def session_deals(
    pin_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    distance: str,
    seed: int,
) -> dict[str, np.ndarray]:
    """MRR by profile where whole sessions are dealt among users, of the first start, (n_deals,)."""
    held = _held_sessions(pin_parts, board_split, pin_sessions, distance)
    return {name: of.dealt(N_DEALS, seed) for name, of in held.items()}


@step
def session_numbers(
    every_session_ranks: list[dict[str, np.ndarray]],
    session_deals: dict[str, np.ndarray],
    board_split: BoardSplit,
    seed: int,
) -> dict[str, Estimate]:
    """MRR of held-out sessions, over users: keys such as ``sessions.image``.

    ``sessions.image.dealt`` is the mean where sessions are dealt among users, and
    ``sessions.image.p`` the share of deals, the observed one among them, that reach the MRR of the
    first seed; ``sessions.random`` is the exact value of a random ranking. Empty where too few
    users have three sessions.
    """
    if not session_deals:
        return {}
    n_users = board_split.analysed["board"].nunique()
    numbers = {"sessions.random": Estimate(random_mrr(n_users), n=n_users, unit="users")}
    names = list(session_deals)
    ranks = [np.column_stack([of[name] for name in names]) for of in every_session_ranks]
    for name, estimate in zip(names, mrr_columns(ranks, seed)["estimate"], strict=True):
        dealt, observed = session_deals[name], every_session_ranks[0][name].mean()
        p = (1 + (dealt >= observed * (1 - TIE)).sum()) / (1 + len(dealt))
        key, n = f"sessions.{slug(name)}", estimate.n
        numbers[key] = estimate
        numbers[f"{key}.dealt"] = Estimate(float(dealt.mean()), n=n, unit="users")
        numbers[f"{key}.p"] = Estimate(float(p), n=n, unit="users")
    return numbers
