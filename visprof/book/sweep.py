"""Sweeps: one chapter with every combination of some values, and what the values change.

A sweep is a folder with ``runs/`` (a run each, see `visprof.book.runs`), ``index.html`` (its page,
which needs no network), ``table.csv`` (what the page shows, in numbers), ``numbers.csv`` (all
numbers of all runs), ``log.csv`` (how often each step was computed for which run), the figure, and
``sweep.json`` (the chapter and the values). What runs share is computed for the first that needs
it, and read by the others, as all runs keep their steps in one folder (`visprof.study`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import numpy as np
import pandas as pd

from visprof.book.compare import differing_parameters
from visprof.book.errors import BookError
from visprof.book.page import Page, find_chapter, read_page
from visprof.book.parameters import Parameter, check_parameters
from visprof.book.runs import INPUTS, STATIC, Run, checked_values, run_chapter, run_name
from visprof.book.sweep_page import sweep_page
from visprof.figures import setting_intervals, use_book_style
from visprof.figures.files import figure_svg
from visprof.files import read_record, write_whole
from visprof.intervals import Estimate
from visprof.rank_scores import holm, randomisation_test
from visprof.results.diagnosis import diagnose
from visprof.results.headline import headline_first
from visprof.results.users import NotPairedError, paired_differences, user_scores
from visprof.steps import VARIANTS
from visprof.trace import STEP

__all__ = ["Sweep", "run_sweep", "split_values"]

RECORD, FIGURE = "sweep.json", "figure.svg"
ENDS = ("value", "low", "high")
OF_DIFFERENCE = ("difference", "difference_low", "difference_high", "p")


@dataclass(frozen=True)
class Sweep:
    """A sweep that is kept.

    Attributes
    ----------
    folder : Path
    number : str
        Key of the number that is compared; empty if no setting ran.
    table : DataFrame
        A row a setting: the parameters that differ; value, low and high of the number; difference
        from the first setting that ran with difference_low and difference_high (missing where users
        are not paired) and p, of a randomisation test over users, adjusted for all settings (Holm);
        diagnosis, in words; run, the name of its folder, empty where it failed.
    log : DataFrame
        A row a run and step that it needs: run, step, times that it was computed for this run (once
        a seed; 0: it was kept).
    """

    folder: Path
    number: str
    table: pd.DataFrame
    log: pd.DataFrame

    @property
    def page(self) -> Path:
        """File to open in a browser."""
        return self.folder / "index.html"

    @property
    def failed(self) -> int:
        """Settings that could not be run."""
        return int((self.table["run"] == "").sum())

    @property
    def varied(self) -> list[str]:
        """Names of the parameters that differ."""
        return list(self.table.columns[: self.table.columns.get_loc("value")])

    @property
    def shown(self) -> pd.DataFrame:
        """The table in words."""
        rows = []
        for row in self.table.to_dict("records"):
            value = _estimate(*(row[name] for name in ENDS))
            difference = _estimate(*(row[name] for name in OF_DIFFERENCE[:3]))
            rows.append(
                {
                    **{name: row[name] for name in self.varied},
                    self.number or "number": f"{value:.4g}" if value else "",
                    "difference": f"{difference:+.4g}" if difference else "first" if value else "",
                    "p": "" if np.isnan(row["p"]) else f"{row['p']:.3g}",
                    "diagnosis": row["diagnosis"],
                }
            )
        return pd.DataFrame(rows)

    @property
    def told(self) -> list[str]:
        """What the table is, and how often steps were computed: paragraphs."""
        n_runs = (self.log["times"] > 0).groupby(self.log["step"]).sum()
        kept, once, more = (int(of.sum()) for of in (n_runs == 0, n_runs == 1, n_runs > 1))
        return [
            "In parentheses: 95 % intervals. Differences are from the first setting that ran; with "
            "an interval they are paired by user, and p is that of a randomisation test, adjusted "
            "for all settings (Holm).",
            f"{len(self.table) - self.failed} of {len(self.table)} settings ran. Of the "
            f"{len(n_runs)} steps that they need, {kept} were kept from before, {once} were "
            f"computed for one of them and read by the others, and {more} were computed for "
            "several, since what they are made of differs, or as they are not kept.",
        ]

    @property
    def files(self) -> dict[str, str]:
        """Files that lie beside the page, and what they are."""
        return {
            "table.csv": "the table in numbers",
            "numbers.csv": "all numbers of all runs",
            "log.csv": "how often each step was computed for each run",
            FIGURE: "the figure",
        }


def run_sweep(
    chapter: str,
    parameters: Mapping[str, object],
    out: str | Path = "_build/sweeps",
    name: str | None = None,
    root: str | Path = ".",
    number: str | None = None,
    stream: TextIO | None = None,
) -> Sweep:
    """Execute one chapter with every combination of values, into one folder.

    A run that is there, and would come out the same, is not made again: a sweep that was stopped
    goes on. Where a setting fails, the others go on, and the table says why.

    Parameters
    ----------
    chapter : str
        As for `visprof.book.runs.run_chapter`.
    parameters : mapping
        Values by name, as `split_values` takes them; those of one value are the same in all runs.
    out : path
        Where sweeps are kept.
    name : str, optional
        Name of the folder; by default it is made of the chapter and the parameters.
    root : path
        Folder of the book.
    number : str, optional
        Key of the number that is compared; by default the first one of those that all runs have,
        by user if they have such, that the claims rest on (`visprof.results.headline`).
    stream : TextIO, optional
        Where to say what is computed meanwhile; by default nothing is said.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If there is no such chapter, a parameter is unknown, has a value twice, or one that it may
        have in no setting; if there is one setting only; if a folder of that name is no sweep of
        this chapter; or if no run has the number.
    FileNotFoundError
        If the data are not there.
    """
    root = Path(root)
    page = read_page(find_chapter(chapter, root), root)
    lists = _value_lists(page, parameters)
    settings = [
        dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())
    ]
    if len(settings) < 2:
        raise ValueError(
            "a sweep needs a parameter of two values at least, such as n_clusters=5,10"
        )
    _refuse_wrong_values(root, page, lists, settings)
    told = {of: ",".join(map(str, values)) for of, values in lists.items()}
    folder = Path(out) / run_name(page.name, told, name)
    _begin(folder, page.name, lists)
    runs, errors = _run_settings(root, page, settings, lists, folder, stream)
    found = _summary(folder, settings, lists, runs, errors, number)
    _write(found, runs, lists)
    return found


def split_values(parameter: Parameter, given: object) -> list[Any]:
    """Values of one parameter of a sweep.

    Parameters
    ----------
    parameter : Parameter
    given : str, or sequence of values
        Values in a text are separated by commas. If there is a semicolon, and always where a value
        is a list of numbers itself, they are separated by semicolons; one may stand at the end.

    Returns
    -------
    list
        Values of the declared type.

    Raises
    ------
    ValueError
        If a value is not of the declared type, or is there twice.

    Examples
    --------
    >>> split_values(Parameter("n_clusters", "int", 100, ""), "25, 50")
    [25, 50]
    >>> split_values(Parameter("train_sizes", "tuple[int, ...]", (5, 10), ""), "5,10;10,20,30")
    [(5, 10), (10, 20, 30)]
    >>> split_values(Parameter("board", "str", "", ""), "sun, sea;hills")
    ['sun, sea', 'hills']
    """
    if isinstance(given, str):
        of_lists = any(kind.startswith("tuple") for kind in parameter.alternatives)
        semicolons = of_lists or ";" in given
        parts = given.split(";" if semicolons else ",")
        if semicolons and len(parts) > 1 and not parts[-1].strip():
            parts.pop()
    else:
        parts = list(given) if isinstance(given, Sequence) else [given]
    values = [parameter.parse(str(part).strip()) for part in parts]
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{parameter.name} has the value {value!r} twice")
    return values


def _value_lists(page: Page, parameters: Mapping[str, object]) -> dict[str, list[Any]]:
    """Values by name, each of the declared type."""
    unknown = {name: "" for name in parameters if name not in page.parameters}
    check_parameters(page.parameters, unknown, str(page.path), page.listing())
    return {name: split_values(page.parameters[name], of) for name, of in parameters.items()}


def _refuse_wrong_values(
    root: Path, page: Page, lists: Mapping[str, list[Any]], settings: Sequence[Mapping[str, Any]]
) -> None:
    """Raise what is wrong with a value that no setting can have.

    What is wrong with some combinations alone is told in their rows of the table.
    """
    wrong: list[Exception | None] = []
    for setting in settings:
        try:
            checked_values(root, page, setting)
            wrong.append(None)
        except (FileNotFoundError, ValueError) as error:
            wrong.append(error)
    for name, values in lists.items():
        for value in values:
            errors = [
                error
                for setting, error in zip(settings, wrong, strict=True)
                if setting[name] == value
            ]
            if all(errors) and errors[0] is not None:
                raise errors[0]


def _begin(folder: Path, chapter: str, lists: Mapping[str, list[Any]]) -> None:
    """Write down what the folder holds; refuse one that holds anything else."""
    record = folder / RECORD
    if folder.exists() and not record.is_file():
        raise ValueError(f"{folder} is there and is not a sweep; choose another name (--name)")
    if record.is_file() and (there := json.loads(record.read_text("utf-8"))["chapter"]) != chapter:
        raise ValueError(f"{folder} is a sweep of {there}; choose another name (--name)")
    told = {"chapter": chapter, "parameters": lists}
    write_whole(record, (json.dumps(told, indent=1) + "\n").encode())


def _run_settings(
    root: Path,
    page: Page,
    settings: Sequence[Mapping[str, Any]],
    lists: Mapping[str, list[Any]],
    folder: Path,
    stream: TextIO | None,
) -> tuple[list[Run | None], list[str]]:
    """The run of each setting, None where it failed; and why it did, in a line."""
    out, static = folder / "runs", folder.parent / STATIC
    runs: list[Run | None] = []
    errors = []
    for place, setting in enumerate(settings, start=1):
        head = f"[{place}/{len(settings)}] {_in_words(setting, lists)}"
        try:
            run = run_chapter(
                page, setting, out, None, root, stream, head, anew=False, static=static
            )
        except (BookError, FileNotFoundError, ValueError) as error:
            told = _reason(error)
            runs.append(None)
            errors.append(told)
            if stream is not None:
                stream.write(f"{head} was not computed: {told}\n")
        else:
            runs.append(run)
            errors.append("")
    return runs, errors


def _reason(error: Exception) -> str:
    # parameters are listed before the reason, a traceback is named after it; and what the data lack
    # is a list, whose last entry is told
    lines = str(error).splitlines()
    return lines[0] if isinstance(error, BookError) else lines[-1].removeprefix("  - ")


def _in_words(setting: Mapping[str, Any], lists: Mapping[str, list[Any]]) -> str:
    return " ".join(f"{name}={setting[name]}" for name in lists if len(lists[name]) > 1)


# --- what was found -------------------------------------------------------------------------------


def _summary(
    folder: Path,
    settings: Sequence[Mapping[str, Any]],
    lists: Mapping[str, list[Any]],
    runs: Sequence[Run | None],
    errors: Sequence[str],
    number: str | None,
) -> Sweep:
    there = [run for run in runs if run is not None]
    key = _compared_number(there, number) if there else ""
    varied = [name for name in lists if len(lists[name]) > 1]
    # what the data made of the given ones differs, too
    followed = differing_parameters([run.parameters for run in there]) if there else []
    followed = [name for name in followed if name not in lists]
    rows, p_values = [], {}
    for place, (setting, run, error) in enumerate(zip(settings, runs, errors, strict=True)):
        row = {name: setting[name] for name in varied}
        row |= {name: None if run is None else run.parameters.get(name) for name in followed}
        row |= dict.fromkeys((*ENDS, *OF_DIFFERENCE), np.nan)
        if run is None:
            told = [f"not computed: {error}"]
        else:
            estimate = run.numbers[key]
            row |= dict(zip(ENDS, _numbers(estimate), strict=True))
            told = diagnose(run.numbers, key)
            if run is not there[0]:
                difference, p_value, why = _difference(there[0], run, key)
                row |= dict(zip(OF_DIFFERENCE, _numbers(difference), strict=False))
                if p_value is not None:
                    p_values[place] = p_value
                told += [f"not paired: {why}"] if why else []
        name = "" if run is None else run.folder.name
        rows.append({**row, "diagnosis": "; ".join(told), "run": name})
    if p_values:
        for place, adjusted in zip(p_values, holm(list(p_values.values())), strict=True):
            rows[place]["p"] = float(adjusted)
    log = [(run.folder.name, *step) for run in there for step in _times_computed(run).items()]
    return Sweep(
        folder, key, pd.DataFrame(rows), pd.DataFrame(log, columns=["run", "step", "times"])
    )


def _times_computed(run: Run) -> dict[str, int]:
    """How many times each step that a run needs was computed for it."""
    functions = (
        key.rpartition(".")[2] for key in read_record(run.folder / INPUTS) if key.startswith(STEP)
    )
    in_place_of = {of.__name__: step for step, others in VARIANTS.items() for _, of in others}
    return {in_place_of.get(name, name): 0 for name in functions} | run.computed


def _compared_number(runs: Sequence[Run], number: str | None) -> str:
    """Key of the number that is compared, which all runs have."""
    common = [key for key in runs[0].numbers if all(key in run.numbers for run in runs)]
    if number is None and common:
        ranked, users = headline_first(common), runs[0].users
        by_user = [key for key in ranked if users is not None and _is_of(users, key)]
        return (by_user or ranked)[0]
    if number not in common:
        what = "a number in common" if number is None else f"a number {number!r}"
        raise ValueError(
            f"not all runs in {runs[0].folder.parent} have {what}; visprof results "
            f"{runs[0].folder} lists those of the first"
        )
    return number


def _is_of(users: pd.DataFrame, key: str) -> bool:
    """Whether a number is a mean over users whose values are kept."""
    return user_scores(users, key) is not None


def _difference(first: Run, run: Run, key: str) -> tuple[Estimate, float | None, str]:
    """A run's number less the first's, the p-value that it is 0, and why users are not paired."""
    plain = Estimate(run.numbers[key].value - first.numbers[key].value)
    seed = int(first.parameters.get("seed") or 0)
    try:
        paired = paired_differences(first.users, run.users, [key], seed)
    except NotPairedError as error:
        return plain, None, str(error)
    if key not in paired:
        return plain, None, f"{key} is not kept by user"
    if not key.startswith("mrr."):
        return paired[key], None, ""
    of_first, of_run = (user_scores(of.users, key).mean(axis=0) for of in (first, run))
    return paired[key], float(randomisation_test(of_run, of_first, random_state=seed)), ""


def _numbers(estimate: Estimate) -> tuple[float, float, float]:
    ends = (np.nan if end is None else end for end in (estimate.low, estimate.high))
    return estimate.value, *ends


def _estimate(value: float, low: float, high: float) -> Estimate | None:
    if np.isnan(value):
        return None
    return Estimate(value) if np.isnan(low) else Estimate(value, low, high)


def _write(sweep: Sweep, runs: Sequence[Run | None], lists: Mapping[str, list[Any]]) -> None:
    """Write the tables, the figure and the page of a sweep."""
    numbers = [
        (run.folder.name, key, *_numbers(estimate), estimate.n, estimate.unit)
        for run in runs
        if run is not None
        for key, estimate in run.numbers.items()
    ]
    tables = {
        "table.csv": sweep.table,
        "numbers.csv": pd.DataFrame(numbers, columns=["run", "number", *ENDS, "n", "unit"]),
        "log.csv": sweep.log,
    }
    for name, table in tables.items():
        write_whole(sweep.folder / name, table.to_csv(index=False).encode())
    if sweep.number:
        use_book_style()
        drawn = figure_svg(setting_intervals(_labelled(sweep), sweep.number))
        write_whole(sweep.folder / FIGURE, drawn.encode())
    chapter = json.loads((sweep.folder / RECORD).read_text("utf-8"))["chapter"]
    same = [f"{name}={values[0]}" for name, values in lists.items() if len(values) == 1]
    links = [
        "" if run is None else f"runs/{quote(run.folder.name)}/html/index.html" for run in runs
    ]
    page = sweep_page(
        f"{chapter} by {' and '.join(sweep.varied)}",
        f"The same in all runs: {', '.join(same)}." if same else "All else is as the page has it.",
        sweep.shown,
        links,
        sweep.told,
        FIGURE if sweep.number else "",
        sweep.files,
    )
    write_whole(sweep.page, page.encode())


def _labelled(sweep: Sweep) -> pd.DataFrame:
    """What the figure shows."""
    rows = sweep.table[sweep.varied].to_dict("records")
    told = [", ".join(f"{name}={value}" for name, value in row.items()) for row in rows]
    return sweep.table[[*ENDS, *OF_DIFFERENCE[:3]]].assign(setting=told)
