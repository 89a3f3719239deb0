"""Sentences of what is carried over from one platform to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visprof.accounts import SIZES
from visprof.intervals import Estimate
from visprof.results.verdicts import is_significant, verdict_above, verdict_of_lead
from visprof.sentences.numerals import listed
from visprof.steps.cold_start import (
    BOARD_SIZES,
    FEWEST_USERS,
    LEVEL,
    N_HELD,
    N_PINS,
    N_SHOWN,
    N_SOURCE,
    POWER,
    SPLITS,
)

__all__ = [
    "known_truth",
    "on_pseudo_platforms",
    "other_platforms",
    "saved_pins",
    "shuffled_level",
    "transfer_settings",
    "two_platforms",
]  # fmt: skip

GAINS = {
    "holds": "gains {gain} in MRR over a random ranking",
    "does not hold": "is worse than a random ranking ({gain})",
    "not resolved": "cannot be shown to beat a random ranking ({gain})",
}
LATE = {
    "holds": "still gains {gain}",
    "does not hold": "loses {gain}",
    "not resolved": "makes no difference that is resolved ({gain})",
}
STILL = {
    "holds": "it still helps", "does not hold": "it is in the way",
    "not resolved": "whether it still helps is not resolved",
}  # fmt: skip
PARTS = {
    "gap": "pins before and after a gap", "format": "files of the two most frequent formats",
}  # fmt: skip


def saved_pins(saved: Estimate, most: int) -> str:
    """Pins saved, with what is censored at the most known pins told as "at least".

    Parameters
    ----------
    saved : Estimate
        Of `visprof.pins_saved.pins_saved_estimate`.
    most : int
        The most known pins.

    Examples
    --------
    >>> saved_pins(Estimate(7.25, 1.5, 20.0), 20)
    '7.2 (1.5 to at least 20)'
    """
    value, low, high = (
        f"at least {most}" if of >= most else f"{of:.1f}"
        for of in (saved.value, saved.low or 0.0, most if saved.high is None else saved.high)
    )
    return f"{value} ({low} to {high})"


def transfer_settings() -> dict[str, Any]:
    """Numbers that the page's text names, which are settings of the code."""
    return {
        "known_sizes": listed([f"{n}" for n in SIZES]), "most_known": SIZES[-1],
        "board_sizes": listed([f"{n}" for n in BOARD_SIZES]), "board_most": BOARD_SIZES[-1],
        "n_source": N_SOURCE, "fewest_users": FEWEST_USERS, "world_users": N_SHOWN,
        "world_pins": N_PINS[0], "n_held": N_HELD,
    }  # fmt: skip


def two_platforms(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """What transfer gains in the simulated worlds.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``transfer_world_numbers``.
    """
    key, same = "transfer.two-platforms", "transfer.one-platform"
    control = "transfer.an-offset-a-user"
    first, last = (numbers[f"{key}.mrr.gain.{n}"] for n in (0, SIZES[-1]))
    gains = GAINS[verdict_above(first, 0)].format(gain=f"{first:+.3f}")
    late = LATE[verdict_above(last, 0)].format(gain=f"{last:+.3f}")
    p = numbers[f"{key}.p"].value
    told = "more than" if is_significant(p) else "not shown to be more than"
    most = SIZES[-1]
    saved, of_user = numbers[f"{key}.mrr.saved"], numbers[f"{control}.mrr.saved"]
    fewer = of_user.high is not None and of_user.high < (saved.low or 0.0)
    helps = verdict_above(first, 0) == "holds" and is_significant(p)
    answer = "that the source helps with no pin on the second platform is not shown"
    if helps:
        answer = (
            f"with no pin on the second platform the source helps (gain in MRR {first:+.3f}), and "
            f"with {most} pins {STILL[verdict_above(last, 0)]} ({last:+.3f})"
        )
    return {
        "transfer.cold": f"With no pin on the second platform, the source {gains}, {told} shuffled "
        f"sources (p = {p:.3f}). With {most} pins it {late}",
        "transfer.saved": f"It is worth {saved_pins(saved, most)} pins by MRR and "
        f"{saved_pins(numbers[f'{key}.auc.saved'], most)} by AUC",
        "transfer.same": "With two accounts on one and the same platform, the gain with no pin is "
        f"{numbers[f'{same}.mrr.gain.0']:+.3f}, and the source is worth "
        f"{saved_pins(numbers[f'{same}.mrr.saved'], most)} pins by MRR",
        "transfer.control": "Where every user has an offset, the source is worth "
        f"{saved_pins(of_user, most)} pins by MRR, {'' if fewer else 'not shown to be '}fewer than "
        f"where the platform has one (gain with no pin {numbers[f'{control}.mrr.gain.0']:+.3f})",
        "transfer.answer": answer,
    }


def other_platforms(found: pd.DataFrame) -> dict[str, Any]:
    """How far other pairs of platforms differ.

    Parameters
    ----------
    found : DataFrame
        The step ``other_platforms``.
    """
    gain, saved = found["gain"], found["saved"]
    most = SIZES[-1]
    last = f"at least {most}" if saved.max() >= most else f"{saved.max():.1f}"
    return {
        "transfer.others": f"In {len(found)} other pairs of platforms, with other users, the gain "
        f"with no pin lies between {gain.min():+.3f} and {gain.max():+.3f} (median "
        f"{gain.median():+.3f}), and pins saved between {saved.min():.1f} and {last} (median "
        f"{saved.median():.1f})"
    }


def known_truth(found: pd.DataFrame) -> dict[str, Any]:
    """Bias and coverage of pins saved and of gains.

    Parameters
    ----------
    found : DataFrame
        The step ``known_platforms``.
    """
    many, few = found["n_users"].max(), found["n_users"].min()
    saved = found[(found["quantity"] == "mrr.saved") & (found["n_users"] == many)]
    each = [
        f"{row.mean:.1f} on average (median {row.median:.1f}) where the truth is {row.truth:.1f}"
        for row in saved.itertuples()
    ]
    return {
        "known.worlds": f"{int(found['n_worlds'].iloc[0]):,}",
        "known.saved": f"With {many} users pins saved are estimated as {listed(each)}",
        "known.coverage": " ".join(
            f"With {n} users, {_covered(found[found['n_users'] == n])}."
            for n in dict.fromkeys((many, few))
        ),
    }


def _covered(found: pd.DataFrame) -> str:
    """How often intervals cover the truth, of pins saved and of gains."""
    said = []
    is_saved = found["quantity"].str.endswith("saved")
    for name, of in (("pins saved", found[is_saved]), ("gains", found[~is_saved])):
        ends = dict.fromkeys(f"{end:.0%}" for end in (of["coverage"].min(), of["coverage"].max()))
        enough = (of["high"] >= 1 - LEVEL).all()
        told = "as often as they should, but for chance" if enough else "in some rows too seldom"
        said.append(f"of {name} in {' to '.join(ends)} of the worlds ({told})")
    return f"95 % intervals cover the truth {' and '.join(said)}"


def _needed(tests: pd.DataFrame) -> str:
    """Users that a test needs to find transfer mostly."""
    found = tests[tests["common"] == 1]
    enough = found.loc[found["value"] >= POWER, "n_users"]
    return f"about {enough.min()}" if len(enough) else f"more than {found['n_users'].max()}"


def shuffled_level(tests: pd.DataFrame) -> dict[str, Any]:
    """Whether the test with shuffled sources holds its level, and how many users it needs.

    Parameters
    ----------
    tests : DataFrame
        The step ``transfer_tests``.
    """
    (null,) = tests[tests["common"] == 0].itertuples()
    share = Estimate(null.value, null.low, null.high)
    if null.low <= LEVEL <= null.high:
        held = "this agrees with the 5 % that the test claims"
    elif null.high < LEVEL:
        held = "this is less often than the 5 % that the test claims"
    else:
        held = "this is more often than the 5 % that the test claims"
    return {
        "test.level": f"In {share:.1%} of {null.n_worlds:,} worlds the test finds transfer where "
        f"there is none; {held}",
        "test.needed": f"{_needed(tests)} users",
        "test.power": f"{POWER:.0%}",
    }


def on_pseudo_platforms(numbers: Mapping[str, Estimate], tests: pd.DataFrame) -> dict[str, Any]:
    """What the first of two pseudo-platforms says of the second, by what parts them.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        The step ``transfer_numbers``.
    tests : DataFrame
        The step ``transfer_tests``, which says how many users are needed.
    """
    said, short = [], []
    for split in SPLITS:
        n, parts = int(numbers[f"transfer.{split}.users"].value), PARTS[split]
        key = f"transfer.{split}.image"
        if f"{key}.p" not in numbers:
            why = (
                f"at least {FEWEST_USERS} are asked for"
                if n < FEWEST_USERS
                else "too few of them have two sessions on the second"
            )
            said.append(
                f"For {parts} this cannot be answered with these data: {n} "
                f"{'user has' if n == 1 else 'users have'} enough of both, and {why}. In the "
                f"simulated worlds it takes {_needed(tests)} users to find a transfer"
            )
            short.append(f"for {parts} this cannot be answered with these data")
            continue
        p, gain = numbers[f"{key}.p"].value, numbers[f"{key}.mrr.gain.0"]
        found = (
            "says more of the pins on the second than shuffled profiles do"
            if is_significant(p)
            else "is not shown to say more than shuffled profiles, which is the bad sign"
        )
        short.append(
            f"for {parts} the image profile of the first {found} (p = {p:.3f})"
            f"{_beside_facts(numbers, split)}"
        )
        said.append(
            f"For {parts} ({n} users), the image profile of the first {found} (p = {p:.3f}; gain "
            f"in MRR {gain:+.3f}), and is worth "
            f"{saved_pins(numbers[f'{key}.mrr.saved'], BOARD_SIZES[-1])} pins"
            f"{_facts(numbers, split)}"
        )
    return {"pseudo": ". ".join(said), "pseudo.answer": "; ".join(short)}


def _beside_facts(numbers: Mapping[str, Estimate], split: str) -> str:
    """The same in short, without numbers."""
    lead = numbers.get(f"transfer.{split}.image-file-facts.mrr.0")
    if lead is None:
        return ""
    return {
        "holds": ", and more than facts of the files do",
        "does not hold": "; but facts of the files say more, a bad sign",
        "not resolved": "; but it is not shown to say more than facts of the files, a bad sign",
    }[_lead_over_facts(numbers, split)]


def _lead_over_facts(numbers: Mapping[str, Estimate], split: str) -> str:
    key = f"transfer.{split}.image-file-facts.mrr.0"
    return verdict_of_lead(numbers[key], numbers[f"{key}.p.holm"].value)


def _facts(numbers: Mapping[str, Estimate], split: str) -> str:
    """How the image profile stands beside facts of files, where there are any."""
    lead = numbers.get(f"transfer.{split}.image-file-facts.mrr.0")
    if lead is None:
        return ""
    stands = {
        "holds": "is ahead of the facts of the files ({lead})",
        "does not hold": "is behind the facts of the files ({lead}), a bad sign",
        "not resolved": "is not shown to be ahead of the facts of the files ({lead}), a bad sign",
    }[_lead_over_facts(numbers, split)]
    said = "; with no pin it " + stands.format(lead=f"{lead:+.3f}")
    without = numbers.get(f"transfer.{split}.whitened-less-file-facts.mrr.gain.0")
    if without is None:
        return said
    left = {
        "holds": "still gains", "does not hold": "loses",
        "not resolved": "has no gain that the data resolve",
    }[verdict_above(without, 0)]  # fmt: skip
    return f"{said}; the whitened profile with these regressed out {left} ({without:+.3f})"
