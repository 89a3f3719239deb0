"""Tables of categories and styles in one model."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof.intervals import Estimate
from visprof.steps.fusion_worlds import FUSION_TASTES
from visprof.tables.style import Styler, table

__all__ = [
    "fusion_bits", "fusion_by_hand", "fusion_grain", "fusion_level", "fusion_mrr",
    "fusion_power", "fusion_recovery", "fusion_tastes", "fusion_user", "style_clusters",
]  # fmt: skip

NAMED_BITS = {
    "inter": "categories (inter)", "styles": "styles, whatever the category",
    "interaction": "interaction", "intra": "styles within categories (intra = the two above)",
    "fusion": "fusion (inter + intra)", "flat": "flat cells, no levels",
}  # fmt: skip
EXPECTED = {
    "neither": "nothing to find", "classes only": "fusion level with categories",
    "styles only": "fusion level with styles", "both": "fusion not behind either",
    "styles in one class": "fusion ahead of both",
}  # fmt: skip


def fusion_by_hand() -> Styler:
    """A made-up user by hand: what three pins say of a fourth."""
    rows = [
        ("beach, bright", "1/2 · 1/2 = 1/4", "(1 + 3)/(2 + 3) · (1 + 2)/(2 + 3) = 12/25", "+0.94"),
        ("beach, dusk", "1/2 · 1/2 = 1/4", "(1 + 3)/(2 + 3) · (1 + 1)/(2 + 3) = 8/25", "+0.36"),
        ("city, bright", "1/2 · 1/2 = 1/4", "(1 + 0)/(2 + 3) · 1/2 = 1/10", "-1.32"),
        ("city, dusk", "1/2 · 1/2 = 1/4", "(1 + 0)/(2 + 3) · 1/2 = 1/10", "-1.32"),
    ]
    return table(pd.DataFrame(rows, columns=["next pin", "anyone", "this user", "bits"]))


def fusion_tastes(worlds: pd.DataFrame) -> Styler:
    """MRR of fusion and of its parts in worlds of known taste, and what was to be expected.

    Parameters
    ----------
    worlds : DataFrame
        The step ``fusion_worlds``.
    """
    found = worlds[worlds["measure"] == "MRR"].set_index(["taste", "model"])["estimate"]
    rows = [
        {
            "users have taste in": taste, "expected": EXPECTED[taste],
            **{
                name: f"{found[taste, model]:.3f}"
                for name, model in (
                    ("fusion", "fusion"), ("categories", "categories"),
                    ("styles within", "styles within categories"),
                )
            },
            "fusion less categories": f"{found[taste, 'fusion less categories']:+.3f}",
            "fusion less styles": f"{found[taste, 'fusion less styles within categories']:+.3f}",
        }
        for taste in FUSION_TASTES
    ]  # fmt: skip
    return table(pd.DataFrame(rows))


def fusion_recovery(recovery: pd.DataFrame) -> Styler:
    """Bias and coverage where the strength of tastes is known.

    Parameters
    ----------
    recovery : DataFrame
        The step of this name.
    """
    named = {"inter": "categories", "intra": "styles within"}
    rows = [
        {
            "strength (pins)": f"{row.strength:g}", "bits of": named[row.part],
            "true": f"{row.truth:.4f}", "estimated": f"{row.mean:.4f}", "bias": f"{row.bias:+.4f}",
            "covered": f"{row.covered:.1%} ({row.low:.1%} to {row.high:.1%})",
            "strength found": f"{row.recovered:.1f}",
        }
        for row in recovery.itertuples()
    ]  # fmt: skip
    return table(pd.DataFrame(rows))


def fusion_power(power: pd.DataFrame) -> Styler:
    """In how many worlds so many users are enough to see what styles tell.

    Parameters
    ----------
    power : DataFrame
        The step of this name.
    """
    rows = [
        {
            "strength (pins)": f"{strength:g}", "true bits a pin": f"{truth:.4f}",
            **{
                f"{row.n_users} users": f"{Estimate(row.found, row.low, row.high):.0%}"
                for row in of.itertuples()
            },
        }
        for (strength, truth), of in power.groupby(["strength", "truth"])
    ]  # fmt: skip
    return table(pd.DataFrame(rows))


def fusion_level(level: pd.DataFrame) -> Styler:
    """What is found of styles where there is no taste in them, by pins of a session.

    Parameters
    ----------
    level : DataFrame
        The step of this name.
    """
    rows = [
        {
            "pins of a session": f"{row.session_pins}",
            "worlds with p at most 5 %": f"{row.rejected:.1%} ({row.low:.1%} to {row.high:.1%})",
            "intra bits a pin": f"{row.bits:.4f} ({row.bits_low:.4f} to {row.bits_high:.4f})",
            "each pin counted whole": f"{row.untempered:.4f}",
        }
        for row in level.itertuples()
    ]  # fmt: skip
    return table(pd.DataFrame(rows))


def fusion_bits(numbers: Mapping[str, Estimate]) -> Styler:
    """Bits a pin by part, with sessions weighed and with every pin counted whole.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``fusion_numbers``.
    """
    rows = [
        {
            "part": words, "bits a pin": f"{numbers[f'fusion.bits.{part}']:.3f}",
            "every pin counted whole": f"{numbers[f'fusion.bits.untempered.{part}']:.3f}",
        }
        for part, words in NAMED_BITS.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    if numbers["fusion.icc"].value == 0:  # there is no difference
        frame = frame.drop(columns="every pin counted whole")
    return table(frame)


def fusion_mrr(found: pd.DataFrame) -> Styler:
    """MRR of fusion, of its parts and of other profiles, and what fusion has more.

    Parameters
    ----------
    found : DataFrame
        The step ``fusion_table``.
    """
    rows = [
        {
            "profile": row.profile, "MRR": f"{row.estimate:.3f}",
            "fusion less this": "" if row.lead is None else f"{row.lead:+.3f}",
            "p (Holm)": "" if row.lead is None else f"{row.p_holm:.3f}",
        }
        for row in found.itertuples()
    ]  # fmt: skip
    return table(pd.DataFrame(rows))


def fusion_grain(found: pd.DataFrame) -> Styler:
    """Bits and MRR by how fine categories are, and what styles are then.

    Parameters
    ----------
    found : DataFrame
        The step ``grain_table``.
    """
    rows = [
        {
            "categories": f"{row['categories']}",
            "inter": f"{row['inter']:.3f}", "intra": f"{row['intra']:.3f}",
            "interaction": f"{row['interaction']:.3f}", "fusion": f"{row['fusion']:.3f}",
            "MRR of fusion": f"{row['mrr']:.3f}",
            "told of the class": f"{row['told_class']:.0%}",
            "told of the true style": f"{row['told_style']:.0%}",
        }
        for row in found.to_dict("records")
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    if found["told_style"].isna().all():
        frame = frame.drop(columns=["told of the class", "told of the true style"])
    return table(frame)


def style_clusters(styles: pd.DataFrame) -> Styler:
    """Styles in words.

    Parameters
    ----------
    styles : DataFrame
        The step ``style_names``.
    """
    frame = pd.DataFrame({
        "style": styles["style"].map("{:d}".format), "in words": styles["name"],
        "share of the background": styles["share"].map("{:.1%}".format),
    })  # fmt: skip
    if (styles["truth"] != "").any():
        frame["commonest true style"] = [
            f"{row.truth} ({row.purity:.0%})" if row.truth else "" for row in styles.itertuples()
        ]
    return table(frame)


def fusion_user(taste: pd.DataFrame) -> Styler:
    """What one user's taste consists of at both levels.

    Parameters
    ----------
    taste : DataFrame
        The step ``fusion_taste``.
    """
    rows = [
        {
            "category": row.category, "own pins": f"{row.pins:,}",
            "share of this user's profile": f"{row.own:.1%}",
            "of everyone's": f"{row.everyone:.1%}", "style within it": row.style,
            "share in this user's category": f"{row.own_style:.1%}",
            "in everyone's": f"{row.everyone_style:.1%}",
        }
        for row in taste.itertuples()
    ]  # fmt: skip
    return table(pd.DataFrame(rows))
