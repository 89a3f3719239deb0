"""Sentences of the labelled scenes and their ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.scene_retrieval import CLAIMED_ORDER

__all__ = [
    "class_by_class", "class_coverage", "example_answers", "known_scenes", "labelled_scenes",
    "retrieval_order", "unseen_classes", "worked_average_precision",
]  # fmt: skip

OTHERS = ("scaled", "siamese", "probe")  # than the hybrid
DOES = {
    "holds": "is ahead of", "does not hold": "falls behind",
    "not resolved": "is not told apart from",
}  # fmt: skip
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
        steps = (f"map.{better}-{worse}{reading}" for better, worse in CLAIMED_ORDER)
        verdicts = {verdict_above(numbers[step], 0) for step in steps}
        said[name] = next(verdict for verdict in WEAKEST_FIRST if verdict in verdicts)
    hybrid = numbers["map.hybrid"].value
    gains = {f"{of}_gain": f"{numbers[f'map.{of}'].value - hybrid:+.3f}" for of in OTHERS}
    return said | gains | {"cnn_share": f"{numbers['map.cnn_share'].value:.1%}"}


def unseen_classes(numbers: Mapping[str, Estimate], n_splits: int) -> dict[str, Any]:
    """What the learned distance is worth on classes that training has not seen.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    n_splits : int
        Splits of the classes.
    """
    if "map.heldout.hybrid-cnn" not in numbers:
        return {"unseen": "These data have too few classes to keep half of them from training."}
    found = {of: numbers[f"map.heldout.{of}"] for of in ("hybrid-cnn", "siamese-cnn")}
    does = {of: DOES[verdict_above(number, 0)] for of, number in found.items()}
    times = "once" if n_splits == 1 else f"{n_splits} times"
    return {
        "unseen": f"On classes that training has not seen (the classes were halved {times}), the "
        f"hybrid {does['hybrid-cnn']} the CNN alone by mAP (difference "
        f"{found['hybrid-cnn']:.3f}), and the Siamese network alone {does['siamese-cnn']} it "
        f"({found['siamese-cnn']:.3f})."
    }


def class_coverage(kept: Mapping[str, Any]) -> dict[str, Any]:
    """How often the interval of a difference covers the truth, by number of classes.

    Parameters
    ----------
    kept : mapping
        What ``benchmarks.class_intervals`` keeps.
    """
    rows, of_area = (
        [row for row in kept["coverage"] if row["number"] == f"difference of {reading}"]
        for reading in ("mAP", "area")
    )
    return {
        "covered": ", ".join(f"{row['jackknife and t']:.0%}" for row in rows),
        "covered.area": ", ".join(f"{row['jackknife and t']:.0%}" for row in of_area),
        "covered.percentile": ", ".join(f"{row['percentile']:.0%}" for row in rows),
        "covered.classes": ", ".join(str(row["classes"]) for row in rows),
        "covered.studies": f"{kept['settings']['studies']:,}",
    }


def example_answers(labels: Sequence[str], queries: pd.DataFrame) -> dict[str, Any]:
    """How many of the pictures shown beside queries are of the query's class.

    Parameters
    ----------
    labels : sequence of str
        Classes of the pictures.
    queries : DataFrame
        The step ``example_queries``.
    """
    right = [
        labels[position] == labels[row.query]
        for row in queries.itertuples()
        for position in row.neighbours
    ]
    return {"answers": f"{sum(right)} of {len(right)}"}
