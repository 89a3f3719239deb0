"""Tables of what is on both sides of the split: batches, and pictures that repeat."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.steps.robustness import BatchEffect
from visprof.tables.style import Styler, table

__all__ = ["batch_effect", "near_duplicates"]


def batch_effect(effects: Mapping[str, BatchEffect]) -> Styler:
    """MRR by split: a row a split, a column a profile.

    Parameters
    ----------
    effects : mapping of str to BatchEffect
        The step ``batch_effect``.
    """
    rows = [_by_split(name, of.table) for name, of in effects.items()]
    return table(pd.concat(rows, ignore_index=True).fillna(""))


def _by_split(kept_whole: str, mrr: pd.DataFrame) -> pd.DataFrame:
    """A row a split, of the boards that keep training pins where these are kept whole."""
    if mrr.empty:
        none = "none: fewer than two boards keep training pins"
        return pd.DataFrame({"compared by": [kept_whole], "split": [none]})
    shown = mrr.assign(shown=mrr["estimate"].map("{:.3f}".format))
    shown["compared by"] = kept_whole
    by_split = shown.set_index(["compared by", "split", "profile"])["shown"].unstack(sort=False)
    return by_split.rename_axis(columns=None).reset_index()


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
    return table(by_profile.rename_axis(columns=None).reset_index())
