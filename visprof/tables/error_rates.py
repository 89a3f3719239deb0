"""Tables of how often the paper's rule errs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.tables.style import Styler, table

__all__ = ["rule_error_rates"]


def rule_error_rates(false_positives: pd.DataFrame, null: Mapping[str, Estimate]) -> Styler:
    """Error rates by assignment and pins, with the study's prior and variance.

    Parameters
    ----------
    false_positives : DataFrame
        The step of this name: what there is of assignments and pins.
    null : mapping of str to Estimate
        The step ``calibration_numbers``.
    """
    rows = []
    for assignment in false_positives["assignment"].unique():
        rates = {
            f"{size:,} pins": f"{null[f'null.rule.{assignment}.{size}']:.1%}"
            for size in false_positives["n_pins"].unique()
        }
        rows.append({"assignment": assignment, **rates})
    return table(pd.DataFrame(rows))
