"""Sentences of what is on both sides of the split: batches, and pictures that repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.rank_scores import random_mrr
from visprof.results.verdicts import verdict_above
from visprof.steps.leakage import Leakage
from visprof.steps.robustness import BatchEffect

__all__ = ["batches", "near_duplicates", "repeats_without_taste"]

WITHOUT = {
    "holds": "stays above chance",
    "does not hold": "falls below chance",
    "not resolved": "can no longer be told from chance",
}


def batches(batch_effect: Mapping[str, BatchEffect], n_train: int) -> dict[str, Any]:
    """On how many boards a batch, or a day, is on both sides of the split.

    Parameters
    ----------
    batch_effect : mapping of str to BatchEffect
        The step of this name.
    n_train : int
        Training pins of a board, batches or not.
    """
    said = {"tied.days": "Times here tell no days that pins share"}
    for kept, name, what in (("batches", "tied", "batch"), ("days", "tied.days", "day")):
        if kept in batch_effect:
            said[name] = _tied(batch_effect[kept], what, n_train)
    return said


def _tied(of: BatchEffect, what: str, n_train: int) -> str:
    tied = f"{of.n_tied:,} of {of.n_boards:,} boards have a {what} on both sides of the split"
    if of.n_left:
        tied += (
            f"; {of.n_left:,} boards keep training pins without it, {of.n_train:.1f} of {n_train} "
            "on average"
        )
    return tied


def near_duplicates(leakage: Leakage) -> dict[str, Any]:
    """What the image profile has without near-duplicates, and what it rests on.

    Parameters
    ----------
    leakage : Leakage
        The step of this name.
    """
    rules = leakage.by_rule[leakage.by_rule["profile"] == "image"].set_index("rule")
    every, without = rules.loc["all pins"], rules.loc["neither"]
    n_removed = every["pins_left"] - without["pins_left"]
    verdict = verdict_above(without["estimate"], random_mrr(leakage.n_users))
    return {
        "leak.users": f"{leakage.n_users:,} of {leakage.n_boards:,}",
        "leak.pins": f"{n_removed:,} of {every['pins_left']:,}",
        "leak.train": leakage.n_train,
        "leak.test": leakage.n_test,
        "leak.all": f"{every['value']:.3f}",
        "leak.none": f"{without['estimate']:.3f}",
        "leak.above": WITHOUT[verdict],
    }


def repeats_without_taste(null: pd.DataFrame) -> dict[str, Any]:
    """What the image profile has of users without taste, as more of their pins repeat.

    Parameters
    ----------
    null : DataFrame
        The step ``null_leakage``.
    """
    image = null[null["profile"] == "image"]
    least, most, n_users = image.iloc[0], image.iloc[-1], int(image["n_users"].iloc[0])
    return {
        "null.users": f"{n_users:,}",
        "null.random": f"{random_mrr(n_users):.3f}",
        "null.none": f"{least['value']:.3f}",
        "null.share": f"{most['repeat_share']:.0%}",
        "null.most": f"{most['value']:.3f}",
    }
