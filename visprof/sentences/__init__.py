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
from visprof.sentences.numerals import listed, plain, shown
from visprof.sentences.pair_tests import more_than_half, rule_by_chance, tested_pairs
from visprof.sentences.planes import map_caption, planes
from visprof.sentences.ranks import fewer_users, image_or_mean, image_profile, lacking_profiles

__all__ = [
    "batches", "fewer_users", "image_against_others", "image_or_mean", "image_profile",
    "known_tastes", "lacking_profiles", "listed", "map_caption", "more_than_half",
    "near_duplicates", "palette_alone", "plain", "planes", "power_found", "power_titles",
    "repeats_without_taste", "rule_by_chance", "rule_error_rates", "shown", "suiting_distances",
    "tested_pairs", "where_gained",
]  # fmt: skip
