"""Steps: how much of the MRR is the same picture on both sides of the split?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import boards, duplicates
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, Pins
from visprof.steps.profile_kinds import drawn_pins, rank_profiles, split_profiles
from visprof.steps.registry import step
from visprof.steps.user_ranking import mrr_columns, slug

__all__ = [
    "Leakage", "LeakageSamples", "PinSet", "leakage", "leakage_numbers", "leakage_ranks",
    "leakage_samples",
]  # fmt: skip

LEAST_USERS = 0.9  # share of users that a comparison without near-duplicates should keep

COMPARED_PARTS = ("image", "embedding", "facts")  # of the profiles that are compared

REMOVED = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Leakage:
    """MRR with and without near-duplicates, always for the same users and numbers of pins.

    `by_rule` has the columns rule, pins_left, leaked, profile, value, low, high, estimate;
    `by_share` has removed (share of the near-duplicates) in place of rule. Leaked is the share of
    test pins with a near-duplicate among the same user's training pins.
    """

    by_rule: pd.DataFrame
    by_share: pd.DataFrame
    n_users: int
    n_boards: int
    n_train: int
    n_test: int


@dataclass(frozen=True)
class PinSet:
    """Pins that are left, samples of them, and the leaked share of their test pins.

    Each sample has the boards, with rows among the analysed pins as their index, and masks of the
    pins to learn from and to find.
    """

    n_pins: int
    leaked: float
    samples: list[tuple[pd.DataFrame, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class LeakageSamples:
    """Sets of pins, and which of them stands for a rule and for a share of near-duplicates removed.

    Equal sets are there once.
    """

    sets: list[PinSet]
    by_rule: dict[str, int]
    by_share: dict[float, int]
    n_users: int
    n_boards: int
    n_train: int
    n_test: int


@step
def leakage_samples(
    board_split: BoardSplit,
    pins: Pins,
    near_duplicates: np.ndarray,
    n_pins: int,
    n_test: int,
    n_repeats: int,
    seed: int,
) -> LeakageSamples:
    """Samples of pins without near-duplicates, and with more and more of them removed.

    Of near-duplicates the earliest pin stays (`visprof.duplicates.drop_duplicates`). So many pins
    are sampled that nine in ten users have them when all near-duplicates are gone; the others are
    left out of every set. Of each set there are `n_repeats` samples.
    """
    analysed = board_split.analysed.reset_index(drop=True)
    # boards are kept whole and in order, so their pins are those of the same boards among all
    clusters = near_duplicates[pins.readable["board"].isin(analysed["board"].unique()).to_numpy()]
    rules = {
        "all pins": (False, False),
        "no repeats on a board": (True, False),
        "no pictures of an earlier board": (False, True),
        "neither": (True, True),
    }
    kept = {}
    for rule, (within, across) in rules.items():
        left = duplicates.drop_duplicates(analysed, clusters, within=within, across=across)
        kept[rule] = analysed.index.isin(left.index)

    left = pd.Series(kept["neither"]).groupby(analysed["board"]).sum()
    size = min(n_pins, int(left.quantile(1 - LEAST_USERS, interpolation="lower")))
    if size < 2:
        raise ValueError(
            f"without near-duplicates a tenth of the boards keep at most {size} pins, too few to "
            "split; leave boards of repeated pictures out of the data"
        )
    n_last = min(max(1, round(size * n_test / n_pins)), size - 1)
    users = left.index[left >= size]
    if len(users) < 2:
        raise ValueError(f"without near-duplicates only {len(users)} board keeps {size} pins")
    of_users = analysed["board"].isin(users).to_numpy()
    sets: list[PinSet] = []
    numbers: dict[bytes, int] = {}

    def number(some: np.ndarray) -> int:
        """Number of the set of these pins."""
        some = some & of_users
        if some.tobytes() not in numbers:
            numbers[some.tobytes()] = len(sets)
            sets.append(_pin_set(analysed[some], clusters, size, n_last, max(1, n_repeats), seed))
        return numbers[some.tobytes()]

    by_rule = {rule: number(some) for rule, some in kept.items()}
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~kept["neither"]))
    by_share = {}
    for removed in REMOVED:
        some = kept["all pins"].copy()
        some[order[: round(removed * len(order))]] = False
        by_share[removed] = number(some)
    return LeakageSamples(
        sets, by_rule, by_share, n_users=len(users), n_boards=len(left),
        n_train=size - n_last, n_test=n_last,
    )  # fmt: skip


def _pin_set(
    pins: pd.DataFrame, clusters: np.ndarray, size: int, n_test: int, n_repeats: int, seed: int
) -> PinSet:
    """Samples of `size` pins a user; the index of `pins` holds their rows, as in `clusters`."""
    samples, leaked = [], []
    for repeat in range(n_repeats):
        drawn = drawn_pins(pins, size, seed + repeat)
        sample = drawn.set_index(pins.index[drawn.index])
        first, last = boards.split_pins(sample, size - n_test, n_test)
        place = sample["board"] + "/" + clusters[sample.index].astype(str)
        leaked.append(place[last].isin(place[first]).mean())
        samples.append((sample[["board"]], first, last))
    return PinSet(len(pins), float(np.mean(leaked)), samples)


@step
def leakage_ranks(
    plain_parts: dict[str, np.ndarray],
    leakage_samples: LeakageSamples,
    distance: str,
) -> list[dict[str, np.ndarray]]:
    """Reciprocal ranks of users by set of pins and profile, means over its samples."""
    parts = {part: plain_parts[part] for part in COMPARED_PARTS if part in plain_parts}
    found = []
    for pin_set in leakage_samples.sets:
        ranks: dict[str, list[np.ndarray]] = {}
        for sample, first, last in pin_set.samples:
            profiles = split_profiles(parts, sample, {0: first}, last)
            for name in profiles.kinds():
                found_at = rank_profiles(profiles, name, 0, distance).middle
                ranks.setdefault(name, []).append(1 / found_at)
        found.append({name: np.mean(of, axis=0) for name, of in ranks.items()})
    return found


@step
def leakage(
    every_leakage_ranks: list[list[dict[str, np.ndarray]]],
    leakage_samples: LeakageSamples,
    seed: int,
) -> Leakage:
    """MRR without near-duplicates, and by the share of them that is removed."""
    samples = leakage_samples
    tables = []
    for number, pin_set in enumerate(samples.sets):
        names = list(every_leakage_ranks[0][number])
        ranks = [
            np.column_stack([of[number][name] for name in names]) for of in every_leakage_ranks
        ]
        counts = {"pins_left": pin_set.n_pins, "leaked": pin_set.leaked}
        tables.append(pd.DataFrame({**counts, "profile": names, **mrr_columns(ranks, seed)}))

    def by(column: str, numbers: dict) -> pd.DataFrame:
        named = [tables[number].assign(**{column: value}) for value, number in numbers.items()]
        return pd.concat(named, ignore_index=True)

    return Leakage(
        by("rule", samples.by_rule), by("removed", samples.by_share), samples.n_users,
        samples.n_boards, samples.n_train, samples.n_test,
    )  # fmt: skip


@step
def leakage_numbers(leakage: Leakage) -> dict[str, Estimate]:
    """MRR by rule and profile: keys such as ``leakage.all-pins.image``."""
    return {
        f"leakage.{slug(row.rule)}.{slug(row.profile)}": row.estimate
        for row in leakage.by_rule.itertuples()
    }
