"""The study: presets, parameters, and steps that are computed only when they must be."""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import re
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image

from visprof import (
    backbones,
    boards,
    embedding,
    logodds,
    parameters,
    profiles,
    trace,
    vocabulary,
)
from visprof.book.inputs import changed_inputs
from visprof.parameters import PRESETS, Parameters, allowed_values
from visprof.results.claims import read_claims
from visprof.results.scorecard import scorecard
from visprof.results.verdicts import UNANSWERABLE
from visprof.steps import STEPS, VARIANTS
from visprof.steps.board_card import early_pins
from visprof.steps.registry import EVERY, find_step
from visprof.study import Study


def steps_computed(study, name, caplog):
    """Names of the steps that a fresh process would compute for `name`."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "visprof"):
        value = study[name]
    return value, {record.args[0] for record in caplog.records if "computed" in record.msg}


def test_every_preset_is_made_of_known_parameters():
    known = {field.name for field in dataclasses.fields(Parameters)}
    assert all(set(values) <= known for values in PRESETS.values())


def test_choices_are_what_the_library_has():
    assert parameters.BACKBONES == backbones.BACKBONES
    assert parameters.DISTANCES == profiles.DISTANCES
    assert parameters.PRECISIONS == embedding.PRECISIONS
    assert (*boards.BACKGROUND_SOURCES, "all") == parameters.BACKGROUND_SOURCES
    choices = {of.name: of.metadata.get("choices") for of in dataclasses.fields(Parameters)}
    assert choices["sigma_over"] == vocabulary._SIGMAS
    assert choices["variance"] == logodds._VARIANCES


def test_values_of_numpy_and_paths_are_taken_as_pythons_own(tmp_path):
    study = Study("tiny", data=tmp_path, n_clusters=np.int64(5), train_sizes=np.array([5, 10]),
                  threshold=np.float32(2), normalised_assignments=np.True_)  # fmt: skip
    made = study.asked
    assert (made.data, made.n_clusters, made.train_sizes) == (str(tmp_path), 5, (5, 10))
    assert [type(v) for v in (made.n_clusters, made.train_sizes[0], made.threshold)] == [
        int, int, float,
    ]  # fmt: skip
    assert made.normalised_assignments is True


@pytest.mark.slow
def test_where_all_pins_are_background_every_step_has_a_value(tmp_path):
    study = Study("tiny", home=tmp_path, n_users=4, n_repeats=1)
    assert study.background_source == "all"
    for name in STEPS:
        if name != "vector_world":
            study[name]
    drawn_anew = {"sample of pins", "sample of pins and background"}
    assert set(study["repeated_mrr"]["redrawn"]) == drawn_anew


def test_a_page_gives_its_study_all_parameters_that_it_has():
    page = {"preset": "tiny", "n_clusters": 5, "alpha": None, "ledger": "", "figures": 3}
    study = Study.of_page(page)
    assert (study.n_clusters, study.alpha) == (5, PRESETS["tiny"].get("alpha", 0.01))
    assert study.given == {"n_clusters"}


def test_every_need_of_a_step_is_a_step_or_a_parameter():
    known = {field.name for field in dataclasses.fields(Parameters)} | set(STEPS)
    known |= {"folder", "start", "client", *(f"{EVERY}{name}" for name in STEPS)}
    variants = [(name, function) for name, found in VARIANTS.items() for _, function in found]
    for name, function in [*STEPS.items(), *variants]:
        assert name in STEPS
        assert set(inspect.signature(function).parameters) <= known, name
    assert not {field.name for field in dataclasses.fields(Parameters)} & set(STEPS)


def test_unknown_parameter_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown parameter\(s\) n_cluster; known: .*n_clusters"):
        Study("tiny", n_cluster=5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"distance": "foo"}, "distance is 'foo'; it must be euclidean or hellinger or cosine"),
        ({"backbone": "vgg"}, "backbone is 'vgg'; it must be efficientnet-lite0 or .* or timm:"),
        ({"n_clusters": 1}, "n_clusters is 1; it must be at least 2"),
        ({"n_clusters": "5"}, "n_clusters is '5'; it must be of type int"),
        ({"n_clusters": 5.0}, "it must be of type int"),
        ({"seed": True}, "seed is True; it must be of type int"),
        ({"drawn": 1}, "drawn is 1; it must be of type bool"),
        ({"drift": 1.5}, "at least 0, at most 1 .*share of a taste"),
        ({"alpha": 0.0}, "alpha is 0.0; it must be above 0"),
        ({"alpha": float("nan")}, "alpha is nan; it must be above 0"),
        ({"alpha": float("inf")}, "alpha is inf; it must be finite and of type float"),
        ({"bandwidth": float("inf")}, "bandwidth is inf; it must be finite"),
        (
            {"bandwidth": 0.0, "normalised_assignments": False},
            "bandwidth is 0, which assignments that are not",
        ),
        (
            {"drawn": False, "category_rule": "words"},
            r"category_rule is 'words', and simulated embeddings .* have neither folders nor",
        ),
        ({"seed": 4294967296}, "seed is 4294967296; it must be at least 0, at most 2147483647"),
        ({"active_since": "yesterday"}, "active_since is 'yesterday'; it must be a day such as"),
        ({"active_since": "2014-7-1"}, "it must be a day such as 2014-07-01"),
        ({"active_since": "9999-01-01"}, "from 1678 to 2261"),
        ({"train_sizes": (5, "10")}, "train_sizes is .*; it must be of type tuple"),
        ({"train_sizes": ()}, r"train_sizes is \(\); it must be one or more, increasing, each at"),
        ({"train_sizes": (0, 5)}, "train_sizes is .* each at least 1"),
        ({"train_sizes": (5, 5)}, "train_sizes is .* increasing"),
        ({"train_sizes": (5, 11)}, "train_sizes end at 11, which with n_test=10 makes more than"),
        ({"n_shown": 0}, "n_shown is 0; it must be at least 1"),
        ({"n_shown": -3}, "n_shown is -3; it must be at least 1"),
        ({"training_scenes": "simulated"}, "training_scenes is 'simulated', .* pass data=FOLDER"),
        ({"data": "x", "drawn": False}, "data is 'x', but drawn=False .* looks at no picture"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        Study("tiny", **wrong)


def test_a_former_name_is_refused_with_the_new_one():
    known = {field.name for field in dataclasses.fields(Parameters)}
    for former, new in parameters.FORMER_NAMES.items():
        assert new in known
        assert former not in known
        with pytest.raises(ValueError, match=f"^{former} is now {new}$"):
            Study("tiny", **{former: 2})
        with pytest.raises(ValueError, match=f"^{former} is now {new}$"):
            Study.of_page({"preset": "tiny", former: None})  # as its parameters' cell declares it
    with pytest.raises(ValueError, match="sigma is now sigma_over; world_pins is now n_simulated"):
        Study("tiny", sigma="pairs", world_pins=20)
    assert not Study.of_page({"preset": "tiny", "scenes": parameters}).given  # a module of a page


def test_what_a_parameter_may_be_in_words():
    fields = {field.name: field for field in dataclasses.fields(Parameters)}
    assert allowed_values(fields["variance"]) == "two-term or four-term"
    assert allowed_values(fields["perplexity"]) == "above 0"
    assert allowed_values(fields["drawn"]) == ""
    assert Study("tiny", margin=3, backbone="timm:vit", device="cuda:1").margin == 3


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match="known: demo, tiny, boards, travel, vectors, paper"):
        Study("huge")


def test_another_network_does_not_get_the_weights_of_the_presets(tmp_path):
    study = Study("boards", data=str(tmp_path))
    assert study.weights == "squeezenet_places365.safetensors"
    assert Study("boards", data=str(tmp_path), backbone="efficientnet-lite0").weights == ""
    own = Study("boards", data=str(tmp_path), backbone="alexnet", weights="own.pth")
    assert own.weights == "own.pth"


@pytest.mark.parametrize("preset", ["boards", "travel", "paper"])
def test_presets_for_real_pictures_need_data(preset):
    with pytest.raises(ValueError, match="pass data=FOLDER"):
        Study(preset)


def test_unknown_step_lists_the_known_ones(home):
    with pytest.raises(KeyError, match="mrr_table"):
        Study("tiny", home=home)["mrr_tabel"]


def test_none_leaves_the_presets_value():
    assert Study("tiny", n_clusters=None).n_clusters == PRESETS["tiny"]["n_clusters"]


@pytest.mark.slow
def test_a_step_is_computed_from_values_that_are_given_and_not_kept(tiny, home):
    split, before = tiny["board_split"], sorted(home.rglob("*"))
    given = pd.DataFrame({"profile": ["palette", "image"], "n_train": 7})
    assert tiny.compute("figure_6", {"mrr_table": given})["n_train"].tolist() == [7]
    early = tiny.compute("early_pins", {"session_rule": "gap"})
    np.testing.assert_array_equal(early, early_pins(split, "gap"))
    assert sorted(home.rglob("*")) == before


def test_headline_numbers_of_the_tiny_world(tiny):
    numbers = tiny.headline()
    assert numbers["mrr.random"].n == 8
    for key, number in numbers.items():
        assert np.isfinite(number.value), key
        if number.low is not None and number.value != number.high:
            assert number.low <= number.value <= number.high, key
    assert numbers["map.hybrid"].value > numbers["map.bow"].value > numbers["map.random"].value
    claims = read_claims(n_train=max(tiny.train_sizes), threshold=tiny.threshold)
    lacking = {
        key for claim in claims for condition in claim.rule for key in condition.missing(numbers)
    }
    # its files are all alike, and no user pauses for half a year
    assert {key for key in lacking if not re.search("file-facts|transfer.gap", key)} == set()


def test_what_is_computed_is_told_to_whoever_waits_for_the_page(tmp_path):
    study = Study("tiny", home=tmp_path / "home", drawn=False, n_seeds=2)
    with trace.tracing(tmp_path / "trace"):
        study["pair_numbers"]
    notes = map(json.loads, (tmp_path / "trace").read_text().splitlines())
    told = [note["computing"] for note in notes if "computing" in note]
    assert told[1::2] == [None] * (len(told) // 2)  # each ends before the next begins
    assert {"pins", "visual_vocabulary, seed 1 of 2", "visual_vocabulary, seed 2 of 2"} <= {*told}


def test_while_another_process_computes_a_value_what_it_needs_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("visprof.study.PATIENCE", 0.02)
    expected = Study("tiny", home=tmp_path / "other", drawn=False, n_seeds=2)["pair_numbers"]
    study = Study("tiny", home=tmp_path / "home", drawn=False, n_seeds=2)
    at = "pair_numbers", study.starts[0]
    due = study._due(*at, set())
    assert {("visual_vocabulary", start) for start in study.starts} < {*due}
    begun = due[-2]  # by a third process
    locks = [FileLock(study._folder(*of) / "lock") for of in (at, begun)]
    for lock in locks:
        Path(lock.lock_file).parent.mkdir(parents=True)
    with trace.tracing(tmp_path / "trace"), ThreadPoolExecutor(1) as pool, locks[0], locks[1]:
        value = pool.submit(study.__getitem__, at[0])
        until = time.monotonic() + 60
        while study._due(*at, set()) != [begun, at] and time.monotonic() < until:
            time.sleep(0.01)
        assert study._due(*at, set()) == [begun, at]
        while trace.noted_wait(tmp_path / "trace") is None and time.monotonic() < until:
            time.sleep(0.01)
        assert trace.noted_wait(tmp_path / "trace")[0] == at[0]
        locks[1].release()
        while study._due(*at, set()) != [at] and time.monotonic() < until:
            time.sleep(0.01)
        assert not value.done()
        locks[0].release()
        assert value.result(timeout=60) == expected
    assert trace.noted_wait(tmp_path / "trace") is None
    assert trace.WAITING in trace.noted_times(tmp_path / "trace")


def test_a_start_that_another_process_computes_is_left_to_it_and_the_next_is_taken(tmp_path):
    expected = Study("tiny", home=tmp_path / "other", drawn=False, n_seeds=3)["pair_numbers"]
    study = Study("tiny", home=tmp_path / "home", drawn=False, n_seeds=3)
    at = "pair_numbers", study.starts[0]
    begun = study._folder("visual_vocabulary", study.starts[1])
    begun.mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool, FileLock(begun / "lock") as lock:
        value = pool.submit(study.__getitem__, at[0])
        until = time.monotonic() + 60
        while len(due := study._due(*at, set())) > 4 and time.monotonic() < until:
            time.sleep(0.01)
        steps = ("visual_vocabulary", "assignments", "pairwise_differences")
        assert due == [*((step, study.starts[1]) for step in steps), at]
        lock.release()
        assert value.result(timeout=60) == expected


@pytest.mark.slow
def test_same_seed_gives_the_same_numbers_in_another_home(tiny, tmp_path, equal_numbers):
    again = Study("tiny", home=tmp_path)
    assert equal_numbers(again.headline(), tiny.headline())


@pytest.mark.slow
def test_nothing_is_computed_again_by_a_second_study(tiny, home, caplog):
    _, computed = steps_computed(Study("tiny", home=home), "mrr_numbers", caplog)
    assert computed == set()


def computed_starts(study, name, caplog):
    """How often each step is computed for `name`."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "visprof"):
        study[name]
    return Counter(record.args[0] for record in caplog.records if "computed" in record.msg)


@pytest.fixture(scope="module")
def three_seeds(tmp_path_factory):
    """A study without pictures, and its home."""
    home = tmp_path_factory.mktemp("seeds")
    return Study("tiny", home=home, drawn=False, n_seeds=3), home


def test_what_needs_a_start_is_computed_once_a_seed_and_all_else_once(three_seeds, caplog):
    study, home = three_seeds
    times = computed_starts(study, "pair_numbers", caplog)
    starts = [
        record.args[1] for record in caplog.records
        if "computed" in record.msg and record.args[0] == "visual_vocabulary"
    ]  # fmt: skip
    assert starts == [f", seed {place} of 3" for place in (1, 2, 3)]
    drawn = {name for name in times if is_drawn(study, name)}
    assert {"visual_vocabulary", "assignments"} <= drawn
    assert {"board_split", "pin_embedding", "pair_numbers"} <= times.keys() - drawn
    assert times == {name: 3 if name in drawn else 1 for name in times}

    more = Study("tiny", home=home, drawn=False, n_seeds=5)
    times = computed_starts(more, "pair_numbers", caplog)
    told = [record.args for record in caplog.records if "computed" in record.msg]
    assert {args[1] for args in told if args[0] in drawn} == {", seed 4 of 5", ", seed 5 of 5"}
    assert {name: times[name] for name in drawn if name in times} == dict.fromkeys(drawn, 2)
    # what takes all seeds together is made anew, and nothing else
    assert times.keys() - drawn == {"differences_by_seed", "pair_numbers"}
    again = Study("tiny", home=home, drawn=False, n_seeds=3)
    assert computed_starts(again, "pair_numbers", caplog) == {}


def is_drawn(study, name):
    """Whether a step has the start, or a step that has it, among its needs, by its arguments."""
    needs = inspect.signature(find_step(name, study)).parameters
    return "start" in needs or any(is_drawn(study, of) for of in needs if of in STEPS)


def test_one_seed_is_the_first_of_several(three_seeds):
    study, home = three_seeds
    one = Study("tiny", home=home, drawn=False, n_seeds=1)
    for step in ("pair_numbers", "mrr_numbers"):
        several, single = study[step], one[step]
        assert several.keys() == single.keys()
        for key, number in single.items():
            if number.by_seed:
                assert len(several[key].by_seed) == 3, key
                assert number.by_seed[0] == pytest.approx(several[key].by_seed[0]), key
                assert number.sd_seeds is None, key
                value, low, high = number.by_seed[0]
                assert (number.value, number.low, number.high) == pytest.approx((value, low, high))
    assert any(number.by_seed for number in one["mrr_numbers"].values())


def test_a_value_is_the_mean_over_seeds(three_seeds):
    for step in ("pair_numbers", "mrr_numbers"):
        for key, number in three_seeds[0][step].items():
            if number.by_seed:
                mean = np.mean([value for value, _, _ in number.by_seed])
                assert number.value == pytest.approx(mean), key
                assert number.sd_seeds >= 0, key


@pytest.mark.parametrize("seed", [0, 7, 2147483647])
def test_starts_begin_with_the_seed_and_go_on_as_they_began(seed):
    starts = {n: Study("tiny", seed=seed, n_seeds=n).starts for n in (1, 2, 10, 50)}
    for n, found in starts.items():
        assert found == starts[50][:n]
        assert found[0] == seed
        assert len(set(found)) == n
        assert all(type(start) is int and 0 <= start <= 2147483647 for start in found)
    assert set(starts[50]).isdisjoint(Study("tiny", seed=seed ^ 1, n_seeds=50).starts)


@pytest.mark.slow
def test_a_parameter_recomputes_only_what_follows_from_it(tiny, home, caplog):
    changed = Study("tiny", home=home, distance="hellinger")
    _, computed = steps_computed(changed, "mrr_numbers", caplog)
    assert computed == {"reciprocal_ranks", "mrr_table", "mrr_numbers"}
    changed = Study("tiny", home=home, alpha=0.5)
    differences, computed = steps_computed(changed, "pairwise_differences", caplog)
    assert computed == {"pairwise_differences"}
    assert not np.array_equal(differences.max_z, tiny["pairwise_differences"].max_z)


@pytest.mark.slow
def test_a_study_notes_the_code_and_files_that_it_used(own_pictures, tmp_path, monkeypatch):
    study = Study("tiny", home=tmp_path / "home", data=str(own_pictures))
    monkeypatch.setenv(trace.TRACE, str(tmp_path / "trace"))
    study["board_split"]
    noted = trace.noted_inputs(tmp_path / "trace")
    # what the data hold decides how many boards are set aside
    used = ("data_folder", "pins", "board_split", "picture_contents", "scene_split")
    steps = {f"step visprof.steps.data.{name}" for name in used}
    assert set(noted) == {*steps, f"files {own_pictures.resolve()}"}
    assert changed_inputs(noted, {}) == []
    Image.new("RGB", (9, 9)).save(own_pictures / "boards" / "new.png")
    assert changed_inputs(noted, {}) == [f"files {own_pictures.resolve()}"]


def test_missing_data_folder_and_its_parts_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*boards/.*scenes/"):
        Study("tiny", home=tmp_path / "home", data=str(tmp_path / "nowhere"))["data_folder"]
    (tmp_path / "boards").mkdir()
    with pytest.raises(FileNotFoundError, match="no folder scenes/"):
        Study("tiny", home=tmp_path / "home", data=str(tmp_path))["scene_split"]


def test_who_has_no_scenes_of_a_preset_is_told_that_the_usual_folder_does(own_pictures, tmp_path):
    shutil.rmtree(own_pictures / "scenes")
    asked = {"home": tmp_path / "home", "data": str(own_pictures), "backbone": "efficientnet-lite0"}
    with pytest.raises(ValueError, match="; a folder scenes/ does as well"):
        _ = Study("boards", **asked).parameters
    with pytest.raises(ValueError, match="no folder places/") as raised:
        _ = Study("boards", scenes_folder="places", **asked).parameters
    assert "does as well" not in str(raised.value)


@pytest.fixture
def own_pictures(tiny, tmp_path):
    """The tiny world's pictures as a reader's own folder of folders."""
    data = tmp_path / "data"
    shutil.copytree(tiny["data_folder"], data, ignore=shutil.ignore_patterns("*.joblib", "lock"))
    for table in ("manifest.csv", "truth.csv"):
        (data / "boards" / table).unlink()
    return data


@pytest.mark.slow
def test_boards_and_scenes_of_other_names_are_read_and_digested(own_pictures, tmp_path):
    home = tmp_path / "home"
    usual = Study("tiny", home=home, data=str(own_pictures))
    shutil.copytree(own_pictures / "boards", own_pictures / "travel")
    shutil.copytree(own_pictures / "scenes", own_pictures / "places" / "train")
    (own_pictures / "places" / "test").mkdir()
    for label in (own_pictures / "places" / "train").iterdir():
        (own_pictures / "places" / "test" / label.name).mkdir()
        for picture in sorted(label.iterdir())[:2]:
            picture.rename(own_pictures / "places" / "test" / label.name / picture.name)
    named = {"boards_folder": "travel", "scenes_folder": "places", "n_train_scenes": 3}
    study = Study("tiny", home=home, data=str(own_pictures), **named)
    assert all("/travel/" in image for image in study["pins"].readable["image"])
    split = study["scene_split"]
    assert (split.train.groupby("label").size() == 3).all()
    assert (split.test.groupby("label").size() == 2).all()
    assert all("/places/test/" in image for image in split.test["image"])
    one = Study("tiny", home=home, data=str(own_pictures), **named | {"boards_folder": "boards"})
    assert len({of["data_digest"] for of in (usual, study, one)}) == 3
    with pytest.raises(FileNotFoundError, match=r"no folder nowhere/.* as scenes_folder"):
        Study("tiny", home=home, data=str(own_pictures), scenes_folder="nowhere")["scene_split"]
    with pytest.raises(FileNotFoundError, match=r"no folder nowhere/.* as boards_folder"):
        Study("tiny", home=home, data=str(own_pictures), boards_folder="nowhere")["pins"]


@pytest.mark.slow
def test_a_folder_with_scenes_of_the_usual_name_is_told_to_be_read(own_pictures, tmp_path):
    study = Study("boards", home=tmp_path / "home", data=str(own_pictures), backbone="alexnet")
    assert study.scenes_folder == "scenes"
    assert len(study["scene_split"].test)
    assert study.fit.choices[0].name == "scenes_folder"


@pytest.mark.parametrize("name", ["", "..", "a/b", "/a", "a\\b"])
def test_folders_are_named_and_lie_within_the_data(name):
    with pytest.raises(ValueError, match=r"scenes_folder is .*the name of a folder, not a path"):
        Study("tiny", scenes_folder=name)


@pytest.mark.slow
def test_own_pictures_with_an_unreadable_one(own_pictures, tmp_path, caplog):
    boards = sorted(path for path in (own_pictures / "boards").iterdir())
    (boards[0] / "00000.jpg").write_bytes(b"broken")
    Image.new("RGB", (80, 60)).save(boards[0] / "one-more.jpg")
    study = Study("tiny", home=tmp_path / "home", data=str(own_pictures))
    with caplog.at_level(logging.WARNING, "visprof"):
        split = study["board_split"]
    assert len(study["pins"].unreadable) == 1
    assert "1 unreadable pictures were skipped" in caplog.text
    assert "00000.jpg" in caplog.text
    assert pd.concat([split.background, split.analysed])["board"].nunique() == 12
    numbers = study.headline()  # without text: the captions are serial numbers
    assert numbers["mrr.random"].n == 8
    assert not any("text" in key for key in numbers)
    card = scorecard(numbers, 10, study.threshold)
    of_text = card["claim"].str.contains("text profile")
    assert card["verdict"][of_text].tolist() == [UNANSWERABLE]


@pytest.mark.slow
def test_changed_pictures_change_the_key(own_pictures, tmp_path):
    key = Study("tiny", home=tmp_path, data=str(own_pictures)).key("mrr_numbers")
    assert Study("tiny", home=tmp_path, data=str(own_pictures)).key("mrr_numbers") == key
    picture = next((own_pictures / "boards").rglob("*.jpg"))
    Image.new("RGB", (8, 8)).save(picture)
    assert Study("tiny", home=tmp_path, data=str(own_pictures)).key("mrr_numbers") != key


@pytest.mark.slow
def test_board_with_too_few_pins_stops_the_run(tiny, home):
    told = r"boards: 0 of 12 have at least 30 pins .* \(the largest of these has 20\)"
    with pytest.raises(ValueError, match=told):
        Study("tiny", home=home, n_pins=30)["reciprocal_ranks"]
