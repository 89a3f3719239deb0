"""Presets fit themselves to the data, within limits that are told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof import sizing
from visprof.boards import background_split, filter_boards, sample_pins
from visprof.maps import largest_perplexity
from visprof.parameters import PRESETS, Parameters, preset_parameters
from visprof.study import Study

SCENES = pd.Series({"coast": 100, "desert": 100})


def census(sizes, *, contents=None, train=SCENES, n_test=200, day="2015-01-01"):
    """Boards of so many pins, each pin another picture, and enough scenes."""
    names = np.repeat([f"board {i:02d}" for i in range(len(sizes))], sizes)
    pins = pd.DataFrame({"board": names, "image": "", "time": pd.Timestamp(day, tz="UTC")})
    contents = np.arange(len(pins)) if contents is None else contents
    return sizing.Census(pins, contents, train, n_test)


def fit(sizes, preset="boards", *, of=None, **given):
    asked = preset_parameters(preset, {"data": "somewhere", **given})
    return sizing.fit_to_data(asked, given, of or census(sizes))


def chosen(made):
    return {choice.name: (choice.usual, choice.value) for choice in made.choices}


def test_where_the_data_hold_enough_nothing_changes():
    made = fit([100] * 24 + [60] * 20)
    assert made.choices == ()
    assert made.parameters == preset_parameters("boards", {"data": "somewhere"})


@pytest.mark.parametrize("preset", ["demo", "tiny", "vectors"])
def test_simulated_presets_are_as_they_are_written(preset):
    study = Study(preset)
    assert study.fit.choices == ()
    assert study.parameters == Parameters(**PRESETS[preset])


def test_twelve_boards_of_which_six_are_large_make_a_study():
    made = fit([100] * 6 + [30] * 6)
    assert chosen(made) == {"n_background": (20, 6), "n_clusters": (50, 36)}
    reasons = {choice.name: choice.reason for choice in made.choices}
    assert reasons["n_background"] == "only 6 boards are not analysed"
    assert reasons["n_clusters"].startswith("the background holds 180 different pictures, 5 for")
    assert str(made.choices[0]) == (
        "n_background is 6 instead of 20: only 6 boards are not analysed"
    )


def test_where_every_board_is_large_some_of_them_are_background():
    assert chosen(fit([100] * 12))["background_source"] == ("rest", "active")
    assert chosen(fit([100] * 12))["n_background"] == (20, 4)


def test_few_boards_keep_all_their_pins_as_background():
    assert chosen(fit([100, 100, 100]))["background_source"] == ("rest", "all")


def test_boards_that_are_small_are_sampled_for_fewer_pins():
    made = fit([60] * 3 + [40] * 4 + [25] * 5)
    assert chosen(made)["min_pins"] == (100, 40)
    assert chosen(made)["n_pins"] == (100, 40)
    assert chosen(made)["n_test"] == (50, 20)
    assert chosen(made)["train_sizes"] == ((10, 20, 30, 40, 50), (4, 8, 12, 16, 20))


def test_what_was_given_stays_and_the_rest_follows():
    made = fit([60] * 8 + [30] * 8, min_pins=60)
    assert made.parameters.min_pins == 60
    assert made.parameters.n_pins == 60
    assert made.parameters.n_test == 30
    assert fit([120] * 8 + [30] * 8, n_pins=120).parameters.min_pins == 120


def test_perplexity_follows_the_pictures_on_the_map():
    made = fit([100] * 6 + [30] * 6, of=census([100] * 6 + [30] * 6, n_test=40))
    assert made.parameters.perplexity == largest_perplexity(40)


def test_pairs_of_scenes_follow_the_smallest_class():
    few = census([100] * 24 + [60] * 20, train=pd.Series({"a": 10, "b": 30, "c": 20}))
    made = fit([], of=few, n_dissimilar=200)
    assert made.parameters.n_similar == 10 * 9 // 2
    assert made.parameters.n_dissimilar == 10 * 20


def test_scenes_of_the_usual_name_do_where_those_of_the_preset_are_not_there(tmp_path):
    asked = preset_parameters("boards", {"data": str(tmp_path)})
    assert sizing.fit_to_folders(asked, ()) == sizing.Fit(asked)  # which will say what is missing
    (tmp_path / "scenes").mkdir()
    made = sizing.fit_to_folders(asked, ())
    assert made.parameters == dataclasses.replace(asked, scenes_folder="scenes")
    assert list(map(str, made.choices)) == [
        "scenes_folder is 'scenes' instead of 'miniplaces': the data have no folder miniplaces/"
    ]
    assert sizing.fit_to_folders(asked, ("scenes_folder",)) == sizing.Fit(asked)
    (tmp_path / "miniplaces").mkdir()
    assert sizing.fit_to_folders(asked, ()) == sizing.Fit(asked)


def test_travel_boards_of_sixty_pins_are_analysed_against_all():
    made = fit([160] * 15 + [60] * 14 + [55] * 6, "travel")
    assert made.choices == ()
    assert made.parameters.train_sizes[-1] + made.parameters.n_test == 60


def test_all_that_is_too_little_is_told_at_once():
    none = dataclasses.replace(census([10] * 3), problems=("scenes: no folder of scenes",))
    with pytest.raises(ValueError, match="the data hold too little") as raised:
        fit([], of=none)
    told = str(raised.value)
    assert "- scenes: no folder of scenes" in told
    assert "- boards: 0 of 3 have at least 20 pins and one since 2014-07-01" in told
    assert "the largest of these has 10" in told


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_background": 13}, r"background: n_background=13, but 6 boards can be background"),
        ({"n_clusters": 181}, "holds 180 different pictures, not enough for n_clusters=181"),
        ({"perplexity": 100.0}, r"map: perplexity=100, but .* allows"),
        ({"n_similar": 5000}, "have|n_similar=5000"),
        ({"min_pins": 50, "n_pins": 100}, "n_pins=100 pins are sampled .* min_pins=50"),
        ({"min_pins": 60, "n_test": 50}, "n_test=50 ask for"),
    ],
)
def test_what_was_given_and_cannot_be_had_is_an_error(wrong, message):
    with pytest.raises(ValueError, match=message):
        fit([100] * 6 + [30] * 6, **wrong)


def test_old_boards_do_not_count():
    with pytest.raises(ValueError, match=r"0 of 12 .* or active_since"):
        fit([], of=census([100] * 12, day="2010-01-01"))


def test_repeated_pictures_do_not_make_clusters():
    sizes = [100] * 6 + [30] * 6
    few = census(sizes, contents=np.arange(sum(sizes)) % 17)
    assert chosen(fit([], of=few))["n_clusters"] == (50, 17 // 5)


@given(
    sizes=st.lists(st.integers(1, 130), min_size=1, max_size=30),
    preset=st.sampled_from(["boards", "own", "tiny"]),
    seed=st.integers(0, 5),
)
def test_what_a_fit_asks_for_can_be_had(sizes, preset, seed):
    of = census(sizes)
    if sum(size >= sizing.LEAST_PINS for size in sizes) < sizing.FEWEST_USERS:
        with pytest.raises(ValueError, match="too little"):
            fit([], preset, of=of, seed=seed)
        return
    made = fit([], preset, of=of, seed=seed).parameters
    kept, _ = filter_boards(of.pins, made.min_pins, made.active_since)
    background, analysed = of.pins, kept
    if made.background_source != "all":
        background, analysed = background_split(
            of.pins, kept, made.n_background, made.background_source, made.seed
        )
    assert analysed["board"].nunique() >= sizing.FEWEST_USERS
    assert len(sample_pins(analysed, made.n_pins)) == made.n_pins * analysed["board"].nunique()
    assert made.n_clusters <= max(2, len(background) / sizing.PINS_PER_CLUSTER)
    assert made.perplexity <= largest_perplexity(min(made.n_map, len(background)))


def test_a_folder_that_lacks_all_is_told_all_at_once(tmp_path):
    for number in range(3):
        picture = tmp_path / "boards" / "garden" / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(picture)
    (tmp_path / "scenes").mkdir()
    with pytest.raises(ValueError, match="the data hold too little") as raised:
        _ = Study("boards", data=str(tmp_path), home=tmp_path / "home").parameters
    parts = [line.split(":")[0] for line in str(raised.value).splitlines()[1:]]
    assert parts == ["  - network", "  - scenes", "  - boards"]


def test_a_board_that_is_not_there_is_told_at_the_start():
    sizes = [100] * 24 + [60] * 20
    assert fit(sizes, board=" board 03 ").parameters.board == " board 03 "
    told = r"board='Board 3' is not among the 24 that can be analysed \(did you mean board"
    with pytest.raises(ValueError, match=told):
        fit(sizes, board="Board 3")


def test_no_more_components_than_the_background_spans():
    assert chosen(fit([100] * 6 + [20, 20, 21]))["n_components"] == (64, 60)
    assert "n_components" not in chosen(fit([100] * 6 + [20, 20, 25]))
    with pytest.raises(ValueError, match=r"components: .* 61 different pictures, too few"):
        fit([100] * 6 + [20, 20, 21], n_components=61)
