"""What a training gave, kept among the results: numbers and curves, by what and on what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visprof.files import write_whole
from visprof.results.cite import RESULTS
from visprof.results.provenance import provenance

__all__ = ["TRAININGS", "write_training"]

TRAININGS = RESULTS / "training"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def write_training(name: str, found: Mapping[str, Any], folder: str | Path = TRAININGS) -> Path:
    """Keep what a training gave in one file.

    Parameters
    ----------
    name : str
        Of the file: small letters, digits and hyphens.
    found : mapping
        JSON values: settings, device, seconds, the log (loss, share of active pairs), tables. What
        it says itself under ``run`` (by what, and on what, it was made) stays; else it is added.
    folder : path
        Where such files are.

    Returns
    -------
    Path
        ``FOLDER/NAME.json``.

    Raises
    ------
    ValueError
        If the name has other characters, or a number in `found` is not finite.
    OSError
        If the file cannot be written; the message names it.

    Examples
    --------
    >>> write_training("tiny", {"log": {"loss": [2.0, 1.5]}}, "trainings").as_posix()
    'trainings/tiny.json'
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"name is {name!r}; use small letters, digits and hyphens")
    kept = {"run": provenance()} | dict(found)
    path = Path(folder) / f"{name}.json"
    write_whole(path, f"{json.dumps(_nulls(kept), indent=1, allow_nan=False)}\n".encode())
    return path


def _nulls(value: Any) -> Any:
    """The same with null for NaN: a row of the log may have no similar pair."""
    if isinstance(value, Mapping):
        return {key: _nulls(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [_nulls(of) for of in value]
    return None if isinstance(value, float) and value != value else value
