"""Files of weights: broken, hostile, or of another network."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from visprof._torchvision import torchvision  # isort: skip  (before timm, which needs it mended)

from visprof.backbones import load_backbone


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


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_convnext", "resnet50", "alexnet"])
def test_weights_of_another_network_are_refused(name, tmp_path, resnet18):
    torch.save(resnet18.network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"do not fit this network: \d+ missing: \w+"):
        load_backbone(name, tmp_path / "w.pth")


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
