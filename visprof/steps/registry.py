"""The steps of the paper by name: functions whose arguments say what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["STEPS", "step"]

STEPS: dict[str, Callable[..., Any]] = {}


def step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function as a step of the study."""
    STEPS[function.__name__] = function
    return function
