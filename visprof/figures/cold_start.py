"""The figure of how fast a profile is learned on a platform where its user is new."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from visprof.figures.curve_labels import label_ends
from visprof.figures.figure import Figure
from visprof.figures.style import CYCLE, DASHES, MARKERS, RANDOM, arms, legend_below

__all__ = ["transfer_curves"]


def transfer_curves(table: pd.DataFrame, profiles: Sequence[str], random: float) -> Figure:
    """MRR by known pins, a panel for each world and a curve for each profile.

    Parameters
    ----------
    table : DataFrame
        Columns world, profile, metric, n_known, value, low, high.
    profiles : sequence of str
        Which of the profiles are drawn, in this order.
    random : float
        MRR of a random ranking, drawn as a line.

    Returns
    -------
    Figure
        Its table has the rows drawn, of the metric "mrr", without that column, and random.
    """
    rows = table[(table["metric"] == "mrr") & table["profile"].isin(profiles)]
    columns = ["world", "profile", "n_known", "value", "low", "high"]
    numbers = rows[columns].assign(random=random)
    worlds = list(rows["world"].unique())
    figure = Figure(figsize=(1.2 + 3.2 * len(worlds), 4.4), layout="constrained", numbers=numbers)
    axes = figure.subplots(1, len(worlds), squeeze=False)[0]
    sizes = sorted(rows["n_known"].unique())
    for axis, world in zip(axes, worlds, strict=True):
        for place, profile in enumerate(profiles):
            line = rows[(rows["world"] == world) & (rows["profile"] == profile)]
            # side by side, lest the bars hide each other
            at = line["n_known"].map(sizes.index) + 0.08 * (place - (len(profiles) - 1) / 2)
            axis.errorbar(
                at, line["value"], yerr=arms(line), color=CYCLE[place], ls=DASHES[place],
                marker=MARKERS[place], ms=5, elinewidth=1,
                label="not translated" if profile == "none" else profile,
            )  # fmt: skip
        axis.axhline(random, **RANDOM)
        axis.set_xticks(range(len(sizes)), [f"{n}" for n in sizes])
        axis.set(title=world, xlabel="pins known on the second platform", ylim=(0, None))
    axes[0].set(ylabel="mean reciprocal rank")
    label_ends(axes, lambda: legend_below(figure, ncols=3))
    return figure
