"""Sentences of the report card of a board."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import is_significant
from visprof.sentences.own_board import rank_range
from visprof.steps.board_card import BoardChange, Identification

__all__ = [
    "SURE", "card_about", "card_alike", "card_change", "card_clusters", "card_facts", "card_found",
    "card_share", "card_shift",
]  # fmt: skip

SURE = 0.95  # share of the draws in which one board is the nearest


def _counted(n: int, one: str) -> str:
    return f"{n:,} {one}" + ("" if n == 1 else "s")


def card_about(n_pins: int, n_boards: int, change: BoardChange, network: str) -> str:
    """How many pictures there are, of when, and what looked at them.

    Parameters
    ----------
    n_pins, n_boards : int
        Pictures of the board, and boards that it is compared with.
    change : BoardChange
        The step ``board_change``.
    network : str
        Name of the CNN.
    """
    said = f"{_counted(n_pins, 'picture')}, compared with {_counted(n_boards, 'other board')}"
    first, last = (f"{day.day} {day:%B %Y}" for day in (change.first, change.last))
    if change.times != "files":
        said += f"; from {first} to {last}" if first != last else f"; all of {first}"
    return f"{said}. The network is {network}."


def card_share(value: float, low: float, high: float, others: float) -> str:
    """A cluster's share of the board, with its interval, and of the others.

    Parameters
    ----------
    value, low, high, others : float
    """
    return f"{value:.1%} of this board ({low:.1%} to {high:.1%}), {others:.1%} of others"


def card_clusters(own_clusters: pd.DataFrame) -> str:
    """How many clusters are characteristic of the board, or that none is.

    Parameters
    ----------
    own_clusters : DataFrame
        The step of this name.
    """
    n, above = len(own_clusters), int((own_clusters["low"] > own_clusters["others"]).sum())
    if not above:
        return (
            f"Of none of {_counted(n, 'cluster')} does the board have more than others, as far as "
            "its number of pictures can tell."
        )
    return (
        f"Of {above:,} of {_counted(n, 'cluster')} the board has more than others: the whole 95% "
        "interval of its share lies above theirs."
    )


def card_change(change: BoardChange) -> str:
    """Whether the board changed, or why that cannot be told.

    Parameters
    ----------
    change : BoardChange
        The step ``board_change``.
    """
    if change.times == "files":
        return (
            "When pictures were added is not known: their times are those of the files, which "
            "copying changes. So nothing is said of change."
        )
    if change.times == "one session":
        return (
            "All pictures are of one session, such as a day, so nothing can be said of change: "
            "what is added together is alike."
        )
    said = (
        f"Its first {change.n_early:,} pictures are set beside its last {change.n_late:,}, of "
        f"{change.n_sessions:,} sessions in all. "
    )
    p = f"(p = {change.p:.3f}, sessions shuffled)"
    if is_significant(change.p):
        return f"{said}They differ more than chance would have it {p}: most in these clusters."
    return f"{said}They are not told from chance {p}; these are the clusters they differ in most."


def card_shift(cluster: Any) -> str:
    """A cluster's share of a board's early pictures and of its late ones, with their intervals.

    Parameters
    ----------
    cluster : namedtuple
        A row of the clusters of the step ``board_change``.
    """
    early, late = (
        f"{getattr(cluster, half):.1%} ({getattr(cluster, f'{half}_low'):.1%} to "
        f"{getattr(cluster, f'{half}_high'):.1%})"
        for half in ("early", "late")
    )
    return f"{early} of the early pictures, {late} of the late ones"


def card_alike(similar_boards: pd.DataFrame, shared: float) -> str:
    """Whose board is most alike, and how surely.

    Parameters
    ----------
    similar_boards : DataFrame
        The step of this name.
    shared : float
        Share of the board's pictures that the most alike has, too, or nearly so.
    """
    nearest, n = similar_boards.iloc[0], len(similar_boards)
    if n == 1:
        return f"There is one other board, {nearest['user']}, so it is the most alike."
    ranks = rank_range(nearest["low"], nearest["high"])
    sure = "surely so" if nearest["nearest"] >= SURE else "several may be about as near"
    said = (
        f"{nearest['user']} is the most alike: it is the nearest in {nearest['nearest']:.0%} of "
        f"the draws of pictures (one at random: {1 / n:.0%}), its rank {ranks} in 95% of them; "
        f"{sure}."
    )
    if shared:
        said += f" {shared:.0%} of the pictures are on both boards, or nearly so."
    return said


def _rates(identification: Identification, profile: str, board: str) -> list[str]:
    """By number of pictures: share of all boards found, and of the draws of this one."""
    own = identification.by_board
    own = own[(own["board"] == board) & (own["profile"] == profile)].set_index("n_pictures")
    said = []
    for (name, size), rate in identification.rates.items():
        if name == profile:
            text = f"from {_counted(size, 'picture')} {_percent(rate)} are found"
            if size in own.index:
                text += f", this board in {own['found'][size]:.0%} of the draws"
            said.append(text)
    return said


def _percent(rate: Estimate) -> str:
    return f"{rate.value:.0%} ({rate.interval('.0%')})" if rate.interval(".0%") else f"{rate:.0%}"


def card_found(identification: Identification, board: str) -> list[str]:
    """How findable boards are, and this one, by the pictures: a sentence, and a line a number.

    Parameters
    ----------
    identification : Identification
        The step of this name.
    board : str
        Its name.
    """
    rates = _rates(identification, "image", board)
    if not rates:
        return ["Boards have too few later pictures to seek them by."]
    n = identification.n_boards
    return [
        f"Among {n:,} people, a few of somebody's later pictures are shown, and the board of "
        "earlier pictures whose profile is the nearest is named. At random it would be the right "
        f"one in {1 / n:.0%} of the cases. In parentheses: 95% intervals over boards.",
        *rates,
    ]


def card_facts(identification: Identification, board: str) -> list[str]:
    """What facts of the files alone would tell: a sentence, and a line a number.

    Parameters
    ----------
    identification, board
        As for `card_found`.
    """
    rates = _rates(identification, "file facts", board)
    if not rates:
        return ["Nothing: all files are of one size and format, or there are too few."]
    ahead = identification.ahead[max(identification.ahead)]
    said = "Size, format and bytes a pixel, without a look at any picture, find boards likewise: "
    if ahead.low > 0:
        said += "less often than the pictures do."
    elif ahead.high < 0:
        said += "more often than the pictures do, which may find how files were made."
    else:
        said += (
            "about as often as the pictures do, so that what pictures find may be how files were "
            "made."
        )
    return [said, *rates]
