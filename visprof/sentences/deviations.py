"""Numbers of the page on deviations from the paper: the library's own settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from visprof import sizing
from visprof._lazy import lazily
from visprof.parameters import Parameters

with lazily():
    from visprof.retrieval import random_mean_ap, random_pr_area
    from visprof.text import ParagraphVectors

__all__ = ["library_settings"]

LIMITS = ("LEAST_USERS", "LEAST_PINS", "LEAST_BACKGROUND", "BACKGROUND_SHARE", "PINS_PER_CLUSTER")


def library_settings() -> dict[str, Any]:
    """Settings that are not the paper's, limits of presets, and Table 1's random row."""
    usual, words = Parameters(), ParagraphVectors()
    labels = np.repeat(np.arange(205), 100)  # the classes and pictures of the paper's Table 1
    return {
        "random.map": f"{random_mean_ap(labels):.4f}",
        "random.area": f"{random_pr_area(labels):.4f}",
        "text_epochs": usual.text_epochs,
        "fewer_epochs": words.epochs,
        "window": words.window,
        "min_count": words.min_count,
        "perplexity": f"{usual.perplexity:g}",
        **{limit.lower(): getattr(sizing, limit) for limit in LIMITS},
    }
