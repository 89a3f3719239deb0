"""Tables of the tests of pairs of users."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from visprof.intervals import Estimate
from visprof.logodds import log_odds_z
from visprof.tables.style import Styler, table

__all__ = ["session_exchanges", "shares_by_rule"]

# pins of two clusters, sea and hills, that two made-up users added on a day
DAYS = {"Monday": (2, 0), "Tuesday": (2, 0), "Wednesday": (0, 2)}


def session_exchanges() -> Styler:
    """Every way to give one of three days to B and two to A, with Z: a made-up pair.

    The prior is one pin in either cluster.
    """
    rows = []
    for of_b in list(combinations(DAYS, 1))[::-1]:
        of_a = [day for day in DAYS if day not in of_b]
        a, b = (np.sum([DAYS[day] for day in days], axis=0) for days in (of_a, of_b))
        z = np.abs(log_odds_z(a, b, np.ones(2), 1.0, "two-term")).max()
        rows.append({
            "days of A": " and ".join(of_a), "days of B": " and ".join(of_b),
            "pins of A (sea, hills)": f"{a[0]}, {a[1]}",
            "pins of B (sea, hills)": f"{b[0]}, {b[1]}",
            "Z": f"{z:.2f}",
        })  # fmt: skip
    return table(pd.DataFrame(rows))


def shares_by_rule(numbers: Mapping[str, Estimate], threshold: float) -> pd.DataFrame:
    """Shares of pairs that differ, for a figure: columns name (of the rule), value, low, high.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``significance_numbers``; without those of sessions where there are none.
    threshold : float
        Users differ where Z is above it, by the paper's rule.
    """
    names = {
        "pairs.tested.differ": f"$Z$ > {threshold:g} (the paper)",
        "pairs.significant": "test, pins shuffled",
        "pairs.bh": "pins shuffled, FDR 5 %",
        "pairs.significant.sessions": "test, sessions shuffled",
        "pairs.bh.sessions": "sessions shuffled, FDR 5 %",
    }
    return pd.DataFrame([
        {"name": name, "value": of.value, "low": of.low, "high": of.high}
        for key, name in names.items()
        if (of := numbers.get(key)) is not None
    ])  # fmt: skip
