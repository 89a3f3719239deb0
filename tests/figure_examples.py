"""Arguments for every figure function that draws numbers, small enough to check by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from visprof.intervals import Estimate
from visprof.results.claims import Margin
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, UNANSWERABLE

INTERVALS = {"low": [0.3, 0.0, 0.4, -0.3], "high": [0.5, 0.3, 0.6, 0.1]}


def colour_files(folder: Path, n: int = 6) -> list[str]:
    """Picture files of one colour each."""
    paths = [str(folder / f"{i}.png") for i in range(n)]
    for i, path in enumerate(paths):
        Image.new("RGB", (20, 30), (40 * i, 255 - 40 * i, 7)).save(path)
    return paths


def card(*rows: tuple) -> pd.DataFrame:
    """A scorecard of some claims."""
    columns = ["claim", "short", "chapter", "ours", "verdict", "margin"]
    return pd.DataFrame(rows, columns=columns)


def scorecards() -> dict[str, pd.DataFrame]:
    """Scorecards of two studies, with every verdict."""
    return {
        "one": card(
            ("A above B (mAP)", "A above B", "03-metric", "0.5 against 0.4", HOLDS,
             Margin(0.1, 0.05, 0.2)),
            ("C above D", "C above <D>", "06-prediction", "0.1 & less", NOT_RESOLVED,
             Margin(-0.1, -0.4, 0.2)),
        ),
        "two": card(
            ("A above B (mAP)", "A above B", "03-metric", "0.3 against 0.4", DOES_NOT_HOLD,
             Margin(-0.1, -0.2, -0.05)),
            ("C above D", "C above <D>", "06-prediction", "no c", UNANSWERABLE, None),
        ),
    }  # fmt: skip


def drawn(figure: Figure) -> np.ndarray:
    """Pixels of a figure; drawing it would show any text or layout that fails."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def scores(**levels: list) -> pd.DataFrame:
    """Four scores with intervals, and the columns given."""
    return pd.DataFrame({**levels, "value": [0.4, 0.1, 0.5, -0.2], **INTERVALS})


def shares(**levels: list) -> pd.DataFrame:
    """Shares with intervals: every combination of the levels, at 30 and at 1,000 pins."""
    rows = pd.MultiIndex.from_product([*levels.values(), [30, 1000]], names=[*levels, "n_pins"])
    share = np.linspace(0, 1, len(rows))
    return rows.to_frame(index=False).assign(
        value=share, low=np.maximum(0, share - 0.1), high=np.minimum(1, share + 0.1)
    )


def ablation() -> pd.DataFrame:
    """Trainings by normalisation, rule and margin, and the network before training."""
    rows = [
        {"output_norm": output_norm, "rule": rule, "margin": margin, "lr_last": 0.1, "value": value,
         "low": value - 0.1, "high": value + 0.1, "first_active": margin - 1}
        for output_norm in ("batch", "l2")
        for rule, value in (("slow", 0.4), ("fast", 0.6))
        for margin in (1.0, 10.0, 25.0)
    ]  # fmt: skip
    start = {"rule": "start", "value": 0.3, "low": 0.2, "high": 0.4}
    return pd.DataFrame([start | {"output_norm": kind} for kind in ("batch", "l2")] + rows)


def curves(n_seeds: int = 2) -> pd.DataFrame:
    """MRR of two profiles at two numbers of training pins, each seed's beside it."""
    table = scores(profile=["image", "image", "text", "text"], n_train=[10, 20, 10, 20])
    offsets = np.linspace(-0.1, 0.1, n_seeds) if n_seeds > 1 else []
    return table.assign(estimate=[
        Estimate(mrr, by_seed=tuple((mrr + offset, 0, 1) for offset in offsets))
        for mrr in table["value"]
    ])  # fmt: skip


def contrasts(images: list[str]) -> pd.DataFrame:
    """Clusters of two pairs of users."""
    return pd.DataFrame(
        {
            "differ": ["most"] * 2 + ["little"] * 2,
            "user_i": ["ann $"] * 2 + ["carl"] * 2,
            "user_j": ["bob"] * 2 + ["dora"] * 2,
            "max_z": [5.0, 5.0, 1.0, 1.0],
            "z": [-5.0, 2.0, 1.0, 0.5],
            "count_i": [0.5, 3, 2, 2],
            "count_j": [9.0, 1, 1, 1],
            "again": [np.nan, 0.75, np.nan, np.nan],
            "images": [images[:6], images[:2], images[2:4], images[4:]],
        }
    )


def sensitivity() -> pd.DataFrame:
    """eCDFs by three parameters."""
    values = {
        "alpha": [0.1, 1.0],
        "bandwidth": [0.0, 0.05, 1.0],
        "normalised_assignments": [True, False],
    }
    rows = [
        (name, value, place == 0, 1.25, 1234.5, np.linspace(0, 3, 501), np.linspace(0, 2, 501))
        for name, of in values.items()
        for place, value in enumerate(of)
    ]
    columns = ["parameter", "value", "chosen", "entropy", "prior", "max_z", "shuffled_max_z"]
    return pd.DataFrame(rows, columns=columns)


def arguments(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Arguments by the name of the figure function."""
    images = colour_files(folder)
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(6, 2))
    labels = ["sea_side", "hill", "hill", "sea_side", "wood", "wood"]
    curve = np.array([1.0, 0.5, 0.25]), np.array([0.5, 0.75, 1.0])
    growth = scores(profile=["image", "text"] * 2, n_users=[10, 10, 20, 20])
    random = growth.assign(profile="random", value=[0.3, 0.3, 0.2, 0.2])
    growth = growth.assign(value=[0.4, 0.1, 0.5, 0.2], low=0.05)
    repeated = {"profile": ["image", "text"] * 2}
    z = rng.gamma(3, size=(3, 3001))
    counts = rng.gamma(2, size=(2, 4, 3))
    return {
        "taste_recovery": (
            pd.DataFrame({"pins": np.repeat([10, 100], 11), "error": np.linspace(0.5, 0.1, 22)}),
        ),
        "board_funnel": (
            pd.DataFrame({"step": ["all", "long"], "boards": [9, 4], "pins": [990, 480]}),
        ),
        "time_resolution": (
            pd.DataFrame({
                "board": ["a", "b"], "pins": [100, 30], "distinct_times": [20, 30],
                "largest_batch": [0.25, 1 / 30],
            }),
        ),
        "training_curves": (
            pd.DataFrame({
                "iteration": [1, 2, 3], "loss": [3.0, 2.0, 1.0],
                "similar_distance": [2.0, 1.5, 1.0], "dissimilar_distance": [2.0, 3.0, 4.0],
                "active_share": [1.0, 0.5, 0.0],
            }),
            3.0,
        ),
        "training_losses": (
            {
                name: {"iteration": [1, 2, last], "loss": [9.0, 5.0, 4.0],
                       "active_share": [0.5, 0.4, 0.25]}
                for name, last in (("all layers", 4), ("last layer", 8))
            },
        ),
        "siamese_ablation": (ablation(),),
        "class_mean_ap": (
            pd.DataFrame({"ours": [0.5, 0.9, 0.1], "theirs": [0.2, 0.3, 0.4]}, index=list("abc")),
        ),
        "neighbour_strips": (
            images, labels,
            pd.DataFrame(
                {"query": [0, 1], "neighbours": [[3, 2], [2, 5]], "average_precision": [0.75, 0.2]}
            ),
        ),
        "precision_recall": ({"one": curve, "two": curve[::-1]},),
        "scene_map": (plane, labels),
        "interactive_map": (
            pd.DataFrame({
                "x": plane[:, 0], "y": plane[:, 1], "image": images, "caption": list("abcdef"),
                "board": ["one", "two"] * 3,
            }),
            "pins",
        ),
        "compare_users": (
            ["ann", "bob $", "carl"], counts[0, :3], counts[1, 0], 0.1, "two-term",
            [[np.nan, 0.5, np.nan], [0.5, np.nan, 0.01], [np.nan, 0.01, np.nan]],
            [images[:2], [], [""]],
        ),
        "explore_pairs": (
            {"users": counts, "pins dealt": counts[:, ::-1, ::-1]}, counts[1, 0], [5, 9], 0.1,
            "two-term", 1.0,
        ),
        "board_row": (["ann", "bob $"], [images[:2], []], ["a line", "1 < 2"]),
        "scorecard_picture": (scorecards(),),
        "title_test": ({"image": 0.1, "mean embedding": 0.4}, 0.05, "A line."),
        "explore_power": (
            shares(rule=["pins", "Z"], taste=[0.0, 1.0], n_clusters=[100]),
            {"Z": "the rule", "pins": "the test"}, 0.05,
        ),
        "explore_ranks": (
            pd.DataFrame({"profile": ["image", "image", "text", "text"] * 2,
                          "n_train": [10, 20, 10, 20] * 2, "rank": [1, 2, 3, 1.5] + [3] * 4,
                          "times": 2}),
            curves(), 3,
        ),
        "guess_boards": (
            pd.DataFrame({
                "round": [1, 1, 2, 2], "board": ["a", "b $", "b $", "a"],
                "own": [True, False] * 2, "order": [1, 2, 2, 1],
                "images": [images[:3], images[3:]] * 2, "asked": [images[:2]] * 4,
            }),
            Estimate(0.5, 0.4, 0.6), Estimate(0.3, 0.2, 0.4),
        ),
        "max_z_ecdf": ({"users": z, "pins shuffled": z / 2},),
        "cluster_contrasts": (contrasts(images),),
        "own_clusters": (
            pd.DataFrame({
                "value": [0.2, 0.1], "low": [0.1, 0.0], "high": [0.3, 0.2], "others": [0.05, 0.1],
                "own_images": [images[:3], images[:1]], "other_images": [images[3:], []],
            }),
        ),
        "named_clusters": (
            pd.DataFrame({
                "name": ["sea (z 7.3, purity 91%)", "no name"], "z": [7.3, np.nan],
                "images": [images[:4], images[4:5]],
            }),
        ),
        "sensitivity_curves": (sensitivity(),),
        "mrr_curves": (curves(), 0.05),
        "mrr_growth": (pd.concat([growth, random], ignore_index=True),),
        "leakage_curves": (
            scores(removed=[0.5, 0.5, 1, 1], **repeated),
            scores(repeat_share=[0, 0, 0.2, 0.2], **repeated),
            (0.05, 0.02),
        ),
        "mrr_intervals": (
            scores(taste=["none", "none", "both", "both"], **repeated), "taste", 0.05, "profile",
        ),
        "bits_by_part": (
            scores(taste=["none", "none", "both", "both"], model=["inter", "intra"] * 2),
        ),
        "taste_levels": (
            pd.DataFrame({
                "category": ["sea, $ lake", "hill"], "pins": [9, 2], "own": [0.4, 0.2],
                "everyone": [0.1, 0.15], "style": ["lighter", "darker"], "own_style": [0.5, 0.3],
                "everyone_style": [0.25, 0.2], "own_images": [images[:3], images[:1]],
                "other_images": [images[3:], []],
            }),
        ),
        "mrr_leads": (scores(other=["text", "text", "palette", "palette"], n_train=[10, 20] * 2),),
        "setting_intervals": (
            pd.DataFrame({
                "setting": ["25, $x$", "50, $x$", "75, $x$", "failed"],
                "value": [0.4, 0.5, 0.45, np.nan], "low": [0.3, 0.4, 0.35, np.nan],
                "high": [0.5, 0.6, 0.55, np.nan], "difference": [np.nan, 0.1, 0.05, np.nan],
                "difference_low": [np.nan, 0.02, np.nan, np.nan],
                "difference_high": [np.nan, 0.2, np.nan, np.nan],
            }),
            "mrr.image.50",
        ),
        "recency_curves": (
            scores(pins=["first", "last"] * 2, profile=["image"] * 2 + ["mean embedding"] * 2,
                   n_train=10),
            0.05,
        ),
        "false_positive_rates": (
            shares(
                variance=["two-term", "four-term"], assignment=["hard", "soft"], alpha=[0.1, 1.0],
            ),
            0.05,
        ),
        "pvalue_ecdf": ({"calibrated": [np.array([0.2, 0.4]), np.array([0.6, 0.8, 0.8])]}, 0.05),
        "power_curves": (
            shares(rule=["pins", "Z"], taste=[0.0, 1.0], n_clusters=[100]),
            {"Z": "the rule", "pins": "the test"}, 0.05,
        ),
        "share_intervals": (
            pd.DataFrame({"name": ["b", "a"], "value": [0.2, 0.9], "low": [0.1, 0.8],
                          "high": [0.3, 1]}),
            0.5,
        ),
        "transfer_curves": (
            pd.concat(
                [
                    scores(profile=[profile] * 4, n_known=[0, 1, 5, 20])
                    .assign(world=world, metric=metric)
                    for world in ("two platforms", "one")
                    for profile in ("own", "none", "left out")
                    for metric in ("mrr", "auc")
                ]
            ),
            ["own", "none"],
            0.05,
        ),
        "user_shares": (
            pd.DataFrame(
                {"profile": ["image", "image", "palette"], "share": ["user", "pin", "user"],
                 "value": [0.2, 0.8, 0.1], "low": [0.1, 0.7, -0.1], "high": [0.3, 0.9, 0.3]}
            ),
        ),
        "taste_parts": (
            scores(feature=["embedding"] * 2 + ["facts"] * 2, part=["general", "own"] * 2),
        ),
        "category_mrr": (
            scores(feature=["embedding"] * 2 + ["facts"] * 2, trained=["other", "same"] * 2), 0.05,
        ),
        "known_carry_over": (
            pd.DataFrame(
                {"carry_over": [0.0, 1.0] * 2, "n_users": [15, 15, 30, 30],
                 "mean": [0.1, 0.9, 0.0, 1.0], "low": 0.0, "high": 1.0}
            ),
        ),
        "chance_bars": (
            pd.DataFrame(
                {"number": ["MRR", "mAP"], "sd_units": [0.05, 0.03], "sd_seeds": [0.0, 0.04]}
            ),
        ),
    }  # fmt: skip
