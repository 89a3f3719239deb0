"""Tables of what is on both sides of the split: batches, and pictures that repeat."""

from __future__ import annotations

import pandas as pd

from visprof.tables.style import Styler, table

__all__ = ["batch_effect", "near_duplicates"]


def batch_effect(batches: pd.DataFrame) -> Styler:
    """MRR by split: a row a split, a column a profile.

    Parameters
    ----------
    batches : DataFrame
        The table of the step ``batch_effect``.
    """
    if batches.empty:
        return table(pd.DataFrame({"split": ["none: fewer than two boards keep training pins"]}))
    shown = batches.assign(shown=batches["estimate"].map("{:.3f}".format))
    by_split = shown.set_index(["split", "profile"])["shown"].unstack(sort=False)
    return table(by_split.rename_axis(columns=None).reset_index())


def near_duplicates(by_rule: pd.DataFrame) -> Styler:
    """MRR by which near-duplicates are left out.

    Parameters
    ----------
    by_rule : DataFrame
        That of the step ``leakage``.
    """
    rows = by_rule.assign(
        **{
            "near-duplicates": by_rule["rule"],
            "pins left": by_rule["pins_left"].map("{:,}".format),
            "test pins with one in training": by_rule["leaked"].map("{:.1%}".format),
            "shown": by_rule["estimate"].map("{:.3f}".format),
        }
    )
    of_rule = ["near-duplicates", "pins left", "test pins with one in training"]
    by_profile = rows.set_index([*of_rule, "profile"])["shown"].unstack(sort=False)
    return table(by_profile[["image", "mean embedding"]].rename_axis(columns=None).reset_index())
