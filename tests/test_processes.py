"""Training on several processes: shares, and the same training as that of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof import processes
from visprof.backbones import load_backbone
from visprof.scenes import sample_pairs
from visprof.siamese import SiameseEmbedding
from visprof.siamese_training import train_siamese

ROOT = Path(__file__).resolve().parent.parent


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_are_all_places_once_and_nearly_equal(n, of):
    shares = [processes.share(n, of, number) for number in range(of)]
    assert [place for share in shares for place in range(n)[share]] == list(range(n))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_one_process_is_the_first_and_has_all():
    rows = torch.eye(3)
    with processes.first_alone():
        assert processes.is_first()
    assert processes.count() == 1
    assert processes.share(5) == slice(0, 5)
    assert processes.gathered(rows, slice(0, 3), 3) is rows
    with processes.joined("cpu"):
        assert processes.count() == 1


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"but 2 GPU\(s\)"), processes.joined("cuda"):
        pass


def lesson(output_norm="batch", lr_rest=1e-4):
    """A small network whose trunk tells noise apart, pictures of it, pairs, and settings."""
    network = load_backbone("timm:test_vit", "random", 64)
    model = SiameseEmbedding(network, network.feature_dim, 6, output_norm)
    drawn = torch.Generator().manual_seed(0)
    coarse = torch.randint(256, (24, 3, 8, 8), dtype=torch.uint8, generator=drawn)
    pictures = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)
    pairs, similar = sample_pairs(np.repeat(np.arange(4), 6), 10, 10)
    settings = {
        "margin": 3.0, "lr_last": 1e-3, "lr_rest": lr_rest, "batch_size": 8, "n_iterations": 50,
        "log_every": 10, "progress": False,
    }  # fmt: skip
    return model, pictures, (pairs, similar), settings


def train(stop=None, seen=None, **changes):
    """Weights and log of the training; it may be stopped after so many iterations."""
    model, pictures, pairs, settings = lesson(
        **{name: changes.pop(name) for name in ("output_norm", "lr_rest") if name in changes}
    )
    asked = []

    def inputs(positions):
        asked.append(positions.tolist())
        if stop is not None and len(asked) > stop:
            raise KeyboardInterrupt
        return pictures[positions]

    log = None
    with suppress(KeyboardInterrupt):
        log = train_siamese(model, inputs, *pairs, **settings | changes)
    return model.state_dict(), log, asked


def launch(n, script, *arguments, cwd=None):
    """Run a script, or the command, in some processes; what they print."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", n]
    return subprocess.run(
        [*map(str, command), *map(str, [*script, *arguments])],
        cwd=cwd,
        env=os.environ | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip


SCRIPT = """
    import sys
    from pathlib import Path
    import torch
    from visprof import _descent, processes
    import test_processes as tests
    folder, _descent.SECONDS_A_SAVE = Path(sys.argv[1]), 0.0
    with processes.joined("cpu"):
        rank = torch.distributed.get_rank()
        def keep(name, trained):
            weights, log, asked = trained
            torch.save((weights, log.to_dict("list"), asked), folder / f"{name}.{rank}")
        keep("whole", tests.train())
        keep("l2", tests.train(output_norm="l2"))
        keep("frozen", tests.train(lr_rest=0.0, n_iterations=10))
        keep("rounded", tests.train(precision="bf16", n_iterations=10))
        checkpoint = folder / "checkpoint"
        tests.train(stop=33, checkpoint=checkpoint)
        with processes.first_alone():
            (folder / f"there.{rank}").write_text(str(checkpoint.stat().st_size))
"""


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """Folder of what two processes have trained."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    told = launch(2, [folder / "script.py"], folder)
    assert told.returncode == 0, told.stderr
    return folder


def kept(folder, name):
    return [torch.load(folder / f"{name}.{rank}", weights_only=True) for rank in range(2)]


def largest_difference(one, other):
    """Of any weight, of all layers, and any statistic."""
    assert one.keys() == other.keys()
    return max((one[key].double() - other[key].double()).abs().max().item() for key in one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "bound"),
    [
        ("whole", {}, 5e-5),
        ("l2", {"output_norm": "l2"}, 5e-5),
        ("frozen", {"lr_rest": 0.0, "n_iterations": 10}, 5e-5),
        ("rounded", {"precision": "bf16", "n_iterations": 10}, 5e-2),
    ],
)
def test_two_processes_train_what_one_trains(of_two, name, changes, bound):
    """The largest difference of a weight after 50 steps was 3e-7, and 5e-7 between two threads
    and one; what divides outputs by their spread makes more of it."""
    alone, log, asked = train(**changes)
    (first, log_first, asked_first), (second, log_second, asked_second) = kept(of_two, name)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert log_first == log_second
    assert largest_difference(alone, first) < bound
    assert not torch.equal(alone["last.weight"], lesson()[0].state_dict()["last.weight"])
    for column in log:
        np.testing.assert_allclose(log_first[column], log[column], rtol=20 * bound)
    # the same pairs in each step, of which each process has seen half
    assert [a + b for a, b in zip(asked_first, asked_second, strict=True)] == asked


@pytest.mark.slow
def test_one_process_goes_on_where_two_have_stopped(of_two):
    assert (of_two / "there.0").read_text() == (of_two / "there.1").read_text()
    whole, log_whole, _ = kept(of_two, "whole")[0]
    resumed, log, asked = train(checkpoint=of_two / "checkpoint")
    assert len(asked) == 20  # of fifty
    assert largest_difference(resumed, whole) < 5e-5
    assert log["iteration"].tolist() == log_whole["iteration"]


@pytest.mark.slow
def test_too_many_processes_for_a_batch(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 17)
    monkeypatch.setattr(processes, "share", lambda n: slice(0, 1))
    with pytest.raises(ValueError, match="batch_size=8 gives 17 processes too little to do"):
        train()


@pytest.mark.slow
@pytest.mark.parametrize("more", [["--layers", "last"], []])
def test_the_command_on_two_processes(tmp_path, more):
    rng = np.random.default_rng(0)
    for place in range(12):
        folder = tmp_path / "photographs" / "abc"[place % 3]
        folder.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{place}.png")
    told = launch(
        2, ["-m", "visprof", "train", "photographs", "--test", "photographs", "--out", "out"],
        "--weights", "random", "--backbone", "timm:test_vit", "--iterations", 3, "--batch-size", 2,
        "--n-outputs", 4, "--device", "cpu", *more, cwd=tmp_path,
    )  # fmt: skip
    if more:
        assert told.returncode != 0
        assert "layers='last' is trained by one process" in told.stderr
        return
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("hybrid-cnn") == 1
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["processes"] == 2
    assert record["log"]["iteration"] == [1, 2, 3]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {name for name in written if not name.startswith("pictures.sqlite")} == {
        "siamese.checkpoint", "test.pixels", "test.pixels.json",
        "train.pixels", "train.pixels.json", "training.json", "training.pt",
    }  # fmt: skip
