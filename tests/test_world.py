"""The simulated world: pictures, tastes, boards, files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from visprof.backbones import load_backbone
from visprof.scene_groups import scene_groups
from visprof.sources import drawing
from visprof.sources.world import (
    SCENE_CLASSES,
    STYLES,
    draw_scene,
    simulate_world,
    taste_recovery,
    write_scenes,
    write_world,
)


class _Deadly:
    """A file that kills the process which writes it."""

    def write_bytes(self, data):
        os.kill(os.getpid(), signal.SIGKILL)

    def absolute(self):
        return self


def _pictures(per_class: int, size: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures of all classes in all styles in turn, with class and style numbers."""
    scene, style, k = (
        a.ravel() for a in np.indices((len(SCENE_CLASSES), len(STYLES), per_class // len(STYLES)))
    )
    pictures = [
        draw_scene(SCENE_CLASSES[c], STYLES[s], [5, c, s, n], size)
        for c, s, n in zip(scene, style, k, strict=True)
    ]
    return np.array(pictures), scene, style


def _nearest_centroid_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Return the leave-one-out accuracy of a nearest-centroid classifier."""
    hits = 0
    for i in range(len(features)):
        rest = np.arange(len(features)) != i
        centroids = [features[rest & (labels == c)].mean(axis=0) for c in np.unique(labels)]
        hits += np.argmin([((features[i] - m) ** 2).sum() for m in centroids]) == labels[i]
    return hits / len(features)


class TestDrawScene:
    @pytest.mark.parametrize("scene", SCENE_CLASSES)
    def test_every_style_of_a_class_is_a_picture(self, scene):
        for style in STYLES:
            picture = draw_scene(scene, style, 1)
            assert picture.shape == (96, 96, 3)
            assert picture.dtype == np.uint8
            assert picture.std() > 5

    @given(
        scene=st.sampled_from(SCENE_CLASSES),
        style=st.sampled_from(STYLES),
        seed=st.one_of(
            st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**32), min_size=1, max_size=3)
        ),
        size=st.integers(16, 64),
    )
    def test_same_arguments_same_bytes(self, scene, style, seed, size):
        first = draw_scene(scene, style, seed, size)
        np.random.default_rng(0).random(10)
        assert first.shape == (size, size, 3)
        np.testing.assert_array_equal(first, draw_scene(scene, style, seed, size))

    def test_seeds_differ(self):
        seen = {draw_scene("lake", "vivid_noon", seed, 32).tobytes() for seed in range(20)}
        assert len(seen) == 20

    def test_styles_share_the_composition_of_a_seed(self):
        def edges(picture):
            grey = picture.astype(float).mean(axis=2)
            return np.abs(np.diff(grey, axis=0)).ravel()

        noon, film, other = (
            edges(draw_scene("temple", style, seed))
            for style, seed in (("vivid_noon", 4), ("rose_dusk", 4), ("vivid_noon", 5))
        )
        assert np.corrcoef(noon, film)[0, 1] > np.corrcoef(noon, other)[0, 1] + 0.1

    def test_monochrome_has_hardly_any_colour(self):
        def spread(style):
            picture = draw_scene("village", style, 2).astype(int)
            return (picture.max(axis=2) - picture.min(axis=2)).mean()

        assert spread("monochrome") < 8 < spread("vivid_noon")

    @pytest.mark.slow
    def test_mean_colour_tells_the_style_but_not_the_class(self):
        pictures, scene, style = _pictures(per_class=24)
        colour = pictures.reshape(len(pictures), -1, 3).mean(axis=1)
        assert _nearest_centroid_accuracy(colour, scene) < 0.35
        assert _nearest_centroid_accuracy(colour, style) > 0.35

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("beach", "vivid_noon", 0), "'beach'.*coast"),
            (("coast", "neon", 0), "'neon'.*golden_hour"),
            (("coast", "vivid_noon", -1), "seed=-1"),
            (("coast", "vivid_noon", []), "seed"),
            (("coast", "vivid_noon", 0, 8), "size=8"),
        ],
    )
    def test_bad_input_says_what_is_wrong(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            draw_scene(*arguments)


class TestSimulateWorld:
    def test_shapes_and_columns(self):
        world = simulate_world(4, 7)
        columns = ["board", "image", "time", "caption", "scene", "style", "seed"]
        assert list(world.pins.columns) == columns
        assert world.pins.groupby("board").size().tolist() == [7] * 4
        assert world.pins["image"].is_unique
        assert world.pins["image"][8] == "user_001/00001.jpg"
        assert world.class_taste.shape == (4, len(SCENE_CLASSES))
        assert world.style_taste.shape == (4, len(STYLES))
        assert set(world.pins["scene"]) <= set(SCENE_CLASSES)
        assert set(world.pins["style"]) <= set(STYLES)

    @settings(max_examples=20)
    @given(
        class_taste=st.floats(0, 5),
        style_taste=st.floats(0, 5),
        drift=st.floats(0, 1),
        session_length=st.floats(1, 30),
        repeat_share=st.floats(0, 1),
        n_pins=st.integers(1, 40),
    )
    def test_tastes_are_distributions_and_times_increase(self, n_pins, **parameters):
        world = simulate_world(3, n_pins, **parameters)
        for taste in (world.class_taste, world.style_taste):
            assert (taste >= 0).all()
            np.testing.assert_allclose(taste.sum(axis=1), 1)
        for _, pins in world.pins.groupby("board"):
            assert pins["time"].is_monotonic_increasing
            assert pins["time"].is_unique
            assert pins["time"].min() >= pd.Timestamp("2013-01-01", tz="UTC")
            assert pins["time"].max() > pd.Timestamp("2014-07-01", tz="UTC")
            assert pins["time"].max() < pd.Timestamp("2016-01-01", tz="UTC")

    def test_same_seed_same_world(self):
        one, two, other = (simulate_world(3, 20, random_state=seed) for seed in (5, 5, 6))
        pd.testing.assert_frame_equal(one.pins, two.pins)
        np.testing.assert_array_equal(one.class_taste, two.class_taste)
        assert not one.pins.equals(other.pins)

    def test_more_users_leave_the_first_ones_as_they_are(self):
        few, many = simulate_world(2, 10), simulate_world(5, 10)
        pd.testing.assert_frame_equal(few.pins, many.pins.head(20))

    def test_null_world_has_one_taste(self):
        world = simulate_world(6, 5, class_taste=0, style_taste=0, drift=0.5)
        for taste in (world.class_taste, world.style_taste):
            np.testing.assert_allclose(taste, np.tile(taste[0], (6, 1)))
            assert taste.std() > 0

    def test_strength_spreads_the_tastes(self):
        spreads = [
            simulate_world(30, 1, class_taste=strength).class_taste.std(axis=0).mean()
            for strength in (0.0, 0.5, 1.0, 2.0)
        ]
        assert spreads[0] < 1e-12
        assert (np.diff(spreads) > 0.005).all()

    def test_pins_follow_the_tastes(self):
        world = simulate_world(2, 20_000, class_taste=1.0, drift=0.6)
        for number, (_, pins) in enumerate(world.pins.groupby("board")):
            shares = pins["scene"].value_counts(normalize=True)
            shares = shares.reindex(SCENE_CLASSES, fill_value=0)
            np.testing.assert_allclose(shares, world.class_taste[number], atol=0.015)

    def test_tastes_that_do_not_carry_over_change_styles_and_nothing_else(self):
        whole, own = (simulate_world(2, 8000, carry_over=rho, drift=0.4) for rho in (1.0, 0.0))
        for column in ("board", "scene", "time", "seed"):
            assert whole.pins[column].equals(own.pins[column])
        groups = scene_groups(own.pins["scene"])
        spreads = []
        for world in (whole, own):
            shares = pd.crosstab(
                [world.pins["board"], groups], world.pins["style"], normalize="index"
            )
            spreads.append(shares.groupby(level=0).std().to_numpy().mean())
        assert spreads[0] < 0.03 < 0.05 < spreads[1]
        np.testing.assert_allclose(own.style_taste.sum(axis=1), 1)

    def test_drift_moves_the_taste(self):
        def halves_differ(drift):
            scenes = simulate_world(1, 20_000, drift=drift).pins["scene"]
            early, late = (
                part.value_counts(normalize=True).reindex(SCENE_CLASSES, fill_value=0)
                for part in (scenes[:5_000], scenes[-5_000:])
            )
            return np.abs(early - late).sum() / 2

        assert halves_differ(0.0) < 0.05
        assert halves_differ(1.0) > 0.2

    def test_sessions_share_scene_style_and_day(self):
        pins = simulate_world(1, 6_000, session_length=6).pins
        kind = pins["scene"] + pins["style"] + pins["time"].dt.date.astype(str)
        runs = (kind != kind.shift()).sum()
        assert 6_000 / runs == pytest.approx(6, rel=0.12)

    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_repeats_show_an_earlier_picture_of_the_board(self, share):
        pins = simulate_world(3, 50, repeat_share=share).pins
        pictures = pins[["board", "scene", "style", "seed"]]
        repeats = pictures.duplicated().groupby(pins["board"]).sum()
        assert repeats.tolist() == [min(round(share * 50), 49)] * 3
        assert pictures.drop_duplicates()["seed"].is_unique

    def test_tastes_are_recovered_from_labels_as_pins_grow(self):
        for n_pins in (25, 100, 400, 1600):
            world = simulate_world(40, n_pins)
            shares = pd.crosstab(world.pins["board"], world.pins["scene"], normalize="index")
            shares = shares.reindex(columns=SCENE_CLASSES, fill_value=0).to_numpy()
            taste = world.class_taste
            error = np.sqrt(((shares - taste) ** 2).sum(axis=1).mean())
            expected = np.sqrt((taste * (1 - taste)).sum(axis=1).mean() / n_pins)
            assert error == pytest.approx(expected, rel=0.1)

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
    def test_repins_show_what_another_board_pinned_before(self, share):
        alone = simulate_world(30, 40, repeat_share=0.2).pins
        pins = simulate_world(30, 40, repeat_share=0.2, shared_share=share).pins
        own = [name for name in pins if name != "seed"]
        pd.testing.assert_frame_equal(pins[own], alone[own])
        changed = pins[pins["seed"] != alone["seed"]]
        first = pins.sort_values("time", kind="stable").groupby("seed").first()
        repins = 0
        for pin in changed.itertuples():
            origin = first.loc[pin.seed]
            assert (origin["scene"], origin["style"]) == (pin.scene, pin.style)
            assert origin["board"] != pin.board
            assert origin["time"] <= pin.time
            before = pins[(pins["board"] == pin.board) & (pins["time"] < pin.time)]
            repins += pin.seed not in set(before["seed"])
        assert 0.9 * share <= repins / len(pins) <= share
        kinds = pins.groupby(["board", "seed"]).ngroups
        assert kinds == alone.groupby(["board", "seed"]).ngroups == 30 * 32

    def test_repins_depend_on_the_seed_alone(self):
        one, two, other = (
            simulate_world(5, 30, shared_share=0.5, random_state=seed).pins["seed"].tolist()
            for seed in (3, 3, 4)
        )
        assert one == two
        assert set(one).isdisjoint(other)

    def test_a_pin_is_a_repeat_or_a_repin(self):
        with pytest.raises(ValueError, match=r"repeat_share=0.7 and shared_share=0.5"):
            simulate_world(2, 10, repeat_share=0.7, shared_share=0.5)

    def test_captions_tell_the_scene_as_often_as_asked(self):
        silent, telling = (
            simulate_world(1, 300, class_taste=2, caption_words=share).pins for share in (0.0, 1.0)
        )
        generic = set(silent["caption"])
        assert len(generic) < 20
        assert not generic & set(telling["caption"])
        coast = telling.loc[telling["scene"] == "coast", "caption"]
        assert coast.str.contains("beach|cove|shore").all()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_users", 0), ("n_pins", 0), ("class_taste", -0.1), ("style_taste", float("nan")),
            ("drift", 1.5), ("session_length", 0.5), ("repeat_share", -0.1),
            ("shared_share", 1.1),
            ("caption_words", 2), ("random_state", -1), ("carry_over", -0.5),
        ],
    )  # fmt: skip
    def test_bad_input_names_the_parameter(self, name, value):
        with pytest.raises(ValueError, match=f"{name}: .* got {value}"):
            simulate_world(**{name: value})


class TestFiles:
    def test_boards_are_written_as_simulated(self, tmp_path):
        world = simulate_world(2, 6, class_taste=4, style_taste=4, repeat_share=0.5)
        boards = write_world(world, tmp_path, size=32, n_jobs=1)
        manifest = pd.read_csv(boards / "manifest.csv", keep_default_na=False)
        columns = ["board_id", "image", "added_at", "caption", "width", "height", "licence"]
        assert boards == tmp_path / "boards"
        assert list(manifest.columns) == columns
        assert manifest["caption"].tolist() == world.pins["caption"].tolist()
        assert manifest["added_at"].str.endswith("+00:00").all()
        assert (pd.to_datetime(manifest["added_at"], utc=True) == world.pins["time"]).all()
        truth = pd.read_csv(boards / "truth.csv")
        pd.testing.assert_frame_equal(truth, world.pins[["image", "scene", "style"]])
        content = [(boards / image).read_bytes() for image in manifest["image"]]
        seeds = world.pins["seed"].tolist()
        for i in range(len(seeds)):
            for j in range(i):
                assert (content[i] == content[j]) == (seeds[i] == seeds[j])
        with Image.open(boards / manifest["image"][0]) as picture:
            assert picture.size == (32, 32)
            drawn = draw_scene(*world.pins.loc[0, ["scene", "style", "seed"]], 32)
            assert np.abs(np.asarray(picture).astype(int) - drawn).mean() < 8
        assert not list(boards.glob("*.part"))

    def test_a_repin_is_the_same_file_under_another_name(self, tmp_path):
        world = simulate_world(4, 12, class_taste=0, style_taste=20, shared_share=0.5)
        boards = write_world(world, tmp_path, size=16, n_jobs=1)
        shared = world.pins.groupby("seed").filter(lambda pins: pins["board"].nunique() > 1)
        assert len(shared) > 1
        for _, pins in shared.groupby("seed"):
            assert len({(boards / image).read_bytes() for image in pins["image"]}) == 1

    def test_threads_of_opencv_are_left_as_they_were(self, tmp_path):
        threads = cv2.getNumThreads()
        try:
            cv2.setNumThreads(2)
            write_world(simulate_world(1, 2), tmp_path, size=16, n_jobs=1)
            assert cv2.getNumThreads() == 2
        finally:
            cv2.setNumThreads(threads)

    @pytest.mark.slow
    def test_number_of_processes_does_not_show(self, tmp_path):
        world = simulate_world(2, 40)
        one, two = (
            write_world(world, tmp_path / str(n_jobs), size=24, n_jobs=n_jobs) for n_jobs in (1, 2)
        )
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert len(files) == 82
        for path in files:
            assert (one / path).read_bytes() == (two / path).read_bytes(), path

    @pytest.mark.slow
    def test_a_dead_worker_is_told_in_one_line(self, tmp_path):
        alive = [(tmp_path / "a.jpg", SCENE_CLASSES[0], STYLES[0], 0, 16)] * 2
        drawing.write_pictures(alive, tmp_path, "others", n_jobs=2)
        tasks = [(_Deadly(), SCENE_CLASSES[0], STYLES[0], 0, 16)] * 2
        with pytest.raises(RuntimeError, match="died, perhaps for want of memory") as caught:
            drawing.write_pictures(tasks, tmp_path, "boards", n_jobs=2)
        assert str(caught.value) == (
            "a worker process that drew boards died, perhaps for want of memory; run the same "
            "again: what was finished is kept"
        )

    @pytest.mark.parametrize(
        ("spoilt", "n_drawn_again"), [(None, 8), ("record", 16), ("picture", 12), ("size", 16)]
    )
    def test_what_was_drawn_before_an_interruption_is_not_drawn_again(
        self, tmp_path, monkeypatch, spoilt, n_drawn_again
    ):
        draw, drawn = drawing.draw_scene, []

        def dying(*what):
            drawn.append(what)
            if len(drawn) == 11:
                raise KeyboardInterrupt
            return draw(*what)

        monkeypatch.setattr(drawing, "PICTURES_A_BLOCK", 4)
        monkeypatch.setattr(drawing, "draw_scene", dying)
        world, folder, size = simulate_world(2, 8), tmp_path / "cut", 16
        with pytest.raises(KeyboardInterrupt):
            write_world(world, folder, size=size, n_jobs=1)
        assert not (folder / "boards" / "manifest.csv").exists()
        if spoilt == "record":
            (folder / "boards.drawing").write_text('{"blocks": 2}')
        elif spoilt == "picture":
            (folder / "boards" / world.pins["image"][5]).unlink()
        elif spoilt == "size":
            size = 24
        drawn[:] = [None] * 11
        resumed = write_world(world, folder, size=size, n_jobs=1)
        assert len(drawn) == 11 + n_drawn_again
        assert [path.name for path in folder.iterdir()] == ["boards"]
        whole = write_world(world, tmp_path / "whole", size=size, n_jobs=1)
        for path in world.pins["image"]:
            assert (whole / path).read_bytes() == (resumed / path).read_bytes()

    @pytest.mark.slow
    def test_workers_end_with_a_process_that_is_killed(self, tmp_path):
        code = "import sys; from visprof.sources.world import write_scenes as write; "
        code += "write(sys.argv[1], n_per_class=5000, size=64)"
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
        until = time.monotonic() + 120
        while not any(tmp_path.rglob("*.jpg")) and time.monotonic() < until:
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert len(workers) >= 2
        assert psutil.wait_procs(workers, timeout=20)[1] == []

    @pytest.mark.parametrize(("size", "name"), [(100, "00000.jpg"), (1000, "manifest.csv")])
    def test_a_full_disk_is_told_with_the_name_of_the_file(self, tmp_path, full_disk, size, name):
        world = simulate_world(1, 15)
        with full_disk(size), pytest.raises(OSError, match="File too large") as caught:
            write_world(world, tmp_path, size=16, n_jobs=1)
        assert str(caught.value).endswith(f"{name}'")
        assert not list(tmp_path.rglob("manifest.csv*"))

    def test_an_interrupted_run_leaves_no_manifest(self, tmp_path):
        world = simulate_world(1, 3)
        boards = write_world(world, tmp_path, size=16, n_jobs=1)
        with pytest.raises(ValueError, match="size=4"):
            write_world(world, tmp_path, size=4, n_jobs=1)
        assert not (boards / "manifest.csv").exists()

    def test_scenes_are_labelled_by_folder_and_a_smaller_set_is_the_beginning(self, tmp_path):
        scenes = write_scenes(tmp_path, n_per_class=3, size=16, n_jobs=1)
        assert sorted(path.name for path in scenes.iterdir()) == sorted(SCENE_CLASSES)
        first = {path: path.read_bytes() for path in scenes.rglob("*.jpg")}
        assert len(first) == 3 * len(SCENE_CLASSES)
        write_scenes(tmp_path, n_per_class=2, size=16, n_jobs=1)
        second = {path: path.read_bytes() for path in scenes.rglob("*.jpg")}
        assert len(second) == 2 * len(SCENE_CLASSES)
        assert second.items() <= first.items()

    @pytest.mark.parametrize("wrong", [{"n_per_class": 0}, {"n_per_class": 1, "n_jobs": 0}])
    def test_bad_input_writes_nothing(self, tmp_path, wrong):
        with pytest.raises(ValueError, match="at least 1, got 0"):
            write_scenes(tmp_path, **wrong)
        assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def embed():
    """Features of pictures from a frozen EfficientNet-Lite0."""
    backbone = load_backbone("efficientnet-lite0", image_size=128)

    def features(pictures: list[np.ndarray]) -> np.ndarray:
        prepared = torch.stack([backbone.prepare(Image.fromarray(p)) for p in pictures])
        with torch.inference_mode():
            return torch.cat([backbone.features(x) for x in prepared.split(64)]).numpy()

    return features


def _linear_classifier(strength: float = 0.01) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))


def _pair_aucs(x: np.ndarray) -> np.ndarray:
    """AUC of telling each two users apart, (users, pins, d): learn on half of the pins each."""
    half = x.shape[1] // 2
    label = np.repeat([0, 1], half)
    aucs = []
    for pair in combinations(x, 2):
        model = _linear_classifier().fit(np.concatenate([pins[:half] for pins in pair]), label)
        held_out = model.decision_function(np.concatenate([pins[half:] for pins in pair]))
        aucs.append(roc_auc_score(label, held_out))
    return np.array(aucs)


@pytest.mark.slow
class TestWhatANetworkSees:
    """With a frozen network and a linear classifier, on pictures that these have not seen."""

    def test_classes_are_more_than_palettes(self, embed):
        n_train, n_test = 40, 20
        label = np.repeat(np.arange(len(SCENE_CLASSES)), n_train + n_test)
        pictures = [
            draw_scene(SCENE_CLASSES[c], STYLES[n % len(STYLES)], [9, n])
            for n, c in enumerate(label)
        ]
        held_out = np.arange(len(label)) % (n_train + n_test) >= n_train
        pixels = np.array(pictures).reshape(len(label), -1, 3)
        colour = np.hstack((pixels.mean(axis=1), pixels.std(axis=1)))
        accuracy = {}
        for name, x, strength in (("network", embed(pictures), 0.01), ("colour", colour, 10)):
            model = _linear_classifier(strength).fit(x[~held_out], label[~held_out])
            accuracy[name] = model.score(x[held_out], label[held_out])
        assert accuracy["network"] >= 0.90
        assert accuracy["colour"] < 0.50

    def test_pure_styles_tell_users_apart(self, embed):
        classes = np.random.default_rng(3).integers(len(SCENE_CLASSES), size=(len(STYLES), 80))
        pictures = [
            draw_scene(SCENE_CLASSES[c], style, [11, s, n])
            for s, style in enumerate(STYLES)
            for n, c in enumerate(classes[s])
        ]
        aucs = _pair_aucs(embed(pictures).reshape(len(STYLES), 80, -1))
        assert aucs.mean() > 0.95
        assert aucs.min() > 0.8

    def test_style_taste_tells_users_apart_and_the_null_world_does_not(self, embed):
        auc = {}
        for style_taste in (2.0, 0.0):
            world = simulate_world(4, 240, class_taste=0, style_taste=style_taste, random_state=2)
            pins = world.pins[["scene", "style", "seed"]].itertuples(index=False)
            features = embed([draw_scene(*pin) for pin in pins])
            auc[style_taste] = _pair_aucs(features.reshape(4, 240, -1)).mean()
        assert auc[2.0] > 0.7
        assert abs(auc[0.0] - 0.5) < 0.06


def test_taste_recovery_is_the_total_variation_of_the_first_pins():
    users = simulate_world(3, 40, random_state=2)
    table = taste_recovery(users, [10, 40])
    for row in table.itertuples():
        number = int(row.user.split("_")[1])
        first = users.pins[users.pins["board"] == row.user].head(row.pins)
        shares = [(first["scene"] == scene).mean() for scene in SCENE_CLASSES]
        expected = sum(abs(a - b) for a, b in zip(shares, users.class_taste[number], strict=True))
        assert row.error == pytest.approx(expected / 2)
    with pytest.raises(ValueError, match="n_pins: expected at most 40 of a board, got 41"):
        taste_recovery(users, [41])
