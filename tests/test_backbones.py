"""Backbones: loading, preparation, features against outputs, real photographs."""

from __future__ import annotations

import subprocess
import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from visprof._torchvision import torchvision
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


@pytest.fixture(params=["lite0", "squeezenet", "alexnet"])
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
    assert backbone.name in BACKBONES


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


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 32, 64)])
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


def test_weights_file_cannot_run_code(tmp_path):
    torch.save({"a": Image.new("L", (1, 1))}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="not a file of weights"):
        load_backbone("alexnet", tmp_path / "w.pth")


def test_a_list_is_not_a_state_dict(tmp_path):
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(ValueError, match="holds a list"):
        load_backbone("alexnet", tmp_path / "w.pth")


def test_alexnet_of_places_keeps_its_outputs_and_classes(tmp_path, pixels):
    small = torchvision.models.AlexNet(num_classes=3).state_dict()
    parallel = {k.replace("features.", "features.module."): t for k, t in small.items()}
    torch.save({"state_dict": parallel, "epoch": 9}, tmp_path / "alexnet.pth")
    (tmp_path / "categories_places365.txt").write_text("/a/abbey 0\n/d/desert/sand 1\n/p/park 2\n")
    backbone = load_backbone("alexnet", tmp_path / "alexnet.pth", 64)
    assert backbone.classes == ("abbey", "desert/sand", "park")
    assert backbone.outputs == "logits of 3 classes"
    assert backbone(pixels)[1].shape == (3, 3)


def test_categories_must_fit(tmp_path, squeezenet):
    state = {k: t.contiguous() for k, t in squeezenet.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    (tmp_path / "categories_places365.txt").write_text("/a/abbey 0\n")
    with pytest.raises(ValueError, match="must number 365 classes"):
        load_backbone("squeezenet-places365", tmp_path / "w.safetensors")


def test_alexnet_without_network_says_what_to_do(monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nowhere")
    monkeypatch.setattr("os.makedirs", lambda *args, **kwargs: None)
    with pytest.raises(ConnectionError, match="weights=<path"):
        load_backbone("alexnet")


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
