"""Tables of the labelled scenes: every cell as it is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from shown_tables import shown

from visprof import retrieval, tables
from visprof.intervals import Estimate
from visprof.tables.scenes import METHODS


def test_table_1_has_a_row_a_method_in_both_readings():
    numbers = {
        f"map.{method}{end}": Estimate(place / 8 + extra, 0, 1)
        for place, method in enumerate(METHODS)
        for end, extra in (("", 0), (".area", 0.0625))
    }
    assert shown(tables.retrieval_scores(numbers)) == [
        ["method", "paper", "mAP", "area under averaged curve"],
        ["Hybrid CNN", "0.134", "0.000 (0.000 to 1.000)", "0.062 (0.000 to 1.000)"],
        ["CNN alone", "0.132", "0.125 (0.000 to 1.000)", "0.188 (0.000 to 1.000)"],
        ["SIFT + BoW", "0.019", "0.250 (0.000 to 1.000)", "0.312 (0.000 to 1.000)"],
        ["Random", "0.005", "0.375 (0.000 to 1.000)", "0.438 (0.000 to 1.000)"],
        ["Siamese alone (our addition)", "", "0.500 (0.000 to 1.000)", "0.562 (0.000 to 1.000)"],
        [
            "Siamese before training (our addition)", "", "0.625 (0.000 to 1.000)",
            "0.688 (0.000 to 1.000)",
        ],
        [
            "Hybrid, blocks scaled (our addition)", "", "0.750 (0.000 to 1.000)",
            "0.812 (0.000 to 1.000)",
        ],
    ]  # fmt: skip


def test_curves_bear_the_names_of_the_table_and_leave_out_chance_and_the_untrained():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 5)
    ranking = {
        method: retrieval.ranking_metrics(rng.normal(size=(10, 3)), labels)
        for method in METHODS
        if method != "random"
    }
    curves = tables.retrieval_curves(ranking)
    assert list(curves) == [
        "Hybrid CNN", "CNN alone", "SIFT + BoW", "Siamese alone (our addition)",
        "Hybrid, blocks scaled (our addition)",
    ]  # fmt: skip
    for method in ("hybrid", "scaled"):
        precision, recall = curves[METHODS[method][0]]
        assert precision is ranking[method].precision
        assert recall is ranking[method].recall


def test_classes_are_shown_for_the_papers_methods():
    by_class = pd.DataFrame(
        {"siamese": [0.1, 0.2], "bow": [0.3, 0.4], "hybrid": [0.5, 0.6], "cnn": [0.7, 0.8]},
        index=["sea", "hill"],
    )
    found = tables.class_scores(by_class)
    assert found.to_dict("split") == {
        "index": ["sea", "hill"],
        "columns": ["Hybrid CNN", "CNN alone", "SIFT + BoW"],
        "data": [[0.5, 0.7, 0.3], [0.6, 0.8, 0.4]],
    }


def test_each_step_of_the_order_has_a_verdict_in_both_readings():
    above, below, undecided = (
        Estimate(0.1, 0.05, 0.2),
        Estimate(-0.1, -0.2, -0.05),
        Estimate(0, -1, 1),
    )
    numbers = {
        "map.hybrid-cnn": above, "map.hybrid-cnn.area": undecided,
        "map.cnn-bow": undecided, "map.cnn-bow.area": below,
        "map.bow-random": below, "map.bow-random.area": above,
    }  # fmt: skip
    in_words = {
        above: "0.100 (0.050 to 0.200)",
        below: "-0.100 (-0.200 to -0.050)",
        undecided: "0.000 (-1.000 to 1.000)",
    }
    assert shown(tables.order_steps(numbers)) == [
        ["step of the order", "difference, mAP", "difference, area under averaged curve",
         "verdict (mAP)", "verdict (area)"],
        ["Hybrid CNN > CNN alone", in_words[above], in_words[undecided], "holds", "not resolved"],
        ["CNN alone > SIFT + BoW", in_words[undecided], in_words[below], "not resolved",
         "does not hold"],
        ["SIFT + BoW > Random", in_words[below], in_words[above], "does not hold", "holds"],
    ]  # fmt: skip
