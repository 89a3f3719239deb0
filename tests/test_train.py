"""The paper's training: all layers or the last, halves of classes, from scratch; the command."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from visprof import _descent, train
from visprof.backbones import load_backbone
from visprof.cli import main
from visprof.decoded import decode_pictures, decoded_inputs, embed_decoded
from visprof.paper_training import (
    PAPER,
    PaperTraining,
    train_classifier,
    train_network,
    untrained_alexnet,
    usable_device,
)

SIDE = 64
TINY = PaperTraining(
    n_outputs=4, margin=3.0, batch_size=4, n_iterations=6, lr_last=1e-3, ratio=10.0
)


def draw(folder, classes="abcd", n=4):
    """Pictures of stripes, a width and colour a class."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for k in range(n):
            pixels = rng.integers(0, 60, (80, 80, 3), dtype=np.uint8)
            pixels[:: number + 2, :, number % 3] += 120
            Image.fromarray(pixels).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("train"))


@pytest.fixture
def trunk():
    return load_backbone("squeezenet-places365", "random", SIDE)


@pytest.fixture
def lesson(pictures, trunk, tmp_path):
    """Inputs, features before any training, and labels."""
    images = sorted(pictures.rglob("*.png"))
    inputs = decoded_inputs(decode_pictures(images, trunk, tmp_path / "pixels"), "cpu")
    features, _ = embed_decoded(trunk, inputs, len(images), progress=False)
    return inputs, features, np.array([image.parent.name for image in images])


def equal(a, b):
    return all(torch.equal(of, b[key]) for key, of in a.items())


def stop_after(monkeypatch, n_saves):
    """Let the training end, as if it were killed, after some rows of its log."""
    save, saves = _descent.Checkpoint.save, []

    def stopping(self, *arguments):
        save(self, *arguments)
        saves.append(1)
        if len(saves) == n_saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(_descent.Checkpoint, "save", stopping)
    monkeypatch.setattr(_descent, "SECONDS_A_SAVE", 0.0)


def test_all_layers_learn_the_last_faster(lesson, trunk):
    before = {key: of.clone() for key, of in trunk.state_dict().items()}
    model, log = train_network(trunk, *lesson, TINY, progress=False)
    moved = [
        float((of - before[key]).abs().max())
        for key, of in trunk.state_dict().items()
        if key.endswith("weight") and not key.startswith("conv10")  # the classifier is cut off
    ]
    assert min(moved) > 0
    assert max(moved) < 1e-2
    assert log["iteration"].iloc[-1] == 6
    assert not model.training


def test_the_last_layer_alone_leaves_the_others(lesson, trunk):
    before = trunk.fingerprint()
    model, _ = train_network(None, None, *lesson[1:], TINY, progress=False)
    assert model.backbone is None
    assert trunk.fingerprint() == before


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_bits(lesson, tmp_path, monkeypatch):
    def trained(checkpoint):
        network = load_backbone("squeezenet-places365", "random", SIDE)
        return train_network(network, *lesson, TINY, checkpoint=checkpoint, progress=False)

    whole, log = trained(None)
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "checkpoint")
    again, log_again = trained(tmp_path / "checkpoint")
    assert equal(whole.state_dict(), again.state_dict())
    assert log.equals(log_again)


@pytest.fixture
def classifier():
    """A network with dropout, as AlexNet has, and an output for each of four classes."""

    def begun():
        network = load_backbone("squeezenet-places365", "random", SIDE)
        network.output_dim = 4
        torch.manual_seed(0)
        network.conv10 = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Conv2d(512, 4, 1))
        return network

    return begun


def test_a_stopped_classifier_goes_on_to_the_same_bits(lesson, classifier, tmp_path, monkeypatch):
    codes = np.unique(lesson[2], return_inverse=True)[1]

    def trained(checkpoint):
        network = classifier()
        log = train_classifier(
            network, lesson[0], codes, n_iterations=4, batch_size=4, checkpoint=checkpoint,
            progress=False,
        )  # fmt: skip
        return network.state_dict(), log

    whole, log = trained(None)
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "checkpoint")
    again, log_again = trained(tmp_path / "checkpoint")
    assert equal(whole, again)
    assert log.equals(log_again)


@pytest.mark.slow
def test_a_classifier_learns(lesson, classifier):
    codes = np.unique(lesson[2], return_inverse=True)[1]
    log = train_classifier(
        classifier(), lesson[0], codes, n_iterations=15, batch_size=16, lr=0.1, progress=False
    )
    assert log["loss"][-3:].mean() < log["loss"][:3].mean()
    assert [*log] == ["iteration", "loss", "accuracy"]


@pytest.mark.slow
def test_an_untrained_alexnet_has_an_output_a_class():
    first, again = (untrained_alexnet("abc", 1, SIDE) for _ in range(2))
    assert (first.output_dim, first.classes) == (3, ("a", "b", "c"))
    assert first.fingerprint() == again.fingerprint()
    with pytest.raises(ValueError, match="number of classes"):
        untrained_alexnet([])


def test_training_on_some_classes_sees_no_other(lesson, monkeypatch):
    seen = []

    def inputs(positions):
        seen.extend(positions)
        return lesson[0](positions)

    network = load_backbone("squeezenet-places365", "random", SIDE)
    train_network(
        network, inputs, *lesson[1:], replace(TINY, n_iterations=2), classes=["a", "c"],
        progress=False,
    )  # fmt: skip
    assert {*lesson[2][seen]} == {"a", "c"}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "z"], "no photograph is of class 'z'"),
        (["a", "lone"], "class 'lone' has one photograph"),
    ],
)
def test_classes_that_cannot_be_trained_on(classes, message):
    labels = np.array(["a", "a", "b", "b", "lone"])
    with pytest.raises(ValueError, match=message):
        train_network(None, None, np.eye(5), labels, TINY, classes=classes)


def test_fewer_iterations_keep_rate_times_iterations():
    short = PAPER.shortened(500)
    assert (short.n_iterations, short.lr_last) == (500, pytest.approx(1e-3))
    assert short.ratio == PAPER.ratio == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": 0}, "margin"),
        ({"ratio": 0}, "ratio"),
        ({"batch_size": 0}, "batch_size"),
        ({"n_outputs": 1.5}, "n_outputs"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        replace(PAPER, **changes)


@pytest.mark.parametrize("codes", [[0, 4], [-1, 0], [[0, 1]]])
def test_classes_that_are_no_outputs(codes, trunk):
    trunk.output_dim = 4
    with pytest.raises(ValueError, match="lie between 0 and 3"):
        train_classifier(trunk, None, codes, n_iterations=1)


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert usable_device("auto") == "cpu"
    with pytest.raises(ValueError, match="torch sees no GPU here"):
        usable_device("cuda")
    with pytest.raises(ValueError, match="not 'tpu'"):
        usable_device("tpu")


# --- pictures decoded once


def test_pixels_are_those_of_the_network_and_decoded_once(pictures, trunk, tmp_path, monkeypatch):
    images, file = sorted(pictures.rglob("*.png")), tmp_path / "pixels"
    pixels = decode_pictures(images, trunk, file)
    with Image.open(images[5]) as picture:
        assert np.array_equal(pixels[5], trunk.prepare(picture))
    monkeypatch.setattr("visprof.decoded.read_image", None)  # would fail
    assert np.array_equal(decode_pictures(images, trunk, file), pixels)


def test_a_stopped_decoding_goes_on(pictures, trunk, tmp_path, monkeypatch):
    images, file = sorted(pictures.rglob("*.png")), tmp_path / "pixels"
    monkeypatch.setattr("visprof.decoded._AT_ONCE", 4)
    whole = np.array(decode_pictures(images, trunk, tmp_path / "whole"))
    broken = [*images[:10], pictures / "no.png"]
    with pytest.raises(FileNotFoundError):
        decode_pictures(broken, trunk, file)
    decode_pictures(images[:8], trunk, file)
    file.write_bytes(file.read_bytes()[: 6 * 3 * SIDE * SIDE + 11])  # cut since
    assert np.array_equal(decode_pictures(images[:8], trunk, file), whole[:8])
    # other pictures replace them
    assert np.array_equal(decode_pictures(images[4:8], trunk, file), whole[4:8])


def test_nothing_to_decode(trunk, tmp_path):
    with pytest.raises(ValueError, match="images is empty"):
        decode_pictures([], trunk, tmp_path / "pixels")


# --- the command


@pytest.fixture
def command(pictures, tmp_path, monkeypatch):
    """Run the command on tiny pictures, with a network of random weights."""
    monkeypatch.setattr(
        train, "load_backbone", lambda name, weights, size: load_backbone(name, "random", SIDE)
    )
    rates = ["--n-outputs", "4", "--margin", "3", "--batch-size", "4", "--iterations", "6"]

    def run(*more):
        out = ["--out", str(tmp_path / "out"), "--device", "cpu", *rates]
        return main(["train", str(pictures), *out, *map(str, more)])

    return run


def test_command(command, pictures, tmp_path, capsys):
    assert command("--test", pictures, "--name", "tiny", "--keep-rate") == 0
    printed = capsys.readouterr().out
    assert "dissimilar pairs below the margin" in printed
    assert "hybrid-cnn" in printed
    kept = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert kept["settings"]["lr_last"] == pytest.approx(1e-5 * 50_000 / 6)
    assert (kept["classes"], kept["photographs"], kept["test_photographs"]) == (4, 16, 16)
    assert {"hybrid", "scaled", "cnn", "siamese", "untrained", "probe", "random"} < {*kept["table"]}
    assert kept["run"]["machine"]
    assert str(tmp_path) not in json.dumps(kept)
    state = torch.load(tmp_path / "out" / "tiny.pt", weights_only=True)
    assert state["last.weight"].shape == (4, 512)


def test_command_without_test_photographs(command, tmp_path, capsys):
    assert command("--layers", "last") == 0
    assert "embedding" not in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "training.json").read_text())["table"] == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--margin", "0"], "margin"),
        (["--test", "nowhere"], "no folder of scenes at 'nowhere'"),
        (["--name", "a/b"], "use small letters, digits and hyphens"),
        (["--lr-last", "1e30", "--ratio", "1e-3"], "lower the learning rates"),
    ],
)
def test_command_says_what_is_wrong(command, arguments, message, capsys):
    assert command(*arguments) == 1
    assert message in capsys.readouterr().err
