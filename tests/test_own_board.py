"""Chapter 9's steps: one board's clusters and neighbours, also where a reader has little."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from visprof import figures
from visprof.profiles import user_profiles
from visprof.sources import world
from visprof.steps.own_board import N_EXAMPLES
from visprof.study import Study

SMALL = {
    "scenes_per_class": 6, "picture_size": 64, "image_size": 64, "n_outputs": 16,
    "n_iterations": 10, "n_similar": 3, "n_dissimilar": 2, "min_pins": 8, "n_clusters": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three boards of ten pictures and one of four, as folders, and nothing else."""
    made = tmp_path_factory.mktemp("made")
    world.write_world(world.simulate_world(4, 10, random_state=5), made, size=64)
    pictures = tmp_path_factory.mktemp("mine")
    images = sorted((made / "boards").rglob("*.jpg"))
    assert len(images) == 40
    for k, image in enumerate(images[:34]):
        board = pictures / "boards" / f"board-{'abcd'[k // 10]}"
        board.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, board / f"{k}.jpg")
    return pictures


@pytest.fixture(scope="module")
def own(home, folder):
    return Study("own", home=home, data=str(folder), **SMALL)


@pytest.mark.slow
def test_a_few_boards_are_enough(own):
    assert own["own_board"] == "board-a"
    split = own["board_split"]
    assert len(split.background) == 34  # all pins, those of the board too small as well
    assert set(split.analysed["board"]) == {"board-a", "board-b", "board-c"}
    assert set(own["similar_boards"]["user"]) == {"board-b", "board-c"}
    numbers = own["own_numbers"]
    assert numbers["yours.nearest.chance"].value == 0.5
    assert numbers["yours.first"].low <= numbers["yours.first"].value <= numbers["yours.first"].high
    assert numbers["yours.first"].n == 10


@pytest.mark.slow
def test_a_folder_of_boards_is_taken_for_what_it_is(own, home, folder):
    bare = Study("own", home=home, data=str(folder / "boards"), **SMALL)
    assert bare["pins"].readable.equals(own["pins"].readable)
    assert bare["own_board"] == "board-a"
    assert bare["data_digest"]


@pytest.mark.slow
def test_pictures_that_the_most_alike_has_too_are_counted(own, home, folder, tmp_path):
    assert own["own_numbers"]["yours.shared"].value == 0
    shutil.copytree(folder / "boards", tmp_path / "boards")
    for k, image in enumerate(sorted((tmp_path / "boards" / "board-a").iterdir())[:3]):
        for other in "bc":  # either may be the most alike
            shutil.copy(image, tmp_path / "boards" / f"board-{other}" / f"copy-{k}.jpg")
    study = Study("own", home=home, data=str(tmp_path), board="board-a", **SMALL)
    assert study["own_numbers"]["yours.shared"].value == pytest.approx(0.3)


@pytest.mark.slow
def test_clusters_are_those_of_the_profile_and_show_pictures_of_the_right_boards(own):
    clusters = own["own_clusters"]
    users, profiles = user_profiles(
        own["assignments"].analysed, own["board_split"].analysed["board"]
    )
    of_board = profiles[list(users).index("board-a")]
    assert clusters["value"].to_numpy() == pytest.approx(of_board[clusters["cluster"]])
    assert clusters["others"].sum() == pytest.approx(1)
    assert (clusters["value"] - clusters["others"]).is_monotonic_decreasing
    assert ((clusters["low"] <= clusters["value"]) & (clusters["value"] <= clusters["high"])).all()
    shown = [image for images in clusters["own_images"] for image in images]
    assert len(shown) == len(set(shown))  # a pin belongs to one cluster most
    assert shown
    assert all("board-a" in image for image in shown)
    for images in clusters["other_images"]:
        assert len(images) == N_EXAMPLES
        assert not any("board-a" in image for image in images)


@pytest.mark.slow
def test_another_board_is_another_profile_of_the_same_clusters(own, home, folder, caplog):
    _ = own["own_numbers"]
    with caplog.at_level(logging.INFO, "visprof"):
        other = Study("own", home=home, data=str(folder), board="board-c", **SMALL)
        clusters = other["own_clusters"]
    computed = {record.args[0] for record in caplog.records if "computed" in record.msg}
    assert computed == {"own_board", "own_clusters", "pin_embedding"}  # the last is not kept
    assert not np.allclose(
        clusters["value"].sort_values(), own["own_clusters"]["value"].sort_values()
    )


@pytest.mark.slow
def test_figure_has_a_row_a_cluster(own):
    clusters = own["own_clusters"].head(3)
    figure = figures.own_clusters(clusters)
    titles = [axis.get_title() for axis in figure.axes]
    assert len(titles) == 6
    for row, (mine, others) in zip(
        clusters.itertuples(), zip(titles[::2], titles[1::2], strict=True), strict=True
    ):
        assert mine.startswith(f"this board: {row.value:.1%} ({row.low:.1%} to")
        assert others == f"other boards: {row.others:.1%}"
    none = clusters.head(1).assign(own_images=[[]], other_images=[[]])
    assert len(figures.own_clusters(none).axes) == 2


def test_an_unknown_board_lists_the_known_ones(home, folder):
    for board in ("board-x", "board-d"):  # d is too small
        study = Study("own", home=home, data=str(folder), board=board, **SMALL)
        with pytest.raises(
            ValueError, match=r"not among the 3 that can be analysed.*: board-a, board-b, board-c"
        ):
            _ = study["own_board"]


def test_one_board_alone_and_no_boards_are_refused(home, folder, tmp_path):
    (tmp_path / "boards").mkdir()
    shutil.copytree(folder / "boards" / "board-a", tmp_path / "boards" / "board-a")
    told = "boards: 1 of 1 have at least 8 pins"
    with pytest.raises(ValueError, match=told):
        _ = Study("own", home=home, data=str(tmp_path), **SMALL)["own_board"]
    shutil.rmtree(tmp_path / "boards")
    with pytest.raises(FileNotFoundError, match="has no folder boards/"):
        _ = Study("own", home=home, data=str(tmp_path), **SMALL)["own_board"]


def test_own_scenes_are_asked_for_where_they_are_needed(home, folder):
    study = Study("own", home=home, data=str(folder), **SMALL, training_scenes="own")
    with pytest.raises(FileNotFoundError, match="has no folder scenes/"):
        _ = study["scene_split"]
