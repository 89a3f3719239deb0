"""Steps: is a user's taste one over the life of their board, and does it find single pictures?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from visprof import boards
from visprof._lazy import lazily
from visprof.held_out import session_halves
from visprof.intervals import Estimate, mean_over_seeds
from visprof.rank_scores import random_mrr
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.profile_kinds import PROFILES, drawn_pins, mean_profiles, split_profiles
from visprof.steps.registry import step, variant
from visprof.steps.times import FEWEST_DAYS
from visprof.steps.user_ranking import mrr_columns, slug

with lazily():
    from visprof import prediction

__all__ = [
    "HALVES", "MATCHED", "half_numbers", "half_ranks", "no_half_ranks", "preference",
    "preference_numbers",
]  # fmt: skip

ASKED = ("image", "mean embedding", "whitened", "file facts")
HALVES = ("pins", "sessions", "time")  # two halves of a user's pins: see `half_ranks`
MATCHED = ("any", "month", "facts")  # others' pictures that one is compared with


@step
def half_ranks(
    plain_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    distance: str,
    n_repeats: int,
    seed: int,
) -> dict[tuple[str, str], np.ndarray]:
    """Reciprocal ranks by one half of a user's pins among the other halves, by halves and profile.

    Of users of many sessions. "pins" are halved at random, "sessions" are kept whole and halved at
    random, and "time" sets the first sessions against the last ones: what the first have more than
    the second is owed to sessions, and what these have more than the third to drift. Means over
    random halves, and over which half is ranked by which.
    """
    pins = board_split.analysed.reset_index(drop=True)
    if pin_sessions is None:
        return {}
    n_sessions = pd.Series(pin_sessions).groupby(pins["board"]).nunique()
    many = n_sessions.index[n_sessions >= FEWEST_DAYS]
    if len(many) < 2:
        return {}
    pins = pins[pins["board"].isin(many)]
    rows, users = pins.index.to_numpy(), pins["board"].to_numpy()
    sessions = pin_sessions[rows]
    parts = {
        name: plain_parts[part][rows]
        for name in ASKED
        for part in PROFILES[name].parts
        if part in plain_parts
    }
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for repeat in range(max(1, n_repeats)):
        rng = np.random.default_rng([seed, repeat])
        drawn = rng.random(len(rows))
        each = np.unique(sessions, return_inverse=True)[1]
        masks = {
            "pins": session_halves(users, np.arange(len(rows)), drawn),
            "sessions": session_halves(users, sessions, rng.random(each.max() + 1)[each]),
            "time": session_halves(users, sessions, pins["time"].to_numpy()),
        }
        for halves, mask in masks.items():
            for name, features in parts.items():
                one, other = (mean_profiles(features[of], users[of]) for of in (mask, ~mask))
                by = PROFILES[name].usual(distance)
                for pair in ((one, other), (other, one)):
                    ranks = prediction.rank_users(*pair, by).middle
                    found.setdefault((halves, name), []).append(1 / ranks)
    return {key: np.mean(ranks, axis=0) for key, ranks in found.items()}


@step
def half_numbers(
    every_half_ranks: list[dict[tuple[str, str], np.ndarray]], seed: int
) -> dict[str, Estimate]:
    """MRR by halves and profile: keys such as ``halves.sessions.image``.

    ``halves.pins-sessions.image`` is what sessions cost, and ``halves.sessions-time.image`` what
    drift does, both paired by user. Empty where too few users have sessions enough.
    """
    keys = list(every_half_ranks[0])
    if not keys:
        return {}
    n_users = len(every_half_ranks[0][keys[0]])
    numbers = {"halves.random": Estimate(random_mrr(n_users), n=n_users, unit="users")}
    ranks = [np.column_stack([of[key] for key in keys]) for of in every_half_ranks]
    for (halves, name), estimate in zip(keys, mrr_columns(ranks, seed)["estimate"], strict=True):
        numbers[f"halves.{halves}.{slug(name)}"] = estimate
    for name in dict.fromkeys(name for _, name in keys):
        for more, less in pairwise(HALVES):
            lost = [(of[more, name] - of[less, name])[:, None] for of in every_half_ranks]
            (cost,) = mean_over_seeds(lost, "users", random_state=seed)
            numbers[f"halves.{more}-{less}.{slug(name)}"] = cost
    return numbers


@variant("half_ranks", data="", session_length=1.0)
def no_half_ranks() -> dict[tuple[str, str], np.ndarray]:
    """Pins of the simulated world are in no sessions."""
    return {}


@step
def preference(
    plain_parts: dict[str, np.ndarray],
    file_facts: PinArrays | None,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> dict[tuple[str, str], np.ndarray]:
    """Chance that a held-out picture is nearer to its user's profile than another user's picture.

    By others' pictures that it is compared with, and profile; of each user, NaN where there are no
    such pictures. "any" are all held-out ones, "month" those of the same month, "facts" those whose
    files agree in every fact to half of its spread over the background.
    """
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    first, last = boards.split_pins(sample, most := max(train_sizes), n_test)
    held = sample[last]
    users, rows = held["board"].to_numpy(), held.index.to_numpy()
    parts = {
        part: plain_parts[part]
        for name in ASKED
        for part in PROFILES[name].parts
        if part in plain_parts
    }
    profiles = split_profiles(parts, sample, {most: first}, last)
    pictures = {part: values[rows] for part, values in parts.items()}
    strata = {"any": None, "month": held["time"].dt.strftime("%Y-%m").to_numpy()}
    if file_facts is not None:
        rounded = np.round(file_facts.analysed[rows])
        strata["facts"] = np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
    return {
        (matched, name): prediction.preference_auc(
            profiles.train[part, most],
            pictures[part],
            users,
            of,
            PROFILES[name].usual(distance),
        )
        for matched, of in strata.items()
        for name in ASKED
        for part in PROFILES[name].parts
        if part in parts
    }


@step
def preference_numbers(
    every_preference: list[dict[tuple[str, str], np.ndarray]], seed: int
) -> dict[str, Estimate]:
    """AUC of held-out pictures, means over users: keys such as ``preference.month.image``.

    Left out where fewer than two users have pictures to compare.
    """
    numbers = {}
    for key in every_preference[0]:
        compared = np.isfinite(every_preference[0][key])
        if compared.sum() > 1:
            found = [of[key][compared, None] for of in every_preference]
            (estimate,) = mean_over_seeds(found, "users", random_state=seed)
            numbers[f"preference.{key[0]}.{slug(key[1])}"] = estimate
    return numbers
