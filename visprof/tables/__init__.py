"""Every table of the book."""

from visprof.tables.leakage import batch_effect, near_duplicates
from visprof.tables.planes import plane_quality
from visprof.tables.ranks import image_verdicts, profile_scores, redrawn_mrr
from visprof.tables.style import table

__all__ = [
    "batch_effect", "image_verdicts", "near_duplicates", "plane_quality", "profile_scores",
    "redrawn_mrr", "table",
]  # fmt: skip
