"""Networks by name: packaged and published weights, real photographs."""

from __future__ import annotations

import subprocess
import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from visprof._torchvision import torchvision  # isort: skip  (before timm, which needs it mended)
import timm

from visprof.backbones import BACKBONES, load_backbone
from visprof.pictures import read_image
from visprof.scenes import read_scenes


@pytest.mark.slow
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


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"resnet.*efficientnet-lite0, squeezenet-places365"):
        load_backbone("resnet")


def test_random_weights_are_seeded_and_leave_the_generator_alone():
    before = torch.get_rng_state()
    one, two = (load_backbone("squeezenet-places365", "random") for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    assert torch.equal(before, torch.get_rng_state())


def test_squeezenet_needs_weights():
    with pytest.raises(ValueError, match="no default weights"):
        load_backbone("squeezenet-places365")


@pytest.mark.parametrize("name", BACKBONES)
def test_missing_weights_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        load_backbone(name, tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("resnet18", 205), ("resnet18", 365),
        pytest.param("alexnet", 205, marks=pytest.mark.slow),  # large
        pytest.param("resnet50", 365, marks=pytest.mark.slow),
    ],
)  # fmt: skip
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


def test_timm_model_without_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"weights of timm:test_vit .*weights=<path"):
        load_backbone("timm:test_vit")


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
