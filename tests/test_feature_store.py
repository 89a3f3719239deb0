"""The store of features: shards against a plain dictionary, several writers, damage."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visprof.backbones import load_backbone
from visprof.embedding import embed_images
from visprof.feature_store import Features, FeatureStore

ORIGIN = {"backbone": "none", "precision": "fp32", "features_dim": 3, "outputs_dim": 2}


def begun(folder):
    store = FeatureStore(Path(folder))
    with store.beginning():
        store.begin(ORIGIN)
    return store


def digest(number):
    return number.to_bytes(16, "big")


def rows_of(pictures, width):
    """What the network makes of pictures that are numbers."""
    return np.float32([[picture * 10 + column for column in range(width)] for picture in pictures])


def add(shard, pictures):
    shard.append(list(map(digest, pictures)), rows_of(pictures, 3), rows_of(pictures, 2))


def write(store, pictures, shard=0):
    """Append to a shard: to a later one, while others write to those before."""
    with ExitStack() as writers:
        for _ in range(shard):
            writers.enter_context(store.writer())
        mine = writers.enter_context(store.writer())
        assert mine.number == shard
        add(mine, pictures)


appended = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.integers(0, 30), min_size=1, max_size=5)), max_size=6
)


@pytest.mark.slow
@settings(max_examples=30)
@given(appended, st.data())
def test_shards_are_one_store_to_who_reads(parts, data):
    with tempfile.TemporaryDirectory() as folder:
        store, there = begun(folder), set()
        for shard, pictures in parts:
            write(store, pictures, shard)
            there |= set(pictures)
        assert {*store.digests().tolist()} == set(map(digest, there))
        asked = data.draw(st.lists(st.sampled_from(sorted(there)), max_size=9)) if there else []
        rows = store.rows(map(digest, asked))
        assert rows.dtype == np.int64
        for name, width in (("features", 3), ("outputs", 2)):
            got = store.array(name, rows)
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, rows_of(asked, width).reshape(-1, width))
        assert store.digests_of(rows).tolist() == list(map(digest, asked))


def test_rows_stay_when_other_shards_grow(tmp_path):
    store = begun(tmp_path)
    write(store, [1, 2], 1)
    rows = store.rows([digest(2), digest(1)])
    write(store, [5, 6, 7], 0)
    write(store, [8], 1)
    np.testing.assert_array_equal(store.array("outputs", rows), rows_of([2, 1], 2))
    np.testing.assert_array_equal(store.rows([digest(2), digest(1)]), rows)


def test_rows_that_follow_each_other_in_any_shard_are_a_map(tmp_path):
    store = begun(tmp_path)
    write(store, [1, 2, 3], 0)
    write(store, [4, 5, 6, 7], 1)
    for pictures in ([2, 3], [5, 6, 7], [4]):
        got = store.array("features", store.rows(map(digest, pictures)))
        assert isinstance(got, np.memmap)
        assert not got.flags.writeable
        np.testing.assert_array_equal(got, rows_of(pictures, 3))
    got = store.array("features", store.rows(map(digest, [3, 4, 2])))
    np.testing.assert_array_equal(got, rows_of([3, 4, 2], 3))


def test_a_picture_of_two_shards_has_the_row_in_the_first(tmp_path):
    store = begun(tmp_path)
    write(store, [1, 2], 1)
    write(store, [2, 3], 0)
    assert store.rows([digest(2)]).tolist() == [0]
    with pytest.raises(KeyError):
        store.rows([digest(4)])


def test_each_writer_has_a_shard_to_itself(tmp_path):
    store = begun(tmp_path)
    with store.writer() as first, store.writer() as second:
        assert (first.number, second.number) == (0, 1)
        with store.writer() as third:
            assert third.number == 2
        with store.writer() as again:
            assert again.number == 2
    with store.writer() as first:
        assert first.number == 0
    assert [shard.number for shard in store.shards()] == [0, 1, 2]


def test_what_a_shard_lacks_is_told_and_cut_by_the_next_writer(tmp_path, caplog):
    store = begun(tmp_path)
    write(store, [1, 2], 0)
    write(store, [3, 4, 5], 1)
    torn = tmp_path / "shard-1" / "features.f32"
    os.truncate(torn, 2 * 3 * 4 + 5)
    with store.writer() as held:
        assert held.number == 0
        assert f"{tmp_path / 'shard-1'} lacks 1 rows; they are embedded again" in caplog.text
        assert store.digests().tolist() == list(map(digest, [1, 2, 3, 4]))
        assert (tmp_path / "shard-1" / "digests").stat().st_size == 2 * 16
    write(store, [6], 1)
    rows = store.rows(map(digest, [6, 4]))
    np.testing.assert_array_equal(store.array("features", rows), rows_of([6, 4], 3))


@pytest.mark.parametrize("name", ["features.f32", "outputs.f32"])
def test_new_rows_never_pass_for_those_that_were_cut(tmp_path, monkeypatch, name):
    """Killed between rows and digests, after rows were cut: the old digests must be gone."""
    store = begun(tmp_path)
    write(store, [1, 2, 3, 4])
    os.truncate(tmp_path / name, 0)
    with store.writer() as shard:
        write_file = type(shard)._write

        def killed(self, file, position, content):
            if file == "digests":
                raise KeyboardInterrupt
            write_file(self, file, position, content)

        monkeypatch.setattr(type(shard), "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            add(shard, [7, 8, 9])
    assert store.digests().tolist() == []


def test_kept_features_know_their_rows_in_all_shards(tmp_path):
    store = begun(tmp_path)
    write(store, [1, 2], 0)
    write(store, [3, 4], 1)
    kept = pickle.dumps(Features(store, store.rows(map(digest, [4, 1])), np.arange(2), {}))
    write(store, [5], 0)
    np.testing.assert_array_equal(pickle.loads(kept).outputs, rows_of([4, 1], 2))
    shutil.rmtree(tmp_path / "shard-1")
    with pytest.raises(ValueError, match="no longer holds these pictures"):
        pickle.loads(kept)


def test_shards_without_an_origin_are_not_trusted(tmp_path):
    store = begun(tmp_path)
    write(store, [1], 0)
    write(store, [2], 1)
    (tmp_path / "origin.json").unlink()
    assert store.shards() == []
    with pytest.raises(FileNotFoundError, match="no feature store"), store.writer():
        pass
    assert len(begun(tmp_path).digests()) == 0


# --- several processes that embed


SCRIPT = """
    import sys, time
    import torch
    from visprof import embedding, feature_store
    from visprof.backbones import load_backbone
    torch.set_num_threads(int(sys.argv.pop(1)))
    embedding._BATCHES_PER_SAVE = 2
    folder, sleeps, *images = sys.argv[1:]
    append = feature_store.Shard.append
    def slowly(shard, *rows):
        append(shard, *rows)
        print("saved", shard.number, len(rows[0]), flush=True)
        time.sleep(float(sleeps))
    feature_store.Shard.append = slowly
    backbone = load_backbone("squeezenet-places365", "random", 64)
    print("ready", flush=True)
    input()
    embedding.embed_images(
        images, backbone, folder, batch_size=2, precision="fp32", progress=False)
"""


def start(folder, *lists, sleeps=0.2):
    """Processes that each embed a list, and begin together."""
    script, pipes = textwrap.dedent(SCRIPT), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    commands = [
        [sys.executable, "-c", script, torch.get_num_threads(), folder, sleeps, *images]
        for images in lists  # Numba may have changed the threads here
    ]
    processes = [
        subprocess.Popen(list(map(str, command)), text=True, **pipes) for command in commands
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def saved(process):
    """Pictures that a process has saved, by shard."""
    told = [line.split() for line in process.communicate()[0].splitlines()]
    assert process.returncode == 0
    return {int(shard): sum(int(n) for _, of, n in told if of == shard) for _, shard, _ in told}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(60):
        noise = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        noise.resize((90, 70)).save(folder / f"{number:02}.png")
    return sorted(folder.glob("*.png"))


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    return embedded(images, tmp_path_factory.mktemp("whole"))


def embedded(images, folder):
    backbone = load_backbone("squeezenet-places365", "random", 64)
    return embed_images(images, backbone, folder, batch_size=2, precision="fp32", progress=False)


def assert_same(got, expected):
    np.testing.assert_array_equal(got.features, expected.features)
    np.testing.assert_array_equal(got.outputs, expected.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("n_blocks", [2, 7])
def test_blocks_in_any_shards_are_the_same_to_the_bit(images, whole, tmp_path, n_blocks):
    """Blocks of whole batches, that is: rounding differs between batches of unlike sizes."""
    batches = np.arange(len(images)).reshape(-1, 2)
    with ExitStack() as writers:
        for block in reversed(np.array_split(batches, n_blocks)):
            embedded([images[i] for i in block.ravel()], tmp_path)
            writers.enter_context(FeatureStore(tmp_path).writer())
    assert len(FeatureStore(tmp_path).shards()) == n_blocks
    got = embedded(images, tmp_path)
    assert_same(got, whole)
    assert len(got.store.digests()) == len(images)


@pytest.mark.slow
def test_processes_with_one_list_share_it(images, whole, tmp_path):
    processes = start(tmp_path, images, images)
    told = [saved(process) for process in processes]
    assert sorted(shard for of in told for shard in of) == [0, 1]
    n_saved = sum(n for of in told for n in of.values())
    assert len(images) <= n_saved < 1.5 * len(images)
    assert_same(embedded(images, tmp_path), whole)
    assert len(FeatureStore(tmp_path).digests()) == n_saved


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_of_the_others(images, whole, tmp_path):
    processes = start(tmp_path, images, images[::-1])
    try:
        while len(FeatureStore(tmp_path).shards()) < 2 or len(
            FeatureStore(tmp_path).shards()[1].digests()
        ) < 8:  # fmt: skip
            assert processes[0].poll() is None
            time.sleep(0.01)
    finally:
        processes[0].kill()
    assert processes[0].wait() < 0
    processes[0].communicate()
    saved(processes[1])
    assert_same(embedded(images, tmp_path), whole)


@pytest.mark.slow
def test_a_store_of_before_is_the_first_shard(images, whole, tmp_path):
    """What versions without shards wrote: all files in one folder, and one lock."""
    for name in ("features.f32", "outputs.f32", "digests", "origin.json"):
        shutil.copy(whole.store.folder / name, tmp_path)
    (tmp_path / "store.lock").touch()
    before = (tmp_path / "features.f32").read_bytes()
    got = embedded(images, tmp_path)
    assert got.rows.tolist() == list(range(len(images)))
    assert_same(got, whole)
    assert (tmp_path / "features.f32").read_bytes() == before
