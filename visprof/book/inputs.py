"""What a page of the book is made from, and what of it has changed since.

The inputs of a page are a flat mapping from what they are, in words, to a digest: the page's text,
the parameters given, the installed packages, the machine, the code that its cells name, and the
steps and files that its study used. The last two are known when the page has run: a study writes
them into the page's trace.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from visprof.digests import digest
from visprof.machine import environment_version, machine_version
from visprof.memo import SOURCES, code_version, find_versions, fingerprint, imported_names
from visprof.trace import FILES, STEP

__all__ = ["changed_inputs", "find_kept_versions", "page_inputs"]

# packages whose functions give what is kept
KEPT = ("visprof.steps.", "visprof.figures.", "visprof.tables.")


def find_kept_versions() -> None:
    """Find the versions of all steps, figures and tables, for the processes that make pages.

    Each would find those that it needs: to read the library again takes longer than all of this.
    """
    find_versions(
        (module, node.name)
        for module, text in SOURCES.items()
        if module.startswith(KEPT)
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    )


def page_inputs(text: str, cells: Iterable[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Inputs of a page that are known before it runs.

    Parameters
    ----------
    text : str
        The whole page.
    cells : iterable of str
        Sources of its code cells.
    values : mapping
        Parameters that differ from the page's own.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        If a cell is not plain Python.
    """
    code = "\n".join(cells)
    return {
        "its text": digest(text),
        "the parameters": digest(json.dumps(dict(values), sort_keys=True, default=str)),
        "the installed packages": environment_version() if code else "",
        "the machine": machine_version() if code else "",
        **{f"code {name}": version for name, version in _named_code(code).items()},
    }


def changed_inputs(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between a page's inputs as they were and as they are, in words.

    Parameters
    ----------
    before : mapping of str to str
        All inputs when the page was made: `page_inputs` and those of its trace
        (`visprof.trace.noted_inputs`).
    now : mapping of str to str
        `page_inputs` as they are. Noted steps and files are looked at again.

    Returns
    -------
    list of str
        Empty if the page would come out the same.
    """
    noted = {key for key in before if key.startswith((STEP, FILES))}
    current = {**now, **{key: _look_again(key) for key in noted}}
    return sorted(key for key in before.keys() | current if before.get(key) != current.get(key))


def _look_again(key: str) -> str:
    if key.startswith(FILES):
        return fingerprint(key.removeprefix(FILES))
    module, _, name = key.removeprefix(STEP).rpartition(".")
    return code_version(module, name) if module in SOURCES else "gone"


def _named_code(code: str) -> dict[str, str]:
    """Version of everything of this package that code cells import and use."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise ValueError(
            f"a code cell is not plain Python, near {(error.text or '').strip()!r}: what the page "
            "depends on cannot be read from it; IPython's magics have no place in a chapter"
        ) from None
    attributes: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.setdefault(node.value.id, set()).add(node.attr)
    versions = {}
    for alias, (module, name) in imported_names(tree).items():
        if name is None:
            for used in attributes.get(alias, ()):
                versions[f"{module}.{used}"] = code_version(module, used)
        else:
            versions[f"{module}.{name}"] = code_version(module, name)
    return versions
