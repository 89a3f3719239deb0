"""Environment variables for a while: of this process, and of those that it starts meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["environment"]


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables, and put them back when the block ends.

    Parameters
    ----------
    values : mapping of str to str or None
        By name; None for one that is not to be set.

    Examples
    --------
    >>> with environment({"ALBUM": "sea"}):
    ...     os.environ["ALBUM"]
    'sea'
    >>> "ALBUM" in os.environ
    False
    """
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
