"""Steps: which clusters make two users differ, and how far the answer is one of readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.extmath import row_norms

from visprof import logodds
from visprof.significance import exceeds
from visprof.steps.assignments import Assignments, clone_as
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step
from visprof.steps.user_pairs import PairwiseDifferences, counts_and_dealt, unit_sums
from visprof.vocabulary import VisualVocabulary, assignment_entropy, match_clusters

__all__ = ["nearest_of_boards", "readings", "recurring_clusters", "telling_clusters"]

SAME = 0.5  # least index of Jaccard of a cluster that is found again
N_CLUSTERS, N_EXAMPLES = 3, 6  # shown of a pair, and of a cluster
PLACES = {"most": 1.0, "median": 0.5, "little": 0.05}  # of the shown pairs, by quantile of Z
N_COMPARED = 1000  # users that readings are compared on, at most: half a million pairs


@step
def telling_clusters(
    assignments: Assignments,
    board_split: BoardSplit,
    pin_embedding: np.ndarray,
    visual_vocabulary: VisualVocabulary,
    pairwise_differences: PairwiseDifferences,
    recurring_clusters: pd.DataFrame,
    counts: str,
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
    users, y, _ = counts_and_dealt(assignments.analysed, pin_users, counts, seed)
    g = assignments.background.sum(axis=0, dtype=float)
    background = board_split.background
    embedded, boards = pin_embedding[: len(background)], background["board"].to_numpy()
    order = np.argsort(pairwise_differences.max_z, kind="stable")
    rows = []
    shown = [order[round(place * (len(order) - 1))] for place in PLACES.values()]
    for name, (i, j) in zip(PLACES, logodds.pair_users(shown, len(users)), strict=True):
        z = logodds.log_odds_z(y[i], y[j], g, alpha, variance)
        for cluster in np.argsort(-np.abs(z), kind="stable")[:N_CLUSTERS]:
            centre = visual_vocabulary.cluster_centers_[cluster]
            nearest = nearest_of_boards(embedded, boards, centre)[:N_EXAMPLES]
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
    order = np.argsort(row_norms(pictures - centre, squared=True), kind="stable")
    return order[np.sort(np.unique(boards[order], return_index=True)[1])]


@step
def recurring_clusters(every_assignments: list[Assignments]) -> pd.DataFrame:
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


@step
def readings(
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    visual_vocabulary: VisualVocabulary,
    bandwidth: float,
    normalised: bool,
    sigma: str,
    counts: str,
    alpha: float,
    variance: str,
    threshold: float,
    seed: int,
) -> pd.DataFrame:
    """Z of the same pins by other parameters and readings, one changed at a time.

    Columns parameter, value, chosen (it is the study's own), entropy (mean of the assignments, in
    nats), prior (how many pins it weighs as much as), differ, dealt (shares of pairs with Z above
    the threshold, of users and where pins are dealt at random), max_z, dealt_max_z (eCDF as 501
    quantiles). Where there are more than `N_COMPARED` users, as many drawn at random stand for all.
    """
    own = {
        "alpha": alpha, "bandwidth": bandwidth, "normalised": normalised, "sigma": sigma,
        "counts": counts, "variance": variance,
    }  # fmt: skip
    n_background = len(board_split.background)
    pin_users = board_split.analysed["board"].to_numpy()
    drawn = _some_users(pin_users, seed)
    pictures, pin_users = pin_embedding[n_background:][drawn], pin_users[drawn]
    assigned: dict[tuple, tuple] = {}  # by reading of Eq. 2: it is shared by those of Eqs. 4 and 5
    rows = []
    for parameter, value in _changes(own):
        reading = own | {parameter: value}
        of_pins = tuple(reading[name] for name in ("bandwidth", "normalised", "sigma"))
        if of_pins not in assigned:
            words = clone_as(visual_vocabulary, *of_pins)
            pins = words.transform(pictures)
            background = words.transform(pin_embedding[:n_background]).sum(axis=0, dtype=float)
            shares = pins
            if not reading["normalised"]:
                shares = words.set_params(normalised=True).transform(pictures)
            entropy = float(assignment_entropy(shares).mean())
            _, y, dealt = counts_and_dealt(pins, pin_users, "sum", seed)
            assigned[of_pins] = y, dealt, background, entropy
        y, dealt, background, entropy = assigned[of_pins]
        if reading["counts"] == "unit":
            y, dealt = unit_sums(y), unit_sums(dealt)
        z, dealt_z = (
            logodds.pairwise_max_z(of, background, reading["alpha"], reading["variance"])
            for of in (y, dealt)
        )
        rows.append({
            "parameter": parameter, "value": value, "chosen": value == own[parameter],
            "entropy": entropy, "prior": reading["alpha"] * float(background.sum()),
            "differ": float(np.mean(exceeds(z, threshold))),
            "dealt": float(np.mean(exceeds(dealt_z, threshold))),
            "max_z": _quantiles(z), "dealt_max_z": _quantiles(dealt_z),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _changes(own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Parameters and values to compare, the study's own among them."""
    for factor in (0.01, 0.1, 1, 10, 100):
        yield "alpha", own["alpha"] * factor
    hard = {0.0} if own["normalised"] else set()
    soft = {own["bandwidth"], 4 * own["bandwidth"], 1.0}  # 1: beta = m, a usual margin
    for value in sorted(hard | soft):
        yield "bandwidth", value
    for normalised in (True, False) if own["bandwidth"] else (True,):
        yield "normalised", normalised
    for name, values in (
        ("sigma", ("pairs", "centres")),
        ("counts", ("sum", "unit")),
        ("variance", ("two-term", "four-term")),
    ):
        for value in values:
            yield name, value


def _some_users(pin_users: np.ndarray, seed: int) -> np.ndarray:
    """Rows of the pins of all users, or of `N_COMPARED` drawn at random."""
    users = np.unique(pin_users)
    if len(users) > N_COMPARED:
        users = np.random.default_rng(seed).choice(users, N_COMPARED, replace=False)
    return np.flatnonzero(np.isin(pin_users, users))


def _quantiles(z: np.ndarray) -> np.ndarray:
    return np.quantile(z, np.linspace(0, 1, 501))
