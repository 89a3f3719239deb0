"""Sentences of the comparison with simpler profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.rank_scores import random_mrr
from visprof.results.verdicts import verdict_above, verdict_of_lead
from visprof.sentences.numerals import listed
from visprof.steps.user_ranking import slug

__all__ = [
    "image_against_others", "known_tastes", "suiting_distances", "where_gained", "without_looking",
]  # fmt: skip

AGAINST = {
    "holds": "it is ahead of",
    "does not hold": "it is behind",
    "not resolved": "the data do not decide between it and",
}
FOUND = {
    "holds": "finds users better than chance",
    "does not hold": "finds users worse than chance",
    "not resolved": "cannot be told from chance",
}
LEFT = {  # with file facts regressed out
    "image": "image profile",
    "mean embedding": "mean embedding",
    "whitened": "whitened profile",
}
PARTS = {  # of the embedding: what it tells
    "embedding: mean of the class": "which scenes a user collects",
    "embedding: what is left within the class": "how they look",
}


def image_against_others(leads: pd.DataFrame) -> dict[str, Any]:
    """Profiles that the image profile is ahead of, behind, or not told from.

    Parameters
    ----------
    leads : DataFrame
        The step ``profile_leads``; those with the most training pins count.
    """
    most = leads[leads["n_train"] == leads["n_train"].max()]
    names: dict[str, list[str]] = {verdict: [] for verdict in AGAINST}
    for row in most.itertuples():
        names[verdict_of_lead(row.estimate, row.p_holm)].append(row.other)
    words = [f"{AGAINST[verdict]} {listed(others)}" for verdict, others in names.items() if others]
    return {"against": "; ".join(words)}


def without_looking(mrr: Mapping[str, Estimate], n_train: int) -> dict[str, Any]:
    """What is found by profiles that look away: the palette, file facts, and what they leave.

    Parameters
    ----------
    mrr : mapping of str to Estimate
        The step ``mrr_numbers``.
    n_train : int
        Training pins.
    """
    random = mrr["mrr.random"].value

    def has(profile: str) -> str:
        found = mrr[f"mrr.{slug(profile)}.{n_train}"]
        return f"has {found:.3f} and {FOUND[verdict_above(found, random)]}"

    said = {"palette": "has no value here: nothing was drawn"}
    if f"mrr.palette.{n_train}" in mrr:
        said["palette"] = has("palette")
    if f"mrr.file-facts.{n_train}" not in mrr:
        said["facts"] = "Facts of the files do not vary here, so they can find nobody."
        return said
    left = (f"the {words} {has(f'{name} less file facts')}" for name, words in LEFT.items())
    said["facts"] = (
        f"A profile of file facts alone, which knows no pixel, {has('file facts')}. With these "
        f"facts regressed out, {listed(list(left))}."
    )
    return said


def suiting_distances(distances: pd.DataFrame) -> dict[str, Any]:
    """Distances by which image and mean embedding have the highest and the lowest MRR.

    Parameters
    ----------
    distances : DataFrame
        The step ``distance_table``.
    """
    said: dict[str, Any] = {}
    for name in ("image", "mean embedding"):
        of_profile = distances[distances["profile"] == name].set_index("distance")["value"]
        for end, at in (("best", of_profile.idxmax()), ("worst", of_profile.idxmin())):
            said[f"{end}.{slug(name)}"] = at
            said[f"{end}.{slug(name)}.mrr"] = float(of_profile[at])
    return said


def where_gained(
    sources: pd.DataFrame, random: Estimate, truth: pd.DataFrame | None
) -> dict[str, Any]:
    """Whether classes, and what varies within them, tell users apart.

    Parameters
    ----------
    sources : DataFrame
        The step ``gain_sources``.
    random : Estimate
        MRR of a random ranking.
    truth : DataFrame, optional
        Scene and style of every pin, where they are known.
    """
    parts = sources.set_index("profile")["estimate"]
    verdicts = {part: verdict_above(parts[part], random.value) for part in PARTS}
    carrying = [PARTS[part] for part, verdict in verdicts.items() if verdict == "holds"]
    carried = {
        2: f"{' and '.join(carrying)} both carry",
        1: f"only {''.join(carrying)} carries",
        0: "neither scenes nor looks can be shown to carry",
    }[len(carrying)]
    said = {
        "carried": carried,
        "classes": "the true ones of the simulated world"
        if truth is not None
        else "those that the CNN finds likeliest, so what it misses is left within them",
    }
    for name, part in zip(("of_class", "within"), PARTS, strict=True):
        said |= {name: f"{parts[part]:.3f}", f"{name}.found": FOUND[verdicts[part]]}
    return said


def known_tastes(worlds: pd.DataFrame) -> dict[str, Any]:
    """MRR in each world of known taste, and whether users who differ in style alone are found.

    Parameters
    ----------
    worlds : DataFrame
        The step ``taste_worlds``.
    """
    n_users = int(worlds["n_users"].iloc[0])
    random = random_mrr(n_users)
    of_styles = worlds[worlds["taste"] == "styles only"].set_index("profile")["estimate"]
    styles = (
        f"the {words} has {of_styles[name]:.3f} and {FOUND[verdict_above(of_styles[name], random)]}"
        for name, words in (("image", "image profile"), ("mean embedding", "mean embedding"))
    )
    return {
        "taste.users": f"{n_users:,}",
        "taste.random": f"{random:.3f}",
        "taste.styles": ", ".join(styles),
        **{
            f"taste.{slug(row.taste)}.{slug(row.profile)}": f"{row.value:.3f}"
            for row in worlds.itertuples()
        },
    }
