"""Tables of what is on both sides of the split: batches, and pictures that repeat."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof._extras import needs
from visprof.steps.robustness import BatchEffect
from visprof.tables.style import Styler, table

with needs("book"):
    from IPython.display import Markdown

__all__ = ["batch_effect", "near_duplicates"]


def batch_effect(effects: Mapping[str, BatchEffect]) -> Styler | Markdown:
    """MRR by split: a row a split, a column a profile.

    What is on both sides of no split makes no difference, and is said in a line.

    Parameters
    ----------
    effects : mapping of str to BatchEffect
        The step ``batch_effect``.
    """
    rows = [_by_split(name, of.table) for name, of in effects.items() if of.n_tied]
    if not rows:
        return Markdown(
            f"Here no split parts pins that came together ({', '.join(effects)}): all splits are "
            "the same, and so is the MRR by each."
        )
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


def near_duplicates(by_rule: pd.DataFrame) -> Styler | Markdown:
    """MRR by which near-duplicates are left out.

    Where none would be, every rule is the same, which is said in a line.

    Parameters
    ----------
    by_rule : DataFrame
        That of the step ``leakage``.
    """
    if by_rule["pins_left"].nunique() == 1 and not by_rule["leaked"].any():
        every = by_rule[by_rule["rule"] == by_rule["rule"].iloc[0]]
        values = (f"{row.profile} {row.estimate:.3f}" for row in every.itertuples())
        return Markdown(f"Here no rule leaves a pin out. The MRR by all pins: {', '.join(values)}.")
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
