"""Sentences of what rankings owe to when pins were added, and of single pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import is_significant, verdict_above
from visprof.steps.times import CHOSEN, FEWEST_DAYS, FEWEST_SESSIONS
from visprof.steps.user_ranking import slug

__all__ = ["board_halves", "growth_or_recency", "held_sessions", "many_days", "preference"]

GROWTH = {
    "holds": "finds users better by all {most} training pins than by {least} random ones of them",
    "does not hold": "finds users worse by all {most} training pins than by {least} random ones",
    "not resolved": "cannot be shown to gain by all {most} training pins over {least} random ones",
}
COSTS = {
    "holds": "costs {cost:+.3f}",
    "does not hold": "helps ({cost:+.3f})",
    "not resolved": "makes no difference that the data resolve ({cost:+.3f})",
}
NAMED = {"image": "image profile", "mean embedding": "mean embedding"}
RECENCY = {
    "holds": "better by the last {least} than by the first",
    "does not hold": "worse by the last {least} than by the first",
    "not resolved": "not told apart by the last {least} and by the first",
}


def growth_or_recency(
    numbers: Mapping[str, Estimate], train_sizes: tuple[int, ...]
) -> dict[str, Any]:
    """Whether the MRR grows with training pins, or with how late they are.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``recency_numbers``.
    train_sizes : tuple of int
        Numbers of training pins.
    """
    sizes = {"least": min(train_sizes), "most": max(train_sizes)}
    said = []
    for name in CHOSEN:
        growth = numbers[f"recency.growth.{slug(name)}"]
        late = numbers[f"recency.last-first.{slug(name)}.{sizes['least']}"]
        grows = GROWTH[verdict_above(growth, 0)].format(**sizes)
        is_late = RECENCY[verdict_above(late, 0)].format(**sizes)
        said.append(
            f"The {NAMED[name]} {grows} ({growth:+.3f}), and users are {is_late} ({late:+.3f})."
        )
    return {"recency": " ".join(said)}


def many_days(mrr_by_days: pd.DataFrame, random: Estimate) -> dict[str, Any]:
    """What the image profile has on boards with pins of many days, and on the others.

    Parameters
    ----------
    mrr_by_days : DataFrame
        The step of this name.
    random : Estimate
        MRR of a random ranking.
    """
    if mrr_by_days.empty:
        return {"days": f"Here no board has pins of {FEWEST_DAYS} days."}
    image = mrr_by_days[mrr_by_days["profile"] == "image"]
    first, *others = image.itertuples()
    said = (
        f"The image profile of {first.n_users:,} boards with {first.days} days has "
        f"{first.estimate:.3f}"
    )
    for row in others:
        said += f", and of {row.n_users:,} boards with {row.days} days {row.estimate:.3f}"
    said += f" (random: {random.value:.3f})" + ("" if others else "; there are no others")
    return {"days": f"{said}."}


def held_sessions(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Whether a session that is held out finds its user.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``session_numbers``.
    """
    if not numbers:
        return {
            "sessions": f"Here fewer than two users have {FEWEST_SESSIONS} sessions, or times tell "
            "none."
        }
    image, dealt, p = (numbers[f"sessions.image{of}"] for of in ("", ".dealt", ".p"))
    found = "more than chance" if is_significant(p.value) else "not told from chance"
    return {
        "sessions": f"Of {image.n:,} users with at least {FEWEST_SESSIONS} sessions the image "
        f"profile has {image:.3f}; where sessions are dealt among users, {dealt.value:.3f} "
        f"(p = {p.value:.2f}, {found})."
    }


def board_halves(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """What sessions cost, and what drift does.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``half_numbers``.
    """
    fewest = {"halves.fewest": FEWEST_DAYS}
    if not numbers:
        return fewest | {"halves": f"Here fewer than two users have {FEWEST_DAYS} sessions."}
    sessions, drift = (
        COSTS[verdict_above(cost, 0)].format(cost=cost)
        for cost in (numbers["halves.pins-sessions.image"], numbers["halves.sessions-time.image"])
    )
    random = numbers["halves.random"]
    return fewest | {
        "halves": f"These are {random.n:,} users (random: {random.value:.3f}). For the image "
        f"profile, that sessions stay whole {sessions}; that the halves are early and late "
        f"ones {drift}."
    }


def preference(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Whether the image profile prefers its user's pictures, where others' are alike.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``preference_numbers``.
    """
    found = {
        "any": "held-out pictures of all others", "month": "those of the same month",
        "facts": "those whose files' facts are the same",
    }  # fmt: skip
    told = {
        "holds": "more often than not", "does not hold": "less often than not",
        "not resolved": "not resolved",
    }  # fmt: skip
    said = [
        f"{number:.3f} against {what} ({told[verdict_above(number, 0.5)]})"
        for matched, what in found.items()
        if (number := numbers.get(f"preference.{matched}.image")) is not None
    ]
    return {"preference": "The image profile prefers its user's picture: " + ", ".join(said) + "."}
