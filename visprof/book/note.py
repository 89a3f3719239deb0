"""What a page says below its title: which parameters of its study are not those of the preset."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from visprof._lazy import lazily
from visprof.book.kernels import call_ready
from visprof.markdown import as_markdown
from visprof.parameters import Parameters, preset_parameters

with lazily():
    from visprof.study import Study

__all__ = ["parameters_note", "study_note"]


def study_note(root: Path, preset: str, values: Mapping[str, object]) -> str:
    """Say which parameters of a study are not those of its preset, and why.

    Parameters
    ----------
    root : Path
        Folder that the study's ``data`` is relative to.
    preset : str
        Its preset.
    values : mapping
        Values that were given.

    Returns
    -------
    str
        MyST markdown; empty if all are the preset's.

    Raises
    ------
    FileNotFoundError, ValueError
        If the data are not there, or hold too little; all that is too little is listed.
    """
    # a study takes all of the library, which the process that starts kernels has
    return call_ready(_study_note, root, preset, dict(values))


def _study_note(root: Path, preset: str, values: Mapping[str, object]) -> str:
    with contextlib.chdir(root):  # what is kept names pictures as the pages do
        study = Study(preset, **values)
        fitted = {choice.name: choice for choice in study.fit.choices}
    usual = preset_parameters(preset, {"data": study.data})
    lines = []
    for name in (parameter.name for parameter in dataclasses.fields(Parameters)):
        value, of_preset = getattr(study.parameters, name), getattr(usual, name)
        if name != "data" and value != of_preset:
            follows = "given" if name in study.given else "it follows from what was given"
            why = fitted[name].reason if name in fitted else follows
            told = as_markdown(f"{value!r} instead of {of_preset!r} ({why})")
            lines.append(f"`{name}` is {told}")
    return parameters_note(preset, lines)


def parameters_note(preset: str, lines: Sequence[str]) -> str:
    """Name the parameters that are not the preset's, as MyST markdown; no lines, no text."""
    if not lines:
        return ""
    listing = "\n".join(f"- {line}" for line in lines)
    return (
        # no backtick on this line: it would make no fence, and a code block of the rest
        f"```{{admonition}} Other parameters than those of the preset {preset}\n"
        f":class: note parameters\n\n{listing}\n```"
    )
