"""Sentences of clusters and boards in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof._lazy import lazily
from visprof.sentences.numerals import listed
from visprof.steps.taste_words import NO_NAME

with lazily():
    from visprof import cluster_labelling as labelling

__all__ = ["AGREED", "board_in_words", "named", "names_of_clusters"]

AGREED = 0.5  # least share of a cluster's pins with one true scene, for its name to be judged


def named(name: str, z: float, purity: float) -> str:
    """A name with its z and purity, or that there is none.

    Parameters
    ----------
    name : str
    z, purity : float
        NaN where there is no name.
    """
    return NO_NAME if name == NO_NAME else f"{name} (z {z:.1f}, purity {purity:.0%})"


def names_of_clusters(cluster_names: pd.DataFrame, data: str) -> dict[str, Any]:
    """How many clusters have a name and from where, how many names are right, and the rule.

    Parameters
    ----------
    cluster_names : DataFrame
        The step of this name.
    data : str
        The reader's folder; empty where all is simulated.
    """
    n, sources = len(cluster_names), cluster_names["source"]
    by = {of: int((sources == of).sum()) for of in ("classes", "captions", "")}
    classes = "the network's classes" if data else "a probe that learnt from the labelled scenes"
    said = f"Of {n:,} clusters, {by['classes']:,} have a name by {classes}"
    said += f", {by['captions']:,} by captions" if by["captions"] else ""
    said += f", and {by['']:,} have none." if by[""] else "; all have one." if n else ""
    judged = cluster_names[cluster_names["truth_purity"] >= AGREED]
    if len(judged):
        right = int((judged["name"] == judged["truth"]).sum())
        said += (
            f" The true scene of every pin is known here. In {len(judged):,} clusters at least "
            f"{AGREED:.0%} of the pins show one scene, and for {right:,} of them "
            f"({right / len(judged):.0%}) the name is that scene; no name, and another word for "
            "it, count as wrong."
        )
    return {
        "names": said,
        "names.prior": f"{labelling.PRIOR_PINS:g}",
        "names.purity": f"{labelling.MIN_PURITY:.0%}",
        "names.level": f"{labelling.LEVEL:.0%}",
    }


def board_in_words(board_names: pd.DataFrame, board: str) -> dict[str, Any]:
    """What sets a board apart from the others, in words, or that nothing does.

    Parameters
    ----------
    board_names : DataFrame
        The step of this name.
    board : str
        Its name.
    """
    own = board_names[board_names["board"] == board]
    parts = []
    for source, of_what in (("classes", "by what the network sees"), ("captions", "by captions")):
        told = [
            f"{row.name} (z {row.z:.1f}; {row.purity:.0%} of its pins, {row.others:.0%} of others')"
            for row in own[own["source"] == source].itertuples(index=False, name="Term")
        ]
        if told:
            parts.append(f"{of_what}, {listed(told)}")
    if not parts:
        return {
            "in_words": "No class that the network knows, and no word of captions, sets this board "
            "apart from the others."
        }
    return {"in_words": f"In words, this board has more than others of: {'; '.join(parts)}."}
