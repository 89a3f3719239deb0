"""Tables of the run at the paper's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.tables.style import Styler, table

__all__ = ["step_costs"]


def step_costs(record: Mapping[str, Any], n: int = 12) -> Styler:
    """What the steps of a run cost, the longest first.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.paper_size`` keeps.
    n : int
        How many steps have rows of their own; the others share the last one.

    Returns
    -------
    Styler
        Columns step, minutes, share of the time, and memory: the most, in gigabytes, that the
        process that leads the run had had by then.
    """
    steps = pd.DataFrame(record["steps"]).sort_values("seconds", ascending=False)
    named, others = steps.head(n), steps.iloc[n:]
    rows = list(zip(named["step"], named["seconds"], named["peak_mb"], strict=True))
    if len(others):
        many = f"{len(others)} others"
        rows.append((many, others["seconds"].sum(), others["peak_mb"].max()))
    total = steps["seconds"].sum()
    shown = {
        "step": [step for step, _, _ in rows],
        "minutes": [seconds / 60 for _, seconds, _ in rows],
        "share of the time": [seconds / total for _, seconds, _ in rows],
        "memory, GB": [peak / 1000 for _, _, peak in rows],
    }
    formats = {"minutes": "{:,.1f}", "share of the time": "{:.1%}", "memory, GB": "{:.1f}"}
    return table(pd.DataFrame(shown), formats)
