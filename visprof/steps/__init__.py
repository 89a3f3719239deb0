"""What a study computes, step by step: one module for each part of the paper.

A step is a function whose arguments name what it needs: other steps, parameters, or ``folder`` (a
folder of its own). It calls the library below and knows nothing of the study that calls it.
"""

from visprof.steps import (
    ablation,
    baselines,
    calibration,
    clusters,
    differences,
    embeddings,
    leakage,
    metric,
    pictures,
    plane,
    prediction,
    significance,
    simulated,
    users,
    yours,
)
from visprof.steps.registry import STEPS, VARIANTS, find_step

__all__ = [
    "STEPS",
    "VARIANTS",
    "ablation",
    "baselines",
    "calibration",
    "clusters",
    "differences",
    "embeddings",
    "find_step",
    "leakage",
    "metric",
    "pictures",
    "plane",
    "prediction",
    "significance",
    "simulated",
    "users",
    "yours",
]
