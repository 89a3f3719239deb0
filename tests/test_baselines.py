"""Steps of chapter 8: simpler profiles, other distances, and where the gain comes from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pin_tables import N_BACKGROUND, profiles_of, random_parts, split_of, table
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from visprof.intervals import Estimate
from visprof.profiles import DISTANCES
from visprof.rank_scores import nested_choice
from visprof.steps import baselines
from visprof.steps.pin_parts import pin_classes, within_class


@pytest.fixture
def profiles():
    return profiles_of(random_parts())


def test_distances_side_by_side(profiles):
    table = baselines.distance_table(
        [baselines.distance_ranks(profiles, (3, 6))], seed=0
    ).set_index(["profile", "distance"])
    assert set(table.loc["mean embedding"].index) == {"euclidean", "cosine"}
    assert set(table.loc["palette"].index) == {"euclidean"}
    assert set(table.loc["fused"].index) == set(DISTANCES)
    for name, train, test in (
        ("label histogram", profiles.train["labels", 6], profiles.test["labels"]),
        ("mean embedding", profiles.train["embedding", 6], profiles.test["embedding"]),
    ):
        found = table.loc[name, "cosine"]
        distances = cdist(train, test, "cosine")
        expected = np.mean([1 / rankdata(row)[i] for i, row in enumerate(distances)])
        assert found["value"] == pytest.approx(expected)
        assert found["low"] <= found["value"] <= found["high"]


@pytest.fixture
def choice():
    """MRR by distance of two seeds, and by each profile's best distance."""
    ranks = []
    for number in range(2):
        parts = random_parts(number)
        ranks.append(baselines.distance_ranks(profiles_of(parts), (3, 6)))
    return ranks, baselines.distance_choice(ranks, seed=0).set_index("profile")


def test_numbers_of_distances_are_those_of_the_tables(choice):
    ranks, chosen = choice
    table = baselines.distance_table(ranks, seed=0)
    numbers = baselines.distance_numbers(table, chosen.reset_index())
    assert next(iter(numbers)) == f"distance.image.{DISTANCES[0]}"
    for row in table.itertuples():
        assert numbers[f"distance.{row.profile.replace(' ', '-')}.{row.distance}".replace(",", "")]
    assert numbers["distance.text.nested"] == chosen.loc["text", "nested"]
    assert numbers["distance.image-text.nested"] == chosen.loc["text", "lead"]
    assert "distance.image-image.nested" not in numbers


def test_one_distance_for_all_stands_beside_each_ones_best(choice):
    ranks, chosen = choice
    for name in ("image", "palette", "whitened"):
        distances = [by for other, by in ranks[0] if other == name]
        by_seed = [
            nested_choice(np.column_stack([of[name, by] for by in distances])) for of in ranks
        ]
        row = chosen.loc[name]
        assert row["fixed"].value == pytest.approx(np.mean([of[name, "euclidean"] for of in ranks]))
        assert row["nested"].value == pytest.approx(np.mean([rr for rr, _ in by_seed]))
        picked = np.concatenate([of for _, of in by_seed])
        assert row["share"] == np.mean([distances[of] == row["chosen"] for of in picked])
        assert row["share"] >= 1 / len(distances)
        lead = chosen.loc["image", "nested"].value - row["nested"].value
        assert row["lead"].value == pytest.approx(lead)
    assert chosen.loc["palette", "share"] == 1  # one distance suits it
    assert chosen.loc["palette", "nested"] == chosen.loc["palette", "fixed"]


def test_leads_are_those_of_the_image_over_every_other_profile():
    table = pd.DataFrame({"profile": ["image", "text", "mean embedding"], "n_train": 5})
    numbers = {
        "mrr.image-text.5": Estimate(0.1, -0.1, 0.3), "mrr.image-text.5.p": Estimate(0.4),
        "mrr.image-mean-embedding.5": Estimate(-0.2, -0.3, -0.1),
        "mrr.image-mean-embedding.5.p": Estimate(0.01),
        "mrr.image-text.5.p.holm": Estimate(0.8),
        "mrr.image-mean-embedding.5.p.holm": Estimate(0.02),
    }  # fmt: skip
    leads = baselines.profile_leads(table, numbers)
    columns = ["other", "n_train", "value", "low", "high", "p", "p_holm"]
    assert leads[columns].to_numpy().tolist() == [
        ["text", 5, 0.1, -0.1, 0.3, 0.4, 0.8],
        ["mean embedding", 5, -0.2, -0.3, -0.1, 0.01, 0.02],
    ]  # fmt: skip


def gains(truth, embedded, outputs=None, n_users=30, n_pins=8):
    features = None if outputs is None else SimpleNamespace(outputs=outputs)
    split = split_of(table(n_users, n_pins))
    of_pins, classes = split.arrays(embedded), pin_classes(truth, features)
    ranks = baselines.gain_ranks(
        truth, classes, of_pins, within_class(of_pins, classes, split), split,
        n_pins=n_pins, n_test=4, train_sizes=(4,), seed=0,
    )  # fmt: skip
    return baselines.gain_sources([ranks], seed=0).set_index("profile")


def test_users_of_one_style_each_are_found_by_style_and_within_classes():
    rng = np.random.default_rng(0)
    scene = np.r_[np.arange(N_BACKGROUND) % 3, rng.integers(0, 3, 240)]
    style = np.r_[np.zeros(N_BACKGROUND, int), np.repeat(np.arange(30), 8)]
    truth = pd.DataFrame({"scene": [f"scene {s}" for s in scene], "style": style})
    embedded = np.column_stack([50 * np.eye(3)[scene], np.eye(30)[style]])
    found = gains(truth, embedded)
    assert found.index.tolist() == [
        "true classes and styles", "true classes", "true styles", "embedding: mean of the class",
        "embedding: what is left within the class",
    ]  # fmt: skip
    for profile in ("true styles", "embedding: what is left within the class"):
        assert found.loc[profile, "value"] == 1
    for profile in ("true classes", "embedding: mean of the class"):
        assert found.loc[profile, "value"] < 0.5


def test_classes_are_the_likeliest_where_the_truth_is_not_known():
    rng = np.random.default_rng(0)
    scene = np.r_[np.arange(N_BACKGROUND), np.repeat(np.arange(30), 8) % 5]
    outputs = np.eye(5)[scene] + 0.1 * rng.random((len(scene), 5))
    noise = rng.normal(size=(len(scene), 4))
    found = gains(None, np.column_stack([50 * outputs, noise]), outputs)
    assert found.index[0] == "likeliest classes"
    assert len(found) == 3
    # five classes among thirty users: six share a place, so the middle rank is 3.5
    assert found.loc["likeliest classes", "value"] == pytest.approx(1 / 3.5)


def test_numbers_of_gains_go_by_profile():
    sources = pd.DataFrame(
        {"profile": ["true classes", "embedding: mean of the class"],
         "estimate": [Estimate(0.25), Estimate(0.5)]}
    )  # fmt: skip
    assert {key: of.value for key, of in baselines.gain_numbers(sources).items()} == {
        "gain.true-classes": 0.25, "gain.embedding-mean-of-the-class": 0.5,
    }  # fmt: skip
