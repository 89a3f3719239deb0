"""Tables of the paper's own training, from its published record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.results.verdicts import verdict_above
from visprof.scene_table import READINGS
from visprof.sentences.trainings import SEEN, SPLIT, SPLITS, estimate
from visprof.tables.style import Styler, table

__all__ = ["margin_sweep", "training_leads", "training_logs", "training_scores"]

METHODS = {  # name, and value in the paper
    "hybrid": ("Hybrid CNN, last layer learns", ""),
    "hybrid, all layers": ("Hybrid CNN, all layers learn", "0.134"),
    "cnn": ("CNN alone", "0.132"),
    "bow": ("SIFT + BoW", "0.019"),
    "random": ("Random", "0.005"),
    "scaled": ("Hybrid, blocks scaled, last layer", ""),
    "scaled, all layers": ("Hybrid, blocks scaled, all layers", ""),
    "siamese": ("Siamese alone, last layer", ""),
    "siamese, all layers": ("Siamese alone, all layers", ""),
    "untrained": ("Siamese before training", ""),
    "probe": ("Linear probe of the same labels", ""),
    "discriminants": ("Linear discriminants, without shrinkage", ""),
}
SHOWN = {"mean_ap": "mAP", "pr_area": "area"}
LEADS = (
    "hybrid-cnn", "hybrid, all layers-cnn", "hybrid, all layers-hybrid", "scaled-cnn",
    "scaled, all layers-cnn", "siamese-cnn", "siamese, all layers-cnn", "hybrid-probe",
    "hybrid, all layers-probe", "siamese-probe", "siamese, all layers-probe", "cnn-bow",
    "bow-random",
)  # fmt: skip
PROTOCOLS = {SEEN: "seen classes", SPLITS: "unseen, all splits", SPLIT: "unseen, first split"}


def training_scores(record: Mapping[str, Any]) -> Styler:
    """Table 1 of the paper's training, on classes seen and unseen, beside the paper.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.places_table`` keeps.
    """
    rows = []
    for method, (name, paper) in METHODS.items():
        row = {"method": name, "paper": paper}
        for where, protocol in (("", SEEN), ("unseen classes: ", SPLIT)):
            for reading in READINGS:
                found = record["tables"][protocol].get(method)
                row[where + SHOWN[reading]] = f"{estimate(found[reading]):.4f}" if found else ""
        rows.append(row)
    return table(pd.DataFrame(rows))


def training_leads(record: Mapping[str, Any]) -> Styler:
    """Paired differences of its rows by mAP, on classes seen and unseen, with a verdict each.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.places_table`` keeps.
    """
    rows = []
    for key in LEADS:
        better, _, worse = key.rpartition("-")
        row = {"mAP of": METHODS[better][0], "less that of": METHODS[worse][0]}
        for protocol, name in PROTOCOLS.items():
            found = record["tables"][protocol].get(key)
            number = found and estimate(found["mean_ap"])
            row[name] = f"{number:.4f}: {verdict_above(number, 0)}" if number else ""
        rows.append(row)
    return table(pd.DataFrame(rows))


def training_logs(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Logs of the trainings on all classes, of the last layer and of all layers, by name.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.places_table`` keeps.
    """
    names = {"all layers": "all-layers", "last layer": "last-layer"}
    return {shown: record["trainings"][name]["log"] for shown, name in names.items()}


def margin_sweep(record: Mapping[str, Any]) -> Styler:
    """Trainings on all classes by margin: dissimilar pairs that push, and mAP.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.places_table`` keeps.
    """
    rows = [
        {
            "layers that learn": row["layers"],
            "margin": f"{row['margin']:g}",
            "rate of the last layer": f"{row['lr_last']:.2g}",
            "batches": f"{row['n_iterations']:,}",
            "active pairs, first": f"{row['first_active']:.0%}",
            "last": f"{row['last_active']:.0%}",
            "Siamese alone": f"{row['siamese mean_ap']:.4f}",
            "hybrid": f"{row['hybrid mean_ap']:.4f}",
        }
        for row in sorted(
            record["margins"], key=lambda row: (row["layers"], row["margin"], row["lr_last"])
        )
    ]
    return table(pd.DataFrame(rows))
