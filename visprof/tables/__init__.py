"""Every table of the book: a module a subject, all of them to be called from here."""

from visprof.tables.claims import *
from visprof.tables.data import *
from visprof.tables.datasheet import *
from visprof.tables.own_board import *
from visprof.tables.parameters import *
from visprof.tables.planes import *
from visprof.tables.scenes import *
from visprof.tables.style import *
from visprof.tables.training import *
