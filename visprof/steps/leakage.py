"""Steps: how much of the MRR is the same picture on both sides of the split?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from visprof import duplicates, prediction
from visprof.intervals import Estimate, estimate_over_seeds, mean_draws, resample_counts
from visprof.sources import vectors
from visprof.steps.assignments import Assignments
from visprof.steps.data import BoardSplit, Pins
from visprof.steps.registry import step
from visprof.steps.user_ranking import drawn_pins, halves, mrr_columns, ranked
from visprof.vocabulary import VisualVocabulary

__all__ = [
    "Leakage", "LeakageSamples", "PinSet", "leakage", "leakage_ranks", "leakage_samples",
    "null_leakage", "simulated_mrr",
]  # fmt: skip

LEAST_USERS = 0.9  # share of users that a comparison without near-duplicates should keep
REMOVED = (0.0, 0.25, 0.5, 0.75, 1.0)
REPEATS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
SIMULATED_USERS = 500


@dataclass(frozen=True)
class Leakage:
    """MRR with and without near-duplicates, always for the same users and numbers of pins.

    `by_rule` has the columns rule, pins_left, leaked, profile, mrr, low, high, estimate; `by_share`
    has removed (share of the near-duplicates) in place of rule. Leaked is the share of test pins
    with a near-duplicate among the same user's training pins.
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
        first, last = prediction.split_pins(sample, size - n_test, n_test)
        place = sample["board"] + "/" + clusters[sample.index].astype(str)
        leaked.append(place[last].isin(place[first]).mean())
        samples.append((sample[["board"]], first, last))
    return PinSet(len(pins), float(np.mean(leaked)), samples)


@step
def leakage_ranks(
    assignments: Assignments,
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    leakage_samples: LeakageSamples,
    distance: str,
) -> list[dict[str, np.ndarray]]:
    """Reciprocal ranks of users by set of pins and profile, means over its samples."""
    parts = {
        "image": assignments.analysed,
        "embedding": pin_embedding[len(board_split.background) :],
    }
    found = []
    for pin_set in leakage_samples.sets:
        ranks: dict[str, list[np.ndarray]] = {}
        for sample, first, last in pin_set.samples:
            half = halves(parts, sample, {0: first}, last)
            for name in half.kinds():
                ranks.setdefault(name, []).append(1 / ranked(half, name, 0, distance).middle)
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


def simulated_mrr(
    n_users: int,
    n_pins: int,
    n_test: int,
    n_train: int,
    words: VisualVocabulary,
    distance: str,
    seed: int,
    **world: float,
) -> dict[str, Estimate]:
    """MRR by profile in worlds of embeddings, which are simulated and not drawn.

    As many worlds of `n_users` users are made as hold 500 in all, at most four, each with a
    vocabulary by a seed of its own: they stand for the seeds. Each has as many other users as make
    a background of 20 pins a cluster.
    """
    n_background = -(-20 * words.n_clusters // n_pins)
    found: dict[str, list[np.ndarray]] = {}
    for number in range(min(4, -(-SIMULATED_USERS // n_users))):
        simulated = vectors.simulate_embeddings(
            n_background + n_users, n_pins, random_state=1000 * seed + number, **world
        )
        cut = n_background * n_pins
        background, analysed = simulated.vectors[:cut], simulated.vectors[cut:]
        anew = clone(words).set_params(random_state=words.random_state + number)
        parts = {"image": anew.fit(background).transform(analysed), "embedding": analysed}
        place = np.tile(np.arange(n_pins), n_users)
        sample = pd.DataFrame({"board": simulated.users[cut:]})
        half = halves(parts, sample, {n_train: place < n_train}, place >= n_pins - n_test)
        for name in half.kinds():
            ranks = ranked(half, name, n_train, distance)
            found.setdefault(name, []).append(1 / ranks.middle)
    return {name: _mean_over_worlds(ranks, seed) for name, ranks in found.items()}


def _mean_over_worlds(ranks: list[np.ndarray], seed: int) -> Estimate:
    """MRR of worlds that have no user in common.

    Means of worlds vary by their users, and as worlds and vocabularies differ: by what their
    variance has more than that of their users, if anything. Drawn again as they are, they would
    bring the variance of the users twice more.
    """
    draws = np.column_stack(
        [
            mean_draws(of, resample_counts(len(of), 2000, seed + number))
            for number, of in enumerate(ranks)
        ]
    )
    means = np.array([of.mean() for of in ranks])
    n_users = sum(map(len, ranks))
    alone = estimate_over_seeds(means, draws, random_state=seed).of(n_users, "users")
    if len(ranks) == 1:
        return alone
    spread = float(means.var(ddof=1))
    excess = max(0.0, spread - float(np.mean([of.var(ddof=1) / len(of) for of in ranks])))
    apart = (means - means.mean()) * np.sqrt(excess / spread if spread else 0.0)
    shared = draws.mean(axis=1, keepdims=True)
    found = estimate_over_seeds(means.mean() + apart, shared + apart, random_state=seed)
    return dataclasses.replace(alone, low=found.low, high=found.high, sd_seeds=found.sd_seeds)


@step
def null_leakage(
    board_split: BoardSplit,
    unfitted_vocabulary: VisualVocabulary,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """MRR of users without any taste, by the share of pins that repeat an earlier one.

    Columns repeat_share, n_users, profile, mrr, low, high. There are as many users as in the study,
    at most 500.
    """
    n_users = min(SIMULATED_USERS, board_split.analysed["board"].nunique())
    rows = []
    for share in REPEATS:
        found = simulated_mrr(
            n_users, n_pins, n_test, max(train_sizes), unfitted_vocabulary, distance, seed,
            class_taste=0, style_taste=0, repeat_share=share,
        )  # fmt: skip
        for name, mrr in found.items():
            rows.append((share, n_users, name, mrr.value, mrr.low, mrr.high))
    return pd.DataFrame(rows, columns=["repeat_share", "n_users", "profile", "mrr", "low", "high"])
