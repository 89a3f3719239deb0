"""The command ``visprof``: build the book, run a chapter, cite and verify numbers, collect."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from visprof._extras import MissingExtraError
from visprof._shipped import pages_root

if TYPE_CHECKING:
    import pandas as pd

    from visprof.sources.collect import CollectSummary

__all__ = ["main"]

STDOUT = 1  # its file descriptor
TOKEN = "PINTEREST_ACCESS_TOKEN"
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
    try:
        status = options.command(options)
        sys.stdout.flush()  # when Python ends it would be too late to handle what this raises
        return status
    except (OSError, ValueError, RuntimeError, MissingExtraError) as error:
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
    _add_number_commands(commands)
    _add_collect_command(commands)
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
    compare = _command(commands, "compare", _compare, "set two runs side by side")
    compare.add_argument("runs", nargs=2, metavar="RUN", help="name of a run, or its folder")
    for command in (run, compare):
        command.add_argument(
            "--out", default="_build/runs", metavar="DIR", help="where runs are (_build/runs)"
        )
    build = _command(commands, "build", _build, "execute all chapters and build the HTML book")
    build.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    pdf = _command(commands, "pdf", _pdf, "print a built book (needs Chromium)")
    pdf.add_argument("--preset", default="demo", metavar="P", help="which book (demo)")
    pdf.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    serve = _command(commands, "serve", _serve, "show a built book in a browser")
    serve.add_argument("--preset", default="demo", metavar="P", help="which book (demo)")
    serve.add_argument("--out", default="_build", metavar="DIR", help="where books are (_build)")
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="of this machine (8000)")
    for command in (run, build):
        command.add_argument(
            "-p", dest="parameters", metavar="NAME=VALUE", type=_assignment, action="append",
            default=[], help="change a parameter; may be repeated",
        )  # fmt: skip
        command.add_argument("--preset", metavar="P", help="set of parameter values (demo)")
        command.add_argument("--data", metavar="DIR", help="folder of real pictures")
    _add_jobs(build)
    listing = _command(commands, "parameters", _parameters, "list the parameters of a chapter")
    listing.add_argument("chapter", metavar="CHAPTER", help="06-prediction, 6 or prediction")
    listing.add_argument("--preset", default="demo", metavar="P", help="whose defaults (demo)")
    for command in (run, build, listing):
        command.add_argument(
            "--root", metavar="DIR", help="folder of the pages (., or else those of the package)"
        )


def _add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=int, default=None, metavar="N",
        help="pages executed at a time (2 where there are two cores)",
    )  # fmt: skip


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


# What a command needs is imported when it is asked for: the libraries of others take seconds.


def _run(options: argparse.Namespace) -> int:
    """Execute one chapter into a folder of its own: notebook, page, figures and numbers."""
    from visprof.book.runs import run_chapter
    from visprof.results.headline import headline_keys

    given = _given(options)
    start = time.perf_counter()
    run = run_chapter(options.chapter, given, options.out, options.name, _root(options), sys.stderr)
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


def _given(options: argparse.Namespace) -> dict[str, str]:
    """Parameters by name, each given once, by an option of its own or by -p."""
    named = {"preset": options.preset, "data": options.data}
    given = {name: value for name, value in named.items() if value}
    for name, value in options.parameters:
        if name in given:
            raise ValueError(f"{name} is given twice: {given[name]} and {value}")
        given[name] = value
    return given


def _root(options: argparse.Namespace) -> Path:
    return pages_root() if options.root is None else Path(options.root)


def _build(options: argparse.Namespace) -> int:
    """Bring every page of the book up to date, and render them as HTML."""
    from visprof.book.build import build_book
    from visprof.book.workers import usual_jobs

    given = _given(options)
    preset, data = given.pop("preset", None) or "demo", given.pop("data", None) or None
    jobs = usual_jobs() if options.jobs is None else options.jobs
    html = build_book(_root(options), preset, data, given, options.out, jobs)
    print(f"book: {html / 'index.html'}")
    return 0


def _pdf(options: argparse.Namespace) -> int:
    """Print a built book as a PDF, through headless Chromium."""
    from visprof.book.pdf import build_pdf

    printed = build_pdf(options.out, options.preset)
    print(f"PDF: {printed} ({printed.stat().st_size / 1e6:.1f} MB)")
    return 0


def _serve(options: argparse.Namespace) -> int:
    """Serve a built book to this machine alone, until Ctrl-C."""
    from visprof.book.serve import book_server

    with book_server(options.out, options.preset, options.port) as server:
        print(f"http://localhost:{server.server_port}  (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Set two runs side by side: parameters that differ, numbers and their differences."""
    from visprof.book.runs import compare_runs, read_run

    folders = [Path(run) for run in options.runs]
    folders = [run if run.is_dir() else Path(options.out) / run for run in folders]
    a, b = (read_run(folder) for folder in folders)
    print(f"A: {a.folder}\nB: {b.folder}\n")
    parameters, numbers = compare_runs(a, b, ("A", "B"))
    print(_text(parameters) if len(parameters) else "no parameter differs", end="\n\n")
    print(_text(numbers))
    print("\nIn parentheses: 95 % intervals. Difference: B less A.")
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


def _publish(options: argparse.Namespace) -> int:
    """Put ledgers of built books among the published results, each of one run of one commit."""
    from visprof.results.ledger import Ledger
    from visprof.results.publish import publish

    folder = Path(options.out) / "results"
    for path in publish(Ledger(folder / f"{preset}.json") for preset in options.presets):
        print(path)
    return 0


# --- boards ---------------------------------------------------------------------------------------


def _add_collect_command(commands) -> None:
    collect = commands.add_parser("collect", help="collect boards into a folder")
    sources = collect.add_subparsers(required=True, metavar="SOURCE")

    git = _source(sources, "git", _collect_git, "public git repositories of pictures")
    git.add_argument(
        "--list", metavar="FILE", help="CSV: board_id,url,commit,licence (default: 44)"
    )
    git.add_argument(
        "--cache", metavar="DIR", help="bare repositories (default: OUT/.repositories)"
    )
    git.add_argument("--max-pins", type=int, default=160, metavar="N", help="pins a board (160)")
    _short_side(git)

    folder = _source(sources, "folder", _collect_folder, "a folder or manifest of one's own")
    folder.add_argument(
        "src", metavar="SRC", help="a manifest, or a folder with one folder a board"
    )
    _short_side(folder)

    unsplash = _source(sources, "unsplash", _collect_unsplash, "the Unsplash Lite data set")
    unsplash.add_argument("src", metavar="SRC", help="folder of its tables (photos.tsv000, ...)")
    unsplash.add_argument("--width", type=int, default=400, metavar="N", help="of pictures (400)")
    unsplash.add_argument("--min-pins", type=int, default=20, metavar="N", help="of a board (20)")
    unsplash.add_argument("--max-boards", type=int, metavar="N", help="the largest (default: all)")

    places = _source(sources, "places", _collect_places, "Places365, as labelled scenes")
    places.add_argument("src", metavar="SRC", help="folder of the data set")
    places.add_argument("--split", default="val", help="val, train-standard, train-challenge (val)")
    places.add_argument("--per-class", type=int, metavar="N", help="of a class (default: all)")
    places.add_argument("--download", action="store_true", help="fetch what is absent (0.5 GB)")
    _short_side(places)

    _source(
        sources, "pinterest", _collect_pinterest, f"one's own boards; token in ${TOKEN}"
    )  # the token is no option: other users of the machine could read it in the process list


def _source(sources, name: str, collect, what: str) -> argparse.ArgumentParser:
    source = sources.add_parser(name, help=what, description=f"Collect boards from {what}.")
    source.add_argument("--out", required=True, metavar="DIR", help="where to write")
    source.set_defaults(command=_collect, collect=collect)
    return source


def _short_side(source: argparse.ArgumentParser) -> None:
    help_text = "largest short side of the pictures in pixels (160)"
    source.add_argument("--short-side", type=int, default=160, metavar="N", help=help_text)


def _progress() -> bool:
    return sys.stderr.isatty()


def _collect(options: argparse.Namespace) -> int:
    summary = options.collect(options)
    print(summary)
    return 1 if summary.failed else 0


def _collect_git(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.git import collect_git, read_repositories

    return collect_git(
        read_repositories(options.list),
        options.out,
        short_side=options.short_side,
        max_pins=options.max_pins,
        cache=options.cache,
        progress=_progress(),
    )


def _collect_folder(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.collect import collect_folder

    return collect_folder(
        options.src, options.out, short_side=options.short_side, progress=_progress()
    )


def _collect_unsplash(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.unsplash import collect_unsplash

    return collect_unsplash(
        options.src,
        options.out,
        width=options.width,
        min_pins=options.min_pins,
        max_boards=options.max_boards,
        progress=_progress(),
    )


def _collect_places(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.places import collect_places

    return collect_places(
        options.src,
        options.out,
        split=options.split,
        per_class=options.per_class,
        short_side=options.short_side,
        download=options.download,
        progress=_progress(),
    )


def _collect_pinterest(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.pinterest import collect_pinterest

    token = os.environ.get(TOKEN)
    if not token:
        raise ValueError(f"set {TOKEN} to an access token with boards:read and pins:read")
    return collect_pinterest(options.out, token=token, progress=_progress())
