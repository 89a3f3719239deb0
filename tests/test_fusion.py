"""Steps: categories and styles of pins, and what they say of later ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pin_tables import pin_arrays, table

from visprof import rank_scores
from visprof.boards import sample_pins, sessions
from visprof.hierarchy import (
    HierarchicalProfile,
    deal_styles,
    expected_bits,
    rank_by_score,
    session_weights,
)
from visprof.sources.vectors import simulate_embeddings
from visprof.steps import fusion, fusion_grain, fusion_taste, fusion_worlds
from visprof.steps.data import BoardSplit
from visprof.steps.pin_categories import PinCategories, named_categories
from visprof.study import Study
from visprof.vocabulary import VisualVocabulary

SPLIT = {"n_pins": 24, "n_test": 8, "train_sizes": (6, 16)}
N_CATEGORIES, N_STYLES, N_BACKGROUND, N_USERS, N_PINS = 3, 2, 30, 8, 24


def study_of(intra=True, seed=0, times=None):
    """Users of whom each has a category, and a style where there are any, of their own."""
    rng = np.random.default_rng(seed)
    n = N_BACKGROUND + N_USERS
    shares = rng.dirichlet(np.full(N_CATEGORIES, 0.7), n)
    looks = rng.dirichlet(np.full(N_STYLES, 0.5 if intra else 1e6), (n, N_CATEGORIES))
    categories = np.concatenate([rng.choice(N_CATEGORIES, N_PINS, p=of) for of in shares])
    owner = np.repeat(np.arange(n), N_PINS)
    styles = np.array(
        [rng.choice(N_STYLES, p=looks[u, c]) for u, c in zip(owner, categories, strict=True)]
    )
    pins = table(n, N_PINS, times)
    cut = N_BACKGROUND * N_PINS
    split = BoardSplit(pins[:cut], pins[cut:].reset_index(drop=True), pd.DataFrame())
    names = ("a", "b", "c")
    return PinCategories(categories, names), styles, split


def scores_of(categories, styles, split, pin_sessions=None, **changes):
    return fusion.fusion_scores(
        categories, styles, split, pin_sessions, "day",
        **{**SPLIT, "n_permutations": 19, "n_style_clusters": N_STYLES, "seed": 3, **changes},
    )  # fmt: skip


def counts_of(users, cells, n_cells, weights=None):
    """Plain loops."""
    names = sorted(set(users))
    found = np.zeros((len(names), n_cells))
    for row, (user, cell) in enumerate(zip(users, cells, strict=True)):
        found[names.index(user), cell] += 1 if weights is None else weights[row]
    return found


# --- categories and styles


def test_styles_are_what_is_left_within_categories():
    world = simulate_embeddings(60, 100, 64, n_classes=3, class_spread=8)
    found = fusion.style_clusters(world.vectors, world.labels, 5000, 8, 0)
    shared = pd.crosstab(found, world.styles).to_numpy()
    assert shared.max(axis=1).sum() / shared.sum() > 0.7
    split = BoardSplit(table(50, 100), table(10, 100), pd.DataFrame())
    of_step = fusion.pin_styles(
        pin_arrays(world.vectors[:5000], world.vectors[5000:]), PinCategories(world.labels, ()),
        split, n_style_clusters=8, start=0,
    )  # fmt: skip
    np.testing.assert_array_equal(of_step, found)


def test_a_category_that_the_background_lacks_has_styles_too():
    rng = np.random.default_rng(0)
    embedded, categories = rng.normal(size=(60, 4)), np.repeat([0, 2, 1], 20)
    found = fusion.style_clusters(embedded, categories, 40, 2, 0)
    assert set(found) <= {0, 1}
    assert len(found) == 60


def test_where_categories_hold_nothing_that_varies_there_is_one_style():
    rng = np.random.default_rng(0)
    categories = np.repeat([0, 1], 30)
    alike = np.array([0.1, 0.3])[categories][:, None] * np.ones(4)
    for embedded, of in (
        (np.full((60, 4), 0.1), categories), (alike, categories),
        (rng.normal(size=(60, 4)), np.arange(60)),
    ):  # fmt: skip
        assert not fusion.style_clusters(embedded, of, 40, 3, 0).any()
    one = fusion.style_clusters(rng.normal(size=(60, 4)), categories, 1, 3, 0)
    assert not one.any()


# --- scores


def test_scores_are_those_of_plain_loops():
    categories, styles, split = study_of()
    found = scores_of(categories, styles, split)
    cells = categories.codes * N_STYLES + styles
    cut = len(split.background)
    rows = sample_pins(split.analysed, SPLIT["n_pins"], random_state=3).reshape(N_USERS, -1)
    own = cells[cut:]
    profile = HierarchicalProfile(N_CATEGORIES).fit(
        counts_of(split.background["board"], cells[:cut], 6)
    )
    train, test = (
        np.array([np.bincount(own[of], minlength=6) for of in part])
        for part in (rows[:, :16], rows[:, -8:])
    )
    expected = profile.bits(train, test)
    for name in fusion.BITS:
        np.testing.assert_allclose(found.bits[name], getattr(expected, name), atol=1e-9)
    pairs = profile.evidence(train, test)
    for name, of in fusion.MODELS.items():
        expected = 1 / rank_by_score(getattr(pairs, of)).middle
        np.testing.assert_allclose(found.ranks[name], expected)
    assert found.icc == 0
    assert fusion.UNTEMPERED not in found.ranks
    assert found.p_value == 0.05  # no deal reaches what was observed


def test_users_of_the_background_are_left_out_of_what_scores_them():
    categories, styles, split = study_of()
    analysed = split.analysed
    everyone = pd.concat([split.background, analysed], ignore_index=True)
    both = dataclasses.replace(split, background=everyone)
    again = np.arange(len(split.background), len(everyone))
    codes = PinCategories(
        np.concatenate([categories.codes, categories.codes[again]]), categories.names
    )
    found = scores_of(codes, np.concatenate([styles, styles[again]]), both)
    cells = categories.codes * N_STYLES + styles
    user = found.users[2]
    others = (everyone["board"] != user).to_numpy()
    profile = HierarchicalProfile(N_CATEGORIES).fit(
        counts_of(everyone["board"][others], cells[others], 6)
    )
    own = cells[(everyone["board"] == user).to_numpy()]
    train, test = (np.bincount(of, minlength=6)[None] for of in (own[:16], own[-8:]))
    expected = profile.bits(train, test)
    for name in fusion.BITS:
        assert found.bits[name][2] == pytest.approx(getattr(expected, name)[0])


def test_sessions_weigh_training_and_background_but_not_what_is_told():
    hours = np.tile(np.repeat(np.arange(N_PINS // 4) * 24, 4), N_BACKGROUND + N_USERS)
    categories, styles, split = study_of(times=hours)
    first = np.arange(len(styles)) // 4 * 4  # all of a session show one thing
    categories = PinCategories(categories.codes[first], categories.names)
    styles = styles[first]
    of = sessions(split.analysed["board"].to_numpy(), split.analysed["time"].to_numpy(), "day")
    found = scores_of(categories, styles, split, of)
    assert found.icc == pytest.approx(1)
    assert fusion.UNTEMPERED in found.ranks
    cells, cut = categories.codes * N_STYLES + styles, len(split.background)
    profile = HierarchicalProfile(N_CATEGORIES).fit(
        counts_of(split.background["board"], cells[:cut], 6) / 4
    )
    own = cells[cut:].reshape(N_USERS, -1)
    train, test = (
        np.array([np.bincount(row, minlength=6) for row in part])
        for part in (own[:, :16], own[:, -8:])
    )
    np.testing.assert_allclose(
        found.bits["fusion"], profile.bits(train / 4, test).fusion, atol=1e-6
    )
    plain = scores_of(categories, styles, split)
    np.testing.assert_allclose(found.untempered["fusion"], plain.bits["fusion"])


def test_users_of_one_session_count_as_one_pin():
    cells, users = np.arange(12) % 3, np.repeat(["a", "b", "c"], 4)
    assert fusion.session_icc(cells, users, None) == 0
    assert fusion.session_icc(cells, users, np.repeat([0, 1, 2], 4)) == 1
    alone = fusion.session_icc(cells, users, np.arange(12))
    assert alone == 0  # no session has two pins
    of_one_cell = fusion.session_icc(np.ones(12, int), users, np.repeat(np.arange(6), 2))
    assert of_one_cell == 1  # as little is known of how alike they are
    same = np.repeat([0, 1, 0, 1, 2, 0], 2)
    assert fusion.session_icc(same, users, np.repeat(np.arange(6), 2)) == pytest.approx(1)


@pytest.mark.parametrize("intra", [False, True])
def test_the_p_value_is_that_of_plain_deals(intra):
    categories, styles, split = study_of(intra)
    cut = len(split.background)
    cells = (categories.codes * N_STYLES + styles)[cut:]
    users = split.analysed["board"].to_numpy()
    profile = HierarchicalProfile(N_CATEGORIES).fit(
        counts_of(split.background["board"], (categories.codes * N_STYLES + styles)[:cut], 6)
    )
    place = np.tile(np.arange(N_PINS), N_USERS)
    first, last = place < 16, place >= 16
    weights = np.ones(len(cells))
    found = fusion.intra_pvalue(profile, cells, users, first, last, None, weights, 39, 5)

    def bits(styles):
        of = cells // N_STYLES * N_STYLES + styles
        counts = (counts_of(users[part], of[part], 6) for part in (first, last))
        return profile.bits(*counts).intra.mean()

    rng = np.random.default_rng(5)
    observed = bits(cells % N_STYLES)
    dealt = [bits(deal_styles(cells // N_STYLES, cells % N_STYLES, None, rng)) for _ in range(39)]
    assert found == pytest.approx((1 + sum(of >= observed - 1e-9 for of in dealt)) / 40)
    assert found <= 0.1 if intra else found > 0.1


def test_the_order_of_users_and_pins_does_not_matter():
    categories, styles, split = study_of()
    found = scores_of(categories, styles, split)
    # boards of the background and of the analysed in another order; pins of a board in theirs
    order = np.concatenate([
        np.random.default_rng(1).permutation(N_BACKGROUND),
        N_BACKGROUND + np.random.default_rng(2).permutation(N_USERS),
    ])  # fmt: skip
    rows = (order[:, None] * N_PINS + np.arange(N_PINS)).ravel()
    pins = pd.concat([split.background, split.analysed], ignore_index=True).iloc[rows]
    cut = len(split.background)
    other = scores_of(
        PinCategories(categories.codes[rows], categories.names), styles[rows],
        BoardSplit(pins[:cut].reset_index(drop=True), pins[cut:].reset_index(drop=True), None),
    )  # fmt: skip
    assert found.users.tolist() == other.users.tolist()
    for name in fusion.BITS:
        np.testing.assert_allclose(found.bits[name], other.bits[name], atol=1e-6)
    for name in fusion.MODELS:
        np.testing.assert_allclose(found.ranks[name], other.ranks[name])


# --- numbers


def numbers_of(seeds=(3, 4), n_users=N_USERS):
    studies = [study_of(seed=seed) for seed in seeds]
    scores = [scores_of(*of, seed=seed) for of, seed in zip(studies, seeds, strict=True)]
    users = scores[0].users
    ranks = [
        pd.DataFrame({
            "profile": name, "n_train": n_train, "user": users,
            "reciprocal_rank": 1 / (1 + np.random.default_rng(seed).integers(0, 8, n_users)),
        })
        for seed in seeds for name in ("image", "text", "mean embedding") for n_train in (6, 16)
    ]  # fmt: skip
    ranks = [pd.concat(ranks[place : place + 6]) for place in (0, 6)]
    found = fusion.fusion_table(scores, ranks, 0)
    return scores, ranks, found, fusion.fusion_numbers(scores, found, 0)


def test_numbers_are_means_over_users_and_seeds():
    scores, ranks, found, numbers = numbers_of()
    for name in fusion.BITS:
        mean = np.mean([of.bits[name] for of in scores])
        assert numbers[f"fusion.bits.{name}"].value == pytest.approx(mean)
        assert numbers[f"fusion.bits.untempered.{name}"].value == pytest.approx(mean)
    assert numbers["fusion.bits.fusion"].value == pytest.approx(
        sum(numbers[f"fusion.bits.{part}"].value for part in ("inter", "styles", "interaction"))
    )
    of_image = np.mean([
        of[(of["profile"] == "image") & (of["n_train"] == 16)]["reciprocal_rank"] for of in ranks
    ])  # fmt: skip
    of_fusion = np.mean([of.ranks["fusion"] for of in scores])
    assert numbers["fusion.mrr.image"].value == pytest.approx(of_image)
    assert numbers["fusion.mrr.fusion-image"].value == pytest.approx(of_fusion - of_image)
    assert numbers["fusion.mrr.random"].value == rank_scores.random_mrr(N_USERS)
    adjusted = rank_scores.holm(found["p"][1:])
    np.testing.assert_allclose(found["p_holm"][1:], adjusted)
    assert numbers["fusion.mrr.fusion-image.p.holm"].value in adjusted
    assert "text" not in set(found["profile"])
    expected = min(1, 2 * np.median([of.p_value for of in scores]))
    assert numbers["fusion.bits.intra.p"].value == pytest.approx(expected)
    one = fusion.fusion_numbers(scores[:1], found, 0)
    assert one["fusion.bits.intra.p"].value == scores[0].p_value


# --- how fine categories are


def test_what_clusters_tell_is_a_share_of_what_is_uncertain():
    categories = np.repeat([0, 1], 40)
    truth = np.tile([0, 1, 2, 3], 20) + 4 * categories
    assert fusion_grain.told_of(truth, truth, categories) == pytest.approx(1)
    assert fusion_grain.told_of(categories, truth, categories) == pytest.approx(0)
    assert fusion_grain.told_of(truth % 2, truth, categories) == pytest.approx(0.5)
    assert fusion_grain.told_of(truth, truth, truth) == 0  # nothing is uncertain


@pytest.mark.parametrize("known", [True, False])
def test_scores_by_grain_are_those_of_such_categories(known):
    categories, styles, split = study_of()
    rng = np.random.default_rng(0)
    classes = 10 * categories.codes + rng.integers(0, 10, len(styles))
    embedded = np.eye(3)[categories.codes] * 30
    embedded = np.hstack([embedded, np.eye(30)[classes] * 5, np.eye(2)[styles] * 3])
    embedded += 0.1 * rng.normal(size=embedded.shape)
    cut = len(split.background)
    truth = pd.DataFrame({"scene": classes, "style": styles}) if known else None
    coarse = fusion.style_clusters(embedded, categories.codes, cut, N_STYLES, 1)
    found = fusion_grain.grain_scores(
        scores_of(categories, coarse, split), categories, coarse, classes, truth,
        pin_arrays(embedded[:cut], embedded[cut:]), split, None, "day", n_style_clusters=N_STYLES,
        start=1, seed=3, **SPLIT,
    )  # fmt: skip
    n_fine = len(np.unique(classes))
    assert {name: int(own["n"]) for name, own in found.items()} == {
        "categories": 3, "classes": n_fine,
    }  # fmt: skip
    for grain, name in ((categories, "categories"), (named_categories(classes), "classes")):
        of = fusion.style_clusters(embedded, grain.codes, cut, N_STYLES, 1)
        expected, own = scores_of(grain, of, split), found[name]
        np.testing.assert_allclose(own["intra"], expected.bits["intra"])
        np.testing.assert_allclose(own["mrr"], expected.ranks["fusion"])
        assert ("told_class" in own) == known
    if known:
        assert found["classes"]["told_class"] == 0  # a category is one class
    shown = fusion_grain.grain_table([found, found], 0)
    assert shown["categories"].tolist() == [3, n_fine]
    assert shown["intra"][1].value == pytest.approx(expected.bits["intra"].mean())
    assert shown["told_style"].isna().all() != known
    numbers = fusion_grain.grain_numbers(shown)
    assert numbers["fusion.grain.categories.intra"] == shown["intra"][0]


# --- one user


def test_a_users_taste_is_told_at_both_levels():
    categories, styles, split = study_of()
    images = [f"{row}.jpg" for row in range(len(styles))]
    cut = len(split.background)
    split = BoardSplit(
        split.background.assign(image=images[:cut]), split.analysed.assign(image=images[cut:]), None
    )
    names = pd.DataFrame({"name": ["dark", "light"]})
    board = split.analysed["board"].iloc[0]
    found = fusion_taste.fusion_taste(board, categories, styles, names, split, None, N_STYLES)
    assert len(found) == 3
    cells = categories.codes * N_STYLES + styles
    profile = HierarchicalProfile(N_CATEGORIES).fit(
        counts_of(split.background["board"], cells[:cut], 6)
    )
    mine = np.bincount(cells[cut : cut + N_PINS], minlength=6)[None]
    own, everyone = (profile.transform(of).reshape(3, 2) for of in (mine, np.zeros((1, 6))))
    excess = own.sum(axis=1) - everyone.sum(axis=1)
    assert found["category"].tolist() == [categories.names[of] for of in np.argsort(-excess)]
    for row in found.itertuples():
        category = categories.names.index(row.category)
        assert row.own == pytest.approx(own[category].sum())
        shares = own[category] / own[category].sum()
        of_all = everyone[category] / everyone[category].sum()
        style = int(np.argmax(shares - of_all))
        assert (row.style, row.own_style) == (names["name"][style], pytest.approx(shares[style]))
        assert row.pins == mine.reshape(3, 2)[category].sum()
        for image in row.own_images:
            at = int(image.removesuffix(".jpg"))
            assert cut <= at < cut + N_PINS
            assert (categories.codes[at], styles[at]) == (category, style)
        assert all(int(image.removesuffix(".jpg")) < cut for image in row.other_images)
        assert max(len(row.own_images), len(row.other_images)) <= 6
    of = np.arange(N_USERS * N_PINS) // 4
    tempered = fusion_taste.fusion_taste(board, categories, styles, names, split, of, N_STYLES)
    icc = fusion.session_icc(cells[cut:], split.analysed["board"].to_numpy(), of)
    weights = session_weights(np.zeros(24, int), np.arange(24) // 4, icc)
    one = fusion.cell_counts(np.zeros(24, int), cells[cut : cut + N_PINS], 6, weights)
    assert tempered["own"].sum() == pytest.approx(profile.transform(one).sum())
    largest = profile.transform(one).reshape(3, 2).sum(axis=1)
    assert set(tempered["own"].round(9)) == set(largest.round(9))


def test_without_pictures_none_are_shown():
    categories, styles, split = study_of()
    names = pd.DataFrame({"name": ["dark", "light"]})
    board = split.analysed["board"].iloc[0]
    found = fusion_taste.fusion_taste(board, categories, styles, names, split, None, N_STYLES)
    assert found["own_images"].tolist() == found["other_images"].tolist() == [[], [], []]


def test_styles_are_named_by_the_colours_they_differ_in():
    n, n_background = 60, 20
    rng = np.random.default_rng(0)
    styles = np.concatenate([rng.integers(0, 3, n_background), np.arange(n) % 3])
    styles[styles == 2] = np.where(np.arange((styles == 2).sum()) < 4, 2, 0)  # too few
    split = BoardSplit(table(1, n_background), table(3, n // 3), pd.DataFrame())
    own = styles[n_background:]
    palettes = rng.normal(size=(n, 6)) * 0.01
    palettes[own == 1] += [10, 0, 0, -5, 0, 0]
    categories = PinCategories(np.zeros(n + n_background, int), ("a",))
    truth = pd.DataFrame({"style": np.where(styles == 1, "day", "night")})
    found = fusion_taste.style_names(styles, categories, split, truth, palettes, 4)
    assert found["name"].tolist()[1] in (
        "lighter and less contrast", "less contrast and lighter",
    )  # fmt: skip
    assert found["name"][0] in ("darker and more contrast", "more contrast and darker")
    assert found["name"][3] == "style 4"
    assert found["truth"].tolist() == ["night", "day", "night" if (styles == 2).any() else "", ""]
    assert found["purity"][1] == 1
    assert found["share"].sum() == pytest.approx(1)
    unknown = fusion_taste.style_names(styles, categories, split, None, None, 2)
    assert unknown["name"].tolist() == ["style 1", "style 2"]
    assert unknown["truth"].tolist() == ["", ""]


def test_what_varies_between_categories_names_no_style():
    split = BoardSplit(table(1, 4), table(4, 10), pd.DataFrame())
    categories = PinCategories(np.repeat([0, 0, 1], [4, 20, 20]), ("a", "b"))
    styles = np.concatenate([[0, 1, 0, 1], np.repeat([0, 1], 20)])
    palettes = np.zeros((40, 6))
    palettes[20:, 0] = 50  # of the category
    found = fusion_taste.style_names(styles, categories, split, None, palettes, 2)
    assert found["name"].tolist() == ["style 1", "style 2"]


# --- known worlds


@pytest.mark.slow
def test_fusion_does_in_worlds_of_known_taste_what_it_should():
    split = BoardSplit(table(1, 4), table(150, 1), pd.DataFrame())
    found = fusion_worlds.fusion_worlds(
        split, VisualVocabulary(20, bandwidth=0.05, random_state=0), n_pins=60, n_test=30,
        train_sizes=(30,), distance="euclidean", n_style_clusters=8, n_components=64, seed=0,
    ).set_index(["taste", "measure", "model"])  # fmt: skip
    assert set(found["n_users"]) == {600}
    random = rank_scores.random_mrr(150)
    bits = {
        (taste, part): found.loc[(taste, "bits", part), "estimate"]
        for taste in fusion_worlds.FUSION_TASTES for part in fusion.BITS
    }  # fmt: skip
    for taste in ("neither", "classes only"):
        assert bits[taste, "intra"].value < 0.005
    for taste in ("styles only", "both", "styles in one class"):
        assert bits[taste, "intra"].low > 0
    assert bits["styles in one class", "interaction"].low > 0
    assert bits["styles only", "interaction"].high < 0
    assert found.loc[("neither", "MRR", "fusion"), "value"] == pytest.approx(random, abs=0.02)
    assert found.loc[("both", "MRR", "fusion less categories"), "low"] > 0


@pytest.mark.slow
def test_bits_of_known_worlds_are_recovered():
    arguments = {"n_pins": 60, "n_test": 20, "train_sizes": (20,), "n_known_worlds": 40, "seed": 0}
    found = fusion_worlds.fusion_recovery(**arguments)
    assert found["strength"].tolist() == [1, 1, 4, 4, 16, 16]
    # a population that is learned from few is not quite the true one, and is easier to beat
    assert (found["bias"].abs() < 0.01 + 0.1 * found["truth"]).all()
    assert (found["covered"] > 0.8).all()
    assert (found["recovered"] / found["strength"]).between(0.7, 1.5).all()
    power = fusion_worlds.fusion_power(**arguments)
    shares = power.pivot_table(index="strength", columns="n_users", values="found").to_numpy()
    assert (np.diff(shares, axis=0) <= 0.15).all()  # the weaker, the harder
    assert shares[0].min() > 0.9  # strong tastes take ten users
    assert shares[-1, -1] > shares[-1, 0]
    np.testing.assert_allclose(
        power["truth"].unique(), [expected_bits(np.full(4, a / 4), np.full((4, 4), a / 4), 20)[1]
                                  for a in fusion_worlds.POWER_STRENGTHS],
    )  # fmt: skip
    level = fusion_worlds.fusion_level(**arguments)
    assert (level["low"] <= 0.05).all()
    assert (level["bits"] < 0.002).all()
    assert level["untempered"].iloc[1] < -0.02  # sessions taken for tastes mislead


@pytest.mark.slow
def test_the_study_has_what_the_chapter_asks_without_pictures(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_known_worlds=1)
    assert study["fusion_numbers"]["fusion.bits.intra"].n == 8
    taste = study["fusion_taste"]
    assert (taste["own_images"].map(len) == 0).all()
    assert study["style_names"]["name"].str.startswith("style").all()
    numbers = study["fusion_world_numbers"]
    assert {"fusion.level.1", "fusion.known.4.intra.covered", "fusion.world.both.mrr.fusion"} <= (
        numbers.keys()
    )
