"""Steps of chapter 5: which clusters make users differ, and other readings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof.logodds import log_odds_z, pairwise_max_z
from visprof.profiles import user_profiles
from visprof.steps import sensitivity as clusters
from visprof.steps.assignments import assignments, visual_vocabulary
from visprof.steps.data import BoardSplit
from visprof.steps.user_pairs import counts_and_dealt, pairwise_differences
from visprof.study import Study

EQ2 = {"bandwidth": 0.1, "normalised": True, "sigma": "pairs"}
EQ4 = {"counts": "sum", "alpha": 0.05, "variance": "two-term"}
N_USERS, N_PINS, N_BOARDS = 9, 14, 4


def table(prefix, n_boards):
    boards = np.repeat([f"{prefix}{i}" for i in range(n_boards)], N_PINS)
    return pd.DataFrame({"board": boards, "image": [f"{b}-{i}" for i, b in enumerate(boards)]})


@pytest.fixture(scope="module")
def parts():
    """Users of whom each has a place of its own in the plane."""
    split = BoardSplit(table("back", N_BOARDS), table("user", N_USERS), pd.DataFrame())
    rng = np.random.default_rng(0)
    n = (N_BOARDS + N_USERS) * N_PINS
    places = np.repeat(rng.normal(size=(N_BOARDS + N_USERS, 2)), N_PINS, axis=0)
    embedding = (places + rng.normal(size=(n, 2))).astype(np.float32)
    words = visual_vocabulary(embedding, split, n_clusters=6, start=0)
    return {"pin_embedding": embedding, "board_split": split, "visual_vocabulary": words}


@pytest.fixture(scope="module")
def telling(parts):
    assigned = assignments(**parts, **EQ2)
    pairs = pairwise_differences(assigned, parts["board_split"], **EQ4, start=0)
    other = visual_vocabulary(parts["pin_embedding"], parts["board_split"], n_clusters=6, start=1)
    others = assignments(**parts | {"visual_vocabulary": other}, **EQ2)
    recurring = clusters.recurring_clusters([assigned, others, assigned])
    shown = clusters.telling_clusters(
        assigned, **parts, **EQ4, seed=0, pairwise_differences=pairs, recurring_clusters=recurring
    )
    return assigned, pairs, shown


def test_telling_clusters_are_those_of_the_largest_z(parts, telling):
    assigned, pairs, shown = telling
    split = parts["board_split"]
    users, y = user_profiles(assigned.analysed, split.analysed["board"], counts=True)
    g = assigned.background.sum(axis=0, dtype=float)
    assert shown["differ"].tolist() == [name for name in clusters.PLACES for _ in range(3)]
    for _, rows in shown.groupby("differ"):
        first = rows.iloc[0]
        i, j = (list(users).index(first[name]) for name in ("user_i", "user_j"))
        z = log_odds_z(y[i], y[j], g, EQ4["alpha"])
        assert first["max_z"] == abs(first["z"]) == pytest.approx(np.abs(z).max())
        np.testing.assert_allclose(np.sort(np.abs(rows["z"])), np.sort(np.abs(z))[-3:])
        np.testing.assert_allclose(rows["z"], z[rows["cluster"]])
        np.testing.assert_allclose(rows["count_i"], y[i, rows["cluster"]])
        np.testing.assert_allclose(rows["count_j"], y[j, rows["cluster"]])
    largest = shown.groupby("differ")["max_z"].first()
    assert largest["most"] == pytest.approx(pairs.max_z.max())
    below, above = (np.quantile(pairs.max_z, 0.5, method=m) for m in ("lower", "higher"))
    assert below <= largest["median"] <= above
    assert largest["little"] < largest["median"]


def test_example_pictures_are_the_nearest_of_each_board(parts, telling):
    background = parts["board_split"].background
    row = telling[2].iloc[0]
    centre = parts["visual_vocabulary"].cluster_centers_[row["cluster"]]
    distance = np.linalg.norm(parts["pin_embedding"][: len(background)] - centre, axis=1)
    best = background.assign(distance=distance).sort_values("distance")
    assert row["images"] == best.drop_duplicates("board")["image"].to_list()


def test_unit_counts_are_unit_sums_of_users_and_of_the_dealt(telling):
    users = np.repeat(np.arange(N_USERS), N_PINS)
    names, plain, dealt = counts_and_dealt(telling[0].analysed, users, "sum", seed=1)
    _, unit, dealt_unit = counts_and_dealt(telling[0].analysed, users, "unit", seed=1)
    assert names.tolist() == list(range(N_USERS))
    np.testing.assert_allclose(plain.sum(axis=1), N_PINS, rtol=1e-5)
    np.testing.assert_allclose(unit, plain / N_PINS, rtol=1e-5)
    np.testing.assert_allclose(dealt_unit, dealt / N_PINS, rtol=1e-5)
    np.testing.assert_allclose(dealt.sum(axis=0), plain.sum(axis=0))


def test_the_unit_sum_flattens_every_difference(parts, telling):
    split = parts["board_split"]
    unit = pairwise_differences(telling[0], split, **EQ4 | {"counts": "unit"}, start=0)
    assert unit.max_z.max() < telling[1].max_z.min()


def test_readings_are_those_of_the_study_with_one_change(parts):
    found = clusters.readings(**parts, **EQ2, **EQ4, threshold=2.0, seed=0)
    split = parts["board_split"]
    assert found.groupby("parameter")["chosen"].sum().eq(1).all()
    assert set(found["parameter"]) == {*EQ2, *EQ4}
    for row in found.itertuples():
        eq2, eq4 = (
            {**of, row.parameter: row.value} if row.parameter in of else of for of in (EQ2, EQ4)
        )
        pairs = pairwise_differences(assignments(**parts, **eq2), split, **eq4, start=0)
        n_background = N_BOARDS * N_PINS if eq2["normalised"] else row.prior / eq4["alpha"]
        assert row.prior == pytest.approx(eq4["alpha"] * n_background)
        assert row.differ == np.mean(pairs.max_z > 2)
        assert row.dealt == np.mean(pairs.dealt_max_z > 2)
        np.testing.assert_allclose(row.max_z[[0, 250, 500]], np.quantile(pairs.max_z, [0, 0.5, 1]))
    entropy = found[found["parameter"] == "bandwidth"].set_index("value")["entropy"]
    assert entropy[0.0] == 0
    assert entropy.is_monotonic_increasing


def test_no_hard_limit_where_assignments_are_not_normalised(parts):
    found = clusters.readings(
        **parts, **EQ2 | {"normalised": False}, **EQ4, threshold=2.0, seed=0
    )  # fmt: skip
    assert 0 not in found.loc[found["parameter"] == "bandwidth", "value"].tolist()


def test_many_users_are_compared_on_a_sample(parts, monkeypatch):
    monkeypatch.setattr(clusters, "N_COMPARED", 4)
    found = clusters.readings(**parts, **EQ2, **EQ4, threshold=2.0, seed=0)
    own = found[found["chosen"]].iloc[0]
    assigned = assignments(**parts, **EQ2).analysed
    board = parts["board_split"].analysed["board"].to_numpy()
    users = np.random.default_rng(0).choice(np.unique(board), 4, replace=False)
    rows = np.isin(board, users)
    counts = user_profiles(assigned[rows], board[rows], counts=True)[1]
    g = assignments(**parts, **EQ2).background.sum(axis=0, dtype=float)
    z = pairwise_max_z(counts, g, EQ4["alpha"])
    np.testing.assert_allclose([own["max_z"][0], own["max_z"][-1]], [z.min(), z.max()])


def test_embeddings_without_pictures_have_clusters_without_pictures(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_users=10)
    shown = study["telling_clusters"]
    assert len(shown) == 3 * len(clusters.PLACES)
    assert {image for images in shown["images"] for image in images} == {""}
    own = study["readings"].query("chosen").iloc[0]
    assert own["differ"] == study["pair_numbers"]["pairs.differ"].by_seed[0][0]
    assert own["max_z"][-1] == study["pairwise_differences"].max_z.max()


def test_a_reading_of_eq_2_needs_no_new_clusters(tmp_path):
    study, other = (
        Study("tiny", home=tmp_path, drawn=False, **changes)
        for changes in ({}, {"bandwidth": 0.5, "sigma": "centres", "normalised": False})
    )
    assert study.key("visual_vocabulary") == other.key("visual_vocabulary")
    assert study.key("assignments") != other.key("assignments")
