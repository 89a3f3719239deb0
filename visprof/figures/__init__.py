"""The figures of the book, one function each: arrays and tables in, a figure out.

A figure carries the table that it is drawn from, which is published below it. Figures are made
without pyplot, so none is kept open and none is drawn twice in a notebook.
"""

from visprof.figures.categories import category_mrr, known_carry_over, taste_parts
from visprof.figures.chance import chance_bars
from visprof.figures.cold_start import transfer_curves
from visprof.figures.data import (
    board_funnel,
    board_samples,
    labelled_pictures,
    taste_recovery,
    time_resolution,
)
from visprof.figures.diagrams import framework, siamese_network
from visprof.figures.error_rates import (
    false_positive_rates,
    power_curves,
    pvalue_ecdf,
    share_intervals,
)
from visprof.figures.explorables import (
    compare_users,
    explore_pairs,
    explore_power,
    explore_ranks,
    guess_boards,
)
from visprof.figures.figure import Figure
from visprof.figures.front import board_row, scorecard_picture, title_test
from visprof.figures.fusion import bits_by_part, taste_levels
from visprof.figures.interactive import HTMLFigure, interactive_map
from visprof.figures.pairs import (
    cluster_contrasts,
    max_z_ecdf,
    own_clusters,
    sensitivity_curves,
    user_shares,
)
from visprof.figures.planes import (
    grid_representatives,
    named_clusters,
    picture_map,
    scene_map,
)
from visprof.figures.ranks import (
    leakage_curves,
    mrr_curves,
    mrr_growth,
    mrr_intervals,
    mrr_leads,
    recency_curves,
)
from visprof.figures.scenes import class_mean_ap, neighbour_strips, precision_recall
from visprof.figures.style import COLOURS, use_book_style
from visprof.figures.sweep import setting_intervals
from visprof.figures.training import siamese_ablation, training_curves, training_losses

__all__ = [
    "COLOURS",
    "Figure",
    "HTMLFigure",
    "bits_by_part",
    "board_funnel",
    "board_row",
    "board_samples",
    "category_mrr",
    "chance_bars",
    "class_mean_ap",
    "cluster_contrasts",
    "compare_users",
    "explore_pairs",
    "explore_power",
    "explore_ranks",
    "false_positive_rates",
    "framework",
    "grid_representatives",
    "guess_boards",
    "interactive_map",
    "known_carry_over",
    "labelled_pictures",
    "leakage_curves",
    "max_z_ecdf",
    "mrr_curves",
    "mrr_growth",
    "mrr_intervals",
    "mrr_leads",
    "named_clusters",
    "neighbour_strips",
    "own_clusters",
    "picture_map",
    "power_curves",
    "precision_recall",
    "pvalue_ecdf",
    "recency_curves",
    "scene_map",
    "scorecard_picture",
    "sensitivity_curves",
    "setting_intervals",
    "share_intervals",
    "siamese_ablation",
    "siamese_network",
    "taste_levels",
    "taste_parts",
    "taste_recovery",
    "time_resolution",
    "title_test",
    "training_curves",
    "training_losses",
    "transfer_curves",
    "use_book_style",
    "user_shares",
]
