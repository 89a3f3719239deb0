"""What processes that execute pages begin with: the one that they are forked from imports this."""

import signal

# Ctrl-C is for the process that asked for this one; multiprocessing turns to that after all this.
signal.signal(signal.SIGINT, signal.SIG_IGN)

from visprof.book import build  # noqa: E402
from visprof.book.kernels import COMPUTING, import_library  # noqa: E402

__all__ = ["build"]

import_library(*COMPUTING)
