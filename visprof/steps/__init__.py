"""What a study computes, step by step: one module for each part of the paper.

A step is a function whose arguments name what it needs: other steps, parameters, or ``folder`` (a
folder of its own). It calls the library below and knows nothing of the study that calls it.
"""

from visprof.steps import (
    ablation,
    differences,
    embeddings,
    metric,
    pictures,
    plane,
    prediction,
    users,
)
from visprof.steps.registry import STEPS

__all__ = [
    "STEPS",
    "ablation",
    "differences",
    "embeddings",
    "metric",
    "pictures",
    "plane",
    "prediction",
    "users",
]
