"""Tables of how much of a taste carries over from one category of pictures to another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from visprof.intervals import Estimate
from visprof.steps.categories import DISTANCES
from visprof.steps.user_ranking import slug
from visprof.tables.style import Styler, table

__all__ = [
    "carry_over_by_rule", "carry_over_worlds", "category_mrr", "category_mrr_rows",
    "category_users", "taste_part_rows", "taste_parts",
]  # fmt: skip

PARTS = {"general": "general taste", "category": "taste within the category"}
TRAINED = {"other": "another category", "same": "the same category"}
UNKNOWN = "not defined"
TOO_FEW = "too few users"
RULES = {
    "scenes": "a group of scenes", "folders": "a sub-folder", "words": "a word of the caption",
}  # fmt: skip


def category_users(census: pd.DataFrame) -> Styler:
    """Pins and users of each category.

    Parameters
    ----------
    census : DataFrame
        The step ``category_census``.
    """
    rows = [
        {
            "category": category,
            "pins": f"{cells['pins'].sum():,}",
            "users with any": f"{len(cells):,}",
            "users who count": f"{cells['counts'].sum():,}",
        }
        for category, cells in census.groupby("category")
    ]
    return table(pd.DataFrame(rows))


def taste_part_rows(numbers: Mapping[str, Estimate]) -> pd.DataFrame:
    """Shares of taste in the variance: columns feature, part, value, low, high.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """
    return _rows(numbers, PARTS, "carry.{}.{}", "part")


def category_mrr_rows(numbers: Mapping[str, Estimate]) -> pd.DataFrame:
    """Mean reciprocal ranks: columns feature, trained, value, low, high.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """
    return _rows(numbers, TRAINED, "carry.mrr.{}.{}", "trained")


def _rows(
    numbers: Mapping[str, Estimate], kinds: Mapping[str, str], key: str, column: str
) -> pd.DataFrame:
    rows = [
        (feature, words, of.value, of.low, of.high)
        for feature in DISTANCES
        for kind, words in kinds.items()
        if (of := numbers.get(key.format(kind, slug(feature)))) is not None
    ]
    return pd.DataFrame(rows, columns=["feature", column, "value", "low", "high"])


def taste_parts(numbers: Mapping[str, Estimate]) -> Styler:
    """Shares of the variance and carry-over, a row a feature.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """

    def cell(key: str, spec: str) -> str:
        return format(numbers[key], spec) if key in numbers else UNKNOWN

    rows = [
        {
            "feature": feature,
            "general taste": cell(f"carry.general.{name}", ".1%"),
            "p": cell(f"carry.general.{name}.p", ".3f"),
            "taste within the category": cell(f"carry.category.{name}", ".1%"),
            "session": cell(f"carry.session.{name}", ".1%"),
            "pin": cell(f"carry.pin.{name}", ".1%"),
            "carry-over": cell(f"carry.rho.{name}", ".2f"),
        }
        for feature in DISTANCES
        if f"carry.general.{(name := slug(feature))}.p" in numbers
    ]
    return table(pd.DataFrame(rows or [{"feature": "none: too few users have two categories"}]))


def carry_over_by_rule(numbers: Mapping[str, Estimate]) -> Styler:
    """General taste and carry-over by what a category is, a row a rule.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step of this name.
    """
    rows = []
    for rule, words in RULES.items():
        key = f"carry.by-{rule}"
        if f"{key}.users" not in numbers:
            continue
        row = {"a category is": words, "users": f"{numbers[f'{key}.users'].value:.0f}"}
        missing = UNKNOWN if f"{key}.n" in numbers else TOO_FEW
        for part, spec, name in (
            ("n", ".0f", "categories"), ("general", ".1%", "general taste"),
            ("general.p", ".3f", "p of no general taste"),
            ("category", ".1%", "taste within the category"), ("taste.p", ".3f", "p of no taste"),
            ("rho", ".2f", "carry-over"),
        ):  # fmt: skip
            of = numbers.get(f"{key}.{part}")
            row[name] = missing if of is None else format(of, spec)
        rows.append(row)
    return table(pd.DataFrame(rows))


def category_mrr(numbers: Mapping[str, Estimate]) -> Styler:
    """Mean reciprocal ranks by another category and by the same, and their difference.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``carry_over_numbers``.
    """
    rows = [
        {
            "feature": feature,
            "trained on another category": f"{numbers[f'carry.mrr.other.{name}']:.3f}",
            "on the same category": f"{numbers[f'carry.mrr.same.{name}']:.3f}",
            "same minus other": f"{numbers[f'carry.mrr.same-other.{name}']:+.3f}",
        }
        for feature in DISTANCES
        if f"carry.mrr.other.{(name := slug(feature))}" in numbers
    ]
    return table(pd.DataFrame(rows or [{"feature": "none: too few users have two categories"}]))


def carry_over_worlds(known: pd.DataFrame) -> Styler:
    """What estimates of carry-over are worth in worlds where it is known.

    Parameters
    ----------
    known : DataFrame
        The step ``carry_over_known``.
    """
    rows = [
        {
            "carry-over": f"{row.carry_over:g}",
            "users": row.n_users,
            "mean estimate": _defined(
                Estimate(row.mean, *(() if np.isnan(row.low) else (row.low, row.high))), ".3f"
            ),
            "intervals that cover it": _defined(row.coverage, ".1%"),
            "intervals above 0": f"{row.above_zero:.1%}",
            "half an interval": _defined(row.half_width, ".2f"),
            "defined in": f"{row.defined:.1%}",
        }
        for row in known.itertuples()
    ]
    return table(pd.DataFrame(rows))


def _defined(number: float | Estimate, spec: str) -> str:
    """Of no world in which an estimate is defined there is neither mean nor coverage."""
    value = number.value if isinstance(number, Estimate) else number
    return UNKNOWN if np.isnan(value) else format(number, spec)
