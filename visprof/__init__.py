"""Latent visual interests of people who collect pictures: the paper's method and its statistics.

The names below are what a study of one's own calls; each is imported when it is first used, so that
nothing is loaded, or has to be installed, that is not asked for. The rest of the library is in the
modules, which the book's page "Library" lists.
"""

import importlib
import os

__version__ = "0.1.0"

# Where each name is from, in the order of a study.
FRONT_DOOR = {
    "read_boards": "boards",
    "load_backbone": "backbones",
    "embed_images": "embedding",
    "VisualVocabulary": "vocabulary",
    "user_profiles": "profiles",
    "held_out_profiles": "held_out",
    "log_odds_z": "logodds",
    "pairwise_max_z": "logodds",
    "max_z_pvalues": "significance",
    "reciprocal_ranks": "prediction",
    "mean_reciprocal_rank": "rank_scores",
    "ranking_metrics": "retrieval",
}

__all__ = [*FRONT_DOOR]

# Read by OpenMP when torch loads it, so before any import of torch. Threads that wait actively
# for each other make small steps ten times slower wherever another process wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def __getattr__(name: str) -> object:
    if name not in FRONT_DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{FRONT_DOOR[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *FRONT_DOOR})
