"""Tables of the ranking of labelled scenes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.scene_retrieval import CLAIMED_ORDER
from visprof.tables.style import Styler, bars_on_one_scale, table

with lazily():
    from visprof.retrieval import RankingMetrics

__all__ = ["class_scores", "order_steps", "retrieval_curves", "retrieval_scores"]

METHODS = {  # name, and value in the paper
    "hybrid": ("Hybrid CNN", "0.134"),
    "cnn": ("CNN alone", "0.132"),
    "bow": ("SIFT + BoW", "0.019"),
    "random": ("Random", "0.005"),
    "scaled": ("Hybrid, blocks scaled (our addition)", ""),
    "siamese": ("Siamese alone (our addition)", ""),
    "untrained": ("Siamese before training (our addition)", ""),
    "probe": ("Linear probe (our addition)", ""),
    "lda": ("Linear discriminants (our addition)", ""),
}
IN_CURVES = ("hybrid", "cnn", "bow", "siamese", "scaled")
MOST_CLASSES = 30  # in the figure of classes
BY_CLASS = ("hybrid", "cnn", "bow")


def retrieval_scores(numbers: Mapping[str, Estimate]) -> Styler:
    """Table 1: each method in both readings, on classes seen and unseen, beside the paper.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    readings = {"mAP": "", "area under averaged curve": ".area"}
    rows, columns = [], defaultdict[str, list[Estimate | None]](list)
    for method, (name, paper) in METHODS.items():
        row = {"method": name, "paper": paper}
        for where, key in (("", f"map.{method}"), ("unseen classes: ", f"map.heldout.{method}")):
            for reading, end in readings.items():
                found = numbers.get(key + end)
                columns[where + reading].append(found)
                row[where + reading] = "" if found is None else f"{found:.3f}"
        rows.append(row)
    bars = {column: bars_on_one_scale(of) for column, of in columns.items()}
    return table(pd.DataFrame(rows), bars=bars)


def retrieval_curves(
    ranking: Mapping[str, RankingMetrics],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Averaged precision and recall, each of shape (n - 1,), by the shown name of the method.

    Parameters
    ----------
    ranking : mapping of str to RankingMetrics
        The step ``scene_ranking``.
    """
    return {
        METHODS[method][0]: (ranking[method].precision, ranking[method].recall)
        for method in IN_CURVES
    }


def class_scores(class_mean_ap: pd.DataFrame) -> pd.DataFrame:
    """Mean average precision of each class, a column for each of the paper's methods.

    Of many classes, those are taken that the hybrid finds worst, middling and best.

    Parameters
    ----------
    class_mean_ap : DataFrame
        The step of this name.
    """
    shown = class_mean_ap[list(BY_CLASS)].sort_values("hybrid", kind="stable")
    if (rest := len(shown) - MOST_CLASSES) > 0:
        third = MOST_CLASSES // 3
        middle = third + rest // 2
        shown = pd.concat([shown[:third], shown[middle : middle + third], shown[-third:]])
    return shown.rename(columns={method: METHODS[method][0] for method in BY_CLASS})


def order_steps(numbers: Mapping[str, Estimate]) -> Styler:
    """Difference and verdict of each step of the paper's order, and of ours, in both readings.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    steps = {f"map.{a}-{b}": f"{METHODS[a][0]} > {METHODS[b][0]}" for a, b in CLAIMED_ORDER}
    steps["map.heldout.hybrid-cnn"] = f"{steps['map.hybrid-cnn']}, on unseen classes"
    steps["map.hybrid-probe"] = f"{METHODS['hybrid'][0]} > Linear probe"
    kept = [key for key in steps if key in numbers]
    columns = {"difference, mAP": "", "difference, area under averaged curve": ".area"}
    found = {column: [numbers[key + end] for key in kept] for column, end in columns.items()}
    rows = []
    for key, mean_ap, area in zip(kept, *found.values(), strict=True):
        rows.append(
            {
                "step of the order": steps[key],
                **{
                    column: f"{of:.3f}" for column, of in zip(columns, (mean_ap, area), strict=True)
                },
                "verdict (mAP)": verdict_above(mean_ap, 0),
                "verdict (area)": verdict_above(area, 0),
            }
        )
    bars = {column: bars_on_one_scale(of) for column, of in found.items()}
    return table(pd.DataFrame(rows), bars=bars)
