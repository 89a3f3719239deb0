"""Layers of the networks, against the published implementations."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F

from visprof._torchvision import torchvision  # isort: skip  (before timm, which needs it mended)
import timm
from timm.data import resolve_model_data_config

from visprof.backbones import BACKBONES, load_backbone


@pytest.fixture(params=["lite0", "squeezenet", "alexnet", "resnet18", "timm_vit"])
def backbone(request):
    return request.getfixturevalue(request.param)


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


def test_fingerprint_sees_weights_and_size():
    backbone = load_backbone("squeezenet-places365", "random")
    smaller = load_backbone("squeezenet-places365", "random", 64)
    before = backbone.fingerprint()
    with torch.no_grad():
        backbone.conv10.bias[0] += 1
    assert len({before, backbone.fingerprint(), smaller.fingerprint()}) == 3


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


@pytest.mark.slow
def test_a_network_is_unpickled_where_nothing_of_it_was_imported(tmp_path):
    """By a worker of a cluster: timm imports torchvision, which may have to be mended first."""
    network = load_backbone("efficientnet-lite0", "random", 64)
    (tmp_path / "network").write_bytes(pickle.dumps(network))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).fingerprint())"
    command = [sys.executable, "-c", code, str(tmp_path / "network")]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == network.fingerprint()
