"""Embedding: the store against a plain loop, resuming, errors."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
import time
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from visprof import embedding, memo
from visprof.backbones import load_backbone
from visprof.embedding import (
    FeatureStore,
    arithmetic,
    embed_images,
    faster_precision,
)
from visprof.pictures import read_image


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet-places365", "random", 64)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), 11)


def write_pictures(folder, n):
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        paths.append(folder / f"{i}.png")
        coarse.resize((90, 70)).save(paths[-1])
    return paths


def embed(images, backbone, folder, **changes):
    options = {"batch_size": 2, "progress": False, "precision": "fp32"} | changes
    return embed_images(images, backbone, folder, **options)


def test_rows_equal_the_network_picture_by_picture(images, backbone, tmp_path):
    store = embed(images, backbone, tmp_path / "store")
    assert len(store) == 11
    assert store.unreadable == {}
    assert store.features.shape == (11, 512)
    assert store.outputs.shape == (11, 365)
    for i, path in enumerate(images):
        with torch.inference_mode():
            features, outputs = backbone(backbone.prepare(read_image(path))[None])
        np.testing.assert_allclose(store.features[i], features[0], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(store.outputs[i], outputs[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["lite0", "squeezenet", "alexnet", "resnet18"])
def test_features_do_not_depend_on_what_goes_along_nor_on_threads(name, tmp_path, request):
    network, images = request.getfixturevalue(name), write_pictures(tmp_path, 18)
    n_threads = torch.get_num_threads()
    found = []
    try:
        for number, (threads, size) in enumerate([(1, 18), (1, 16), (1, 5), (2, 1), (2, 17)]):
            torch.set_num_threads(threads)
            store = embed(images, network, tmp_path / str(number), batch_size=size)
            found.append((np.array(store.features), np.array(store.outputs)))
    finally:
        torch.set_num_threads(n_threads)
    for features, outputs in found[1:]:
        np.testing.assert_array_equal(features, found[0][0])
        np.testing.assert_array_equal(outputs, found[0][1])


def test_a_column_is_read_in_its_order_whatever_its_index(images, backbone, tmp_path):
    order = [4, 0, 3, 1, 2]
    column = pd.Series([str(images[i]) for i in order], index=[0, 1, 2, 4, 3])
    expected = embed([images[i] for i in order], backbone, tmp_path / "list")
    found = embed(column, backbone, tmp_path / "column")
    np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-5, atol=1e-6)
    left = embed(column[[0, 4]], backbone, tmp_path / "fewer")  # its labels are no places
    np.testing.assert_allclose(left.outputs, expected.outputs[[0, 3]], rtol=1e-5, atol=1e-6)


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


@pytest.fixture
def decoded(monkeypatch):
    """Names of the pictures that are decoded in a test."""
    names = []
    monkeypatch.setattr(
        embedding, "read_image", lambda path: names.append(path.name) or read_image(path)
    )
    return names


def test_pictures_seen_before_are_not_embedded_again(images, backbone, tmp_path, decoded):
    first = embed(images[:7], backbone, tmp_path)
    decoded.clear()
    again = embed(images[:7], backbone, tmp_path)
    assert decoded == []
    np.testing.assert_array_equal(again.features, first.features)
    longer = embed([images[9], *images[:7], images[8]], backbone, tmp_path)
    assert sorted(decoded) == ["8.png", "9.png"]
    assert longer.rows.tolist() == [7, 0, 1, 2, 3, 4, 5, 6, 8]
    np.testing.assert_array_equal(longer.features[1:8], first.features)
    np.testing.assert_array_equal(first.outputs, again.outputs)  # the store only grew


def test_pictures_are_known_by_content_wherever_they_lie(images, backbone, tmp_path, decoded):
    first = embed(images[:3], backbone, tmp_path / "store")
    decoded.clear()
    moved = tmp_path / "renamed.png"
    shutil.copy(images[1], moved)
    again = embed([moved, images[0]], backbone, tmp_path / "store")
    assert decoded == []
    np.testing.assert_array_equal(again.features, first.features[[1, 0]])
    shutil.copy(images[5], moved)  # the same name and another picture
    changed = embed([moved], backbone, tmp_path / "store")
    assert decoded == ["renamed.png"]
    assert not np.array_equal(changed.features[0], first.features[1])


def test_equal_pictures_keep_the_rows_in_order(images, backbone, tmp_path):
    listed = [images[0], images[1], images[0], images[2]]
    for _ in range(2):
        got = embed(listed, backbone, tmp_path)
        assert got.rows.tolist() == [0, 1, 2, 3]
        assert isinstance(got.features, np.memmap)
        np.testing.assert_array_equal(got.features[0], got.features[2])


def test_stopped_run_resumes_to_the_same_result(images, backbone, tmp_path, monkeypatch, decoded):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"none")
    listed = [*images[:3], broken, *images[3:]]
    whole = embed(listed, backbone, tmp_path / "whole")
    monkeypatch.setattr(embedding, "_BATCHES_PER_SAVE", 1)

    def stop_at_seventh(path):
        if path == images[6]:
            raise KeyboardInterrupt
        return read_image(path)

    with monkeypatch.context() as patch:
        patch.setattr(embedding, "read_image", stop_at_seventh)
        with pytest.raises(KeyboardInterrupt):
            embed(listed, backbone, tmp_path / "parts")
    assert len(FeatureStore(tmp_path / "parts").digests()) == 6
    decoded.clear()
    resumed = embed(listed, backbone, tmp_path / "parts")
    assert sorted(decoded) == sorted(["broken.png", *(path.name for path in images[6:])])
    np.testing.assert_array_equal(resumed.features, whole.features)
    np.testing.assert_array_equal(resumed.outputs, whole.outputs)


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_store(backbone, tmp_path):
    images = write_pictures(tmp_path, 200)
    script = f"""
        import time
        import torch
        from visprof import embedding, memo
        from visprof.backbones import load_backbone
        torch.set_num_threads({torch.get_num_threads()})  # Numba may have changed them here
        embedding._BATCHES_PER_SAVE, save = 1, embedding._save
        def wait_to_be_killed(store, batches):
            save(store, batches)
            time.sleep(60 if len(store.digests()) >= 20 else 0)
        embedding._save = wait_to_be_killed
        embedding.embed_images({[str(path) for path in images]}, load_backbone(
            "squeezenet-places365", "random", 64), {str(tmp_path / "killed")!r}, batch_size=2,
            precision="fp32", progress=False)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    killed = FeatureStore(tmp_path / "killed")
    try:
        while len(killed.digests()) < 20:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert 20 <= len(killed.digests()) < 200
    embed(images, backbone, tmp_path / "killed")
    embed(images, backbone, tmp_path / "whole")
    for name in ("features.f32", "outputs.f32", "digests", "origin.json"):
        whole, resumed = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert whole == resumed, name


def test_rows_without_a_digest_are_written_over(images, backbone, tmp_path):
    whole = embed(images, backbone, tmp_path / "whole")
    embed(images[:4], backbone, tmp_path / "torn")
    for name in ("features.f32", "outputs.f32", "digests"):
        with (tmp_path / "torn" / name).open("ab") as file:
            file.write(b"torn row")
    torn = embed(images, backbone, tmp_path / "torn")
    np.testing.assert_array_equal(torn.features, whole.features)
    np.testing.assert_array_equal(torn.outputs, whole.outputs)


@pytest.mark.parametrize("name", ["features.f32", "outputs.f32", "digests"])
@pytest.mark.parametrize("left", [0, 0.5, None])
def test_rows_that_were_cut_are_embedded_again(
    images, backbone, tmp_path, decoded, caplog, name, left
):
    whole = embed(images, backbone, tmp_path, batch_size=1)
    kept = {"features": whole.features.copy(), "outputs": whole.outputs.copy()}
    path = tmp_path / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 3 if left is None else int(left * len(content))])
    decoded.clear()
    again = embed(images, backbone, tmp_path, batch_size=1)
    n_left = {0: 0, 0.5: 5, None: 10}[left]
    assert sorted(decoded) == sorted(path.name for path in images[n_left:])
    np.testing.assert_array_equal(again.features, kept["features"])
    np.testing.assert_array_equal(again.outputs, kept["outputs"])
    if name != "digests":  # rows without a digest are what a killed run leaves
        assert f"{tmp_path} lacks {11 - n_left} rows; they are embedded again" in caplog.text
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 10**6, None])
def test_store_of_an_unreadable_origin_is_made_anew(images, backbone, tmp_path, caplog, content):
    whole = embed(images[:3], backbone, tmp_path, batch_size=1).features.copy()
    path = tmp_path / "origin.json"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"squeezenet", b"squeezEnet") if content is None else content)
    assert len(FeatureStore(tmp_path).digests()) == 0
    again = embed([images[2], images[0]], backbone, tmp_path, batch_size=1)
    np.testing.assert_array_equal(again.features, whole[[2, 0]])
    assert f"{path} cannot be used; all pictures are embedded again" in caplog.text
    assert path.read_bytes() == kept


def test_rows_without_an_origin_are_not_trusted(images, backbone, tmp_path, decoded):
    embed(images[:3], backbone, tmp_path)
    (tmp_path / "origin.json").unlink()
    decoded.clear()
    embed(images[:3], backbone, tmp_path)
    assert len(decoded) == 3


def test_kept_features_are_absent_where_the_store_lost_their_rows(images, backbone, tmp_path):
    """Steps share a store, as scenes and pins do: rows of one may come where the other's were."""
    store, steps = tmp_path / "store", {"scenes": images[:5], "pins": images[5:]}

    def keep(step):
        return memo.keep(tmp_path / step, lambda: embed(steps[step], backbone, store, batch_size=1))

    whole = {step: keep(step).features.copy() for step in steps}
    path = store / "features.f32"
    path.write_bytes(path.read_bytes()[: 3 * 512 * 4])
    for step in ("pins", "scenes"):
        again = keep(step)
        assert again.features.shape == whole[step].shape
        np.testing.assert_allclose(again.features, whole[step], rtol=1e-5)
        assert (store / "digests").stat().st_size % 16 == 0
    assert keep("scenes").rows.tolist() == [0, 1, 2, 9, 10]
    for name in ("origin.json", "digests", "outputs.f32"):
        (store / name).unlink()
        for step in steps:
            np.testing.assert_allclose(keep(step).features, whole[step], rtol=1e-5)


def test_a_full_disk_is_told_with_the_name_of_the_file(images, backbone, tmp_path, full_disk):
    with full_disk(20_000), pytest.raises(OSError, match="File too large") as caught:
        embed(images, backbone, tmp_path)
    assert str(caught.value) == f"[Errno 27] File too large: '{tmp_path / 'features.f32'}'"
    assert len(embed(images, backbone, tmp_path)) == 11


@pytest.mark.parametrize("change", ["backbone", "precision"])
def test_store_of_another_origin_is_refused(images, backbone, tmp_path, change):
    embed(images, backbone, tmp_path)
    other, options = backbone, {}
    if change == "backbone":
        other = load_backbone("squeezenet-places365", "random", 72)
    else:
        options["precision"] = "bf16"
    with pytest.raises(ValueError, match=f"differs in {change}"):
        embed(images, other, tmp_path, **options)


def test_unreadable_picture_is_left_out_and_named(images, backbone, tmp_path, caplog):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"none")
    got = embed([images[0], broken, images[1]], backbone, tmp_path / "store")
    assert got.readable.tolist() == [0, 2]
    assert list(got.unreadable) == [1]
    assert "broken.png" in got.unreadable[1]
    assert "broken.png" in caplog.text
    plain = embed(images[:2], backbone, tmp_path / "plain")
    np.testing.assert_array_equal(got.features, plain.features)
    shutil.copy(images[2], broken)  # mended: now it is there
    mended = embed([images[0], broken, images[1]], backbone, tmp_path / "store")
    assert mended.unreadable == {}
    assert len(mended) == 3


def test_no_readable_picture_is_an_error(backbone, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"none")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be read.*broken\.png"):
        embed([broken], backbone, tmp_path / "store")


def test_missing_picture_is_named(images, backbone, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        embed([*images, tmp_path / "none.png"], backbone, tmp_path / "store")


def take(monkeypatch, **seconds):
    """Let a batch take so long in each precision, the first one ten times longer."""
    asked = []

    def forward(backbone, batch, precision):
        asked.append(precision)
        return seconds[precision] * (10 if asked.count(precision) == 1 else 1)

    monkeypatch.setattr(embedding, "_forward_seconds", forward)
    return asked


@pytest.mark.parametrize(
    ("fp32", "bf16", "faster", "n_timed"),
    [(0.2, 0.16, "bf16", 8), (0.16, 0.2, "fp32", 8), (0.1, 0.1, "fp32", 8), (0.1, 2, "fp32", 4)],
)
def test_the_faster_precision_is_told_with_both_rates(
    backbone, monkeypatch, caplog, fp32, bf16, faster, n_timed
):
    asked = take(monkeypatch, fp32=fp32, bf16=bf16)
    with caplog.at_level("INFO", "visprof"):
        assert faster_precision(backbone) == faster
    assert len(asked) == n_timed
    rates = f"in fp32 at {64 / fp32:.0f} pictures a second, in bf16 at {64 / bf16:.0f}"
    assert f"{backbone.name} runs {rates}: {faster} is taken" in caplog.text


def test_a_batch_is_timed_in_both_precisions(backbone, caplog):
    with caplog.at_level("INFO", "visprof"):
        faster = faster_precision(backbone)
    fp32, bf16 = map(int, re.findall(r"at (\d+)", caplog.text))
    assert faster == ("bf16" if bf16 > fp32 else "fp32") or fp32 == bf16


def test_auto_begins_a_store_in_the_faster_precision_and_stays_with_it(
    images, backbone, tmp_path, monkeypatch
):
    exact = embed(images, backbone, tmp_path / "exact").features
    rounded = embed(images, backbone, tmp_path / "rounded", precision="bf16").features
    take(monkeypatch, fp32=1, bf16=0.5)
    some = embed(images[:4], backbone, tmp_path / "auto", precision="auto")
    assert some.store.precision() == "bf16"
    asked = take(monkeypatch, fp32=0.5, bf16=1)  # by now another timing would say otherwise
    more = embed(images, backbone, tmp_path / "auto", precision="auto").features
    assert asked == []
    np.testing.assert_array_equal(more, rounded)
    other = embed(images, backbone, tmp_path / "other", precision="auto").features
    np.testing.assert_array_equal(other, exact)


def settings_of_torch():
    cudnn = torch.backends.cudnn
    flags = cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    return torch.get_float32_matmul_precision(), *flags


def test_arithmetic_is_set_within_a_block_and_put_back_after_an_error(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    torch.set_float32_matmul_precision("medium")
    before = settings_of_torch()
    try:
        with arithmetic("cpu", "fp32"):
            assert settings_of_torch() == ("highest", False, False, True)
        assert settings_of_torch() == before
        with pytest.raises(RuntimeError, match="cannot be multiplied"), arithmetic("cpu", "fp32"):
            torch.ones(2, 3) @ torch.ones(2, 3)
        assert settings_of_torch() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def test_fp32_is_fp32_within_somebody_elses_autocast():
    x = torch.ones(3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with arithmetic("cpu", "fp32"):
            assert (x @ x).dtype == torch.float32
    with arithmetic("cpu", "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with (
        pytest.raises(ValueError, match="'fp32' or 'bf16' here, not 'auto'"),
        arithmetic("cpu", "auto"),
    ):
        pass


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"precision": "fp8"}, "fp8"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"n_workers": 0}, "n_workers: expected"),
    ],
)
def test_bad_options_are_named(images, backbone, tmp_path, changes, match):
    with pytest.raises(ValueError, match=match):
        embed(images, backbone, tmp_path, **changes)


def test_no_pictures_is_refused(backbone, tmp_path):
    with pytest.raises(ValueError, match="empty"):
        embed([], backbone, tmp_path)


def test_folder_without_store_says_so(tmp_path):
    store = FeatureStore(tmp_path)
    assert len(store.digests()) == 0
    with pytest.raises(FileNotFoundError, match="no feature store"):
        store.array("features", 3)


def test_weights_that_change_between_two_calls_are_those_that_embed(images, lite0, tmp_path):
    changing = deepcopy(lite0)
    before = embed(images[:2], changing, tmp_path / "before").outputs
    with torch.no_grad():
        changing.network.classifier.bias += 1
    after = embed(images[:2], changing, tmp_path / "after").outputs
    np.testing.assert_allclose(after, before + 1, atol=1e-4)
