"""Tables whose clusters have names."""

from __future__ import annotations

import pandas as pd

from visprof.sentences.taste_words import named

__all__ = ["cluster_labels", "with_names"]


def with_names(clusters: pd.DataFrame, cluster_names: pd.DataFrame) -> pd.DataFrame:
    """Clusters with their names, z and purity beside them, in a column name.

    Parameters
    ----------
    clusters : DataFrame
        A column cluster.
    cluster_names : DataFrame
        The step of this name.
    """
    told = map(named, cluster_names["name"], cluster_names["z"], cluster_names["purity"])
    by_cluster = dict(zip(cluster_names["cluster"], told, strict=True))
    return clusters.assign(name=[by_cluster[of] for of in clusters["cluster"]])


def cluster_labels(cluster_names: pd.DataFrame) -> list[str]:
    """Names of all clusters, in the order of the vocabulary; none where none could be named.

    Parameters
    ----------
    cluster_names : DataFrame
        The step of this name.
    """
    return cluster_names.sort_values("cluster")["name"].tolist()
