"""The steps of the paper by name: functions whose arguments say what they need.

What the algorithm draws (the start of k-means, the networks' last layer and pairs, paragraph
vectors, shuffled pins) is drawn by a seed of its own, the argument ``start``. Data and users stay
as they are, so the values of several starts show how much of a number is the algorithm's own
chance. An argument ``every_NAME`` is the list of values of the step NAME, one for each start. An
argument ``client`` is that of the cluster that does blocks of the work (`visprof.blocks`), None if
there is none; no value may depend on it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = [
    "EVERY", "STEPS", "VARIANTS", "arguments", "find_step", "is_kept", "needed_steps", "step",
    "variant",
]  # fmt: skip

Step = Callable[..., Any]
STEPS: dict[str, Step] = {}
VARIANTS: dict[str, list[tuple[dict[str, Any], Step]]] = {}
EVERY = "every_"
_MADE_ANEW: set[Step] = set()


def step(function: Step | None = None, *, kept: bool = True) -> Any:
    """Register a function as a step of the study.

    With ``kept=False`` its value is not written to disk: it is large, and soon made anew.
    """
    if function is None:
        return lambda function: step(function, kept=kept)
    STEPS[function.__name__] = function
    if not kept:
        _MADE_ANEW.add(function)
    return function


def variant(name: str, **conditions: Any) -> Callable[[Step], Step]:
    """Register a function in place of a step, where parameters have these values.

    It stands beside the step that it replaces, so it has a name of its own.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    if name not in STEPS:
        raise ValueError(f"no step {name!r} to replace; known: {', '.join(STEPS)}")

    def register(function: Step) -> Step:
        VARIANTS.setdefault(name, []).append((conditions, function))
        return function

    return register


def find_step(name: str, parameters: object) -> Step:
    """The function that computes a step with these parameters."""
    for conditions, function in VARIANTS.get(name, []):
        if all(getattr(parameters, key) == value for key, value in conditions.items()):
            return function
    return STEPS[name]


def is_kept(function: Step) -> bool:
    """Whether a step's value is written to disk."""
    return function not in _MADE_ANEW


@functools.cache  # asked for hundreds of times a page, where a look at a function is slow
def arguments(function: Step) -> tuple[str, ...]:
    """Names of a step's arguments, in order."""
    return tuple(inspect.signature(function).parameters)


def needed_steps(function: Step) -> dict[str, str]:
    """Step that each argument of a function stands for, by the argument's name.

    Examples
    --------
    >>> import visprof.steps  # registers them
    >>> needed_steps(STEPS["differences_by_seed"])
    {'every_pairwise_differences': 'pairwise_differences'}
    """
    names = {name: name.removeprefix(EVERY) for name in arguments(function)}
    return {argument: name for argument, name in names.items() if name in STEPS}
