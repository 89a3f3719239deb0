"""What the text of the book says of numbers: every word that depends on a value is chosen here."""

from visprof.sentences.baselines import (
    image_against_others,
    known_tastes,
    palette_alone,
    suiting_distances,
    where_gained,
)
from visprof.sentences.error_rates import power_found, power_titles, rule_error_rates
from visprof.sentences.leakage import batches, near_duplicates, repeats_without_taste
from visprof.sentences.numerals import listed, plain, shown, significant
from visprof.sentences.pair_tests import more_than_half, rule_by_chance, tested_pairs
from visprof.sentences.pairs import (
    clusters_again,
    equations_read,
    most_different,
    pairs_compared,
)
from visprof.sentences.planes import map_caption, planes
from visprof.sentences.ranks import fewer_users, image_or_mean, image_profile, lacking_profiles
from visprof.sentences.sensitivity import sensitivity

__all__ = [
    "batches", "clusters_again", "equations_read", "fewer_users", "image_against_others",
    "image_or_mean", "image_profile", "known_tastes", "lacking_profiles", "listed", "map_caption",
    "more_than_half", "most_different", "near_duplicates", "pairs_compared", "palette_alone",
    "plain", "planes", "power_found", "power_titles", "repeats_without_taste", "rule_by_chance",
    "rule_error_rates", "sensitivity", "shown", "significant", "suiting_distances", "tested_pairs",
    "where_gained",
]  # fmt: skip
