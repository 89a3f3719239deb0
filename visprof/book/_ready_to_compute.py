"""What those processes begin with that make a book for the first time: most of it is computed."""

from contextlib import suppress

from visprof.book.aside import put_aside
from visprof.book.forks import import_kept

# a page that imports them says what is wrong with them
with put_aside("numba", "llvmlite", "visprof"), suppress(Exception):
    import_kept(["visprof._numba"])
    from visprof._numba import njit

    njit(lambda: 0)()  # the first that is compiled takes a tenth of a second more
with put_aside("torch", "torchgen", "torchvision", "visprof"), suppress(Exception):
    import_kept(["visprof._torchvision"])
