"""Claims put to data that no rule has seen: once, by rules that are committed, and counted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from visprof.files import write_whole
from visprof.parameters import PRESETS
from visprof.results.cite import RESULTS
from visprof.results.claims import CLAIMS
from visprof.results.ledger import Ledger
from visprof.results.provenance import provenance
from visprof.results.publish import PublicationError
from visprof.results.scorecard import scorecard
from visprof.study import Study

__all__ = ["CONFIRMED", "Confirmation", "confirm", "confirmations"]

CONFIRMED = RESULTS / "confirmed"


@dataclass(frozen=True)
class Confirmation:
    """What the claims are on data that no rule has seen.

    Attributes
    ----------
    ledger : Ledger
        The numbers, with the commit of the rules and how many times they were asked for.
    card : DataFrame
        As `visprof.results.scorecard.scorecard`.
    rules : str
        Commit that last changed ``claims.yaml``.
    times : int
        How many times this was begun on these data, this time included.
    """

    ledger: Ledger
    card: pd.DataFrame
    rules: str
    times: int


def confirm(
    data: str | Path,
    preset: str = "boards",
    parameters: Mapping[str, Any] | None = None,
    folder: str | Path = CONFIRMED,
) -> Confirmation:
    """Run every claim on a folder of pictures that no rule has seen.

    Whoever looks twice may choose what to keep. So a run is counted when it begins, whatever
    becomes of it, and the ledger says of how many it is.

    Parameters
    ----------
    data : path
        Folder, as of the preset.
    preset : str
        One of the presets for real pictures.
    parameters : mapping, optional
        Parameters that are not the preset's; the ledger holds them.
    folder : path
        Where ledgers of confirmations are, and beside each the list of runs that were begun.

    Returns
    -------
    Confirmation

    Raises
    ------
    FileNotFoundError
        If `data` is not there.
    PublicationError
        If the code is no commit: the rules must be fixed before the data are looked at.
    ValueError
        If a published ledger is of the same data: its numbers were known when the rules were made;
        or as of `visprof.study.Study`.
    """
    data, folder = Path(data), Path(folder)
    if not data.is_dir():
        raise FileNotFoundError(f"data: there is no folder {data.resolve()}")
    commit, rules = _commits()
    study = Study(preset, data=str(data), **(parameters or {}))
    content = study["data_digest"]
    _refuse_seen(content, data)
    path = folder / f"{preset}-{content[:12]}.json"
    _ = study.parameters  # what data hold too little for begins no run
    times = _begin(path, commit, rules)
    numbers = study.headline()
    if study.training_scenes == "simulated":  # drawn scenes say nothing of these data
        numbers = {key: of for key, of in numbers.items() if not key.startswith("map.")}
    path.unlink(missing_ok=True)  # of an earlier run, which is in the list
    ledger = Ledger(path)
    study.record(numbers, path, {"rules": rules, "times": times})
    card = scorecard(numbers, max(study.train_sizes), study.threshold)
    return Confirmation(ledger, card, rules, times)


def confirmations(folder: str | Path = CONFIRMED) -> list[Ledger]:
    """Ledgers of all confirmations that are kept.

    Examples
    --------
    >>> confirmations("a-folder-that-is-not-there")
    []
    """
    paths = sorted(Path(folder).glob("*.json"))
    return [Ledger(path) for path in paths if not path.name.endswith(".runs.json")]


def _commits() -> tuple[str, str]:
    """Commit of the code, and that which last changed the rules."""
    commit = provenance()["commit"]
    if commit.endswith("-dirty") or " " in commit:
        raise PublicationError(
            f"the code is no commit ({commit}): commit what was changed, so that the rules are "
            "fixed before they are put to data"
        )
    log = ["git", "log", "-1", "--abbrev=12", "--format=%h", "--", CLAIMS.name]
    rules = subprocess.run(log, cwd=CLAIMS.parent, capture_output=True, text=True, check=True)
    return commit, rules.stdout.strip()


def _refuse_seen(content: str, data: Path) -> None:
    """Raise ValueError if a published ledger is of data with this content."""
    for published in (RESULTS / f"{preset}.json" for preset in PRESETS):
        runs = Ledger(published).runs()  # none where nothing is published
        if any(run.get("data_sha256") == content for run in runs):
            raise ValueError(
                f"{data} holds the data of {published.name}, whose numbers were known when the "
                "rules were made: they cannot confirm them"
            )


def _begin(path: Path, commit: str, rules: str) -> int:
    """Write down that a run has begun; return how many have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = path.with_suffix(".runs.json")
    with FileLock(f"{runs}.lock"):
        begun = json.loads(runs.read_text("utf-8")) if runs.exists() else []
        at = datetime.now(UTC).isoformat(timespec="seconds")
        begun.append({"begun": at, "commit": commit, "rules": rules})
        write_whole(runs, f"{json.dumps(begun, indent=1)}\n".encode())
    return len(begun)
