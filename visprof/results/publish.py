"""Published ledgers: each of one run of one commit, with a preset's own parameters."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from visprof.files import write_whole
from visprof.parameters import preset_parameters
from visprof.results.cite import RESULTS, find_ledger
from visprof.results.ledger import Ledger
from visprof.results.scorecard import findings_in_markdown
from visprof.results.users import numbered_users, read_users, users_file, write_users

__all__ = ["PublicationError", "changed_parameters", "publish", "write_findings"]

FINDINGS = re.compile(r"^\| claim \|.*?\n(?!\|)", re.M | re.S)  # a table of Markdown


class PublicationError(ValueError):
    """A ledger is not one that may be published."""


def publish(ledgers: Iterable[Ledger], folder: str | Path = RESULTS) -> list[Path]:
    """Copy ledgers of built books among the published ones, all of them or none.

    The values of their users go with them, without names (`visprof.results.users`).

    Parameters
    ----------
    ledgers : iterable of Ledger
        Such as ``_build/results/demo.json``.
    folder : path
        Where published ledgers are.

    Returns
    -------
    list of Path
        The published files, named as the ledgers' own.

    Raises
    ------
    FileNotFoundError
        If a ledger is not there.
    PublicationError
        If the numbers of one are of more than one run, of code that is no commit, not in single
        precision, or of other parameters than those of its preset (but for the data, and what
        these made of the preset).
    ValueError
        If the values of the users of one were cut or changed.
    """
    published = {}
    for ledger in ledgers:
        if not ledger.path.is_file():
            raise FileNotFoundError(f"no ledger at {ledger.path}: build the book of this preset")
        _refuse(ledger)
        target = Path(folder) / ledger.path.name
        published[target] = ledger.path.read_bytes(), read_users(ledger.path)
    for path, (content, values) in published.items():
        write_whole(path, content)
        if values is None:
            users_file(path).unlink(missing_ok=True)
        else:
            write_users(numbered_users(values), path)
    return list(published)


def write_findings(readme: str | Path) -> None:
    """Put what the published ledgers say of the claims into a README, in the place of its table.

    Parameters
    ----------
    readme : path
        Markdown with a table whose first column is ``claim``.

    Raises
    ------
    FileNotFoundError
        If there is no README, or no ledger.
    ValueError
        If the README has no such table, or a ledger not the numbers of a whole book.
    """
    table = findings_in_markdown(lambda preset: find_ledger(preset=preset))
    text = Path(readme).read_text("utf-8")
    if not FINDINGS.search(text):
        raise ValueError(f"{readme} has no table of claims")
    write_whole(Path(readme), FINDINGS.sub(lambda _: table, text, count=1).encode())


def changed_parameters(run: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a ledger's run that are not its preset's, by name.

    The data are left out, what these made of the preset, and parameters that are no more.

    Examples
    --------
    >>> changed_parameters({"preset": "tiny", "parameters": {"seed": 3, "n_clusters": 8}})
    {'seed': 3}
    """
    made = run["parameters"]
    usual = dataclasses.asdict(preset_parameters(run["preset"], {"data": made.get("data") or None}))
    return {
        name: made[name]
        for name in usual.keys() & made.keys() - {"data"} - run.get("fitted", {}).keys()
        if json.dumps(made[name]) != json.dumps(usual[name])
    }


def _refuse(ledger: Ledger) -> None:
    """Raise PublicationError if a ledger may not be published, with what to do."""
    runs = ledger.runs()
    if len(runs) != 1:
        names = {name for run in runs for name in run}
        differ = sorted(n for n in names if any(run.get(n) != runs[0].get(n) for run in runs))
        told = f" (they differ in {', '.join(differ)})" if differ else ""
        raise PublicationError(
            f"{ledger.path}: its numbers are of {len(runs)} runs{told}, and must be of one; delete "
            "the folder of the book's pages beside it (_build/PRESET/pages), and build it again"
        )
    (run,) = runs
    if run["commit"].endswith("-dirty") or " " in run["commit"]:  # or in words that there is none
        raise PublicationError(
            f"{ledger.path}: made of code that is no commit ({run['commit']}); commit what was "
            "changed, build the books again, and publish all of them at once"
        )
    precision = run["parameters"].get("precision", "fp32")
    if precision != "fp32":
        raise PublicationError(
            f"{ledger.path}: made with precision={precision}, which gives other numbers on other "
            "processors; build it with precision=fp32"
        )
    if changed := changed_parameters(run):
        listed = ", ".join(f"{name}={value}" for name, value in sorted(changed.items()))
        raise PublicationError(
            f"{ledger.path}: made with {listed}, unlike the preset {run['preset']}; build the book "
            "without these"
        )
