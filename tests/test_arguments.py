"""What every public function of the metrics and statistics does with bad or unusual arguments.

One table of functions with valid arguments; each kind of argument is spoiled in each function.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from visprof import (
    carry_over,
    category_ranks,
    intervals,
    logodds,
    maps,
    profiles,
    retrieval,
    scene_table,
    shares,
    significance,
    ties,
    variation,
    vocabulary,
)
from visprof.sources import pin_bank

MODULES = (
    carry_over, category_ranks, intervals, logodds, maps, pin_bank, profiles, retrieval,
    scene_table, shares, significance, ties, variation,
)  # fmt: skip

N, D, K = 24, 5, 6  # rows, features, clusters
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(N, D))
ASSIGNMENTS = RNG.dirichlet(np.ones(K), N)
LABELS = RNG.permutation(np.arange(N) % 4)
SESSIONS = np.arange(N) // 3
CATEGORIES = pd.Series(LABELS).groupby(LABELS).cumcount().to_numpy() % 2
BACKGROUND = RNG.gamma(1.0, 50, K)
COUNTS = RNG.gamma(1.0, 5, (4, K))
PAIRS = np.array([[0, 1], [0, 2], [1, 3]])
TIMES = intervals.resample_counts(N, 9, 1)
NEIGHBOURS = maps.nearest_neighbours(FEATURES, 4)
RANKING = retrieval.ranking_metrics(FEATURES, LABELS)
BANK = pin_bank.pin_bank(300, 0)
WORDS = vocabulary.VisualVocabulary(3, bandwidth=0.1, random_state=0).fit(FEATURES)


@dataclass(frozen=True)
class Case:
    """A function, valid arguments, and which of them are of which kind."""

    function: object
    arguments: dict
    groups: tuple = ()  # labels, users, sessions: one for each row
    numbers: tuple = ()  # arrays of numbers
    integers: tuple = ()  # arrays of whole numbers
    counts: tuple = ()  # numbers of things, and seeds
    reals: tuple = ()  # finite numbers
    scaled: tuple = ()  # arrays that may be multiplied, all alike, and the result is the same
    fixed: dict = field(default_factory=dict)  # the rest

    @property
    def name(self):
        return self.function.__name__

    def __call__(self, **changed):
        return self.function(**(self.fixed | self.arguments | changed))


def shares_interval(level):
    return variation.variance_shares(FEATURES, LABELS, SESSIONS).interval(level)["user"]


def class_mean_ap(labels):
    return RANKING.class_mean_ap(labels)


def class_readings(labels):
    found = scene_table.class_readings(RANKING, labels)
    return np.vstack([found.values, found.left_out])


CASES = [
    Case(
        retrieval.ranking_metrics, {"features": FEATURES, "labels": LABELS},
        groups=("labels",), numbers=("features",), scaled=("features",),
    ),
    Case(class_mean_ap, {"labels": LABELS}, groups=("labels",)),
    Case(retrieval.random_mean_ap, {"labels": LABELS}, groups=("labels",)),
    Case(retrieval.random_pr_area, {"labels": LABELS}, groups=("labels",)),
    Case(class_readings, {"labels": LABELS}, groups=("labels",)),
    Case(scene_table.random_values, {"labels": LABELS}, groups=("labels",)),
    Case(
        retrieval.held_out_classes, {"labels": LABELS, "random_state": 1},
        groups=("labels",), counts=("random_state",),
    ),
    Case(maps.largest_perplexity, {"n": 9}, counts=("n",)),
    Case(
        maps.tsne_plane, {"features": FEATURES, "perplexity": 3.0, "random_state": 1},
        numbers=("features",), counts=("random_state",), reals=("perplexity",),
    ),
    Case(maps.neighbourhood, {"n": 9}, counts=("n",)),
    Case(
        maps.nearest_neighbours, {"points": FEATURES, "k": 4},
        numbers=("points",), counts=("k",), scaled=("points",),
    ),
    Case(
        maps.preservation, {"embedded": NEIGHBOURS, "planar": NEIGHBOURS[:, ::-1]},
        integers=("embedded", "planar"),
    ),
    Case(
        maps.trust, {"features": FEATURES, "planar": np.roll(NEIGHBOURS, 1, axis=0)},
        numbers=("features",), integers=("planar",), scaled=("features",),
    ),
    Case(maps.chance_trust, {"n": 30, "k": 4}, counts=("n", "k")),
    Case(
        maps.label_purity, {"neighbours": NEIGHBOURS, "labels": LABELS},
        groups=("labels",), integers=("neighbours",),
    ),
    Case(maps.chance_purity, {"labels": LABELS}, groups=("labels",)),
    Case(
        maps.mean_interval,
        {
            "scores": FEATURES[:, 0], "groups": LABELS, "n_resamples": 9, "random_state": 1,
        },
        groups=("groups",), numbers=("scores",), counts=("n_resamples", "random_state"),
    ),
    Case(
        profiles.user_profiles, {"assignments": ASSIGNMENTS, "users": LABELS},
        groups=("users",), numbers=("assignments",), scaled=("assignments",),
    ),
    Case(
        profiles.assigned_counts, {"embeddings": FEATURES, "users": LABELS},
        groups=("users",), numbers=("embeddings",), fixed={"vocabulary": WORDS},
    ),
    Case(
        significance.shuffled_counts,
        {"assignments": ASSIGNMENTS, "users": LABELS, "random_state": 1},
        groups=("users",), numbers=("assignments",), counts=("random_state",),
    ),
    Case(
        shares.pair_share_draws,
        {
            "values": FEATURES[:6, 0], "n_users": 4, "threshold": 0.1, "n_resamples": 99,
            "random_state": 1,
        },
        numbers=("values",), counts=("n_users", "n_resamples", "random_state"),
        reals=("threshold",),
    ),
    Case(
        ties.exceeds, {"threshold": 0.1}, reals=("threshold",),
        fixed={"values": FEATURES[:, 0]},
    ),
    Case(
        ties.at_most, {"level": 0.1}, reals=("level",),
        fixed={"values": FEATURES[:, 0]},
    ),
    Case(shares.share_over_seeds, {}, fixed={"chosen": FEATURES > 0}),
    Case(shares.wilson_interval, {"share": 0.3, "n": 7.5}, reals=("share", "n")),
    *(
        Case(
            tests,
            {
                "assignments": ASSIGNMENTS, "users": LABELS, "pairs": PAIRS,
                "background": BACKGROUND, "alpha": 0.01, "n_permutations": 19, "random_state": 1,
                "sessions": SESSIONS,
            },
            groups=("users", "sessions"), numbers=("assignments", "background"),
            integers=("pairs",), counts=("n_permutations", "random_state"), reals=("alpha",),
            fixed={"level": 0.2},
        )
        for tests in (significance.max_z_pvalues, significance.pair_pvalues)
    ),
    Case(
        significance.sample_pairs, {"n_users": 9, "n_pairs": 5, "random_state": 1},
        counts=("n_users", "n_pairs", "random_state"),
    ),
    Case(
        significance.studentised_pvalues,
        {
            "assignments": ASSIGNMENTS, "users": LABELS, "pairs": PAIRS, "sessions": SESSIONS,
            "n_permutations": 19, "random_state": 1,
        },
        groups=("users", "sessions"), numbers=("assignments",), integers=("pairs",),
        counts=("n_permutations", "random_state"), fixed={"level": 0.2},
    ),
    Case(
        significance.true_discoveries, {"p_values": ASSIGNMENTS[:, 0] / 9, "level": 0.1},
        numbers=("p_values",), reals=("level",),
    ),
    Case(
        variation.variance_shares, {"pins": FEATURES, "users": LABELS, "sessions": SESSIONS},
        groups=("users", "sessions"), numbers=("pins",), scaled=("pins",),
    ),
    Case(
        shares_interval, {"level": 0.9}, reals=("level",),
    ),
    *(
        Case(
            function,
            {
                name: ASSIGNMENTS, "users": LABELS, "sessions": SESSIONS, "n_permutations": 19,
                "random_state": 1, **more,
            },
            groups=("users", "sessions"), numbers=(name,),
            counts=("n_permutations", "random_state", *more), scaled=(name,),
        )
        for function, name, more in (
            (variation.permutation_pvalue, "pins", {}),
            (variation.global_pvalue, "assignments", {"min_pins": 1}),
        )
    ),
    *(
        Case(
            function,
            {
                "pins": FEATURES, "users": LABELS, "categories": CATEGORIES,
                "sessions": np.arange(N), "min_pins": 2, **more,
            },
            groups=("users", "categories", "sessions"), numbers=("pins",),
            counts=("min_pins", *more), scaled=("pins",),
        )
        for function, more in (
            (carry_over.carry_over, {}),
            (carry_over.taste_pvalue, {"n_permutations": 19, "random_state": 1}),
            (carry_over.general_taste_pvalue, {"n_permutations": 19, "random_state": 1}),
        )
    ),
    Case(
        category_ranks.transfer_ranks,
        {
            "pins": FEATURES, "categories": CATEGORIES, "sessions": np.arange(N),
            "order": np.arange(N), "min_pins": 2,
        },
        groups=("categories", "sessions", "order"), numbers=("pins",), counts=("min_pins",),
        scaled=("pins",), fixed={"users": LABELS},  # it names them
    ),
    Case(
        shares.sampled_share,
        {"chosen": np.array([1.0, 0.0, 1.0]), "pairs": PAIRS},
        numbers=("chosen",), integers=("pairs",),
    ),
    Case(
        logodds.log_odds_z,
        {"y_i": COUNTS[0], "y_j": COUNTS[1], "background": BACKGROUND, "alpha": 0.01},
        numbers=("y_i", "y_j", "background"), reals=("alpha",),
    ),
    Case(
        logodds.logits_and_variances,
        {"counts": COUNTS, "background": BACKGROUND, "alpha": 0.01},
        numbers=("counts", "background"), reals=("alpha",),
    ),
    Case(
        logodds.pairwise_max_z, {"counts": COUNTS, "background": BACKGROUND, "alpha": 0.01},
        numbers=("counts", "background"), reals=("alpha",),
    ),
    Case(
        logodds.prior_weight, {"background": BACKGROUND, "prior_pins": 20.0},
        numbers=("background",), reals=("prior_pins",),
    ),
    Case(
        logodds.pair_users, {"places": np.array([0, 3, 5]), "n_users": 4},
        integers=("places",), counts=("n_users",),
    ),
    Case(
        intervals.resample_counts, {"n": 5, "n_resamples": 9, "random_state": 1},
        counts=("n", "n_resamples", "random_state"),
    ),
    Case(
        intervals.percentile_interval, {"draws": FEATURES[:, 0], "level": 0.9},
        numbers=("draws",), reals=("level",),
    ),
    *(
        Case(
            function, {"values": FEATURES, "times": TIMES},
            numbers=("values",), integers=("times",),
        )
        for function in (intervals.mean_draws, intervals.median_draws)
    ),
    Case(
        intervals.estimate_over_seeds,
        {"values": FEATURES[0], "draws": FEATURES, "random_state": 1},
        numbers=("values", "draws"), counts=("random_state",),
    ),
    Case(
        intervals.jackknife_over_seeds, {"values": FEATURES[0], "left_out": FEATURES},
        numbers=("values", "left_out"),
    ),
    Case(
        intervals.mean_over_seeds, {"n_resamples": 9, "random_state": 1},
        counts=("n_resamples", "random_state"),
        fixed={"values": FEATURES[np.newaxis] + np.arange(3)[:, None, None], "unit": "users"},
    ),
    Case(
        pin_bank.pin_bank, {"n_pins": 30, "random_state": 1},
        counts=("n_pins", "random_state"),
    ),
    Case(
        pin_bank.draw_users,
        {"n_users": 3, "n_pins": 5, "taste": 0.5, "session_length": 2.0, "random_state": 1},
        counts=("n_users", "n_pins", "random_state"), reals=("taste", "session_length"),
        fixed={"bank": BANK},
    ),
]  # fmt: skip


def of_kind(*kinds):
    """Cases with each of their arguments of the kinds."""
    return pytest.mark.parametrize(
        ("case", "argument"),
        [
            pytest.param(case, argument, id=f"{case.name}-{argument}")
            for case in CASES
            for kind in kinds
            for argument in getattr(case, kind)
        ],
    )


def assert_same(got, expected):
    """Results are equal to the last bit, whatever they consist of."""
    if dataclasses.is_dataclass(expected):
        got, expected = (
            tuple(getattr(result, part.name) for part in dataclasses.fields(expected))
            for result in (got, expected)
        )
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
        return
    if sparse.issparse(expected):
        got, expected = got.toarray(), expected.toarray()
    np.testing.assert_array_equal(got, expected)


def test_all_public_functions_are_in_the_table():
    public = {
        name
        for module in MODULES
        for name in module.__all__
        if inspect.isfunction(inspect.unwrap(getattr(module, name)))
    }
    # in the table of `test_arguments_models`
    of_models = {"distance_points", "join_profiles", "regress_out", "whiten"}
    of_models |= {"mean_shares"}  # takes what `variance_shares` gives
    # of nothing but readings, or of embeddings by name
    of_models |= {"joined_readings", "rank_embeddings", "table_one", "table_values", "with_hybrids"}
    others = {"class_mean_ap", "shares_interval"}
    assert {case.name for case in CASES} == (public - of_models) | others


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_array_and_number_is_of_a_kind(case):
    kinds = ("groups", "numbers", "integers", "counts", "reals")
    assert sorted(case.arguments) == sorted(a for kind in kinds for a in getattr(case, kind))
    case()


# ---------------------------------------------------------------- labels, users, sessions


def with_missing(groups, row):
    """The groups without a value at the row, as each kind of missing value."""
    numbers = groups.astype(float)
    numbers[row] = np.nan
    yield numbers
    yield numbers.tolist()
    words = np.array([f"g{group}" for group in groups], object)
    words[row] = None
    yield words
    yield [word or np.nan for word in words]
    yield pd.Categorical(words)
    yield pd.Series(words, index=np.arange(len(words)) + 7)
    dates = pd.to_datetime(groups, unit="D").to_series().to_numpy().copy()
    dates[row] = np.datetime64("NaT")
    yield dates
    whole = pd.array(groups, dtype="Int64")
    whole[row] = pd.NA
    yield whole
    yield np.ma.masked_array(groups, mask=np.arange(len(groups)) == row)


@of_kind("groups")
@pytest.mark.parametrize("row", [0, 5, -1])
def test_a_missing_group_is_named_by_its_row(case, argument, row):
    groups = case.arguments[argument]
    row %= len(groups)
    for values in with_missing(groups, row):
        with pytest.raises(ValueError, match=rf"{argument}: 1 of .* row\(s\) {row};"):
            case(**{argument: values})


@of_kind("groups")
def test_groups_of_several_kinds_are_refused(case, argument):
    values = case.arguments[argument].astype(object)
    values[3] = "three"
    with pytest.raises(TypeError, match=rf"{argument}: values of several kinds, .* at row 3"):
        case(**{argument: values})


@of_kind("groups")
def test_one_group_for_each_row(case, argument):
    labels_alone = set(case.arguments) <= {"labels", "random_state"}
    if labels_alone and case.function not in (class_mean_ap, class_readings):
        case(labels=LABELS[:-1])  # labels alone may be of any length
        return
    with pytest.raises(ValueError, match=f"{argument}: expected shape"):
        case(**{argument: case.arguments[argument][:-1]})


@of_kind("groups")
def test_names_of_groups_do_not_matter(case, argument):
    groups = case.arguments[argument]
    words = np.array([f"g{group:02d}" for group in groups])
    expected = case()
    for values in (words, words.astype(object), pd.Categorical(words), groups + 0.5):
        got = case(**{argument: values})
        if case.function in (profiles.user_profiles, profiles.assigned_counts):
            got, expected = got[1], case()[1]
        assert_same(got, expected)


# ---------------------------------------------------------------- numbers


@of_kind("numbers")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(case, argument, value):
    values = case.arguments[argument]
    for place in (0, values.size // 2, values.size - 1):
        spoiled = values.copy()
        spoiled.flat[place] = value
        with pytest.raises(ValueError, match=argument):
            case(**{argument: spoiled})


@of_kind("integers")
def test_indices_are_whole_and_in_range(case, argument):
    values = case.arguments[argument]
    spoiled = values.astype(float)
    spoiled.flat[1] = np.nan
    for wrong in (values + 0.5, spoiled):
        with pytest.raises((TypeError, ValueError), match=f"{argument}: expected whole numbers"):
            case(**{argument: wrong})
    if case.function is not shares.sampled_share:  # any users
        for wrong in (values - 100, values + 100):
            with pytest.raises(ValueError, match=f"{argument}: expected"):
                case(**{argument: wrong})


@of_kind("counts")
@pytest.mark.parametrize("value", [2.5, 3.0, np.nan, "3", None, True, -1])
def test_numbers_of_things_are_whole(case, argument, value):
    with pytest.raises((TypeError, ValueError), match=f"{argument}: expected a whole number"):
        case(**{argument: value})


@of_kind("counts")
def test_numbers_of_things_may_be_numpys(case, argument):
    assert_same(case(**{argument: np.int64(case.arguments[argument])}), case())


@of_kind("reals")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "0.5", None, True, 0.5j])
def test_parameters_are_finite_numbers(case, argument, value):
    with pytest.raises((TypeError, ValueError), match=f"{argument}: expected a finite number"):
        case(**{argument: value})


@of_kind("reals")
def test_parameters_have_a_range(case, argument):
    if argument == "threshold":
        assert case(threshold=-1e308)[0] == 1
        return
    wrong = (-1.0, 0.0, 1.0, 95) if argument == "level" else (-1.0,)
    for value in wrong:
        with pytest.raises(ValueError, match=argument):
            case(**{argument: value})


# ---------------------------------------------------------------- tables


def as_table(values, order):
    index = [f"row {place}" for place in order.permutation(len(values))]
    if values.ndim == 1:
        return pd.Series(values, index=index)
    return pd.DataFrame(
        values, index=index, columns=list("zyxwvutsrqponmlkjihgfedcba"[: values.shape[1]])
    )


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.groups or c.numbers or c.integers], ids=lambda case: case.name
)
@pytest.mark.parametrize("index", ["names", "reversed", "repeated"])
def test_an_index_of_its_own_does_not_matter(case, index):
    tables = {}
    for argument in case.groups + case.numbers + case.integers:
        table = as_table(case.arguments[argument], np.random.default_rng(len(argument)))
        if index != "names":
            table.index = np.arange(len(table))[::-1] if index == "reversed" else [7] * len(table)
        tables[argument] = table
    assert_same(case(**tables), case())


# ---------------------------------------------------------------- scale

EXPONENTS = (-1000, -700, -530, -300, -101, -33, -32, -1, 1, 32, 33, 101, 300, 530, 700, 1000)


@of_kind("scaled")
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_scale_does_not_matter(case, argument, exponent):
    assert_same(case(**{argument: np.ldexp(case.arguments[argument], exponent)}), case())


@of_kind("scaled")
@pytest.mark.parametrize("exponent", [-100, -60, -33, 33, 60, 100, 120])
def test_scale_does_not_matter_in_single_precision(case, argument, exponent):
    single = case.arguments[argument].astype(np.float32)
    assert_same(case(**{argument: np.ldexp(single, exponent)}), case(**{argument: single}))


@pytest.mark.parametrize("exponent", [-960, -400, -80, -40, 40, 80, 400, 960])
@pytest.mark.parametrize("variance", ["two-term", "four-term"])
def test_counts_of_any_scale_give_the_same_p_and_z_by_the_root_of_it(exponent, variance):
    def z_and_p(exponent):
        case = next(c for c in CASES if c.function is significance.max_z_pvalues)
        return case(
            assignments=np.ldexp(ASSIGNMENTS, exponent), background=np.ldexp(BACKGROUND, exponent),
            variance=variance, sessions=None, n_permutations=99,
        )  # fmt: skip

    found, plain = z_and_p(exponent), z_and_p(0)
    np.testing.assert_allclose(found.max_z, np.ldexp(plain.max_z, exponent // 2), rtol=1e-12)
    np.testing.assert_array_equal(found.p_values, plain.p_values)


@pytest.mark.parametrize("exponent", [-960, -400, 400, 1010])
@pytest.mark.parametrize("variance", ["two-term", "four-term"])
def test_z_grows_with_the_root_of_the_counts(exponent, variance):
    counts, background = np.ldexp(COUNTS, exponent), np.ldexp(BACKGROUND, exponent)
    got = logodds.log_odds_z(counts[0], counts[1], background, 0.01, variance)
    expected = logodds.log_odds_z(COUNTS[0], COUNTS[1], BACKGROUND, 0.01, variance)
    np.testing.assert_allclose(np.ldexp(got, -exponent // 2), expected, rtol=1e-12)
    got = logodds.pairwise_max_z(counts, background, 0.01, variance)
    expected = logodds.pairwise_max_z(COUNTS, BACKGROUND, 0.01, variance)
    np.testing.assert_allclose(np.ldexp(got, -exponent // 2), expected, rtol=1e-12)
