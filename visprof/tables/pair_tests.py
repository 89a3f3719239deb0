"""Tables of the tests of pairs of users."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.tables.style import Styler, table

with lazily():
    from visprof.logodds import log_odds_z

__all__ = ["session_exchanges", "session_tests", "shares_by_rule", "variance_shares"]

SESSION_TESTS = {  # of `benchmarks.variation`, by what they are called here
    "distance of a pair": "pairs, studentised", "Z of a pair": "pairs, maximum z",
    "share of users": "user share", "global (not used)": "global",
}  # fmt: skip
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


def session_tests(kept: Mapping[str, Any]) -> Styler:
    """How often each test finds a difference, by how users collect: level, then power.

    Parameters
    ----------
    kept : mapping
        What ``benchmarks.variation`` keeps: a world for each setting, by ascending share of users.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for world in kept["worlds"]:
        cells = found.setdefault(world["setting"], {name: [] for name in SESSION_TESTS})
        for name, test in SESSION_TESTS.items():
            cells[name].append(f"{world['rejected'][test]:.0%}")
    rows = [
        {"how users collect": setting} | {name: " / ".join(of) for name, of in cells.items()}
        for setting, cells in found.items()
    ]
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
        "pairs.tested.differ": f"Z > {threshold:g} (the paper)",
        "pairs.significant": "Z, pins shuffled",
        "pairs.bh": "Z, pins shuffled, FDR 5 %",
        "pairs.significant.sessions": "Z, sessions shuffled",
        "pairs.bh.sessions": "Z, sessions shuffled, FDR 5 %",
        "pairs.distance.significant": "distance",
        "pairs.distance.bh": "distance, FDR 5 %",
    }
    return pd.DataFrame([
        {"name": name, "value": of.value, "low": of.low, "high": of.high}
        for key, name in names.items()
        if (of := numbers.get(key)) is not None
    ])  # fmt: skip


def variance_shares(shares: pd.DataFrame) -> Styler:
    """Shares of users, sessions and single pins in the variance of what profiles are means of.

    Parameters
    ----------
    shares : DataFrame
        The step ``variance_table``.
    """
    names = {
        "user": "user", "session": "session", "pin": "pin itself",
        "expected": "user, in a session's mean",
    }  # fmt: skip
    shown = shares.assign(estimate=shares["estimate"].map("{:.3f}".format))
    wide = shown.pivot(index="profile", columns="share", values="estimate")
    order = shares["profile"].drop_duplicates()
    wide = wide.reindex(index=order, columns=[of for of in names if of in wide]).fillna("")
    return table(wide.rename(columns=names).rename_axis(columns=None).reset_index())
