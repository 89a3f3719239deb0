"""Training of the Siamese embedding: log, seeds, mini-batches, checkpoints, bad input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from visprof import _descent, siamese_training
from visprof.backbones import load_backbone
from visprof.scenes import sample_pairs
from visprof.siamese import SiameseEmbedding, contrastive_loss, siamese_outputs
from visprof.siamese_training import array_inputs, image_inputs, train_last_layer, train_siamese


@pytest.fixture
def classes():
    """Four classes in 12 dimensions: small class means under strong noise common to all."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 50)
    noise = rng.normal(size=(200, 12)) * np.r_[np.full(4, 0.3), np.full(8, 3.0)]
    features = noise + 1.5 * np.eye(4, 12)[labels]
    return features.astype(np.float32), labels


def trained(classes, model=None, **changes):
    features, labels = classes
    pairs, similar = sample_pairs(labels, 200, 200)
    model = model or SiameseEmbedding(None, 12, 6)
    options = {"margin": 5.0, "lr_last": 1e-4, "n_iterations": 150, "progress": False} | changes
    log = train_siamese(model, array_inputs(features), pairs, similar, **options)
    return model, log


def separation(x, labels):
    """Mean distance across classes by mean distance within."""
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)
    same = labels[:, None] == labels[None]
    return distance[~same].mean() / distance[same & (distance > 0)].mean()


def test_training_separates_classes(classes):
    features, labels = classes
    model, log = trained(classes)
    assert separation(siamese_outputs(model, features), labels) > 1.5 * separation(features, labels)
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    assert not model.training


def test_batch_normalisation_makes_large_rates_stall(classes):
    """The loss ignores the weights' length; one long step makes every later step a small turn."""
    model, log = trained(classes, lr_last=0.1)
    good_model, good_log = trained(classes)
    assert model.last.weight.norm() > 10 * good_model.last.weight.norm()
    assert log["loss"].iloc[-1] > 2 * good_log["loss"].iloc[-1]


def test_log_has_a_row_for_every_step(classes):
    _, log = trained(classes, n_iterations=25, log_every=10)
    assert log["iteration"].tolist() == [10, 20, 25]
    assert list(log.columns) == [
        "iteration",
        "loss",
        "similar_distance",
        "dissimilar_distance",
        "active_share",
    ]
    assert log.notna().all(axis=None)


def test_log_of_one_step_equals_a_plain_computation(classes):
    features, labels = classes
    pairs, similar = sample_pairs(labels, 20, 10)
    model = SiameseEmbedding(None, 12, 6)
    raw = features @ model.last.weight.detach().numpy().T
    used = raw[pairs.T.ravel()]  # one batch holds every pair once
    standard = (used - used.mean(0)) / np.sqrt(used.var(0) + model.output_norm.eps)
    first, second = np.split(standard, 2)
    distance = np.linalg.norm(first - second, axis=1)
    log = train_siamese(
        model,
        array_inputs(features),
        pairs,
        similar,
        margin=3.0,
        lr_last=0.0,
        batch_size=len(pairs),
        n_iterations=1,
        progress=False,
    )
    row = log.iloc[0]
    assert row["loss"] == pytest.approx(
        contrastive_loss(first, second, similar, 3.0).item(), rel=1e-9
    )
    assert row["similar_distance"] == pytest.approx(distance[similar].mean(), rel=1e-9)
    assert row["dissimilar_distance"] == pytest.approx(distance[~similar].mean(), rel=1e-9)
    assert row["active_share"] == pytest.approx((distance[~similar] < 3).mean(), abs=0.01)


def test_margin_of_1_pushes_nothing_after_batch_normalisation(classes):
    _, log = trained(classes, SiameseEmbedding(None, 12, 205), margin=1.0, n_iterations=3)
    assert log["dissimilar_distance"].iloc[0] == pytest.approx(math.sqrt(2 * 205), rel=0.1)
    assert log["active_share"].iloc[0] < 0.02


def test_same_seed_same_weights(classes):
    one, again, other = (trained(classes, random_state=s)[0].last.weight for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_outputs_are_standardised_and_independent_of_batches(classes):
    features, _ = classes
    model, _ = trained(classes, lr_last=0.0)
    outputs = siamese_outputs(model, features)
    assert outputs.dtype == np.float64
    assert outputs.shape == (200, 6)
    np.testing.assert_allclose(outputs.mean(0), 0, atol=0.15)
    np.testing.assert_allclose(outputs.std(0), 1, atol=0.15)
    np.testing.assert_allclose(outputs, siamese_outputs(model, features, 7), atol=1e-12)


def test_l2_outputs_have_length_1(classes):
    model, log = trained(classes, SiameseEmbedding(None, 12, 6, output_norm="l2"), margin=1.0)
    lengths = np.linalg.norm(siamese_outputs(model, classes[0]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-12)
    assert log["dissimilar_distance"].max() <= 2


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_similar_share_sets_the_mix(classes, share):
    features, labels = classes
    pairs, similar = sample_pairs(labels, 10, 50)
    drawn = []

    def inputs(positions):
        first, second = np.split(labels[positions], 2)
        drawn.append((first == second).mean())
        return torch.from_numpy(features[positions])

    train_siamese(
        SiameseEmbedding(None, 12, 6),
        inputs,
        pairs,
        similar,
        margin=1.0,
        lr_last=0.01,
        batch_size=16,
        n_iterations=8,
        similar_share=share,
        progress=False,
    )
    assert drawn == [share] * 8


def test_a_pass_takes_every_pair_once(classes):
    features, labels = classes
    pairs, similar = sample_pairs(labels, 4, 4)  # 16 + 24 pairs
    seen = []

    def inputs(positions):
        seen.extend(np.stack(np.split(positions, 2), axis=1).tolist())
        return torch.from_numpy(features[positions])

    model = SiameseEmbedding(None, 12, 6)
    options = {"margin": 1.0, "lr_last": 0.01, "batch_size": 10, "progress": False}
    train_siamese(model, inputs, pairs, similar, n_iterations=4, **options)
    assert sorted(seen) == sorted(pairs.tolist())


def test_nan_inputs_stop_the_training(classes):
    features, labels = classes
    wrong = np.where(np.arange(len(features)) == 7, np.nan, features.T).T
    with pytest.raises(ValueError, match=r"features: values are not finite in row\(s\) 7;"):
        trained((wrong, labels))


def test_a_loss_that_is_not_finite_stops_the_training(classes):
    features, labels = classes
    with pytest.raises(FloatingPointError, match=r"iteration 1 .*lr_last=0\.0001"):
        trained((np.full(features.shape, 1.7e308), labels))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"lr_rest": 0.1}, "no backbone"),
        ({"batch_size": 0}, "batch_size: expected .* got 0"),
        ({"n_iterations": 0}, "n_iterations: expected .* got 0"),
        ({"log_every": 0}, "log_every: expected .* got 0"),
        ({"similar_share": 1.5}, "similar_share=1.5"),
        ({"similar_share": np.nan}, "similar_share=nan"),
        ({"margin": -1.0}, "margin"),
        ({"margin": np.inf}, "margin"),
        ({"lr_last": np.nan}, "lr_last"),
        ({"lr_rest": -1.0}, "lr_rest"),
        ({"momentum": np.inf}, "momentum"),
        ({"precision": "auto"}, "precision must be 'fp32' or 'bf16', not 'auto'"),
    ],
)
def test_bad_training_options_are_named(classes, changes, match):
    with pytest.raises(ValueError, match=match):
        trained(classes, **changes)


@pytest.mark.parametrize(("n_pairs", "n_similar"), [((3, 3), 3), ((3, 2), 4), ((0, 2), 0)])
def test_bad_pair_shapes_are_named(n_pairs, n_similar):
    with pytest.raises(ValueError, match="shape"):
        train_siamese(
            SiameseEmbedding(None, 4),
            array_inputs(np.zeros((5, 4))),
            np.zeros(n_pairs, dtype=int),
            np.zeros(n_similar, dtype=bool),
            margin=1.0,
            lr_last=0.1,
            n_iterations=1,
        )


def test_share_of_an_absent_kind_is_refused():
    with pytest.raises(ValueError, match="0 similar, 2 dissimilar"):
        train_siamese(
            SiameseEmbedding(None, 4),
            array_inputs(np.zeros((5, 4))),
            np.array([[0, 1], [2, 3]]),
            np.array([0, 0]),
            margin=1.0,
            lr_last=0.1,
            n_iterations=1,
            similar_share=0.5,
            progress=False,
        )


def train_with_trunk(folder, **changes):
    """A model that is trained on 8 pictures through its backbone."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(8):
        paths.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(paths[-1])
    backbone = load_backbone("squeezenet-places365", "random", 64)
    model = SiameseEmbedding(backbone, 512, 6)
    pairs, similar = sample_pairs(np.repeat([0, 1], 4), 4, 4)
    options = {"margin": 2.0, "lr_last": 0.1, "batch_size": 6, "n_iterations": 2} | changes
    log = train_siamese(
        model, image_inputs(paths, backbone), pairs, similar, progress=False, **options
    )
    return model, log


def test_pictures_of_a_column_are_taken_by_position_whatever_its_index(tmp_path):
    paths = [tmp_path / f"{shade}.png" for shade in (0, 100, 200)]
    for path in paths:
        Image.new("RGB", (64, 64), (int(path.stem),) * 3).save(path)
    backbone = load_backbone("squeezenet-places365", "random", 64)
    column = pd.Series(paths, index=[2, 0, 1])
    found, expected = (image_inputs(of, backbone)(np.array([0, 2])) for of in (column, paths))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("lr_rest", [0.0, 1e-3])
def test_backbone_learns_only_with_a_rate(tmp_path, lr_rest):
    model, _ = train_with_trunk(tmp_path, lr_rest=lr_rest)
    before = load_backbone("squeezenet-places365", "random", 64).fingerprint()
    assert (model.backbone.fingerprint() != before) == (lr_rest > 0)
    assert not torch.equal(model.last.weight, SiameseEmbedding(None, 512, 6).last.weight)


def test_the_trunk_alone_runs_in_the_precision_asked_for(tmp_path, monkeypatch):
    seen = {}
    for precision in ("fp32", "bf16"):
        head = SiameseEmbedding.head

        def noted(self, features, precision=precision, head=head):
            seen[precision] = features, head(self, features)
            return seen[precision][1]

        monkeypatch.setattr(SiameseEmbedding, "head", noted)
        train_with_trunk(tmp_path, precision=precision, n_iterations=1)
        monkeypatch.undo()
    assert all(embedded.dtype == torch.float64 for _, embedded in seen.values())
    exact, rounded = (features.float() for features, _ in seen.values())
    assert 0 < (rounded - exact).norm() < 0.03 * exact.norm()


@pytest.mark.slow
def test_training_does_not_depend_on_the_order_of_sums(classes):
    """Columns in another order are the same features: only rounding differs, and stays so."""
    features, labels = classes
    order = np.random.default_rng(0).permutation(12)
    outputs = []
    for columns in (np.arange(12), order):
        model = SiameseEmbedding(None, 12, 6)
        with torch.no_grad():
            model.last.weight.copy_(model.last.weight[:, columns].clone())
        trained((features[:, columns], labels), model, n_iterations=500)
        outputs.append(siamese_outputs(model, features[:, columns]))
    assert not np.array_equal(*outputs)
    np.testing.assert_allclose(*outputs, rtol=1e-9, atol=1e-9)


class _KilledError(Exception):
    pass


def stop_at_save(monkeypatch, number):
    """Let the training end like a killed one, right after it saved for the n-th time."""
    save, saves = _descent.Checkpoint.save, []

    def stopping(self, *state):
        save(self, *state)
        saves.append(None)
        if len(saves) == number:
            raise _KilledError

    monkeypatch.setattr(_descent.Checkpoint, "save", stopping)
    monkeypatch.setattr(_descent, "SECONDS_A_SAVE", 0.0)


@pytest.mark.parametrize("number", [1, 3])
def test_resumed_training_equals_an_uninterrupted_one(classes, tmp_path, monkeypatch, number):
    options = {"n_iterations": 47, "log_every": 10, "similar_share": 0.3}
    whole, log = trained(classes, **options)
    file = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        stop_at_save(patch, number)
        with pytest.raises(_KilledError):
            trained(classes, checkpoint=file, **options)
    resumed, resumed_log = trained(classes, checkpoint=file, **options)
    assert all(torch.equal(a, resumed.state_dict()[k]) for k, a in whole.state_dict().items())
    pd.testing.assert_frame_equal(resumed_log, log)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.slow
def test_resumed_training_of_the_trunk_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    options = {"lr_rest": 1e-3, "n_iterations": 4, "log_every": 2}
    whole, log = train_with_trunk(tmp_path, **options)
    file = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        stop_at_save(patch, 1)
        with pytest.raises(_KilledError):
            train_with_trunk(tmp_path, checkpoint=file, **options)
    resumed, resumed_log = train_with_trunk(tmp_path, checkpoint=file, **options)
    assert all(torch.equal(a, resumed.state_dict()[k]) for k, a in whole.state_dict().items())
    pd.testing.assert_frame_equal(resumed_log, log)


def test_finished_training_is_not_repeated(classes, tmp_path):
    file = tmp_path / "checkpoint.pt"
    model, log = trained(classes, checkpoint=file, n_iterations=20)

    def refuse(positions):
        raise AssertionError("trained again")

    again = SiameseEmbedding(None, 12, 6)
    pairs, similar = sample_pairs(classes[1], 200, 200)
    options = {"margin": 5.0, "lr_last": 1e-4, "n_iterations": 20, "progress": False}
    got = train_siamese(again, refuse, pairs, similar, checkpoint=file, **options)
    assert torch.equal(again.last.weight, model.last.weight)
    pd.testing.assert_frame_equal(got, log)
    assert not again.training


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"margin": 6.0}, r"another margin \(5\.0, now 6\.0\).*Delete it"),
        ({"random_state": 1}, "another random_state"),
        ({"precision": "bf16"}, "another precision"),
        ({"model": SiameseEmbedding(None, 12, 7)}, "size mismatch"),
    ],
)
def test_checkpoint_of_another_training_is_refused(classes, tmp_path, changes, match):
    file = tmp_path / "checkpoint.pt"
    trained(classes, checkpoint=file, n_iterations=5)
    with pytest.raises(ValueError, match=f"(?s){match}"):
        trained(classes, checkpoint=file, n_iterations=5, **changes)


@pytest.mark.parametrize("damage", ["emptied", "cut", "a byte changed", "never sealed"])
def test_broken_checkpoint_is_as_good_as_absent(classes, tmp_path, caplog, damage):
    file = tmp_path / "checkpoint.pt"
    whole, log = trained(classes, checkpoint=file, n_iterations=5)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # torch alone would train on with another weight
    kept = {"emptied": 0, "cut": 500, "a byte changed": len(content), "never sealed": -16}
    file.write_bytes(content[: kept[damage]])
    again, again_log = trained(classes, checkpoint=file, n_iterations=5)
    assert f"the checkpoint {file} cannot be used (ValueError: it was cut" in caplog.text
    assert torch.equal(again.last.weight, whole.last.weight)
    pd.testing.assert_frame_equal(again_log, log)
    caplog.clear()
    trained(classes, checkpoint=file, n_iterations=5)
    assert not caplog.text


def test_a_full_disk_is_told_with_the_name_of_the_checkpoint(classes, tmp_path, full_disk):
    file = tmp_path / "checkpoint.pt"
    with full_disk(100), pytest.raises(OSError, match="File too large") as caught:
        trained(classes, checkpoint=file, n_iterations=5)
    assert str(caught.value) == f"[Errno 27] File too large: '{file}'"
    assert not list(tmp_path.iterdir())


def test_what_a_killed_training_left_is_cleared_away(classes, tmp_path, dead_process):
    left = tmp_path / f"checkpoint.pt.{dead_process}.part"
    other = tmp_path / f"other.pt.{dead_process}.part"
    for path in (left, other):
        path.touch()
    trained(classes, checkpoint=tmp_path / "checkpoint.pt", n_iterations=5)
    assert not left.exists()
    assert other.exists()


@pytest.mark.parametrize("output_norm", ["batch", "l2"])
@pytest.mark.parametrize("width", [40, 7])  # more features than pictures, and fewer
def test_a_last_layer_learns_in_the_span_of_its_pictures_as_by_itself(output_norm, width):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(30, width)).astype(np.float32)
    pairs, similar = rng.integers(5, 25, (200, 2)), rng.random(200) < 0.3
    settings = {"margin": 2.0, "lr_last": 0.05, "n_iterations": 40, "batch_size": 16,
                "random_state": 3, "progress": False}  # fmt: skip
    outputs, logs, states = [], [], []
    for spanned in (False, True):
        model = SiameseEmbedding(None, width, 6, output_norm, random_state=1)
        torch.nn.init.constant_(model.last.bias, 0.5)
        if spanned:
            log = train_last_layer(model, features, pairs, similar, **settings)
        else:
            log = train_siamese(model, array_inputs(features), pairs, similar, **settings)
        assert not model.training
        outputs.append(siamese_outputs(model, features))  # also of pictures that no pair has
        logs.append(log)
        states.append(model.state_dict())
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-10, atol=1e-11)
    pd.testing.assert_frame_equal(logs[1], logs[0], rtol=1e-10)
    assert states[0].keys() == states[1].keys()
    for key, of in states[0].items():
        torch.testing.assert_close(states[1][key], of, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("output_norm", ["batch", "l2"])
@pytest.mark.parametrize("width", [40, 7])
@pytest.mark.parametrize("number", [1, 3])
def test_a_last_layer_goes_on_from_its_checkpoint(
    output_norm, width, number, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    features, pairs = rng.normal(size=(30, width)), rng.integers(5, 25, (200, 2))
    similar, file = rng.random(200) < 0.3, tmp_path / "checkpoint.pt"

    def trained(checkpoint):
        model = SiameseEmbedding(None, width, 6, output_norm)
        log = train_last_layer(
            model, features, pairs, similar, margin=2.0, lr_last=0.05, n_iterations=23,
            log_every=5, batch_size=16, checkpoint=checkpoint, progress=False,
        )  # fmt: skip
        return model.state_dict(), log

    whole, log = trained(None)
    with monkeypatch.context() as patch:
        stop_at_save(patch, number)
        with pytest.raises(_KilledError):
            trained(file)
    resumed, resumed_log = trained(file)
    assert all(torch.equal(of, resumed[key]) for key, of in whole.items())
    pd.testing.assert_frame_equal(resumed_log, log)


@pytest.mark.parametrize(
    ("width", "other_pictures", "why"),
    [(4, 0, r"size mismatch for weights: .*Delete it"),
     (3, 10, "of a training with another pairs")],
)  # fmt: skip
def test_a_last_layer_goes_on_from_its_own_training_alone(tmp_path, width, other_pictures, why):
    rng = np.random.default_rng(0)
    features, pairs = rng.normal(size=(20, 40)), rng.integers(0, 10, (30, 2))
    settings = {"margin": 2.0, "lr_last": 0.05, "n_iterations": 4, "batch_size": 4,
                "checkpoint": tmp_path / "checkpoint.pt", "progress": False}  # fmt: skip
    similar = np.arange(30) % 2 == 0
    train_last_layer(SiameseEmbedding(None, 40, 3), features, pairs, similar, **settings)
    other, pairs = SiameseEmbedding(None, 40, width), pairs + other_pictures
    with pytest.raises(ValueError, match=why):
        train_last_layer(other, features, pairs, similar, **settings)


@pytest.mark.parametrize("output_norm", ["batch", "l2"])
@pytest.mark.parametrize("width", [40, 7])
def test_a_last_layer_whose_loss_is_not_finite_is_told(output_norm, width):
    features, pairs = np.full((20, width), 1.7e308), np.arange(20).reshape(10, 2)
    model = SiameseEmbedding(None, width, 3, output_norm)
    torch.nn.init.constant_(model.last.weight, 10.0)
    with pytest.raises(FloatingPointError, match=r"iteration 1 .*lr_last=0\.1"):
        train_last_layer(
            model, features, pairs, np.arange(10) % 2, margin=2.0, lr_last=0.1, n_iterations=2,
            batch_size=4, progress=False,
        )  # fmt: skip


def test_a_last_layer_reads_only_the_pictures_of_its_pairs():
    """Where these are many, those of a mini-batch at a time."""
    features = np.full((50, 3), np.nan)
    features[10:30] = np.random.default_rng(0).normal(size=(20, 3))
    pairs = np.arange(10, 30).reshape(10, 2)
    log = train_last_layer(
        SiameseEmbedding(None, 3, 2), features, pairs, np.arange(10) % 2, margin=2.0, lr_last=0.1,
        n_iterations=3, batch_size=4, progress=False,
    )  # fmt: skip
    assert log.notna().all(axis=None)


def test_on_a_gpu_a_last_layer_is_trained_as_a_network(monkeypatch):
    features = np.arange(12.0).reshape(3, 4)

    def train(model, inputs, pairs, similar, **settings):
        return inputs(np.array([2])).tolist(), settings

    monkeypatch.setattr(siamese_training, "train_siamese", train)
    settings = {"device": "cuda", "checkpoint": None, "progress": False, "margin": 2.0}
    found = train_last_layer(
        SiameseEmbedding(None, 4, 2), features, np.array([[0, 1]]), np.array([1]), **settings
    )
    assert found == ([[8.0, 9.0, 10.0, 11.0]], settings)


def test_a_last_layer_has_no_trunk_to_train():
    with pytest.raises(ValueError, match=r"lr_rest=0\.1, but the model has no backbone"):
        train_last_layer(
            SiameseEmbedding(None, 4, 2), np.ones((3, 4)), np.array([[0, 1]]), np.array([1]),
            margin=2.0, lr_last=0.1, lr_rest=0.1, n_iterations=1,
        )  # fmt: skip


def test_a_last_layer_with_a_backbone_is_refused():
    model = SiameseEmbedding(None, 4, 2)
    model.backbone = object()
    with pytest.raises(ValueError, match="has a backbone"):
        train_last_layer(model, np.ones((3, 4)), np.array([[0, 1]]), np.array([True]))
