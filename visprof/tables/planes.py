"""Tables of the map."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.tables.style import Styler, table

__all__ = ["plane_quality"]

MEASURES = {
    "preservation": ("neighbours preserved", "preservation"),
    "trust": ("trustworthiness", "trust"),
    "purity.plane": ("purity by {label}, in the plane", "purity"),
    "purity.embedding": ("purity by {label}, in the embedding", "purity"),
}


def plane_quality(quality: Mapping[str, Estimate]) -> Styler:
    """What the planes of pins and of scenes keep, beside chance.

    Parameters
    ----------
    quality : mapping of str to Estimate
        The step ``map_quality``.
    """
    rows = [
        {
            "measure": f"{name}: {measure.format(label=label)}",
            "value (95 % interval)": f"{quality[f'plane.{name}.{key}']:.3f}",
            "by chance": f"{quality[f'plane.{name}.{chance}.chance']:.3f}",
        }
        for name, label in (("pins", "board"), ("scenes", "class"))
        for key, (measure, chance) in MEASURES.items()
    ]
    return table(pd.DataFrame(rows))
