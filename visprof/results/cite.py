"""Numbers to cite: those of a ledger, each with its interval, its run and BibTeX entries."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

import visprof
from visprof._shipped import SHIPPED
from visprof.intervals import Estimate
from visprof.machine import describe_hardware
from visprof.results.headline import headline_first
from visprof.results.ledger import Ledger, estimates
from visprof.results.provenance import whole_commit

__all__ = ["PAPER", "cite_number", "cite_software", "find_ledger", "list_numbers"]

RESULTS = SHIPPED / "results"
TITLE = "visprof: latent visual interests from collected pictures, an executable reproduction"
AUTHOR = "The visprof authors"
YEAR = 2026
PAPER = """\
@misc{Yang2015,
  author = {Yang, Longqi and Hsieh, Cheng-Kang and Estrin, Deborah},
  title = {Beyond Classification: Latent User Interests Profiling from Visual Contents Analysis},
  year = {2015},
  eprint = {1512.06785},
  archiveprefix = {arXiv},
  url = {https://arxiv.org/abs/1512.06785}
}"""


def find_ledger(source: str | Path | None = None, preset: str = "demo") -> Ledger:
    """Find the numbers to list or cite.

    Parameters
    ----------
    source : path, optional
        A ledger's file, or the folder of a run; by default the ledger that is published with the
        code, ``results/PRESET.json`` of the checkout.
    preset : str
        Which of the published ones.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    from visprof.parameters import PRESETS

    path = Path(source) if source is not None else RESULTS / f"{preset}.json"
    if path.is_dir():
        path = path / "numbers.json"
    if not path.is_file():
        if source is not None:
            raise FileNotFoundError(f"no ledger at {path}: pass its file, or the folder of a run")
        there = ", ".join(sorted(name for name in PRESETS if (RESULTS / f"{name}.json").is_file()))
        raise FileNotFoundError(
            f"no results of the preset {preset!r}; there are those of {there}"
            if there
            else f"the results are part of the repository, and there is no {RESULTS}: run this in "
            "a checkout, or pass the file of a ledger"
        )
    return Ledger(path)


def list_numbers(ledger: Ledger, pattern: str = "") -> pd.DataFrame:
    """List a ledger: those numbers that the claims rest on, then the others by alphabet.

    Parameters
    ----------
    ledger : Ledger
    pattern : str
        Which ones: a part of the key such as ``mean-embedding``, or a pattern of a whole key such
        as ``mrr.*.50``. All if empty.

    Returns
    -------
    DataFrame
        Columns key, value, 95 % interval, n (with what it counts).

    Raises
    ------
    ValueError
        If the file is no ledger, or no key is like the pattern.

    Examples
    --------
    >>> list_numbers(find_ledger(preset="demo"), "mrr.image.50")["key"].tolist()
    ['mrr.image.50', 'mrr.image.50.optimistic', 'mrr.image.50.pessimistic']
    """
    numbers = estimates(_read(ledger))
    whole = pattern if set("*?[") & set(pattern) else f"*{pattern}*"
    keys = [key for key in headline_first(numbers) if fnmatchcase(key, whole)]
    if pattern and not keys:
        raise ValueError(f"{ledger.path.name} has no number like {pattern!r}")
    rows = [
        (
            key,
            f"{numbers[key].value:.4g}",
            numbers[key].interval(".4g"),
            _sample_size(numbers[key]),
        )
        for key in keys
    ]
    return pd.DataFrame(rows, columns=["key", "value", "95 % interval", "n"])


def _read(ledger: Ledger) -> dict[str, dict[str, Any]]:
    try:
        return ledger.read()
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{ledger.path} is not a ledger of numbers, such as results/demo.json or the "
            "numbers.json of a run"
        ) from None


def _sample_size(number: Estimate) -> str:
    return "" if number.n is None else f"{number.n:,} {number.unit}".rstrip()


def cite_number(key: str, ledger: Ledger) -> str:
    """Say what a number is, where it comes from, and how to cite it.

    Parameters
    ----------
    key : str
        Of the number, such as ``mrr.image.50``.
    ledger : Ledger
        Where it is.

    Returns
    -------
    str
        Lines of text, each after ``%``, then BibTeX entries of the number and of the paper.

    Raises
    ------
    ValueError
        If there is no such number; keys like it are named.
    """
    from visprof.parameters import PRESETS, Parameters

    entries = _read(ledger)
    if key not in entries:
        near = difflib.get_close_matches(key, entries, 5, 0.5)
        hint = f"near it: {', '.join(near)}" if near else "visprof results lists them"
        raise ValueError(f"{ledger.path.name} has no number {key!r}; {hint}")
    number, run = estimates(entries)[key], entries[key]["run"]
    usual = dataclasses.asdict(Parameters(**PRESETS.get(run["preset"], {})))
    changed = [
        f"{name}={value}"
        for name, value in run["parameters"].items()
        if json.dumps(value) != json.dumps(usual.get(name))
    ]
    value = f"{number.value:.4g}"
    if interval := number.interval(".4g"):
        value += f" (95 % interval {interval})"
    if size := _sample_size(number):
        value += f", n = {size}"
    seed, n_seeds = run["parameters"].get("seed"), run["parameters"].get("n_seeds", 1)
    seeds = f"seed {seed}" if n_seeds == 1 else f"{n_seeds} seeds from seed {seed}"
    made = [
        f"{key} = {value}",
        f"preset {run['preset']}, {seeds}; changed: {', '.join(changed) or 'nothing'}",
        f"visprof {run['visprof']}, commit {run['commit']}, Python {run['python']}",
        f"source sha256 {run['source_sha256']}",
        *_made_on(run),
        *_archived(run["commit"]),
    ]
    text = "\n".join(f"% {line}" for line in made)
    return f"{text}\n\n{cite_software('. '.join(made[:3]), run['visprof'])}\n\n{PAPER}\n"


def _archived(commit: str) -> list[str]:
    """The identifier by which an archive has a commit, if this checkout can tell."""
    whole = whole_commit(commit)
    return [f"Software Heritage swh:1:rev:{whole}"] if whole else []


def _made_on(run: Mapping[str, Any]) -> list[str]:
    """Lines on precision, packages, data and machine; an old ledger does not say."""
    parts = {
        "precision": run["parameters"].get("precision"),
        "tested packages": run.get("tested_packages", "")[:12],
        "installed packages": run.get("installed_packages", "")[:12],
        "data": run.get("data_sha256", "")[:12],
    }
    told = ", ".join(f"{name} {value}" for name, value in parts.items() if value)
    machine = f"made on {describe_hardware(run['machine'])}" if "machine" in run else ""
    return [line for line in (told, machine) if line]


def cite_software(note: str = "", version: str = visprof.__version__) -> str:
    """BibTeX entry of this software.

    Parameters
    ----------
    note : str
        What of it is cited, if not all of it.
    version : str
        Its release.
    """
    fields = {"author": f"{{{AUTHOR}}}", "title": TITLE, "year": str(YEAR), "version": version}
    if note:
        fields["note"] = re.sub(r"([_%&#$])", r"\\\1", note)
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@software{{visprof{YEAR},\n{lines}\n}}"
