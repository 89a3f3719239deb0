"""The paper's size from pixels: its steps one after the other, what each cost, and its numbers.

The preset ``paper-size`` draws 5,790 boards of 100 pictures and takes them through chapters 3 to 7.
That is hours on two cores. Whatever ends it, the same command goes on: pictures that were drawn,
rows that were embedded and steps that were computed are kept, and so is what they cost. When all
are there, the numbers go into a ledger, and the costs beside it.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import MB, ROOT
from visprof.cluster import client_of_page, open_cluster
from visprof.files import write_whole
from visprof.results.ledger import Ledger
from visprof.results.provenance import provenance
from visprof.results.scorecard import ledger_scorecard
from visprof.study import Study

# Steps whose numbers are kept, chapter by chapter: Table 1, Figure 5, tests, shares of variance,
# Figure 6, and rankings by day.
NUMBERS = (
    "map_numbers", "pair_numbers", "significance_numbers", "variance_numbers", "mrr_numbers",
    "days_numbers",
)  # fmt: skip


class Costs(logging.Handler):
    """Seconds and memory of each step that is computed, kept in a file as soon as it is."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self.path = path
        self.rows = json.loads(path.read_text()) if path.is_file() else []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.msg.startswith("%s%s: computed in"):
            return
        step, seed, seconds = record.args
        self.rows = [row for row in self.rows if row["step"] != f"{step}{seed}"]
        self.rows.append({
            "step": f"{step}{seed}",
            "seconds": round(seconds, 1),
            "peak_mb": round(peak_bytes() / MB),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        })  # fmt: skip
        write_whole(self.path, (json.dumps(self.rows, indent=1) + "\n").encode())
        print(f"{self.rows[-1]['ended']}  {step}{seed}: {seconds:.1f} s", flush=True)


def peak_bytes() -> int:
    """Most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bytes_on_disk(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Compute what is not kept yet, and write numbers and costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="paper-size")
    parser.add_argument("--cluster", help="as of visprof build")
    parser.add_argument("--home", type=Path, help="folder of kept steps")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    options = parser.parse_args()
    work = ROOT / "_build" / options.preset
    logging.getLogger("visprof").setLevel(logging.INFO)
    logging.getLogger("visprof").addHandler(costs := Costs(work / "costs.json"))
    with open_cluster(options.cluster):
        study = Study(options.preset, home=options.home, client=client_of_page())
        numbers: dict[str, Any] = {}
        for step in NUMBERS:
            numbers |= study[step]
        ledger = options.results / f"{options.preset}.json"
        study.record(numbers, ledger)
    report = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "provenance": provenance(),
        "hours": round(sum(row["seconds"] for row in costs.rows) / 3600, 2),
        "peak_mb": max((row["peak_mb"] for row in costs.rows), default=0),
        "disk_mb": round(bytes_on_disk(study.home) / MB),
        "steps": costs.rows,
    }
    name = options.preset.replace("-", "_")
    folder = options.results / "benchmarks"
    write_whole(folder / f"{name}.json", (json.dumps(report, indent=1) + "\n").encode())
    print(ledger_scorecard(Ledger(ledger)).to_string())


if __name__ == "__main__":
    main()
