"""Do intervals over few classes cover? Many small Table 1s, each of classes of its own.

Two embeddings of the same pictures are compared, the second of them noisier. The truth is the mean
over all studies of as many classes. Beside the interval of the book (jackknife and Student's t)
stands the percentile interval of bootstrap draws of classes.

    python -m benchmarks.class_intervals
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.harness import ROOT
from visprof.files import write_whole
from visprof.intervals import (
    COVERAGE,
    jackknife_over_seeds,
    mean_draws,
    percentile_interval,
    resample_counts,
)
from visprof.results.provenance import provenance
from visprof.retrieval import ranking_metrics
from visprof.scene_table import class_readings

N_PICTURES, WIDTH = 10, 8  # of a class; of the embeddings
NUMBERS = ("mAP", "difference of mAP", "area", "difference of area")


def studies(n_studies: int, n_classes: int, seed: int) -> Iterator[list[dict[str, object]]]:
    """Rows of each study, one a number: number, value, low, high, drawn (percentile interval)."""
    labels = np.repeat(np.arange(n_classes), N_PICTURES)
    for number in tqdm(range(n_studies), f"{n_classes} classes", disable=None):
        rng = np.random.default_rng([seed, n_classes, number])
        # some classes look alike, some like nothing else
        spread = rng.gamma(1.0, size=(n_classes, 1))
        x = (spread * rng.normal(size=(n_classes, WIDTH)))[labels]
        x = x + rng.normal(size=x.shape)
        rankings = [ranking_metrics(of, labels) for of in (x, x + rng.normal(size=x.shape) / 2)]
        better, worse = (class_readings(of, labels) for of in rankings)
        by_class = [of.class_mean_ap(labels) for of in rankings]
        own = {"mAP": by_class[0], "difference of mAP": by_class[0] - by_class[1]}
        times = resample_counts(n_classes, 1000, number)
        rows = []
        for name, (of, place) in zip(
            NUMBERS, [(r, p) for p in (0, 1) for r in (better, better - worse)], strict=True
        ):
            found = jackknife_over_seeds(of.values[[place]], of.left_out[:, [place]])
            drawn = (
                percentile_interval(mean_draws(own[name], times), COVERAGE) if name in own else None
            )
            rows.append(
                {
                    "number": name, "value": found.value, "low": found.low, "high": found.high,
                    "drawn": drawn,
                }
            )  # fmt: skip
        yield rows


def coverage(n_studies: int, n_classes: int, seed: int = 0) -> pd.DataFrame:
    """Share of the studies whose interval covers the truth: columns classes, number, truth, ..."""
    found = pd.DataFrame([row for rows in studies(n_studies, n_classes, seed) for row in rows])
    covered = []
    for name, of in found.groupby("number", sort=False):
        truth = of["value"].mean()
        drawn = [low <= truth <= high for low, high in of["drawn"].dropna()]
        covered.append(
            {
                "classes": n_classes, "number": name, "truth": truth,
                "jackknife and t": float(((of["low"] <= truth) & (truth <= of["high"])).mean()),
                "percentile": float(np.mean(drawn)) if drawn else None,
            }
        )  # fmt: skip
    return pd.DataFrame(covered)


def main() -> None:
    """Simulate, print the table, and keep it with its provenance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--classes", type=int, nargs="+", default=[8, 20, 100])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "benchmarks" / "class_intervals.json"
    )
    options = parser.parse_args()
    table = pd.concat(
        coverage(options.studies, n_classes, options.seed) for n_classes in options.classes
    )
    print(table.to_string(index=False, float_format="%.3f"))
    settings = {"studies": options.studies, "pictures": N_PICTURES, "seed": options.seed}
    kept = {"settings": settings, "run": provenance(), "coverage": table.to_dict("records")}
    write_whole(options.out, f"{json.dumps(kept, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
