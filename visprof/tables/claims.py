"""Tables of the claims, and of what is chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from visprof.results.scorecard import side_by_side, verdict_with_seeds
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, UNANSWERABLE
from visprof.tables.style import Styler, bars_about_zero, table

__all__ = ["chance", "coverage", "findings", "moved_most", "numbers_by_kind", "rules", "verdicts"]

MARKS = {HOLDS: "✔", DOES_NOT_HOLD: "✘", NOT_RESOLVED: "?", UNANSWERABLE: "–"}
COVERED = ("users and seeds", "users alone", "one seed, its users")


def verdicts(cards: Mapping[str, pd.DataFrame]) -> Styler:
    """Verdict of each claim, by data.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard.scorecard` by the name of its study.

    Returns
    -------
    Styler
        Columns claim, and one a study: verdict, and if some seed alone would give another, in how
        many it would stand.
    """
    first = next(iter(cards.values()))
    found = {
        name: [
            f"{MARKS[verdict]} {words}"
            for verdict, words in zip(card["verdict"], verdict_with_seeds(card), strict=True)
        ]
        for name, card in cards.items()
    }
    return table(pd.DataFrame({"claim of the paper, or beside it": first["claim"], **found}))


def findings(cards: Mapping[str, pd.DataFrame]) -> Styler:
    """Verdict and finding of each claim; bars: beyond what it must exceed, each on its own scale.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard.scorecard` by the name of its study.
    """
    bars = {name: bars_about_zero(card["margin"]) for name, card in cards.items()}
    return table(side_by_side(cards), bars=bars)


def rules(cards: Mapping[str, pd.DataFrame]) -> Styler:
    """Question and rule of each claim, and what speaks against it where it holds."""
    first = next(iter(cards.values()))
    names = {"rule": "holds if", "against": "what speaks against it even then"}
    return table(first[["question", *names]].rename(columns=names))


def chance(parts: pd.DataFrame) -> Styler:
    """How much of each headline number is chance (`visprof.results.chance.chance_parts`)."""
    return table(parts.drop(columns=["key", "sd_units", "sd_seeds"]))


def coverage(rows: Sequence[Mapping[str, Any]]) -> Styler:
    """How often intervals cover the truth.

    Parameters
    ----------
    rows : sequence of mapping
        What ``benchmarks.coverage`` keeps: taste, number, truth, and the shares of studies.
    """
    shown = pd.DataFrame(rows)[["taste", "number", "truth", *COVERED]]
    return table(shown, {"taste": "{:g}", "truth": "{:.3f}"} | dict.fromkeys(COVERED, "{:.1%}"))


def moved_most(perturbed: Mapping[str, Any], n: int = 8) -> Styler:
    """Numbers that moved most where features were off by rounding.

    Parameters
    ----------
    perturbed : mapping
        What ``benchmarks.perturbation`` keeps: by number, half_widths and digits.
    n : int
        How many are shown.
    """
    apart = pd.Series(perturbed["half_widths"]).sort_values(ascending=False).head(n)
    digits = [max(0.0, perturbed["digits"][key]) for key in apart.index]
    shown = {
        "number": apart.index,
        "moved, half-widths": apart.to_numpy(),
        "digits that stay": digits,
    }
    return table(
        pd.DataFrame(shown), {"moved, half-widths": "{:.1g}", "digits that stay": "{:.0f}"}
    )


def numbers_by_kind(listed: Mapping[str, pd.DataFrame]) -> Styler:
    """How many numbers published ledgers hold, by the first part of their keys.

    Parameters
    ----------
    listed : mapping of str to DataFrame
        `visprof.results.cite.list_numbers` by ledger.
    """
    kinds = {name: of["key"].str.split(".").str[0].value_counts() for name, of in listed.items()}
    counts = pd.DataFrame(kinds).fillna(0).astype(int)
    return table(counts.rename_axis("keys that begin with").reset_index())
