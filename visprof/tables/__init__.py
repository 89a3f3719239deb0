"""Every table of the book: a module a subject, all of them to be called from here."""

from visprof.tables.baselines import *
from visprof.tables.categories import *
from visprof.tables.claims import *
from visprof.tables.cold_start import *
from visprof.tables.data import *
from visprof.tables.datasheet import *
from visprof.tables.error_rates import *
from visprof.tables.fusion import *
from visprof.tables.leakage import *
from visprof.tables.own_board import *
from visprof.tables.pair_tests import *
from visprof.tables.pairs import *
from visprof.tables.paper_size import *
from visprof.tables.parameters import *
from visprof.tables.planes import *
from visprof.tables.ranks import *
from visprof.tables.scenes import *
from visprof.tables.sensitivity import *
from visprof.tables.style import *
from visprof.tables.taste_words import *
from visprof.tables.times import *
from visprof.tables.training import *
from visprof.tables.trainings import *
