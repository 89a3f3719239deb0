"""By what, and on what, numbers are made."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import visprof
from visprof._shipped import SHIPPED
from visprof.digests import digest
from visprof.machine import environment_version, hardware

__all__ = ["checkout_commit", "provenance", "whole_commit"]

PACKAGE = Path(visprof.__file__).parent
LOCK = SHIPPED / "constraints.txt"  # the versions that were tested


def provenance() -> dict[str, Any]:
    """Say by what, and on what, numbers are made in this process.

    Returns
    -------
    dict
        The version of the code (``visprof``, its release; ``commit``; ``source_sha256``, of the
        library), ``python``, digests of the versions of packages that were tested
        (``tested_packages``) and that are installed (``installed_packages``), and the ``machine``
        (see `visprof.machine.hardware`).

    Examples
    --------
    >>> sorted(provenance())[:4]
    ['commit', 'installed_packages', 'machine', 'python']
    """
    return {**_code(), "machine": hardware()}


@functools.cache  # what this process runs stays as it was when it first wrote a number
def _code() -> dict[str, str]:
    """Versions of the code, of Python and of packages."""
    source = hashlib.sha256()
    for module in sorted(PACKAGE.rglob("*.py")):
        source.update(module.relative_to(PACKAGE).as_posix().encode() + module.read_bytes())
    return {
        "visprof": visprof.__version__,
        "commit": checkout_commit(PACKAGE),
        "source_sha256": source.hexdigest(),
        "python": platform.python_version(),
        "tested_packages": digest(LOCK.read_text("utf-8")) if LOCK.exists() else "unknown",
        "installed_packages": environment_version(),
    }


def checkout_commit(package: Path) -> str:
    """Commit of the checkout that a package is part of.

    A package may also lie in the checkout of something else, as in a virtual environment there; its
    files are not in that repository, whose commit would say nothing of them.

    Parameters
    ----------
    package : Path
        Folder of the package.

    Returns
    -------
    str
        Twelve digits, or a tag, with ``-dirty`` after it if a file was changed; in words that there
        is none.
    """
    own = _git(package, "ls-files", "--full-name", "__init__.py") == f"{package.name}/__init__.py"
    commit = _git(package, "describe", "--always", "--dirty", "--abbrev=12") if own else ""
    return commit or "not in a git checkout"


@functools.cache
def whole_commit(commit: str, package: Path = PACKAGE) -> str:
    """All forty digits of a commit, for identifiers such as ``swh:1:rev:`` of Software Heritage.

    Parameters
    ----------
    commit : str
        As `checkout_commit` gives it.
    package : Path
        A folder in the checkout.

    Returns
    -------
    str
        Empty if the checkout does not have it, or files were changed: no archive has those.

    Examples
    --------
    >>> whole_commit("3c00543f9844-dirty"), whole_commit("not in a git checkout")
    ('', '')
    """
    if re.fullmatch(r"[0-9a-f]{7,40}", commit) is None:
        return ""
    return _git(package, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")


def _git(folder: Path, *words: str) -> str:
    """What git prints; nothing if it fails, or is not installed."""
    try:
        ran = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
