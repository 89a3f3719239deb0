"""Kept values: keys follow code and data, and a value is whole or absent."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

from visprof import memo, study
from visprof.backbones import load_backbone
from visprof.results.scorecard import scorecard
from visprof.steps import VARIANTS


def test_a_value_is_computed_once_and_then_loaded(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"a": 1}

    assert memo.keep(tmp_path / "key", compute) == {"a": 1}
    assert memo.keep(tmp_path / "key", compute) == {"a": 1}
    assert len(calls) == 1


def test_two_at_once_compute_once(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return 5

    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda _: memo.keep(tmp_path / "key", compute), range(8)))
    assert values == [5] * 8
    assert len(calls) == 1


def test_a_failed_or_killed_computation_leaves_nothing_to_trust(tmp_path, monkeypatch):
    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        memo.keep(tmp_path / "key", fail)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # killed just before the value is put in its place
        memo.keep(tmp_path / "key", lambda: "half")
    monkeypatch.undo()
    assert memo.keep(tmp_path / "key", lambda: "whole") == "whole"
    assert joblib.load(tmp_path / "key" / "value.joblib") == "whole"


def test_a_name_that_is_no_utf_8_has_a_fingerprint(tmp_path):
    before = memo.fingerprint(tmp_path)
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb"):
        pass
    assert memo.fingerprint(tmp_path) != before


def damaged(content: bytes) -> dict[str, bytes]:
    """The ways in which a file is found after a crash."""
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    return {
        "emptied": b"",
        "cut": content[: len(content) // 2],
        "cut at its end": content[:-1],
        "a byte changed": bytes(flipped),
        "zeros": bytes(len(content)),
        "something else": b"[1, 2]",
        "of a version without a seal": content[:-16],
    }


@pytest.mark.parametrize("damage", damaged(bytes(99)))
def test_a_value_that_cannot_be_read_is_told_and_made_anew(tmp_path, caplog, damage):
    value = {"a": np.arange(1000.0), "b": "text"}
    memo.keep(tmp_path / "key", lambda: value)
    kept = tmp_path / "key" / "value.joblib"
    whole = kept.read_bytes()
    kept.write_bytes(damaged(whole)[damage])
    again = memo.keep(tmp_path / "key", lambda: value)
    np.testing.assert_array_equal(again["a"], value["a"])
    assert f"{kept} cannot be used (ValueError: it was cut or changed" in caplog.text
    assert len(caplog.records) == 1
    assert kept.read_bytes() == whole
    memo.keep(tmp_path / "key", lambda: pytest.fail("made once more"))


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_a_changed_byte_is_noticed_wherever_it_is(tmp_path, place):
    value = list(range(100))
    memo.keep(tmp_path, lambda: value)
    kept = tmp_path / "value.joblib"
    content = bytearray(kept.read_bytes())
    content[place % len(content)] ^= 255
    kept.write_bytes(content)
    assert memo.keep(tmp_path, lambda: "anew") == "anew"


class Moved:
    """A class that the next version will not have."""


def test_a_value_of_a_class_that_moved_is_made_anew(tmp_path, monkeypatch, caplog):
    memo.keep(tmp_path, Moved)
    monkeypatch.delattr(sys.modules[__name__], "Moved")
    assert memo.keep(tmp_path, lambda: "anew") == "anew"
    assert "value.joblib cannot be used (AttributeError: " in caplog.text


def test_what_killed_ones_left_is_removed_by_the_next_one(tmp_path, dead_process):
    left = tmp_path / f"value.joblib.{dead_process}.part"
    left.write_bytes(b"half")
    memo.keep(tmp_path, lambda: 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "value.joblib"]


def test_a_full_disk_is_told_in_one_line_that_names_the_file(tmp_path, full_disk):
    kept = tmp_path / "value.joblib"
    with full_disk(1000), pytest.raises(OSError, match="File too large") as caught:
        memo.keep(tmp_path, lambda: np.zeros(1000))
    assert str(caught.value) == f"[Errno 27] File too large: '{kept}'"
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    assert memo.keep(tmp_path, lambda: "room again") == "room again"


def test_processes_that_find_a_broken_value_make_it_once(tmp_path):
    (tmp_path / "value.joblib").write_bytes(b"broken")
    script = f"""
        import os, pathlib, time
        from visprof import memo
        def compute():
            pathlib.Path({str(tmp_path)!r}, f"made by {{os.getpid()}}").touch()
            time.sleep(0.3)
            return 5
        assert memo.keep(pathlib.Path({str(tmp_path)!r}), compute) == 5
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.glob("made by *"))) == 1


def test_fingerprint_changes_with_any_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("1")
    before = memo.fingerprint(tmp_path)
    assert memo.fingerprint(tmp_path) == before
    (tmp_path / "a" / "y.txt").write_text("")
    more = memo.fingerprint(tmp_path)
    (tmp_path / "a" / "x.txt").write_text("12")
    assert len({before, more, memo.fingerprint(tmp_path)}) == 3


def test_what_is_not_there_is_gone_whenever_it_is_looked_for(tmp_path):
    assert memo.fingerprint(tmp_path / "none") == "gone"


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """Change a module's source as the next process would see it."""
    monkeypatch.setattr(memo, "VERSIONS", tmp_path / "code_versions.json")

    def change(module, old, new):
        assert old in memo.SOURCES[module]
        monkeypatch.setitem(memo.SOURCES, module, memo.SOURCES[module].replace(old, new))
        forget()

    def forget():
        memo._parse.cache_clear()
        memo._known_versions.cache_clear()

    forget()
    yield change
    monkeypatch.undo()
    forget()


def versions():
    return {
        name: memo.code_version(function.__module__, function.__name__)
        for name, function in study.STEPS.items()
    }


def changed(before):
    return {name for name, version in versions().items() if version != before[name]}


@pytest.mark.slow
def test_code_version_follows_what_a_step_reaches_in_other_modules(sources):
    before = versions()
    sources("visprof.logodds", "def _sum_of_others(", "def _sum_of_others(_=0, *, ")
    reached = changed(before)
    assert {"pairwise_differences", "pair_tests"} <= reached  # the second through significance
    assert not reached & {"assignments", "mrr_numbers", "pair_numbers"}


@pytest.mark.slow
def test_code_version_follows_what_a_step_names_in_its_own_module(sources):
    before = versions()
    sources("visprof.steps.assignments", "return PinArrays(", "return 1 and PinArrays(")
    assert changed(before) == {"assignments", "text_assignments"}  # and not the vocabulary


@pytest.mark.slow
def test_code_version_follows_names_into_the_other_modules_of_steps(sources):
    before = versions()
    sources("visprof.steps.data", "class SceneSplit:", "class SceneSplit(object):")
    split = {"scene_split", "scene_features", "scene_words", "scene_map", "map_numbers"}
    assert split <= changed(before)
    assert not changed(before) & {"pin_features", "assignments", "pair_numbers", "mrr_numbers"}
    before = versions()
    sources("visprof.duplicates", "def picture_signatures(", "def picture_signatures(*, _=0, ")
    assert "near_duplicates" in changed(before)
    assert not changed(before) & {"pin_features", "assignments", "pair_numbers"}


@pytest.mark.slow
def test_code_version_does_not_follow_modules_that_no_step_uses(sources):
    before = versions()
    sources("visprof.figures.planes", "def picture_map(", "def picture_map(_=0, *, ")
    assert changed(before) == set()


@pytest.mark.slow
def test_a_variant_beside_a_step_plays_no_part_in_its_key(sources):
    before = versions()
    variants = [function for found in VARIANTS.values() for _, function in found]
    of_variants = [memo.code_version(of.__module__, of.__name__) for of in variants]
    for function in variants:
        name = function.__name__
        sources(function.__module__, f"def {name}(", f"def {name}(*, _=0, ")
    assert changed(before) == set()
    now = [memo.code_version(of.__module__, of.__name__) for of in variants]
    assert all(old != new for old, new in zip(of_variants, now, strict=True))


def test_code_version_looks_through_a_package_that_hands_a_name_on():
    assert memo.code_version("visprof.figures", "mrr_curves") == memo.code_version(
        "visprof.figures.ranks", "mrr_curves"
    )


def test_versions_are_read_where_the_code_is_the_same_and_made_anew_where_it_is_not(
    sources, monkeypatch
):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    at = "visprof.digests", "digest"
    found = memo.code_version(*at)

    def as_next_process(parse):
        memo._known_versions.cache_clear()
        monkeypatch.setattr(memo, "_parse", parse)
        return memo.code_version(*at)

    parse = memo._parse
    assert as_next_process(None) == found
    kept = memo.VERSIONS.read_bytes()
    memo.VERSIONS.write_bytes(kept.replace(found.encode(), b"0" * len(found)))
    assert as_next_process(parse) == found
    sources("visprof.digests", "[:20]", "[:19]")
    assert memo.code_version(*at) != found
    with pytest.raises(KeyError):
        memo.code_version("visprof.no_such_module", "digest")


def test_versions_that_are_found_at_once_are_those_found_one_by_one(sources, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    names = [("visprof.digests", "digest"), ("visprof.ties", "exceeds")]
    one_by_one = [memo.code_version(*of) for of in names]
    memo.VERSIONS.unlink()
    memo._known_versions.cache_clear()
    memo.find_versions(names)
    memo._known_versions.cache_clear()
    monkeypatch.setattr(memo, "_parse", None)  # the next process reads them
    memo.find_versions(names)
    assert [memo.code_version(*of) for of in names] == one_by_one


def keys():
    """Keys of all steps of a study, as the next process would make them."""
    of = study.Study("tiny")
    return {name: of.key(name) for name in study.STEPS}


def longest_text(function, kind):
    """The longest text in statements of a kind within a function."""
    source = memo.SOURCES[function.__module__]
    named = [of for of in ast.parse(source).body if getattr(of, "name", "") == function.__name__]
    found = [of for of in ast.walk(named[0]) if isinstance(of, kind)]
    texts = [of.value for line in found for of in ast.walk(line) if isinstance(of, ast.Constant)]
    return max((of for of in texts if isinstance(of, str) and of in source), key=len)


@pytest.mark.slow
def test_rewording_makes_no_step_anew_and_another_setting_of_k_means_does(sources):
    """A claim of the paper, the message of an error, a docstring; then the method itself."""
    before = keys()
    sources(scorecard.__module__, longest_text(scorecard, ast.Call), "in other words")
    sources(load_backbone.__module__, longest_text(load_backbone, ast.Raise), "in other words")
    step = study.STEPS["visual_vocabulary"]
    sources(step.__module__, step.__doc__.splitlines()[0], "In other words.")
    assert keys() == before
    sources("visprof.vocabulary", "n_init=1", "n_init=2")
    made_anew = {name for name, key in keys().items() if key != before[name]}
    assert {"visual_vocabulary", "assignments", "mrr_numbers", "pair_numbers"} <= made_anew
    assert not made_anew & {"pins", "pin_features", "siamese_training", "map_numbers"}


def test_who_is_not_to_wait_is_told_that_a_value_is_being_computed(tmp_path):
    folder = tmp_path / "one"

    def compute():
        assert not memo.is_there(folder)
        with pytest.raises(memo.InUseError, match="lock is locked"):
            memo.keep(folder, lambda: 2, waits=False)
        return 1

    assert memo.keep(folder, compute, waits=False) == 1
    assert memo.is_there(folder)
    assert memo.keep(folder, lambda: 2, waits=False) == 1  # what is there needs no lock
