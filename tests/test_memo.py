"""Kept values: keys follow code and data, and a value is whole or absent."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest

from visprof import memo, study


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


def test_fingerprint_changes_with_any_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("1")
    before = memo.fingerprint(tmp_path)
    assert memo.fingerprint(tmp_path) == before
    (tmp_path / "a" / "y.txt").write_text("")
    more = memo.fingerprint(tmp_path)
    (tmp_path / "a" / "x.txt").write_text("12")
    assert len({before, more, memo.fingerprint(tmp_path)}) == 3


@pytest.fixture
def sources(monkeypatch):
    """Change a module's source as the next process would see it."""

    def change(module, old, new):
        assert old in memo.SOURCES[module]
        monkeypatch.setitem(memo.SOURCES, module, memo.SOURCES[module].replace(old, new))
        forget()

    def forget():
        memo._parse.cache_clear()
        memo.code_version.cache_clear()

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


def test_code_version_follows_the_modules_that_a_step_reaches(sources):
    before = versions()
    sources("visprof.logodds", "def _sum_of_others", "def  _sum_of_others")
    reached = changed(before)
    assert {"pairwise_differences", "pair_numbers"} <= reached  # through significance
    assert not reached & {"assignments", "mrr_numbers"}


def test_code_version_follows_what_a_step_names_in_its_own_module(sources):
    before = versions()
    sources("visprof.steps.users", "return Assignments(", "return  Assignments(")  # in _assign
    assert changed(before) == {"assignments", "text_assignments"}  # and not the vocabulary


def test_code_version_follows_names_into_the_other_modules_of_steps(sources):
    before = versions()
    sources("visprof.steps.pictures", "class SceneSplit:", "class  SceneSplit:")
    split = {"scene_split", "scene_features", "scene_words", "scene_map", "map_numbers"}
    assert split <= changed(before)
    assert not changed(before) & {"pin_features", "assignments", "pair_numbers", "mrr_numbers"}
    before = versions()
    sources("visprof.duplicates", "def picture_signatures", "def  picture_signatures")
    assert {"near_duplicates", "data_sheet"} <= changed(before)
    assert not changed(before) & {"pin_features", "assignments", "pair_numbers"}


def test_code_version_does_not_follow_modules_that_no_step_uses(sources):
    before = versions()
    sources("visprof.figures", "def picture_map", "def  picture_map")
    assert changed(before) == set()
