"""Sentences of the front page beside its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.rank_scores import random_mrr
from visprof.results.verdicts import HOLDS, verdict_above

__all__ = [
    "FRONT_BOARDS", "FRONT_SCORECARD", "board_findings", "headline_values", "style_worlds",
]  # fmt: skip

# captions, as HTML
FRONT_BOARDS = (
    "<strong>Figure 1</strong>, on our data: boards of four users, one label (<a "
    'href="01-data.html">chapter 1</a>). Below each: the rank of its own later pins, and how many '
    "users it differs from."
)
FRONT_SCORECARD = (
    "<strong>The scorecard.</strong> Bar: 95 % interval; line: what it must exceed, in the middle "
    'of each cell, which has its own scale. <span class="holds">●</span> holds, '
    '<span class="open">○</span> not resolved, <span class="fails">●</span> does not hold; empty: '
    'these data cannot answer. Numbers and rules: <a href="#scorecard">below</a>.'
)


def board_findings(boards: pd.DataFrame, threshold: float) -> list[str]:
    """What was found of each board, in a line.

    Parameters
    ----------
    boards : DataFrame
        The step ``front_boards``.
    threshold : float
        Cut-off of Z.
    """
    return [
        f"Later pins {_place(row.rank)} of {row.n_users:,}; "
        f"Z\xa0>\xa0{threshold:g} against {row.differs:.0f} of {row.n_users - 1:,}."
        for row in boards.itertuples()
    ]


def _place(rank: float) -> str:
    """A rank as an ordinal number; one in the middle of two as it is."""
    if rank != int(rank):
        return f"ranked {rank:.1f}"
    rank = int(rank)
    ending = (
        "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    )
    return f"{rank:,}{ending}"


def style_worlds(worlds: pd.DataFrame) -> dict[str, Any]:
    """The test of the title: whether users who differ in style alone are found.

    Parameters
    ----------
    worlds : DataFrame
        The step ``taste_worlds``.

    Returns
    -------
    dict
        values (MRR by profile), random, finding.
    """
    n_users = int(worlds["n_users"].iloc[0])
    random = random_mrr(n_users)
    of_styles = worlds[worlds["taste"] == "styles only"].set_index("profile")["estimate"]
    found = {
        name: verdict_above(of_styles[name], random) == HOLDS
        for name in ("image", "mean embedding")
    }
    image, mean = of_styles["image"], of_styles["mean embedding"]
    told = {
        (True, True): "both the paper's profile and the mean embedding find them",
        (True, False): "the paper's profile finds them, and the mean embedding cannot be shown to",
        (False, True): "the paper's profile cannot be shown to find them, and the mean embedding "
        "does",
        (False, False): "neither the paper's profile nor the mean embedding can be shown to find "
        "them",
    }[found["image"], found["mean embedding"]]
    if found["image"] and found["mean embedding"] and image.high < mean.low:
        told = "the paper's profile barely finds them, and the mean embedding does"
    return {
        "values": {"paper's profile": image.value, "mean embedding": mean.value},
        "random": random,
        "finding": "The title's test. Only a profile that sees beyond labels can find users who "
        f"differ in style alone. Of {n_users:,} such simulated users, {told}.",
    }


def headline_values(numbers: Mapping[str, Estimate], n_train: int) -> dict[str, str]:
    """What the captions of the two headline figures say: two shares of pairs, two ranks.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        Of the ledger.
    n_train : int
        Training pins.
    """
    return {
        "front.differ": f"{numbers['pairs.differ'].value:.0%}",
        "front.dealt": f"{numbers['pairs.differ.dealt'].value:.1%}",
        "front.image": f"{numbers[f'mrr.image.{n_train}'].value:.2f}",
        "front.random": f"{numbers['mrr.random'].value:.2f}",
    }
