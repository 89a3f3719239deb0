"""Backbones: loading, preparation, features against outputs, real photographs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from visprof._torchvision import torchvision  # isort: skip  (before timm, which needs it mended)
import timm
from timm.data import resolve_model_data_config

from visprof.backbones import BACKBONES, load_backbone
from visprof.pictures import read_image
from visprof.scenes import read_scenes


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("efficientnet-lite0", image_size=64)


@pytest.fixture(scope="module")
def squeezenet():
    return load_backbone("squeezenet-places365", "random", image_size=64)


@pytest.fixture(scope="module")
def alexnet():
    return load_backbone("alexnet", "random", image_size=64)


@pytest.fixture(scope="module")
def resnet18():
    return load_backbone("resnet18", "random", image_size=64)


@pytest.fixture(scope="module")
def timm_vit():
    return load_backbone("timm:test_vit", "random", image_size=64)


@pytest.fixture(params=["lite0", "squeezenet", "alexnet", "resnet18", "timm_vit"])
def backbone(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def pixels():
    noise = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    return torch.from_numpy(noise)


def test_torchvision_can_be_imported_afresh():
    code = (
        "import visprof._torchvision\n"
        "import torchvision, torchvision.datasets, torchvision.models, timm\n"
        "from torchvision.transforms import v2\n"
        "import torch\n"
        "print(v2.Resize(8)(torch.zeros(3, 16, 16)).shape[-1], torchvision.models.alexnet.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "alexnet"]


def test_shapes_types_and_mode(backbone, pixels):
    with torch.inference_mode():
        features, outputs = backbone(pixels)
    assert features.shape == (3, backbone.feature_dim)
    assert outputs.shape == (3, backbone.output_dim)
    assert torch.isfinite(features).all()
    assert torch.isfinite(outputs).all()
    assert not backbone.training
    assert backbone.name in (*BACKBONES, "timm:test_vit")


def test_features_alone_equal_those_of_forward(backbone, pixels):
    with torch.inference_mode():
        torch.testing.assert_close(backbone.features(pixels), backbone(pixels)[0])


def test_a_picture_does_not_depend_on_its_batch(backbone, pixels):
    with torch.inference_mode():
        together, alone = backbone(pixels)[1][1:2], backbone(pixels[1:2])[1]
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_floats_and_bytes_agree(backbone, pixels):
    with torch.inference_mode():
        torch.testing.assert_close(backbone.features(pixels), backbone.features(pixels.float()))


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 32, 64), (5,)])
def test_wrong_input_shape_is_named(backbone, shape):
    with pytest.raises(ValueError, match=r"x must have shape .* not \(" + str(shape[0])):
        backbone(torch.zeros(shape))


def test_lite0_outputs_are_the_classifier_of_the_features(lite0, pixels):
    with torch.inference_mode():
        features, outputs = lite0(pixels)
        classifier = lite0.network.classifier
        torch.testing.assert_close(features @ classifier.weight.T + classifier.bias, outputs)
    assert lite0.output_dim == len(lite0.classes) == 1000


def test_lite0_normalises_as_it_was_trained(lite0, pixels):
    with torch.inference_mode():
        expected = lite0.network((pixels.float() - 127) / 128)
        torch.testing.assert_close(lite0(pixels)[1], expected, rtol=1e-4, atol=1e-4)


def test_alexnet_equals_torchvision(alexnet, pixels):
    normalise = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        features, outputs = alexnet(pixels)
        expected = alexnet.network(normalise(pixels / 255))
        torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alexnet.network.classifier[6](features), outputs)


def test_squeezenet_equals_its_layers_written_out(pixels):
    backbone = load_backbone("squeezenet-places365", "random")
    state = backbone.state_dict()
    x = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, 3, 224, 224))).float()
    bgr = x[:, [2, 1, 0]]
    y = (bgr - state["mean_image_bgr"][:, 16:240, 16:240]) / 255

    def convolve(y, key, stride=1):
        weight = state[f"{key}.weight"]
        padding = weight.shape[-1] // 2
        z = F.conv2d(y, weight, state[f"{key}.bias"], stride=stride, padding=padding)
        return torch.where(z > 0, z, 0.55 * z)

    y = F.max_pool2d(convolve(y, "conv1", stride=2), 3, 2)
    for number in range(2, 10):
        squeezed = convolve(y, f"fire{number}.squeeze1x1")
        sides = [convolve(squeezed, f"fire{number}.expand{k}") for k in ("1x1", "3x3")]
        y = torch.cat(sides, dim=1)
        if number in (3, 5):
            y = F.max_pool2d(y, 3, 2)
    with torch.inference_mode():
        features, outputs = backbone(x)
    torch.testing.assert_close(features, y.mean((2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs, convolve(y, "conv10").mean((2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_prepare_takes_any_mode(backbone, mode):
    prepared = backbone.prepare(Image.new(mode, (90, 70)))
    assert prepared.shape == (3, 64, 64)
    assert prepared.dtype == torch.uint8


def test_prepare_takes_another_size(backbone):
    assert backbone.prepare(Image.new("RGB", (90, 70)), 96).shape == (3, 96, 96)


def test_prepare_keeps_colour_and_crops_the_centre(lite0, squeezenet):
    picture = np.zeros((100, 300, 3), dtype=np.uint8)
    picture[:, 100:200] = (200, 100, 50)  # the centre square
    image = Image.fromarray(picture)
    assert lite0.prepare(image).reshape(3, -1).unique(dim=1).tolist() == [[200], [100], [50]]
    squashed = squeezenet.prepare(image)  # all three squares side by side
    assert squashed[:, 32, 32].tolist() == [200, 100, 50]
    assert squashed[:, 32, 2].tolist() == [0, 0, 0]


def test_prepare_crops_seven_eighths(lite0):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, axis=0).repeat(3, axis=2)
    prepared = lite0.prepare(Image.fromarray(ramp), 224)
    np.testing.assert_allclose(prepared[0, 100].numpy(), np.arange(16, 240), atol=1)


def test_extreme_aspect_ratio_is_prepared(lite0):
    assert lite0.prepare(Image.new("RGB", (5000, 1), "red"))[0].min() == 255


@pytest.mark.parametrize("size", [0, 63])
def test_small_input_size_is_refused(lite0, size):
    with pytest.raises(ValueError, match="at least 64"):
        load_backbone("alexnet", "random", size)
    with pytest.raises(ValueError, match="at least 64"):
        lite0.prepare(Image.new("RGB", (90, 70)), size)


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"resnet.*efficientnet-lite0, squeezenet-places365"):
        load_backbone("resnet")


def test_random_weights_are_seeded_and_leave_the_generator_alone():
    before = torch.get_rng_state()
    one, two = (load_backbone("squeezenet-places365", "random") for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    assert torch.equal(before, torch.get_rng_state())


def test_fingerprint_sees_weights_and_size():
    backbone = load_backbone("squeezenet-places365", "random")
    smaller = load_backbone("squeezenet-places365", "random", 64)
    before = backbone.fingerprint()
    with torch.no_grad():
        backbone.conv10.bias[0] += 1
    assert len({before, backbone.fingerprint(), smaller.fingerprint()}) == 3


def test_squeezenet_needs_weights():
    with pytest.raises(ValueError, match="no default weights"):
        load_backbone("squeezenet-places365")


@pytest.mark.parametrize("name", BACKBONES)
def test_missing_weights_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        load_backbone(name, tmp_path / "gone.safetensors")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_cut_weights_file_is_named(suffix, tmp_path, squeezenet):
    path = tmp_path / f"cut.{suffix}"
    if suffix == "pth":
        torch.save(squeezenet.state_dict(), path)
    else:
        save_file({k: t.contiguous() for k, t in squeezenet.state_dict().items()}, path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ValueError, match=r"cut\..* is broken, cut short"):
        load_backbone("squeezenet-places365", path)


def test_missing_and_misshapen_tensors_are_named(tmp_path, squeezenet):
    state = {k: t.contiguous() for k, t in squeezenet.state_dict().items()}
    del state["fire4.squeeze1x1.bias"]
    state["conv10.bias"] = torch.zeros(205)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"fire4\.squeeze1x1\.bias.*\(205,\) instead of \(365,\)"):
        load_backbone("squeezenet-places365", tmp_path / "w.safetensors")


def test_lite0_refuses_another_network(tmp_path, squeezenet):
    torch.save(squeezenet.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="holds 53 tensors, efficientnet-lite0 has 296"):
        load_backbone("efficientnet-lite0", tmp_path / "w.pth")


class _Malicious:
    """Makes the file "ran" when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.mark.parametrize("name", ["resnet18", "timm:test_resnet"])
@pytest.mark.parametrize("how", ["torch", "torch before 1.6", *range(6)])
def test_weights_file_cannot_run_code(name, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, content = tmp_path / "w.pth.tar", {"state_dict": {"conv1.weight": _Malicious()}}
    if isinstance(how, int):
        path.write_bytes(pickle.dumps(content, protocol=how))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(ValueError, match=r"w\.pth.* more than weights .* not loaded.*state dict"):
        load_backbone(name, path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_model_is_refused(zipped, tmp_path):
    path = tmp_path / "whole_resnet18.pth.tar"
    torch.save(torchvision.models.resnet18(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"more than weights \(torchvision\..*ResNet\)"):
        load_backbone("resnet18", path)


@pytest.mark.parametrize("size", [0, 1, 10, 500, 5_000, 100_000])
@pytest.mark.parametrize("zipped", [True, False])
def test_cut_checkpoint_is_named(zipped, size, tmp_path, resnet18):
    path = tmp_path / "w.pth.tar"
    torch.save(resnet18.network.state_dict(), path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"w\.pth\.tar' is broken, cut short"):
        load_backbone("resnet18", path)


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_named(seed, tmp_path):
    path = tmp_path / "w.pth.tar"
    path.write_bytes(np.random.default_rng(seed).bytes(3000))
    with pytest.raises(ValueError, match="not a file of weights"):
        load_backbone("resnet18", path)


def test_values_that_are_no_tensors_are_named(tmp_path):
    torch.save({"model": {"fc.weight": torch.zeros(3)}, "epoch": 9}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"'model' \(dict\), 'epoch' \(int\) are not tensors"):
        load_backbone("resnet18", tmp_path / "w.pth")


def test_a_list_is_not_a_state_dict(tmp_path):
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(ValueError, match="holds a list"):
        load_backbone("alexnet", tmp_path / "w.pth")


@pytest.mark.parametrize("n", [205, 365])
@pytest.mark.parametrize("name", ["alexnet", "resnet18", "resnet50"])
def test_checkpoint_as_places365_publishes_them(name, n, tmp_path, pixels):
    plain = torchvision.models.get_model(name, num_classes=n).eval()
    parallel = {
        # PyTorch before 0.4.1, with which Places365 was trained, did not count batches
        key.replace("features.", "features.module.") if name == "alexnet" else f"module.{key}": t
        for key, t in plain.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    checkpoint = {"epoch": 90, "arch": name, "state_dict": parallel, "best_prec1": torch.zeros(1)}
    path = tmp_path / f"{name}_places365.pth.tar"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    lines = "".join(f"/c/class{i}/indoor {i}\n" for i in range(n))
    (tmp_path / "categories_places365.txt").write_text(lines)
    backbone = load_backbone(name, path, 64)
    assert backbone.weights == path.name
    assert backbone.classes[:2] == ("class0/indoor", "class1/indoor")
    assert backbone.outputs == f"logits of {n} classes"
    last = "classifier[6], 4096" if name == "alexnet" else f"fc, {backbone.feature_dim}"
    assert backbone.last_layer == f"{last} to {n}"
    normalise = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = plain(normalise(pixels / 255))
        torch.testing.assert_close(backbone(pixels)[1], expected, rtol=1e-3, atol=1e-3)


def test_resnet_outputs_are_fc_of_the_features(resnet18, pixels):
    with torch.inference_mode():
        features, outputs = resnet18(pixels)
        torch.testing.assert_close(resnet18.network.fc(features), outputs)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("lite0", "classifier, 1280 to 1000"),
        ("squeezenet", "conv10, a 1x1 convolution: there is no fully connected layer"),
        ("alexnet", "classifier[6], 4096 to 1000"),
        ("resnet18", "fc, 512 to 1000"),
        ("timm_vit", "head, 64 to 1000"),
    ],
)
def test_last_fully_connected_layer_is_told(name, last, request):
    assert request.getfixturevalue(name).last_layer == last


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_timm_model_equals_plain_timm(name, pixels, tmp_path):
    plain = timm.create_model(name, num_classes=7).eval()
    torch.save(plain.state_dict(), tmp_path / "w.pth")
    config = resolve_model_data_config(plain)
    side = config["input_size"][-1]
    backbone = load_backbone(f"timm:{name}", tmp_path / "w.pth")
    assert backbone.image_size == side == 160
    assert backbone.crop_share == config["crop_pct"]
    assert backbone.resample.name.lower() == config["interpolation"]
    assert backbone.outputs == "7 outputs of the last layer"
    x = F.interpolate(pixels.float(), side)
    normalised = torchvision.transforms.Normalize(config["mean"], config["std"])(x / 255)
    with torch.inference_mode():
        features, outputs = backbone(x)
        torch.testing.assert_close(outputs, plain(normalised), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(plain.get_classifier()(features), outputs, rtol=1e-3, atol=1e-4)
    assert features.shape[1] == backbone.feature_dim == plain.head_hidden_size


def test_timm_model_without_classifier_puts_out_its_features():
    backbone = load_backbone("timm:eva02_tiny_patch14_224", "random", 70)
    with torch.inference_mode():
        features, outputs = backbone(backbone.prepare(Image.new("RGB", (90, 70)))[None])
    assert torch.equal(features, outputs)
    assert backbone.feature_dim == backbone.output_dim == 192
    assert "features" in backbone.outputs
    assert backbone.last_layer == "none: the model has no classifier"


def test_timm_weights_of_another_picture_size_are_translated(timm_vit, tmp_path):
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    backbone = load_backbone("timm:test_vit", tmp_path / "w.safetensors", 96)
    assert backbone.network.pos_embed.shape[1] == 1 + (96 // 16) ** 2  # a class token, patches


def test_timm_model_of_one_size_names_another(timm_vit):
    with pytest.raises(ValueError, match=r"with S = 64, not \(1, 3, 96, 96\)"):
        timm_vit(torch.zeros(1, 3, 96, 96))


def test_picture_size_that_timm_refuses_is_named():
    with pytest.raises(ValueError, match=r"'test_vit' on pictures of 100 by 100 .* is 160"):
        load_backbone("timm:test_vit", "random", 100)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("test_vitt", "did you mean test_vit"),
        ("test_vit.laion", "did you mean test_vit"),
        ("dinov2", "did you mean vit_.*dinov2"),
        ("zzzzzz", r"timm\.list_models\(\)"),
    ],
)
def test_unknown_timm_model_gets_suggestions(name, hint):
    with pytest.raises(ValueError, match=f"no model named '{name}'; {hint}"):
        load_backbone(f"timm:{name}", "random")


def test_timm_model_without_published_weights_says_so():
    with pytest.raises(ValueError, match="no weights of 'efficientnet_b8'; pass weights="):
        load_backbone("timm:efficientnet_b8")


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_convnext", "resnet50", "alexnet"])
def test_weights_of_another_network_are_refused(name, tmp_path, resnet18):
    torch.save(resnet18.network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"do not fit this network: \d+ missing: \w+"):
        load_backbone(name, tmp_path / "w.pth")


def test_timm_model_without_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"weights of timm:test_vit .*weights=<path"):
        load_backbone("timm:test_vit")


def test_categories_must_fit(tmp_path, squeezenet):
    state = {k: t.contiguous() for k, t in squeezenet.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    (tmp_path / "categories_places365.txt").write_text("/a/abbey 0\n")
    with pytest.raises(ValueError, match="must number 365 classes"):
        load_backbone("squeezenet-places365", tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must number 365 classes"),
        (b"/a/abbey\n", "must number 365 classes"),
        (b"/a/abbey x\n", "must number 365 classes"),
        (
            "\n".join(f"c{number} {number}" for number in range(365)).encode(),
            "such as '/a/abbey 0'",
        ),
        (b"\0" * 50, "must number 365 classes"),
        ("/z/zürich 0".encode("latin-1"), "is not a text in UTF-8"),
    ],
)
def test_a_file_that_names_no_classes_is_named(tmp_path, squeezenet, content, message):
    state = {k: t.contiguous() for k, t in squeezenet.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    (tmp_path / "categories_places365.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"categories_places365\.txt. ") as caught:
        load_backbone("squeezenet-places365", tmp_path / "w.safetensors")
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path, squeezenet, value):
    state = {k: t.clone().contiguous() for k, t in squeezenet.state_dict().items()}
    state["conv10.bias"][3] = value
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"w\.safetensors' are not all finite, in conv10\.bias"):
        load_backbone("squeezenet-places365", tmp_path / "w.safetensors")


@pytest.mark.parametrize("change", [torch.Tensor.to_sparse, lambda t: t.to("meta")])
def test_tensors_that_torch_cannot_copy_name_the_file(tmp_path, squeezenet, change):
    torch.save({k: change(t) for k, t in squeezenet.state_dict().items()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth'"):
        load_backbone("squeezenet-places365", tmp_path / "w.pth")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>"])
def test_a_download_that_was_cut_is_named(tmp_path, monkeypatch, content):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    file = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(ValueError, match="delete them there") as caught:
        load_backbone("resnet18")
    assert f"weights of resnet18, as they were downloaded to {str(file)!r}" in str(caught.value)


def test_published_torchvision_weights_are_loaded(monkeypatch, resnet18, pixels):
    published = torchvision.models.ResNet18_Weights
    state = resnet18.network.state_dict()
    monkeypatch.setattr(published, "get_state_dict", lambda self, check_hash: state)
    backbone = load_backbone("resnet18", image_size=64)
    assert backbone.weights == "torchvision ResNet18_Weights.IMAGENET1K_V1"
    assert backbone.classes[0] == "tench"
    assert backbone.fingerprint() == resnet18.fingerprint()


def test_published_timm_weights_are_loaded(monkeypatch):
    state = timm.create_model("test_vit").state_dict()
    asked = []

    def hub(model, **kwargs):
        asked.append(model)
        return dict(state)

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", hub)
    backbone = load_backbone("timm:test_vit")
    assert asked == ["timm/test_vit.r160_in1k"]
    assert backbone.weights == "timm test_vit, tag r160_in1k"
    assert backbone.classes[0] == "tench"
    assert torch.equal(backbone.network.head.weight, state["head.weight"])


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_torchvision_without_network_says_what_to_do(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nowhere")
    monkeypatch.setattr("os.makedirs", lambda *args, **kwargs: None)
    with pytest.raises(ConnectionError, match=f"weights of {name} .*weights=<path"):
        load_backbone(name)


def test_lite0_is_stable_on_photographs(shared_data):
    backbone = load_backbone("efficientnet-lite0", image_size=128)
    scenes = read_scenes(shared_data / "scenes").groupby("label").head(3)
    x = torch.stack([backbone.prepare(read_image(path)) for path in scenes["image"]])
    with torch.inference_mode():
        features, outputs = backbone(x)
        mirrored = backbone.features(x.flip(3))
    assert torch.isfinite(outputs).all()
    assert outputs.argmax(1).unique().numel() >= len(scenes) / 3  # it tells photographs apart
    # a mirrored photograph is nearest to its original
    assert (torch.cdist(mirrored, features).argmin(1) == torch.arange(len(x))).all()


@pytest.mark.slow
def test_squeezenet_recognises_the_shared_scenes(shared_data):
    backbone = load_backbone(
        "squeezenet-places365", shared_data / "squeezenet_places365.safetensors"
    )
    scenes = read_scenes(shared_data / "scenes").iloc[::4]
    hits = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in range(0, len(scenes), 64):
            rows = scenes.iloc[start : start + 64]
            x = torch.stack([backbone.prepare(read_image(path)) for path in rows["image"]])
            top = backbone(x)[1].topk(5).indices
            for label, guesses in zip(rows["label"], top.tolist(), strict=True):
                hits.append(label in {backbone.classes[g].split("/")[0] for g in guesses})
    assert np.mean(hits) >= 0.80  # 0.856 measured on all 1,573


def test_squeezenet_reads_the_shared_weights(shared_data):
    path = shared_data / "squeezenet_places365.safetensors"
    backbone = load_backbone("squeezenet-places365", path)
    assert set(backbone.state_dict()) == set(load_file(path))
    assert len(backbone.classes) == 365
