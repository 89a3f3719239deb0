"""What the text of the book says of numbers: every word that depends on a value is chosen here."""

from visprof.sentences.leakage import batches, near_duplicates, repeats_without_taste
from visprof.sentences.numerals import listed, plain, shown
from visprof.sentences.planes import map_caption, planes
from visprof.sentences.ranks import fewer_users, image_or_mean, image_profile, lacking_profiles

__all__ = [
    "batches", "fewer_users", "image_or_mean", "image_profile", "lacking_profiles", "listed",
    "map_caption", "near_duplicates", "plain", "planes", "repeats_without_taste", "shown",
]  # fmt: skip
