"""Embedding: the store against a plain loop, resuming, errors; hybrid embedding."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.spatial.distance import pdist

from visprof import embedding
from visprof.backbones import load_backbone
from visprof.embedding import FeatureStore, embed_images, hybrid_embedding
from visprof.pictures import read_image


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet-places365", "random", 64)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = []
    for i in range(11):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        paths.append(folder / f"{i}.png")
        coarse.resize((90, 70)).save(paths[-1])
    return paths


def embed(images, backbone, folder, **changes):
    options = {"batch_size": 2, "progress": False, "precision": "fp32"} | changes
    return embed_images(images, backbone, folder, **options)


def test_rows_equal_the_network_picture_by_picture(images, backbone, tmp_path):
    store = embed(images, backbone, tmp_path / "store")
    assert store.complete
    assert len(store) == 11
    assert store.features.shape == (11, 512)
    assert store.outputs.shape == (11, 365)
    for i, path in enumerate(images):
        with torch.inference_mode():
            features, outputs = backbone(backbone.prepare(read_image(path))[None])
        np.testing.assert_allclose(store.features[i], features[0], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(store.outputs[i], outputs[0], rtol=1e-3, atol=1e-5)


def test_arrays_are_read_only_float32_maps(images, backbone, tmp_path):
    store = embed(images, backbone, tmp_path)
    for array in (store.features, store.outputs):
        assert isinstance(array, np.memmap)
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_bf16_is_close(images, backbone, tmp_path):
    exact = embed(images, backbone, tmp_path / "exact").features
    rounded = embed(images, backbone, tmp_path / "rounded", precision="bf16").features
    assert np.linalg.norm(rounded - exact) < 0.03 * np.linalg.norm(exact)
    assert not np.array_equal(exact, rounded)


def test_workers_do_not_change_the_result(images, backbone, tmp_path):
    one = embed(images, backbone, tmp_path / "one", n_workers=1)
    four = embed(images, backbone, tmp_path / "four", n_workers=4)
    np.testing.assert_array_equal(one.features, four.features)


def test_complete_store_is_reused(images, backbone, tmp_path, monkeypatch):
    store = embed(images, backbone, tmp_path)

    def refuse(*args):
        raise AssertionError("decoded again")

    monkeypatch.setattr(embedding, "read_image", refuse)
    again = embed(images, backbone, tmp_path)
    assert again == store
    assert again.complete


def test_stopped_run_resumes_to_the_same_result(images, backbone, tmp_path, monkeypatch):
    whole = embed(images, backbone, tmp_path / "whole")
    monkeypatch.setattr(embedding, "_BATCHES_PER_SAVE", 1)
    decoded = []

    def stop_at_seventh(path):
        decoded.append(path)
        if path == images[6]:
            raise KeyboardInterrupt
        return read_image(path)

    with monkeypatch.context() as patch:
        patch.setattr(embedding, "read_image", stop_at_seventh)
        with pytest.raises(KeyboardInterrupt):
            embed(images, backbone, tmp_path / "parts")
    stopped = FeatureStore(tmp_path / "parts")
    assert not stopped.complete
    assert json.loads((tmp_path / "parts" / "state.json").read_text())["done"] == 6

    resumed = []
    with monkeypatch.context() as patch:
        patch.setattr(embedding, "read_image", lambda p: resumed.append(p) or read_image(p))
        store = embed(images, backbone, tmp_path / "parts")
    assert sorted(resumed) == sorted(images[6:])
    assert store.complete
    np.testing.assert_array_equal(store.features, whole.features)
    np.testing.assert_array_equal(store.outputs, whole.outputs)


def test_moved_pictures_keep_their_store(images, backbone, tmp_path):
    store = embed(images, backbone, tmp_path / "store")
    moved = tmp_path / "elsewhere" / images[0].parent.name
    moved.parent.mkdir()
    moved.symlink_to(images[0].parent)
    assert embed([moved / p.name for p in images], backbone, tmp_path / "store") == store


@pytest.mark.parametrize("change", ["images", "order", "backbone", "precision"])
def test_store_of_another_origin_is_refused(images, backbone, tmp_path, change):
    embed(images, backbone, tmp_path)
    origin = [images, backbone, tmp_path]
    options, named = {}, change
    if change == "images":
        origin[0] = images[:5]
    elif change == "order":
        origin[0], named = images[::-1], "images"
    elif change == "backbone":
        origin[1] = load_backbone("squeezenet-places365", "random", 72)
    else:
        options["precision"] = "bf16"
    with pytest.raises(ValueError, match=f"differs in {named}"):
        embed(*origin, **options)


def test_unreadable_picture_is_named(images, backbone, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"none")
    with pytest.raises(ValueError, match=r"broken\.png"):
        embed([*images, broken], backbone, tmp_path / "store")


def test_missing_picture_is_named(images, backbone, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        embed([*images, tmp_path / "none.png"], backbone, tmp_path / "store")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"precision": "fp8"}, "fp8"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"n_workers": 0}, "n_workers=0"),
    ],
)
def test_bad_options_are_named(images, backbone, tmp_path, changes, match):
    with pytest.raises(ValueError, match=match):
        embed(images, backbone, tmp_path, **changes)


def test_no_pictures_is_refused(backbone, tmp_path):
    with pytest.raises(ValueError, match="empty"):
        embed([], backbone, tmp_path)


def test_folder_without_store_is_not_complete(tmp_path):
    store = FeatureStore(tmp_path)
    assert not store.complete
    with pytest.raises(FileNotFoundError, match="no feature store"):
        len(store)


blocks = st.tuples(st.integers(2, 6), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda s: st.tuples(
        *(arrays(np.float32, (s[0], w), elements=st.floats(-100, 100, width=32)) for w in s[1:])
    )
)


@given(blocks)
def test_hybrid_is_the_concatenation(pair):
    hybrid = hybrid_embedding(*pair)
    assert hybrid.dtype == np.float32
    np.testing.assert_array_equal(hybrid, np.hstack(pair))


def test_scaled_blocks_weigh_the_same():
    rng = np.random.default_rng(0)
    hybrid = hybrid_embedding(
        rng.normal(3, 50, (40, 6)), rng.normal(size=(40, 9)), scale_blocks=True
    )
    for block in (hybrid[:, :6], hybrid[:, 6:]):
        to_mean = np.linalg.norm(block - block.mean(0), axis=1)
        assert np.sqrt((to_mean**2).mean()) == pytest.approx(1, rel=1e-5)
    within = [np.mean(pdist(block) ** 2) for block in (hybrid[:, :6], hybrid[:, 6:])]
    assert within[0] == pytest.approx(within[1], rel=1e-5)


def test_block_without_spread_cannot_be_scaled():
    with pytest.raises(ValueError, match=r"\(3, 2\) has no spread"):
        hybrid_embedding(np.ones((3, 2)), np.eye(3), scale_blocks=True)


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3,), (3, 2))])
def test_blocks_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="shapes"):
        hybrid_embedding(*(np.zeros(shape) for shape in shapes))
