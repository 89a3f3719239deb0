"""Tables of the comparison with simpler profiles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_of_lead
from visprof.steps.profile_kinds import PROFILES
from visprof.steps.user_ranking import slug
from visprof.tables.style import Styler, bars_on_one_scale, table

__all__ = ["distance_choice", "image_against_others"]

VERDICTS = {
    "holds": "image ahead", "does not hold": "the other ahead", "not resolved": "not resolved"
}  # fmt: skip


def image_against_others(leads: pd.DataFrame, mrr: Mapping[str, Estimate]) -> Styler:
    """The image profile against each other one, with the most training pins.

    Parameters
    ----------
    leads : DataFrame
        The step ``profile_leads``.
    mrr : mapping of str to Estimate
        The step ``mrr_numbers``.
    """
    compared = leads[leads["n_train"] == leads["n_train"].max()]
    scores = [mrr[f"mrr.{slug(row.other)}.{row.n_train}"] for row in compared.itertuples()]
    rows = [
        {
            "sees": PROFILES[row.other].sees,
            "other profile": row.other,
            "its MRR": f"{score:.3f}",
            "image minus other": f"{row.estimate:+.3f}",
            "p": f"{row.p:.4f}",
            "adjusted": f"{row.p_holm:.4f}",
            "verdict": VERDICTS[verdict_of_lead(row.estimate, row.p_holm)],
        }
        for row, score in zip(compared.itertuples(), scores, strict=True)
    ]
    bars = {
        "its MRR": bars_on_one_scale(scores),
        "image minus other": bars_on_one_scale(compared["estimate"].to_list()),
    }
    return table(pd.DataFrame(rows), bars=bars)


def distance_choice(choice: pd.DataFrame) -> Styler:
    """MRR by one distance for all, and by each profile's best.

    Parameters
    ----------
    choice : DataFrame
        The step ``distance_choice``.
    """
    rows = [
        {
            "profile": row.profile,
            "Euclidean for all": f"{row.fixed:.3f}",
            "its best, chosen without the user": f"{row.nested:.3f}",
            "that is": row.chosen + ("" if row.share == 1 else f" ({row.share:.0%})"),
            "image minus this, each by its best": ""
            if row.profile == "image"
            else f"{row.lead:+.3f}",
        }
        for row in choice.itertuples()
    ]
    return table(pd.DataFrame(rows))
