"""Steps of chapters 6 and 8 on small tables whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from visprof import boards, prediction
from visprof.sources.vectors import simulate_embeddings
from visprof.steps import baselines, leakage
from visprof.steps import user_ranking as steps
from visprof.steps import without_pictures as simulated
from visprof.steps.assignments import Assignments, fit_vocabulary
from visprof.steps.data import BoardSplit, Pins
from visprof.study import Study
from visprof.vocabulary import VisualVocabulary

N_USERS, N_PINS, N_BACKGROUND = 7, 12, 5
SPLIT = {"n_pins": 10, "n_test": 4, "train_sizes": (3, 6)}


def table(n_users, n_pins, times=None):
    """Pins of users in time order, an hour apart where no times are given."""
    hours = np.tile(np.arange(n_pins), n_users) if times is None else np.asarray(times).ravel()
    return pd.DataFrame(
        {
            "board": np.repeat([f"user-{i:02d}" for i in range(n_users)], n_pins),
            "image": "",
            "time": pd.Timestamp("2014-07-01", tz="UTC") + pd.to_timedelta(hours, unit="h"),
        }
    )


def split_of(analysed):
    background = table(1, N_BACKGROUND).assign(board="background")
    return BoardSplit(background, analysed, pd.DataFrame())


@pytest.fixture
def parts():
    """Random values of what profiles are means of, the background's rows first."""
    rng = np.random.default_rng(0)
    n = N_USERS * N_PINS
    return {
        "assignments": Assignments(np.zeros(0), rng.dirichlet(np.ones(5), n)),
        "text_assignments": Assignments(np.zeros(0), rng.dirichlet(np.ones(4), n)),
        "pin_embedding": rng.normal(size=(N_BACKGROUND + n, 6)),
        "pin_features": SimpleNamespace(outputs=rng.normal(size=(N_BACKGROUND + n, 3))),
        "palettes": rng.random((n, 6)),
        "board_split": split_of(table(N_USERS, N_PINS)),
    }


@pytest.fixture
def half(parts):
    return steps.half_profiles(**parts, **SPLIT, seed=3)


def test_half_profiles_are_means_of_the_first_and_last_sampled_pins(parts, half):
    rows = boards.sample_pins(parts["board_split"].analysed, 10, random_state=3).reshape(-1, 10)
    outputs = parts["pin_features"].outputs
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    by_part = {
        "image": parts["assignments"].analysed,
        "text": parts["text_assignments"].analysed,
        "embedding": parts["pin_embedding"][N_BACKGROUND:],
        "labels": shares[N_BACKGROUND:],
        "palette": parts["palettes"],
    }
    assert set(half.test) == set(by_part)
    assert half.users.tolist() == [f"user-{i:02d}" for i in range(N_USERS)]
    for part, features in by_part.items():
        for user, of_user in enumerate(rows):
            last = sum(features[row] for row in of_user[-4:]) / 4
            np.testing.assert_allclose(half.test[part][user], last)
            for n_train in (3, 6):
                first = sum(features[row] for row in of_user[:n_train]) / n_train
                np.testing.assert_allclose(half.train[part, n_train][user], first)
    assert list(half.kinds()) == list(steps.PROFILES)


def test_names_become_parts_of_keys():
    names = ["mean embedding", "recall@5", "by number, fewer training pins", "embedding: the rest"]
    slugs = ["mean-embedding", "recall@5", "by-number-fewer-training-pins", "embedding-the-rest"]
    assert [steps.slug(name) for name in names] == slugs


def test_profiles_without_their_parts_are_left_out(parts):
    parts |= {"text_assignments": None, "pin_features": None, "palettes": None}
    half = steps.half_profiles(**parts, **SPLIT, seed=3)
    assert list(half.kinds()) == ["image", "mean embedding"]
    table = steps.reciprocal_ranks(half, (3, 6), "euclidean")
    assert table["profile"].unique().tolist() == ["image", "mean embedding"]


def test_too_few_pins_are_named(parts):
    with pytest.raises(ValueError, match="cannot sample 13 pins a board: user-00 has 12"):
        steps.half_profiles(**parts, **SPLIT | {"n_pins": 13}, seed=3)
    with pytest.raises(ValueError, match="fewer than n_train"):
        steps.half_profiles(**parts, **SPLIT | {"n_test": 8}, seed=3)


def test_ranks_are_by_the_studys_distance_where_it_suits_the_profile(half):
    table = steps.reciprocal_ranks(half, (3, 6), "hellinger")
    of_roots = cdist(np.sqrt(half.train["image", 6]), np.sqrt(half.test["image"]))
    of_means = cdist(half.train["embedding", 6], half.test["embedding"])
    for name, distances in (("image", of_roots), ("mean embedding", of_means)):
        rows = table[(table["profile"] == name) & (table["n_train"] == 6)]
        expected = [rankdata(row)[i] for i, row in enumerate(distances)]
        np.testing.assert_allclose(rows["rank"], expected)
        np.testing.assert_allclose(rows["reciprocal_rank"], 1 / rows["rank"])


def test_distances_side_by_side(half):
    table = baselines.distance_table([half], (3, 6), seed=0).set_index(["profile", "distance"])
    assert set(table.loc["mean embedding"].index) == {"euclidean", "cosine"}
    assert set(table.loc["palette"].index) == {"euclidean"}
    assert set(table.loc["fused"].index) == set(prediction.DISTANCES)
    for name, train, test in (
        ("label histogram", half.train["labels", 6], half.test["labels"]),
        ("mean embedding", half.train["embedding", 6], half.test["embedding"]),
    ):
        found = table.loc[name, "cosine"]
        distances = cdist(train, test, "cosine")
        expected = np.mean([1 / rankdata(row)[i] for i, row in enumerate(distances)])
        assert found["mrr"] == pytest.approx(expected)
        assert found["low"] <= found["mrr"] <= found["high"]


def test_numbers_compare_every_profile_with_the_image(half):
    ranks = steps.reciprocal_ranks(half, (3, 6), "euclidean")
    table = steps.mrr_table([ranks], seed=0)
    numbers = steps.mrr_numbers([ranks], table, seed=0)
    assert numbers["mrr.random"].value == prediction.random_mrr(N_USERS)
    for row in table.itertuples():
        own, image = (
            ranks[(ranks["profile"] == name) & (ranks["n_train"] == row.n_train)]
            for name in (row.profile, "image")
        )
        key = f"mrr.{steps.slug(row.profile)}.{row.n_train}"
        assert numbers[key].value == pytest.approx(own["reciprocal_rank"].mean())
        if row.profile == "image":
            continue
        lead = image["reciprocal_rank"].to_numpy() - own["reciprocal_rank"].to_numpy()
        key = f"mrr.image-{steps.slug(row.profile)}.{row.n_train}"
        assert numbers[key].value == pytest.approx(lead.mean())
        assert 0 < numbers[f"{key}.p"].value <= 1
    own = ranks[(ranks["profile"] == "text") & (ranks["n_train"] == 6)]
    assert numbers["recall@5.text.6"].value == pytest.approx((own["rank"] <= 5).mean())
    assert numbers["median-rank.text.6"].value == own["rank"].median()


def test_numbers_are_means_over_seeds_and_their_tests_of_averaged_ranks(parts):
    rng = np.random.default_rng(1)
    tables = []
    for _ in range(3):
        n = N_USERS * N_PINS
        parts["assignments"] = Assignments(np.zeros(0), rng.dirichlet(np.ones(5), n))
        half = steps.half_profiles(**parts, **SPLIT, seed=3)
        tables.append(steps.reciprocal_ranks(half, (3, 6), "euclidean"))
    numbers = steps.mrr_numbers(tables, steps.mrr_table(tables, seed=0), seed=0)
    alone = [steps.mrr_numbers([of], steps.mrr_table([of], seed=0), seed=0) for of in tables]
    for key in ("mrr.image.6", "mrr.image-text.3", "recall@1.image.6", "median-rank.image.6"):
        values = [of[key].value for of in alone]
        assert numbers[key].value == pytest.approx(np.mean(values))
        assert numbers[key].sd_seeds == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
        for by_seed, of in zip(numbers[key].by_seed, alone, strict=True):
            assert by_seed == pytest.approx((of[key].value, of[key].low, of[key].high))
    assert numbers["mrr.text.6"].sd_seeds < 1e-12  # captions are the same in all
    rr = [of.query("n_train == 6").set_index("profile")["reciprocal_rank"] for of in tables]
    image, text = (np.mean([of[name] for of in rr], axis=0) for name in ("image", "text"))
    p = prediction.randomisation_test(image, text, random_state=0)
    assert numbers["mrr.image-text.6.p"].value == pytest.approx(p)


def test_ties_are_bounded_by_losing_and_winning_all(parts):
    words = parts["text_assignments"].analysed
    parts["text_assignments"] = Assignments(np.zeros(0), np.full_like(words, 1 / 4))
    half = steps.half_profiles(**parts, **SPLIT, seed=3)
    ranks = steps.reciprocal_ranks(half, (3, 6), "euclidean")
    numbers = steps.mrr_numbers([ranks], steps.mrr_table([ranks], seed=0), seed=0)
    assert numbers["mrr.text.6.optimistic"].value == 1
    assert numbers["mrr.text.6.pessimistic"].value == pytest.approx(1 / N_USERS)
    assert numbers["mrr.text.6"].value == pytest.approx(1 / ((1 + N_USERS) / 2))


def test_fewer_users_end_at_the_mrr_of_all(half):
    ranks = steps.reciprocal_ranks(half, (3, 6), "euclidean")
    table = steps.mrr_by_users([ranks, ranks], seed=0)
    at_all = steps.mrr_table([ranks], seed=0)
    for name, rows in table.groupby("profile"):
        assert rows["n_users"].iloc[-1] == N_USERS
        assert (rows["mrr"].diff()[1:] <= 1e-12).all()  # the more, the harder
        if name != "random":
            own = at_all[(at_all["profile"] == name) & (at_all["n_train"] == 6)]
            assert rows["mrr"].iloc[-1] == pytest.approx(own["mrr"].item())


def of_batches(times, n_users=40, n_pins=12, seed=0):
    """Users without taste; the pins of a batch have one embedding."""
    rng = np.random.default_rng(seed)
    times = np.broadcast_to(times, (n_users, n_pins))
    looks = rng.normal(size=(n_users, times.max() + 1, 6))
    embedded = np.take_along_axis(looks, times[..., None], axis=1).reshape(-1, 6)
    split = split_of(table(n_users, n_pins, times))
    splits = steps.batch_splits(split, n_pins=12, n_test=4, train_sizes=(4, 8), n_repeats=3, seed=0)
    ranks = steps.batch_ranks(
        Assignments(np.zeros(0), np.exp(embedded)), None,
        np.vstack([np.zeros((N_BACKGROUND, 6)), embedded]), split, splits, "euclidean",
    )  # fmt: skip
    return steps.batch_effect([ranks], splits, seed=0)


def test_batches_on_both_sides_of_the_split_find_users_without_taste():
    effect = of_batches([0, 1, 2, 3, *[4] * 8])  # four of the batch are learnt, four tested
    assert (effect.n_boards, effect.n_tied, effect.n_left, effect.n_train) == (40, 40, 40, 4)
    image = effect.table[effect.table["profile"] == "image"].set_index("split")
    whole = image.loc["batches kept whole"]
    assert whole["low"] < prediction.random_mrr(40) < whole["high"]
    assert image.loc["by number", "low"] > whole["high"]
    assert image.loc["by number, fewer training pins", "low"] > whole["high"]


def test_times_of_their_own_change_nothing():
    effect = of_batches(np.arange(12))
    assert (effect.n_tied, effect.n_left, effect.n_train) == (0, 40, 8)
    for _, rows in effect.table.groupby("profile"):
        np.testing.assert_allclose(rows["mrr"], rows["mrr"].iloc[0])


def test_boards_of_a_single_batch_leave_nothing_to_learn_from():
    effect = of_batches(np.zeros(12, int))
    assert (effect.n_tied, effect.n_left, effect.n_train) == (40, 0, 0)
    assert effect.table.empty


@pytest.fixture(scope="module")
def not_drawn(tmp_path_factory):
    return Study("tiny", home=tmp_path_factory.mktemp("home"), drawn=False, repeat_share=0.1)


def test_first_repetition_is_the_study_itself(not_drawn):
    repeats = not_drawn["repeated_mrr"]
    numbers = not_drawn["mrr_numbers"]
    assert repeats["repeat"].unique().tolist() == [0, 1]
    for row in repeats[repeats["repeat"] == 0].itertuples():
        of_first_seed = numbers[f"mrr.{steps.slug(row.profile)}.10"].by_seed[0]
        assert row.mrr == pytest.approx(of_first_seed[0])
    none = Study("tiny", home=not_drawn.home, drawn=False, repeat_share=0.1, n_repeats=0)
    assert none["repeated_mrr"].empty
    assert list(none["repeated_mrr"]) == list(repeats)


def test_a_world_that_is_not_drawn_has_all_that_the_chapters_ask(not_drawn):
    assert not_drawn["pin_features"] is None
    assert not_drawn["palettes"] is None
    for name in ("batch_effect", "leakage", "null_leakage", "gain_sources", "taste_worlds"):
        not_drawn[name]
    truth = not_drawn["pin_truth"]
    assert list(truth) == ["scene", "style"]
    assert len(truth) == 12 * 20


def leaking(n_users=30, n_pins=12, seed=0, **changes):
    """Users without taste who pin each picture twice: in the first half, and in the second."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_users, n_pins // 2, 6))
    embedded = np.concatenate([own, own], axis=1).reshape(-1, 6)
    pictures = np.arange(n_users * n_pins // 2).reshape(n_users, -1)
    clusters = np.concatenate([pictures, pictures], axis=1).ravel()
    analysed = table(n_users, n_pins)
    others = table(1, 3).assign(board="another")  # readable, and not analysed
    split = split_of(analysed)
    given = {
        "board_split": split,
        "pins": Pins(
            pd.concat([others, analysed], ignore_index=True), pd.DataFrame(), pd.DataFrame()
        ),
        "near_duplicates": np.concatenate([[900, 900, 901], clusters]),
        "n_pins": 12,
        "n_test": 6,
        "n_repeats": 4,
        "seed": 0,
    }
    samples = leakage.leakage_samples(**given | changes)
    ranks = leakage.leakage_ranks(
        Assignments(np.zeros(0), np.exp(embedded)),
        np.vstack([np.zeros((N_BACKGROUND, 6)), embedded]), split, samples, "euclidean",
    )  # fmt: skip
    return leakage.leakage([ranks], samples, seed=0)


def test_without_its_repeats_a_world_without_taste_is_random():
    found = leaking()
    assert (found.n_users, found.n_boards, found.n_train, found.n_test) == (30, 30, 3, 3)
    image = found.by_rule[found.by_rule["profile"] == "image"].set_index("rule")
    assert image["pins_left"].tolist() == [360, 180, 360, 180]
    assert image.loc["all pins", "leaked"] > 0.2
    assert image.loc["neither", "leaked"] == 0
    random = prediction.random_mrr(30)
    assert image.loc["neither", "low"] < random < image.loc["neither", "high"]
    assert image.loc["all pins", "low"] > image.loc["neither", "high"]


def test_removing_none_or_all_is_a_rule_of_its_own():
    found = leaking()
    columns = ["pins_left", "leaked", "profile", "mrr", "low", "high"]
    rules, shares = found.by_rule.groupby("rule"), found.by_share.groupby("removed")
    for share, rule in ((0.0, "all pins"), (1.0, "neither")):
        left, right = (
            part[columns].reset_index(drop=True)
            for part in (shares.get_group(share), rules.get_group(rule))
        )
        pd.testing.assert_frame_equal(left, right)
    image = found.by_share[found.by_share["profile"] == "image"]
    assert image["pins_left"].tolist() == [360, 315, 270, 225, 180]
    assert (image["leaked"].diff()[1:] < 0).all()


def test_pictures_of_other_boards_are_removed_across():
    pictures = np.tile(np.arange(12), 30)  # all boards show the same twelve
    shared = np.where(np.arange(360) % 12 < 2, pictures, 1000 + np.arange(360))
    found = leaking(near_duplicates=np.concatenate([[900, 900, 901], shared]))
    left = found.by_rule[found.by_rule["profile"] == "image"].set_index("rule")["pins_left"]
    assert left["no repeats on a board"] == 360
    assert left["no pictures of an earlier board"] == left["neither"] == 360 - 2 * 29


def test_boards_of_repeats_alone_are_refused():
    with pytest.raises(ValueError, match="a tenth of the boards keep at most 1 pins"):
        leaking(near_duplicates=np.concatenate([[0, 1, 2], np.repeat(np.arange(3, 33), 12)]))


@pytest.mark.slow
def test_mrr_without_taste_is_random_and_rises_with_repeats():
    found = leakage.null_leakage(
        split_of(table(200, 1)), VisualVocabulary(20, bandwidth=0.05, random_state=0),
        n_pins=40, n_test=20, train_sizes=(10, 20), distance="euclidean", seed=0,
    )  # fmt: skip
    random = prediction.random_mrr(200)
    for _, rows in found.groupby("profile"):
        assert rows["n_users"].unique().tolist() == [200]
        none, most = rows.iloc[0], rows.iloc[-1]
        assert none["repeat_share"] == 0
        assert none["low"] < random < none["high"]
        some = rows[rows["repeat_share"] >= 0.1]["mrr"]
        assert some.is_monotonic_increasing
        assert most["low"] > 3 * random


@pytest.mark.slow
def test_only_taste_finds_users():
    found = baselines.taste_worlds(
        split_of(table(200, 1)), VisualVocabulary(20, bandwidth=0.05, random_state=0),
        n_pins=40, n_test=20, train_sizes=(20,), distance="euclidean", seed=0,
    ).set_index(["taste", "profile"])  # fmt: skip
    random = prediction.random_mrr(200)
    for name in ("image", "mean embedding"):
        none = found.loc[("neither", name)]
        assert none["low"] < random < none["high"]
        assert found.loc[("both", name), "low"] > none["high"]
    assert found.loc[("styles only", "mean embedding"), "low"] > random


def gains(truth, embedded, outputs=None, n_users=30, n_pins=8):
    features = None if outputs is None else SimpleNamespace(outputs=outputs)
    ranks = baselines.gain_ranks(
        truth, features, embedded, split_of(table(n_users, n_pins)), n_pins=n_pins, n_test=4,
        train_sizes=(4,), seed=0,
    )  # fmt: skip
    return baselines.gain_sources([ranks], seed=0).set_index("profile")


def test_users_of_one_style_each_are_found_by_style_and_within_classes():
    rng = np.random.default_rng(0)
    n = N_BACKGROUND + 30 * 8
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
        assert found.loc[profile, "mrr"] == 1
    for profile in ("true classes", "embedding: mean of the class"):
        assert found.loc[profile, "mrr"] < 0.5
    assert len(truth) == n


def test_classes_are_the_likeliest_where_the_truth_is_not_known():
    rng = np.random.default_rng(0)
    scene = np.r_[np.arange(N_BACKGROUND), np.repeat(np.arange(30), 8) % 5]
    outputs = np.eye(5)[scene] + 0.1 * rng.random((len(scene), 5))
    noise = rng.normal(size=(len(scene), 4))
    found = gains(None, np.column_stack([50 * outputs, noise]), outputs)
    assert found.index[0] == "likeliest classes"
    assert len(found) == 3
    # five classes among thirty users: six share a place, so the middle rank is 3.5
    assert found.loc["likeliest classes", "mrr"] == pytest.approx(1 / 3.5)


def test_class_means_are_the_backgrounds():
    rng = np.random.default_rng(0)
    embedded, scene = rng.normal(size=(9, 3)), np.array([0, 2, 2, 0, 0, 2, 4, 4, 0])
    means = baselines._class_means(embedded, scene, 5)
    for number in range(5):
        some = embedded[scene == number]
        expected = some.mean(axis=0) if len(some) else embedded.mean(axis=0)
        np.testing.assert_allclose(means[number], expected)


def test_truth_is_read_by_picture(tmp_path):
    folder = tmp_path / "boards"
    folder.mkdir()
    truth = pd.DataFrame(
        {"image": ["a/1.jpg", "b/2.jpg"], "scene": ["coast", "desert"], "style": ["dusk", "fog"]}
    )
    split = BoardSplit(
        pd.DataFrame({"image": [str(folder / "b/2.jpg")]}),
        pd.DataFrame({"image": [str(folder / "a/1.jpg")]}),
        pd.DataFrame(),
    )
    assert baselines.pin_truth(split, tmp_path) is None
    truth.to_csv(folder / "truth.csv", index=False)
    assert baselines.pin_truth(split, tmp_path).to_numpy().tolist() == [
        ["desert", "fog"], ["coast", "dusk"],
    ]  # fmt: skip
    truth[:1].to_csv(folder / "truth.csv", index=False)  # a picture was added
    assert baselines.pin_truth(split, tmp_path) is None


def test_truth_of_a_world_that_is_not_drawn():
    split = BoardSplit(
        pd.DataFrame({"row": [5, 6]}), pd.DataFrame({"row": [0, 1, 11]}), pd.DataFrame()
    )
    world = {"n_users": 3, "n_pins": 4, "random_state": 2}
    truth = simulated.pin_truth(split, world)
    expected = simulate_embeddings(**world)
    rows = [5, 6, 0, 1, 11]
    np.testing.assert_array_equal(truth["scene"], expected.labels[rows])
    np.testing.assert_array_equal(truth["style"], expected.styles[rows])


def test_there_are_no_more_clusters_than_rows_that_differ():
    rows = np.repeat(np.eye(3), 5, axis=0)
    fitted = fit_vocabulary(VisualVocabulary(8, bandwidth=0.0, random_state=0), rows)
    assert fitted.n_clusters == 3
    centres = np.array(sorted(map(tuple, fitted.cluster_centers_.round(9))))
    np.testing.assert_allclose(centres, np.eye(3)[::-1], atol=1e-9)
    assert fit_vocabulary(VisualVocabulary(2, random_state=0), rows).n_clusters == 2


def test_worlds_without_a_common_user_have_the_interval_of_all_their_users():
    rng = np.random.default_rng(0)
    n_worlds, n_users, n_studies = 4, 80, 150
    for between in (0.0, 0.1):
        ranks = rng.beta(1, 2, (n_studies, n_worlds, n_users))
        ranks += between * rng.normal(size=(n_studies, n_worlds, 1))
        found = [leakage._mean_over_worlds(list(of), 0) for of in ranks]
        arms = np.array([(of.high - of.low) / 2 for of in found])
        truth = 1.96 * np.sqrt((1 / 18 / n_users + between**2) / n_worlds)  # 1 / 18: of the beta
        # wider where worlds do not differ: the part that they add is never less than none
        assert 0.9 < np.sqrt(np.mean(arms**2)) / truth < 1.2
        assert all(of.low < of.value < of.high for of in found)


def test_one_world_has_the_interval_of_its_users():
    found = leakage._mean_over_worlds([np.linspace(0.1, 1, 30)], 0)
    assert found.sd_seeds is None
    assert found.by_seed == ((found.value, found.low, found.high),)
