"""What a number decides: by its interval, and by that of each seed alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from visprof.intervals import Estimate

__all__ = ["ROUNDING", "bound_of", "verdict", "verdict_above", "verdicts_by_seed"]

SIGNIFICANT = 0.05  # at most: a p-value's verdict
ROUNDING = {"rel_tol": 1e-9, "abs_tol": 1e-12}  # what the order of a sum may change


def verdict_above(estimate: Estimate, bound: float) -> str:
    """Decide whether a number lies above a bound: by its interval, not by its value.

    Returns
    -------
    {"holds", "not resolved", "does not hold"}
        "holds" if the whole interval lies above `bound`, "does not hold" if it lies below, and
        "not resolved" if it covers the bound or ends at it, but for rounding.

    Raises
    ------
    ValueError
        If the estimate has no interval.

    Examples
    --------
    >>> verdict_above(Estimate(0.4, 0.3, 0.5), 0.25), verdict_above(Estimate(0.4, 0.3, 0.5), 0.35)
    ('holds', 'not resolved')
    """
    if estimate.low is None or estimate.high is None:
        raise ValueError(f"a verdict needs an interval, and {estimate} has none")
    if _is_less(bound, estimate.low):
        return "holds"
    return "does not hold" if _is_less(estimate.high, bound) else "not resolved"


def _is_less(a: float, b: float) -> bool:
    return a < b and not math.isclose(a, b, **ROUNDING)


def verdict(key: str, numbers: Mapping[str, Estimate]) -> str:
    """Say what a number of a ledger decides, by itself.

    A difference of two numbers of the ledger decides whether it is above 0, a share of pairs
    (``pairs.``) whether it is above one half, a mean reciprocal rank whether it is above the random
    one, and a p-value (``.p``) whether it is at most 0.05.

    Parameters
    ----------
    key : str
        Of the number.
    numbers : mapping of str to Estimate
        All numbers of the ledger.

    Returns
    -------
    str
        As `verdict_above`; of p-values "significant" or "not significant"; empty if it decides
        nothing.
    """
    number = numbers[key]
    if key.endswith(".p"):
        p_value = number.value
        is_small = p_value <= SIGNIFICANT or math.isclose(p_value, SIGNIFICANT, **ROUNDING)
        return "significant" if is_small else "not significant"  # as NaN is
    above = bound_of(key, numbers)
    return "" if above is None or not number.interval("") else verdict_above(number, above)


def bound_of(key: str, numbers: Mapping[str, Estimate]) -> float | None:
    """What a number has to be above to be something."""
    if key.startswith("pairs."):
        return 0.5
    if re.fullmatch(r"mrr\.[^.]+\.\d+", key) and not _is_difference(key, numbers):
        return numbers["mrr.random"].value if "mrr.random" in numbers else None
    return 0.0 if _is_difference(key, numbers) else None


def _is_difference(key: str, numbers: Mapping[str, Estimate]) -> bool:
    """Whether a key is ``before A-B after``, and both numbers that it is the difference of exist.

    Names may hold hyphens themselves: ``mrr.mean-embedding.50`` is no difference.
    """
    parts = key.split(".")
    for i, part in enumerate(parts):
        for hyphen in re.finditer("-", part):
            names = part[: hyphen.start()], part[hyphen.end() :]
            if all(".".join([*parts[:i], name, *parts[i + 1 :]]) in numbers for name in names):
                return True
    return False


def verdicts_by_seed(estimate: Estimate, bound: float) -> list[str]:
    """Verdict of each seed alone, as `verdict_above`; none where seeds are not kept.

    Parameters
    ----------
    estimate : Estimate
    bound : float

    Returns
    -------
    list of str
    """
    return [verdict_above(Estimate(*of_seed), bound) for of_seed in estimate.by_seed]
