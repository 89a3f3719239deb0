"""Tables of the training of the Siamese network."""

from __future__ import annotations

import pandas as pd

from visprof.intervals import Estimate
from visprof.sentences.training import GAIN, MIDDLE, VARIANTS
from visprof.tables.style import Styler, table

__all__ = ["turned_layers"]

VALUE = ["value", "low", "high"]


def turned_layers(ablation: pd.DataFrame) -> Styler:
    """How far the last layer turned, and what was gained, by normalisation and learning rate.

    Parameters
    ----------
    ablation : DataFrame
        The step ``siamese_ablation``.
    """
    trained = ablation[ablation["rule"] != "start"]
    turns = trained.groupby(["output_norm", "rule"])["turn"].mean()
    rows = [
        {
            "outputs": VARIANTS[row["output_norm"]],
            "learning rate": f"{row['rule']}: {row['lr_last']:.2g}",
            "turn of the last layer": f"{turns[row['output_norm'], row['rule']]:.1f}°",
            f"gain in mAP at margin {MIDDLE:g}": f"{Estimate(*row[GAIN]):.3f}",
        }
        for _, row in trained[trained["margin"] == MIDDLE].iterrows()
    ]
    return table(pd.DataFrame(rows))
