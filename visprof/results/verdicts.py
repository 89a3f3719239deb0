"""What a number decides: by its interval, and by that of each seed alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from visprof.intervals import Estimate

__all__ = [
    "DOES_NOT_HOLD", "HOLDS", "NOT_RESOLVED", "ROUNDING", "UNANSWERABLE", "at_least", "bound_of",
    "is_few", "is_significant", "verdict", "verdict_above", "verdict_of_lead", "verdicts_by_seed",
]  # fmt: skip

# Of a claim. An interval on the claimed side; on the other side; on both; and data that could not
# have answered either way.
HOLDS, DOES_NOT_HOLD, NOT_RESOLVED = "holds", "does not hold", "not resolved"
UNANSWERABLE = "cannot be answered with these data"
SIGNIFICANT = 0.05  # at most: a p-value's verdict
ENOUGH = 50  # units from which on an interval decides a difference alone
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
        return HOLDS
    return DOES_NOT_HOLD if _is_less(estimate.high, bound) else NOT_RESOLVED


def is_few(estimate: Estimate) -> bool:
    """Whether a number rests on so few units that its interval alone decides nothing."""
    return estimate.n is not None and estimate.n < ENOUGH


def verdict_of_lead(lead: Estimate, p_value: float) -> str:
    """Decide whether one profile is ahead of another.

    Percentile intervals of differences are too narrow where units are few, and several numbers of
    training pins are several chances. So of fewer than 50 units nothing is decided unless a test
    that knows of both agrees.

    Parameters
    ----------
    lead : Estimate
        The difference.
    p_value : float
        That it is 0, adjusted for the family of tests.

    Returns
    -------
    {"holds", "not resolved", "does not hold"}
    """
    agrees = not is_few(lead) or is_significant(p_value)
    return verdict_above(lead, 0) if agrees else NOT_RESOLVED


def at_least(a: float, b: float) -> bool:
    """Whether a number is at least another, but for rounding; NaN is not."""
    return a >= b or math.isclose(a, b, **ROUNDING)


def is_significant(p_value: float) -> bool:
    """Whether a p-value is at most 0.05, but for rounding; NaN is not."""
    return at_least(SIGNIFICANT, p_value)


def _is_less(a: float, b: float) -> bool:
    return a < b and not math.isclose(a, b, **ROUNDING)


def verdict(key: str, numbers: Mapping[str, Estimate]) -> str:
    """Say what a number of a ledger decides, by itself.

    A difference of two numbers of the ledger, and a share of users in the variance
    (``variance.image.user``), decides whether it is above 0, a share of pairs
    (``pairs.``) whether it is above one half, a mean reciprocal rank whether it is above the random
    one, and a p-value (``.p``, ``.p.holm``) whether it is at most 0.05. Of a difference that has
    an adjusted p-value beside it, both decide (see `verdict_of_lead`).

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
    if key.endswith((".p", ".p.holm")):
        return "significant" if is_significant(number.value) else "not significant"
    above = bound_of(key, numbers)
    if above is None or not number.interval(""):
        return ""
    adjusted = numbers.get(f"{key}.p.holm")
    return (
        verdict_above(number, above)
        if adjusted is None
        else verdict_of_lead(number, adjusted.value)
    )


def bound_of(key: str, numbers: Mapping[str, Estimate]) -> float | None:
    """What a number has to be above to be something."""
    if key.startswith("pairs."):
        return 0.5
    if re.fullmatch(r"variance\..+\.user", key):
        return 0.0
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


def verdicts_by_seed(key: str, numbers: Mapping[str, Estimate]) -> list[str]:
    """What a number of a ledger decides by each seed alone; none where seeds are not kept.

    Parameters
    ----------
    key, numbers
        As of `verdict`.

    Returns
    -------
    list of str
    """
    number = numbers[key]
    return [
        verdict(key, {**numbers, key: number.of_seed(seed)}) for seed in range(len(number.by_seed))
    ]
