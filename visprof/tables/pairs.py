"""What makes two users differ: pictures, or a table where there are none."""

from __future__ import annotations

import pandas as pd

from visprof import figures
from visprof.tables.style import Styler, table
from visprof.tables.taste_words import with_names

__all__ = ["distinguishing_clusters"]


def distinguishing_clusters(
    clusters: pd.DataFrame, cluster_names: pd.DataFrame | None = None
) -> figures.Figure | Styler:
    """Show the clusters that make users differ by their pictures, or by numbers without any.

    Parameters
    ----------
    clusters : DataFrame
        The step ``distinguishing_clusters``; names of pictures are empty where only embeddings
        are simulated.
    cluster_names : DataFrame, optional
        The step of this name: pictures then stand below their cluster's.
    """
    if cluster_names is not None and len(cluster_names):
        clusters = with_names(clusters, cluster_names)
    if clusters["images"].map(any).any():
        return figures.cluster_contrasts(clusters)
    return table(clusters.drop(columns="images"))
