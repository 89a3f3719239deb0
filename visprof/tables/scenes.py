"""Tables of the ranking of labelled scenes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.retrieval import RankingMetrics
from visprof.sentences.scenes import PAPERS_ORDER
from visprof.tables.style import Styler, table

__all__ = ["class_scores", "order_steps", "retrieval_curves", "retrieval_scores"]

METHODS = {  # name, and value in the paper
    "hybrid": ("Hybrid CNN", "0.134"),
    "cnn": ("CNN alone", "0.132"),
    "bow": ("SIFT + BoW", "0.019"),
    "random": ("Random", "0.005"),
    "siamese": ("Siamese alone (our addition)", ""),
    "untrained": ("Siamese before training (our addition)", ""),
    "scaled": ("Hybrid, blocks scaled (our addition)", ""),
}
IN_CURVES = ("hybrid", "cnn", "bow", "siamese", "scaled")
BY_CLASS = ("hybrid", "cnn", "bow")


def retrieval_scores(numbers: Mapping[str, Estimate]) -> Styler:
    """Table 1: each method in both readings, beside the paper's value.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    rows = [
        {
            "method": name,
            "paper": paper,
            "mAP": f"{numbers[f'map.{method}']:.3f}",
            "area under averaged curve": f"{numbers[f'map.{method}.area']:.3f}",
        }
        for method, (name, paper) in METHODS.items()
    ]
    return table(pd.DataFrame(rows))


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

    Parameters
    ----------
    class_mean_ap : DataFrame
        The step of this name.
    """
    shown = class_mean_ap[list(BY_CLASS)]
    return shown.rename(columns={method: METHODS[method][0] for method in BY_CLASS})


def order_steps(numbers: Mapping[str, Estimate]) -> Styler:
    """Difference and verdict of each step of the paper's order, in both readings.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    rows = []
    for better, worse in PAPERS_ORDER:
        mean_ap, area = (numbers[f"map.{better}-{worse}{end}"] for end in ("", ".area"))
        rows.append(
            {
                "step of the order": f"{METHODS[better][0]} > {METHODS[worse][0]}",
                "difference, mAP": f"{mean_ap:.3f}",
                "difference, area under averaged curve": f"{area:.3f}",
                "verdict (mAP)": verdict_above(mean_ap, 0),
                "verdict (area)": verdict_above(area, 0),
            }
        )
    return table(pd.DataFrame(rows))
