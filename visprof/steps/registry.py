"""The steps of the paper by name: functions whose arguments say what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["STEPS", "VARIANTS", "find_step", "step", "variant"]

Step = Callable[..., Any]
STEPS: dict[str, Step] = {}
VARIANTS: dict[str, list[tuple[dict[str, Any], Step]]] = {}


def step(function: Step) -> Step:
    """Register a function as a step of the study."""
    STEPS[function.__name__] = function
    return function


def variant(**conditions: Any) -> Callable[[Step], Step]:
    """Register a function in place of the step of its name, where parameters have these values."""

    def register(function: Step) -> Step:
        VARIANTS.setdefault(function.__name__, []).append((conditions, function))
        return function

    return register


def find_step(name: str, parameters: object) -> Step:
    """The function that computes a step with these parameters."""
    for conditions, function in VARIANTS.get(name, []):
        if all(getattr(parameters, key) == value for key, value in conditions.items()):
            return function
    return STEPS[name]
