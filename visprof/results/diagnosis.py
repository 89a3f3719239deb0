"""What an expert would notice of a run before believing its number, in words."""

from __future__ import annotations

from collections.abc import Mapping

from visprof.intervals import Estimate
from visprof.results.verdicts import HOLDS, bound_of, is_few, verdict_above

__all__ = ["diagnose"]

UNIFORM = 0.95  # of the largest entropy: from here on a vocabulary warns, too
TIED = 0.01  # by which ties may move a mean reciprocal rank unnoticed


def diagnose(numbers: Mapping[str, Estimate], key: str) -> list[str]:
    """Say what makes a number of a run weak.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        All numbers of the run.
    key : str
        Of the one that is looked at.

    Returns
    -------
    list of str
        Nearly uniform assignments, clusters that are the first of no pin, tied ranks, few units,
        seeds that differ more than these do, an interval that does not lie above chance, or above
        0 where the number is a difference; none where there is nothing to say.

    Examples
    --------
    >>> numbers = {"assignments.entropy": Estimate(0.97), "mrr.image.5": Estimate(0.4, n=80)}
    >>> diagnose(numbers, "mrr.image.5")
    ['assignments nearly uniform: entropy 0.97 of the largest']
    """
    number, found = numbers[key], []
    entropy, empty = (numbers.get(f"assignments.{name}") for name in ("entropy", "empty"))
    if entropy is not None and entropy.value >= UNIFORM:
        found.append(f"assignments nearly uniform: entropy {entropy.value:.2f} of the largest")
    if empty is not None and empty.value > 0:
        found.append(f"{empty.value:.3g} of {empty.n} clusters are empty")
    for_user, against = (numbers.get(f"{key}.{name}") for name in ("optimistic", "pessimistic"))
    if for_user is not None and against is not None and for_user.value - against.value > TIED:
        found.append(f"ranks tied: {against.value:.3f} to {for_user.value:.3f} by how ties break")
    if is_few(number):
        found.append(f"few {number.unit or 'units'} ({number.n}): the interval is too narrow")
    if (number.sd_seeds or 0) > (number.sd_units or 0):
        found.append(f"seeds differ more than {number.unit or 'units'} do")
    bound = bound_of(key, numbers)
    if bound is not None and number.interval("") and verdict_above(number, bound) != HOLDS:
        found.append(f"the interval does not lie above {bound:.3g}")
    return found
