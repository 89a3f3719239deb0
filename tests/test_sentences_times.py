"""Sentences of when pins were added, each branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate

ABOVE, BELOW, OPEN = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05), Estimate(0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("growth", "grows"),
    [
        (ABOVE, "finds users better by all 50 training pins than by 10 random ones of them"),
        (BELOW, "finds users worse by all 50 training pins than by 10 random ones"),
        (OPEN, "cannot be shown to gain by all 50 training pins over 10 random ones"),
    ],
)
@pytest.mark.parametrize(
    ("late", "is_late"),
    [
        (ABOVE, "better by the last 10 than by the first"),
        (BELOW, "worse by the last 10 than by the first"),
        (OPEN, "not told apart by the last 10 and by the first"),
    ],
)
def test_growth_and_recency_are_told_of_both_profiles(growth, grows, late, is_late):
    numbers = {}
    for name in ("image", "mean-embedding"):
        numbers |= {f"recency.growth.{name}": growth, f"recency.last-first.{name}.10": late}
    rest = f"{grows} ({growth:+.3f}), and users are {is_late} ({late:+.3f})."
    assert sentences.growth_or_recency(numbers, (10, 30, 50)) == {
        "recency": f"The image profile {rest} The mean embedding {rest}"
    }


def test_boards_of_many_days_are_told_beside_the_others():
    rows = [
        ("at least 8", 12, "image", Estimate(0.5, 0.4, 0.6)),
        ("at least 8", 12, "text", Estimate(0.9)),
        ("fewer", 1234, "image", Estimate(0.25)),
    ]
    found = pd.DataFrame(rows, columns=["days", "n_users", "profile", "estimate"])
    random = Estimate(0.125)
    assert sentences.many_days(found, random)["days"] == (
        "The image profile of 12 boards with at least 8 days has 0.500 (0.400 to 0.600), and of "
        "1,234 boards with fewer days 0.250 (random: 0.125)."
    )
    assert sentences.many_days(found[:2], random)["days"] == (
        "The image profile of 12 boards with at least 8 days has 0.500 (0.400 to 0.600) (random: "
        "0.125); there are no others."
    )
    assert sentences.many_days(found[:0], random) == {"days": "Here no board has pins of 8 days."}


@pytest.mark.parametrize(
    ("p", "found"), [(0.05, "more than chance"), (0.06, "not told from chance")]
)
def test_held_out_sessions_are_set_beside_dealt_ones(p, found):
    numbers = {
        "sessions.image": Estimate(0.5, 0.4, 0.6, 19), "sessions.image.dealt": Estimate(0.2),
        "sessions.image.p": Estimate(p),
    }  # fmt: skip
    assert sentences.held_sessions(numbers)["sessions"] == (
        "Of 19 users with at least 3 sessions the image profile has 0.500 (0.400 to 0.600); where "
        f"sessions are dealt among users, 0.200 (p = {p:.2f}, {found})."
    )


def test_without_sessions_that_is_said():
    assert sentences.held_sessions({}) == {
        "sessions": "Here fewer than two users have 3 sessions, or times tell none."
    }


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (ABOVE, "costs +0.100 (+0.050 to +0.200)"),
        (BELOW, "helps (-0.100 (-0.200 to -0.050))"),
        (OPEN, "makes no difference that the data resolve (+0.000 (-0.100 to +0.100))"),
    ],
)
def test_what_sessions_and_drift_cost_is_told(cost, said):
    numbers = {
        "halves.random": Estimate(0.25, n=1200), "halves.pins-sessions.image": cost,
        "halves.sessions-time.image": cost,
    }  # fmt: skip
    assert sentences.board_halves(numbers) == {
        "halves.fewest": 8,
        "halves": "These are 1,200 users (random: 0.250). For the image profile, that sessions "
        f"stay whole {said}; that the halves are early and late ones {said}.",
    }


def test_without_halves_it_is_said():
    assert sentences.board_halves({}) == {
        "halves.fewest": 8, "halves": "Here fewer than two users have 8 sessions."
    }  # fmt: skip


def test_preference_is_told_against_each_kind_of_others_pictures():
    numbers = {
        "preference.any.image": Estimate(0.6, 0.55, 0.7),
        "preference.month.image": Estimate(0.5, 0.4, 0.6),
        "preference.facts.image": Estimate(0.4, 0.3, 0.45),
    }
    assert sentences.preference(numbers) == {
        "preference": "The image profile prefers its user's picture: 0.600 (0.550 to 0.700) "
        "against held-out pictures of all others (more often than not), 0.500 (0.400 to 0.600) "
        "against those of the same month (not resolved), 0.400 (0.300 to 0.450) against those "
        "whose files' facts are the same (less often than not)."
    }
