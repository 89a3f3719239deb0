"""Tables of what the MRR owes to when pins were added."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.steps.times import FEWEST_DAYS, HELD_OUT
from visprof.steps.user_ranking import IN_FIGURE_6, slug
from visprof.tables.style import Styler, table

__all__ = ["held_sessions", "mrr_by_days"]


def mrr_by_days(found: pd.DataFrame) -> Styler:
    """MRR of boards with pins of many days, and of the others.

    Parameters
    ----------
    found : DataFrame
        The step ``mrr_by_days``.
    """
    if found.empty:
        return table(pd.DataFrame({"days": [f"no board has pins of {FEWEST_DAYS} days"]}))
    rows = found[found["profile"].isin(IN_FIGURE_6)]
    rows = rows.assign(users=rows["n_users"], shown=rows["estimate"].map("{:.3f}".format))
    by_profile = rows.set_index(["days", "users", "profile"])["shown"].unstack(sort=False)
    return table(by_profile.rename_axis(columns=None).reset_index())


def held_sessions(numbers: Mapping[str, Estimate]) -> Styler:
    """MRR of sessions that are held out, beside that of sessions dealt among users.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``session_numbers``.
    """
    rows = [
        {
            "profile": name,
            "MRR of held-out sessions": f"{numbers[key]:.3f}",
            "sessions dealt among users": f"{numbers[f'{key}.dealt'].value:.3f}",
            "p": f"{numbers[f'{key}.p'].value:.2f}",
        }
        for name in HELD_OUT
        if (key := f"sessions.{slug(name)}") in numbers
    ]
    return table(pd.DataFrame(rows or [{"profile": "none: too few sessions"}]))
