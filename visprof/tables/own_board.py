"""Tables of one reader's own board."""

from __future__ import annotations

import pandas as pd

from visprof.sentences.own_board import rank_range
from visprof.tables.style import Styler, table
from visprof.tables.taste_words import with_names

__all__ = ["leading_clusters", "similar_boards"]


def leading_clusters(
    own_clusters: pd.DataFrame, n: int, cluster_names: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Clusters of which the board has at least as much as the others, those with most lead first.

    Parameters
    ----------
    own_clusters : DataFrame
        The step of this name.
    n : int
        How many clusters, at most.
    cluster_names : DataFrame, optional
        The step of this name: the clusters then have a column name.
    """
    found = own_clusters[own_clusters["value"] >= own_clusters["others"]].head(n)
    return found if cluster_names is None else with_names(found, cluster_names)


def similar_boards(similar_boards: pd.DataFrame, n: int) -> Styler:
    """The boards most alike, each with its rank in 95 % of the draws.

    Parameters
    ----------
    similar_boards : DataFrame
        The step of this name.
    n : int
        How many boards, at most.
    """
    found = similar_boards.head(n)
    ranks = [rank_range(*ends) for ends in found[["low", "high"]].itertuples(index=False)]
    shown = pd.DataFrame(
        {
            "board": found["user"],
            "distance": found["distance"],
            "nearest in": found["nearest"],
            "rank (95 % of draws)": ranks,
        }
    )
    return table(shown, {"distance": "{:.3f}", "nearest in": "{:.0%}"})
