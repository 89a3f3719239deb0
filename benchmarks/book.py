"""A reader's seconds: a run with nothing to compute, imports and commands, beside their floors."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import nbformat
import psutil

from benchmarks.harness import ROOT, Benchmark, Bound, Contender, Measurement, Options, run
from visprof.book.execute import execute_page
from visprof.book.page import find_chapter, read_page
from visprof.figures.kept import FOLDER

CHAPTER, PRESET = "06-prediction", "tiny"
PROCESSOR = "processor s"
LOOK = 0.02  # seconds between two looks at what processes have used
VISPROF = [sys.executable, "-m", "visprof"]
PLOT = """\
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
plt.plot(np.arange(10))"""
LIBRARIES = "import numpy, scipy, pandas, sklearn"
MOST_OF_PAGE = 2.5  # seconds

SETTINGS = "n_components=2,3,4"  # of a sweep: none of them reaches much
RUN, PAGE, STUDY = "visprof run, nothing to compute", "its page, kernel ready", "import of a study"
DRAWN = "visprof run, figures to draw"
PAPERMILL, IMPORTS = "papermill, one plot", "import of the four libraries"
SWEEPS = {n: f"sweep of {n}, nothing to compute" for n in (2, 3)}
COMMANDS = {
    "visprof cite": ["cite", "mrr.image.50"],
    "visprof parameters": ["parameters", CHAPTER],
    "visprof results": ["results"],
    "visprof --help": ["--help"],
}


def write_data(folder: Path, options: Options) -> None:
    """Write the notebook of the floor; compute, once, all that the chapter needs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PLOT)])
    nbformat.write(notebook, folder / "plot.ipynb")
    run_anew(folder, options)()
    sweep_anew(3, folder, options)()


def run_anew(folder: Path, options: Options) -> Callable[[], float]:
    """The command a reader types a second time."""
    chosen = ["run", CHAPTER, "--preset", PRESET, "--out", str(folder / "runs")]
    return partial(_processor_seconds, [*VISPROF, *chosen])


def run_drawing(folder: Path, options: Options) -> Callable[[], float]:
    """The same where its steps are kept, and the files of its figures are not."""
    again = run_anew(folder, options)

    def run() -> float:
        for drawn in (ROOT / "_build" / "cache").glob(f"*/{FOLDER}"):
            shutil.rmtree(drawn)
        return again()

    return run


def sweep_anew(n: int, folder: Path, options: Options) -> Callable[[], float]:
    """A sweep of n settings, whose steps are kept; its pages are all made anew."""
    out = folder / f"sweep-of-{n}"
    settings = SETTINGS.split(",")[:n]
    words = ["sweep", CHAPTER, "--preset", PRESET, "-p", ",".join(settings), "--out", str(out)]

    def sweep() -> float:
        shutil.rmtree(out, ignore_errors=True)
        return _processor_seconds([*VISPROF, *words])

    return sweep


def page_anew(folder: Path, options: Options) -> Callable[[], None]:
    """The page alone, as a build makes it, where a process has imported the library."""
    page = read_page(find_chapter(CHAPTER, ROOT), ROOT)
    target = folder / "page.ipynb"

    def make() -> None:
        execute_page(page, target, {"preset": PRESET}, ROOT)

    make()
    return make


def papermill(folder: Path, options: Options) -> Callable[[], float]:
    """The floor: a notebook of one cell that imports what any would, and draws a line."""
    paths = [str(folder / name) for name in ("plot.ipynb", "out.ipynb")]
    words = ["-m", "papermill", "--kernel", "python3", "--no-progress-bar"]
    return partial(_processor_seconds, [sys.executable, *words, *paths])


def python(code: str, folder: Path, options: Options) -> Callable[[], float]:
    """A line of Python."""
    return partial(_processor_seconds, [sys.executable, "-c", code])


def command(words: list[str], folder: Path, options: Options) -> Callable[[], float]:
    """A command that lists something."""
    return partial(_processor_seconds, [*VISPROF, *words])


def _processor_seconds(words: list[str]) -> float:
    """Run a command; what it and all processes that it starts use, which no neighbour adds to.

    Kernels are nobody's to wait for, so they are looked at while they run.
    """
    used: dict[int, float] = {}
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        first = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                for one in (first, *first.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times = one.cpu_times()
                        used[one.pid] = times.user + times.system
            time.sleep(LOOK)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {process.returncode}")
    return sum(used.values())


def score(used: float | None, seconds: float, folder: Path, options: Options) -> dict[str, float]:
    """Seconds of processors."""
    return {} if used is None else {PROCESSOR: used}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Hold what a reader waits for against its floor, by what processors did."""
    used = {name: of.columns.get(PROCESSOR, float("nan")) for name, of in measured.items()}
    pairs = [(RUN, PAPERMILL, 2.0), (STUDY, IMPORTS, 1.3)]
    pairs += [(name, STUDY, 1.0) for name in COMMANDS]
    found = [
        Bound(
            f"{name}: at most {most:g} x {floor}",
            f"{used[name] / used[floor]:.2f} x",
            used[name] <= most * used[floor],
        )
        for name, floor, most in pairs
    ]
    further = used[SWEEPS[3]] - used[SWEEPS[2]]
    found.append(
        Bound(
            f"a further run of a sweep, nothing to compute: at most 1 x {PAPERMILL}",
            f"{further / used[PAPERMILL]:.2f} x",
            further <= used[PAPERMILL],
        )
    )
    page = measured[PAGE].best
    promise = f"{PAGE}: at most {MOST_OF_PAGE} s where cores are quiet"
    return [*found, Bound(promise, f"{page:.2f} s", page <= MOST_OF_PAGE)]


def _commands() -> list[Contender]:
    return [Contender(name, partial(command, words)) for name, words in COMMANDS.items()]


BENCHMARK = Benchmark(
    name="book",
    title=lambda o: f"A reader's seconds: chapter {CHAPTER}, preset {PRESET}",
    contenders=[
        Contender(RUN, run_anew, "a kernel, figures as kept, and the page made by Jupyter Book"),
        Contender(DRAWN, run_drawing, "four figures, each for screens and phones, and as pixels"),
        Contender(PAPERMILL, papermill, "numpy, pandas and matplotlib imported; no page"),
        *(Contender(name, partial(sweep_anew, n)) for n, name in SWEEPS.items()),
        Contender(PAGE, page_anew, "executed and kept; not rendered"),
        Contender(STUDY, partial(python, "import visprof.study")),
        Contender(IMPORTS, partial(python, LIBRARIES), "numpy, scipy, pandas and scikit-learn"),
        *_commands(),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={PROCESSOR: ".2f"},
    packages=("papermill", "jupyter-book", "matplotlib", "pandas", "scipy"),
)


def main() -> None:
    """Run from the command line."""
    run(BENCHMARK, argparse.ArgumentParser(description=__doc__))


if __name__ == "__main__":
    main()
