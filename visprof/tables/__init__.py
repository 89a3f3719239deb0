"""Every table of the book."""

from visprof.tables.baselines import image_against_others
from visprof.tables.error_rates import rule_error_rates
from visprof.tables.leakage import batch_effect, near_duplicates
from visprof.tables.pair_tests import session_exchanges, shares_by_rule
from visprof.tables.pairs import distinguishing_clusters
from visprof.tables.planes import plane_quality
from visprof.tables.ranks import image_verdicts, profile_scores, redrawn_mrr
from visprof.tables.sensitivity import sensitivity
from visprof.tables.style import table

__all__ = [
    "batch_effect", "distinguishing_clusters", "image_against_others", "image_verdicts",
    "near_duplicates", "plane_quality", "profile_scores", "redrawn_mrr", "rule_error_rates",
    "sensitivity", "session_exchanges", "shares_by_rule", "table",
]  # fmt: skip
