"""Table 1 of what `benchmarks.places_training` found, with intervals over classes.

    python -m benchmarks.places_table OUT/log.json [OTHER/log.json ...]

Several logs are one: of a job or run that more than one of them has, the first is taken. Prints the
tables, and keeps them with curves and settings in `results/training/places.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof.results.trainings import TRAININGS, write_training
from visprof.scene_table import (
    Readings,
    joined_readings,
    random_values,
    table_one,
    table_values,
)

ALL = ", all layers"  # added to the rows of a network all of whose layers learnt
LEARNT = ("hybrid", "scaled", "siamese")  # rows that a training changes
COMPARED = (
    ("hybrid", "cnn"), ("hybrid, all layers", "cnn"), ("hybrid, all layers", "hybrid"),
    ("scaled", "cnn"), ("scaled, all layers", "cnn"), ("siamese", "cnn"),
    ("siamese, all layers", "cnn"), ("siamese", "untrained"), ("siamese", "probe"),
    ("hybrid", "probe"), ("hybrid, all layers", "probe"), ("siamese, all layers", "probe"),
    ("cnn", "bow"), ("bow", "random"),
)  # fmt: skip
Ranked = dict[str, Readings]  # by method


def merged(logs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Jobs and runs of all logs, by name, and what else each says, in ``sessions``."""
    found: dict[str, Any] = {"jobs": {}, "runs": {}, "sessions": []}
    for log in logs:
        for part in ("jobs", "runs"):
            found[part] = {**log[part], **found[part]}
        found |= {"classifier": log["classifier"]} if "classifier" in log else {}
        others = {of: log[of] for of in log if of not in ("jobs", "runs", "classifier")}
        if "error" not in (origin := log["jobs"].get("origin", {"error": ""})):
            others["run"] = origin
        found["sessions"].append(others)
    return found


def all_layers(ranked: Ranked) -> Ranked:
    """Rows of a network all of whose layers learnt."""
    return {f"{name}{ALL}": ranked[name] for name in LEARNT}


def joined(halves: Sequence[Ranked]) -> Ranked:
    """Rows of both halves of the classes as one."""
    return {name: joined_readings([of[name] for of in halves]) for name in halves[0]}


def tabled(seeds: Sequence[Ranked], random: np.ndarray) -> dict[str, Any]:
    """The table of these rows, a dict of them for each seed, with all differences they allow."""
    by_method = {name: [of[name] for of in seeds] for name in seeds[0]}
    there = {*by_method, "random"}
    compared = [pair for pair in COMPARED if {*pair} <= there]
    return table_values(table_one(by_method, random, compared))


def random_of(halves: Sequence[Ranked]) -> np.ndarray:
    """Both readings of random rankings, a mean over the queries of the halves."""
    sizes = [next(iter(half.values())) for half in halves]
    values = [random_values(np.repeat(of.classes, of.sizes)) for of in sizes]
    return np.average(values, axis=0, weights=[of.sizes.sum() for of in sizes])


def tables_of(log: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A table for each protocol that the log has all runs of."""
    ranked: dict[str, Ranked] = {
        name: {method: Readings.read(of) for method, of in job["ranked"].items()}
        for name, job in log["jobs"].items()
        if "ranked" in job
    }
    tables = {}
    if "last-layer" in ranked:
        rows = ranked["last-layer"] | ranked.get("bow", {})
        if "run-all-layers" in ranked:
            rows |= all_layers(ranked["run-all-layers"])
        tables["all classes"] = tabled([rows], random_of([rows]))
    pairs = [(f"fold-{deal}-0", f"fold-{deal}-1") for deal in range(len(ranked))]
    deals = [[ranked[name] for name in pair] for pair in pairs if {*pair} <= {*ranked}]
    if deals:
        random = np.mean([random_of(halves) for halves in deals], axis=0)
        tables["unseen classes"] = tabled([joined(halves) for halves in deals], random)
    if deals and {"run-unseen-1", "run-unseen-2"} <= {*ranked}:
        both = all_layers(joined([ranked["run-unseen-1"], ranked["run-unseen-2"]]))
        rows = joined(deals[0]) | both
        tables["unseen classes, first split"] = tabled([rows], random_of(deals[0]))
    if "run-alexnet" in ranked:
        rows = ranked["run-alexnet"]
        tables["alexnet from scratch"] = tabled([rows], random_of([rows]))
    return tables


def margins_of(log: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each training on all classes: margin, rates, active pairs, both readings."""
    rows = []
    runs = {f"run-{name}": run for name, run in log["runs"].items()}
    elsewhere = ("fold", "run-unseen", "run-alexnet")  # on some classes, or of another network
    for name, job in log["jobs"].items():
        training = runs.get(name, job)
        if "ranked" not in job or "log" not in training or name.startswith(elsewhere):
            continue
        settings, active = training["settings"], training["log"]["active_share"]
        row = {
            "layers": "all" if name in runs else "last", "network": name, "first_active": active[0],
            "last_active": active[-1], "last_loss": training["log"]["loss"][-1],
        }  # fmt: skip
        row |= {key: settings[key] for key in ("margin", "lr_last", "n_iterations")}
        for method in LEARNT:
            mean_ap, area = job["ranked"][method]["values"]
            row |= {f"{method} mean_ap": mean_ap, f"{method} pr_area": area}
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, nargs="+", help="of benchmarks.places_training")
    parser.add_argument("--name", default="places", help="of the file (places)")
    parser.add_argument("--folder", type=Path, default=TRAININGS, help="where it is kept")
    options = parser.parse_args(arguments)
    log = merged([json.loads(path.read_text("utf-8")) for path in options.logs])
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
    jobs, runs = log.pop("jobs"), log.pop("runs")
    trainings = runs | {name: job for name, job in jobs.items() if "log" in job}
    found = log | {
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
