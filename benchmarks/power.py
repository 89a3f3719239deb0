"""Power and error of the tests of pairs, by the number of clusters: the grid of a figure to try.

The step `power` of a study gives them by pins and taste, for the clusters of that study. Here the
simulated world of the preset is clustered into several numbers of clusters, and each gives its own.

    python -m benchmarks.power --home _build/cache
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from benchmarks.harness import ROOT
from visprof.files import write_whole
from visprof.results.provenance import provenance
from visprof.study import Study

CLUSTERS = (25, 50, 100, 200)


def main() -> None:
    """Compute the grid and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--clusters", type=int, nargs="+", default=CLUSTERS)
    parser.add_argument("--home", type=Path, help="folder of kept steps")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    options = parser.parse_args()
    grids = []
    for n_clusters in tqdm(options.clusters, unit="number of clusters"):
        study = Study(options.preset, home=options.home, n_clusters=n_clusters)
        grids.append(study["power"].assign(n_clusters=n_clusters))
    report = {
        "preset": options.preset,
        "n_power_pairs": study.n_power_pairs,
        "threshold": study.threshold,
        "provenance": provenance(),
        "power": pd.concat(grids).to_dict("records"),
    }
    text = json.dumps(report, indent=1) + "\n"
    write_whole(options.results / "benchmarks" / "power.json", text.encode())


if __name__ == "__main__":
    main()
