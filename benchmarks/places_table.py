"""Table 1 of what `benchmarks.places_training` found, with intervals over classes.

    python -m benchmarks.places_table OUT/log.json

Prints the tables, and keeps them with curves and settings in `results/training/places.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from visprof.results.trainings import TRAININGS, write_training
from visprof.scene_table import Ranked, mean_of_folds, table_one

ALL = ", all layers"  # added to the rows of a network all of whose layers learnt
LEARNT = ("hybrid", "scaled", "siamese")  # rows that a training changes
DIFFERENCES = (
    ("hybrid", "cnn"), ("hybrid, all layers", "cnn"), ("hybrid, all layers", "hybrid"),
    ("scaled", "cnn"), ("scaled, all layers", "cnn"), ("siamese", "cnn"),
    ("siamese, all layers", "cnn"), ("siamese", "untrained"), ("siamese", "probe"),
    ("hybrid", "probe"), ("siamese, all layers", "probe"), ("cnn", "bow"), ("bow", "random"),
)  # fmt: skip


def all_rows(last: Ranked, all_layers: Ranked | None, others: Ranked | None = None) -> Ranked:
    """Rows of a network whose last layer learnt alone, and of one all of whose layers did."""
    renamed = {f"{name}{ALL}": all_layers[name] for name in LEARNT} if all_layers else {}
    return {**last, **renamed, **(others or {})}


def tabled(rows: Ranked) -> dict[str, dict[str, dict[str, float]]]:
    """The table of these rows, with all differences that they allow."""
    return table_one(rows, [pair for pair in DIFFERENCES if {*pair} <= {*rows}])


def tables_of(log: dict[str, Any]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """A table for each protocol that the log has all runs of."""
    ranked = {name: job["ranked"] for name, job in log["jobs"].items() if "ranked" in job}
    tables = {}
    if "last-layer" in ranked:
        bow = ranked.get("bow", {})
        others = {"bow": bow["bow"]} if bow else None
        tables["all classes"] = tabled(
            all_rows(ranked["last-layer"], ranked.get("run-all-layers"), others)
        )
    folds = [of for name, of in sorted(ranked.items()) if name.startswith("fold-")]
    if folds:
        tables[f"unseen classes, mean of {len(folds)} folds"] = tabled(mean_of_folds(folds))
    both = [ranked.get(name) for name in ("fold-0-0", "fold-0-1", "run-unseen-1", "run-unseen-2")]
    if all(both):
        tables["unseen classes, one deal both ways"] = tabled(
            all_rows(mean_of_folds(both[:2]), mean_of_folds(both[2:]))
        )
    if "run-alexnet" in ranked:
        tables["alexnet from scratch"] = tabled(ranked["run-alexnet"])
    return tables


def margins_of(log: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each training on all classes: margin, rates, active pairs, both readings."""
    rows = []
    runs = {f"run-{name}": run for name, run in log["runs"].items()}
    for name, job in log["jobs"].items():
        training = runs.get(name, job)
        if "ranked" not in job or "log" not in training or name.startswith(("fold", "run-unseen")):
            continue
        settings, active = training["settings"], training["log"]["active_share"]
        row = {
            "layers": "all" if name in runs else "last", "network": name, "first_active": active[0],
            "last_active": active[-1], "last_loss": training["log"]["loss"][-1],
        }  # fmt: skip
        row |= {key: settings[key] for key in ("margin", "lr_last", "n_iterations")}
        for method in LEARNT:
            row |= {
                f"{method} {reading}": of["value"] for reading, of in job["ranked"][method].items()
            }
        rows.append(row)
    return rows


def main() -> None:
    """Print the tables, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="of benchmarks.places_training")
    parser.add_argument("--name", default="places", help="of the file (places)")
    parser.add_argument("--folder", type=Path, default=TRAININGS, help="where it is kept")
    options = parser.parse_args()
    log = json.loads(options.log.read_text("utf-8"))
    tables, margins = tables_of(log), margins_of(log)
    for protocol, rows in tables.items():
        shown = {
            name: {
                reading: f"{of['value']:.4f}"
                + (f" ({of['low']:.4f} to {of['high']:.4f})" if "low" in of else "")
                for reading, of in row.items()
            }
            for name, row in rows.items()
        }
        print(f"{protocol}\n{pd.DataFrame(shown).T.to_string()}\n")
    print(pd.DataFrame(margins).to_string(index=False, float_format="%.4g"))
    jobs, runs = log["jobs"], log["runs"]
    found = {key: of for key, of in log.items() if key not in ("jobs", "runs")}
    trainings = runs | {name: job for name, job in jobs.items() if "log" in job}
    found |= {
        "hours": round(sum(run["seconds"] for run in runs.values()) / 3600, 4),
        "tables": tables,
        "margins": margins,
        "trainings": {
            name: {key: of for key, of in training.items() if key != "ranked"}
            for name, training in trainings.items()
        },
    }
    if "error" not in jobs.get("origin", {"error": ""}):
        found["run"] = jobs["origin"]
    print(f"\nkept in {write_training(options.name, found, options.folder)}")


if __name__ == "__main__":
    main()
