"""Sentences of transfer between platforms, each branch."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate

ABOVE, BELOW, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (Estimate(7.26, 1.5, 12.0), "7.3 (1.5 to 12.0)"),
        (Estimate(7.26, 0.0, 20.0), "7.3 (0.0 to at least 20)"),
        (Estimate(20.0, 20.0, 20.0), "at least 20 (at least 20 to at least 20)"),
    ],
)
def test_what_is_censored_is_told_as_at_least(saved, said):
    assert sentences.saved_pins(saved, 20) == said


def test_settings_are_those_of_the_code():
    assert sentences.transfer_settings() == {
        "known_sizes": "0, 1, 2, 5, 10 and 20", "most_known": 20,
        "board_sizes": "0, 1, 2, 5 and 10", "board_most": 10, "n_source": 10, "fewest_users": 10,
        "world_users": 100, "world_pins": 30, "n_held": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "gains"),
    [
        (ABOVE, "gains +0.100 (+0.050 to +0.200) in MRR over a random ranking"),
        (BELOW, "is worse than a random ranking (-0.100 (-0.200 to -0.050))"),
        (OPEN, "cannot be shown to beat a random ranking (+0.000 (-0.100 to +0.100))"),
    ],
)
@pytest.mark.parametrize(
    ("last", "late"),
    [
        (ABOVE, "still gains +0.100 (+0.050 to +0.200)"),
        (BELOW, "loses -0.100 (-0.200 to -0.050)"),
        (OPEN, "makes no difference that is resolved (+0.000 (-0.100 to +0.100))"),
    ],
)
@pytest.mark.parametrize(
    ("p", "told"),
    [(0.05, "more than"), (0.06, "not shown to be more than")],
)
def test_the_simulated_platforms_are_told_without_and_with_pins(first, gains, last, late, p, told):
    saved = Estimate(5.0, 1.0, 20.0)
    numbers = {
        "transfer.two-platforms.mrr.gain.0": first, "transfer.two-platforms.mrr.gain.20": last,
        "transfer.two-platforms.p": Estimate(p), "transfer.two-platforms.mrr.saved": saved,
        "transfer.two-platforms.auc.saved": saved,
        "transfer.one-platform.mrr.gain.0": ABOVE, "transfer.one-platform.mrr.saved": saved,
        "transfer.an-offset-a-user.mrr.gain.0": Estimate(0.05),
        "transfer.an-offset-a-user.mrr.saved": Estimate(0.1, 0.0, 0.2),
    }  # fmt: skip
    found = sentences.two_platforms(numbers)
    assert found["transfer.cold"] == (
        f"With no pin on the second platform, the source {gains}, {told} shuffled sources "
        f"(p = {p:.3f}). With 20 pins it {late}"
    )
    assert found["transfer.saved"] == (
        "It is worth 5.0 (1.0 to at least 20) pins by MRR and 5.0 (1.0 to at least 20) by AUC"
    )
    assert found["transfer.same"] == (
        "With two accounts on one and the same platform, the gain with no pin is +0.100 (+0.050 to "
        "+0.200), and the source is worth 5.0 (1.0 to at least 20) pins by MRR"
    )
    assert found["transfer.control"] == (
        "Where every user has an offset, the source is worth 0.1 (0.0 to 0.2) pins by MRR, fewer "
        "than where the platform has one (gain with no pin +0.050)"
    )
    still = {id(ABOVE): "it still helps", id(BELOW): "it is in the way"}
    still = still.get(id(last), "whether it still helps is not resolved")
    assert found["transfer.answer"] == (
        f"with no pin on the second platform the source helps (gain in MRR {ABOVE:+.3f}), and with "
        f"20 pins {still} ({last:+.3f})"
        if first is ABOVE and p == 0.05
        else "that the source helps with no pin on the second platform is not shown"
    )
    few = numbers | {"transfer.an-offset-a-user.mrr.saved": Estimate(0.1, 0.0, 2.0)}
    assert ", not shown to be fewer than" in sentences.two_platforms(few)["transfer.control"]


def test_a_range_of_coverage_has_both_ends():
    found = known(0.96)
    found.loc[found["quantity"] == "mrr.saved", "coverage"] = [0.85, 0.95]
    found["n_users"] = 60
    assert "of pins saved in 85% to 95% of" in sentences.known_truth(found)["known.coverage"]


def known(high):
    rows = [
        (n, quantity, 2.0, 3.0, 2.5, 0.9, high, 1200)
        for n in (60, 20)
        for quantity in ("mrr.saved", "mrr.gain.0")
    ]
    columns = ["n_users", "quantity", "truth", "mean", "median", "coverage", "high", "n_worlds"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(
    ("high", "told"),
    [(0.96, "as often as they should, but for chance"), (0.94, "in some rows too seldom")],
)
def test_bias_and_coverage_are_told_by_number_of_users(high, told):
    each = (
        f"95 % intervals cover the truth of pins saved in 90% of the worlds ({told}) and of gains "
        f"in 90% of the worlds ({told})."
    )
    assert sentences.known_truth(known(high)) == {
        "known.worlds": "1,200",
        "known.saved": "With 60 users pins saved are estimated as 3.0 on average (median 2.5) "
        "where the truth is 2.0",
        "known.coverage": f"With 60 users, {each} With 20 users, {each}",
    }


def rates_of(null, powers):
    rows = [(20, 0.0, *null, 200), *((n, 1.0, power, 0, 1, 200) for n, power in powers)]
    return pd.DataFrame(rows, columns=["n_users", "common", "value", "low", "high", "n_worlds"])


@pytest.mark.parametrize(
    ("null", "told"),
    [
        ((0.06, 0.03, 0.09), "this agrees with the 5 % that the test claims"),
        ((0.01, 0.0, 0.04), "this is less often than the 5 % that the test claims"),
        ((0.2, 0.1, 0.3), "this is more often than the 5 % that the test claims"),
    ],
)
def test_the_level_is_told_with_its_interval(null, told):
    share = f"{Estimate(*null):.1%}"
    found = sentences.shuffled_level(rates_of(null, [(10, 0.5), (20, 0.8), (40, 0.9)]))
    assert found["test.level"] == (
        f"In {share} of 200 worlds the test finds transfer where there is none; {told}"
    )
    assert (found["test.needed"], found["test.power"]) == ("about 20 users", "80%")
    found = sentences.shuffled_level(rates_of(null, [(10, 0.5), (40, 0.7)]))
    assert found["test.needed"] == "more than 40 users"


TESTS = rates_of((0.05, 0.0, 0.1), [(20, 0.9)])


@pytest.mark.parametrize(
    ("n", "have", "why"),
    [
        (1, "user has", "at least 10 are asked for"),
        (0, "users have", "at least 10 are asked for"),
        (10, "users have", "too few of them have two sessions on the second"),
    ],
)
def test_too_few_users_cannot_answer(n, have, why):
    numbers = {f"transfer.{split}.users": Estimate(float(n)) for split in ("gap", "format")}
    first, second = (
        f"For {parts} this cannot be answered with these data: {n} {have} enough of both, and "
        f"{why}. In the simulated worlds it takes about 20 users to find a transfer"
        for parts in ("pins before and after a gap", "files of the two most frequent formats")
    )
    assert sentences.on_pseudo_platforms(numbers, TESTS) == {
        "pseudo": f"{first}. {second}",
        "pseudo.answer": "for pins before and after a gap this cannot be answered with these data; "
        "for files of the two most frequent formats this cannot be answered with these data",
    }


@pytest.mark.parametrize(
    ("p", "found"),
    [
        (0.01, "says more of the pins on the second than shuffled profiles do"),
        (0.06, "is not shown to say more than shuffled profiles, which is the bad sign"),
    ],
)
@pytest.mark.parametrize(
    ("lead", "facts", "short"),
    [
        (ABOVE, "; with no pin it is ahead of the facts of the files (+0.100 (+0.050 to +0.200))",
         ", and more than facts of the files do"),
        (BELOW, "; with no pin it is behind the facts of the files (-0.100 (-0.200 to -0.050)), "
               "a bad sign", "; but facts of the files say more, a bad sign"),
        (OPEN, "; with no pin it is not shown to be ahead of the facts of the files "
               "(+0.000 (-0.100 to +0.100)), a bad sign",
         "; but it is not shown to say more than facts of the files, a bad sign"),
        (None, "", ""),
    ],
)  # fmt: skip
def test_what_is_found_on_boards_stands_beside_facts_of_files(p, found, lead, facts, short):
    numbers = {
        "transfer.gap.users": Estimate(17.0), "transfer.format.users": Estimate(1.0),
        "transfer.gap.image.p": Estimate(p), "transfer.gap.image.mrr.gain.0": ABOVE,
        "transfer.gap.image.mrr.saved": Estimate(10.0, 1.0, 10.0),
    }  # fmt: skip
    if lead is not None:
        numbers["transfer.gap.image-file-facts.mrr.0"] = lead
        numbers["transfer.gap.image-file-facts.mrr.0.p.holm"] = Estimate(0.01)
    told = sentences.on_pseudo_platforms(numbers, TESTS)
    assert told["pseudo.answer"].startswith(
        f"for pins before and after a gap the image profile of the first {found} (p = {p:.3f})"
        f"{short}; for files"
    )
    said = told["pseudo"]
    assert said.startswith(
        f"For pins before and after a gap (17 users), the image profile of the first {found} "
        f"(p = {p:.3f}; gain in MRR +0.100 (+0.050 to +0.200)), and is worth at least 10 (1.0 to "
        f"at least 10) pins{facts}. For files of the two most frequent formats this cannot"
    )


@pytest.mark.parametrize(("last", "said"), [(12.25, "12.2"), (20.0, "at least 20")])
def test_other_pairs_of_platforms_are_told_by_their_range(last, said):
    found = pd.DataFrame({"gain": [0.05, 0.1, -0.02], "saved": [1.0, 3.0, last]})
    assert sentences.other_platforms(found)["transfer.others"] == (
        "In 3 other pairs of platforms, with other users, the gain with no pin lies between -0.020 "
        f"and +0.100 (median +0.050), and pins saved between 1.0 and {said} (median 3.0)"
    )


@pytest.mark.parametrize(
    ("without", "left"),
    [
        (ABOVE, "still gains (+0.100 (+0.050 to +0.200))"),
        (BELOW, "loses (-0.100 (-0.200 to -0.050))"),
        (OPEN, "has no gain that the data resolve (+0.000 (-0.100 to +0.100))"),
    ],
)
def test_what_is_left_without_facts_of_files_is_told(without, left):
    numbers = {
        "transfer.gap.users": Estimate(17.0), "transfer.format.users": Estimate(1.0),
        "transfer.gap.image.p": Estimate(0.01), "transfer.gap.image.mrr.gain.0": ABOVE,
        "transfer.gap.image.mrr.saved": Estimate(10.0, 1.0, 10.0),
        "transfer.gap.image-file-facts.mrr.0": ABOVE,
        "transfer.gap.image-file-facts.mrr.0.p.holm": Estimate(0.01),
        "transfer.gap.whitened-less-file-facts.mrr.gain.0": without,
    }  # fmt: skip
    said = sentences.on_pseudo_platforms(numbers, TESTS)["pseudo"]
    assert f"; the whitened profile with these regressed out {left}. For files" in said


def test_few_users_are_ahead_of_file_facts_only_if_the_p_value_agrees():
    numbers = {
        "transfer.gap.users": Estimate(17.0), "transfer.format.users": Estimate(1.0),
        "transfer.gap.image.p": Estimate(0.01), "transfer.gap.image.mrr.gain.0": ABOVE,
        "transfer.gap.image.mrr.saved": Estimate(10.0, 1.0, 10.0),
        "transfer.gap.image-file-facts.mrr.0": dataclasses.replace(ABOVE, n=17, unit="users"),
        "transfer.gap.image-file-facts.mrr.0.p.holm": Estimate(0.06),
    }  # fmt: skip
    told = sentences.on_pseudo_platforms(numbers, TESTS)
    assert "it is not shown to say more than facts of the files" in told["pseudo.answer"]
    assert "is not shown to be ahead of the facts of the files" in told["pseudo"]
