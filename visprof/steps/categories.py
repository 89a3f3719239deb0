"""Steps: does a taste carry over from one category of pictures to another (the future work)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import carry_over, category_ranks, profiles
from visprof._cells import FEWEST, vary_within
from visprof.feature_store import Features
from visprof.intervals import Estimate, jackknife_over_seeds, mean_over_seeds
from visprof.rank_scores import holm, randomisation_test
from visprof.shares import wilson_interval
from visprof.sources import vectors
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.error_rates import LEVEL
from visprof.steps.pin_categories import PinCategories, analysed_categories
from visprof.steps.pin_parts import within_class
from visprof.steps.registry import step, variant
from visprof.steps.user_ranking import slug
from visprof.ties import at_most

__all__ = [
    "CARRIED", "COMPONENTS", "KNOWN_PERMUTATIONS", "KNOWN_USERS", "KNOWN_WORLD", "CategoryPins",
    "carry_over_by_rule", "carry_over_known", "carry_over_levels", "carry_over_numbers",
    "carry_over_pvalues", "carry_over_shares", "carry_over_worlds", "category_census",
    "category_embedding", "category_features", "category_pins", "category_transfer",
    "vector_category_embedding",
]  # fmt: skip

COMPONENTS = 20  # principal components of the CNN's outputs, of the background
DISTANCES = {
    "embedding": "cosine", "within classes": "cosine", "file facts": "euclidean",
    "embedding less file facts": "cosine",
}  # fmt: skip

# of worlds whose carry-over is known
CARRIED = (0.0, 0.5, 1.0)
KNOWN_USERS = (15, 30, 60)  # the first of each world's
KNOWN_PERMUTATIONS = 39  # the fewest of which two p-values are at most 5 %
KNOWN_WORLD = {  # of taste about as strong as users' on real boards
    "n_pins": 48, "n_dims": 8, "n_classes": 6, "n_categories": 3, "class_taste": 0.0,
    "class_spread": 0.5, "style_spread": 1.5, "session_length": 2.0,
}  # fmt: skip


@step(kept=False)
def category_embedding(pin_features: Features, board_split: BoardSplit) -> PinArrays:
    """The CNN's outputs of all pins, in the background's principal components of unit variance.

    Not the Siamese network's: it has learned to leave out all that is not of the class.
    """
    outputs = np.float64(pin_features.outputs)
    of_background = board_split.arrays(outputs).background
    return board_split.arrays(profiles.whiten(outputs, of_background, COMPONENTS))


@variant("category_embedding", drawn=False)
def vector_category_embedding(pin_embedding: PinArrays, board_split: BoardSplit) -> PinArrays:
    """Simulated embeddings, likewise: there is no network."""
    stacked = pin_embedding.stacked()
    return board_split.arrays(profiles.whiten(stacked, pin_embedding.background, COMPONENTS))


@step
def category_features(
    category_embedding: PinArrays,
    pin_classes: np.ndarray,
    file_facts: PinArrays | None,
    board_split: BoardSplit,
) -> dict[str, np.ndarray]:
    """What is asked of, of every analysed pin.

    The embedding; what is left of it within classes of scenes, by their means over the background;
    file facts; and the embedding less these, by a fit to the background, which is other users.
    """
    features = {
        "embedding": category_embedding.analysed,
        "within classes": within_class(category_embedding, pin_classes, board_split),
    }
    if file_facts is not None:
        features["file facts"] = file_facts.analysed
        features["embedding less file facts"] = profiles.regress_out(
            category_embedding.analysed, file_facts.analysed,
            category_embedding.background, file_facts.background,
        )  # fmt: skip
    return features


@step
def category_census(
    board_split: BoardSplit,
    analysed_categories: np.ndarray,
    pin_sessions: np.ndarray | None,
    min_category_pins: int,
) -> pd.DataFrame:
    """Pins of each user in each category: columns user, category, pins, sessions, counts.

    `sessions` are effective ones. A user `counts` in a category with pins enough and two of them,
    and only with two such categories.
    """
    pins = pd.DataFrame(
        {
            "user": board_split.analysed["board"].to_numpy(),
            "category": analysed_categories,
            "session": _sessions(board_split, pin_sessions),
        }
    )
    sizes = pins.groupby(["user", "category", "session"]).size()
    by_cell = sizes.groupby(level=["user", "category"])
    census = by_cell.sum().rename("pins").reset_index()
    squared = (sizes**2).groupby(level=["user", "category"]).sum().to_numpy()
    census["sessions"] = census["pins"] ** 2 / squared
    enough = (census["pins"] >= min_category_pins) & (census["pins"] ** 2 >= 2 * squared)
    census["counts"] = enough & (enough.groupby(census["user"]).transform("sum") >= 2)
    return census


def _sessions(board_split: BoardSplit, pin_sessions: np.ndarray | None) -> np.ndarray:
    """Session of each analysed pin; where there are none, each pin is one."""
    return np.arange(len(board_split.analysed)) if pin_sessions is None else pin_sessions


@dataclass(frozen=True)
class CategoryPins:
    """Analysed pins by user, category and session, with the features that are asked of them."""

    features: dict[str, np.ndarray]
    users: np.ndarray
    categories: np.ndarray
    sessions: np.ndarray

    @property
    def groups(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User, category and session of each pin, as the library takes them."""
        return self.users, self.categories, self.sessions


@step(kept=False)
def category_pins(
    category_features: dict[str, np.ndarray],
    category_census: pd.DataFrame,
    board_split: BoardSplit,
    analysed_categories: np.ndarray,
    pin_sessions: np.ndarray | None,
) -> CategoryPins:
    """What is asked of: features that vary over the pins of a category; none if users are few."""
    users = board_split.analysed["board"].to_numpy()
    counted = category_census[category_census["counts"]]
    there = pd.crosstab(counted["user"], counted["category"]).to_numpy()
    varied: dict[str, np.ndarray] = {}
    if (np.triu(there.T @ there, 1) >= FEWEST).any():
        cells = pd.MultiIndex.from_frame(counted[["user", "category"]])
        used = pd.MultiIndex.from_arrays([users, analysed_categories]).isin(cells)
        varied = {
            name: values
            for name, values in category_features.items()
            if vary_within(values[used], analysed_categories[used])
        }
    return CategoryPins(varied, users, analysed_categories, _sessions(board_split, pin_sessions))


@step
def carry_over_shares(
    category_pins: CategoryPins, min_category_pins: int
) -> dict[str, carry_over.CarryOver]:
    """Shares of variance and carry-over, by feature; none where users are too few."""
    return {
        name: carry_over.carry_over(values, *category_pins.groups, min_category_pins)
        for name, values in category_pins.features.items()
    }


@step
def carry_over_pvalues(
    category_pins: CategoryPins, min_category_pins: int, n_permutations: int, seed: int
) -> dict[str, tuple[float, float]]:
    """p-values of taste, and of general taste, by feature."""
    return {
        name: tuple(
            test(values, *category_pins.groups, n_permutations, seed, min_category_pins)
            for test in (carry_over.taste_pvalue, carry_over.general_taste_pvalue)
        )
        for name, values in category_pins.features.items()
    }


@step
def carry_over_by_rule(
    scene_categories: PinCategories,
    folder_categories: PinCategories | None,
    word_categories: PinCategories | None,
    category_embedding: PinArrays,
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    min_category_pins: int,
    n_permutations: int,
    seed: int,
) -> dict[str, Estimate]:
    """What carries over, by what a category is; of the embedding.

    Keys ``carry.by-words.rho`` and so on, as those of `carry_over_numbers`, ``carry.by-words.n``
    (categories in which users count) and ``carry.by-words.users``; where these are too few, that
    alone. Nothing of a rule that the data have no categories by.
    """
    numbers: dict[str, Estimate] = {}
    features = {"embedding": category_embedding.analysed}
    for rule, categories in (
        ("scenes", scene_categories), ("folders", folder_categories), ("words", word_categories),
    ):  # fmt: skip
        if categories is None:
            continue
        key = f"carry.by-{rule}"
        own = analysed_categories(categories, board_split)
        census = category_census(board_split, own, pin_sessions, min_category_pins)
        counted = census[census["counts"]]
        n_users = counted["user"].nunique()
        numbers[f"{key}.users"] = Estimate(float(n_users), n=n_users, unit="users")
        pins = category_pins(features, census, board_split, own, pin_sessions)
        for shares in carry_over_shares(pins, min_category_pins).values():
            numbers |= {f"{key}.{part}": of for part, of in shares.estimates().items()}
            numbers[f"{key}.n"] = Estimate(float(counted["category"].nunique()))
        for p_values in carry_over_pvalues(pins, min_category_pins, n_permutations, seed).values():
            for part, p_value in zip(("taste", "general"), p_values, strict=True):
                numbers[f"{key}.{part}.p"] = Estimate(p_value, n=n_users, unit="users")
    return numbers


@step
def category_transfer(
    category_pins: CategoryPins, board_split: BoardSplit, min_category_pins: int
) -> pd.DataFrame:
    """Reciprocal ranks by one category's pins among another's.

    Columns feature, user, other, same, random, n_candidates (see
    `visprof.category_ranks.TransferRanks`), of users who have a pair of categories.
    """
    times = board_split.analysed["time"].to_numpy()
    columns = ["feature", "user", "other", "same", "random", "n_candidates"]
    tables = [pd.DataFrame(columns=columns)]
    for name, values in category_pins.features.items():
        found = category_ranks.transfer_ranks(
            values, *category_pins.groups, times, DISTANCES[name], min_category_pins
        )
        table = pd.DataFrame(
            {
                "feature": name, "user": found.users, "other": found.other, "same": found.same,
                "random": found.random, "n_candidates": found.n_candidates,
            }
        )  # fmt: skip
        tables.append(table.dropna())
    return pd.concat(tables[1:] or tables, ignore_index=True)[columns]


@step
def carry_over_numbers(
    carry_over_shares: dict[str, carry_over.CarryOver],
    carry_over_pvalues: dict[str, tuple[float, float]],
    category_transfer: pd.DataFrame,
    seed: int,
) -> dict[str, Estimate]:
    """All in numbers, by feature.

    Keys ``carry.rho.embedding``, which is missing where there is no taste of which a share could be
    taken; ``carry.general.embedding``, ``.category.``, ``.taste.``, ``.session.`` and ``.pin.``, of
    the variance; ``carry.taste.embedding.p`` and ``carry.general.embedding.p``;
    ``carry.mrr.other.embedding`` and ``carry.mrr.same.embedding``, ``carry.mrr.random``,
    ``carry.candidates`` (users among whom one is sought, on average), and paired by user
    ``carry.mrr.same-other.embedding`` and ``carry.mrr.other.embedding-file-facts``, the latter with
    its p-value, of one comparison: ``.p`` and ``.p.holm``.
    """
    numbers: dict[str, Estimate] = {}
    for name, shares in carry_over_shares.items():
        for part, estimate in shares.estimates().items():
            numbers[f"carry.{part}.{slug(name)}"] = estimate
        for part, p_value in zip(("taste", "general"), carry_over_pvalues[name], strict=True):
            key = f"carry.{part}.{slug(name)}.p"
            numbers[key] = Estimate(p_value, n=shares.n_users, unit="users")
    by_feature = dict(list(category_transfer.groupby("feature", sort=False)))
    for name, table in by_feature.items():
        ranks = table[["other", "same"]].to_numpy(float)
        ranks = np.column_stack([ranks, ranks[:, 1] - ranks[:, 0]])
        found = mean_over_seeds(ranks[None], "users", random_state=seed)
        for kind, estimate in zip(("other", "same", "same-other"), found, strict=True):
            numbers[f"carry.mrr.{kind}.{slug(name)}"] = estimate
    if by_feature:
        first = next(iter(by_feature.values()))
        for key, column in (("mrr.random", "random"), ("candidates", "n_candidates")):
            mean = float(first[column].mean())
            numbers[f"carry.{key}"] = Estimate(mean, n=len(first), unit="users")
    if {"embedding", "file facts"} <= by_feature.keys():
        both = by_feature["embedding"].merge(
            by_feature["file facts"], on="user", suffixes=("", "_facts")
        )
        ranks = both[["other", "other_facts"]].to_numpy(float)
        lead = (ranks[:, :1] - ranks[:, 1:])[None]
        key = "carry.mrr.other.embedding-file-facts"
        (numbers[key],) = mean_over_seeds(lead, "users", random_state=seed)
        p_value = randomisation_test(*ranks.T, random_state=seed)
        numbers[f"{key}.p"] = Estimate(float(p_value), n=len(both), unit="users")
        adjusted = holm([float(p_value)])[0]
        numbers[f"{key}.p.holm"] = Estimate(float(adjusted), n=len(both), unit="users")
    return numbers


@step
def carry_over_worlds(n_known_worlds: int, seed: int) -> pd.DataFrame:
    """Worlds whose carry-over is known, and worlds without taste: what is found in each.

    Columns carry_over (NaN: no taste), n_users, world, rho, low, high (NaN where rho is not
    defined), taste (its share of the variance), taste_p, general_p (NaN where not asked).
    """
    rows = []
    for carried in (*CARRIED, np.nan):
        taste = {"style_taste": 0.0} if np.isnan(carried) else {"carry_over": carried}
        for number in range(n_known_worlds):
            world = vectors.simulate_embeddings(
                max(KNOWN_USERS), **KNOWN_WORLD, **taste, random_state=1000 * seed + number
            )
            for n_users in KNOWN_USERS:
                known = world.users < n_users
                data = (
                    world.vectors[known], world.users[known], world.categories[known],
                    world.sessions[known],
                )  # fmt: skip
                found = carry_over.carry_over(*data)
                rho = found.estimates().get("rho", Estimate(np.nan, np.nan, np.nan))
                tests = [np.nan, np.nan]
                if n_users == KNOWN_USERS[1]:
                    if np.isnan(carried):
                        tests[0] = carry_over.taste_pvalue(*data, KNOWN_PERMUTATIONS, number)
                    if not carried > 0:
                        tests[1] = carry_over.general_taste_pvalue(
                            *data, KNOWN_PERMUTATIONS, number
                        )
                rows.append((
                    carried, n_users, number, rho.value, rho.low, rho.high,
                    found.general + found.category, *tests,
                ))  # fmt: skip
    columns = [
        "carry_over", "n_users", "world", "rho", "low", "high", "taste", "taste_p", "general_p",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


@step
def carry_over_known(carry_over_worlds: pd.DataFrame) -> pd.DataFrame:
    """How often and how far estimates are off in worlds of known carry-over.

    Columns carry_over, n_users, worlds, defined (share of worlds), mean (of rho, where it is
    defined), low, high (its 95 % interval over worlds), coverage (of rho's interval), above_zero
    (share of worlds in which the interval is), half_width (median of the intervals' halves).
    """
    rows = []
    tastes = carry_over_worlds.dropna(subset=["carry_over"])
    for (carried, n_users), table in tastes.groupby(["carry_over", "n_users"]):
        there = table.dropna(subset=["rho"])
        mean = _mean(there["rho"].to_numpy())
        covers = (there["low"] <= carried) & (carried <= there["high"])
        rows.append((
            carried, n_users, len(table), len(there) / len(table), *mean, covers.mean(),
            (there["low"] > 0).sum() / len(table), ((there["high"] - there["low"]) / 2).median(),
        ))  # fmt: skip
    columns = [
        "carry_over", "n_users", "worlds", "defined", "mean", "low", "high", "coverage",
        "above_zero", "half_width",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over worlds, with its t interval where there are two worlds or more."""
    if len(values) < 2:
        return float(values.mean()) if len(values) else np.nan, np.nan, np.nan
    left_out = (values.sum() - values) / (len(values) - 1)
    found = jackknife_over_seeds([values.mean()], left_out[:, None])
    return found.value, found.low, found.high


@step
def carry_over_levels(
    carry_over_worlds: pd.DataFrame, carry_over_known: pd.DataFrame
) -> dict[str, Estimate]:
    """How often the tests at 5 % err, and bias and coverage, each with its interval over worlds.

    Keys ``carry.level.taste.null``, ``carry.level.general.null`` (no taste),
    ``carry.level.general.own`` (tastes that are of one category only); and with the most users, by
    the truth, ``carry.known.bias.0.5`` and ``carry.known.coverage.0.5``.
    """
    null = carry_over_worlds["carry_over"].isna()
    numbers = {}
    for key, test, worlds in (
        ("taste.null", "taste_p", null), ("general.null", "general_p", null),
        ("general.own", "general_p", carry_over_worlds["carry_over"] == 0),
    ):  # fmt: skip
        p_values = carry_over_worlds.loc[worlds, test].dropna()
        errs = at_most(p_values.to_numpy(), LEVEL)
        numbers[f"carry.level.{key}"] = _share(float(errs.mean()), len(p_values))
    most = carry_over_known["n_users"] == carry_over_known["n_users"].max()
    for row in carry_over_known[most].itertuples():
        n_defined = round(row.defined * row.worlds)
        if n_defined > 1:
            ends = (of - row.carry_over for of in (row.mean, row.low, row.high))
            numbers[f"carry.known.bias.{row.carry_over:g}"] = Estimate(*ends, n_defined, "worlds")
            numbers[f"carry.known.coverage.{row.carry_over:g}"] = _share(row.coverage, n_defined)
    return numbers


def _share(share: float, n_worlds: int) -> Estimate:
    return Estimate(share, *wilson_interval(share, n_worlds), n_worlds, "worlds")
