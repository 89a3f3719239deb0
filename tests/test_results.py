"""Results: estimates, ledger, verdicts and scorecard."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import visprof
from visprof.intervals import Estimate
from visprof.results.chance import chance_parts
from visprof.results.ledger import PAGE, Ledger, LedgerConflictError, estimates
from visprof.results.provenance import checkout_commit, provenance
from visprof.results.publish import changed_parameters
from visprof.results.scorecard import (
    ledger_scorecard,
    scorecard,
    side_by_side,
    verdict_with_seeds,
)
from visprof.results.verdicts import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    UNANSWERABLE,
    verdict,
    verdict_above,
    verdict_of_lead,
    verdicts_by_seed,
)  # fmt: skip


def test_estimate_shows_its_interval_in_the_format_asked():
    assert f"{Estimate(0.1234, 0.1, 0.2):.2f}" == "0.12 (0.10 to 0.20)"
    assert f"{Estimate(0.5):.0%}" == "50%"
    assert Estimate(0.5).interval(".2f") == ""


def test_ledger_keeps_numbers_with_their_provenance(tmp_path):
    ledger = Ledger(tmp_path / "new" / "demo.json")
    assert ledger.read() == {}
    ledger.write({"mrr.image.50": Estimate(0.4, 0.3, 0.5, 80, "users")}, {"seed": 3}, "demo")
    ledger.write({"map.random": Estimate(0.05)}, {"seed": 3}, "demo")
    entries = ledger.read()
    assert list(entries) == ["map.random", "mrr.image.50"]
    entry = entries["mrr.image.50"]
    assert (entry["value"], entry["low"], entry["high"], entry["n"]) == (0.4, 0.3, 0.5, 80)
    assert entry["run"]["parameters"] == {"seed": 3}
    assert len(entry["run"]["source_sha256"]) == 64
    assert "low" not in entries["map.random"]
    assert len(json.loads(ledger.path.read_text())["runs"]) == 1


def test_a_ledger_from_before_a_change_of_names_is_read_by_those_of_now(tmp_path):
    ledger = Ledger(tmp_path / "results.json")
    ledger.write({"a": Estimate(1.0)}, {"world_pins": 20, "seed": 3}, "tiny")
    (run,) = ledger.runs()
    assert run["parameters"] == {"n_simulated_pins": 20, "seed": 3}
    assert ledger.read()["a"]["run"] == run
    assert changed_parameters(run) == {"seed": 3}  # 20 is what the preset tiny has


def test_ledger_forgets_runs_without_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv(PAGE, "06-prediction")  # a page may replace its own numbers
    ledger = Ledger(tmp_path / "demo.json")
    ledger.write({"a": Estimate(1.0)}, {"seed": 1}, "demo")
    ledger.write({"a": Estimate(2.0)}, {"seed": 2}, "demo")
    assert ledger.read()["a"]["run"]["parameters"] == {"seed": 2}
    assert len(json.loads(ledger.path.read_text())["runs"]) == 1


def test_a_number_has_one_value_whichever_page_finds_it(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "demo.json")
    monkeypatch.setenv(PAGE, "05-pairwise")
    ledger.write({"a": Estimate(0.25, 0.2, 0.3), "b": Estimate(1.0)}, {"n": 4}, "demo")
    monkeypatch.setenv(PAGE, "index")
    ledger.write({"a": Estimate(0.25, 0.2, 0.3)}, {"n": 4}, "demo")
    before = ledger.path.read_bytes()
    told = r"a is 0.25 \(0.2 to 0.3\) by index and 0.39 by 05-pairwise; a book is one study"
    nearly = Estimate(0.1 + 0.2, float("nan"), 1.0)  # another order of a sum
    ledger.write(
        {"near": Estimate(0.3, float("nan"), 1.0), "n": Estimate(np.float32(0.5), n=np.int64(3))},
        {},
        "demo",
    )
    monkeypatch.setenv(PAGE, "06-prediction")
    ledger.write({"near": nearly, "n": Estimate(0.5, n=3)}, {}, "demo")
    monkeypatch.setenv(PAGE, "index")
    with pytest.raises(LedgerConflictError, match=r"n is 0.5 of 3 by .* and 0.5 of 4 by"):
        ledger.write({"n": Estimate(0.5, n=4)}, {}, "demo")
    before = ledger.path.read_bytes()
    monkeypatch.setenv(PAGE, "05-pairwise")
    with pytest.raises(LedgerConflictError, match=told):
        ledger.write({"a": Estimate(0.39), "c": Estimate(2.0)}, {"n": 8}, "demo")
    assert ledger.path.read_bytes() == before


def test_pages_run_by_hand_into_one_ledger_may_not_disagree(tmp_path):
    ledger = Ledger(tmp_path / "mine.json")
    ledger.write({"a": Estimate(0.25)}, {"n": 4}, "demo")
    ledger.write({"a": Estimate(0.25)}, {"n": 4}, "demo")
    with pytest.raises(LedgerConflictError, match="or delete this one"):
        ledger.write({"a": Estimate(0.5)}, {"n": 5}, "demo")


def test_a_ledger_that_was_cut_is_named(tmp_path):
    (tmp_path / "demo.json").write_bytes(b"")
    with pytest.raises(ValueError, match=r"demo\.json is no ledger, or was cut"):
        Ledger(tmp_path / "demo.json").read()


def test_a_book_whose_pages_disagree_has_no_ledger(tmp_path, monkeypatch):
    for page, value in (("05-pairwise", 0.39), ("index", 0.27)):
        monkeypatch.setenv(PAGE, page)
        Ledger(tmp_path / f"{page}.json").write({"a": Estimate(value)}, {}, "demo")
    parts = [tmp_path / "05-pairwise.json", tmp_path / "absent.json", tmp_path / "index.json"]
    whole = Ledger(tmp_path / "all.json")
    with pytest.raises(LedgerConflictError, match=r"a is 0.39 by 05-pairwise and 0.27 by index"):
        whole.replace_by(parts)
    assert not whole.path.exists()


SEEDED = Estimate(
    0.2, 0.1, 0.3, 40, "users", sd_units=0.03, sd_seeds=0.04,
    by_seed=((0.3, 0.2, 0.4), (0.1, -0.1, 0.25), (0.2, 0.1, 0.3)),
)  # fmt: skip


def test_a_ledger_keeps_what_each_seed_gives_and_reads_it_back_equal(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "demo.json")
    of_numpy = Estimate(
        np.float64(0.2), by_seed=((np.float64(0.3), np.float64(0.2), np.float64(0.4)),)
    )
    ledger.write({"map.hybrid-cnn": SEEDED, "a": of_numpy, "b": Estimate(1.0)}, {}, "demo")
    entries = ledger.read()
    assert estimates(entries) == {"map.hybrid-cnn": SEEDED, "a": of_numpy, "b": Estimate(1.0)}
    assert entries["map.hybrid-cnn"]["by_seed"][1] == [0.1, -0.1, 0.25]
    assert "by_seed" not in entries["b"]
    monkeypatch.setenv(PAGE, "index")
    nearly = tuple(tuple(of * (1 + 1e-12) for of in own) for own in SEEDED.by_seed)
    ledger.write({"map.hybrid-cnn": dataclasses.replace(SEEDED, by_seed=nearly)}, {}, "demo")
    monkeypatch.setenv(PAGE, "04-siamese")
    for wrong in (
        {"sd_seeds": 0.05}, {"by_seed": SEEDED.by_seed[:2]}, {"by_seed": SEEDED.by_seed[::-1]},
    ):  # fmt: skip
        with pytest.raises(LedgerConflictError, match=r"map\.hybrid-cnn is 0\.2 .* by index and"):
            ledger.write({"map.hybrid-cnn": dataclasses.replace(SEEDED, **wrong)}, {}, "demo")


def test_each_seed_has_a_verdict_of_its_own():
    def alone(number, random):
        return verdicts_by_seed("mrr.image.9", {"mrr.image.9": number, "mrr.random": random})

    assert alone(SEEDED, Estimate(0.0)) == ["holds", "not resolved", "holds"]
    assert alone(SEEDED, Estimate(0.3)) == ["not resolved", "does not hold", "not resolved"]
    assert alone(Estimate(0.2, 0.1, 0.3), Estimate(0.0)) == []


def test_what_the_data_made_of_a_preset_is_kept_with_the_run(tmp_path):
    ledger = Ledger(tmp_path / "boards.json")
    ledger.write({"a": Estimate(1.0)}, {}, "boards", fitted={"n_background": "6 boards"})
    assert ledger.read()["a"]["run"]["fitted"] == {"n_background": "6 boards"}


def test_ledger_loses_nothing_when_chapters_write_at_once(tmp_path):
    def write(i):
        Ledger(tmp_path / "all.json").write({f"key{i}": Estimate(i)}, {}, "demo")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert len(Ledger(tmp_path / "all.json").read()) == 12


def test_provenance_names_code_packages_and_machine():
    code = {"visprof", "commit", "source_sha256", "python"}
    assert set(provenance()) == code | {"tested_packages", "installed_packages", "machine"}
    assert provenance() == provenance()  # pages of one book are of one run


def test_the_commit_is_that_of_the_package_and_not_of_what_it_lies_in(tmp_path):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        told = ["git", *who, *words]
        return subprocess.run(told, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    packages = own, installed = tmp_path / "visprof", tmp_path / "env" / "site-packages" / "visprof"
    for package in packages:
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
    nowhere = "not in a git checkout"
    assert [checkout_commit(package) for package in packages] == [nowhere, nowhere]
    (tmp_path / ".gitignore").write_text("env/\n")
    git("init")
    assert checkout_commit(own) == nowhere  # it is not in the repository yet
    git("add", ".")
    git("commit", "-m", "m")
    commit = git("rev-parse", "--short=12", "HEAD").strip()
    assert [checkout_commit(package) for package in packages] == [commit, nowhere]
    git("add", "--force", "env")  # even where somebody keeps the environment with the code
    git("commit", "-m", "m")
    assert checkout_commit(installed) == nowhere
    (own / "__init__.py").write_text("1")
    assert checkout_commit(own).endswith("-dirty")


def test_a_machine_without_git_knows_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout_commit(Path(visprof.__file__).parent) == "not in a git checkout"


def test_a_ledger_names_no_folder_of_the_machine(tmp_path):
    ledger = Ledger(tmp_path / "boards.json")
    ledger.write({"a": Estimate(1.0)}, {"data": "../of/me/pictures"}, "boards", data="0123")
    (run,) = ledger.runs()
    assert run["parameters"]["data"] == "pictures"
    assert run["data_sha256"] == "0123"
    assert "of/me" not in ledger.path.read_text()


def test_rounding_decides_no_verdict():
    assert verdict_above(Estimate(0.5, 0.5 + 1e-11, 0.9), 0.5) == "not resolved"
    assert verdict_above(Estimate(0.5, -0.2, -1e-13), 0) == "not resolved"
    assert verdict_above(Estimate(0.5, 0.5 + 1e-6, 0.9), 0.5) == "holds"


@pytest.mark.parametrize(
    ("key", "decided"),
    [
        ("mrr.image.10", "holds"),  # above the random value
        ("mrr.mean-embedding.10", "does not hold"),  # a hyphen that is no minus
        ("mrr.image-mean-embedding.10", "not resolved"),  # above 0
        ("mrr.image-mean-embedding.10.p", "not significant"),
        ("mrr.image-text.10.p", "significant"),  # 0.05, but for rounding
        ("mrr.image-text.10.p.holm", "not significant"),
        ("pairs.differ", "not resolved"),  # above one half
        ("plane.pins.purity.plane-embedding", "does not hold"),
        ("plane.pins.purity.plane", ""),
        ("mrr.random", ""),
    ],
)
def test_a_key_says_what_its_number_decides(key, decided):
    found = {
        "mrr.image.10": Estimate(0.4, 0.3, 0.5),
        "mrr.mean-embedding.10": Estimate(0.1, 0.05, 0.15),
        "mrr.image-mean-embedding.10": Estimate(0.3, -0.1, 0.7),
        "mrr.image-mean-embedding.10.p": Estimate(0.051),
        "mrr.image-text.10.p": Estimate(0.05 + 1e-15),
        "mrr.image-text.10.p.holm": Estimate(0.1),
        "mrr.random": Estimate(0.2),
        "pairs.differ": Estimate(0.6, 0.4, 0.8),
        "plane.pins.purity.plane": Estimate(0.2, 0.1, 0.3),
        "plane.pins.purity.embedding": Estimate(0.4, 0.3, 0.5),
        "plane.pins.purity.plane-embedding": Estimate(-0.2, -0.3, -0.1),
    }
    assert verdict(key, found) == decided


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "holds"), (-0.1, 0.2, "not resolved"), (-0.2, -0.1, "does not hold"),
     (0.0, 0.2, "not resolved")],
)  # fmt: skip
def test_verdict_follows_the_interval(low, high, verdict):
    assert verdict_above(Estimate((low + high) / 2, low, high), 0) == verdict


@pytest.mark.parametrize(
    ("n", "p_value", "decided"),
    [(49, 0.05, True), (49, 0.06, False), (50, 0.06, True), (None, 0.06, True)],
)
def test_of_few_users_a_lead_needs_the_test_to_agree(n, p_value, decided):
    for low, high, alone in ((0.1, 0.3, HOLDS), (-0.3, -0.1, DOES_NOT_HOLD)):
        lead = Estimate((low + high) / 2, low, high, n)
        assert verdict_of_lead(lead, p_value) == (alone if decided else NOT_RESOLVED)
        found = {"a.b-c": lead, "a.b": lead, "a.c": lead, "a.b-c.p.holm": Estimate(p_value)}
        assert verdict("a.b-c", found) == verdict_of_lead(lead, p_value)
    assert verdict_of_lead(Estimate(0.0, -0.1, 0.1, n), 0.001) == NOT_RESOLVED


def test_verdict_without_interval_is_refused():
    with pytest.raises(ValueError, match="needs an interval"):
        verdict_above(Estimate(1.0), 0)


def numbers(differ, shuffled):
    one = Estimate(0.5, 0.4, 0.6)
    keys = ["hybrid", "cnn", "bow", "hybrid-cnn", "cnn-bow", "bow-random"]
    return {
        **{f"map.{key}{reading}": one for key in keys for reading in ("", ".area")},
        "map.random": Estimate(0.05),
        "pairs.differ": differ,
        "pairs.differ.dealt": shuffled,
        "variance.image.user": Estimate(0.1, 0.05, 0.2),
        "variance.image.user.p": Estimate(0.01),
        "pairs.distance.true": Estimate(0.6),
        "pairs.distance.ceiling": Estimate(0.9),
        "mrr.image.50": one,
        "mrr.text.50": one,
        "mrr.random": Estimate(0.01),
        "mrr.image-text.50": Estimate(-0.1, -0.2, 0.1),
        "mrr.mean-embedding.50": one,
        "mrr.image-mean-embedding.50": Estimate(-0.1, -0.2, -0.05),
    }


def test_scorecard_has_a_row_a_claim_and_needs_the_null_to_be_small():
    most = Estimate(0.9, 0.8, 0.95)
    card = scorecard(numbers(most, Estimate(0.01, 0.0, 0.02)), 50, 2.0)
    verdicts = card.set_index("name")["verdict"]
    of_scenes = ["hybrid-above-cnn", "cnn-above-bow", "bow-above-random"]
    assert verdicts[[*of_scenes, "users-differ-by-z"]].tolist() == [HOLDS] * 4
    assert verdicts["hybrid-above-cnn-unseen"] == UNANSWERABLE  # too few classes to part
    assert verdicts["image-above-random"] == HOLDS
    # the mean embedding wins; this study has no pictures to make a histogram of labels of
    assert verdicts["image-above-text"] == NOT_RESOLVED
    assert verdicts["image-above-mean-embedding"] == DOES_NOT_HOLD
    assert verdicts["image-above-probe-histogram"] == UNANSWERABLE
    card = scorecard(numbers(most, Estimate(0.9, 0.8, 1.0)), 50, 2.0)
    assert card.set_index("name")["verdict"]["users-differ-by-z"] == "does not hold"
    found = numbers(most, most) | {"map.cnn-bow.area": Estimate(0.1, -0.1, 0.3)}
    row = scorecard(found, 50, 2.0).set_index("name").loc["cnn-above-bow"]
    assert row["verdict"] == NOT_RESOLVED  # by the area, though it holds by the mean


def test_a_lower_bound_shows_a_majority_or_nothing_and_no_more_than_the_sessions_allow():
    found = numbers(Estimate(0.9, 0.8, 0.95), Estimate(0.0, 0.0, 0.0))
    row = scorecard(found, 50, 2.0).set_index("name").loc["most-pairs-differ"]
    assert (row["verdict"], row["ours"]) == (
        HOLDS, "at least 60%, of at most 90% that the sessions allow"
    )  # fmt: skip
    found["pairs.distance.true"] = Estimate(0.1)
    row = scorecard(found, 50, 2.0).set_index("name").loc["most-pairs-differ"]
    assert row["verdict"] == NOT_RESOLVED
    found["pairs.distance.ceiling"] = Estimate(0.4)
    row = scorecard(found, 50, 2.0).set_index("name").loc["most-pairs-differ"]
    assert row["verdict"] == UNANSWERABLE


def test_a_kept_ledger_has_the_scorecard_of_its_numbers(tmp_path):
    ledger = Ledger(tmp_path / "kept.json")
    found = numbers(Estimate(0.9, 0.8, 0.95), Estimate(0.01, 0.0, 0.02))
    ledger.write(found, {"train_sizes": (10, 50), "threshold": 2.0}, "demo")
    card = ledger_scorecard(ledger)
    assert card.equals(scorecard(found, 50, 2.0))
    both = side_by_side({"here": card, "there": card})
    assert both.columns.tolist() == ["claim", "the paper", "here", "there"]
    assert both["here"][0] == f"{card['verdict'][0]}: {card['ours'][0]}"


def test_scorecard_counts_the_seeds_that_would_say_the_same_by_themselves():
    most = Estimate(0.9, 0.8, 0.95, by_seed=((0.9, 0.8, 0.95), (0.6, 0.4, 0.8), (0.9, 0.8, 0.95)))
    shuffled = Estimate(0.03, 0, 0.1, by_seed=((0.01, 0, 0.1), (0.02, 0, 0.1), (0.06, 0, 0.1)))
    found = numbers(most, shuffled)
    found["map.hybrid-cnn"] = SEEDED
    found["variance.image.user"] = Estimate(
        0.1, -0.1, 0.3, by_seed=((0.1, -0.1, 0.3), (-0.2, -0.3, -0.1), (0.1, -0.1, 0.3))
    )
    # the random value of the reciprocal rank is 0.01
    found["mrr.image.50"] = Estimate(0.02, 0.015, 0.03, by_seed=((0.02, 0.005, 0.03),) * 3)
    found["mrr.image-text.50"] = Estimate(0.1, -0.1, 0.3, by_seed=((0.1, 0.05, 0.2),) * 3)
    card = scorecard(found, 50, 2.0)
    expected = {
        "hybrid-above-cnn": ("holds", "2 of 3"),
        "cnn-above-bow": ("holds", ""),  # what each seed gives is not known
        # the second is not resolved, the third's null is too large
        "users-differ-by-z": ("holds", "1 of 3"),
        "users-differ-in-mean": ("not resolved", "2 of 3"),
        "most-pairs-differ": ("holds", ""),
        "image-above-random": ("holds", "0 of 3"),
        "image-above-text": ("not resolved", "0 of 3"),
    }
    for name, told in expected.items():
        assert tuple(card.set_index("name").loc[name, ["verdict", "seeds"]]) == told, name
    words = verdict_with_seeds(card)
    assert words[0] == "holds (2 of 3 seeds)"
    assert words[1] == "holds"
    assert side_by_side({"here": card})["here"][0] == f"holds (2 of 3 seeds): {card['ours'][0]}"


def test_a_single_seed_is_not_counted():
    one = Estimate(0.5, 0.4, 0.6, by_seed=((0.5, 0.4, 0.6),))
    found = dict.fromkeys(numbers(one, one), one) | {"map.random": Estimate(0.05)}
    assert set(scorecard(found, 50, 2.0)["seeds"]) == {""}


def test_parts_of_chance_are_those_of_the_variance():
    found = numbers(Estimate(0.9, 0.8, 0.95, sd_units=0.04), Estimate(0.0))
    found = {key: dataclasses.replace(of, sd_units=0.05) for key, of in found.items()}
    table = chance_parts(found | {"map.hybrid-cnn": SEEDED}, 50).set_index("key")
    row = table.loc["map.hybrid-cnn"]
    assert row["value"] == "0.200 (0.100 to 0.300)"
    assert row["part of the seeds"] == "64%"  # 4^2 of 3^2 + 4^2
    assert (row["seeds"], row["verdict"]) == ("0.100 to 0.300", "holds")
    assert row["one seed alone"] == "2 of 3"
    of_one_seed = table.drop(index="map.hybrid-cnn")
    assert (of_one_seed[["part of the seeds", "seeds", "one seed alone"]] == "").all(axis=None)
    assert (of_one_seed["sd_seeds"] == 0).all()
    assert set(of_one_seed.index) == {
        "map.cnn-bow", "map.bow-random", "pairs.differ", "variance.image.user", "mrr.image.50",
        "mrr.image-text.50", "mrr.image-mean-embedding.50",
    }  # fmt: skip
    alike = dataclasses.replace(SEEDED, by_seed=((0.3, 0.2, 0.4),) * 3)
    again = chance_parts(found | {"map.hybrid-cnn": alike}, 50).set_index("key")
    assert again.loc["map.hybrid-cnn", "one seed alone"] == "all 3"


def test_a_ledger_of_one_chapter_has_no_scorecard(tmp_path):
    ledger = Ledger(tmp_path / "part.json")
    ledger.write({"mrr.random": Estimate(0.1)}, {"train_sizes": (10,)}, "demo")
    with pytest.raises(ValueError, match=r"has no number 'pairs\.differ'; build the whole book"):
        ledger_scorecard(ledger)


def test_no_p_value_is_not_significant():
    assert verdict("a.p", {"a.p": Estimate(float("nan"))}) == "not significant"


@pytest.mark.parametrize("content", ["[]", "{}", '{"numbers": {}}', '{"numbers": 1, "runs": {}}'])
def test_a_file_that_holds_no_numbers_is_no_ledger(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(ValueError, match=r"other\.json is no ledger"):
        Ledger(tmp_path / "other.json").runs()
