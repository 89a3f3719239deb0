"""Tables of the prediction: every cell as it is shown."""

from __future__ import annotations

import figure_examples
import pandas as pd
from shown_tables import shown

from visprof import figures, tables
from visprof.intervals import Estimate
from visprof.steps.board_guesses import BoardGuesses


def test_scores_are_those_of_the_most_training_pins():
    mrr_table = pd.DataFrame(
        [("image", 10), ("image", 20), ("mean embedding", 10), ("mean embedding", 20)],
        columns=["profile", "n_train"],
    )
    mrr = {}
    for place, name in enumerate(("image", "mean-embedding"), 1):
        at, share = f"{name}.20", place / 10
        mrr |= {
            f"mrr.{at}": Estimate(share, share - 0.05, share + 0.05),
            f"recall@1.{at}": Estimate(share, 0, 1),
            f"recall@5.{at}": Estimate(2 * share, 0, 1),
            f"recall@10.{at}": Estimate(3 * share, 0, 1),
            f"median-rank.{at}": Estimate(5 * place, 2, 30),
            f"mrr.{at}.pessimistic": Estimate(share - 0.001),
            f"mrr.{at}.optimistic": Estimate(share + 0.001),
        }
    assert shown(tables.profile_scores(mrr_table, mrr)) == [
        ["profile", "MRR", "recall@1", "recall@5", "recall@10", "median rank",
         "MRR, ties lost and won"],
        ["image", "0.100 (0.050 to 0.150)", "0.10 (0.00 to 1.00)", "0.20 (0.00 to 1.00)",
         "0.30 (0.00 to 1.00)", "5.0 (2.0 to 30.0)", "0.099 to 0.101"],
        ["mean embedding", "0.200 (0.150 to 0.250)", "0.20 (0.00 to 1.00)", "0.40 (0.00 to 1.00)",
         "0.60 (0.00 to 1.00)", "10.0 (2.0 to 30.0)", "0.199 to 0.201"],
    ]  # fmt: skip


MRR = pd.DataFrame([
    {"profile": "image", "n_train": 10, "estimate": Estimate(0.5, 0.2, 0.6)},
    {"profile": "image", "n_train": 20, "estimate": Estimate(0.7, 0.5, 0.8)},
    {"profile": "text", "n_train": 10, "estimate": Estimate(0.4, 0.3, 0.5)},
])  # fmt: skip


def test_the_image_profile_is_above_random_and_text_or_not():
    leads = pd.DataFrame([
        {"other": "text", "n_train": 10, "p": 0.5, "p_holm": 0.7,
         "estimate": Estimate(0.1, -0.1, 0.2)},
        {"other": "text", "n_train": 20, "p": 0.0001, "p_holm": 0.0002,
         "estimate": Estimate(-0.3, -0.4, -0.2)},
        {"other": "palette", "n_train": 10, "p": 0.9, "p_holm": 1.0,
         "estimate": Estimate(0.3, 0.2, 0.4)},
    ])  # fmt: skip
    assert shown(tables.image_verdicts(MRR, leads, Estimate(0.25))) == [
        ["training pins", "image", "above random (0.250)", "image minus text", "p", "adjusted",
         "above text"],
        ["10", "0.500 (0.200 to 0.600)", "not resolved", "+0.100 (-0.100 to +0.200)", "0.5000",
         "0.7000", "not resolved"],
        ["20", "0.700 (0.500 to 0.800)", "holds", "-0.300 (-0.400 to -0.200)", "0.0001",
         "0.0002", "does not hold"],
    ]  # fmt: skip


def test_without_text_it_is_set_against_random_alone():
    leads = pd.DataFrame([
        {"other": "palette", "n_train": 10, "p": 0.9, "p_holm": 1.0,
         "estimate": Estimate(0.3, 0.2, 0.4)}
    ])  # fmt: skip
    assert shown(tables.image_verdicts(MRR, leads, Estimate(0.25))) == [
        ["training pins", "image", "above random (0.250)"],
        ["10", "0.500 (0.200 to 0.600)", "not resolved"],
        ["20", "0.700 (0.500 to 0.800)", "holds"],
    ]


def test_what_is_drawn_anew_has_a_row_in_the_order_given():
    columns = ["redrawn", "profile", "times", "value", "least", "most"]
    rows = [
        ("what the algorithm draws", "image", 10, 0.5, 0.4, 0.6),
        ("what the algorithm draws", "mean embedding", 10, 0.7, 0.6, 0.8),
        ("sample of pins", "image", 2, 0.3, 0.2, 0.4),
        ("sample of pins", "mean embedding", 2, 0.5, 0.45, 0.55),
    ]
    assert shown(tables.redrawn_mrr(pd.DataFrame(rows, columns=columns))) == [
        ["drawn anew", "times", "image", "mean embedding"],
        ["what the algorithm draws", "10", "0.500 (0.400 to 0.600)", "0.700 (0.600 to 0.800)"],
        ["sample of pins", "2", "0.300 (0.200 to 0.400)", "0.500 (0.450 to 0.550)"],
    ]


def test_boards_are_guessed_by_pictures_and_without_any_the_profile_is_scored(tmp_path):
    rounds, mrr, first = figure_examples.arguments(tmp_path)["guess_boards"]
    played = tables.board_guesses(BoardGuesses(rounds, first, mrr, 1200))
    assert isinstance(played, figures.HTMLFigure)
    blank = rounds.assign(images=[["", ""]] * 4)
    assert shown(tables.board_guesses(BoardGuesses(blank, first, mrr, 1200))) == [
        ["rounds", "MRR", "right at once"],
        ["1,200", "0.500 (0.400 to 0.600)", "0.300 (0.200 to 0.400)"],
    ]
