"""Sentences of the sensitivity to parameters and to ambiguous equations."""

from __future__ import annotations

from math import log
from typing import Any

import pandas as pd

from visprof.sentences.numerals import significant
from visprof.steps.sensitivity import N_COMPARED

__all__ = ["shares_by_setting"]


def shares_by_setting(settings: pd.DataFrame, n_users: int, n_clusters: int) -> dict[str, Any]:
    """How far the shares of pairs depend on the setting, and what this page's setting is.

    Parameters
    ----------
    settings : DataFrame
        The step ``sensitivity``.
    n_users : int
        Users of the study.
    n_clusters : int
        Visual clusters.
    """
    own = settings[settings["chosen"]].iloc[0]
    by_value = settings.set_index(["parameter", "value"])
    unit, wide = by_value.loc[("user_counts", "unit")], by_value.loc[("bandwidth", 1.0)]
    said = {
        "entropy": float(own["entropy"]),
        "largest_entropy": log(n_clusters),
        "prior": significant(own["prior"]),
        "unit.largest": float(unit["max_z"][-1]),
        "wide.entropy": float(wide["entropy"]),
        "wide.differ": f"{wide['differ']:.1%}",
        "compared": "on all pairs"
        if n_users <= N_COMPARED
        else f"on the pairs of {N_COMPARED:,} users drawn at random",
    }
    for name in ("differ", "shuffled", "gap"):
        said[f"{name}.least"] = f"{settings[name].min():.1%}"
        said[f"{name}.most"] = f"{settings[name].max():.1%}"
    return said
