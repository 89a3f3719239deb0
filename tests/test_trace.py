"""What a page notes while it runs."""

from __future__ import annotations

import os
import time

import pytest

from visprof import trace


def test_nothing_is_written_where_nobody_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(trace.TRACE, raising=False)
    trace.note_inputs({"a": "1"}, {})
    with trace.computing("a"):
        pass
    assert list(tmp_path.iterdir()) == []
    assert trace.noted_inputs(tmp_path / "absent") == {}
    assert trace.noted_computation(tmp_path / "absent") is None


def test_inputs_are_those_of_all_notes(tmp_path):
    with trace.tracing(tmp_path / "trace"):
        trace.note_inputs({"visprof.steps.a.b": "1"}, {"/data": "2"})
        trace.note_inputs({"visprof.steps.a.c": "3"}, {})
    expected = {"step visprof.steps.a.b": "1", "files /data": "2", "step visprof.steps.a.c": "3"}
    assert trace.noted_inputs(tmp_path / "trace") == expected


def test_what_is_computed_is_told_until_it_ends_well_or_badly(tmp_path):
    file = tmp_path / "trace"
    before = time.time()
    with trace.tracing(file):
        with trace.computing("ranks, seed 2 of 10"):
            trace.note_inputs({"a": "1"}, {})
            what, since = trace.noted_computation(file)
            assert what == "ranks, seed 2 of 10"
            assert before <= since <= time.time()
        assert trace.noted_computation(file) is None
        with pytest.raises(ZeroDivisionError), trace.computing("a ratio"):
            1 / 0  # noqa: B018
    assert trace.noted_computation(file) is None
    assert trace.noted_computations(file) == ["ranks, seed 2 of 10", "a ratio"]
    assert trace.noted_inputs(file) == {"step a": "1"}


def test_blocks_that_are_done_are_told_with_what_is_computed(tmp_path):
    file = tmp_path / "trace"
    with trace.tracing(file):
        trace.note_progress(1, 2)  # of nothing that is known
        assert trace.noted_computation(file) is None
        with trace.computing("ranks"):
            for done in range(1, 1235):
                trace.note_progress(done, 1234)
                if done == 617:
                    assert trace.noted_computation(file)[0] == "ranks, 617 of 1,234 blocks"
        assert trace.noted_computation(file) is None
        with trace.computing("pairs"):
            assert trace.noted_computation(file)[0] == "pairs"
    assert file.read_text().count("of 1,234 blocks") == 100


def test_times_of_a_step_are_added_over_seeds(tmp_path):
    file = tmp_path / "trace"
    with trace.tracing(file):
        for seed in (1, 2):
            with trace.computing(f"ranks, seed {seed} of 2"):
                time.sleep(0.01)
        with pytest.raises(ZeroDivisionError), trace.computing("pairs"):
            1 / 0  # noqa: B018
    times = trace.noted_times(file)
    assert list(times) == ["ranks", "pairs"]
    assert 0.02 <= times["ranks"] < 10 > times["pairs"] >= 0
    assert trace.noted_times(tmp_path / "absent") == {}


def test_a_line_that_is_being_written_is_not_read(tmp_path):
    file = tmp_path / "trace"
    with trace.tracing(file), trace.computing("ranks"):
        whole = file.read_text()
        for end in range(len(whole)):
            file.write_text(whole + whole[:end])
            assert trace.noted_computation(file)[0] == "ranks"


def test_tracing_gives_back_what_was_traced_before(tmp_path, monkeypatch):
    monkeypatch.delenv(trace.TRACE, raising=False)
    with trace.tracing(tmp_path / "outer"):
        with trace.tracing(tmp_path / "inner"):
            assert os.environ[trace.TRACE] == str(tmp_path / "inner")
        assert os.environ[trace.TRACE] == str(tmp_path / "outer")
    assert trace.TRACE not in os.environ
