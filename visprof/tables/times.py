"""Tables of what rankings owe to when pins were added, and of single pictures."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.steps.lifetime import ASKED, HALVES, MATCHED
from visprof.steps.times import FEWEST_DAYS, HELD_OUT
from visprof.steps.user_ranking import IN_FIGURE_6, slug
from visprof.tables.style import Styler, table

__all__ = ["board_halves", "held_sessions", "mrr_by_days", "preference"]

NAMED_HALVES = {
    "pins": "pins at random", "sessions": "whole sessions at random",
    "time": "first and last sessions",
}  # fmt: skip
NAMED_OTHERS = {"any": "any", "month": "of the same month", "facts": "with the same file facts"}


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


def board_halves(numbers: Mapping[str, Estimate]) -> Styler:
    """MRR by one half of a user's pins among other halves.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``half_numbers``.
    """
    rows = [
        {"halves": NAMED_HALVES[halves], **found}
        for halves in HALVES
        if (found := _by_profile(numbers, f"halves.{halves}"))
    ]
    return table(
        pd.DataFrame(rows or [{"halves": f"none: no two users with {FEWEST_DAYS} sessions"}])
    )


def preference(numbers: Mapping[str, Estimate]) -> Styler:
    """AUC of held-out pictures by what others' pictures have in common with them.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``preference_numbers``.
    """
    rows = [
        {"others' pictures": NAMED_OTHERS[matched], **found}
        for matched in MATCHED
        if (found := _by_profile(numbers, f"preference.{matched}"))
    ]
    return table(pd.DataFrame(rows))


def _by_profile(numbers: Mapping[str, Estimate], key: str) -> dict[str, str]:
    return {
        name: f"{numbers[of]:.3f}" for name in ASKED if (of := f"{key}.{slug(name)}") in numbers
    }
