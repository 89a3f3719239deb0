"""Claims put to data that no rule has seen."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from visprof import cli, confirm
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger
from visprof.results.publish import PublicationError
from visprof.results.verdicts import HOLDS, UNANSWERABLE

NUMBERS = {
    "map.hybrid-cnn": Estimate(0.1, 0.05, 0.2), "map.hybrid-cnn.area": Estimate(0.1, 0.05, 0.2),
    "map.hybrid": Estimate(0.3),
    "map.cnn": Estimate(0.2), "mrr.image.50": Estimate(0.4, 0.3, 0.5),
    "mrr.random": Estimate(0.1),
}  # fmt: skip


class FoundStudy:
    """What a study has found, without looking for it."""

    def __init__(self, preset, data, **parameters):
        self.preset, self.parameters = preset, {"train_sizes": (10, 50), **parameters}
        self.training_scenes = parameters.get("training_scenes", "own")
        self.train_sizes, self.threshold = (10, 50), 2.0

    def __getitem__(self, step):
        assert step == "data_digest"
        return "d" * 64

    def headline(self):
        return NUMBERS

    def record(self, numbers, path, confirms):
        Ledger(path).write(
            numbers, self.parameters, self.preset, None, self["data_digest"], confirms
        )


@pytest.fixture
def committed(monkeypatch, tmp_path):
    """A folder of data, a clean checkout, and a study that has found something."""
    monkeypatch.setattr(confirm, "Study", FoundStudy)
    monkeypatch.setattr(confirm, "provenance", lambda: {"commit": "0123456789ab"})
    monkeypatch.setattr(confirm, "RESULTS", tmp_path / "results")
    data = tmp_path / "data"
    data.mkdir()
    return data


def test_every_claim_is_put_once_and_runs_are_counted(committed, tmp_path):
    first = confirm.confirm(committed, folder=tmp_path / "kept")
    verdicts = first.card.set_index("name")["verdict"]
    assert verdicts["hybrid-above-cnn"] == verdicts["image-above-random"] == HOLDS
    assert verdicts["image-above-text"] == UNANSWERABLE
    (run,) = first.ledger.runs()
    assert run["confirms"] == {"rules": first.rules, "times": 1}
    assert len(first.rules) == 12
    again = confirm.confirm(committed, folder=tmp_path / "kept")
    assert (first.times, again.times) == (1, 2)
    assert again.ledger.runs()[0]["confirms"]["times"] == 2
    begun = json.loads((tmp_path / "kept" / f"boards-{'d' * 12}.runs.json").read_text())
    assert [run["commit"] for run in begun] == ["0123456789ab"] * 2


def test_a_run_that_fails_is_counted_too(committed, tmp_path, monkeypatch):
    monkeypatch.setattr(FoundStudy, "headline", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        confirm.confirm(committed, folder=tmp_path / "kept")
    monkeypatch.undo()
    monkeypatch.setattr(confirm, "Study", FoundStudy)
    monkeypatch.setattr(confirm, "provenance", lambda: {"commit": "0123456789ab"})
    assert confirm.confirm(committed, folder=tmp_path / "kept").times == 2


def test_data_that_hold_too_little_begin_no_run(committed, tmp_path, monkeypatch):
    def fit(study):
        raise ValueError("the data hold too little")

    monkeypatch.setattr(FoundStudy, "__init__", lambda *given, **named: None)
    monkeypatch.setattr(FoundStudy, "parameters", property(fit), raising=False)
    with pytest.raises(ValueError, match="too little"):
        confirm.confirm(committed, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("commit", ["0123456789ab-dirty", "not in a git checkout"])
def test_rules_that_are_not_committed_are_refused(committed, tmp_path, monkeypatch, commit):
    monkeypatch.setattr(confirm, "provenance", lambda: {"commit": commit})
    with pytest.raises(PublicationError, match="commit what was changed, so that the rules"):
        confirm.confirm(committed, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_data_of_a_published_ledger_are_refused(committed, tmp_path):
    Ledger(tmp_path / "results" / "boards.json").write(NUMBERS, {}, "boards", None, "d" * 64)
    with pytest.raises(ValueError, match=r"holds the data of boards\.json, whose numbers"):
        confirm.confirm(committed, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_drawn_scenes_say_nothing_of_the_data(committed, tmp_path):
    found = confirm.confirm(committed, "own", {"training_scenes": "simulated"}, tmp_path / "kept")
    assert found.card.set_index("name")["verdict"]["hybrid-above-cnn"] == UNANSWERABLE
    assert "map.hybrid" not in found.ledger.read()


def test_the_command_tells_verdicts_and_how_many_times(committed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        confirm, "confirm", lambda *_: SimpleNamespace(
            card=confirm.scorecard(NUMBERS, 50, 2.0), rules="0123", times=2, ledger=Ledger("x.json")
        )
    )  # fmt: skip
    assert cli.main(["confirm", str(committed), "-p", "n_clusters=9"]) == 0
    printed = capsys.readouterr().out
    assert "cannot be answered with these data" in printed
    assert "rules of commit 0123, put to these data for time number 2: x.json" in printed


def test_no_folder_is_told(tmp_path, capsys):
    assert cli.main(["confirm", str(tmp_path / "none")]) == 1
    assert "data: there is no folder" in capsys.readouterr().err
