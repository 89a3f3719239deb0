"""What the text says of numbers: each branch of each sentence, whole."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import pandas as pd
import pytest

from visprof import sentences, tables
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger


@pytest.mark.parametrize("package", [sentences, tables], ids=lambda package: package.__name__)
def test_each_name_is_of_one_module_and_none_is_a_modules(package):
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    given = [
        name
        for module in modules
        for name in importlib.import_module(f"{package.__name__}.{module}").__all__
    ]
    assert len(set(given)) == len(given)
    assert not set(given) & set(modules)
    assert all(hasattr(package, name) for name in given)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("pairs.differ", "51.2% (40.0% to 62.5%)"),
        ("plane.pins.preservation", "51.2% (40.0% to 62.5%)"),
        ("plane.pins.trust", "0.512 (0.400 to 0.625)"),
        ("plane.scenes.purity.plane-embedding", "0.512 (0.400 to 0.625)"),
        ("mrr.image.50", "0.512 (0.400 to 0.625)"),
        ("map.hybrid", "0.512 (0.400 to 0.625)"),
    ],
)
def test_shares_are_written_in_per_cent_and_the_rest_with_three_decimals(key, said):
    assert sentences.shown(key, Estimate(0.51234, 0.4, 0.625)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"),
        (False, "no"),
        (5790, "5,790"),
        (0.5, "0.5"),
        (1e-5, "1e-05"),
        ("hellinger",) * 2,
    ],
)
def test_parameters_are_written_as_short_as_they_are(value, said):
    assert sentences.plain(value) == said


def test_the_neighbourhood_is_told_for_scenes_where_it_is_another():
    pins = pd.DataFrame({"board": ["a", "b"] * 40})
    scenes = pd.DataFrame({"label": ["x"] * 80})
    same = sentences.map_sizes(pins, scenes, 16, 9)
    assert same["k"] == sentences.map_sizes(pins, scenes, 16, 9)["k"]
    assert "scene" not in same["k"]
    assert (same["pins.n"], same["n_boards"], same["n_classes"], same["n_shown"]) == ("80", 2, 1, 9)
    few = sentences.map_sizes(pins, scenes.head(5), 16, 9)["k"]
    assert few.startswith(same["k"])
    assert few.endswith(")")
    assert "(of a scene, " in few


def test_the_caption_of_the_map_says_how_many_pins_it_shows():
    assert "</strong>, all 1,500 pins, each" in sentences.map_caption(1500, 1500)
    assert "</strong>, 1,000 of the 1,500 pins, each" in sentences.map_caption(1000, 1500)


def parts(*stands):
    return pd.DataFrame(
        {"number": [f"number {i}" for i in range(len(stands))], "one seed alone": stands}
    )


@pytest.mark.parametrize(
    ("stands", "said"),
    [
        (["", ""], "With one seed, nothing can be said of how much the seeds matter."),
        (
            ["all 10", "", "all 10"],
            "Each of the 2 verdicts would stand with any one of the seeds alone.",
        ),
        (
            ["all 10", "9 of 10", "3 of 10"],
            "Of 3 verdicts, 2 would not be the same with each seed alone: number 1 (9 of 10); "
            "number 2 (3 of 10).",
        ),
    ],
)
def test_verdicts_that_waver_are_named(stands, said):
    assert sentences.wavering(parts(*stands)) == said


def test_the_part_of_the_seeds_is_told_as_a_share_of_the_variance():
    parts = pd.DataFrame({"sd_units": [3.0, 1.0, 0.0], "sd_seeds": [4.0, 0.0, 0.0]})
    assert sentences.parts_of_seeds(parts) == (
        "The part of the seeds is from 0% to 64% of the variance"
    )
    assert sentences.parts_of_seeds(parts[2:]) == "No number has a part of the seeds"


def test_one_seed_is_not_compared_with_itself():
    assert sentences.one_seed_alone(1) == ""
    assert sentences.one_seed_alone(10) == (
        ": the square of the bar of the seeds would be 10 times what it is here"
    )


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ([], "None"),
        (["mrr.image.50"], "1"),
        (
            ["plane.pins.trust", "plane.scenes.trust"],
            "2, all of them measures of the map of chapter 4,",
        ),
        (
            ["mrr.image.50", "plane.pins.trust"],
            "2, of which 1 are measures of the map of chapter 4,",
        ),
    ],
)
def test_what_moved_is_told_apart_from_the_map(moved, said):
    kept = {
        "times": 10,
        "size": 5e-6,
        "half_widths": {"map.hybrid": 0.01} | dict.fromkeys(moved, 0.5),
        "changed_verdicts": [{"number": "a"}, {"number": "a"}],
    }
    found = sentences.rounding(kept, 0.01)
    assert found["moved"] == said
    assert (found["size"], found["n_numbers"], found["n_changed"]) == ("5e-6", 1 + len(moved), 1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "none yet beside the one that made them"),
        ([("a", "yes")], "1, with 1 of 1 verifications passed"),
        ([("a", "yes"), ("a", "no"), ("b", "yes")], "2, with 2 of 3 verifications passed"),
    ],
)
def test_machines_are_counted(rows, said):
    verified = pd.DataFrame(rows, columns=["machine", "verified"])
    assert sentences.machines(verified) == said


def test_coverage_is_told_by_its_least():
    rows = [{"users and seeds": 0.905}, {"users and seeds": 0.95}]
    kept = {"settings": {"studies": 400, "users": 30, "seeds": 10}, "coverage": rows}
    assert sentences.coverage(kept) == {
        "n_studies": 400, "study_users": 30, "study_seeds": 10, "least_covered": "90.5%"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.2, "beat"), (-0.3, -0.1, "fall behind"), (-0.1, 0.1, "are not told apart from")],
)
def test_the_front_page_says_how_clusters_do(low, high, said):
    cards = {
        "simulated world": pd.DataFrame({"verdict": ["holds", "holds", "not resolved"]}),
        "wallpaper boards": pd.DataFrame({"verdict": ["holds", "does not hold", "not tested"]}),
    }
    null = {"null.rule.soft.100": Estimate(0.061), "null.rule.soft.1000": Estimate(0.72)}
    leakage = pd.DataFrame(
        {"profile": ["image", "image", "palette"], "repeat_share": [0.0, 0.2, 0.0],
         "value": [0.08, 0.21, 0.5]}
    )  # fmt: skip
    lead = Estimate((low + high) / 2, low, high)
    found = sentences.front_page(cards, "demo", null, leakage, lead, Estimate(0.04))
    few = dataclasses.replace(lead, n=24)
    undecided = sentences.front_page(cards, "demo", null, leakage, few, Estimate(0.06))
    assert undecided["clusters"] == "are not told apart from"
    assert found["clusters"] == said
    assert found["n_hold"] == "2 hold on the simulated world, 1 hold on the wallpaper boards"
    assert (found["own"], found["n_claims"]) == ("simulated world", 3)
    assert (found["fresh"], found["repeated"]) == ("0.080", "0.210")
    assert (found["rule.few"], found["rule.many"]) == ("6.1%", "72%")


def test_arithmetic_is_told_in_words():
    assert sentences.precision("fp32") == "single precision"
    assert sentences.precision("bf16") == "bfloat16"


def confirmed(folder, **run):
    ledger = Ledger(folder / f"{run['times']}.json")
    confirms = {"rules": "0123456789ab", "times": run["times"]}
    ledger.write({"a": Estimate(1.0)}, {"data": "apart"}, "boards", None, "d", confirms)
    return ledger


def test_data_that_were_asked_are_named_with_how_many_times(tmp_path):
    assert sentences.confirmations([]) == "No other data have been asked yet"
    one, two = confirmed(tmp_path, times=1), confirmed(tmp_path, times=2)
    asked = "the folder apart (preset boards) was asked {}, by the rules of commit 0123456789ab"
    assert sentences.confirmations([one]) == (
        f"Of data that no rule had seen, {asked.format('once')}"
    )
    assert sentences.confirmations([one, two]) == (
        f"Of data that no rule had seen, {asked.format('once')}; {asked.format('2 times')}"
    )
