"""Sentences of the prediction, each branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.data import PinArrays

AHEAD, BEHIND, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)
ALL = ["image", "text", "fused", "mean embedding", "label histogram", "palette", "file facts"]


def table(*rows):
    return pd.DataFrame(rows, columns=["profile", "n_train", "value"]).assign(
        estimate=[Estimate(value, value - 0.1, value + 0.1, 1234) for *_, value in rows]
    )


@pytest.mark.parametrize(
    ("profiles", "n_texts", "said"),
    [
        (ALL, 8, ""),
        (ALL, 9, ""),
        (ALL, 7, "Here: fewer clusters of captions, since only 7 differ."),
        (
            [name for name in ALL if name not in ("text", "fused")],
            None,
            "Here: no text, fused and bags of words (captions share no words; serial numbers and "
            "names of cameras are none).",
        ),
        (
            ALL[:-1],
            8,
            "Here: no file facts (all pictures are of one size and format).",
        ),
        (
            ["image", "mean embedding"],
            None,
            "Here: no text, fused and bags of words (captions share no words; serial numbers and "
            "names of cameras are none); no histograms of labels, palette and file facts (no "
            "picture was drawn).",
        ),
        (
            ["image", "text", "fused", "mean embedding"],
            3,
            "Here: no histograms of labels, palette and file facts (no picture was drawn); fewer "
            "clusters of captions, since only 3 differ.",
        ),
    ],
)
def test_profiles_that_are_lacking_are_told_with_the_reason(profiles, n_texts, said):
    captions = n_texts and PinArrays(np.zeros((5, n_texts)), np.zeros((2, n_texts)))
    found = table(*((name, 10, 0.5) for name in profiles))
    assert sentences.lacking_profiles(found, captions, 8) == {"lacking": said}


def test_the_image_profile_is_told_at_the_most_training_pins():
    found = table(
        ("image", 10, 0.9), ("image", 20, 0.5), ("palette", 10, 0.95), ("palette", 20, 0.6)
    )
    assert sentences.image_profile(found, Estimate(0.012, n=1234)) == {
        "n_train": 20,
        "n_users": "1,234",
        "image": "0.500 (0.400 to 0.600)",
        "random": "0.0120",
        "times": "42",
        "best": "palette",
        "best.mrr": 0.6,
    }


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        (
            [AHEAD, AHEAD],
            "The paper's clusters are ahead of the plain mean embedding at 10 and 20 training pins",
        ),
        (
            [AHEAD, BEHIND],
            "The paper's clusters are ahead of the plain mean embedding at 10 training pins, and "
            "behind it at 20 training pins",
        ),
        (
            [AHEAD, BEHIND, OPEN],
            "The paper's clusters are ahead of the plain mean embedding at 10 training pins, and "
            "behind it at 20 training pins; which of the two is ahead is not resolved at 30 "
            "training pins",
        ),
        (
            [BEHIND, OPEN, OPEN, OPEN],
            "The plain mean embedding is ahead of the paper's clusters at 10 training pins; which "
            "of the two is ahead is not resolved at 20, 30 and 40 training pins",
        ),
        (
            [BEHIND],
            "The plain mean embedding is ahead of the paper's clusters at 10 training pins",
        ),
        (
            [OPEN, OPEN],
            "The data do not decide between the paper's clusters and the plain mean embedding",
        ),
    ],
)
def test_clusters_and_mean_embedding_are_compared_at_each_number_of_pins(leads, said):
    rows = [
        {"other": other, "n_train": 10 * place, "p": 0.0123, "p_holm": 0.0456, "estimate": lead}
        for place, lead in enumerate(leads, 1)
        for other in ("palette", "mean embedding")
    ]
    found = sentences.image_or_mean(pd.DataFrame(rows))
    assert found == {
        "simple": said,
        "simple.lead": f"{leads[-1]:+.3f}, p = 0.0123, adjusted 0.0456",
    }


def test_of_few_users_the_adjusted_p_value_has_to_agree():
    rows = [
        {"other": "mean embedding", "n_train": n_train, "p": 0.01, "p_holm": p_holm,
         "estimate": Estimate(0.1, 0.05, 0.2, 24)}
        for n_train, p_holm in ((10, 0.04), (20, 0.06))
    ]  # fmt: skip
    assert sentences.image_or_mean(pd.DataFrame(rows))["simple"] == (
        "The paper's clusters are ahead of the plain mean embedding at 10 training pins; which of "
        "the two is ahead is not resolved at 20 training pins"
    )


def test_few_and_all_users_are_told():
    rows = [("random", 10, 0.3), ("image", 10, 0.8), ("image", 1500, 0.1), ("palette", 1500, 0.2)]
    found = pd.DataFrame(rows, columns=["profile", "n_users", "value"])
    assert sentences.fewer_users(found) == {"few": "10", "few.mrr": 0.8, "many.mrr": 0.1}
