"""Steps: how what categories and styles tell depends on how fine categories are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visprof._lazy import lazily
from visprof.intervals import Estimate, mean_over_seeds
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.fusion import FusionScores, bits_by_name, style_clusters, told
from visprof.steps.pin_categories import PinCategories, named_categories
from visprof.steps.pin_parts import as_codes
from visprof.steps.registry import step

with lazily():
    from sklearn.metrics import mutual_info_score

    from visprof.hierarchy import rank_by_score

__all__ = ["GRAIN_PARTS", "grain_numbers", "grain_scores", "grain_table", "told_of"]

GRAIN_PARTS = ("inter", "intra", "interaction", "fusion", "mrr")


@step
def grain_scores(
    fusion_scores: FusionScores,
    pin_categories: PinCategories,
    pin_styles: np.ndarray,
    scene_classes: np.ndarray,
    pin_truth: pd.DataFrame | None,
    pin_embedding: PinArrays,
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    session_rule: str,
    n_style_clusters: int,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
    start: int,
) -> dict[str, dict[str, np.ndarray]]:
    """Of each user, bits by part and the reciprocal rank by fusion, by how fine categories are.

    Keys "categories", those of the study, and "classes" of scenes; of each also ``n``, how many
    there are. Where the truth is known, also ``told_class`` and ``told_style`` (see `told_of`).
    """
    fine = named_categories(scene_classes)
    fine_styles = style_clusters(
        pin_embedding.stacked(), fine.codes, len(board_split.background), n_style_clusters, start
    )
    of_fine = told(
        fine, fine_styles, board_split, pin_sessions, session_rule, n_pins, n_test, train_sizes,
        n_style_clusters, seed,
    )  # fmt: skip
    found: dict[str, dict[str, np.ndarray]] = {}
    for grain, categories, styles, bits, ranks in (
        (
            "categories", pin_categories, pin_styles, fusion_scores.bits,
            fusion_scores.ranks["fusion"],
        ),
        (
            "classes", fine, fine_styles, bits_by_name(of_fine.bits),
            1 / rank_by_score(of_fine.evidence.fusion).middle,
        ),
    ):  # fmt: skip
        own = {part: bits[part] for part in GRAIN_PARTS if part != "mrr"} | {"mrr": ranks}
        if pin_truth is not None:
            for name, column in (("told_class", "scene"), ("told_style", "style")):
                truth = as_codes(pin_truth[column])
                own[name] = np.array(told_of(styles, truth, categories.codes))
        found[grain] = own | {"n": np.array(len(categories.names))}
    return found


def told_of(clusters: NDArray, truth: NDArray, categories: NDArray) -> float:
    """Share of what is uncertain of a truth within categories that clusters tell.

    The mutual information given the category, by the entropy given it; 0 where nothing is
    uncertain.
    """
    told = uncertain = 0.0
    for category in np.unique(categories):
        of = categories == category
        told += of.mean() * mutual_info_score(clusters[of], truth[of])
        uncertain += of.mean() * mutual_info_score(truth[of], truth[of])
    return float(told / uncertain) if uncertain > 1e-9 else 0.0


@step
def grain_table(
    every_grain_scores: list[dict[str, dict[str, np.ndarray]]], seed: int
) -> pd.DataFrame:
    """Means over users and seeds: columns grain, categories, the parts, told_class, told_style.

    The parts are estimates; the shares told are means over seeds, NaN where no truth is known.
    """
    rows = []
    for grain in every_grain_scores[0]:
        of_seeds = [of[grain] for of in every_grain_scores]
        values = [np.column_stack([of[part] for part in GRAIN_PARTS]) for of in of_seeds]
        estimates = mean_over_seeds(values, "users", random_state=seed)
        told = {
            name: float(np.mean([of.get(name, np.nan) for of in of_seeds]))
            for name in ("told_class", "told_style")
        }
        n = int(of_seeds[0]["n"])
        rows.append(
            {
                "grain": grain,
                "categories": n,
                **dict(zip(GRAIN_PARTS, estimates, strict=True)),
                **told,
            }
        )
    return pd.DataFrame(rows)


@step
def grain_numbers(grain_table: pd.DataFrame) -> dict[str, Estimate]:
    """Parts by how fine categories are: keys such as ``fusion.grain.classes.intra``."""
    return {
        f"fusion.grain.{row['grain']}.{part}": row[part]
        for row in grain_table.to_dict("records")
        for part in GRAIN_PARTS
    }
