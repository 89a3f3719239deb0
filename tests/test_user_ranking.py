"""Steps of chapter 6: ranks of users, and the numbers made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import (
    N_BACKGROUND,
    N_PINS,
    N_USERS,
    NOT_WITHOUT_PICTURES,
    profiles_of,
    random_parts,
)
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from visprof import rank_scores
from visprof.steps.data import Pins
from visprof.steps.user_ranking import (
    figure_6,
    mrr_by_users,
    mrr_numbers,
    mrr_table,
    rank_counts,
    reciprocal_ranks,
    slug,
    user_values,
)


@pytest.fixture
def parts():
    return random_parts()


@pytest.fixture
def profiles(parts):
    return profiles_of(parts)


def test_names_become_parts_of_keys():
    names = ["mean embedding", "recall@5", "by number, fewer training pins", "embedding: the rest"]
    slugs = ["mean-embedding", "recall@5", "by-number-fewer-training-pins", "embedding-the-rest"]
    assert [slug(name) for name in names] == slugs


def test_ranks_are_by_the_studys_distance_where_it_suits_the_profile(profiles):
    table = reciprocal_ranks(profiles, (3, 6), "hellinger")
    of_roots = cdist(np.sqrt(profiles.train["image", 6]), np.sqrt(profiles.test["image"]))
    of_means = cdist(profiles.train["embedding", 6], profiles.test["embedding"])
    for name, distances in (("image", of_roots), ("mean embedding", of_means)):
        rows = table[(table["profile"] == name) & (table["n_train"] == 6)]
        expected = [rankdata(row)[i] for i, row in enumerate(distances)]
        np.testing.assert_allclose(rows["rank"], expected)
        np.testing.assert_allclose(rows["reciprocal_rank"], 1 / rows["rank"])


def test_numbers_compare_every_profile_with_the_image(profiles):
    ranks = reciprocal_ranks(profiles, (3, 6), "euclidean")
    table = mrr_table([ranks], seed=0)
    numbers = mrr_numbers([ranks], table, seed=0)
    assert numbers["mrr.random"].value == rank_scores.random_mrr(N_USERS)
    for row in table.itertuples():
        own, image = (
            ranks[(ranks["profile"] == name) & (ranks["n_train"] == row.n_train)]
            for name in (row.profile, "image")
        )
        key = f"mrr.{slug(row.profile)}.{row.n_train}"
        assert numbers[key].value == pytest.approx(own["reciprocal_rank"].mean())
        if row.profile == "image":
            continue
        lead = image["reciprocal_rank"].to_numpy() - own["reciprocal_rank"].to_numpy()
        key = f"mrr.image-{slug(row.profile)}.{row.n_train}"
        assert numbers[key].value == pytest.approx(lead.mean())
        assert 0 < numbers[f"{key}.p"].value <= 1
        at = f"mrr.image-{slug(row.profile)}"
        least, most = sorted(numbers[f"{at}.{size}.p"].value for size in (3, 6))
        adjusted = sorted(numbers[f"{at}.{size}.p.holm"].value for size in (3, 6))
        assert adjusted == pytest.approx([min(1, 2 * least), min(1, max(2 * least, most))])
    own = ranks[(ranks["profile"] == "text") & (ranks["n_train"] == 6)]
    assert numbers["recall@5.text.6"].value == pytest.approx((own["rank"] <= 5).mean())
    assert numbers["median-rank.text.6"].value == own["rank"].median()


def test_numbers_are_means_over_seeds_and_their_tests_of_averaged_ranks(parts):
    rng = np.random.default_rng(1)
    tables = []
    for _ in range(3):
        n = N_BACKGROUND + N_USERS * N_PINS
        parts["assignments"] = parts["board_split"].arrays(rng.dirichlet(np.ones(5), n))
        profiles = profiles_of(parts)
        tables.append(reciprocal_ranks(profiles, (3, 6), "euclidean"))
    numbers = mrr_numbers(tables, mrr_table(tables, seed=0), seed=0)
    alone = [mrr_numbers([of], mrr_table([of], seed=0), seed=0) for of in tables]
    for key in ("mrr.image.6", "mrr.image-text.3", "recall@1.image.6", "median-rank.image.6"):
        values = [of[key].value for of in alone]
        assert numbers[key].value == pytest.approx(np.mean(values))
        assert numbers[key].sd_seeds == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
        for by_seed, of in zip(numbers[key].by_seed, alone, strict=True):
            assert by_seed == pytest.approx((of[key].value, of[key].low, of[key].high))
    assert numbers["mrr.text.6"].sd_seeds < 1e-12  # captions are the same in all
    rr = [of.query("n_train == 6").set_index("profile")["reciprocal_rank"] for of in tables]
    image, text = (np.mean([of[name] for of in rr], axis=0) for name in ("image", "text"))
    p = rank_scores.randomisation_test(image, text, random_state=0)
    assert numbers["mrr.image-text.6.p"].value == pytest.approx(p)


def test_an_mrr_is_that_of_how_often_ranks_are_reached(profiles):
    ranks = [reciprocal_ranks(profiles, (3, 6), of) for of in ("euclidean", "cosine")]
    reached = rank_counts(ranks)
    for row in mrr_table(ranks, seed=0).itertuples():
        own = reached[(reached["profile"] == row.profile) & (reached["n_train"] == row.n_train)]
        assert own["rank"].is_unique
        assert own["times"].sum() == 2 * N_USERS
        assert np.average(1 / own["rank"], weights=own["times"]) == pytest.approx(row.value)


def test_ties_are_bounded_by_losing_and_winning_all(parts):
    n = N_BACKGROUND + N_USERS * N_PINS
    parts["text_assignments"] = parts["board_split"].arrays(np.full((n, 4), 1 / 4))
    profiles = profiles_of(parts)
    ranks = reciprocal_ranks(profiles, (3, 6), "euclidean")
    numbers = mrr_numbers([ranks], mrr_table([ranks], seed=0), seed=0)
    assert numbers["mrr.text.6.optimistic"].value == 1
    assert numbers["mrr.text.6.pessimistic"].value == pytest.approx(1 / N_USERS)
    assert numbers["mrr.text.6"].value == pytest.approx(1 / ((1 + N_USERS) / 2))


def test_fewer_users_end_at_the_mrr_of_all(profiles):
    ranks = reciprocal_ranks(profiles, (3, 6), "euclidean")
    table = mrr_by_users([ranks, ranks], seed=0)
    at_all = mrr_table([ranks], seed=0)
    shown = ["image", "mean embedding", "text", "file facts"]
    assert table["profile"].unique().tolist() == [*shown, "random"]
    assert figure_6(at_all)["profile"].unique().tolist() == shown
    for name, rows in table.groupby("profile"):
        assert rows["n_users"].iloc[-1] == N_USERS
        assert (rows["value"].diff()[1:] <= 1e-12).all()  # the more, the harder
        if name != "random":
            own = at_all[(at_all["profile"] == name) & (at_all["n_train"] == 6)]
            assert rows["value"].iloc[-1] == pytest.approx(own["value"].item())


def test_profiles_without_their_parts_have_no_rows(parts):
    parts |= dict.fromkeys(NOT_WITHOUT_PICTURES)
    profiles = profiles_of(parts)
    table = reciprocal_ranks(profiles, (3, 6), "euclidean")
    assert table["profile"].unique().tolist() == [
        "image", "mean embedding", "whitened", "within-class residual",
    ]  # fmt: skip


@pytest.fixture
def of_users():
    """Values of users of two seeds: a table, the ledger's numbers, and what they are made of."""
    ranks = [reciprocal_ranks(profiles_of(random_parts(of)), (3, 6), "euclidean") for of in (0, 1)]
    split = random_parts()["board_split"]
    readable = pd.concat([split.background, split.analysed], ignore_index=True)
    pins, contents = Pins(readable, readable[:0], readable[:0]), np.arange(len(readable))
    of = {"n_pins": N_PINS, "n_test": 4, "train_sizes": (3, 6), "session_rule": "day", "seed": 0}

    def values(contents=contents, **changes):
        digests = np.array([f"{content:04d}" for content in contents], dtype="S4")
        return user_values(ranks, split, pins, digests, **of | changes)

    return values, mrr_numbers(ranks, mrr_table(ranks, seed=0), seed=0), split.analysed


def test_values_of_users_give_the_ledger_back(of_users):
    values, numbers, _ = of_users
    table = values()
    assert len(table) == 2 * 2 * N_USERS * table["profile"].nunique()
    for (profile, n_train), rows in table.groupby(["profile", "n_train"]):
        mrr = numbers[f"mrr.{profile}.{n_train}"].value
        assert rows["reciprocal_rank"].mean() == pytest.approx(mrr, rel=1e-12)
        assert (rows["p"] * N_USERS >= rows["rank"] - 1e-9).all()  # ties count against the user
    untied = table[table["rank"] % 1 == 0]
    assert untied["p"].to_numpy() == pytest.approx(untied["rank"] / N_USERS)


def test_sessions_and_held_out_pins_are_those_of_each_user(of_users):
    values, _, analysed = of_users
    table = values()
    by_user = table.drop_duplicates("user").set_index("user")
    assert by_user["sessions"].tolist() == [1] * N_USERS  # all pins are of one day
    assert values(session_rule="commit")["sessions"].unique().tolist() == [N_PINS]
    assert by_user["held_out"].is_unique
    changed = np.arange(N_BACKGROUND + len(analysed))
    changed[-1] = 9999  # another picture, as the last pin of the last user
    other = values(changed).drop_duplicates("user").set_index("user")
    same = (other["held_out"] == by_user["held_out"]).tolist()
    assert same == [True] * (N_USERS - 1) + [False]
    fewer = values(n_test=3).drop_duplicates("user").set_index("user")
    assert not (fewer["held_out"] == by_user["held_out"]).any()
