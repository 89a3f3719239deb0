"""Steps: do users differ (Figure 5), and by which clusters?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import profiles, shares, significance
from visprof._lazy import lazily
from visprof.blocks import Client
from visprof.intervals import Estimate, estimate_over_seeds
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step

with lazily():
    from scipy.stats import norm

    from visprof import logodds
    from visprof.vocabulary import VisualVocabulary, match_clusters, nearest_first

__all__ = [
    "PLACES", "GrowingCounts", "PairwiseDifferences", "counts_and_shuffled", "differences_by_seed",
    "distinguishing_clusters", "growing_counts", "independent_rate", "nearest_of_boards",
    "pair_numbers", "pairwise_differences", "recurring_clusters", "unit_sums",
]  # fmt: skip

SAME = 0.5  # least index of Jaccard of a cluster that is found again

N_CLUSTERS, N_EXAMPLES = 3, 6  # shown of a pair, and of a cluster

N_EXPLORED = 60  # users whose counts a page carries

PLACES = {"most": 1.0, "median": 0.5, "little": 0.05}  # of the shown pairs, by quantile of Z


@dataclass(frozen=True)
class PairwiseDifferences:
    """Z of every pair of users (Eq. 7), and the same where pins are shuffled among users.

    Of one seed, (n_pairs,), or of all, (S, n_pairs).
    """

    users: np.ndarray
    max_z: np.ndarray
    shuffled_max_z: np.ndarray


@step
def pairwise_differences(
    assignments: PinArrays,
    board_split: BoardSplit,
    user_counts: str,
    alpha: float,
    variance: str,
    start: int,
    client: Client | None = None,
) -> PairwiseDifferences:
    """Largest absolute log-odds z-score of every pair of analysed users (Eqs. 4-7)."""
    background = assignments.background.sum(axis=0, dtype=float)
    pin_users = board_split.analysed["board"].to_numpy()
    users, ours, shuffled = counts_and_shuffled(assignments.analysed, pin_users, user_counts, start)
    return PairwiseDifferences(
        users,
        logodds.pairwise_max_z(ours, background, alpha, variance, client=client),
        logodds.pairwise_max_z(shuffled, background, alpha, variance, client=client),
    )


@step(kept=False)
def differences_by_seed(
    every_pairwise_differences: list[PairwiseDifferences],
) -> PairwiseDifferences:
    """Z of every pair by seed."""
    return PairwiseDifferences(
        every_pairwise_differences[0].users,
        np.stack([of.max_z for of in every_pairwise_differences]),
        np.stack([of.shuffled_max_z for of in every_pairwise_differences]),
    )


def counts_and_shuffled(
    assignments: np.ndarray,
    users: np.ndarray,
    kind: str,
    seed: int,
    sessions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, their counts y, "sum" or "unit", and counts of shuffled pins, or whole sessions."""
    names, counts = profiles.user_profiles(assignments, users, counts=True)
    shuffled = significance.shuffled_counts(
        assignments, users, random_state=seed, sessions=sessions
    )
    if kind == "unit":
        counts, shuffled = unit_sums(counts), unit_sums(shuffled)
    return names, counts, shuffled


def unit_sums(counts: np.ndarray) -> np.ndarray:
    """Profiles of unit sum (Eq. 3), (m, k), from counts."""
    return counts / counts.sum(axis=1, keepdims=True)


@step
def pair_numbers(
    differences_by_seed: PairwiseDifferences, threshold: float, seed: int
) -> dict[str, Estimate]:
    """Figure 5 in numbers: share of pairs with Z above the threshold, and of shuffled pins."""
    n_users, n_pairs = len(differences_by_seed.users), differences_by_seed.max_z.shape[1]
    return {
        key: estimate_over_seeds(
            *shares.pair_share_draws(z, n_users, threshold, random_state=seed),
            random_state=seed,
        ).of(n_pairs, "pairs of users")
        for key, z in (
            ("pairs.differ", differences_by_seed.max_z),
            ("pairs.differ.dealt", differences_by_seed.shuffled_max_z),
        )
    }


@step
def independent_rate(threshold: float, n_clusters: int) -> float:
    """How often Z is above the threshold if all z are standard normal and independent."""
    return float(1 - (1 - 2 * norm.sf(threshold)) ** n_clusters)


@dataclass(frozen=True)
class GrowingCounts:
    """Counts of users by their first pins, and of the same pins dealt among them.

    `counts` goes by what is compared ("users", "pins dealt" and, where there are sessions,
    "sessions dealt"), (n_sizes, n_users, k); `background` is that of Eq. 4, (k,).
    """

    users: np.ndarray
    sizes: np.ndarray
    counts: dict[str, np.ndarray]
    background: np.ndarray


@step
def growing_counts(
    assignments: PinArrays,
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    user_counts: str,
    seed: int,
) -> GrowingCounts:
    """What Figure 5 is drawn from, by ten numbers of first pins; the last is all that there are.

    Of the first seed, and of so many users, drawn at random, as a page can carry.
    """
    pins = board_split.analysed.reset_index(drop=True)
    chosen = np.random.default_rng(seed).permutation(pins["board"].unique())[:N_EXPLORED]
    pins = pins[pins["board"].isin(chosen)]
    place = pins.groupby("board", observed=True).cumcount()  # pins are in the order of time
    per_user = pins.groupby("board", observed=True).size()
    steps = np.linspace(0, per_user.min(), 11)[1:].round()
    sizes = np.unique([*steps[steps > 0], per_user.max()]).astype(int)
    dealt = {"pins dealt": None}
    if pin_sessions is not None:
        dealt["sessions dealt"] = pin_sessions
    counts: dict[str, list[np.ndarray]] = {name: [] for name in ("users", *dealt)}
    for size in sizes:
        rows = pins.index[place < size].to_numpy()
        boards = pins.loc[rows, "board"].to_numpy()
        for name, sessions in dealt.items():
            users, own, shuffled = counts_and_shuffled(
                assignments.analysed[rows], boards, user_counts, seed,
                None if sessions is None else sessions[rows],
            )  # fmt: skip
            counts[name].append(shuffled)
        counts["users"].append(own)
    background = assignments.background.sum(axis=0, dtype=float)
    return GrowingCounts(
        users, sizes, {name: np.stack(of) for name, of in counts.items()}, background
    )


@step
def distinguishing_clusters(
    assignments: PinArrays,
    board_split: BoardSplit,
    pin_embedding: PinArrays,
    visual_vocabulary: VisualVocabulary,
    pairwise_differences: PairwiseDifferences,
    recurring_clusters: pd.DataFrame,
    user_counts: str,
    alpha: float,
    variance: str,
    seed: int,
) -> pd.DataFrame:
    """Clusters with the largest absolute z of three pairs, from far apart to alike.

    Columns differ (key of `PLACES`), user_i, user_j, max_z, cluster, z (positive where i has
    more), count_i, count_j, again (share of the other seeds that find the cluster too, NaN if there
    is none), images: the background's pictures nearest the centre. Clusters are those of the first
    seed.
    """
    again = recurring_clusters.set_index("cluster")["again"].astype(float)
    pin_users = board_split.analysed["board"].to_numpy()
    users, y, _ = counts_and_shuffled(assignments.analysed, pin_users, user_counts, seed)
    g = assignments.background.sum(axis=0, dtype=float)
    background = board_split.background
    boards = background["board"].to_numpy()
    order = np.argsort(pairwise_differences.max_z, kind="stable")
    rows = []
    shown = [order[round(place * (len(order) - 1))] for place in PLACES.values()]
    for name, (i, j) in zip(PLACES, logodds.pair_users(shown, len(users)), strict=True):
        z = logodds.log_odds_z(y[i], y[j], g, alpha, variance)
        for cluster in np.argsort(-np.abs(z), kind="stable")[:N_CLUSTERS]:
            centre = visual_vocabulary.cluster_centers_[cluster]
            nearest = nearest_of_boards(pin_embedding.background, boards, centre)[:N_EXAMPLES]
            rows.append({
                "differ": name, "user_i": users[i], "user_j": users[j],
                "max_z": float(np.abs(z).max()), "cluster": int(cluster), "z": float(z[cluster]),
                "count_i": float(y[i, cluster]), "count_j": float(y[j, cluster]),
                "again": again.get(cluster, np.nan),
                "images": background["image"].iloc[nearest].to_list(),
            })  # fmt: skip
    return pd.DataFrame(rows)


def nearest_of_boards(pictures: np.ndarray, boards: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Rows of the pictures nearest a centre, nearest first, one a board.

    A board's best pictures are often of one moment; those of many boards show what a cluster holds.
    """
    order = nearest_first(pictures, centre)
    return order[np.sort(np.unique(boards[order], return_index=True)[1])]


@step
def recurring_clusters(every_assignments: list[PinArrays]) -> pd.DataFrame:
    """How far the clusters of the first seed are found again by the others.

    Columns cluster, jaccard (mean over the other seeds, of the background's pins that belong to it
    more than to any other and those of its match), again (share of the other seeds in which the
    index is at least `SAME`). No rows if there is one seed.
    """
    labels = [of.background.argmax(axis=1) for of in every_assignments]
    found = [match_clusters(labels[0], others) for others in labels[1:]]
    if not found:
        return pd.DataFrame(columns=["cluster", "jaccard", "again"])
    jaccard = np.array([of for _, of in found])
    again = (jaccard >= SAME).mean(axis=0)
    return pd.DataFrame({"cluster": found[0][0], "jaccard": jaccard.mean(axis=0), "again": again})
