"""Steps: how much of the MRR is the same picture on both sides of the split?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import duplicates, prediction
from visprof.sources import vectors
from visprof.steps.pictures import BoardSplit, Pins
from visprof.steps.prediction import drawn_pins, halves, ranked
from visprof.steps.registry import step
from visprof.steps.users import Assignments
from visprof.vocabulary import VisualVocabulary

__all__ = ["Leakage", "leakage", "null_leakage", "simulated_ranks"]

LEAST_USERS = 0.9  # share of users that a comparison without near-duplicates should keep
REMOVED = (0.0, 0.25, 0.5, 0.75, 1.0)
REPEATS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
SIMULATED_USERS = 500


@dataclass(frozen=True)
class Leakage:
    """MRR with and without near-duplicates, always for the same users and numbers of pins.

    `by_rule` has the columns rule, pins_left, leaked, profile, mrr, low, high; `by_share` has
    removed (share of the near-duplicates) in place of rule. Leaked is the share of test pins with
    a near-duplicate among the same user's training pins.
    """

    by_rule: pd.DataFrame
    by_share: pd.DataFrame
    n_users: int
    n_boards: int
    n_train: int
    n_test: int


@step
def leakage(
    assignments: Assignments,
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    pins: Pins,
    near_duplicates: np.ndarray,
    n_pins: int,
    n_test: int,
    distance: str,
    n_repeats: int,
    seed: int,
) -> Leakage:
    """MRR without near-duplicates, and by the share of them that is removed.

    Of near-duplicates the earliest pin stays (`visprof.duplicates.drop_duplicates`). So many pins
    are sampled that nine in ten users have them when all near-duplicates are gone; the others are
    left out of every row. Values are means over `n_repeats` samples.
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
    parts = {
        "image": assignments.analysed,
        "embedding": pin_embedding[len(board_split.background) :],
    }
    found: dict[bytes, list[tuple]] = {}  # equal sets of pins give equal values

    def scores(some: np.ndarray) -> list[tuple]:
        """Rows pins_left, leaked, profile, mrr, low, high of the pins of a mask."""
        some = some & of_users
        if some.tobytes() not in found:
            found[some.tobytes()] = _scores(
                parts, analysed[some], clusters, size, n_last, distance, max(1, n_repeats), seed
            )
        return found[some.tobytes()]

    columns = ["pins_left", "leaked", "profile", "mrr", "low", "high"]
    by_rule = [(rule, *row) for rule, some in kept.items() for row in scores(some)]
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~kept["neither"]))
    by_share = []
    for removed in REMOVED:
        some = kept["all pins"].copy()
        some[order[: round(removed * len(order))]] = False
        by_share += [(removed, *row) for row in scores(some)]
    return Leakage(
        pd.DataFrame(by_rule, columns=["rule", *columns]),
        pd.DataFrame(by_share, columns=["removed", *columns]),
        n_users=len(users),
        n_boards=len(left),
        n_train=size - n_last,
        n_test=n_last,
    )


def _scores(
    parts: dict[str, np.ndarray],
    pins: pd.DataFrame,
    clusters: np.ndarray,
    size: int,
    n_test: int,
    distance: str,
    n_repeats: int,
    seed: int,
) -> list[tuple]:
    """Rows pins_left, leaked, profile, mrr, low, high: means over samples of `size` pins a user.

    The index of `pins` holds their rows in the parts and in `clusters`.
    """
    leaked: list[float] = []
    ranks: dict[str, list[np.ndarray]] = {}
    for repeat in range(n_repeats):
        drawn = drawn_pins(pins, size, seed + repeat)
        sample = drawn.set_index(pins.index[drawn.index])
        first, last = prediction.split_pins(sample, size - n_test, n_test)
        place = sample["board"] + "/" + clusters[sample.index].astype(str)
        leaked.append(place[last].isin(place[first]).mean())
        half = halves(parts, sample, {0: first}, last)
        for name in half.kinds():
            ranks.setdefault(name, []).append(1 / ranked(half, name, 0, distance).middle)
    rows = []
    for name, of in ranks.items():
        scores = prediction.mean_reciprocal_rank(np.mean(of, axis=0), random_state=seed)
        rows.append((len(pins), np.mean(leaked), name, *scores))
    return rows


def simulated_ranks(
    n_users: int,
    n_pins: int,
    n_test: int,
    n_train: int,
    words: VisualVocabulary,
    distance: str,
    seed: int,
    **world: float,
) -> dict[str, np.ndarray]:
    """Reciprocal ranks by profile in worlds of embeddings, which are simulated and not drawn.

    As many worlds of `n_users` users are made as hold 500 in all, at most four. Each has as many
    other users as make a background of 20 pins a cluster.
    """
    n_background = -(-20 * words.n_clusters // n_pins)
    found: dict[str, list[np.ndarray]] = {}
    for number in range(min(4, -(-SIMULATED_USERS // n_users))):
        simulated = vectors.simulate_embeddings(
            n_background + n_users, n_pins, random_state=1000 * seed + number, **world
        )
        cut = n_background * n_pins
        background, analysed = simulated.vectors[:cut], simulated.vectors[cut:]
        parts = {"image": words.fit(background).transform(analysed), "embedding": analysed}
        place = np.tile(np.arange(n_pins), n_users)
        sample = pd.DataFrame({"board": simulated.users[cut:]})
        half = halves(parts, sample, {n_train: place < n_train}, place >= n_pins - n_test)
        for name in half.kinds():
            ranks = ranked(half, name, n_train, distance)
            found.setdefault(name, []).append(1 / ranks.middle)
    return {name: np.concatenate(ranks) for name, ranks in found.items()}


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
        ranks = simulated_ranks(
            n_users, n_pins, n_test, max(train_sizes), unfitted_vocabulary, distance, seed,
            class_taste=0, style_taste=0, repeat_share=share,
        )  # fmt: skip
        for name, of in ranks.items():
            scores = prediction.mean_reciprocal_rank(of, random_state=seed)
            rows.append((share, n_users, name, *scores))
    return pd.DataFrame(rows, columns=["repeat_share", "n_users", "profile", "mrr", "low", "high"])
