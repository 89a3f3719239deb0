"""Steps: features of pictures, the Siamese network, and what both make of them."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from visprof import embedding
from visprof.study import Study


@pytest.mark.slow
def test_fine_tuned_trunk_embeds_the_pictures_again(tiny, home):
    tuned = Study("tiny", home=home, lr_rest=1e-3, n_iterations=2, batch_size=8)
    frozen = tuned["scene_features"].outputs.shape[1]
    assert tuned["scene_embeddings"]["siamese"].shape == tiny["scene_embeddings"]["siamese"].shape
    assert tuned["pin_embedding"].stacked().shape == (len(tuned["board_split"].images), frozen + 16)
    state = tuned["siamese_training"].state
    assert any(key.startswith("backbone.") for key in state)


@pytest.mark.slow
def test_other_data_add_to_the_store_of_features(tiny, home, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(tiny["data_folder"], data, ignore=shutil.ignore_patterns("*.joblib", "lock"))
    known = len(tiny["feature_store"].digests())
    Image.new("RGB", (70, 70), "red").save(data / "scenes" / "coast" / "new.jpg")
    grown = Study("tiny", home=home, data=str(data))
    assert len(grown["scene_features"]) == len(tiny["scene_features"]) + 1
    assert len(grown["pin_features"]) == len(tiny["pin_features"])
    assert len(tiny["feature_store"].digests()) == known + 1


def test_auto_precision_is_decided_once_and_kept(tmp_path, monkeypatch):
    answers = iter(["bf16", "fp32"])
    monkeypatch.setattr(embedding, "faster_precision", lambda backbone, device: next(answers))
    study = Study("tiny", tmp_path, precision="auto")
    assert study["network"].precision == "bf16"
    assert Study("tiny", tmp_path, precision="auto")["network"].precision == "bf16"
    stores = {Study("tiny", tmp_path, precision=p).key("feature_store") for p in ("auto", "fp32")}
    assert len(stores) == 2
    assert Study("tiny", tmp_path)["network"].precision == "fp32"
