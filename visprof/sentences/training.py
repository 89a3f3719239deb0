"""Sentences of the training of the Siamese network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.steps.ablation import MARGINS
from visprof.steps.networks import SiameseTraining

__all__ = [
    "best_variant", "margin_too_small", "on_top", "siamese_gain", "training_run",
    "turned_layer", "worked_loss",
]  # fmt: skip

NORMALISATIONS = {"batch": "batch normalisation", "l2": "scaling to unit length"}
VARIANTS = {"batch": "batch normalisation", "l2": "unit length"}  # as the figure names them
LOGGED = ("similar_distance", "dissimilar_distance", "active_share")
GAIN = ["gain", "gain_low", "gain_high"]
MIDDLE = MARGINS[2]


def worked_loss(margin: float) -> dict[str, Any]:
    """Contrastive loss of a near pair and a far one (Eq. 1).

    Parameters
    ----------
    margin : float
        Of the loss. The near pair is at half of it, the far one at one and a half times.
    """
    near, far = margin / 2, 1.5 * margin
    return {
        "worked.near": f"{near:g}",
        "worked.far": f"{far:g}",
        "worked.near.loss": f"{near**2 / 2:g}",
        "worked.far.loss": f"{far**2 / 2:g}",
    }


def on_top(output_norm: str, n_outputs: int) -> dict[str, Any]:
    """What is on top of the network, and how far apart batch normalisation puts unrelated pictures.

    Parameters
    ----------
    output_norm : {"batch", "l2"}
    n_outputs : int
        Of the network.
    """
    return {
        "normalisation": NORMALISATIONS[output_norm],
        "start_distance": float((2 * n_outputs) ** 0.5),
        "times_farther": float(n_outputs**0.5),  # than outputs of unit length
    }


def training_run(training: SiameseTraining, n_train: int) -> dict[str, Any]:
    """What the network learnt from, and what was logged first and last.

    Parameters
    ----------
    training : SiameseTraining
        The step ``siamese_training``.
    n_train : int
        Scenes for training.
    """
    log = training.log
    return {
        "n_train": f"{n_train:,}",
        "n_similar": f"{training.n_similar:,}",
        "n_dissimilar": f"{training.n_dissimilar:,}",
        **{f"first.{name}": float(log[name].iloc[0]) for name in LOGGED},
        **{f"last.{name}": float(log[name].iloc[-1]) for name in LOGGED},
    }


def siamese_gain(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Mean average precision before and after training.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``map_numbers``.
    """
    return {
        "untrained": numbers["map.untrained"].value,
        "trained": numbers["map.siamese"].value,
        "gain": f"{numbers['map.siamese-untrained']:.3f}",
    }


def turned_layer(ablation: pd.DataFrame) -> dict[str, Any]:
    """Whether the last layer turns further under batch normalisation, at the paper's rate.

    Parameters
    ----------
    ablation : DataFrame
        The step ``siamese_ablation``.
    """
    turns = ablation[ablation["rule"] == "paper's rate"].groupby("output_norm")["turn"].mean()
    turned = (
        f"by {turns['batch']:.1f} degrees under batch normalisation, and by {turns['l2']:.1f} "
        "degrees with outputs of unit length."
    )
    lead = "At the paper's rate the layer turns "
    if turns["batch"] <= turns["l2"]:
        lead = f"In as few batches as here that does not show: {lead[0].lower()}{lead[1:]}"
    return {"turned": lead + turned, "middle_margin": f"{MIDDLE:g}"}


def margin_too_small(ablation: pd.DataFrame) -> dict[str, Any]:
    """Pairs that push at first, and what is gained, at the least margin with batch normalisation.

    Parameters
    ----------
    ablation : DataFrame
        The step ``siamese_ablation``.
    """
    found = ablation.set_index(["output_norm", "rule", "margin"])
    least = found.loc[("batch", "paper's rate x iterations", MARGINS[0])]
    return {
        "unpushed.active": f"{least['first_active']:.1%}",
        "unpushed.gain": f"{Estimate(*least[GAIN]):.3f}",
    }


def best_variant(ablation: pd.DataFrame) -> dict[str, Any]:
    """The training with the highest mean average precision, and its name.

    Parameters
    ----------
    ablation : DataFrame
        The step ``siamese_ablation``.
    """
    trained = ablation[ablation["rule"] != "start"].set_index(["output_norm", "rule", "margin"])
    output_norm, rule, margin = trained["value"].sort_index().idxmax()
    return {
        "best": float(trained["value"].max()),
        "best_name": f"{VARIANTS[output_norm]}, {rule}, margin {margin:g}",
    }
