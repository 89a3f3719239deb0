"""What processes that execute pages begin with: the one that they are forked from imports this."""

from visprof.book import build
from visprof.book.kernels import COMPUTING, import_library

__all__ = ["build"]

import_library(*COMPUTING)
