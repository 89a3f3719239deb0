"""Tables of the comparison with simpler profiles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.user_ranking import slug
from visprof.tables.style import Styler, table

__all__ = ["image_against_others"]

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
    rows = [
        {
            "other profile": row.other,
            "its MRR": f"{mrr[f'mrr.{slug(row.other)}.{row.n_train}']:.3f}",
            "image minus other": f"{row.estimate:+.3f}",
            "p": f"{row.p:.4f}",
            "verdict": VERDICTS[verdict_above(row.estimate, 0)],
        }
        for row in leads[leads["n_train"] == leads["n_train"].max()].itertuples()
    ]
    return table(pd.DataFrame(rows))
