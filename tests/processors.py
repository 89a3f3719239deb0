"""Simulated processors: the study's numbers as other machines find them, each in its own process.

What a library computes with is chosen when it is loaded, by what the processor has. Each of them
can be told to make do with less, and numba to compile for another. So one machine stands in for
older ones; none can stand in for a newer one.

``python -m tests.processors demo`` prints how far the numbers of a preset differ.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

__all__ = ["PROCESSORS", "Difference", "Processor", "compare", "run", "study_numbers"]

ROOT = Path(__file__).resolve().parent.parent
_SINCE_SKYLAKE = [name for name in __cpu_dispatch__ if name.startswith(("AVX512", "X86_V4"))]
_SINCE_ICE_LAKE = [
    name for name in _SINCE_SKYLAKE if name not in ("AVX512F", "AVX512_SKX", "X86_V4")
]

_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_SINCE_SKYLAKE),
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "OPENCV_IPP": "avx2",
}
_AVX512 = {
    "ATEN_CPU_CAPABILITY": "avx512",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_SINCE_ICE_LAKE),
}


@dataclass(frozen=True)
class Processor:
    """A processor by what libraries are told of it.

    Attributes
    ----------
    name : str
    environment : mapping
        Variables that must be set before the libraries are loaded.
    needs : str
        Feature, as NumPy names it, that the machine itself must have.
    """

    name: str
    environment: Mapping[str, str]
    needs: str = "AVX2"

    @property
    def is_possible(self) -> bool:
        """Whether this machine can stand in for it."""
        return __cpu_features__.get(self.needs, False)


def _processor(name: str, of_all: Mapping[str, str], blas: str, numba: str) -> Processor:
    needs = "AVX512_SKX" if of_all is _AVX512 else "AVX2"
    own = {"OPENBLAS_CORETYPE": blas, "NUMBA_CPU_NAME": numba, "NUMBA_CPU_FEATURES": ""}
    return Processor(name, {**of_all, **own}, needs)


PROCESSORS = (
    Processor("this one", {}),
    _processor("Haswell (AVX2)", _AVX2, "Haswell", "haswell"),
    _processor("Zen 2 (AVX2)", _AVX2, "Zen", "znver2"),
    _processor("Skylake-X (AVX-512)", _AVX512, "SkylakeX", "skylake-avx512"),
    _processor("Skylake-X, BLAS for Haswell", _AVX512, "Haswell", "skylake-avx512"),
)


def run(
    code: str, processor: Processor, n_threads: int, *arguments: str
) -> subprocess.CompletedProcess:
    """Run Python code in a process of its own, as on another processor.

    What numba compiles is kept by the processor that it is for, as all of it.

    Parameters
    ----------
    code : str
        What ``python -c`` gets.
    processor : Processor
    n_threads : int
        Threads of every library.
    *arguments : str
        Of the code, in ``sys.argv``.

    Raises
    ------
    RuntimeError
        If the code fails; the message ends with what it wrote to standard error.
    """
    threads = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    environment = {
        **os.environ,
        **processor.environment,
        **{f"{library}_NUM_THREADS": str(n_threads) for library in threads},
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"on {processor.name}, {n_threads} threads:\n{done.stderr[-5000:]}")
    return done


_STUDY = """
import json, sys
from visprof.results.scorecard import scorecard
from visprof.study import Study

preset, home = sys.argv[1:]
study = Study(preset, home)
found = study.headline()
for step in ("calibration_numbers", "map_quality", "own_numbers"):
    found |= study[step]
numbers = {}
for key, number in found.items():
    for part in ("value", "low", "high"):
        if getattr(number, part) is not None:
            numbers[f"{key} {part}"] = float(getattr(number, part))
tables = {
    **{name: of.table for name, of in study["batch_effect"].items()},
    "leakage": study["leakage"].by_rule, "distances": study["distance_table"],
    "gains": study["gain_sources"], "repeats": study["repeated_mrr"],
    "false positives": study["false_positives"],
}
for name, table in tables.items():
    for column in table.select_dtypes("number"):
        for row, value in enumerate(table[column].astype(float)):
            numbers[f"{name} {column} {row}"] = value
card = scorecard(found, max(study.train_sizes), study.threshold)
print("VALUES", json.dumps([numbers, card["verdict"].to_list()]))
"""


@dataclass(frozen=True)
class Numbers:
    """Recorded numbers of a study by key, and what is decided by them."""

    values: dict[str, float]
    verdicts: dict[str, str]


def study_numbers(preset: str, processor: Processor, n_threads: int) -> Numbers:
    """Numbers of a study of this preset, all of it computed anew in a process of its own.

    Verdicts are those of the scorecard, the side of 0 that each interval lies on, and the side of
    .05 of each p-value.
    """
    with tempfile.TemporaryDirectory() as home:
        lines = run(_STUDY, processor, n_threads, preset, home).stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("VALUES "))
    values, of_claims = json.loads(line.removeprefix("VALUES "))
    verdicts = {f"claim {row}": verdict for row, verdict in enumerate(of_claims)}
    for key, value in values.items():
        name, _, part = key.rpartition(" ")
        if part == "low":
            covers = value <= 0 <= values[f"{name} high"]
            verdicts[f"interval of {name}"] = "covers 0" if covers else "does not"
        elif name.endswith(".p"):
            verdicts[name] = "below .05" if value < 0.05 else "not below"
    return Numbers(values, verdicts)


@dataclass(frozen=True)
class Difference:
    """How far the numbers of two runs differ."""

    n: int
    n_equal: int
    largest: float
    key: str
    verdicts: tuple[str, ...]


def compare(one: Numbers, other: Numbers) -> Difference:
    """Largest relative difference of two runs' numbers, its key, and verdicts that change."""
    if one.values.keys() != other.values.keys():
        raise ValueError(f"numbers differ: {sorted(one.values.keys() ^ other.values.keys())[:9]}")
    sizes = {key: _relative(value, other.values[key]) for key, value in one.values.items()}
    key = max(sizes, key=sizes.__getitem__)
    changed = tuple(name for name in one.verdicts if one.verdicts[name] != other.verdicts[name])
    return Difference(len(sizes), sum(s == 0 for s in sizes.values()), sizes[key], key, changed)


def _relative(a: float, b: float) -> float:
    """Difference by the larger magnitude, 0 of two that are not a number; of zeros by 1e-6."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return abs(a - b) / max(abs(a), abs(b), 1e-6)


def main() -> None:
    """Print a table: processor, threads, and how far its numbers are from this machine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="tiny")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    preset, threads = (parsed := parser.parse_args()).preset, parsed.threads
    possible = [processor for processor in PROCESSORS if processor.is_possible]
    print("processor, threads, numbers equal, largest difference, of, verdicts that change, s")
    first = None
    for processor in possible:
        for n_threads in threads:
            start = time.perf_counter()
            found = study_numbers(preset, processor, n_threads)
            seconds = time.perf_counter() - start
            first = first or found
            difference = compare(first, found)
            print(
                f"{processor.name:28} {n_threads}  {difference.n_equal} of {difference.n}  "
                f"{difference.largest:.2g}  {difference.key if difference.largest else '-'}  "
                f"{', '.join(difference.verdicts) or 'none'}  {seconds:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
