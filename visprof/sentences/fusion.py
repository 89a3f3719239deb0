"""Sentences of categories and styles in one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    is_significant,
    verdict_above,
    verdict_of_lead,
)
from visprof.sentences.numerals import listed
from visprof.steps.fusion import BASELINES
from visprof.steps.fusion_worlds import N_BACKGROUND, N_CLASSES, N_KNOWN_USERS
from visprof.steps.user_ranking import slug

__all__ = [
    "fusion_answer", "fusion_grain", "fusion_known", "fusion_levels", "fusion_parts",
    "fusion_ranks", "fusion_sessions", "fusion_taste", "fusion_tastes",
]  # fmt: skip

TELLS = {
    HOLDS: "say more of later pins than the population does",
    DOES_NOT_HOLD: "say less of later pins than the population does, so they mislead",
    NOT_RESOLVED: "cannot be shown to say anything of later pins",
}
INTERACTS = {
    HOLDS: "a taste in styles differs from category to category, or a style is another thing in "
    "each",
    DOES_NOT_HOLD: "a taste in styles is much the same in all categories, so that all pins tell it "
    "better than those of one category, or styles repeat what categories have told",
    NOT_RESOLVED: "the data do not tell whether a taste in styles depends on the category",
}
AGAINST = {
    HOLDS: "it is ahead of", DOES_NOT_HOLD: "it is behind",
    NOT_RESOLVED: "the data do not decide between it and",
}  # fmt: skip
BESIDE = {
    HOLDS: "is ahead of", DOES_NOT_HOLD: "is behind", NOT_RESOLVED: "is not shown to differ from",
}  # fmt: skip
PARTS = ("categories", "styles within categories")
RESOLVED = 0.8  # share of worlds in which an interval should tell


def fusion_tastes(worlds: pd.DataFrame) -> dict[str, Any]:
    """Whether fusion does in worlds of known taste what it was expected to.

    Parameters
    ----------
    worlds : DataFrame
        The step ``fusion_worlds``.
    """
    found = worlds[worlds["measure"] == "MRR"].set_index(["taste", "model"])["estimate"]
    level = []
    for taste in ("classes only", "styles only", "both"):
        better = max(PARTS, key=lambda part: found[taste, part].value)
        lead = found[taste, f"fusion less {better}"]
        level.append((taste, better, lead, verdict_above(lead, 0)))
    behind = [
        f"{taste} ({lead:+.3f} against {better})"
        for taste, better, lead, verdict in level
        if verdict == DOES_NOT_HOLD
    ]
    said = (
        "In none of the first three worlds with taste is fusion shown to be behind its better part"
    )
    if behind:
        said = f"Against what was expected, fusion is behind its better part in {listed(behind)}"
    last = "styles in one class"
    leads = {part: found[last, f"fusion less {part}"] for part in PARTS}
    short = [part for part, lead in leads.items() if verdict_above(lead, 0) != HOLDS]
    one = "where users have a taste in the styles of one class only, it is ahead of both parts"
    if short:
        one = (
            "where users have a taste in the styles of one class only, fusion was to be ahead of "
            f"both parts, and is not shown to be ahead of {listed(short)} "
            f"({listed([f'{leads[part]:+.3f}' for part in short])})"
        )
    return {
        "fusion.worlds": f"{said}; {one}.", "fusion.worlds.users": f"{worlds['n_users'].iloc[0]:,}",
        "fusion.worlds.background": N_BACKGROUND, "fusion.worlds.classes": N_CLASSES,
    }  # fmt: skip


def fusion_known(recovery: pd.DataFrame) -> dict[str, Any]:
    """Bias and coverage of bits a pin.

    Parameters
    ----------
    recovery : DataFrame
        The step ``fusion_recovery``.
    """
    covered, bias = recovery["covered"], recovery["bias"].abs()
    low = recovery[recovery["high"] < 0.95]
    told = "No row's coverage lies below 95 % with its whole interval"
    if len(low):
        told = (
            f"In {len(low)} of the {len(recovery)} rows the intervals cover the truth too seldom: "
            "they allow for the draw of users, and not for that of the background, from which "
            "strengths are learned"
        )
    return {
        "known.worlds": f"{recovery['n_worlds'].iloc[0]:,}", "known.users": N_KNOWN_USERS,
        "known.covered": f"{covered.min():.1%} to {covered.max():.1%}",
        "known.bias": f"{bias.max():.4f}", "known.told": told,
    }  # fmt: skip


def fusion_levels(level: pd.DataFrame) -> dict[str, Any]:
    """Whether the deal of styles keeps its level, and what sessions would feign.

    Parameters
    ----------
    level : DataFrame
        The step ``fusion_level``.
    """
    held = level[(level["low"] <= 0.05) & (level["high"] >= 0.05)]
    below = level[level["high"] < 0.05]
    said = "rejects as often as it should: 5 % lies inside each interval"
    if len(held) < len(level):
        said = "rejects too often: 5 % lies below an interval"
        if len(held) + len(below) == len(level):
            said = "rejects too seldom where 5 % lies above the interval: it is cautious"
    feigned = bool((level["bits_low"] > 0).any())
    bits = (
        "Mean intra bits lie above 0, although there is nothing to tell"
        if feigned
        else "Mean intra bits are not above 0, as far as their intervals tell"
    )
    last = level.iloc[-1]
    return {
        "level.held": said, "level.bits": bits,
        "level.untempered": f"{last['untempered']:.3f}", "level.tempered": f"{last['bits']:.3f}",
        "level.session": f"{last['session_pins']:g}",
    }  # fmt: skip


def fusion_sessions(numbers: Mapping[str, Estimate], sessions: object | None) -> dict[str, Any]:
    """How alike pins of a session are here.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``fusion_numbers``.
    sessions : object or None
        The step ``pin_sessions``.
    """
    if sessions is None:
        return {"icc": "Here pins have no sessions, so that each counts whole."}
    icc = numbers["fusion.icc"].value
    whole = ", so that a session counts as one pin" if f"{icc:.2f}" == "1.00" else ""
    return {"icc": f"Here pins of one session have an intraclass correlation of {icc:.2f}{whole}."}


def fusion_parts(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """What categories, styles and their interaction tell, in bits a pin.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``fusion_numbers``.
    """
    inter, intra, interaction, fusion = (
        numbers[f"fusion.bits.{part}"] for part in ("inter", "intra", "interaction", "fusion")
    )
    p_value = numbers["fusion.bits.intra.p"].value
    found = (
        "more than where styles are dealt within categories"
        if is_significant(p_value)
        else "not shown to be more than where styles are dealt within categories"
    )
    return {
        "bits": f"Categories {TELLS[verdict_above(inter, 0)]}: {inter:.3f} bits a pin. Styles "
        f"within categories {TELLS[verdict_above(intra, 0)]}: {intra:.3f}, {found} "
        f"(p = {p_value:.3f}). Both together give {fusion:.3f}. The interaction is "
        f"{interaction:.3f}: {INTERACTS[verdict_above(interaction, 0)]}.",
    }


def fusion_ranks(found: pd.DataFrame, random: Estimate) -> dict[str, Any]:
    """What fusion is ahead of, behind, or not told from.

    Parameters
    ----------
    found : DataFrame
        The step ``fusion_table``.
    random : Estimate
        MRR of a random ranking.
    """
    names: dict[str, list[str]] = {verdict: [] for verdict in AGAINST}
    for row in found[1:].itertuples():
        name = f"“{row.profile}”" if "," in row.profile else row.profile
        names[verdict_of_lead(row.lead, row.p_holm)].append(name)
    words = [f"{AGAINST[verdict]} {listed(others)}" for verdict, others in names.items() if others]
    facts = "Facts of the files do not vary here."
    if "file facts" in set(found["profile"]):
        of = found.set_index("profile")["estimate"]["file facts"]
        facts = f"Facts of the files, which know no pixel, have an MRR of {of:.3f}."
    return {
        "ranks": f"Fusion has an MRR of {found['estimate'].iloc[0]:.3f} (random: "
        f"{random.value:.3f}): {'; '.join(words)}. {facts}",
        "fusion.users": f"{random.n:,}",
    }  # fmt: skip


def fusion_taste(taste: pd.DataFrame, board: str) -> dict[str, Any]:
    """One user's taste in a sentence.

    Parameters
    ----------
    taste : DataFrame
        The step ``fusion_taste``.
    board : str
        The user.
    """
    first = taste.iloc[0]
    more = "more" if first["own"] > first["everyone"] else "not more"
    return {
        "taste.board": board,
        "taste": f"of “{first['category']}” {more} than boards are on average ({first['own']:.0%} "
        f"of its profile against {first['everyone']:.0%}), and within this of the style "
        f"“{first['style']}” ({first['own_style']:.0%} against {first['everyone_style']:.0%})",
    }  # fmt: skip


def fusion_grain(found: pd.DataFrame) -> dict[str, Any]:
    """What styles are, by how fine categories are.

    Parameters
    ----------
    found : DataFrame
        The step ``grain_table``.
    """
    rows = found.to_dict("records")
    said = [
        f"with {row['categories']} categories styles give {row['intra']:.3f} bits a pin and fusion "
        f"an MRR of {row['mrr']:.3f}"
        for row in rows
    ]
    told = (
        "Here no truth is known that would tell whether styles are finer categories, so the first "
        "explanation of intra bits is that they are."
    )
    if not found["told_style"].isna().any():
        first, last = rows[0], rows[-1]
        told = (
            f"Here the truth is known: styles within {first['categories']} categories tell "
            f"{first['told_class']:.0%} of what is uncertain of a pin's class and "
            f"{first['told_style']:.0%} of its true style, and within {last['categories']} they "
            f"tell {last['told_class']:.0%} and {last['told_style']:.0%}."
        )
    sentence = "; ".join(said)
    return {"grain": f"{sentence[0].upper()}{sentence[1:]}. {told}"}


def _needed(power: pd.DataFrame) -> str:
    """How many users it takes, by what styles tell, in simulated worlds."""
    said = []
    for truth, of in power.sort_values("n_users").groupby("truth"):
        enough = of.loc[of["found"] >= RESOLVED, "n_users"]
        n = f"{enough.iloc[0]} users" if len(enough) else f"more than {of['n_users'].max()} users"
        said.append(f"{n} where they tell {truth:.3f} bits a pin")
    return (
        f"in simulated worlds it takes {listed(said[::-1])}, for an interval above 0 in at least "
        f"{RESOLVED:.0%} of the worlds"
    )


def fusion_answer(numbers: Mapping[str, Estimate], power: pd.DataFrame) -> dict[str, Any]:
    """Does fusion of both levels help, in a sentence, and how many users an answer takes.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``fusion_numbers``.
    power : DataFrame
        The step ``fusion_power``.
    """
    needed = _needed(power)
    said = {"power": f"{needed[0].upper()}{needed[1:]}."}
    intra = numbers["fusion.bits.intra"]
    verdict = verdict_above(intra, 0)
    if verdict == DOES_NOT_HOLD:
        return said | {
            "answer": "The bad sign is there: styles within categories take away from what "
            f"categories tell ({intra:.3f} bits a pin)."
        }
    open_ = "Whether styles within categories add to what categories tell cannot be answered"
    if verdict == NOT_RESOLVED:
        return said | {"answer": f"{open_} with these {intra.n:,} users; {needed}."}
    if not is_significant(numbers["fusion.bits.intra.p"].value):
        return said | {
            "answer": f"{open_} with these {intra.n:,} users: they tell no more than is plausible "
            "where styles are dealt within categories."
        }
    key = f"fusion.mrr.fusion-{slug('categories')}"
    lead = verdict_of_lead(numbers[key], numbers[f"{key}.p.holm"].value)
    ranks = {
        HOLDS: "and finding users gains by it",
        DOES_NOT_HOLD: "and yet finding users loses by it",
        NOT_RESOLVED: "though the data do not show that finding users gains by it",
    }[lead]
    return said | {
        "answer": f"Styles within categories add to what categories tell ({intra:.3f} bits a pin), "
        f"{ranks}.{_beside(numbers)}"
    }


def _beside(numbers: Mapping[str, Estimate]) -> str:
    """How fusion stands beside profiles that are no part of it, in finding users."""
    names: dict[str, list[str]] = {verdict: [] for verdict in BESIDE}
    for name in BASELINES:
        key = f"fusion.mrr.fusion-{slug(name)}"
        if key in numbers:
            verdict = verdict_of_lead(numbers[key], numbers[f"{key}.p.holm"].value)
            names[verdict].append(name)
    words = [f"{BESIDE[verdict]} {listed(others)}" for verdict, others in names.items() if others]
    return f" In finding users, fusion {'; '.join(words)}." if words else ""
