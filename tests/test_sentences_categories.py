"""Sentences of taste across categories, each branch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.pin_categories import PinCategories

CENSUS = pd.DataFrame(
    {"user": list("aabbc"), "category": ["sea", "town", "sea", "town", "sea"],
     "counts": [True, True, True, True, False]}
)  # fmt: skip
KNOWN = pd.DataFrame(
    {"carry_over": [0.0, 0.5, 0.5, 0.5], "n_users": [15, 15, 30, 60],
     "above_zero": [1.0, 0.5, 0.8, 1.0]}
)  # fmt: skip
ENOUGH = (
    "in the simulated worlds 30 users are enough to show a carry-over of a half (an interval above "
    "0 in at least 80% of the worlds)"
)
SHARES = {
    "carry.general.embedding": Estimate(0.02, 0.01, 0.03),
    "carry.category.embedding": Estimate(0.03, 0.01, 0.05),
    "carry.taste.embedding.p": Estimate(0.01),
    "carry.general.embedding.p": Estimate(0.02),
}
TOLD = (
    "General taste is 2.0% (1.0% to 3.0%) of the variance of a category's pins, and taste within "
    "the category 3.0% (1.0% to 5.0%)"
)


@pytest.mark.parametrize(
    ("rho", "p", "said"),
    [
        ((0.4, 0.1, 0.7), 0.02, "Part of a taste carries over, and part does not"),
        ((0.8, 0.1, 1.2), 0.02, "Taste carries over; that all of it does is not excluded"),
        (
            (0.4, -0.1, 0.7), 0.02,
            "That any taste carries over is not shown, and not all of it does",
        ),
        (
            (0.4, 0.1, 0.7), 0.06,
            "That any taste carries over is not shown, and not all of it does",
        ),
        (
            (0.4, -0.1, 1.1), 0.02,
            f"These data cannot tell no carry-over from a complete one; {ENOUGH}",
        ),
    ],
)  # fmt: skip
def test_what_carries_over_is_told_by_its_interval_and_test(rho, p, said):
    numbers = SHARES | {
        "carry.rho.embedding": Estimate(*rho), "carry.general.embedding.p": Estimate(p)
    }  # fmt: skip
    found = sentences.carried_over(numbers, CENSUS, KNOWN)
    assert (found["carry.users"], found["carry.categories"]) == (2, 2)
    number = Estimate(*rho)
    assert found["carry"] == (
        f"{TOLD} (p of no taste: 0.010). So the carry-over is {number:.2f} (p of no general taste: "
        f"{p:.3f}). {said}"
    )
    short = said.split("; in the")[0]
    assert found["carry.answer"] == f"{short} (carry-over {number:.2f} of 2 users)"


def test_that_a_part_does_not_carry_over_takes_taste_within_categories_too():
    """Of few users the carry-over may be below 1, and that taste not above 0."""
    numbers = SHARES | {
        "carry.rho.embedding": Estimate(0.77, 0.56, 0.98),
        "carry.category.embedding": Estimate(0.018, -0.001, 0.036),
    }
    assert sentences.carried_over(numbers, CENSUS, KNOWN)["carry"].endswith(
        "Taste carries over; that all of it does is not excluded"
    )


OPEN_ANSWER = "Whether taste carries over cannot be answered with these data"


def test_too_few_users_cannot_answer():
    assert sentences.carried_over({}, CENSUS, KNOWN)["carry.answer"] == OPEN_ANSWER
    assert sentences.carried_over({}, CENSUS, KNOWN)["carry"] == (
        "Here 2 users have two categories with pins enough, and at least 3 would have to have "
        f"the same two: the question cannot be answered with these data; {ENOUGH}"
    )


def test_without_taste_there_is_nothing_to_carry_over():
    numbers = SHARES | {"carry.taste.embedding.p": Estimate(0.3)}
    assert sentences.carried_over(numbers, CENSUS, KNOWN)["carry.answer"] == OPEN_ANSWER
    assert sentences.carried_over(numbers, CENSUS, KNOWN)["carry"] == (
        "Within categories users cannot be shown to differ (p = 0.300), so there is no taste of "
        "which a share could carry over: the question cannot be answered with these data; "
        f"{ENOUGH}"
    )


def test_a_share_that_is_not_defined_is_told():
    assert sentences.carried_over(SHARES, CENSUS, KNOWN)["carry.answer"] == OPEN_ANSWER
    assert sentences.carried_over(SHARES, CENSUS, KNOWN)["carry"] == (
        f"{TOLD}; whether their sum is above 0 depends on single users, so that no share of it is "
        f"defined, and the question cannot be answered with these data; {ENOUGH}"
    )


def test_more_users_than_were_simulated_may_be_needed():
    few = KNOWN.assign(above_zero=0.1)
    assert sentences.carried_over({}, CENSUS, few)["carry"].endswith(
        "in the simulated worlds not even 60 users are enough to show a carry-over of a half in "
        "80% of the worlds"
    )


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (None, ""),
        ((0.9, 0.7, 1.1), "0.90 (0.70 to 1.10), more than the truth"),
        ((0.4, 0.3, 0.6), "0.40 (0.30 to 0.60), an interval that holds the truth"),
        (
            (0.2, 0.1, 0.3),
            "0.20 (0.10 to 0.30), less than the truth: a style that the network shows in its own "
            "way in each kind of scene looks like a taste of the category",
        ),
    ],
)  # fmt: skip
def test_the_truth_of_simulated_users_stands_beside_the_estimate(rho, said):
    numbers = {} if rho is None else {"carry.rho.within-classes": Estimate(*rho)}
    said = f". Within classes the estimate is {said}" if said else ""
    assert sentences.true_carry_over(numbers, "", 0.5)["carry.truth"] == (
        "Here the users are simulated: of a taste over styles the share 0.5 carries over, and of a "
        f"taste over classes none, since no class is in two categories{said}"
    )


def test_of_real_users_the_truth_is_not_known():
    said = sentences.true_carry_over({}, "folder", 1.0)["carry.truth"]
    assert said.startswith("Of real users the truth is not known")


UNRESOLVED = "Whether another category tells less of a user than the same one is not resolved"
ABOVE, BELOW, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (Estimate(0.4, 0.3, 0.5, 20), "finds them better than chance"),
        (Estimate(0.1, 0.05, 0.15, 20), "finds them worse than chance"),
        (Estimate(0.3, 0.1, 0.5, 20), "cannot be shown to find them better than chance"),
    ],
)
@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (ABOVE, "Another category tells less of a user than the same one"),
        (BELOW, "Another category tells more of a user than the same one"),
        (OPEN, UNRESOLVED), (dataclasses.replace(ABOVE, n=20), UNRESOLVED),
    ],
)  # fmt: skip
def test_ranks_are_told_beside_chance_and_the_same_category(other, found, lost, told):
    numbers = {
        "carry.mrr.other.embedding": other, "carry.mrr.same.embedding": Estimate(0.5, 0.4, 0.6),
        "carry.mrr.same-other.embedding": lost, "carry.mrr.random": Estimate(0.2),
        "carry.candidates": Estimate(15.2),
    }  # fmt: skip
    assert sentences.category_ranks(numbers) == {
        "carry.mrr": "Of 20 users, each sought among 15 on average, what they collect in another "
        f"category {found} (MRR {other:.3f}; random 0.200). {told}: with as many pins of the same "
        f"category the MRR is 0.500 (0.400 to 0.600), a difference of {lost:+.3f}"
    }


def test_without_users_nobody_is_ranked():
    assert sentences.category_ranks({}) == {
        "carry.mrr": "Too few users have two categories to be ranked among each other"
    }


@pytest.mark.parametrize(
    ("lead", "p", "against"),
    [
        (ABOVE, 0.01, "finds users across categories better than file facts do"),
        (
            BELOW, 0.01,
            "finds users across categories worse than file facts, which is the bad sign",
        ),
        (
            OPEN, 0.5,
            "cannot be shown to find users across categories better than file facts, which is the "
            "bad sign",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("left", "p_left", "rest"),
    [
        (ABOVE, 0.01, "is still there"),
        (ABOVE, 0.2, "cannot be shown any more, which is the bad sign"),
        (OPEN, 0.01, "cannot be shown any more, which is the bad sign"),
    ],
)
def test_file_facts_may_be_what_carries_over(lead, p, against, left, p_left, rest):
    numbers = {
        "carry.mrr.other.embedding-file-facts": lead,
        "carry.mrr.other.embedding-file-facts.p.holm": Estimate(p),
        "carry.general.embedding-less-file-facts": left,
        "carry.general.embedding-less-file-facts.p": Estimate(p_left),
    }
    explained = "better" in against and "bad" not in against + rest
    assert sentences.source_or_taste(numbers) == {
        "carry.source": f"The embedding {against} (MRR, difference {lead:+.3f}, p = {p:.3f}). With "
        f"file facts regressed out, general taste {rest}: {left:.1%} of the variance "
        f"(p = {p_left:.3f})",
        "carry.source.answer": "Sources of pictures, as far as file facts show them, do not "
        "explain why users are found across categories"
        if explained
        else "The bad sign is there: it may be sources of pictures, not tastes, that carry over",
    }


def test_where_all_files_are_alike_no_source_is_compared():
    found = sentences.source_or_taste({})
    assert found["carry.source.answer"] == "No facts of files could be compared"
    assert found["carry.source"].startswith(
        "Here no facts of files can be compared: all files are of one size and"
    )


def test_known_worlds_are_told_in_numbers():
    known = KNOWN.assign(
        worlds=200, mean=[0.01, 0.4, 0.45, 0.53], coverage=[0.95, 0.9311, 0.96, 0.94]
    )
    worlds = pd.DataFrame(
        {"carry_over": [0.5, 0.5, np.nan, np.nan], "taste": [0.04, 0.06, 0.0, 0.0],
         "rho": [0.5, 0.4, np.nan, 0.2]}
    )  # fmt: skip
    assert sentences.known_carry_over(known, worlds) == {
        "known.worlds": 200, "known.most": 60, "known.off": "0.030",
        "known.least": 15, "known.least.off": "0.100",
        "known.coverage": "93.1% to 96.0%", "known.taste": "5.0%", "known.needed": ENOUGH,
        "known.undefined": "50%",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "data", "said"),
    [
        ("scenes", "", "the group of its class of scenes, of the true class"),
        ("scenes", "mine", "the group of its class of scenes, of the class that a linear probe of "
                           "the CNN's features finds likeliest"),
        ("folders", "mine", "the sub-folder that it lies in, within the board's"),
        ("words", "", "the first word, in its caption, of those that part the captions of most "
                      "boards"),
    ],
)  # fmt: skip
def test_what_a_category_is_is_told(rule, data, said):
    categories = PinCategories(np.zeros(0, int), ("sea", "town", "(none)"), rule)
    found = sentences.category_rule(categories, data)
    assert found == {"categories": f"A pin's category is {said}: sea, town and (none)."}
