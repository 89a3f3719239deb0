"""Sentences of how much of a taste carries over from one category of pictures to another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from visprof._cells import FEWEST
from visprof.intervals import Estimate
from visprof.results.verdicts import is_significant, verdict_above, verdict_of_lead
from visprof.sentences.numerals import listed
from visprof.steps.pin_categories import PinCategories

__all__ = [
    "carried_over", "category_ranks", "category_rule", "known_carry_over", "source_or_taste",
    "true_carry_over",
]  # fmt: skip

RESOLVED = 0.8  # share of worlds in which an interval should tell
HALF = 0.5  # the carry-over of worlds that says how many users are needed
CARRIES = {  # by two things: above 0 and significant; below 1, and taste within categories above 0
    (True, True): "Part of a taste carries over, and part does not",
    (True, False): "Taste carries over; that all of it does is not excluded",
    (False, True): "That any taste carries over is not shown, and not all of it does",
    (False, False): "These data cannot tell no carry-over from a complete one",
}
OPEN = "Whether taste carries over cannot be answered with these data"
FOUND = {
    "holds": "finds them better than chance",
    "does not hold": "finds them worse than chance",
    "not resolved": "cannot be shown to find them better than chance",
}
LOST = {
    "holds": "Another category tells less of a user than the same one",
    "does not hold": "Another category tells more of a user than the same one",
    "not resolved": "Whether another category tells less of a user than the same one is not "
    "resolved",
}
AGAINST = {
    "holds": "finds users across categories better than file facts do",
    "does not hold": "finds users across categories worse than file facts, which is the bad sign",
    "not resolved": "cannot be shown to find users across categories better than file facts, which "
    "is the bad sign",
}


def category_rule(categories: PinCategories, data: str) -> dict[str, Any]:
    """What a category is on this page, in a sentence that names them.

    Parameters
    ----------
    categories : PinCategories
        The step ``pin_categories``.
    data : str
        Folder of the study; empty where its users are simulated.
    """
    of_class = (
        "of the class that a linear probe of the CNN's features finds likeliest"
        if data
        else "of the true class"
    )
    what = {
        "scenes": f"the group of its class of scenes, {of_class}",
        "folders": "the sub-folder that it lies in, within the board's",
        "words": "the first word, in its caption, of those that part the captions of most boards",
    }[categories.rule]
    return {"categories": f"A pin's category is {what}: {listed(categories.names)}."}


def _needed(known: pd.DataFrame) -> str:
    """How many users an answer takes, by the simulated worlds."""
    half = known[known["carry_over"] == HALF].sort_values("n_users")
    enough = half.loc[half["above_zero"] >= RESOLVED, "n_users"]
    if len(enough):
        return (
            f"in the simulated worlds {enough.iloc[0]} users are enough to show a carry-over of a "
            f"half (an interval above 0 in at least {RESOLVED:.0%} of the worlds)"
        )
    return (
        f"in the simulated worlds not even {half['n_users'].max()} users are enough to show a "
        f"carry-over of a half in {RESOLVED:.0%} of the worlds"
    )


def carried_over(
    numbers: Mapping[str, Estimate], census: pd.DataFrame, known: pd.DataFrame
) -> dict[str, Any]:
    """Whether taste carries over, or that the data cannot tell and how many users it would take.

    ``carry`` says it with all numbers, ``carry.answer`` in short. That part of a taste does not
    carry over is said only where both the carry-over is below 1 and taste within categories above
    0: of few users, one interval may say so without the other.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    census, known : DataFrame
        The steps ``category_census`` and ``carry_over_known``.
    """
    n_users = census.loc[census["counts"], "user"].nunique()
    n_categories = census.loc[census["counts"], "category"].nunique()
    said = {"carry.users": n_users, "carry.categories": n_categories}
    if "carry.general.embedding" not in numbers:
        return said | {
            "carry": f"Here {n_users} users have two categories with pins enough, and at least "
            f"{FEWEST} would have to have the same two: the question cannot be answered with "
            f"these data; {_needed(known)}",
            "carry.answer": OPEN,
        }
    p_taste, p_general = (
        numbers[f"carry.{part}.embedding.p"].value for part in ("taste", "general")
    )
    if not is_significant(p_taste):
        return said | {
            "carry": "Within categories users cannot be shown to differ "
            f"(p = {p_taste:.3f}), so there is no taste of which a share could carry over: the "
            f"question cannot be answered with these data; {_needed(known)}",
            "carry.answer": OPEN,
        }
    shares = (
        f"General taste is {numbers['carry.general.embedding']:.1%} of the variance of a "
        f"category's pins, and taste within the category {numbers['carry.category.embedding']:.1%}"
    )
    rho = numbers.get("carry.rho.embedding")
    if rho is None:
        return said | {
            "carry": f"{shares}; whether their sum is above 0 depends on single users, so that no "
            f"share of it is defined, and the question cannot be answered with these data; "
            f"{_needed(known)}",
            "carry.answer": OPEN,
        }
    above = verdict_above(rho, 0) == "holds" and is_significant(p_general)
    of_category = verdict_above(numbers["carry.category.embedding"], 0) == "holds"
    below = verdict_above(rho, 1) == "does not hold" and of_category
    more = "" if above or below else f"; {_needed(known)}"
    answer = CARRIES[above, below]
    return said | {
        "carry": f"{shares} (p of no taste: {p_taste:.3f}). So the carry-over is {rho:.2f} (p of "
        f"no general taste: {p_general:.3f}). {answer}{more}",
        "carry.answer": f"{answer} (carry-over {rho:.2f} of {n_users} users)",
    }


def true_carry_over(numbers: Mapping[str, Estimate], data: str, carried: float) -> dict[str, Any]:
    """What is known of the truth, where the users are simulated.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    data : str
        Folder of the study; empty where its users are simulated.
    carried : float
        The carry-over of simulated tastes over styles.
    """
    if data:
        return {
            "carry.truth": "Of real users the truth is not known; what an embedding shows in its "
            "own way in each category counts as taste within the category"
        }
    said = (
        f"Here the users are simulated: of a taste over styles the share {carried:g} carries over, "
        "and of a taste over classes none, since no class is in two categories"
    )
    rho = numbers.get("carry.rho.within-classes")
    if rho is None:
        return {"carry.truth": said}
    how = {
        "holds": "more than the truth",
        "does not hold": "less than the truth: a style that the network shows in its own way in "
        "each kind of scene looks like a taste of the category",
        "not resolved": "an interval that holds the truth",
    }[verdict_above(rho, carried)]
    return {"carry.truth": f"{said}. Within classes the estimate is {rho:.2f}, {how}"}


def category_ranks(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Whether users are found in one category by another.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """
    if "carry.mrr.other.embedding" not in numbers:
        return {"carry.mrr": "Too few users have two categories to be ranked among each other"}
    other, same, lost = (
        numbers[f"carry.mrr.{kind}.embedding"] for kind in ("other", "same", "same-other")
    )
    random = numbers["carry.mrr.random"]
    told = LOST[verdict_of_lead(lost, math.nan)]  # no test: of few users, no difference is decided
    return {
        "carry.mrr": f"Of {other.n} users, each sought among "
        f"{numbers['carry.candidates'].value:.0f} on average, what they collect in another "
        f"category {FOUND[verdict_above(other, random.value)]} (MRR {other:.3f}; random "
        f"{random.value:.3f}). {told}: with as many pins of the same "
        f"category the MRR is {same:.3f}, a difference of {lost:+.3f}"
    }


def source_or_taste(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Whether what carries over can be a source of files.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """
    lead = numbers.get("carry.mrr.other.embedding-file-facts")
    if lead is None:
        return {
            "carry.source": "Here no facts of files can be compared: all files are of one size and "
            "format, or too few users count. Where all files are alike, they cannot give a source "
            "away",
            "carry.source.answer": "No facts of files could be compared",
        }
    p_value = numbers["carry.mrr.other.embedding-file-facts.p.holm"].value
    verdict = verdict_of_lead(lead, p_value)
    left = numbers["carry.general.embedding-less-file-facts"]
    p_left = numbers["carry.general.embedding-less-file-facts.p"].value
    stays = verdict_above(left, 0) == "holds" and is_significant(p_left)
    rest = "is still there" if stays else "cannot be shown any more, which is the bad sign"
    return {
        "carry.source": f"The embedding {AGAINST[verdict]} (MRR, difference {lead:+.3f}, "
        f"p = {p_value:.3f}). With file facts regressed out, general taste {rest}: {left:.1%} of "
        f"the variance (p = {p_left:.3f})",
        "carry.source.answer": "Sources of pictures, as far as file facts show them, do not "
        "explain why users are found across categories"
        if verdict == "holds" and stays
        else "The bad sign is there: it may be sources of pictures, not tastes, that carry over",
    }


def known_carry_over(known: pd.DataFrame, worlds: pd.DataFrame) -> dict[str, Any]:
    """Bias and coverage in worlds of known carry-over, and how many users an answer takes.

    Parameters
    ----------
    known, worlds : DataFrame
        The steps ``carry_over_known`` and ``carry_over_worlds``.
    """
    off = (known["mean"] - known["carry_over"]).abs().groupby(known["n_users"]).max()
    taste = worlds.loc[worlds["carry_over"].notna(), "taste"]
    coverage = known["coverage"]
    null = worlds[worlds["carry_over"].isna()]
    return {
        "known.worlds": int(known["worlds"].max()),
        "known.most": int(off.index[-1]),
        "known.off": f"{off.iloc[-1]:.3f}",
        "known.least": int(off.index[0]),
        "known.least.off": f"{off.iloc[0]:.3f}",
        "known.coverage": f"{np.floor(1000 * coverage.min()) / 1000:.1%} to {coverage.max():.1%}",
        "known.taste": f"{taste.mean():.1%}",
        "known.needed": _needed(known),
        "known.undefined": f"{null['rho'].isna().mean():.0%}",
    }
