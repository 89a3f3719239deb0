"""What the text of the book says of numbers: every word that depends on a value is chosen here."""

from visprof.sentences.baselines import *
from visprof.sentences.categories import *
from visprof.sentences.claims import *
from visprof.sentences.cold_start import *
from visprof.sentences.data import *
from visprof.sentences.deviations import *
from visprof.sentences.error_rates import *
from visprof.sentences.explorables import *
from visprof.sentences.front import *
from visprof.sentences.fusion import *
from visprof.sentences.leakage import *
from visprof.sentences.numerals import *
from visprof.sentences.own_board import *
from visprof.sentences.pair_tests import *
from visprof.sentences.pairs import *
from visprof.sentences.paper_size import *
from visprof.sentences.planes import *
from visprof.sentences.ranks import *
from visprof.sentences.report_card import *
from visprof.sentences.scenes import *
from visprof.sentences.sensitivity import *
from visprof.sentences.taste_words import *
from visprof.sentences.times import *
from visprof.sentences.training import *
from visprof.sentences.trainings import *
