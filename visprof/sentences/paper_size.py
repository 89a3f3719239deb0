"""Sentences of the run at the paper's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

__all__ = ["size_changes", "size_costs"]


def size_costs(record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """How large the run was and what it cost.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.paper_size`` keeps.
    run : mapping
        Of its ledger: parameters and machine.
    """
    parameters = run["parameters"]
    boards, clusters = parameters["n_users"], parameters["n_clusters"]
    return {
        "size.boards": f"{boards:,}",
        "size.pins": str(parameters["n_pins"]),
        "size.pictures": f"{boards * parameters['n_pins']:,}",
        "size.clusters": f"{clusters:,}",
        "size.background": f"{parameters['n_background']:,}",
        "size.users": f"{boards - parameters['n_background']:,}",
        "size.hours": f"{record['hours']:.1f}",
        "size.memory": f"{record['peak_mb'] / 1000:.1f} GB",
        "size.disk": f"{record['disk_mb'] / 1000:.1f} GB",
        "size.longest": max(record["steps"], key=lambda row: row["seconds"])["step"],
        "size.machine": f"a machine of {run['machine']['cores']} cores",
    }


def size_changes(small: pd.DataFrame, large: pd.DataFrame) -> str:
    """Which verdicts are others at the paper's size.

    Parameters
    ----------
    small, large : DataFrame
        `visprof.results.scorecard.scorecard` of the demo and of the paper's size, of the same
        claims in the same order.
    """
    changed = small.assign(now=large["verdict"])[small["verdict"] != large["verdict"]]
    claims = f"the {len(small)} claims that both runs can answer"
    if changed.empty:
        return f"At the paper's size, the verdict on each of {claims} is that of the demo."
    told = "; ".join(
        f"{row.claim} (the demo: {row.verdict}; here: {row.now})" for row in changed.itertuples()
    )
    return f"At the paper's size, {len(changed)} of {claims} get another verdict: {told}."
