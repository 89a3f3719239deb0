"""Rows of a file larger than memory: all of them, or a sample, and no more than a block held."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from visprof.mapped import read_rows, sample_rows


@given(st.integers(1, 60), st.integers(1, 70))
def test_all_rows_are_read_once_and_in_order(n, size):
    rows = np.arange(3 * n).reshape(n, 3)
    found = list(read_rows(rows, size))
    assert [row for block, _ in found for row in range(n)[block]] == list(range(n))
    np.testing.assert_array_equal(np.concatenate([part for _, part in found]), rows)
    assert all(len(part) <= size for _, part in found)


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 1000))
def test_a_sample_is_distinct_rows_in_order_and_the_same_for_a_seed(n, n_rows, seed):
    rows = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visprof.mapped._ROWS", 7)
        sample = sample_rows(rows, n_rows, seed)
    assert sample.dtype == rows.dtype
    assert len(sample) == min(n, n_rows)
    chosen = sample[:, 0].astype(int) // 2
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(sample, rows[chosen])
    np.testing.assert_array_equal(sample, sample_rows(rows, n_rows, seed))


def test_every_row_is_as_likely_to_be_drawn():
    rows = np.arange(20)[:, None]
    drawn = np.concatenate([sample_rows(rows, 5, seed).ravel() for seed in range(2000)])
    assert chisquare(np.bincount(drawn, minlength=20)).pvalue > 1e-3


@pytest.fixture
def file(tmp_path):
    """40 MB of zeros in a file, but for a one at the end."""
    rows = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, (80_000, 128))
    rows[-1, -1] = 1
    rows.flush()
    return tmp_path / "rows.npy"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("view", [lambda rows: rows, lambda rows: np.asarray(rows)[1:]])
def test_of_a_file_no_more_than_a_block_is_held(file, mode, view):
    rows = view(np.load(file, mmap_mode=mode))

    def held():
        return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE

    before, total, most = held(), 0.0, 0
    for _, found in read_rows(rows, 8000):
        total += found.sum()
        most = max(most, held() - before)
    assert total == 1
    assert most < 12e6  # a block has 4 MB; the system reads ahead
    assert held() - before < 1e6
    assert rows[-1, -1] == 1  # and is read again when asked for


def test_what_is_changed_in_a_copy_of_a_file_is_not_lost(file):
    rows = np.load(file, mmap_mode="c")
    rows[0, 0] = 5
    assert sum(found.sum() for _, found in read_rows(rows)) == 6
    assert rows[0, 0] == 5


@pytest.mark.parametrize("read", [read_rows, lambda rows: sample_rows(rows, 1)])
@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((0, 3)), 1.0])
def test_what_has_no_rows_is_refused_at_once(read, rows):
    with pytest.raises(ValueError, match=r"rows: expected shape \(n, d\) of at least one row"):
        read(rows)


def test_numbers_of_rows_and_seeds_are_checked():
    for call in (lambda: read_rows([[1.0]], 0), lambda: sample_rows([[1.0]], 0)):
        with pytest.raises(ValueError, match="expected a whole number"):
            call()
    with pytest.raises(TypeError, match="size"):
        read_rows([[1.0]], 1.5)
    with pytest.raises(ValueError, match="random_state"):
        sample_rows([[1.0]], 1, -1)
