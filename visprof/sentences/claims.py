"""Sentences of the front page, and of the page on chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.ledger import Ledger
from visprof.results.scorecard import own_name
from visprof.results.verdicts import verdict_of_lead

__all__ = [
    "confirmations", "coverage", "front_page", "machines", "one_seed_alone", "parts_of_seeds",
    "precision", "rounding", "wavering",
]  # fmt: skip

LEADS = {
    "holds": "beat", "does not hold": "fall behind", "not resolved": "are not told apart from"
}  # fmt: skip
PRECISIONS = {"fp32": "single precision", "bf16": "bfloat16"}


def front_page(
    cards: Mapping[str, pd.DataFrame],
    preset: str,
    null: Mapping[str, Estimate],
    leakage: pd.DataFrame,
    lead: Estimate,
    adjusted: Estimate,
) -> dict[str, Any]:
    """What the front page says beside its scorecard.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard.scorecards`.
    preset : str
        Of the study.
    null : mapping of str to Estimate
        The step ``calibration_numbers``.
    leakage : DataFrame
        The step ``null_leakage``.
    lead : Estimate
        MRR of the image profile less that of the mean embedding.
    adjusted : Estimate
        Its p-value, adjusted by Holm.
    """
    holds = {name: int((card["verdict"] == "holds").sum()) for name, card in cards.items()}
    image = leakage[leakage["profile"] == "image"].set_index("repeat_share")["value"]
    return {
        "own": own_name(preset),
        "n_claims": len(cards[own_name(preset)]),
        "n_hold": ", ".join(f"{n} hold on the {name}" for name, n in holds.items()),
        "rule.few": f"{null['null.rule.soft.100'].value:.1%}",
        "rule.many": f"{null['null.rule.soft.1000'].value:.0%}",
        "fresh": f"{image[0.0]:.3f}",
        "repeated": f"{image[0.2]:.3f}",
        "clusters": LEADS[verdict_of_lead(lead, adjusted.value)],
        "clusters.lead": f"{lead:.3f}",
    }


def confirmations(ledgers: Sequence[Ledger]) -> str:
    """On which data, that no rule had seen, the claims were put.

    Parameters
    ----------
    ledgers : sequence of Ledger
        What `visprof.confirm.confirm` kept.
    """
    if not ledgers:
        return "No other data have been asked yet"
    told = []
    for ledger in ledgers:
        (run,) = ledger.runs()
        times = run["confirms"]["times"]
        asked = "once" if times == 1 else f"{times} times"
        told.append(
            f"the folder {run['parameters']['data']} (preset {run['preset']}) was asked {asked}, "
            f"by the rules of commit {run['confirms']['rules']}"
        )
    return "Of data that no rule had seen, " + "; ".join(told)


def wavering(parts: pd.DataFrame) -> str:
    """Which verdicts would not be the same with each seed alone.

    Parameters
    ----------
    parts : DataFrame
        `visprof.results.chance.chance_parts`.
    """
    decided = parts[parts["one seed alone"] != ""]
    if decided.empty:
        return "With one seed, nothing can be said of how much the seeds matter."
    other = decided[~decided["one seed alone"].str.startswith("all ")]
    if other.empty:
        return f"Each of the {len(decided)} verdicts would stand with any one of the seeds alone."
    listed = "; ".join(
        f"{number} ({stands})"
        for number, stands in zip(other["number"], other["one seed alone"], strict=True)
    )
    return (
        f"Of {len(decided)} verdicts, {len(other)} would not be the same with each seed alone: "
        f"{listed}."
    )


def parts_of_seeds(parts: pd.DataFrame) -> str:
    """How large the part of the seeds is in the variance of the headline numbers.

    Parameters
    ----------
    parts : DataFrame
        `visprof.results.chance.chance_parts`.
    """
    squares = parts["sd_seeds"] ** 2
    share = (squares / (squares + parts["sd_units"] ** 2)).dropna()
    if share.empty:
        return "No number has a part of the seeds"
    return f"The part of the seeds is from {share.min():.0%} to {share.max():.0%} of the variance"


def one_seed_alone(n_seeds: int) -> str:
    """How much wider the part of the seeds is where there is only one; empty if there is one."""
    if n_seeds == 1:
        return ""
    return f": the square of the bar of the seeds would be {n_seeds} times what it is here"


def precision(name: str) -> str:
    """Arithmetic of the CNN in words."""
    return PRECISIONS[name]


def coverage(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Size of the studies by which coverage was measured, and the least of it.

    Parameters
    ----------
    kept : mapping
        What ``benchmarks.coverage`` keeps.
    """
    settings = kept["settings"]
    least = min(row["users and seeds"] for row in kept["coverage"])
    return {
        "n_studies": settings["studies"],
        "study_users": settings["users"],
        "study_seeds": settings["seeds"],
        "least_covered": f"{least:.1%}",
    }


def machines(verified: pd.DataFrame) -> str:
    """How many machines there are, and how many of them gave the published numbers.

    Parameters
    ----------
    verified : DataFrame
        As `visprof.verify.verified_table` gives it.
    """
    if verified.empty:
        return "none yet beside the one that made them"
    n_machines, n_rows = verified["machine"].nunique(), len(verified)
    held = int((verified["verified"] == "yes").sum())
    return f"{n_machines}, with {held} of {n_rows} verifications passed"


def rounding(perturbed: Mapping[str, Any], bound: float) -> dict[str, Any]:
    """What moved where every feature was off by rounding.

    Parameters
    ----------
    perturbed : mapping
        What ``benchmarks.perturbation`` keeps.
    bound : float
        In half-widths: what moves by more has moved.
    """
    moved = [key for key, by in perturbed["half_widths"].items() if by > bound]
    of_map = [key for key in moved if key.startswith("plane.")]
    rest = len(moved) - len(of_map)
    said = {
        (False, False): "None",
        (True, False): f"{len(of_map)}, all of them measures of the map of chapter 4,",
        (False, True): f"{rest}",
        (True, True): f"{len(moved)}, of which {len(of_map)} are measures of the map of chapter 4,",
    }[bool(of_map), bool(rest)]
    return {
        "n_perturbed": perturbed["times"],
        "size": f"{perturbed['size']:.0e}".replace("e-0", "e-"),
        "n_numbers": len(perturbed["half_widths"]),
        "moved": said,
        "n_changed": len({change["number"] for change in perturbed["changed_verdicts"]}),
    }
