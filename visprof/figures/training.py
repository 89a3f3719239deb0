"""Figures of the Siamese network's training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd

from visprof.figures.curve_labels import label_ends
from visprof.figures.figure import Figure
from visprof.figures.style import COLOURS, CYCLE

__all__ = ["siamese_ablation", "training_curves", "training_losses"]


def training_curves(log: pd.DataFrame, margin: float) -> Figure:
    """Loss, distances of similar and dissimilar pairs, and share of active pairs by iteration.

    Parameters
    ----------
    log : DataFrame
        As `visprof.siamese_training.train_siamese` returns it.
    margin : float
        Margin of the loss, drawn into the distances.
    """
    drawn = ["iteration", "loss", "similar_distance", "dissimilar_distance", "active_share"]
    figure = Figure(
        figsize=(9, 3.2), layout="constrained", numbers=log[drawn].assign(margin=margin)
    )
    loss, distance, active = figure.subplots(1, 3)
    loss.plot(log["iteration"], log["loss"], color=COLOURS["grey"])
    loss.set(title="Loss (Eq. 1)", ylim=(0, None))
    distance.plot(
        log["iteration"], log["dissimilar_distance"], "--", label="dissimilar", color=CYCLE[1]
    )
    distance.plot(log["iteration"], log["similar_distance"], label="similar", color=CYCLE[0])
    distance.axhline(margin, color="#999999", lw=1, ls=":")
    is_below = log["dissimilar_distance"].iloc[-1] > margin  # where the curve does not end
    distance.annotate(
        "margin",
        (0.99, margin),
        (0, -3 if is_below else 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="top" if is_below else "bottom",
        fontsize="x-small",
    )
    distance.set(title="Mean distance D", ylim=(0, None))
    label_ends([distance], lambda: distance.legend(fontsize="small"))
    active.plot(log["iteration"], 100 * log["active_share"], color=COLOURS["purple"])
    active.set(title="Dissimilar pairs with D < margin, %", ylim=(-3, 103))
    for axis in (loss, distance, active):
        axis.set_xlabel("iteration")
    return figure


def training_losses(trainings: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Loss and share of active pairs of several trainings, by how much of each is done.

    Parameters
    ----------
    trainings : mapping of str to mapping
        Logs by name, each with columns iteration, loss and active_share.
    """
    logs = {
        name: pd.DataFrame({of: log[of] for of in ("iteration", "loss", "active_share")}).assign(
            training=name
        )
        for name, log in trainings.items()
    }
    numbers = pd.concat(logs.values(), ignore_index=True)
    figure = Figure(figsize=(9, 3.2), layout="constrained", numbers=numbers)
    loss, active = figure.subplots(1, 2)
    for (name, log), colour, dashes in zip(
        logs.items(), cycle(CYCLE), cycle(("-", "--", ":", "-.")), strict=False
    ):
        done = 100 * log["iteration"] / log["iteration"].iloc[-1]
        loss.plot(done, log["loss"], dashes, color=colour, label=name)
        active.plot(done, 100 * log["active_share"], dashes, color=colour)
    loss.set(title="Loss (Eq. 1)", ylim=(0, None))
    active.set(title="Dissimilar pairs with D < margin, %", ylim=(-3, 103))
    for axis in (loss, active):
        axis.set_xlabel("batches done, %")
    label_ends([loss], lambda: loss.legend(fontsize="small"))
    return figure


def siamese_ablation(table: pd.DataFrame) -> Figure:
    """Mean average precision by margin, for each normalisation (rows) and learning rate (columns).

    Parameters
    ----------
    table : DataFrame
        As the step ``siamese_ablation`` of a study returns it: columns output_norm, rule ("start":
        before training), lr_last, margin, mean_ap, low, high, first_active.
    """
    titles = {"batch": "batch normalisation", "l2": "unit length"}
    trained = table[table["rule"] != "start"]
    rules = list(trained["rule"].unique())
    columns = ["output_norm", "rule", "lr_last", "margin", "value", "low", "high", "first_active"]
    figure = Figure(figsize=(9, 5.2), layout="constrained", numbers=table[columns])
    axes = figure.subplots(len(titles), len(rules), sharex=True, sharey=True, squeeze=False)
    for (output_norm, title), row in zip(titles.items(), axes, strict=True):
        of_row = table[table["output_norm"] == output_norm]
        start = of_row[of_row["rule"] == "start"].iloc[0]
        for rule, axis in zip(rules, row, strict=True):
            shown = of_row[of_row["rule"] == rule]
            axis.axhspan(start["low"], start["high"], color=COLOURS["grey"], alpha=0.12, lw=0)
            axis.axhline(start["value"], color=COLOURS["grey"], ls=":", label="before training")
            places = np.arange(len(shown))
            error = (shown["value"] - shown["low"], shown["high"] - shown["value"])
            axis.errorbar(places, shown["value"], error, fmt="none", color=COLOURS["blue"], lw=1)
            for pushed, filling in ((True, COLOURS["blue"]), (False, "white")):
                dots = ((shown["first_active"] > 0) == pushed).to_numpy()
                axis.plot(
                    places[dots], shown["value"].to_numpy()[dots], "o", ms=6,
                    color=COLOURS["blue"], mfc=filling,
                    label="dissimilar pairs push" if pushed else "none pushes at first",
                )  # fmt: skip
            axis.set_xticks(places, [f"{margin:g}" for margin in shown["margin"]])
            axis.set_xlim(-0.5, len(shown) - 0.5)
        row[0].set_ylabel(f"{title}\nmAP")
    for rule, top, bottom in zip(rules, axes[0], axes[-1], strict=True):
        rate = trained.loc[trained["rule"] == rule, "lr_last"].iloc[0]
        top.set_title(f"{rule}: {rate:.2g}", fontsize="small")
        bottom.set_xlabel("margin m")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
    return figure
