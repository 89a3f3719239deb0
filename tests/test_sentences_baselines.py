"""Sentences of the comparison with simpler profiles, each branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate

AHEAD, BEHIND, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        ({"text": AHEAD}, "it is ahead of text"),
        (
            {"text": AHEAD, "fused": BEHIND, "palette": AHEAD, "mean embedding": OPEN},
            "it is ahead of text and palette; it is behind fused; the data do not decide between "
            "it and mean embedding",
        ),
        (
            {"text": OPEN, "fused": OPEN, "palette": OPEN},
            "the data do not decide between it and text, fused and palette",
        ),
        (
            {"mean embedding": BEHIND, "fused": BEHIND},
            "it is behind mean embedding and fused",
        ),
    ],
)
def test_other_profiles_are_listed_by_verdict_at_the_most_training_pins(leads, said):
    rows = [
        {
            "other": other,
            "n_train": n_train,
            "p_holm": 0.01,
            "estimate": lead if n_train == 20 else AHEAD,
        }
        for other, lead in leads.items()
        for n_train in (10, 20)
    ]
    assert sentences.image_against_others(pd.DataFrame(rows)) == {"against": said}


def test_of_few_users_the_adjusted_p_value_has_to_agree():
    row = {"other": "text", "n_train": 9, "p_holm": 0.06, "estimate": Estimate(0.1, 0.05, 0.2, 24)}
    assert sentences.image_against_others(pd.DataFrame([row])) == {
        "against": "the data do not decide between it and text"
    }


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.3, 0.5, "finds users better than chance"),
        (0.1, 0.2, "finds users worse than chance"),
        (0.2, 0.5, "cannot be told from chance"),
    ],
)
def test_profiles_that_look_away_are_set_against_chance(low, high, found):
    mrr = {"mrr.random": Estimate(0.25), "mrr.palette.20": Estimate(0.4, low, high)}
    has = f"has 0.400 ({low:.3f} to {high:.3f}) and {found}"
    none = "Facts of the files do not vary here, so they can find nobody."
    assert sentences.without_looking(mrr, 20) == {"palette": has, "facts": none}
    names = ("file-facts", "image-less-file-facts", "mean-embedding-less-file-facts",
             "whitened-less-file-facts")  # fmt: skip
    mrr |= {f"mrr.{name}.20": Estimate(0.4, low, high) for name in names}
    assert sentences.without_looking(mrr, 20)["facts"] == (
        f"A profile of file facts alone, which knows no pixel, {has}. With these facts regressed "
        f"out, the image profile {has}, the mean embedding {has} and the whitened profile {has}."
    )


def test_without_pictures_there_is_no_palette():
    said = sentences.without_looking({"mrr.random": Estimate(0.25)}, 20)
    assert said["palette"] == "has no value here: nothing was drawn"


def test_best_and_worst_distances_are_told():
    rows = [
        ("image", "euclidean", 0.5), ("image", "hellinger", 0.7), ("image", "cosine", 0.6),
        ("mean embedding", "euclidean", 0.9), ("mean embedding", "cosine", 0.8),
        ("palette", "euclidean", 0.99),
    ]  # fmt: skip
    distances = pd.DataFrame(rows, columns=["profile", "distance", "value"])
    assert sentences.suiting_distances(distances) == {
        "best.image": "hellinger", "best.image.mrr": 0.7,
        "worst.image": "euclidean", "worst.image.mrr": 0.5,
        "best.mean-embedding": "euclidean", "best.mean-embedding.mrr": 0.9,
        "worst.mean-embedding": "cosine", "worst.mean-embedding.mrr": 0.8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("of_class", "within", "carried"),
    [
        (AHEAD, AHEAD, "which scenes a user collects and how they look both carry"),
        (AHEAD, OPEN, "only which scenes a user collects carries"),
        (BEHIND, AHEAD, "only how they look carries"),
        (OPEN, BEHIND, "neither scenes nor looks can be shown to carry"),
    ],
)
@pytest.mark.parametrize(
    ("truth", "classes"),
    [
        (pd.DataFrame(), "the true ones of the simulated world"),
        (None, "those that the CNN finds likeliest, so what it misses is left within them"),
    ],
)
def test_what_carries_a_taste_is_told_by_both_parts(of_class, within, carried, truth, classes):
    sources = pd.DataFrame({
        "profile": [
            "true classes", "embedding: mean of the class",
            "embedding: what is left within the class",
        ],
        "estimate": [AHEAD, of_class, within],
    })  # fmt: skip
    found = {
        AHEAD: "finds users better than chance",
        BEHIND: "finds users worse than chance",
        OPEN: "cannot be told from chance",
    }
    assert sentences.where_gained(sources, Estimate(0.0), truth) == {
        "carried": carried,
        "classes": classes,
        "of_class": f"{of_class:.3f}",
        "of_class.found": found[of_class],
        "within": f"{within:.3f}",
        "within.found": found[within],
    }


def test_each_world_of_known_taste_is_told():
    tastes = ("neither", "classes only", "styles only", "both")
    rows = [
        (taste, 1000, name, Estimate(value, value - 0.1, value + 0.1))
        for taste, image in zip(tastes, (0.01, 0.3, 0.05, 0.4), strict=True)
        for name, value in (("image", image), ("mean embedding", image + 0.5))
    ]
    worlds = pd.DataFrame(rows, columns=["taste", "n_users", "profile", "estimate"])
    worlds = worlds.assign(value=[row[3].value for row in rows])
    assert sentences.known_tastes(worlds) == {
        "taste.users": "1,000", "taste.random": "0.007",
        "taste.styles": "the image profile has 0.050 (-0.050 to 0.150) and cannot be told from "
        "chance, the mean embedding has 0.550 (0.450 to 0.650) and finds users better than chance",
        "taste.neither.image": "0.010", "taste.neither.mean-embedding": "0.510",
        "taste.classes-only.image": "0.300", "taste.classes-only.mean-embedding": "0.800",
        "taste.styles-only.image": "0.050", "taste.styles-only.mean-embedding": "0.550",
        "taste.both.image": "0.400", "taste.both.mean-embedding": "0.900",
    }  # fmt: skip
