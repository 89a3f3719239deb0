"""Sentences of the differences between users."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.data import BoardSplit
from visprof.steps.user_pairs import PairwiseDifferences

__all__ = ["clusters_again", "equations_read", "most_different", "pairs_compared"]

SIGMA = {"pairs": "pairs", "centres": "pictures and centres"}
SUMS = {"sum": "plain sum", "unit": "unit sum"}


def equations_read(
    normalised_assignments: bool, sigma_over: str, user_counts: str
) -> dict[str, Any]:
    """How the ambiguous equations of the paper are read.

    Parameters
    ----------
    normalised_assignments : bool
        Whether the assignments of a pin sum to 1.
    sigma_over : {"pairs", "centres"}
        What is averaged.
    user_counts : {"sum", "unit"}
        What y is.
    """
    return {
        "normalised_assignments": "normalised" if normalised_assignments else "not normalised",
        "sigma_over": SIGMA[sigma_over],
        "user_counts": SUMS[user_counts],
    }


def pairs_compared(
    differences: PairwiseDifferences, split: BoardSplit, differ: Estimate
) -> dict[str, Any]:
    """How many users and pairs there are, and whether more than half of the pairs differ.

    Parameters
    ----------
    differences : PairwiseDifferences
        The step ``differences_by_seed``.
    split : BoardSplit
        The step ``board_split``.
    differ : Estimate
        Share of pairs with Z above the threshold.
    """
    n_users, (n_seeds, n_pairs) = len(differences.users), differences.max_z.shape
    return {
        "n_users": f"{n_users:,}",
        "n_pairs": f"{n_pairs:,}",
        "n_seeds": n_seeds,
        "pins": f"{len(split.analysed) / n_users:,.0f}",
        "claim": verdict_above(differ, 0.5),
    }


def most_different(clusters: pd.DataFrame) -> dict[str, Any]:
    """The pair that differs most, and its counts in the first cluster.

    Parameters
    ----------
    clusters : DataFrame
        The step ``distinguishing_clusters``.
    """
    top = clusters.iloc[0]
    users = ("user_i", "user_j") if top["z"] > 0 else ("user_j", "user_i")
    counts = top["count_i"], top["count_j"]
    return {
        "top.more": top[users[0]],
        "top.less": top[users[1]],
        "top.max_z": float(top["max_z"]),
        "top.count_more": float(max(counts)),
        "top.count_less": float(min(counts)),
    }


def clusters_again(recurring: pd.DataFrame) -> dict[str, Any]:
    """Whether other seeds find the clusters again.

    Parameters
    ----------
    recurring : DataFrame
        The step ``recurring_clusters``.
    """
    if recurring.empty:
        return {"again": "With other seeds the clusters would be others."}
    return {
        "again": "Clusters are not the same from seed to seed. These are of the first seed; of all "
        f"its clusters, another seed finds {recurring['again'].mean():.0%} again; a cluster and "
        f"its match share {recurring['jaccard'].mean():.0%} of the pins that either has, in the "
        "mean. What a cluster shows is one of many ways to divide the pictures; the numbers of "
        "this page are means over them."
    }
