"""Sentences of the labelled scenes, each branch."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from visprof import sentences
from visprof.intervals import Estimate

ABOVE, BELOW, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)


def test_test_scenes_are_counted_with_their_classes():
    test = pd.DataFrame({"label": ["sea"] * 1200 + ["hill"] * 3 + ["lake"] * 40})
    assert sentences.labelled_scenes(test) == {
        "n_test": "1,243", "n_classes": 3, "smallest_class": 3, "largest_class": 1200
    }  # fmt: skip


def test_what_the_network_knows_is_told_with_its_interval():
    assert sentences.known_scenes(Estimate(0.8124, 0.75, 0.9)) == {
        "top5": "Before any training of ours, the CNN has the right class among its first five "
        "guesses for 81.2% (75.0% to 90.0%) of the scenes, for training and test, whose class it "
        "knows by name."
    }
    assert sentences.known_scenes(None) == {
        "top5": "The CNN has no class by the name of one of these scenes."
    }


@pytest.mark.parametrize(("first", "second"), [(1, 2), (1, 4), (3, 7)])
def test_the_worked_average_precision_is_scikit_learns(first, second):
    ranks = np.arange(1, 11)
    found = average_precision_score(np.isin(ranks, [first, second]), -ranks)
    assert sentences.worked_average_precision(first, second) == {
        "worked.first": first,
        "worked.second": second,
        "worked.precision.first": f"{1 / first:.2f}",
        "worked.precision.second": f"{2 / second:.2f}",
        "worked.ap": f"{found:.2f}",
    }


def test_classes_are_compared_and_the_hardest_and_easiest_named():
    by_class = pd.DataFrame(
        {"hybrid": [0.5, 0.25, 0.75], "cnn": [0.4, 0.25, 0.8], "bow": [0.1, 0.2, 0.9]},
        index=["open_sea", "old_town_hall", "lake_by_night"],
    )
    assert sentences.class_by_class(by_class) == {
        "n_ahead": 1,
        "hardest": "old town hall",
        "hardest.map": 0.25,
        "easiest": "lake by night",
        "easiest.map": 0.75,
    }


def differences(mean_ap, area):
    steps = ("hybrid-cnn", "cnn-bow", "bow-random")
    return {
        "map.hybrid": Estimate(0.5),
        "map.scaled": Estimate(0.625),
        "map.siamese": Estimate(0.25),
        "map.probe": Estimate(0.75),
        "map.cnn_share": Estimate(0.9512),
        "map.siamese-untrained": BELOW,  # no part of the paper's order
        **{f"map.{step}": found for step, found in zip(steps, mean_ap, strict=True)},
        **{f"map.{step}.area": found for step, found in zip(steps, area, strict=True)},
    }


@pytest.mark.parametrize("found", [*product([ABOVE, OPEN, BELOW], repeat=3)])
def test_the_whole_order_is_as_sure_as_its_weakest_step(found):
    weakest = (
        "does not hold" if BELOW in found else "not resolved" if OPEN in found else "holds"
    )  # fmt: skip
    rest = {"scaled_gain": "+0.125", "siamese_gain": "-0.250", "probe_gain": "+0.250",
            "cnn_share": "95.1%"}  # fmt: skip
    said = {"order": weakest, "order.area": "holds"}
    assert sentences.retrieval_order(differences(found, [ABOVE] * 3)) == said | rest
    said = {"order": "holds", "order.area": weakest}
    assert sentences.retrieval_order(differences([ABOVE] * 3, found)) == said | rest


@pytest.mark.parametrize(
    ("hybrid", "siamese", "n_splits", "said"),
    [
        (ABOVE, BELOW, 3, "halved 3 times), the hybrid is ahead of the CNN alone by mAP "
         "(difference 0.100 (0.050 to 0.200)), and the Siamese network alone falls behind it "
         "(-0.100 (-0.200 to -0.050))."),
        (OPEN, ABOVE, 1, "halved once), the hybrid is not told apart from the CNN alone by mAP "
         "(difference 0.000 (-0.100 to 0.100)), and the Siamese network alone is ahead of it "
         "(0.100 (0.050 to 0.200))."),
    ],
)  # fmt: skip
def test_what_is_found_on_unseen_classes_is_told(hybrid, siamese, n_splits, said):
    numbers = {"map.heldout.hybrid-cnn": hybrid, "map.heldout.siamese-cnn": siamese}
    assert sentences.unseen_classes(numbers, n_splits) == {
        "unseen": f"On classes that training has not seen (the classes were {said}"
    }


def test_too_few_classes_to_hold_some_out_are_told():
    assert sentences.unseen_classes({}, 3) == {
        "unseen": "These data have too few classes to keep half of them from training."
    }


def test_coverage_of_intervals_over_classes_is_told_of_differences():
    row = {"number": "difference of mAP", "classes": 8, "jackknife and t": 0.91, "percentile": 0.8}
    other = row | {"classes": 20, "jackknife and t": 0.94, "percentile": 0.9}
    area = {"number": "difference of area", "classes": 8, "jackknife and t": 0.89}
    rows = [row | {"number": "mAP"}, row, other, area]
    kept = {"coverage": rows, "settings": {"studies": 1000}}
    assert sentences.class_coverage(kept) == {
        "covered": "91%, 94%", "covered.area": "89%", "covered.percentile": "80%, 90%",
        "covered.classes": "8, 20",
        "covered.studies": "1,000",
    }  # fmt: skip


def test_right_answers_to_the_queries_shown_are_counted():
    queries = pd.DataFrame({"query": [0, 2], "neighbours": [np.array([1, 2]), np.array([3, 0])]})
    assert sentences.example_answers(["a", "a", "b", "b"], queries) == {"answers": "2 of 4"}
