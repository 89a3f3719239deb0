"""Sentences of the labelled scenes and their ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.scene_retrieval import CLAIMED_ORDER

__all__ = [
    "class_by_class", "known_scenes", "labelled_scenes", "retrieval_order",
    "worked_average_precision",
]  # fmt: skip

PAPERS_ORDER = CLAIMED_ORDER[:3]  # the last step is our addition
WEAKEST_FIRST = ("does not hold", "not resolved", "holds")


def labelled_scenes(test: pd.DataFrame) -> dict[str, Any]:
    """How many test scenes there are, of how many classes, and the sizes of classes.

    Parameters
    ----------
    test : DataFrame
        One row a test scene, with column label.
    """
    sizes = test["label"].value_counts()
    return {
        "n_test": f"{len(test):,}",
        "n_classes": len(sizes),
        "smallest_class": int(sizes.min()),
        "largest_class": int(sizes.max()),
    }


def known_scenes(top_five: Estimate | None) -> dict[str, Any]:
    """How well the CNN knows the scenes before any training.

    Parameters
    ----------
    top_five : Estimate, optional
        Share of scenes with their own class among its first five guesses; None where it has no
        class by the names of the scenes.
    """
    if top_five is None:
        return {"top5": "The CNN has no class by the name of one of these scenes."}
    return {
        "top5": "Before any training of ours, the CNN has the right class among its first five "
        f"guesses for {top_five:.1%} of the scenes, for training and test, whose class it knows by "
        "name."
    }


def worked_average_precision(first: int, second: int) -> dict[str, Any]:
    """Average precision of a query with two relevant pictures, step by step.

    Parameters
    ----------
    first, second : int
        Their ranks, from 1.
    """
    precisions = 1 / first, 2 / second
    return {
        "worked.first": first,
        "worked.second": second,
        "worked.precision.first": f"{precisions[0]:.2f}",
        "worked.precision.second": f"{precisions[1]:.2f}",
        "worked.ap": f"{sum(precisions) / 2:.2f}",
    }


def class_by_class(class_mean_ap: pd.DataFrame) -> dict[str, Any]:
    """In how many classes the hybrid is ahead of the CNN, and its hardest and easiest class.

    Parameters
    ----------
    class_mean_ap : DataFrame
        The step of this name.
    """
    hybrid = class_mean_ap["hybrid"]
    return {
        "n_ahead": int((hybrid > class_mean_ap["cnn"]).sum()),
        "hardest": hybrid.idxmin().replace("_", " "),
        "hardest.map": float(hybrid.min()),
        "easiest": hybrid.idxmax().replace("_", " "),
        "easiest.map": float(hybrid.max()),
    }


def retrieval_order(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Verdict on the paper's whole order, which is that of its weakest step, in both readings.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    said = {}
    for name, reading in (("order", ""), ("order.area", ".area")):
        steps = (f"map.{better}-{worse}{reading}" for better, worse in PAPERS_ORDER)
        verdicts = {verdict_above(numbers[step], 0) for step in steps}
        said[name] = next(verdict for verdict in WEAKEST_FIRST if verdict in verdicts)
    scaled_gain = numbers["map.scaled"].value - numbers["map.hybrid"].value
    return said | {"scaled_gain": f"{scaled_gain:+.3f}"}
