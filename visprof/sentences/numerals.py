"""Numbers as the text of the book writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from visprof.intervals import Estimate

__all__ = ["listed", "plain", "shown", "significant"]

SHARES = (  # of keys; written in per cent
    "carry.known.coverage.", "carry.level.", "duplicates.", "null.", "pairs.", "plane.", "yours.",
)  # fmt: skip
NO_SHARES = (".trust", "plane-embedding")  # of keys that begin so


def shown(key: str, number: Estimate) -> str:
    """A recorded number with its interval: a share in per cent, anything else with three decimals.

    Parameters
    ----------
    key : str
        Its key in the ledger.
    number : Estimate
    """
    share = key.startswith(SHARES) and not any(part in key for part in NO_SHARES)
    return f"{number:.1%}" if share else f"{number:.3f}"


def plain(value: Any) -> str:
    """A parameter's value in words: whole numbers with commas, others as short as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def listed(words: Sequence[str]) -> str:
    """Words one after the other: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = words or [""]  # a word may hold a comma itself
    return f"{', '.join(first)} and {last}" if first else last


def significant(value: float) -> str:
    """Four significant digits, with commas: ``12,350`` of 12345.6, ``0.01235`` of 0.0123456."""
    return f"{float(f'{value:.4g}'):,.15g}"
