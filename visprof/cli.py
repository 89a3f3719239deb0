"""The command ``visprof``: build the book, run a chapter, cite and verify numbers, collect."""

from __future__ import annotations

import argparse
import dataclasses
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from visprof._card_command import add_card_command
from visprof._collect_command import add_collect_command
from visprof._extras import MissingExtraError
from visprof._options import add_parameters, given_values
from visprof._shipped import pages_root

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main"]

STDOUT = 1  # its file descriptor
# What kernels need, and also this process or the one that renders: imported once, before they part.
SHARED = ("IPython", "PIL.Image", "jinja2", "visprof.memo", "yaml")
SHARED_BY_SWEEP = ("pandas",)  # which compares its runs itself
MOST_NUMBERS = 12  # that a run prints of a page without headline numbers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``visprof``; those of the process if None.

    Returns
    -------
    int
        0 if all went well, 1 after an error (told on stderr) or if a board could not be
        collected, 130 if interrupted, 141 if nobody reads on what is printed.
    """
    options = _parser().parse_args(arguments)
    options.is_process = arguments is None  # nothing but the command is done by this one
    try:
        status = options.command(options)
        sys.stdout.flush()  # when Python ends it would be too late to handle what this raises
        return status
    except (OSError, ValueError, RuntimeError, FloatingPointError, MissingExtraError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads_on():
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)  # for what is left to be written
            return 128 + signal.SIGPIPE
        print(f"visprof: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("visprof: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _nobody_reads_on() -> bool:
    """Whether the output goes to a program that has seen enough, such as head."""
    output = select.poll()
    output.register(STDOUT, 0)
    return any(event & select.POLLERR for _, event in output.poll(0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="visprof", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_chapter_commands(commands)
    add_card_command(commands)
    _add_number_commands(commands)
    _add_train_command(commands)
    add_collect_command(commands)
    return parser


def _command(commands, name: str, function, help_text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_text, description=f"{function.__doc__}")
    command.set_defaults(command=function)
    return command


# --- chapters -------------------------------------------------------------------------------------


def _add_chapter_commands(commands) -> None:
    run = _command(commands, "run", _run, "execute one chapter, with other parameters if wished")
    run.add_argument("chapter", metavar="CHAPTER", help="06-prediction, 6 or prediction")
    run.add_argument("--name", metavar="NAME", help="of the run (default: by its parameters)")
    sweep = _command(commands, "sweep", _sweep, "execute one chapter with many parameters")
    sweep.add_argument("chapter", metavar="CHAPTER", help="06-prediction, 6 or prediction")
    sweep.add_argument("--name", metavar="NAME", help="of the sweep (default: by its parameters)")
    sweep.add_argument(
        "--number", metavar="KEY", help="what is compared (default: the first that the claims name)"
    )
    sweep.add_argument(
        "--out", default="_build/sweeps", metavar="DIR", help="where sweeps are (_build/sweeps)"
    )
    compare = _command(commands, "compare", _compare, "set runs side by side")
    compare.add_argument("runs", nargs="+", metavar="RUN", help="name of a run, or its folder")
    for command in (run, compare):
        command.add_argument(
            "--out", default="_build/runs", metavar="DIR", help="where runs are (_build/runs)"
        )
    build = _command(commands, "build", _build, "execute all chapters and build the HTML book")
    build.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    pdf = _command(commands, "pdf", _pdf, "print a built book (needs Chromium)")
    pdf.add_argument("--preset", default="demo", metavar="P", help="which book (demo)")
    pdf.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    export = _command(commands, "export", _export, "write a built book for Word, or as JATS XML")
    export.add_argument("--format", default="docx", metavar="F", help="docx (the default) or jats")
    which = export.add_mutually_exclusive_group()
    which.add_argument("--preset", default="demo", metavar="P", help="which book (demo)")
    which.add_argument("--book", metavar="DIR", help="a built book (_build/demo)")
    export.add_argument("--out", metavar="FILE", help="(book.docx or book.xml in DIR)")
    serve = _command(commands, "serve", _serve, "show a built book in a browser")
    serve.add_argument("--preset", default="demo", metavar="P", help="which book (demo)")
    serve.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    serve.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="of this machine (8000)"
    )
    watch = _command(commands, "watch", _watch, "show one chapter, made again when it changes")
    watch.add_argument(
        "chapter", nargs="?", default="06-prediction", metavar="CHAPTER",
        help="06-prediction (the default), 6 or prediction",
    )  # fmt: skip
    watch.add_argument(
        "--out", default="_build/runs", metavar="DIR", help="where runs are (_build/runs)"
    )
    watch.add_argument("--port", type=_port, default=0, metavar="N", help="of this machine (any)")
    watch.add_argument("--no-browser", action="store_true", help="only print the address")
    for command in (run, watch, build):
        add_parameters(command)
    add_parameters(
        sweep,
        "values of a parameter, as NAME=A,B,C; by semicolons where a value has commas itself "
        "(train_sizes=5,10;5,10,20); may be repeated",
    )
    for command in (run, sweep, watch, build):
        command.add_argument("--preset", metavar="P", help="set of parameter values (demo)")
        command.add_argument("--data", metavar="DIR", help="folder of real pictures")
    for command in (run, sweep, build):
        command.add_argument(
            "--cluster", metavar="WHERE",
            help="tcp://HOST:PORT of a Dask scheduler, or local:N for N worker processes here",
        )  # fmt: skip
    _add_jobs(build)
    listing = _command(commands, "parameters", _parameters, "list the parameters of a chapter")
    listing.add_argument("chapter", metavar="CHAPTER", help="06-prediction, 6 or prediction")
    listing.add_argument("--preset", default="demo", metavar="P", help="whose defaults (demo)")
    for command in (run, sweep, watch, build, listing):
        command.add_argument(
            "--root", metavar="DIR", help="folder of the pages (., or else those of the package)"
        )


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number up to 65535")
    return int(text)


def _add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=int, default=None, metavar="N",
        help="pages executed at a time (2 where there are two cores)",
    )  # fmt: skip


# What a command needs is imported when it is asked for: the libraries of others take seconds.


def _run(options: argparse.Namespace) -> int:
    """Execute one chapter into a folder of its own: notebook, page, figures and numbers."""
    _begin_kernels(options)
    from visprof.book.runs import run_chapter
    from visprof.cluster import open_cluster
    from visprof.results.headline import headline_keys

    given = given_values(options)
    start = time.perf_counter()
    where = options.out, options.name, _root(options), sys.stderr
    with open_cluster(options.cluster):
        run = run_chapter(options.chapter, given, *where)
    n_figures = len(list((run.folder / "figures").glob("*.svg")))
    print(f"{run.chapter} ran in {time.perf_counter() - start:.0f} s: {run.folder}")
    print(f"  {run.page.relative_to(run.folder)}  the page")
    print(f"  {run.chapter}.ipynb  the executed notebook")
    print(f"  figures/  {n_figures} figures")
    if not run.numbers:
        print("  (no numbers)")
        return 0
    print(f"  numbers.json  {len(run.numbers)} numbers; visprof results {run.folder} lists them")
    keys = headline_keys(run.numbers) or list(run.numbers)[:MOST_NUMBERS]
    width = max(map(len, keys))
    print("\n" + "\n".join(f"{key:{width}}  {run.numbers[key]:.4g}" for key in keys))
    return 0


def _begin_kernels(options: argparse.Namespace, *, computing: bool = False) -> None:
    """Begin to import what kernels need, while this process imports what it needs itself."""
    from visprof.book.forks import fork_helpers
    from visprof.book.kernels import prepare_kernels
    from visprof.machine import environment_version

    if options.is_process:
        fork_helpers()
        for module in SHARED + (SHARED_BY_SWEEP if computing else ()):
            import_module(module)
        environment_version()  # of which a run is made, and which its page tells
    prepare_kernels(computing=computing)


def _root(options: argparse.Namespace) -> Path:
    return pages_root() if options.root is None else Path(options.root)


def _build(options: argparse.Namespace) -> int:
    """Bring every page of the book up to date, and render them as HTML."""
    from visprof.book.build import build_book
    from visprof.book.forks import fork_helpers
    from visprof.book.workers import usual_jobs
    from visprof.cluster import open_cluster

    if options.is_process:
        fork_helpers()
    given = given_values(options)
    preset, data = given.pop("preset", None) or "demo", given.pop("data", None) or None
    jobs = usual_jobs() if options.jobs is None else options.jobs
    with open_cluster(options.cluster):
        html = build_book(_root(options), preset, data, given, options.out, jobs)
    print(f"book: {html / 'index.html'}")
    return 0


def _pdf(options: argparse.Namespace) -> int:
    """Print a built book as a PDF, through headless Chromium."""
    from visprof.book.pdf import build_pdf

    print(f"printing {options.out}/{options.preset}, which takes a minute", file=sys.stderr)
    printed = build_pdf(options.out, options.preset)
    print(f"PDF: {printed} ({printed.stat().st_size / 1e6:.1f} MB)")
    return 0


def _export(options: argparse.Namespace) -> int:
    """Write a built book as one document, for a word processor or as JATS XML, through pandoc."""
    from visprof.book.export import export_book

    book = options.book or f"_build/{options.preset}"
    print(f"writing {book} as one document, which takes a minute", file=sys.stderr)
    written = export_book(book, options.format, options.out)
    print(f"document: {written} ({written.stat().st_size / 1e6:.1f} MB)")
    return 0


def _serve(options: argparse.Namespace) -> int:
    """Serve a built book to this machine alone, until Ctrl-C."""
    from visprof.book.serve import book_server

    with book_server(options.out, options.preset, options.port) as server:
        print(f"http://localhost:{server.server_port}  (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _watch(options: argparse.Namespace) -> int:
    """Show one chapter in a browser; make it again when it, the library or a parameter changes.

    A form above the page has its parameters. Only what a change reaches is computed. Until Ctrl-C.
    """
    from visprof.book.watch_server import open_in_browser, watch_chapter

    where = _root(options), options.out, options.port
    with watch_chapter(options.chapter, given_values(options), *where) as server:
        print(f"{server.address}  (Ctrl-C ends)", flush=True)
        opened = nullcontext()
        if not options.no_browser:
            opened = open_in_browser(server.address, Path(options.out))
        with opened, suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _sweep(options: argparse.Namespace) -> int:
    """Execute one chapter with every combination of values; steps that they share, once.

    What was run before is not run again. The status is 1 if a setting could not be run.
    """
    _begin_kernels(options, computing=True)
    from visprof.book.sweep import run_sweep
    from visprof.cluster import open_cluster

    named = {"preset": options.preset, "data": options.data}
    # a path may have a comma: these are one value
    given = given_values(options) | {name: [value] for name, value in named.items() if value}
    where = options.out, options.name, _root(options)
    with open_cluster(options.cluster):
        sweep = run_sweep(options.chapter, given, *where, options.number, sys.stderr)
    print("\n\n".join([_text(sweep.shown), *sweep.told]), end="\n\n")
    print(f"{sweep.page}  the page")
    for file, what in sweep.files.items():
        print(f"{sweep.folder / file}  {what}")
    return 1 if sweep.failed else 0


def _compare(options: argparse.Namespace) -> int:
    """Set runs side by side: parameters that differ, numbers, and differences from the first."""
    from visprof.book.compare import compare_runs
    from visprof.book.runs import read_run

    folders = [Path(run) for run in options.runs]
    folders = [run if run.is_dir() else Path(options.out) / run for run in folders]
    runs = [read_run(folder) for folder in folders]
    names = [chr(ord("A") + n) if n < 26 else f"R{n + 1}" for n in range(len(runs))]
    for name, run in zip(names, runs, strict=True):
        print(f"{name}: {run.folder}")
    found = compare_runs(runs, names)
    print(f"\n{_text(found.parameters) if len(found.parameters) else 'no parameter differs'}\n")
    print(_text(found.numbers))
    print("\nIn parentheses: 95 % intervals; of differences, paired by user.")
    for name, reason in found.not_paired.items():
        print(f"{name} less {names[0]} is not paired by user: {reason}.")
    return 0


def _parameters(options: argparse.Namespace) -> int:
    """List the parameters of a chapter: type, default, meaning, and the values allowed."""
    from visprof.book.page import find_chapter, read_page
    from visprof.parameters import PRESETS

    if options.preset not in PRESETS:
        raise ValueError(f"preset is {options.preset!r}; known: {', '.join(PRESETS)}")
    root = _root(options)
    page = read_page(find_chapter(options.chapter, root), root)
    print(f"{page.path} (defaults of the preset {options.preset})")
    print(page.listing(options.preset))
    return 0


def _text(table: pd.DataFrame) -> str:
    """A table as text: whole, words to the left."""
    cells = [
        list(map(str, table.columns)),
        *(map(str, row) for row in table.itertuples(index=False)),
    ]
    rows = [list(row) for row in cells]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


# --- numbers --------------------------------------------------------------------------------------


def _add_number_commands(commands) -> None:
    results = _command(commands, "results", _results, "list the numbers that can be cited")
    results.add_argument(
        "pattern", nargs="?", default="", metavar="PATTERN",
        help="which: a part of the key, or a pattern such as 'mrr.*.50' (default: all)",
    )  # fmt: skip
    cite = _command(commands, "cite", _cite, "where a number comes from, and BibTeX")
    cite.add_argument("key", metavar="KEY", help="of a number, as `visprof results` lists them")
    for command in (results, cite):
        command.add_argument(
            "file", nargs="?", metavar="FILE",
            help="a ledger, or the folder of a run (default: the published results)",
        )  # fmt: skip
        command.add_argument(
            "--preset", default="demo", metavar="P", help="published results of (demo)"
        )
    verify = _command(commands, "verify", _verify, "make published numbers again on this machine")
    verify.add_argument(
        "file", nargs="?", metavar="LEDGER", help="whose numbers (default: the published results)"
    )
    verify.add_argument("--preset", default="demo", metavar="P", help="published results of (demo)")
    verify.add_argument("--data", metavar="DIR", help="folder of their pictures, if they are real")
    verify.add_argument(
        "--root", metavar="DIR", help="folder of the pages (., or else those of the package)"
    )
    verify.add_argument(
        "--record", action="store_true", help="keep what was found in results/verified"
    )
    _add_jobs(verify)
    confirm = _command(commands, "confirm", _confirm, "put the claims to data no rule has seen")
    confirm.add_argument("data", metavar="DATA", help="folder of pictures")
    confirm.add_argument(
        "--preset", default="boards", metavar="P", help="for real pictures (boards)"
    )
    add_parameters(confirm)
    publish = _command(commands, "publish", _publish, "put ledgers of built books into results/")
    publish.add_argument("presets", nargs="+", metavar="PRESET", help="of which books")
    for command in (verify, publish):
        command.add_argument(
            "--out", default="_build", metavar="DIR", help="where books are (_build)"
        )


def _results(options: argparse.Namespace) -> int:
    """List numbers with their 95 % intervals: the published ones, or those of a file or run."""
    from visprof.results.cite import find_ledger, list_numbers

    pattern, file = options.pattern, options.file
    if file is None and _is_path(pattern):  # the file alone
        pattern, file = "", pattern
    print(_text(list_numbers(find_ledger(file, options.preset), pattern)))
    return 0


def _is_path(text: str) -> bool:
    """Whether a word names a file or folder; no key of a number has a slash or this ending."""
    return "/" in text or text.endswith(".json") or (text != "" and Path(text).exists())


def _cite(options: argparse.Namespace) -> int:
    """Print a number with its interval, its run, the version of the code, and BibTeX entries."""
    from visprof.results.cite import cite_number, find_ledger

    print(cite_number(options.key, find_ledger(options.file, options.preset)), end="")
    return 0


def _verify(options: argparse.Namespace) -> int:
    """Make published numbers again on this machine, and say what came out otherwise.

    The pages that are not up to date are executed, as by `visprof build`. The status is 0 if
    no verdict changes, and every number (but for one in a hundred) came out within a hundredth of
    its interval's half-width, or of its value where it has no interval.
    """
    from visprof.book.workers import usual_jobs
    from visprof.results.cite import find_ledger
    from visprof.verify import record, report, verify

    ledger = find_ledger(options.file, options.preset)
    jobs = usual_jobs() if options.jobs is None else options.jobs
    found = verify(ledger, options.data or None, _root(options), options.out, jobs)
    for table in report(found):
        print(table if isinstance(table, str) else _text(table), end="\n\n")
    if options.record:
        print(f"kept in {record(found)}")
    told = "verified" if found.holds else "not verified"
    print(f"{ledger.path}: {told}")
    return 0 if found.holds else 1


def _confirm(options: argparse.Namespace) -> int:
    """Put every claim to a folder that no rule has seen, by rules that are committed; count it."""
    from visprof.book.parameters import check_parameters, study_parameters
    from visprof.confirm import confirm

    given = check_parameters(study_parameters(), dict(options.parameters), "the study")
    found = confirm(options.data, options.preset, given)
    print(_text(found.card[["claim", "verdict", "ours"]]))
    times = "the first time" if found.times == 1 else f"time number {found.times}"
    print(f"\nrules of commit {found.rules}, put to these data for {times}: {found.ledger.path}")
    return 0


def _publish(options: argparse.Namespace) -> int:
    """Put ledgers of built books among the published results, each of one run of one commit."""
    from visprof.results.ledger import Ledger
    from visprof.results.publish import publish, write_findings

    folder = Path(options.out) / "results"
    for path in publish(Ledger(folder / f"{preset}.json") for preset in options.presets):
        print(path)
    if (readme := path.parent.with_name("README.md")).is_file():
        write_findings(readme)
    return 0


# --- training -------------------------------------------------------------------------------------


def _add_train_command(commands) -> None:
    train = _command(commands, "train", _train, "the paper's training on folders of photographs")
    train.add_argument("photographs", metavar="DIR", help="holds a folder for each class")
    train.add_argument("--test", metavar="DIR", help="photographs to rank (Table 1), likewise")
    train.add_argument(
        "--out", default="_build/training", metavar="DIR", help="what is kept (_build/training)"
    )
    train.add_argument("--name", default="training", metavar="NAME", help="of the result")
    train.add_argument(
        "--backbone", default="squeezenet-places365", metavar="NAME",
        help="network that it begins from (squeezenet-places365)",
    )  # fmt: skip
    train.add_argument("--weights", metavar="FILE", help="of that network")
    train.add_argument(
        "--from-scratch", action="store_true",
        help="begin from an AlexNet trained here as a classifier of the photographs",
    )  # fmt: skip
    train.add_argument(
        "--classifier-iterations", type=int, default=5000, metavar="N", help="of it (5000)"
    )
    train.add_argument(
        "--layers", choices=["all", "last"], default="all", help="which of them learn (all)"
    )
    for option, kind, value, help_text in (
        ("--n-outputs", int, 205, "width of the embedding (205, as in the paper)"),
        ("--margin", float, 20.0, "m of Eq. 1 (20)"),
        ("--lr-last", float, 1e-5, "learning rate of the last layer (1e-5)"),
        ("--ratio", float, 100.0, "how many times slower the others learn (100)"),
        ("--momentum", float, 0.9, "of the descent (0.9)"),
        ("--batch-size", int, 256, "pairs in a mini-batch (256)"),
        ("--iterations", int, 50_000, "mini-batches (50000)"),
        ("--n-similar", int, 500, "pairs of each class, at most (500)"),
        ("--n-dissimilar", int, 50, "pairs of each two classes, at most (50)"),
        ("--seed", int, 0, "of every draw (0)"),
    ):
        metavar = "N" if kind is int else "X"
        train.add_argument(option, type=kind, default=value, metavar=metavar, help=help_text)
    train.add_argument(
        "--keep-rate", action="store_true",
        help="use --lr-last at 50,000 iterations, and for fewer a rate as many times larger",
    )  # fmt: skip
    train.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    train.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    train.add_argument(
        "--record", action="store_true", help="keep what was found in results/training"
    )


def _train(options: argparse.Namespace) -> int:
    """Train a Siamese network as the paper did, and rank test photographs by it (Table 1).

    The same command goes on where it was stopped. Several processes train as one if torchrun starts
    them: ``torchrun --nproc-per-node N -m visprof train DIR``.
    """
    import pandas as pd

    from visprof import processes
    from visprof.paper_training import PAPER, PaperTraining, usable_device
    from visprof.results.trainings import TRAININGS
    from visprof.train import train_on_folders

    given = vars(options)
    own = given.keys() & {field.name for field in dataclasses.fields(PaperTraining)}
    settings = PaperTraining(
        **{name: given[name] for name in own},
        n_iterations=PAPER.n_iterations if options.keep_rate else options.iterations,
        random_state=options.seed,
    )
    if options.keep_rate:
        settings = settings.shortened(options.iterations)
    with processes.joined(usable_device(options.device)):
        training = train_on_folders(
            options.photographs,
            options.test,
            out=options.out,
            settings=settings,
            folder=TRAININGS if options.record else None,
            progress=sys.stderr.isatty(),
            name=options.name,
            backbone=options.backbone,
            weights=options.weights,
            layers=options.layers,
            from_scratch=options.from_scratch,
            classifier_iterations=options.classifier_iterations,
            device=options.device,
        )
    if training is None:  # the first process has it
        return 0
    first, last = training.log.iloc[0], training.log.iloc[-1]
    print(f"loss {first['loss']:.4g} to {last['loss']:.4g}")
    print(_below_the_margin(training.log["active_share"]))
    if training.table:
        rows = [
            (name, *(f"{of['value']:.4f}" + _ends(of) for of in row.values()))
            for name, row in training.table.items()
        ]
        table = pd.DataFrame(rows, columns=["embedding", "mean AP", "area"])
        print(f"\n{_text(table)}\nIn parentheses: 95 % intervals over classes.\n")
    print(f"network: {training.network}\nrecord: {training.record}")
    return 0


def _below_the_margin(shares: pd.Series) -> str:
    """What a log says of dissimilar pairs; a stretch of it may have none (NaN)."""
    known = shares.dropna()
    if known.empty:
        return "dissimilar pairs below the margin: none was drawn"
    return f"dissimilar pairs below the margin {known.iloc[0]:.0%} to {known.iloc[-1]:.0%}"


def _ends(of: dict[str, float]) -> str:
    return f" ({of['low']:.4f} to {of['high']:.4f})" if "low" in of else ""
