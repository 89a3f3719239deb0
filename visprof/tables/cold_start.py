"""Tables of what is carried over from one platform to another."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.sentences.cold_start import saved_pins
from visprof.steps.cold_start import ASKED, BOARD_SIZES, SPLITS
from visprof.steps.user_ranking import slug
from visprof.tables.style import Styler, table

__all__ = ["known_platforms", "platform_scores", "pseudo_platform_scores", "shuffled_tests"]

NAMED_SPLITS = {"gap": "before and after a gap", "format": "two formats of files"}
QUANTITIES = {
    "mrr.saved": "pins saved (MRR)", "auc.saved": "pins saved (AUC)",
    "mrr.gain.0": "gain in MRR, no pin", "auc.gain.0": "gain in AUC, no pin",
    "mrr.gain.5": "gain in MRR, 5 pins", "auc.gain.5": "gain in AUC, 5 pins",
}  # fmt: skip
IN_TABLE = {0: "no pin", 1: "1 pin", 5: "5 pins", 20: "20 pins"}  # known; the figure has all


def platform_scores(found: pd.DataFrame, world: str, metric: str) -> Styler:
    """Scores in one simulated world by profile and known pins, with their intervals.

    Parameters
    ----------
    found : DataFrame
        The step ``platform_table``.
    world, metric : str
        Which of its rows.
    """
    rows = found[(found["world"] == world) & (found["metric"] == metric)]
    rows = rows[rows["n_known"].isin(IN_TABLE)]
    rows = rows.assign(
        profile=rows["profile"].replace("none", "not translated"),
        shown=[
            f"{of.value:.3f}" if of.low == of.high  # a random ranking, exactly
            else f"{Estimate(of.value, of.low, of.high):.3f}"
            for of in rows.itertuples()
        ],
    )  # fmt: skip
    by_profile = rows.set_index(["profile", "n_known"])["shown"].unstack(sort=False)
    by_profile.columns = [IN_TABLE[n] for n in by_profile.columns]
    return table(by_profile.reset_index())


def known_platforms(found: pd.DataFrame) -> Styler:
    """Bias and coverage where the truth is known.

    Parameters
    ----------
    found : DataFrame
        The step ``known_platforms``.
    """
    rows = [
        {
            "number": QUANTITIES[row.quantity],
            "users": f"{row.n_users}",
            "common taste": f"{row.common:g}",
            "truth": _number(row.truth, row.quantity),
            "mean": _number(row.mean, row.quantity),
            "median": _number(row.median, row.quantity),
            "intervals that cover it": f"{Estimate(row.coverage, row.low, row.high):.0%}",
        }
        for row in found.itertuples()
    ]
    return table(pd.DataFrame(rows))


def _number(value: float, quantity: str) -> str:
    return f"{value:.1f}" if quantity.endswith("saved") else f"{value:.3f}"


def shuffled_tests(found: pd.DataFrame) -> Styler:
    """How often the test with shuffled sources finds transfer.

    Parameters
    ----------
    found : DataFrame
        The step ``transfer_tests``.
    """
    rows = [
        {
            "users": f"{row.n_users}",
            "common taste": f"{row.common:g}",
            "worlds in which transfer is found": f"{Estimate(row.value, row.low, row.high):.0%}",
        }
        for row in found.itertuples()
    ]
    return table(pd.DataFrame(rows))


def pseudo_platform_scores(found: pd.DataFrame, numbers: Mapping[str, Estimate]) -> Styler:
    """What the first of two pseudo-platforms says of the second, by what parts them and profile.

    Parameters
    ----------
    found : DataFrame
        The step ``board_transfer_table``.
    numbers : mapping of str to Estimate
        The step ``transfer_numbers``.
    """
    rows = []
    for split in SPLITS:
        n_users, most = f"{numbers[f'transfer.{split}.users'].value:.0f}", BOARD_SIZES[-1]
        there = [name for name in ASKED if f"transfer.{split}.{slug(name)}.p" in numbers]
        if not there:
            rows.append({"platforms": NAMED_SPLITS[split], "users": n_users, "profile": "too few"})
        for name in there:
            of = found[(found["split"] == split) & (found["profile"] == name)]
            first = of[(of["metric"] == "mrr") & (of["n_known"] == 0)].set_index("pins")["estimate"]
            key = f"transfer.{split}.{slug(name)}"
            rows.append({
                "platforms": NAMED_SPLITS[split], "users": n_users, "profile": name,
                "MRR, no pin": f"{first.iloc[-1]:.3f}",
                "p": f"{numbers[f'{key}.p'].value:.3f}",
                "gain, no pin": f"{numbers[f'{key}.mrr.gain.0']:+.3f}",
                f"gain, {most} pins": f"{numbers[f'{key}.mrr.gain.{most}']:+.3f}",
                "pins saved": saved_pins(numbers[f"{key}.mrr.saved"], most),
            })  # fmt: skip
    return table(pd.DataFrame(rows).fillna(""))
