"""What a study computes, step by step: one module for each part of the paper.

A step is a function whose arguments name what it needs: other steps, parameters, or ``folder`` (a
folder of its own). It calls the library below and knows nothing of the study that calls it.
"""

from visprof.steps import (
    ablation,
    assignments,
    baselines,
    cold_start,
    data,
    error_rates,
    leakage,
    lifetime,
    networks,
    own_board,
    pair_tests,
    pin_parts,
    profile_kinds,
    robustness,
    scene_retrieval,
    sensitivity,
    simulated_users,
    times,
    tsne_map,
    user_pairs,
    user_ranking,
    user_variance,
)
from visprof.steps.registry import STEPS, VARIANTS, find_step

__all__ = [
    "STEPS",
    "VARIANTS",
    "ablation",
    "assignments",
    "baselines",
    "cold_start",
    "data",
    "error_rates",
    "find_step",
    "leakage",
    "lifetime",
    "networks",
    "own_board",
    "pair_tests",
    "pin_parts",
    "profile_kinds",
    "robustness",
    "scene_retrieval",
    "sensitivity",
    "simulated_users",
    "times",
    "tsne_map",
    "user_pairs",
    "user_ranking",
    "user_variance",
]
