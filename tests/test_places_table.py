"""The record of the paper's training: tables of several logs, and what the book says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shown_tables import shown

from benchmarks import places_table
from visprof import sentences, tables
from visprof.results.trainings import TRAININGS
from visprof.retrieval import held_out_classes, random_mean_ap
from visprof.scene_table import rank_embeddings, with_hybrids

LABELS = np.repeat([f"c{k}" for k in range(8)], 6)
LEARNT = ("hybrid", "scaled", "siamese")
LOG = {"iteration": [1, 2], "loss": [3.0, 2.0], "active_share": [0.5, 0.25]}
SETTINGS = {"margin": 20.0, "lr_last": 1e-3, "n_iterations": 2}


def ranked(shown=slice(None), seed=0, **others):
    """Readings of a network's embeddings of some of the photographs, as a log keeps them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(LABELS), 5)) + np.unique(LABELS, return_inverse=True)[1][:, None]
    embeddings = with_hybrids(x[shown, :3], x[shown, 3:])
    embeddings |= {name: x[shown, :k] for name, k in others.items()}
    return {name: of.record() for name, of in rank_embeddings(embeddings, LABELS[shown]).items()}


def job(*args, **others):
    return {"settings": SETTINGS, "log": LOG, "ranked": ranked(*args, **others)}


@pytest.fixture
def logs(tmp_path):
    """Two logs: all runs on the published network, and one from scratch."""
    folds = {
        f"fold-{deal}-{k}": job(held_out_classes(LABELS, deal)[1 - k], 10 * deal + k, probe=2)
        for deal in (0, 1)
        for k in (0, 1)
    }
    unseen = {f"run-unseen-{k + 1}": {"ranked": ranked(held_out_classes(LABELS, 0)[1 - k], k)}
              for k in (0, 1)}  # fmt: skip
    every = {
        "last-layer": job(probe=2), "bow": {"ranked": {"bow": ranked(seed=7)["cnn"]}},
        "run-all-layers": {"ranked": ranked(seed=1)}, "last-margin-1.0": job(seed=3),
    }  # fmt: skip
    run = {"settings": SETTINGS, "log": LOG, "seconds": 1800.0, "test_photographs": 48}
    first = {
        "device": "a card", "jobs": every | folds | unseen | {"origin": {"commit": "abc"}},
        "runs": dict.fromkeys(("all-layers", "unseen-1", "unseen-2"), run),
    }  # fmt: skip
    second = {
        "device": "another", "classifier": {"test_accuracy": 0.15},
        "jobs": {"last-layer": job(seed=99), "run-alexnet": {"ranked": ranked(seed=5)}},
        "runs": {"alexnet": run},
    }  # fmt: skip
    paths = [tmp_path / f"{number}.json" for number in (1, 2)]
    for path, log in zip(paths, (first, second), strict=True):
        path.write_text(json.dumps(log))
    return paths


def record_of(logs, folder):
    places_table.main([*map(str, logs), "--folder", str(folder), "--name", "made"])
    return json.loads((folder / "made.json").read_text())


def test_logs_are_one_record_and_the_first_has_precedence(logs, tmp_path):
    record = record_of(logs, tmp_path)
    assert [of["device"] for of in record["sessions"]] == ["a card", "another"]
    assert record["run"] == record["sessions"][0]["run"] == {"commit": "abc"}
    assert record["hours"] == 2.0
    assert record["classifier"] == {"test_accuracy": 0.15}
    assert {*record["trainings"]} >= {"all-layers", "alexnet", "fold-1-1", "last-layer"}
    found = record["tables"]
    expected = ranked(probe=2)
    for name in ("hybrid", "cnn", "probe"):
        assert found["all classes"][name]["mean_ap"]["value"] == expected[name]["values"][0]
    assert found["all classes"]["random"]["mean_ap"]["value"] == random_mean_ap(LABELS)
    every = ranked(seed=1)["siamese"]["values"][1]
    assert found["all classes"]["siamese, all layers"]["pr_area"]["value"] == every
    assert {*found["alexnet from scratch"]} >= {*LEARNT, "cnn", "hybrid-cnn", "random"}
    margins = {(row["layers"], row["network"]) for row in record["margins"]}
    assert margins == {
        ("last", "last-layer"), ("last", "last-margin-1.0"), ("all", "run-all-layers")
    }  # fmt: skip


def test_unseen_classes_are_a_mean_over_splits_of_joined_halves(logs, tmp_path):
    record = record_of(logs, tmp_path)
    mean, first = (record["tables"][of] for of in ("unseen classes", "unseen classes, first split"))
    halves = [
        ranked(held_out_classes(LABELS, deal)[1 - k], 10 * deal + k)["cnn"]["values"][0]
        for deal in (0, 1)
        for k in (0, 1)
    ]  # all of the same number of queries
    assert mean["cnn"]["mean_ap"]["value"] == pytest.approx(np.mean(halves))
    assert first["cnn"]["mean_ap"]["value"] == pytest.approx(np.mean(halves[:2]))
    assert "hybrid, all layers-cnn" in first
    assert mean["random"]["mean_ap"]["value"] == pytest.approx(random_mean_ap(LABELS[:24]))


def test_tables_of_the_book_have_the_cells_of_a_record(logs, tmp_path):
    record = record_of(logs, tmp_path)
    scores = {row[0]: row[1:] for row in shown(tables.training_scores(record))}
    cell = record["tables"]["all classes"]["hybrid, all layers"]["mean_ap"]
    assert scores["Hybrid CNN, all layers learn"][:2] == [
        "0.134", f"{cell['value']:.4f} ({cell['low']:.4f} to {cell['high']:.4f})"
    ]  # fmt: skip
    assert scores["SIFT + BoW"][3:] == ["", ""]  # on unseen classes it was not ranked
    leads = shown(tables.training_leads(record))
    cell = record["tables"]["all classes"]["cnn-bow"]["mean_ap"]
    assert leads[-2][:2] == ["CNN alone", "SIFT + BoW"]
    assert leads[-2][2].startswith(f"{cell['value']:.4f} ({cell['low']:.4f} to")
    assert shown(tables.margin_sweep(record))[1][:6] == ["all", "20", "0.001", "2", "50%", "25%"]
    assert tables.training_logs(record) == {"all layers": LOG, "last layer": LOG}


@pytest.mark.parametrize(
    ("seen", "unseen", "larger", "said"),
    [
        (0.001, 0.001, 0.001, "comes back with a hundred classes, also on classes that the "
         "distance has not seen; when all layers learn, it is larger"),
        (0.001, -0.1, -0.1, "comes back with a hundred classes, but not on classes that the "
         "distance has not seen"),
        (-0.1, 0.001, 0.001, "does not come back"),
    ],
)  # fmt: skip
def test_what_the_training_means_for_the_claim(seen, unseen, larger, said):
    record = json.loads((TRAININGS / "places.json").read_text())
    for protocol, row, low in (
        ("all classes", "hybrid-cnn", seen), ("unseen classes", "hybrid-cnn", unseen),
        ("all classes", "hybrid, all layers-hybrid", larger),
    ):  # fmt: skip
        record["tables"][protocol][row]["mean_ap"] = {"value": 0.1, "low": low, "high": 0.2}
    claim = sentences.paper_training(record)["places.claim"]
    assert (
        claim == f"The paper's {'tiny ' * (seen > 0)}lead of the hybrid over the CNN alone {said}"
    )


def test_leads_are_told_with_their_intervals():
    record = json.loads((TRAININGS / "places.json").read_text())
    cells = record["tables"]["all classes"]
    cells["hybrid-cnn"]["mean_ap"] = {"value": 0.25, "low": 0.125, "high": 0.5}
    cells["scaled-cnn"]["mean_ap"] = {"value": -0.25, "low": -0.5, "high": -0.125}
    cells["siamese-cnn"]["mean_ap"] = {"value": 0.25, "low": -0.5, "high": 1.0}
    said = sentences.paper_training(record)
    assert said["places.last.seen"] == "ahead by 0.2500 (0.1250 to 0.5000)"
    assert said["places.scaled.seen"] == "behind by 0.2500 (0.1250 to 0.5000)"
    assert said["places.siamese.seen"] == "not told apart (difference 0.2500 (-0.5000 to 1.0000))"


def test_a_training_of_the_readers_own_is_told():
    published = json.loads((TRAININGS / "places.json").read_text())
    none = sentences.own_trainings({"places": published, "no-test": {"table": {}}})
    assert none == {"own_trainings": "There is no training of your own among the records"}
    cell = {"mean_ap": {"value": 0.25, "low": 0.125, "high": 0.5}}
    own = {
        "table": dict.fromkeys(("hybrid", "cnn", "hybrid-cnn"), cell), "photographs": 1600,
        "classes": 10, "hours": 0.125, "device": "cpu",
    }  # fmt: skip
    assert sentences.own_trainings({"holidays": own, "places": published})["own_trainings"] == (
        "Your own training “holidays” (1,600 photographs of 10 classes, 0.12 hours, cpu) gave "
        "hybrid 0.2500 and CNN 0.2500, the hybrid ahead by 0.2500 (0.1250 to 0.5000)"
    )
