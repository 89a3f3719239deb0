"""Rows that may lie in a file larger than memory: read once in order, or a sample of them.

`numpy.load` with ``mmap_mode="r"`` gives such an array. What has been read of it stays in this
process's memory until the system wants it back, which a limit on the process does not wait for; so
here it is let go of, block by block (the system may keep it as a cache of the file, for all).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.blocks import slices
from visprof.checks import check_whole

__all__ = ["read_rows", "sample_rows"]

_ROWS = 2**14  # at a time


def read_rows(rows: ArrayLike, size: int = _ROWS) -> Iterator[tuple[slice, NDArray]]:
    """Read rows from the first to the last, a block at a time.

    Parameters
    ----------
    rows : array-like of shape (n, d)
        Of a memory-mapped file, what has been read is let go of after each block.
    size : int, default=16384
        Rows of a block.

    Yields
    ------
    slice
        Which rows these are.
    ndarray of shape (at most size, d)
        The rows; copy what is wanted for longer.

    Raises
    ------
    TypeError
        If `size` is no whole number.
    ValueError
        If `rows` is not of two dimensions or has no row, or `size` is less than 1.

    Examples
    --------
    >>> for block, found in read_rows([[1.0], [2.0], [3.0]], size=2):
    ...     print(block.start, found.ravel().tolist())
    0 [1.0, 2.0]
    2 [3.0]
    """
    rows = _checked(rows)
    check_whole(size, "size", 1)
    return _read(rows, size)


def sample_rows(rows: ArrayLike, n_rows: int, random_state: int = 0) -> NDArray:
    """Draw rows without replacement, in one pass over all.

    For what needs no more than a sample, such as the clusters of
    :class:`visprof.vocabulary.VisualVocabulary`: what it costs then does not grow with the data.

    Parameters
    ----------
    rows : array-like of shape (n, d)
        May lie in a file, see `read_rows`.
    n_rows : int
        How many; all where there are no more.
    random_state : int, default=0
        Seed.

    Returns
    -------
    ndarray of shape (n_rows, d)
        In the order in which they stand.

    Raises
    ------
    TypeError
        If `n_rows` or `random_state` is no whole number.
    ValueError
        If `rows` is not of two dimensions or has no row, `n_rows` is less than 1, or
        `random_state` is negative.

    Examples
    --------
    >>> sample_rows([[0], [1], [2], [3]], 2).ravel().tolist()
    [2, 3]
    """
    rows = _checked(rows)
    check_whole(n_rows, "n_rows", 1)
    check_whole(random_state, "random_state", 0)
    rng = np.random.default_rng(random_state)
    chosen = np.sort(rng.choice(len(rows), min(n_rows, len(rows)), replace=False, shuffle=False))
    sample = np.empty((len(chosen), rows.shape[1]), rows.dtype)
    for block, found in _read(rows, _ROWS):
        first, end = np.searchsorted(chosen, (block.start, block.stop))
        sample[first:end] = found[chosen[first:end] - block.start]
    return sample


def _checked(rows: ArrayLike) -> NDArray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"rows: expected shape (n, d) of at least one row, got {rows.shape}")
    return rows


def _read(rows: NDArray, size: int) -> Iterator[tuple[slice, NDArray]]:
    mapping = _mapping(rows)
    for block in slices(len(rows), size):
        yield block, rows[block]
        if mapping is not None:
            mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(rows: NDArray) -> mmap.mmap | None:
    """Of an array of a file, what maps it; none where letting go would lose what was changed."""
    found, lossless = rows, False
    while isinstance(found, np.ndarray):
        lossless |= isinstance(found, np.memmap) and found.mode != "c"
        found = found.base
    known = lossless and isinstance(found, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED")
    return found if known else None
