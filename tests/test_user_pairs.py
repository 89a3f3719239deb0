"""Steps of chapter 5: Z of pairs of users, and the clusters that they differ by."""

from __future__ import annotations

import numpy as np
import pytest
from separate_users import EQ2, EQ4, N_PINS, N_USERS, assigned, separate_users

from visprof.logodds import log_odds_z
from visprof.profiles import user_profiles
from visprof.steps import user_pairs
from visprof.steps.assignments import visual_vocabulary
from visprof.steps.user_pairs import (
    PLACES,
    counts_and_shuffled,
    distinguishing_clusters,
    growing_counts,
    independent_rate,
    pairwise_differences,
    recurring_clusters,
)
from visprof.study import Study


@pytest.fixture(scope="module")
def parts():
    return separate_users()


@pytest.fixture(scope="module")
def distinguishing(parts):
    own = assigned(parts, **EQ2)
    pairs = pairwise_differences(own, parts["board_split"], **EQ4, start=0)
    other = visual_vocabulary(parts["pin_embedding"], n_clusters=6, start=1)
    others = assigned(parts | {"visual_vocabulary": other}, **EQ2)
    recurring = recurring_clusters([own, others, own])
    shown = distinguishing_clusters(
        own, **parts, **EQ4, seed=0, pairwise_differences=pairs, recurring_clusters=recurring
    )
    return own, pairs, shown


def test_distinguishing_clusters_are_those_of_the_largest_z(parts, distinguishing):
    own, pairs, shown = distinguishing
    split = parts["board_split"]
    users, y = user_profiles(own.analysed, split.analysed["board"], counts=True)
    g = own.background.sum(axis=0, dtype=float)
    assert shown["differ"].tolist() == [name for name in PLACES for _ in range(3)]
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


def test_example_pictures_are_the_nearest_of_each_board(parts, distinguishing):
    background = parts["board_split"].background
    row = distinguishing[2].iloc[0]
    centre = parts["visual_vocabulary"].cluster_centers_[row["cluster"]]
    distance = np.linalg.norm(parts["pin_embedding"].background - centre, axis=1)
    best = background.assign(distance=distance).sort_values("distance")
    assert row["images"] == best.drop_duplicates("board")["image"].to_list()


def test_unit_counts_are_unit_sums_of_users_and_of_the_shuffled(distinguishing):
    users = np.repeat(np.arange(N_USERS), N_PINS)
    names, plain, shuffled = counts_and_shuffled(distinguishing[0].analysed, users, "sum", seed=1)
    _, unit, shuffled_unit = counts_and_shuffled(distinguishing[0].analysed, users, "unit", seed=1)
    assert names.tolist() == list(range(N_USERS))
    np.testing.assert_allclose(plain.sum(axis=1), N_PINS, rtol=1e-5)
    np.testing.assert_allclose(unit, plain / N_PINS, rtol=1e-5)
    np.testing.assert_allclose(shuffled_unit, shuffled / N_PINS, rtol=1e-5)
    np.testing.assert_allclose(shuffled.sum(axis=0), plain.sum(axis=0))


def test_the_unit_sum_flattens_every_difference(parts, distinguishing):
    split = parts["board_split"]
    unit = pairwise_differences(distinguishing[0], split, **EQ4 | {"user_counts": "unit"}, start=0)
    assert unit.max_z.max() < distinguishing[1].max_z.min()


def test_independent_normal_z_exceed_a_threshold_as_often():
    z = np.random.default_rng(0).normal(size=(40_000, 5))
    share = np.mean(np.abs(z).max(axis=1) > 2)
    assert independent_rate(2.0, 5) == pytest.approx(share, abs=4 * np.sqrt(0.2 * 0.8 / 40_000))
    assert independent_rate(2.0, 1) == pytest.approx(0.0455, abs=1e-4)


def test_embeddings_without_pictures_have_clusters_without_pictures(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_users=10)
    shown = study["distinguishing_clusters"]
    assert len(shown) == 3 * len(PLACES)
    assert {image for images in shown["images"] for image in images} == {""}


@pytest.mark.parametrize("kind", ["sum", "unit"])
def test_growing_counts_are_those_of_first_pins_and_end_with_figure_5(parts, kind):
    own, split = assigned(parts, **EQ2), parts["board_split"]
    sessions = np.arange(N_USERS * N_PINS) // 2
    grown = growing_counts(own, split, sessions, user_counts=kind, seed=0)
    assert list(grown.counts) == ["users", "pins dealt", "sessions dealt"]
    assert (grown.sizes[0], grown.sizes[-1]) == (1, N_PINS)
    for size, *of_size in zip(grown.sizes, *grown.counts.values(), strict=True):
        for place, user in enumerate(grown.users):
            pins = own.analysed[(split.analysed["board"] == user).to_numpy()].astype(float)
            count = sum(pin for number, pin in enumerate(pins) if number < size)
            expected = count / count.sum() if kind == "unit" else count
            np.testing.assert_allclose(of_size[0][place], expected)
        if kind == "sum":  # nothing is lost in dealing
            for counts in of_size:
                np.testing.assert_allclose(counts.sum(axis=0), of_size[0].sum(axis=0))
    users, y, shuffled = counts_and_shuffled(own.analysed, split.analysed["board"], kind, 0)
    np.testing.assert_array_equal(grown.users, users)
    np.testing.assert_array_equal(grown.counts["users"][-1], y)
    np.testing.assert_array_equal(grown.counts["pins dealt"][-1], shuffled)
    np.testing.assert_allclose(grown.background, own.background.sum(axis=0, dtype=float))


def test_growing_counts_of_more_users_than_a_page_carries(parts, monkeypatch):
    monkeypatch.setattr(user_pairs, "N_EXPLORED", 4)
    own, split = assigned(parts, **EQ2), parts["board_split"]
    grown = growing_counts(own, split, None, user_counts="sum", seed=0)
    assert list(grown.counts) == ["users", "pins dealt"]
    assert len(set(grown.users)) == 4
    for user, counts in zip(grown.users, grown.counts["users"][-1], strict=True):
        pins = own.analysed[(split.analysed["board"] == user).to_numpy()]
        np.testing.assert_allclose(counts, pins.sum(axis=0, dtype=float))
