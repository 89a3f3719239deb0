"""Tables of the labelled scenes: every cell as it is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from shown_tables import shown

from visprof import retrieval, tables
from visprof.intervals import Estimate
from visprof.tables.scenes import METHODS


def test_table_1_has_a_row_a_method_in_both_readings_on_classes_seen_and_unseen():
    numbers = {
        f"map.{where}{method}{end}": Estimate(place / 8 + extra, 0, 1)
        for place, method in enumerate(METHODS)
        for where, shift in (("", 0), ("heldout.", 0.03125))
        for end, extra in (("", shift), (".area", 0.0625))
        if not where or method in ("hybrid", "random")
    }
    found = shown(tables.retrieval_scores(numbers))
    assert found[0] == [
        "method", "paper", "mAP", "area under averaged curve", "unseen classes: mAP",
        "unseen classes: area under averaged curve",
    ]  # fmt: skip
    assert found[1] == [
        "Hybrid CNN", "0.134", "0.000 (0.000 to 1.000)", "0.062 (0.000 to 1.000)",
        "0.031 (0.000 to 1.000)", "0.062 (0.000 to 1.000)",
    ]  # fmt: skip
    assert found[2] == [
        "CNN alone", "0.132", "0.125 (0.000 to 1.000)", "0.188 (0.000 to 1.000)", "", ""
    ]  # fmt: skip
    assert [row[:2] for row in found[3:]] == [
        ["SIFT + BoW", "0.019"],
        ["Random", "0.005"],
        ["Hybrid, blocks scaled (our addition)", ""],
        ["Siamese alone (our addition)", ""],
        ["Siamese before training (our addition)", ""],
        ["Linear probe (our addition)", ""],
        ["Linear discriminants (our addition)", ""],
    ]


def test_curves_bear_the_names_of_the_table_and_leave_out_chance_and_the_untrained():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 5)
    ranking = {
        method: retrieval.ranking_metrics(rng.normal(size=(10, 3)), labels)
        for method in METHODS
        if method in ("hybrid", "cnn", "bow", "siamese", "scaled")
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


def test_of_many_classes_the_worst_middling_and_best_are_shown():
    scores = np.random.default_rng(0).permutation(100) / 100
    by_class = pd.DataFrame({"hybrid": scores, "cnn": 0.0, "bow": 0.0})
    found = tables.class_scores(by_class)["Hybrid CNN"].tolist()
    middle = [*range(10), *range(45, 55), *range(90, 100)]
    np.testing.assert_allclose(found, np.array(middle) / 100)
    assert len(tables.class_scores(by_class[:31])) == len(tables.class_scores(by_class[:30])) == 30


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
        "map.hybrid-probe": below, "map.hybrid-probe.area": below,
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
        ["Hybrid CNN > Linear probe", in_words[below], in_words[below], "does not hold",
         "does not hold"],
    ]  # fmt: skip
    unseen = {"map.heldout.hybrid-cnn": above, "map.heldout.hybrid-cnn.area": above}
    assert shown(tables.order_steps(numbers | unseen))[4][0] == (
        "Hybrid CNN > CNN alone, on unseen classes"
    )
