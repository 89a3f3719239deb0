"""What the text of the book says of numbers: every word that depends on a value is chosen here."""

from visprof.sentences.numerals import plain, shown
from visprof.sentences.planes import map_caption, planes

__all__ = ["map_caption", "plain", "planes", "shown"]
