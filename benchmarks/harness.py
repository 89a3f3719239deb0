"""What the benchmarks share: contenders run one by one in processes of their own, and a table.

All contenders of a benchmark are measured in the same run, in rounds whose order alternates, so
that a busy neighbour slows all of them. A fresh process makes a peak of memory a contender's own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from visprof.files import write_whole
from visprof.machine import describe_hardware, numba_threads
from visprof.results.provenance import provenance

ROOT = Path(__file__).resolve().parent.parent
GB, MB = 10**9, 10**6
PACKAGES = ("numpy", "numba", "torch", "scikit-learn")

Options = argparse.Namespace


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    `prepare` loads the data and warms up, then returns the call that is timed. It must be a
    function of a module (a fresh process imports it).
    """

    name: str
    prepare: Callable[[Path, Options], Callable[[], Any]]
    note: str = ""


@dataclass(frozen=True)
class Benchmark:
    """Contenders, ours first, on the same data.

    `write_data` writes the data to a folder, once. `score` turns a contender's result and its
    seconds into further columns of the table. `bounds` takes the measurements by name and says,
    for each promise, what was found and whether it holds.
    """

    name: str
    title: Callable[[Options], str]
    contenders: Sequence[Contender]
    write_data: Callable[[Path, Options], None]
    score: Callable[[Any, float, Path, Options], dict[str, float]]
    bounds: Callable[[dict[str, Measurement]], list[Bound]]
    formats: dict[str, str] = field(default_factory=dict)
    packages: Sequence[str] = ()


@dataclass
class Measurement:
    """What the runs of a contender gave; `failure` says why a run gave nothing."""

    name: str
    note: str
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    columns: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def best(self) -> float:
        """Shortest time: what a neighbour adds to a time is never negative."""
        return min(self.seconds, default=float("nan"))


@dataclass(frozen=True)
class Bound:
    """A promise, what was found, and whether it holds."""

    promise: str
    found: str
    holds: bool


def run(benchmark: Benchmark, parser: argparse.ArgumentParser) -> None:
    """Parse the command line, measure, print the table and keep it."""
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("--seconds", type=float, default=300, help="limit of a contender's rounds")
    parser.add_argument("--memory-gb", type=float, default=16, help="limit above its input")
    parser.add_argument("--only", nargs="+", help="parts of the names of those that run, with ours")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    ours, *others = benchmark.contenders
    chosen = [c for c in others if not options.only or any(o in c.name for o in options.only)]
    with tempfile.TemporaryDirectory() as folder:
        benchmark.write_data(Path(folder), options)
        measured = _rounds(benchmark, [ours, *chosen], Path(folder), options)
    bounds = [] if options.only else benchmark.bounds(measured)
    report = _report(benchmark, list(measured.values()), bounds, options)
    table = _markdown(benchmark, report)
    options.results.mkdir(parents=True, exist_ok=True)
    report_text = json.dumps(report, indent=1) + "\n"
    write_whole(options.results / f"{benchmark.name}.json", report_text.encode())
    write_whole(options.results / f"{benchmark.name}.md", table.encode())
    print(table)


def _rounds(
    benchmark: Benchmark, contenders: Sequence[Contender], folder: Path, options: Options
) -> dict[str, Measurement]:
    measured = {c.name: Measurement(c.name, c.note) for c in contenders}
    for number in range(options.repeats):
        for contender in contenders if number % 2 == 0 else contenders[::-1]:
            found = measured[contender.name]
            # the first run may take all the time; a further one must be expected to fit
            spent = sum(found.seconds)
            if found.failure or (found.seconds and spent + found.best > options.seconds):
                continue
            outcome = _in_own_process(contender, benchmark.score, folder, options)
            if isinstance(outcome, str):
                if contender is contenders[0]:
                    raise SystemExit(f"{contender.name}: {outcome}")
                found.failure = outcome
            else:
                seconds, peak, columns = outcome
                found.seconds.append(seconds)
                if peak is not None:
                    found.peak_bytes = max(peak, found.peak_bytes or 0)
                if seconds == found.best:
                    found.columns = columns
            shown = outcome if isinstance(outcome, str) else f"{outcome[0]:.2f} s"
            print(f"round {number + 1}: {contender.name}: {shown}", flush=True)
    return measured


def _in_own_process(
    contender: Contender, score: Callable, folder: Path, options: Options
) -> tuple[float, int | None, dict[str, float]] | str:
    """Seconds, peak memory and columns; or, in words, why there are none."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, contender, score, folder, options))
    process.start()
    sender.close()  # so that the end of the process ends the pipe
    try:
        receiver.recv()  # it is ready: loading and warming up are not timed
        if not receiver.poll(options.seconds):
            process.kill()
            return f"not finished in {options.seconds:g} s"
        return receiver.recv()
    except EOFError:
        process.join()
        return f"ended without a result (exit code {process.exitcode})"
    finally:
        process.join()


def _measure(
    sender: Connection, contender: Contender, score: Callable, folder: Path, options: Options
) -> None:
    try:
        call = contender.prepare(folder, options)
    except ImportError as error:
        sender.send("ready")
        return sender.send(f"not measured: {error}")
    _limit_memory(options.memory_gb)
    sender.send("ready")
    before = peak_memory(anew=True)
    start = time.perf_counter()
    try:
        result = call()
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "alloc" not in str(error):
            raise
        return sender.send(f"out of memory: more than {options.memory_gb:g} GB above its input")
    seconds = time.perf_counter() - start
    peak = peak_memory()
    above = None if peak is None or before is None else peak - before
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return sender.send((seconds, above, score(result, seconds, folder, options)))


def _limit_memory(gigabytes: float) -> None:
    """Let the process have so much more than it has: beyond that it fails, and not the machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gigabytes * GB)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def peak_memory(anew: bool = False) -> int | None:
    """Highest resident memory in bytes, since the start or since it was asked `anew`.

    `getrusage` would not do: its peak includes that of the process which started this one.
    """
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _report(
    benchmark: Benchmark,
    measured: Sequence[Measurement],
    bounds: Sequence[Bound],
    options: Options,
) -> dict[str, Any]:
    own = ("repeats", "seconds", "memory_gb", "only")
    sizes = {
        name: value
        for name, value in vars(options).items()
        if name not in own and not isinstance(value, Path)  # a path is the machine's own business
    }
    best = measured[0].best
    return {
        "title": benchmark.title(options),
        "date": datetime.now(UTC).date().isoformat(),
        "sizes": sizes,
        "limits": {name: getattr(options, name) for name in own[:3]},
        "environment": _environment(benchmark.packages),
        "contenders": [
            {
                "name": m.name,
                "best_s": m.best if m.seconds else None,
                "median_s": statistics.median(m.seconds) if m.seconds else None,
                "ratio_to_ours": m.best / best if m.seconds else None,
                "seconds": m.seconds,
                "peak_bytes_above_input": m.peak_bytes,
                **m.columns,
                "note": m.note,
                "failure": m.failure,
            }
            for m in measured
        ],
        "bounds": [asdict(bound) for bound in bounds],
    }


def _environment(packages: Sequence[str]) -> dict[str, Any]:
    versions = {}
    for package in (*PACKAGES, *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        **provenance(),
        "torch_threads": torch.get_num_threads(),
        "numba_threads": numba_threads(),
        "versions": versions,
    }


def _markdown(benchmark: Benchmark, report: dict[str, Any]) -> str:
    environment = report["environment"]
    extra = list(benchmark.formats)
    times = ["best, s", "median, s", "ratio to ours"]
    heads = ["contender", *times, "peak memory, MB", *extra, "note"]
    rows = []
    for row in report["contenders"]:
        peak = row["peak_bytes_above_input"]
        cells = [
            _cell(row["best_s"], ".2f"),
            _cell(row["median_s"], ".2f"),
            _cell(row["ratio_to_ours"], ".2f"),
            _cell(None if peak is None else peak / MB, ",.0f"),
            *(_cell(row.get(name), benchmark.formats[name]) for name in extra),
        ]
        note = "; ".join(part for part in (row["failure"], row["note"]) if part)
        rows.append([row["name"], *cells, note])
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    lines = [
        f"# {report['title']}",
        "",
        _row(heads),
        _row(["---", *["---:"] * (len(heads) - 2), "---"]),
        *map(_row, rows),
        "",
        *(
            f"- {b['promise']}: {b['found']}; {'holds' if b['holds'] else '**does not hold**'}"
            for b in report["bounds"]
        ),
        "",
        f"Best and median of up to {report['limits']['repeats']} alternating rounds, each run in a "
        "process of its own; ratios are of the best times; memory is the peak above the input. "
        f"Limits: {report['limits']['seconds']:g} s, {report['limits']['memory_gb']:g} GB.",
        "",
        f"{report['date']}; {describe_hardware(environment['machine'])}; visprof "
        f"{environment['visprof']} ({environment['commit']}); Python {environment['python']}, "
        f"{versions}.",
    ]
    return "\n".join(lines) + "\n"


def _cell(value: float | None, spec: str) -> str:
    return "–" if value is None else format(value, spec)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
