"""Sentences of categories and styles, each branch."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate

ABOVE, BELOW = Estimate(0.1, 0.05, 0.2, 1200), Estimate(-0.1, -0.2, -0.05, 1200)
OPEN = Estimate(0.05, -0.15, 0.25, 100)
POWER = pd.DataFrame({
    "truth": [0.25, 0.25, 0.01, 0.01], "n_users": [20, 10, 10, 20], "found": [0.9, 0.8, 0.1, 0.79],
})  # fmt: skip
NEEDED = (
    "in simulated worlds it takes 10 users where they tell 0.250 bits a pin and more than 20 users "
    "where they tell 0.010 bits a pin, for an interval above 0 in at least 80% of the worlds"
)
PARTS = ("categories", "styles within categories")


def worlds(level, last):
    rows = []
    for taste in ("classes only", "styles only", "both", "styles in one class"):
        leads = last if taste == "styles in one class" else level
        for part, value, lead in zip(PARTS, (0.6, 0.4), leads, strict=True):
            value = 1 - value if taste == "styles only" else value
            rows.append((taste, "MRR", part, Estimate(value)))
            rows.append((taste, "MRR", f"fusion less {part}", lead))
            rows.append((taste, "bits", part, Estimate(9.0)))
    columns = ["taste", "measure", "model", "estimate"]
    return pd.DataFrame(rows, columns=columns).assign(n_users=1234)


def test_worlds_are_told_as_expected():
    said = sentences.fusion_tastes(worlds((OPEN, OPEN), (ABOVE, ABOVE)))
    assert said["fusion.worlds"] == (
        "In none of the first three worlds with taste is fusion shown to be behind its better "
        "part; where users have a taste in the styles of one class only, it is ahead of both parts."
    )
    assert said["fusion.worlds.users"] == "1,234"


def test_worlds_are_told_where_they_are_not_as_expected():
    said = sentences.fusion_tastes(worlds((BELOW, ABOVE), (OPEN, ABOVE)))["fusion.worlds"]
    lead = "-0.100 (-0.200 to -0.050) against categories"
    assert said == (
        "Against what was expected, fusion is behind its better part in classes only "
        f"({lead}) and both ({lead}); where users have a taste in the styles of one class only, "
        "fusion was to be ahead of both parts, and is not shown to be ahead of categories (+0.050 "
        "(-0.150 to +0.250))."
    )


@pytest.mark.parametrize(
    ("high", "told"),
    [
        (0.97, "No row's coverage lies below 95 % with its whole interval"),
        (0.94, "In 1 of the 2 rows the intervals cover the truth too seldom: they allow for the "
               "draw of users, and not for that of the background, from which strengths are "
               "learned"),
    ],
)  # fmt: skip
def test_coverage_is_told(high, told):
    recovery = pd.DataFrame({
        "covered": [0.95, 0.9], "high": [0.98, high], "bias": [0.01, -0.02], "n_worlds": 1000,
    })  # fmt: skip
    said = sentences.fusion_known(recovery)
    assert said["known.told"] == told
    assert (said["known.worlds"], said["known.bias"]) == ("1,000", "0.0200")
    assert said["known.covered"] == "90.0% to 95.0%"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.02, 0.09, "rejects as often as it should: 5 % lies inside each interval"),
        (0.0, 0.04, "rejects too seldom where 5 % lies above the interval: it is cautious"),
        (0.06, 0.2, "rejects too often: 5 % lies below an interval"),
    ],
)
@pytest.mark.parametrize("bits_low", [-0.1, 0.1])
def test_levels_are_told(low, high, said, bits_low):
    level = pd.DataFrame({
        "session_pins": [1, 5], "low": [0.02, low], "high": [0.09, high],
        "bits_low": [-0.1, bits_low], "bits": [0.0, -0.001], "untempered": [0.0, -0.3],
    })  # fmt: skip
    found = sentences.fusion_levels(level)
    assert found["level.held"] == said
    assert found["level.bits"] == (
        "Mean intra bits lie above 0, although there is nothing to tell"
        if bits_low > 0
        else "Mean intra bits are not above 0, as far as their intervals tell"
    )
    assert (found["level.untempered"], found["level.tempered"]) == ("-0.300", "-0.001")
    assert found["level.session"] == "5"


def test_sessions_are_told():
    assert sentences.fusion_sessions({}, None)["icc"] == (
        "Here pins have no sessions, so that each counts whole."
    )
    assert sentences.fusion_sessions({"fusion.icc": Estimate(0.456)}, [1])["icc"] == (
        "Here pins of one session have an intraclass correlation of 0.46."
    )
    assert sentences.fusion_sessions({"fusion.icc": Estimate(1.0)}, [1])["icc"] == (
        "Here pins of one session have an intraclass correlation of 1.00, so that a session counts "
        "as one pin."
    )


@pytest.mark.parametrize(
    ("number", "tells", "interacts"),
    [
        (ABOVE, "say more of later pins than the population does", "differs from category to"),
        (BELOW, "say less of later pins than the population does, so", "is much the same in all"),
        (OPEN, "cannot be shown to say anything of later pins", "the data do not tell whether"),
    ],
)
@pytest.mark.parametrize(
    ("p", "found"), [(0.05, "more than where"), (0.06, "not shown to be more than where")]
)
def test_parts_are_told(number, tells, interacts, p, found):
    parts = ("inter", "intra", "interaction", "fusion")
    numbers = {f"fusion.bits.{part}": number for part in parts}
    numbers["fusion.bits.intra.p"] = Estimate(p)
    said = sentences.fusion_parts(numbers)["bits"]
    assert said.startswith(f"Categories {tells}")
    assert f"Styles within categories {tells}" in said
    assert f", {found} styles are dealt within categories (p = {p:.3f})" in said
    assert interacts in said


@pytest.mark.parametrize("facts", [True, False])
def test_ranks_are_told(facts):
    profiles = ["fusion", "a", "b", "c, d", *(["file facts"] if facts else [])]
    found = pd.DataFrame({
        "profile": profiles, "estimate": [Estimate(0.5)] * len(profiles),
        "lead": [None, ABOVE, BELOW, OPEN, OPEN][: len(profiles)],
        "p_holm": [1.0] * len(profiles),
    })  # fmt: skip
    said = sentences.fusion_ranks(found, Estimate(0.1, n=1200))
    rest = " and file facts" if facts else ""
    told = (
        "Facts of the files, which know no pixel, have an MRR of 0.500." if facts
        else "Facts of the files do not vary here."
    )  # fmt: skip
    assert said == {
        "ranks": "Fusion has an MRR of 0.500 (random: 0.100): it is ahead of a; it is behind b; "
        f"the data do not decide between it and “c, d”{rest}. {told}",
        "fusion.users": "1,200",
    }


@pytest.mark.parametrize(("own", "more"), [(0.4, "more"), (0.1, "not more")])
def test_a_users_taste_is_told(own, more):
    taste = pd.DataFrame([{
        "category": "sea", "own": own, "everyone": 0.2, "style": "darker", "own_style": 0.5,
        "everyone_style": 0.25,
    }])  # fmt: skip
    assert sentences.fusion_taste(taste, "ann") == {
        "taste.board": "ann",
        "taste": f"of “sea” {more} than boards are on average ({own:.0%} of its profile against "
        "20%), and within this of the style “darker” (50% against 25%)",
    }


@pytest.mark.parametrize(
    ("lead", "p", "said"),
    [
        (ABOVE, 1.0, "and finding users gains by it"),
        (BELOW, 1.0, "and yet finding users loses by it"),
        (OPEN, 1.0, "though the data do not show that finding users gains by it"),
        (dataclasses.replace(ABOVE, n=20), 0.2, "though the data do not show that finding users "
                                                "gains by it"),
    ],
)  # fmt: skip
def test_the_answer_says_what_styles_add(lead, p, said):
    numbers = {
        "fusion.bits.intra": ABOVE, "fusion.bits.intra.p": Estimate(0.05),
        "fusion.mrr.fusion-categories": lead,
        "fusion.mrr.fusion-categories.p.holm": Estimate(p),
    }  # fmt: skip
    assert sentences.fusion_answer(numbers, POWER)["answer"] == (
        f"Styles within categories add to what categories tell ({ABOVE:.3f} bits a pin), {said}."
    )


def test_the_answer_says_how_other_profiles_do():
    numbers = {
        "fusion.bits.intra": ABOVE, "fusion.bits.intra.p": Estimate(0.01),
        "fusion.mrr.fusion-categories": OPEN, "fusion.mrr.fusion-image": ABOVE,
        "fusion.mrr.fusion-whitened": BELOW, "fusion.mrr.fusion-mean-embedding": OPEN,
        "fusion.mrr.fusion-file-facts": OPEN,
    }  # fmt: skip
    keys = [key for key in numbers if "-" in key]
    numbers |= {f"{key}.p.holm": Estimate(0.01) for key in keys}
    assert sentences.fusion_answer(numbers, POWER)["answer"].endswith(
        "by it. In finding users, fusion is ahead of image; is behind whitened; is not shown to "
        "differ from mean embedding and file facts."
    )


@pytest.mark.parametrize(
    ("intra", "said"),
    [
        (BELOW, "The bad sign is there: styles within categories take away from what categories "
                "tell (-0.100 (-0.200 to -0.050) bits a pin)."),
        (OPEN, "Whether styles within categories add to what categories tell cannot be answered "
               f"with these 100 users; {NEEDED}."),
        (ABOVE, "Whether styles within categories add to what categories tell cannot be answered "
                "with these 1,200 users: they tell no more than is plausible where styles are "
                "dealt within categories."),
    ],
)  # fmt: skip
def test_the_answer_says_what_the_data_do_not(intra, said):
    numbers = {
        "fusion.bits.intra": intra, "fusion.bits.intra.p": Estimate(0.06),
        "fusion.mrr.fusion-categories": OPEN,
        "fusion.mrr.fusion-categories.p.holm": Estimate(1.0),
    }  # fmt: skip
    assert sentences.fusion_answer(numbers, POWER) == {
        "answer": said, "power": f"I{NEEDED[1:]}.",
    }  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_grains_are_told(known):
    found = pd.DataFrame({
        "categories": [6, 20], "intra": [ABOVE, OPEN], "mrr": [Estimate(0.5), Estimate(0.75)],
        "told_class": [0.5, 0.0] if known else [float("nan")] * 2,
        "told_style": [0.125, 0.25] if known else [float("nan")] * 2,
    })  # fmt: skip
    said = sentences.fusion_grain(found)["grain"]
    assert said.startswith(
        "With 6 categories styles give 0.100 (0.050 to 0.200) bits a pin and fusion an MRR of "
        "0.500; with 20 categories styles give 0.050 (-0.150 to 0.250) bits a pin and fusion an "
        "MRR of 0.750. Here "
    )
    assert said.endswith(
        "within 6 categories tell 50% of what is uncertain of a pin's class and 12% of its true "
        "style, and within 20 they tell 0% and 25%." if known
        else "so the first explanation of intra bits is that they are."
    )  # fmt: skip
