"""Ledgers: headline numbers in a file, each with the run that it comes from."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from visprof.digests import digest
from visprof.files import write_whole
from visprof.intervals import Estimate
from visprof.parameters import with_names_of_now
from visprof.results.provenance import provenance
from visprof.results.verdicts import ROUNDING

__all__ = ["PAGE", "Ledger", "LedgerConflictError", "estimates"]

PAGE = "VISPROF_PAGE"  # environment variable: the page that is being made


class LedgerConflictError(ValueError):
    """Two pages found different values of one number."""


class Ledger:
    """A JSON file of headline numbers, each with the run that it comes from.

    The file has ``numbers``, by key, and ``runs``: parameters and code version, which the numbers
    refer to. A book is one study, so a number has one value, whichever pages find it.

    Parameters
    ----------
    path : path
        The file; it and its folder are made when the first number is written.

    Examples
    --------
    >>> ledger = Ledger("ledger.json")
    >>> ledger.write({"mrr.image.10": Estimate(0.4, 0.3, 0.5)}, {"seed": 0}, "tiny")
    >>> f"{estimates(ledger.read())['mrr.image.10']:.2f}"
    '0.40 (0.30 to 0.50)'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return each number by key, with its run; none if nothing was written yet."""
        kept = self._kept()
        return {
            key: {**number, "run": kept["runs"][number["run"]]}
            for key, number in kept["numbers"].items()
        }

    def runs(self) -> list[dict[str, Any]]:
        """Return what made the numbers: parameters, code and machine; one, if all are of one."""
        return list(self._kept()["runs"].values())

    def write(
        self,
        estimates: Mapping[str, Estimate],
        parameters: Mapping[str, Any],
        preset: str,
        fitted: Mapping[str, str] | None = None,
        data: str = "",
        confirms: Mapping[str, Any] | None = None,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        """Add numbers, or replace a page's own; chapters that run at once lose none of each other.

        Parameters
        ----------
        estimates : mapping of str to Estimate
            The numbers by key, such as ``mrr.image.50``.
        parameters : mapping
            All parameters of the study.
        preset : str
            Its preset.
        fitted : mapping of str to str, optional
            Parameters that are not the preset's since the data do not allow those, and why.
        data : str
            Digest of the content of the data; empty where all is simulated.
        confirms : mapping, optional
            Of a confirmation: the commit of its ``rules``, and how many ``times`` it was begun.
        engine : mapping, optional
            Where a cluster did blocks of the work: which (see `visprof.cluster.engine`).

        Raises
        ------
        LedgerConflictError
            If another page has recorded another value of one of the numbers.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        run = {"preset": preset, "parameters": dict(parameters), **provenance()}
        if run["parameters"].get("data"):  # where the folder lies is this machine's own business
            run["parameters"]["data"] = Path(os.path.abspath(run["parameters"]["data"])).name
        if fitted:
            run["fitted"] = dict(fitted)
        if data:
            run["data_sha256"] = data
        if confirms:
            run["confirms"] = dict(confirms)
        if engine:
            run["engine"] = dict(engine)
        name = digest(json.dumps(run, sort_keys=True, default=str))
        with FileLock(f"{self.path}.lock"):
            kept = self._kept()
            page = {"page": os.environ[PAGE]} if PAGE in os.environ else {}
            for key, estimate in estimates.items():
                named = vars(estimate).items()
                plain = {name: _plain(of) for name, of in named}
                number = {name: of for name, of in plain.items() if of not in (None, "", [])}
                number |= {**page, "run": name}
                earlier = kept["numbers"].get(key, number)
                if earlier.get("page") != number.get("page") or not page:
                    _refuse_conflict(key, earlier, number, self.path)
                kept["numbers"][key] = number
            kept["runs"][name] = run
            self._write(kept)

    def _write(self, kept: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        used = {number["run"] for number in kept["numbers"].values()}
        kept["runs"] = {run: made for run, made in kept["runs"].items() if run in used}
        parts = [
            f" {json.dumps(part)}: {{\n" + ",\n".join(_lines(kept[part])) + "\n }"
            for part in sorted(kept)
        ]
        write_whole(self.path, ("{\n" + ",\n".join(parts) + "\n}\n").encode())

    def replace_by(self, parts: Iterable[str | Path]) -> None:
        """Make this ledger of the numbers of others, such as one a page.

        Parameters
        ----------
        parts : iterable of path
            Ledgers; one that is not there holds no number.

        Raises
        ------
        LedgerConflictError
            If two of them hold different values of one number.
        """
        kept: dict[str, Any] = {"numbers": {}, "runs": {}}
        for part in map(Ledger, parts):
            of_part = part._kept()
            for key, number in of_part["numbers"].items():
                earlier = kept["numbers"].setdefault(key, number)
                _refuse_conflict(key, earlier, number, part.path)
            kept["runs"] |= of_part["runs"]
        self._write(kept)

    def _kept(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {"numbers": {}, "runs": {}}
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{self.path} is no ledger, or was cut ({error}); delete it and make it anew"
            ) from error
        parts = ("numbers", "runs")
        if not (isinstance(kept, dict) and all(isinstance(kept.get(of), dict) for of in parts)):
            raise ValueError(f"{self.path} is no ledger: it does not hold numbers and their runs")
        for run in kept["runs"].values():  # of numbers that were published before a change
            run["parameters"] = with_names_of_now(run["parameters"])
        return kept


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's, and tuples as lists: what JSON gives back."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _is_equal(a: Any, b: Any) -> bool:
    """Whether two entries are equal, up to rounding: the order of sums may differ."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_is_equal, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, **ROUNDING) or (a != a and b != b)
    return a == b


def _shown(estimate: Estimate) -> str:
    size = "" if estimate.n is None else f" of {estimate.n} {estimate.unit}".rstrip()
    return f"{estimate:.6g}{size}"


def _lines(entries: Mapping[str, Any]) -> Iterator[str]:
    """Entries of JSON, one a line, so that a change of a ledger shows each number whole."""
    for key, entry in sorted(entries.items()):
        yield f"  {json.dumps(key)}: {json.dumps(entry, sort_keys=True, default=str)}"


def _refuse_conflict(
    key: str, earlier: Mapping[str, Any], number: Mapping[str, Any], path: Path
) -> None:
    """Raise LedgerConflictError if two entries of one number differ in more than who made them."""
    names = (earlier.keys() | number.keys()) - {"page", "run"}
    if not all(_is_equal(earlier.get(name), number.get(name)) for name in names):
        told = [
            f"{_shown(estimates({key: entry})[key])} by {entry.get('page', 'an unnamed page')}"
            for entry in (earlier, number)
        ]
        raise LedgerConflictError(
            f"{path}: {key} is {' and '.join(told)}; a book is one study, whose pages have the "
            "same parameters: give them the same, or another ledger, or delete this one"
        )


def estimates(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Estimate]:
    """Numbers by key, of entries as `Ledger.read` gives them."""
    names = [field.name for field in dataclasses.fields(Estimate)]
    found = {}
    for key, entry in entries.items():
        given = {name: entry[name] for name in names if name in entry}
        given["by_seed"] = tuple(map(tuple, entry.get("by_seed", ())))
        found[key] = Estimate(**given)
    return found
