"""Work in blocks, in this process: the cut does not show, and nothing of a cluster is needed."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from distributed import CancelledError, KilledWorker
from hypothesis import given
from hypothesis import strategies as st

from visprof import blocks, logodds, prediction, significance
from visprof.blocks import map_blocks, slices
from visprof.machine import thread_settings, threads_as


@given(n=st.integers(0, 50), size=st.integers(1, 60))
def test_slices_cover_all_rows_once_and_in_order(n, size):
    rows = np.arange(n)
    cut = slices(n, size)
    assert [int(row) for block in cut for row in rows[block]] == rows.tolist()
    assert all(block.stop - block.start == size for block in cut[:-1])
    assert all(0 < block.stop - block.start <= size for block in cut)


def test_without_a_cluster_it_is_a_loop_that_goes_on_when_asked():
    done = []
    found = map_blocks(lambda block: done.append(block) or block * 2, [1, 2, 3])
    assert next(found) == 2
    assert done == [1]
    assert list(found) == [4, 6]
    assert list(map_blocks(max, [])) == []


@pytest.mark.slow
def test_a_study_without_a_cluster_imports_nothing_of_one(tmp_path):
    code = """
import sys
import visprof.book.build, visprof.chapter, visprof.cli, visprof.cluster
from visprof import logodds, prediction
from visprof.study import Study
logodds.pairwise_max_z([[1, 2], [2, 1]], [1, 1], 1.0)
Study("tiny", drawn=False, n_seeds=2, home=sys.argv[1])["pair_numbers"]
with visprof.cluster.open_cluster(None):
    assert visprof.cluster.client_of_page() is None
print(sorted({"dask", "distributed"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


# --- the cut does not show ------------------------------------------------------------------------

RNG = np.random.default_rng(0)
PINS = RNG.dirichlet(np.full(7, 0.2), 600)
USERS = np.arange(600) % 40
PAIRS = significance.sample_pairs(40, 300, 0)
COUNTS = RNG.poisson(3.0, (1000, 3)) + 0.5
TRAIN, TEST = RNG.integers(0, 4, (2, 700, 5)) / 3  # with ties

CALLS = {
    "pairs": partial(logodds.pairwise_max_z, COUNTS, COUNTS.sum(axis=0), 0.01),
    "permutations": partial(
        significance.max_z_pvalues, PINS, USERS, PAIRS, PINS.sum(axis=0), 0.01, 99
    ),
    "permutations of two vocabularies, ties at random": partial(
        significance.max_z_pvalues, [PINS, PINS.round()], USERS, PAIRS,
        [PINS.sum(axis=0), PINS.round().sum(axis=0) + 1], 0.01, 99, ties="random",
    ),
    "permutations by session": partial(
        significance.studentised_pvalues, PINS, USERS, PAIRS, np.arange(600) // 80, 99
    ),
    "ranks": partial(prediction.rank_users, TRAIN, TEST),
}  # fmt: skip


def arrays(found):
    """All that a call gives."""
    if isinstance(found, np.ndarray):
        return [found]
    return list(found if isinstance(found, tuple) else vars(found).values())


def cut_into(monkeypatch, n_blocks):
    """Let each call cut its work into so many blocks, or nearly; as it does by itself if None."""
    if n_blocks is None:
        return
    monkeypatch.setattr(logodds, "_BLOCK", 1000 * 999 / 2 / n_blocks)
    monkeypatch.setattr(significance, "_BLOCK", 0)
    monkeypatch.setattr(significance, "_FEWEST_PAIRS", -(-len(PAIRS) // n_blocks))
    monkeypatch.setattr(prediction, "_BLOCK", -(-len(TRAIN) // n_blocks))


@pytest.mark.parametrize("call", CALLS)
def test_1_2_and_7_blocks_give_the_same_to_the_last_bit(call, monkeypatch):
    usual, numbers = arrays(CALLS[call]()), set()

    def counted(function, cut, client=None):
        numbers.add(len(cut))
        return map(function, cut)

    for module in (logodds, significance, prediction):
        monkeypatch.setattr(module, "map_blocks", counted)
    for n_blocks in (1, 2, 7):
        cut_into(monkeypatch, n_blocks)
        for one, other in zip(usual, arrays(CALLS[call]()), strict=True):
            np.testing.assert_array_equal(one, other)
    assert numbers == {1, 2, 7}


def test_blocks_of_pairs_are_whole_tiles_of_about_equal_numbers():
    starts = logodds._pair_starts(np.arange(3991), 3990)
    cut = logodds._row_blocks(starts)
    assert [first for first, _ in cut] == [0, *(end for _, end in cut[:-1])]
    assert cut[-1][1] == 3990
    assert all(first % logodds._TILE == 0 for first, _ in cut)
    sizes = [starts[end] - starts[first] for first, end in cut]
    assert sum(sizes) == 3990 * 3989 // 2
    assert max(sizes) < 1.5 * min(sizes)


# --- what a client may answer ---------------------------------------------------------------------


class Client:
    """Does at once what it is given; keeps what it was asked to cancel."""

    def __init__(self, error=None):
        self.error, self.cancelled = error, []

    def submit(self, function, *given, **_):
        return function(*given)

    def map(self, _, cut, **named):
        return [SimpleNamespace(result=partial(self.result, named["function"], of)) for of in cut]

    def result(self, function, block):
        if self.error is not None and block == 1:
            raise self.error
        return function(block)

    def cancel(self, futures):
        self.cancelled += futures


def test_results_come_in_order_and_one_block_is_done_here():
    client = Client()
    assert list(map_blocks(str, [2, 0, 1], client)) == ["2", "0", "1"]
    assert client.cancelled == []
    assert list(map_blocks(str, [5], Client(ZeroDivisionError()))) == ["5"]


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (
            KilledWorker("_do-1", None, 3),
            RuntimeError,
            "a block was given up: 4 workers died of it",
        ),
        (CancelledError(), RuntimeError, "the cluster has gone"),
        (ZeroDivisionError("by 0"), ZeroDivisionError, "by 0"),
    ],
)
def test_an_error_is_raised_and_the_rest_is_not_done(error, raised, message):
    client = Client(error)
    found = map_blocks(str, [0, 1, 2], client)
    assert next(found) == "0"
    with pytest.raises(raised, match=message):
        next(found)
    assert len(client.cancelled) == 2


def test_what_is_left_when_nobody_goes_on_is_not_done():
    client = Client()
    found = map_blocks(str, [0, 1, 2, 3], client)
    next(found)
    found.close()
    assert len(client.cancelled) == 3


def test_a_worker_with_other_software_refuses():
    with pytest.raises(RuntimeError, match="has other packages, or other code of visprof"):
        blocks._do(1, str, "another", thread_settings())


# --- threads --------------------------------------------------------------------------------------


def test_threads_are_set_as_elsewhere_and_set_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = thread_settings()
    there = {"environment": {"OMP_NUM_THREADS": None, "MKL_NUM_THREADS": "5"}, "pools": {"blas": 1}}
    with threads_as(there):
        found = thread_settings()
        assert found["environment"]["OMP_NUM_THREADS"] is None
        assert found["environment"]["MKL_NUM_THREADS"] == "5"
        assert found["pools"]["blas"] == 1
    assert thread_settings() == before


@pytest.mark.parametrize("asked", [{"torch": 1}, {"openmp": 1}])
def test_a_thread_that_has_not_used_torch_takes_its_threads_from_elsewhere_too(asked):
    """PyTorch sets its number in each thread when it is first used there."""
    torch = pytest.importorskip("torch")
    found, before = [], torch.get_num_threads()

    def block():
        with threads_as({"environment": {}, "pools": asked}):
            torch.ones(3).sum()
            found.append(torch.get_num_threads())

    torch.set_num_threads(3)
    try:
        thread = threading.Thread(target=block)
        thread.start()
        thread.join()
        assert found == [1]
        assert thread_settings()["pools"]["torch"] == 3
    finally:
        torch.set_num_threads(before)
