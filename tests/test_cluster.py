"""A cluster of two worker processes on this machine: the same to the last bit, whoever dies."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import distributed
import nbformat
import numpy as np
import pytest
import torch
from board_files import save_picture
from filelock import FileLock
from small_book import cell, chapter
from test_blocks import CALLS, arrays, cut_into

from visprof import blocks, cluster, embedding, study
from visprof.backbones import load_backbone
from visprof.blocks import map_blocks
from visprof.book.execute import execute_page
from visprof.book.footer import PageProvenance
from visprof.book.page import read_page
from visprof.cli import main
from visprof.intervals import Estimate
from visprof.machine import machine_version
from visprof.results.ledger import Ledger
from visprof.sources import drawing, world
from visprof.study import Study

LONG = 300  # seconds that a worker may take to begin where others have the cores
ENGINE = {"name": "Dask", "version": distributed.__version__, "workers": 2, "threads": 2}


@pytest.fixture(scope="module")
def client():
    """The client of two worker processes, as a page gets it."""
    with cluster.open_cluster("local:2"):
        found = cluster.client_of_page()
        assert cluster.client_of_page() is found
        found.wait_for_workers(2, timeout=LONG)
        yield found
        found.close()
    cluster._connected.cache_clear()


def noted(folder: Path, block: int) -> tuple[int, int]:
    """Write down who does a block; take a while."""
    (folder / f"{block} {os.getpid()} {time.time_ns()}").touch()
    time.sleep(0.1)
    return block, os.getpid()


def torch_threads(block: int) -> int:
    return torch.get_num_threads()


def fail(block: int) -> None:
    raise ZeroDivisionError(f"block {block}")


def die(block: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n_blocks", [2, 7])
@pytest.mark.parametrize("call", CALLS)
def test_workers_find_the_same_to_the_last_bit(call, n_blocks, client, monkeypatch):
    alone = arrays(CALLS[call]())
    cut_into(monkeypatch, n_blocks)
    for one, other in zip(alone, arrays(CALLS[call](client=client)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_all_workers_are_given_blocks_and_what_they_share(client, tmp_path):
    shared = np.zeros(3_000_000)  # as much as Dask would warn of
    found = list(map_blocks(partial(first_of, shared, tmp_path), range(12), client))
    assert [block for block, _ in found] == list(range(12))
    assert {process for _, process in found} == set(client.run(os.getpid).values())


def first_of(shared: np.ndarray, folder: Path, block: int) -> tuple[int, int]:
    assert shared.shape == (3_000_000,)
    return noted(folder, block)


@pytest.mark.slow
def test_torch_has_as_many_threads_as_here_in_the_first_block_too():
    before = torch_threads(0)
    torch.set_num_threads(1)
    try:
        with cluster.open_cluster("local:1"):  # new: neither numba nor torch has begun
            anew = cluster.connect(os.environ[cluster.CLUSTER])
            assert list(map_blocks(torch_threads, [0, 1], anew)) == [1, 1]
            anew.close()
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_blocks_of_a_worker_that_is_killed_are_done_again(client, tmp_path):
    killed, done = None, []
    for block, process in map_blocks(partial(noted, tmp_path), range(30), client):
        done.append(block)
        if killed is None:
            (killed,) = {*client.run(os.getpid).values()} - {process}
            while not list(tmp_path.glob(f"* {killed} *")):  # it does another block, or has done
                time.sleep(0.01)
            os.kill(killed, signal.SIGKILL)
    assert done == list(range(30))
    times = Counter(path.name.split()[0] for path in tmp_path.iterdir())
    assert times.keys() == set(map(str, range(30)))
    assert max(times.values()) > 1
    client.wait_for_workers(2, timeout=LONG)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["permutations", "ranks"])
def test_numbers_are_the_same_where_a_worker_is_killed_in_the_middle(call, client, monkeypatch):
    alone = arrays(CALLS[call]())
    cut_into(monkeypatch, 7)
    victim, begun = next(iter(client.run(os.getpid).values())), threading.Event()
    result = cluster_results(monkeypatch, begun)
    killer = threading.Thread(target=lambda: begun.wait() and os.kill(victim, signal.SIGKILL))
    killer.start()
    for one, other in zip(alone, arrays(CALLS[call](client=client)), strict=True):
        np.testing.assert_array_equal(one, other)
    killer.join()
    assert result == [7]
    client.wait_for_workers(2, timeout=LONG)


def cluster_results(monkeypatch, begun: threading.Event) -> list[int]:
    """Let an event be set when the first block is done; numbers of blocks are noted."""
    numbers: list[int] = []

    def note_progress(done: int, total: int) -> None:
        if done == 1:
            numbers.append(total)
            begun.set()

    monkeypatch.setattr(blocks.trace, "note_progress", note_progress)
    return numbers


@pytest.mark.slow
def test_what_a_block_raises_is_raised_here(client):
    with pytest.raises(ZeroDivisionError, match="block 0"):
        list(map_blocks(fail, [0, 1, 2], client))
    assert list(map_blocks(abs, [-1, -2], client)) == [1, 2]


@pytest.mark.slow
def test_a_block_that_kills_its_workers_is_given_up(client):
    client.run_on_scheduler(allow_failures, 0)
    try:
        with pytest.raises(RuntimeError, match="1 workers died of it, perhaps for want of memory"):
            list(map_blocks(die, [0, 1], client))
    finally:
        client.run_on_scheduler(allow_failures, 3)
    client.wait_for_workers(2, timeout=LONG)


def allow_failures(number: int, dask_scheduler=None) -> None:
    dask_scheduler.allowed_failures = number


@pytest.mark.slow
def test_workers_with_other_code_are_refused(client, monkeypatch):
    monkeypatch.setattr(blocks, "_software", lambda: "edited")
    with pytest.raises(RuntimeError, match="has other packages, or other code of visprof"):
        list(map_blocks(abs, [1, 2], client))


@pytest.mark.slow
def test_pictures_are_drawn_the_same_by_workers(client, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "PICTURES_A_BLOCK", 5)
    monkeypatch.chdir(tmp_path)  # workers are elsewhere
    users = world.simulate_world(3, 4, random_state=1)
    drawn = {}
    for name, by in (("here", None), ("there", client)):
        world.write_world(users, name, size=16, n_jobs=1, client=by)
        world.write_scenes(name, n_per_class=1, size=16, n_jobs=1, client=by)
        files = [path for path in Path(name).rglob("*") if path.is_file()]
        drawn[name] = {path.relative_to(name): path.read_bytes() for path in files}
    assert len(drawn["here"]) == 12 + 2 + 20
    assert drawn["here"] == drawn["there"]


@pytest.mark.slow
def test_pictures_are_embedded_the_same_by_workers(client, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)  # workers are elsewhere
    for number in range(23):
        save_picture(Path("pictures", f"{number}.png"), number)
    Path("pictures/broken.png").write_text("milk, bread")
    names = sorted(map(str, Path("pictures").iterdir()))
    network = load_backbone("squeezenet-places365", "random", 64)
    monkeypatch.setattr(embedding, "_LEAST_BLOCKS", 3)  # the last of them shorter
    alone, there = (
        embedding.embed_images(names, network, of, batch_size=2, progress=False, client=by)
        for of, by in (("alone", None), ("there", client))
    )
    for array in ("features", "outputs"):
        np.testing.assert_array_equal(getattr(alone, array), getattr(there, array))
    assert list(alone.unreadable) == list(there.unreadable) == [23]
    assert caplog.text.count("broken.png': not a picture") == 2
    again = embedding.embed_images(names, network, "there", progress=False, client=client)
    np.testing.assert_array_equal(again.rows, there.rows)


# --- studies --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_study_has_the_same_numbers_and_keys_and_says_who_made_them(client, tmp_path, caplog):
    steps = ("pair_numbers", "mrr_numbers")
    given = {"drawn": False, "n_seeds": 3}
    alone = Study("tiny", home=tmp_path / "alone", **given)
    expected = [alone[step] for step in steps]
    caplog.clear()
    (tmp_path / "there").mkdir()
    with caplog.at_level(logging.INFO, "visprof"):
        there = Study("tiny", home=tmp_path / "there", client=client, **given)
        assert [there[step] for step in steps] == expected
    here = {record.args[0] for record in caplog.records if "computed" in record.msg}
    assert {"pair_numbers", "mrr_numbers", "board_split", "pins"} <= here
    assert not here & {"visual_vocabulary", "assignments", "pairwise_differences"}
    assert there.engine == ENGINE
    assert alone.engine == {}
    again = Study("tiny", home=tmp_path / "there", **given)  # without a cluster, from what is kept
    caplog.clear()
    with caplog.at_level(logging.INFO, "visprof"):
        assert [again[step] for step in steps] == expected
    assert not [record for record in caplog.records if "computed" in record.msg]
    there.record({"a": Estimate(1.0)}, tmp_path / "ledger.json")
    (run,) = Ledger(tmp_path / "ledger.json").runs()
    assert run["engine"] == ENGINE


@pytest.mark.slow
def test_who_computes_plays_no_part_in_a_key(tmp_path):
    alone, there = (Study("tiny", home=tmp_path, client=of) for of in (None, object()))
    for step in ("data_folder", "pair_tests", "pairwise_differences", "reciprocal_ranks", "power"):
        assert alone.key(step) == there.key(step)


def test_a_worker_waits_for_nobody(tmp_path):
    one = Study("tiny", home=tmp_path, drawn=False, n_seeds=2)
    start = one.starts[1]
    folder = one._folder("visual_vocabulary", start)
    folder.mkdir(parents=True)
    given = "visual_vocabulary", Path.cwd(), start
    with FileLock(folder / "lock"):
        study._keep_start(Study("tiny", home=tmp_path, drawn=False, n_seeds=2), *given)
    assert ("visual_vocabulary", start) in one._due("visual_vocabulary", start, set())
    study._keep_start(Study("tiny", home=tmp_path, drawn=False, n_seeds=2), *given)
    assert one._due("visual_vocabulary", start, set()) == []


def test_a_worker_that_does_not_see_the_folder_of_kept_steps_says_so(tmp_path):
    elsewhere = Study("tiny", home=tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"does not see .*absent; workers must have"):
        study._keep_start(elsewhere, "visual_vocabulary", Path.cwd(), 0)


def test_a_study_is_sent_without_its_client_and_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = Study("tiny", home="kept", client=object(), drawn=False)
    one["pins"]
    state = one.__getstate__()
    assert (state["client"], state["_values"], state["home"]) == (None, {}, tmp_path / "kept")
    assert one._values


@pytest.mark.slow
def test_machines_alike_keep_their_values_together(client, monkeypatch):
    assert cluster.machines(client) == machine_version()
    others = {"a": "another machine", "b": machine_version(threads=False)}
    monkeypatch.setattr(type(client), "run", lambda *_, **__: others)
    assert cluster.machines(client) != machine_version()


def test_an_engine_is_no_part_of_what_a_number_is(tmp_path):
    alone, there = (Ledger(tmp_path / name) for name in ("alone.json", "there.json"))
    alone.write({"a": Estimate(1.0)}, {}, "tiny")
    there.write({"a": Estimate(1.0)}, {}, "tiny", engine=ENGINE)
    assert "engine" not in alone.runs()[0]
    both = Ledger(tmp_path / "both.json")
    both.replace_by([alone.path, there.path])  # no conflict
    assert list(both.read()) == ["a"]


def test_the_foot_of_a_page_names_the_engine(monkeypatch, tmp_path):
    one = Study("tiny", home=tmp_path, drawn=False)
    rows = PageProvenance.here("page", [], {"study": one}).rows()
    assert "engine" not in rows
    monkeypatch.setattr(Study, "engine", ENGINE)
    foot = PageProvenance.here("page", [], {"study": one})
    assert foot.made_by["engine"] == ENGINE
    assert foot.rows()["engine"] == f"Dask {distributed.__version__}, 2 workers with 2 threads"


# --- finding a cluster ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_uses_the_cluster_of_the_build_which_ends_with_it(tmp_path, monkeypatch):
    source = """
import os
from visprof.study import Study
study = Study.of_page({"preset": "tiny"})
print(study.engine["workers"], *study.client.run(os.getpid).values(), os.getpid())
for name in ("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_"):
    print(*study.client.run(os.getenv, name).values())
print(study.home.name)
"""
    page = chapter(tmp_path, cell(source, "fine"))
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")  # the reader's own, which stays
    before, processes = dict(os.environ), []

    def build():
        execute_page(read_page(page), tmp_path / "page.ipynb", root=tmp_path)
        cells = nbformat.read(tmp_path / "page.ipynb", as_version=4).cells
        text = "".join(of.text for one in cells for of in one.get("outputs", []) if "text" in of)
        *numbers, arenas, trimmed, home = text.split()
        assert arenas == "1"  # of the worker, in which what is freed is kept
        assert trimmed == "1000000"
        assert home == Study("tiny").home.name
        processes.extend(map(int, numbers))
        os.kill(processes[1], 0)  # the worker is there
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cluster.open_cluster("local:1"):
        build()
    n_workers, worker, kernel = processes
    assert n_workers == 1
    assert len({worker, kernel, os.getpid()}) == 3
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("local:0", "cluster is 'local:0'; it must be local:N with N workers, at least 1"),
        ("local:two", "cluster is 'local:two'; it must be local:N"),
        ("localhost:8786", "cluster is 'localhost:8786'; it must be tcp://HOST:PORT or local:N"),
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9"),
        ("nonsense://127.0.0.1:9", "no scheduler answers at nonsense://127.0.0.1:9"),
    ],
)
def test_a_cluster_that_is_none_is_told_in_one_line(where, message, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    before = dict(os.environ)
    for command in (["build"], ["run", "06"]):
        assert main([*command, "--preset", "tiny", "--cluster", where]) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"visprof: {message}")
        assert told.count("\n") == 1
    assert dict(os.environ) == before


def test_a_wait_for_a_scheduler_is_told(monkeypatch, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    monkeypatch.setattr(cluster, "SILENCE", 0.1)
    address = "tcp://127.0.0.1:9"
    with pytest.raises(OSError, match="no scheduler"), cluster.open_cluster(address):
        pass
    told = f"waiting for a scheduler with a worker at {address}, up to 1.0 s each\n"
    assert capsys.readouterr().err == told


@pytest.mark.slow
def test_a_scheduler_without_workers_says_how_to_begin_one(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        address = empty.scheduler_address
        told = f"the scheduler at {address} has no worker; begin one: dask worker {address}"
        with pytest.raises(OSError, match=told), cluster.open_cluster(address):
            pass
