"""What the text of the book says of numbers: every word that depends on a value is chosen here."""

from visprof.sentences.claims import *
from visprof.sentences.data import *
from visprof.sentences.deviations import *
from visprof.sentences.numerals import *
from visprof.sentences.own_board import *
from visprof.sentences.planes import *
from visprof.sentences.scenes import *
from visprof.sentences.training import *
