"""Packages that come with an extra: where one is not installed, the error names the extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MissingExtraError", "needs"]


class MissingExtraError(ModuleNotFoundError):
    """A package is not installed, and the message says how to install it."""


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Import, in the block, packages that an extra of visprof brings.

    Parameters
    ----------
    extra : str
        As ``pyproject.toml`` names it.

    Raises
    ------
    MissingExtraError
        If a package is not installed.

    Examples
    --------
    >>> with needs("nets"):
    ...     import no_such_network
    Traceback (most recent call last):
    visprof._extras.MissingExtraError: no_such_network is not installed: pip install "visprof[nets]"
    """
    try:
        yield
    except MissingExtraError:  # of a module that the block imports: it names its own extra
        raise
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'{error.name} is not installed: pip install "visprof[{extra}]"', name=error.name
        ) from error
