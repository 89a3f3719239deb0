"""Ledgers beside each other, what may be published, and machines on which numbers were verified."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof import cli, results, verify
from visprof.datasheet import content_digest
from visprof.intervals import Estimate
from visprof.machine import VECTOR_FLAG, describe_hardware, hardware, machine_version
from visprof.parameters import PRESETS, Parameters
from visprof.results import cite
from visprof.results.ledger import Ledger
from visprof.results.provenance import provenance
from visprof.results.publish import PublicationError, changed_parameters, publish
from visprof.results.users import read_users, users_file, write_users
from visprof.verify import BOUND, compare_ledgers, record, report, verified_table

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = {
    "map.cnn": Estimate(0.5, 0.4, 0.6, 40, "pictures"),
    "map.bow": Estimate(0.45, 0.3, 0.6, 40, "pictures"),
    "map.cnn-bow": Estimate(0.05, 0.01, 0.09, 40, "pictures"),
    "mrr.image-text.10.p": Estimate(0.04, n=40, unit="users"),
    "mrr.random": Estimate(0.1),
}


def ledger(path, numbers, preset="tiny", **changes):
    """A ledger of a preset's own parameters, but for these."""
    made = Ledger(path)
    parameters = vars(Parameters(**(PRESETS[preset] | changes)))
    made.write(numbers, parameters, preset)
    return made


def compared(tmp_path, **changes):
    """Published numbers beside the same with some changed; None takes one away."""
    numbers = {key: value for key, value in (PUBLISHED | changes).items() if value is not None}
    theirs, ours = tmp_path / "published.json", tmp_path / "made.json"
    return compare_ledgers(ledger(theirs, PUBLISHED), ledger(ours, numbers))


def row_of(found, key):
    return found.numbers.set_index("number").loc[key]


def test_equal_ledgers_are_verified(tmp_path):
    found = compared(tmp_path)
    assert found.holds
    assert found.counts == {"equal": 5, "equal to rounding": 0, "different": 0}
    assert (found.numbers["apart"] == 0).all()


def test_rounding_is_no_difference(tmp_path):
    nearly = Estimate(0.5 * (1 + 1e-12), 0.4, 0.6 * (1 - 1e-13), 40, "pictures")
    found = compared(tmp_path, **{"map.cnn": nearly})
    assert found.holds
    assert found.counts == {"equal": 4, "equal to rounding": 1, "different": 0}


def test_a_difference_is_told_in_half_widths_of_the_published_interval(tmp_path):
    other = Estimate(0.51, 0.4, 0.65, 40, "pictures")  # its upper end is half of 0.1 further
    found = compared(tmp_path, **{"map.cnn": other})
    row = row_of(found, "map.cnn")
    assert found.numbers["number"][0] == "map.cnn"
    assert row["kind"] == "different"
    assert row["half_widths"] == pytest.approx(0.5)
    assert row["difference"] == pytest.approx(0.01 / 0.51)
    assert found.beyond == ["map.cnn"]
    assert not found.holds


def test_a_number_without_interval_differs_by_a_share_of_itself(tmp_path):
    found = compared(tmp_path, **{"mrr.random": Estimate(0.1005)})
    assert found.holds  # within a hundredth
    assert row_of(found, "mrr.random")["apart"] == pytest.approx(0.0005 / 0.1005)
    assert math.isnan(row_of(found, "mrr.random")["half_widths"])
    assert not compared(tmp_path / "more", **{"mrr.random": Estimate(0.102)}).holds


def test_a_changed_verdict_is_told_however_small_the_difference(tmp_path):
    published = {**PUBLISHED, "map.cnn-bow": Estimate(0.05, 1e-6, 0.1, 40, "pictures")}
    here = {**PUBLISHED, "map.cnn-bow": Estimate(0.05, -1e-6, 0.1, 40, "pictures")}
    found = compare_ledgers(
        ledger(tmp_path / "a.json", published), ledger(tmp_path / "b.json", here)
    )
    assert found.beyond == []
    assert found.changed_verdicts == ["map.cnn-bow: holds; here not resolved"]
    assert not found.holds
    found = compared(tmp_path, **{"mrr.image-text.10.p": Estimate(0.051, n=40, unit="users")})
    assert found.changed_verdicts == ["mrr.image-text.10.p: significant; here not significant"]


def test_another_sample_is_never_equal(tmp_path):
    found = compared(tmp_path, **{"map.cnn": Estimate(0.5, 0.4, 0.6, 41, "pictures")})
    assert found.beyond == ["map.cnn"]
    assert row_of(found, "map.cnn")["apart"] == math.inf


def test_numbers_that_one_ledger_alone_has_are_told(tmp_path):
    found = compared(tmp_path, new=Estimate(1.0))
    assert found.only_here == ["new"]
    assert found.holds
    found = compared(tmp_path / "less", **{"mrr.random": None})
    assert found.only_published == ["mrr.random"]
    assert not found.holds
    with pytest.raises(ValueError, match="no number in common"):
        compare_ledgers(
            ledger(tmp_path / "x.json", {"x": Estimate(1.0)}),
            ledger(tmp_path / "y.json", {"y": Estimate(1.0)}),
        )


@given(st.floats(-1, 1), st.floats(1e-3, 1), st.floats(-1e-1, 1e-1))
def test_difference_and_kind_are_those_of_a_plain_reckoning(value, width, moved):
    a = Estimate(value, value - width, value + width)
    b = Estimate(value + moved, value - width, value + width)
    found = verify._difference(a, b)
    half = (a.high - a.low) / 2
    assert found["half_widths"] == pytest.approx(abs(b.value - a.value) / half, abs=1e-12)
    if a.value == b.value:
        assert found["kind"] == "equal"
    else:
        close = math.isclose(a.value, b.value, rel_tol=1e-9, abs_tol=1e-12)
        assert found["kind"] == ("equal to rounding" if close else "different")


def test_published_ledgers_have_a_scorecard_to_compare():
    for preset in ("demo", "boards"):
        published = cite.find_ledger(preset=preset)
        found = compare_ledgers(published, published)
        assert found.holds
        assert len(found.claims) > 5
        assert not found.claims.isna().any(axis=None)


# --- making them again ----------------------------------------------------------------------------


def test_the_ledger_says_with_which_parameters_it_is_made_again(tmp_path, monkeypatch):
    published = ledger(tmp_path / "tiny.json", PUBLISHED, n_clusters=5)
    seen = []

    def make_ledger(*given):
        seen.append(given)
        return published

    monkeypatch.setattr(verify, "make_ledger", make_ledger)
    assert verify.verify(published, root="r", out="o").holds
    assert seen == [("r", "tiny", None, {"n_clusters": 5}, "o", 1)]


def test_data_are_those_of_the_ledger(tmp_path, monkeypatch):
    for picture in ("boards/a/1.png", "scenes/b/1.png"):
        (tmp_path / "mine" / picture).parent.mkdir(parents=True)
        (tmp_path / "mine" / picture).write_bytes(b"picture")
    content = content_digest([tmp_path / "mine" / "boards", tmp_path / "mine" / "scenes"])
    monkeypatch.setattr("visprof.study._default_home", lambda *_: tmp_path / "home")
    parameters = vars(Parameters(**PRESETS["own"], data=str(tmp_path / "mine")))
    published = Ledger(tmp_path / "own.json")
    published.write(PUBLISHED, parameters, "own", data=content)
    monkeypatch.setattr(verify, "make_ledger", lambda *_: published)
    assert verify.verify(published, tmp_path / "mine").holds
    with pytest.raises(ValueError, match="is of real pictures: pass their folder"):
        verify.verify(published)
    shutil.copytree(tmp_path / "mine", tmp_path / "other" / "mine")
    assert verify.verify(published, tmp_path / "other" / "mine").holds  # a copy will do
    (tmp_path / "other" / "mine" / "boards" / "a" / "1.png").write_bytes(b"another")
    with pytest.raises(ValueError, match="does not hold the pictures of the ledger"):
        verify.verify(published, tmp_path / "other" / "mine")
    with pytest.raises(FileNotFoundError, match="data: there is no folder"):
        verify.verify(published, tmp_path / "gone")
    simulated = ledger(tmp_path / "tiny.json", PUBLISHED)
    with pytest.raises(ValueError, match="is of a simulated world: leave the data out"):
        verify.verify(simulated, tmp_path / "mine")


def test_a_ledger_of_several_studies_is_refused(tmp_path):
    published = ledger(tmp_path / "tiny.json", {"a": Estimate(1.0)})
    ledger(published.path, {"b": Estimate(1.0)}, n_clusters=5)
    with pytest.raises(ValueError, match="of several studies, with different parameters"):
        verify.verify(published)
    with pytest.raises(FileNotFoundError, match="no numbers at"):
        verify.verify(Ledger(tmp_path / "absent.json"))


def test_the_command_says_what_differs_and_ends_with_its_status(tmp_path, capsys, monkeypatch):
    published = ledger(tmp_path / "tiny.json", PUBLISHED)
    changed = PUBLISHED | {"map.cnn-bow": Estimate(0.05, -0.01, 0.11, 40, "pictures")}
    for numbers, status in ((PUBLISHED, 0), (changed, 1)):
        made = ledger(tmp_path / f"made-{status}.json", numbers)
        monkeypatch.setattr(verify, "make_ledger", lambda *_, made=made: made)
        assert cli.main(["verify", str(published.path)]) == status
        printed = capsys.readouterr().out
        assert "equal to rounding" in printed
        assert hardware()["processor"] in printed
        assert ("map.cnn-bow: holds; here not resolved" in printed) == bool(status)
        assert ("holds -> not resolved" in printed) == bool(status)
    assert printed.endswith("not verified\n")


# --- machines -------------------------------------------------------------------------------------


def test_a_machine_is_kept_without_names_and_listed(tmp_path):
    found = compared(tmp_path, **{"map.cnn": Estimate(0.51, 0.4, 0.6, 40, "pictures")})
    path = record(found, tmp_path / "verified")
    assert path == record(found, tmp_path / "verified")  # one file a machine and ledger
    kept = json.loads(path.read_text())
    assert path.name.startswith("tiny-")
    assert kept["counts"] == {"equal": 4, "equal to rounding": 0, "different": 1}
    assert kept["largest"][0]["number"] == "map.cnn"
    assert len(kept["largest"]) == 1
    assert kept["verified"] is False
    assert kept["beyond_bound"] == ["map.cnn"]
    assert str(tmp_path) not in path.read_text()
    (row,) = verified_table(tmp_path / "verified").to_dict("records")
    assert (row["ledger"], row["equal"], row["different"], row["verified"]) == ("tiny", 4, 1, "no")
    assert row["largest difference"] == "0.1 half-widths (map.cnn)"
    assert hardware()["processor"] in row["machine"]
    assert row["packages"] == "the same"


def test_another_number_of_threads_is_another_machine(tmp_path):
    found = compared(tmp_path)
    one = record(found, tmp_path / "verified")
    found.here[0]["machine"]["threads"] += 1
    found.here[0]["installed_packages"] = "of another lock"
    assert record(found, tmp_path / "verified") != one
    listed = verified_table(tmp_path / "verified")
    assert sorted(listed["packages"]) == ["others", "the same"]


def test_a_sample_that_differs_can_be_kept(tmp_path):
    found = compared(tmp_path, **{"mrr.random": Estimate(0.1, n=3, unit="users")})
    kept = json.loads(record(found, tmp_path / "verified").read_text())
    assert kept["largest"] == [{"number": "mrr.random", "half_widths": None, "difference": 0.0}]


def test_no_machine_is_an_empty_table(tmp_path):
    assert len(verified_table(tmp_path)) == 0
    assert "verified" in verified_table(tmp_path).columns


def test_hardware_says_what_the_libraries_take(monkeypatch):
    machine = hardware()
    assert machine["processor"]
    assert machine["threads"] >= 1
    assert machine["instruction_sets"]["numpy"]
    flags = machine["instruction_sets"].get("processor", "").split()
    assert all(VECTOR_FLAG.fullmatch(flag) for flag in flags)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert "ONEDNN_MAX_CPU_ISA=AVX2" in describe_hardware(hardware())


def test_a_processor_kept_from_instructions_or_cores_is_another_machine(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    before = machine_version()
    monkeypatch.setenv("HOSTNAME", "another")
    assert machine_version() == before
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    other = machine_version()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert len({before, other, machine_version()}) == 3


# --- publication ----------------------------------------------------------------------------------


@pytest.fixture
def commit(monkeypatch):
    """Let the code be of a commit, of which the name is given."""

    def made_of(name):
        plain = provenance()
        monkeypatch.setattr(results.ledger, "provenance", lambda: plain | {"commit": name})

    made_of("0123456789ab")
    return made_of


def test_a_ledger_of_one_clean_run_is_published_as_it_is(tmp_path, commit):
    built = ledger(tmp_path / "tiny.json", PUBLISHED)
    (path,) = publish([built], tmp_path / "results")
    assert path == tmp_path / "results" / "tiny.json"
    assert path.read_bytes() == built.path.read_bytes()
    assert not users_file(path).exists()


def test_values_of_users_are_published_without_their_names(tmp_path, commit):
    built = ledger(tmp_path / "tiny.json", PUBLISHED)
    named = pd.DataFrame({"user": ["zoe", "ann", "zoe"], "held_out": "ab", "rank": [1.0, 2.0, 3.0]})
    write_users(named, built.path)
    (path,) = publish([built], tmp_path / "results")
    values = read_users(path)
    assert values.to_dict("list") == {"user": [1, 0, 1], "rank": [1.0, 2.0, 3.0]}
    users_file(built.path).unlink()
    publish([built], tmp_path / "results")
    assert read_users(path) is None


def test_nothing_is_published_where_users_of_one_cannot_be_read(tmp_path, commit):
    good, cut = (ledger(tmp_path / name, PUBLISHED) for name in ("tiny.json", "cut.json"))
    users_file(cut.path).write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"cut\.users\.parquet cannot be read"):
        publish([good, cut], tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_ledger_of_two_runs_is_not_published(tmp_path, commit):
    built = ledger(tmp_path / "tiny.json", {"a": Estimate(1.0)})
    commit("ba9876543210")
    ledger(built.path, {"b": Estimate(1.0)})
    with pytest.raises(PublicationError, match=r"are of 2 runs \(they differ in commit\)"):
        publish([built], tmp_path / "results")


@pytest.mark.parametrize("name", ["0123456789ab-dirty", "not in a git checkout"])
def test_a_ledger_of_no_commit_is_not_published(tmp_path, commit, name):
    commit(name)
    built = ledger(tmp_path / "tiny.json", PUBLISHED)
    with pytest.raises(PublicationError, match="made of code that is no commit"):
        publish([built], tmp_path / "results")


def test_a_ledger_of_other_parameters_or_precision_is_not_published(tmp_path, commit):
    good = ledger(tmp_path / "demo.json", PUBLISHED, "demo")
    bad = ledger(tmp_path / "tiny.json", PUBLISHED, seed=3, n_clusters=5)
    with pytest.raises(PublicationError, match=r"made with n_clusters=5, seed=3, unlike"):
        publish([good, bad], tmp_path / "results")
    assert not (tmp_path / "results").exists()  # all of them, or none
    quick = Ledger(tmp_path / "quick.json")
    quick.write(PUBLISHED, vars(Parameters(**PRESETS["tiny"])) | {"precision": "bf16"}, "tiny")
    with pytest.raises(PublicationError, match="made with precision=bf16"):
        publish([quick], tmp_path / "results")
    with pytest.raises(FileNotFoundError, match="build the book of this preset"):
        publish([Ledger(tmp_path / "absent.json")], tmp_path / "results")


def test_what_the_data_made_of_a_preset_may_be_published(tmp_path, commit):
    parameters = vars(Parameters(**PRESETS["own"] | {"data": "mine", "n_clusters": 7}))
    built = Ledger(tmp_path / "own.json")
    built.write(PUBLISHED, parameters, "own", fitted={"n_clusters": "7: few pins"}, data="01")
    assert changed_parameters(built.runs()[0]) == {}
    assert publish([built], tmp_path / "results")


def test_the_command_publishes_books_by_preset(tmp_path, commit, capsys, monkeypatch):
    ledger(tmp_path / "results" / "tiny.json", PUBLISHED)
    monkeypatch.setattr(publish, "__defaults__", (tmp_path / "published",))
    assert cli.main(["publish", "tiny", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'published' / 'tiny.json'}\n"
    assert cli.main(["publish", "demo", "--out", str(tmp_path)]) == 1
    assert "no ledger at" in capsys.readouterr().err


# --- the content of data --------------------------------------------------------------------------


def test_content_is_that_of_names_and_bytes_wherever_they_lie(tmp_path):
    rng = np.random.default_rng(0)
    here, there = tmp_path / "here" / "boards", tmp_path / "there" / "boards"
    for name in ("b/2.png", "b/1.png", "a/1.png"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(rng.bytes(100))
    shutil.copytree(here, there)
    before = content_digest([here])
    assert content_digest([there]) == before
    (there / ".DS_Store").write_bytes(b"of the system")
    assert content_digest([there]) == before
    (there / "b" / "1.png").rename(there / "b" / "3.png")
    assert content_digest([there]) != before
    (here / "a" / "1.png").write_bytes(rng.bytes(100))
    assert content_digest([here]) != before
    with pytest.raises(FileNotFoundError):
        content_digest([tmp_path / "gone"])


def test_a_report_of_equal_ledgers_has_no_table_of_differences(tmp_path):
    made, counts = report(compared(tmp_path))
    assert made["commit"][0] == made["commit"][1]
    assert counts["numbers"].tolist() == [5, 0, 0]
    assert BOUND < 0.1


def test_a_ledger_is_not_compared_with_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "make_ledger", lambda *_: pytest.fail("pages were made"))
    (tmp_path / "results").mkdir()
    own = ledger(tmp_path / "results" / "tiny.json", PUBLISHED)
    with pytest.raises(ValueError, match="would be compared with itself"):
        verify.verify(own, out=tmp_path)


def test_what_is_no_ledger_is_refused_in_words(capsys):
    assert cli.main(["verify", str(ROOT / "results" / "benchmarks" / "coverage.json")]) == 1
    assert "coverage.json is no ledger" in capsys.readouterr().err


@pytest.mark.slow
def test_threads_do_not_depend_on_which_library_has_run():
    code = (
        "import torch\n"
        "from visprof.machine import hardware\n"
        "from visprof.text import ParagraphVectors\n"
        "print(hardware()['threads'])\n"
        "ParagraphVectors(2, epochs=1).fit(['apple apple']).transform(['apple'])\n"
        "print(hardware()['threads'])\n"
    )
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True, cwd=ROOT, env=one_thread, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["2", "2"]
