"""Every figure carries the table that it is drawn from, and that table is what is published."""

from __future__ import annotations

import csv
import functools
import inspect
import io
import itertools
from unittest import mock

import figure_examples
import numpy as np
import pandas as pd
import pytest

from visprof import figures
from visprof.figures import files
from visprof.logodds import log_odds_z, pairwise_max_z

# they show pictures or a diagram and draw no numbers, or they are no figures
WITHOUT_NUMBERS = {
    "board_samples",
    "framework",
    "labelled_pictures",
    "picture_map",
    "siamese_network",
}
NO_FIGURES = {"COLOURS", "Figure", "HTMLFigure", "grid_representatives"}
NO_FIGURES |= {"use_book_style"}
DRAWN = sorted(set(figures.__all__) - WITHOUT_NUMBERS - NO_FIGURES)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    return figure_examples.arguments(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def drawn(arguments):
    """A figure of the book by name, and the table below it as a reader gets it; drawn once."""

    @functools.cache
    def draw(name):
        figure = getattr(figures, name)(*arguments[name])
        return figure, published(figure)

    return draw


def read_as(text, numbers):
    """The table in a CSV, its columns of the kinds of another table's."""
    header, *rows = csv.reader(io.StringIO(text))
    table = pd.DataFrame(rows, columns=header)
    for column in table.columns.intersection(numbers.columns):
        if numbers[column].dtype == bool:
            table[column] = table[column] == "True"
        elif pd.api.types.is_numeric_dtype(numbers[column]):
            table[column] = [float(cell or "nan") for cell in table[column]]
    return table


def published(figure):
    """The table below a figure, as a reader gets it."""
    if isinstance(figure, figures.HTMLFigure):
        shown = figure._repr_mimebundle_()
    else:
        with mock.patch.object(files, "PNG_DPI", 20):  # nobody looks at its pixels
            shown = files.figure_files(figure)
    return read_as(shown["text/csv"], figure.numbers)


def test_every_figure_that_draws_numbers_has_an_example(arguments):
    assert sorted(arguments) == DRAWN


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_what_is_published_is_the_table_of_the_figure(drawn, name):
    figure, table = drawn(name)
    pd.testing.assert_frame_equal(table, figure.numbers, check_dtype=False, check_exact=True)
    assert figure.numbers.index.tolist() == list(range(len(figure.numbers)))
    assert not figure.numbers.map(lambda cell: isinstance(cell, list | tuple | np.ndarray)).any(
        axis=None
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_the_table_of_a_figure_holds_the_numbers_that_the_figure_was_given(arguments, drawn, name):
    given = inspect.signature(getattr(figures, name)).bind(*arguments[name])
    check_numbers(name, given, drawn(name)[1])


def check_numbers(name, given, numbers):
    """Every published column is what the figure function was given, to the last digit."""
    tables = EXPECTED.get(name, lambda table, *_: table)(*given.args).reset_index(drop=True)
    for argument, value in given.arguments.items():
        if isinstance(value, float):  # a line across the figure
            tables[{"line": "compared_with"}.get(argument, argument)] = value
    pd.testing.assert_frame_equal(
        numbers, tables[list(numbers.columns)], check_dtype=False, check_exact=True
    )


def _of_seeds(table, *_):
    """Means first, then each seed."""
    rows = [
        {"profile": row.profile, "n_train": row.n_train, "seed": "all", "value": row.value,
         "low": row.low, "high": row.high}
        for row in table.itertuples()
    ]  # fmt: skip
    n_seeds = len(table["estimate"].iloc[0].by_seed)
    for seed in range(n_seeds if n_seeds > 1 else 0):
        for row in table.itertuples():
            mrr = row.estimate.by_seed[seed][0]
            drawn = {"profile": row.profile, "n_train": row.n_train, "seed": str(seed + 1)}
            rows.append({**drawn, "value": mrr})
    return pd.DataFrame(rows)


def _spread(table):
    """Quantiles of errors by number of pins."""
    rows = [
        (pins, *np.quantile(errors, [0.5, 0.1, 0.9]))
        for pins, errors in table.groupby("pins")["error"]
    ]
    (first, error, *_), *_ = rows
    return pd.DataFrame(
        [(*row, error * np.sqrt(first / row[0])) for row in rows],
        columns=["pins", "median", "quantile_10", "quantile_90", "inverse_root"],
    )


def _of_classes(table):
    ordered = sorted(table.index, key=lambda name: table.loc[name].iloc[0])
    rows = [(name, method, table.loc[name, method]) for method in table for name in ordered]
    return pd.DataFrame(rows, columns=["class", "method", "mean_ap"])


def _of_ranks(curves):
    rows = [
        (method, k, r, p)
        for method, (precision, recall) in curves.items()
        for k, (p, r) in enumerate(zip(precision, recall, strict=True), start=1)
    ]
    return pd.DataFrame(rows, columns=["method", "k", "recall", "precision"])


def _of_neighbours(_, labels, queries):
    rows = [
        (place, labels[row.query], row.average_precision, rank, labels[near])
        for place, row in enumerate(queries.itertuples(), start=1)
        for rank, near in enumerate(row.neighbours, start=1)
    ]
    return pd.DataFrame(rows, columns=["row", "class", "average_precision", "rank", "neighbour"])


def _of_pvalues(pvalues, _):
    rows = [
        (name, value, np.mean(p <= value))
        for name, parts in pvalues.items()
        for p in [np.concatenate(parts)]
        for value in np.unique(p)
    ]
    return pd.DataFrame(rows, columns=["series", "p", "share"])


def _of_settings(table):
    rows = [
        (row.parameter, str(row.value), row.chosen, row.entropy, row.prior, series, z, share)
        for row in table.itertuples()
        for series, of in (("users", row.max_z), ("pins shuffled", row.shuffled_max_z))
        for z, share in zip(of, np.linspace(0, 1, 501), strict=True)
    ]
    columns = ["parameter", "value", "chosen", "entropy", "prior", "series", "z", "share"]
    return pd.DataFrame(rows, columns=columns)


def _of_panels(table, titles, _):
    panels = [table[table["rule"] == rule].assign(panel=of) for rule, of in titles.items()]
    return pd.concat(panels).drop(columns="rule")


def _of_leakage(by_share, null, randoms):
    panels = ("this study", "simulated, no taste at all")
    tables = [
        table.assign(panel=panel, random=random)
        for table, panel, random in zip((by_share, null), panels, randoms, strict=True)
    ]
    return pd.concat(tables)


def _of_bias(table):
    """Means over worlds, less the truth."""
    truth = table["carry_over"]
    off = {"value": table["mean"] - truth, "low": table["low"] - truth}
    return table[["carry_over", "n_users"]].assign(**off, high=table["high"] - truth)


def _of_z(distributions, *_):
    """Steps at every value: as many as are drawn, the last always."""
    tables = []
    for name, z in distributions.items():
        by_seed = np.atleast_2d(z)
        seeds = [*enumerate(by_seed, start=1)] if len(by_seed) > 1 else []
        for seed, of in [*seeds, ("all", by_seed.ravel())]:
            values, counts = np.unique(of, return_counts=True)
            step = max(1, len(values) // (2000 if seed == "all" else 500))
            at = sorted({*range(0, len(values), step), len(values) - 1})
            shares = np.cumsum(counts) / of.size
            tables.append(
                pd.DataFrame(
                    {"series": name, "seed": str(seed), "z": values[at], "share": shares[at]}
                )
            )
    return pd.concat(tables)


def _of_pairs(counts, background, sizes, alpha, variance, threshold, *_):
    """Shares of pairs above the threshold, pair by pair."""
    rows = [
        (name, size, np.mean([
            np.abs(log_odds_z(i, j, background, alpha, variance)).max() > threshold
            for i, j in itertools.combinations(of, 2)
        ]))
        for name, by_size in counts.items()
        for size, of in zip(sizes, by_size, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["series", "n_pins", "share"])


def _of_users(users, counts, background, alpha, variance, p_values, *_):
    pairs = itertools.combinations(range(len(users)), 2)
    rows = [(users[i], users[j], p_values[i][j]) for i, j in pairs]
    z = pairwise_max_z(counts, background, alpha, variance)
    return pd.DataFrame(rows, columns=["user_i", "user_j", "p"]).assign(max_z=z)


# what a figure computes or orders before it draws, done again
def _of_cards(cards):
    """Claim by claim, each study's verdict and what decides it."""
    rows = [
        (row.claim, study, row.verdict, *(row.margin or [np.nan] * 3))
        for studies in zip(*(card.itertuples() for card in cards.values()), strict=True)
        for study, row in zip(cards, studies, strict=True)
    ]
    columns = ["claim", "study", "verdict", "margin", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


EXPECTED = {
    "board_row": lambda boards, _, findings, *__: pd.DataFrame(
        {"board": list(boards), "finding": list(findings)}
    ),
    "bits_by_part": lambda table: table[table["model"] != "flat"],
    "class_mean_ap": _of_classes,
    "compare_users": _of_users,
    "explore_pairs": _of_pairs,
    "explore_power": lambda table, *_: pd.DataFrame(table),
    "explore_ranks": lambda _, table, *__: table,
    "known_carry_over": _of_bias,
    "leakage_curves": _of_leakage,
    "max_z_ecdf": _of_z,
    "mrr_curves": _of_seeds,
    "neighbour_strips": _of_neighbours,
    "power_curves": _of_panels,
    "precision_recall": _of_ranks,
    "pvalue_ecdf": _of_pvalues,
    "sensitivity_curves": _of_settings,
    "scorecard_picture": lambda cards, *_: _of_cards(cards),
    "scene_map": lambda plane, labels: pd.DataFrame(plane, columns=["x", "y"]).assign(
        **{"class": labels}
    ),
    "taste_recovery": _spread,
    "title_test": lambda values, random, _: pd.DataFrame(
        [*values.items(), ("chance", random)], columns=["profile", "value"]
    ),
    "training_losses": lambda logs: pd.concat(
        [pd.DataFrame(log).assign(training=name) for name, log in logs.items()]
    ),
    "transfer_curves": lambda table, profiles, _: table[
        (table["metric"] == "mrr") & table["profile"].isin(profiles)
    ],
    "user_shares": lambda table: table[table["share"] == "user"].drop(columns="share"),
}


def test_the_table_of_figure_6_has_the_training_pins_and_not_the_places_of_the_marks():
    table = pd.concat([figure_examples.curves().assign(profile=name) for name in ("image", "text")])
    numbers = figures.mrr_curves(table, 0.05).numbers
    assert set(numbers["n_train"]) == {10, 20}


def test_the_table_of_one_seed_has_whole_training_pins_and_no_seeds():
    numbers = figures.mrr_curves(figure_examples.curves(n_seeds=1), 0.05).numbers
    assert numbers["n_train"].dtype.kind == "i"
    assert set(numbers["seed"]) == {"all"}
    assert len(numbers) == 4


def test_the_table_of_the_ablation_has_the_margins_and_names_its_panels():
    numbers = figures.siamese_ablation(figure_examples.ablation()).numbers
    trained = numbers[numbers["rule"] != "start"]
    assert set(trained["margin"]) == {1, 10, 25}
    panels = set(trained[["output_norm", "rule"]].itertuples(index=False, name=None))
    assert panels == {("batch", "slow"), ("batch", "fast"), ("l2", "slow"), ("l2", "fast")}
