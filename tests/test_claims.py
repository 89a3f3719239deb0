"""Claims as data: conditions, verdicts in four words, and the file that holds them."""

from __future__ import annotations

import datetime
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from visprof.intervals import Estimate
from visprof.results import claims as module
from visprof.results.claims import CLAIMS, Claim, Condition, read_claims
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, UNANSWERABLE

WORDS = (HOLDS, DOES_NOT_HOLD, NOT_RESOLVED, UNANSWERABLE)


def test_there_are_four_words_and_one_is_the_worst():
    assert WORDS == (
        "holds", "does not hold", "not resolved", "cannot be answered with these data",
    )  # fmt: skip
    assert sorted(module.WORST_FIRST) == sorted(WORDS)


@pytest.mark.parametrize(
    ("condition", "number", "verdict"),
    [
        ("a above 0", Estimate(0.2, 0.1, 0.3), HOLDS),
        ("a above 0", Estimate(0.2, -0.1, 0.3), NOT_RESOLVED),
        ("a above 0", Estimate(0.2, 0.0, 0.3), NOT_RESOLVED),
        ("a above 0.5", Estimate(0.2, 0.1, 0.3), DOES_NOT_HOLD),
        ("a above -0.5", Estimate(-0.2, -0.3, -0.1), HOLDS),
        ("a above b", Estimate(0.2, 0.1, 0.3), HOLDS),  # b is 0.05
        ("a above c", Estimate(0.2, 0.1, 0.3), UNANSWERABLE),  # there is no c
        ("a above 0", Estimate(0.2), UNANSWERABLE),  # no interval
        ("a at most 0.2", Estimate(0.2), HOLDS),
        ("a at most 0.1", Estimate(0.2), DOES_NOT_HOLD),
        ("a at most 0.2", Estimate(0.2 + 1e-15), HOLDS),  # rounding decides nothing
        ("a at most 0.2", Estimate(float("nan")), DOES_NOT_HOLD),
        ("a reaches 0.2", Estimate(0.2), HOLDS),
        ("a reaches 0.3", Estimate(0.2), NOT_RESOLVED),
        ("l leads", Estimate(0.2, 0.1, 0.3, 49), HOLDS),  # its adjusted p is 0.04
        ("l leads", Estimate(-0.2, -0.3, -0.1, 49), DOES_NOT_HOLD),
        ("m leads", Estimate(0.2, 0.1, 0.3, 49), NOT_RESOLVED),  # 0.06
        ("m leads", Estimate(-0.2, -0.3, -0.1, 49), NOT_RESOLVED),
        ("m leads", Estimate(0.2, 0.1, 0.3, 50), HOLDS),
        ("a leads", Estimate(0.2, 0.1, 0.3, 49), UNANSWERABLE),  # there is none
        ("a leads", Estimate(0.2, 0.1, 0.3, 50), HOLDS),
        ("l leads", Estimate(0.2), UNANSWERABLE),
        ("a significant", Estimate(0.05), HOLDS),
        ("a significant", Estimate(0.06), NOT_RESOLVED),
        ("a significant", Estimate(float("nan")), NOT_RESOLVED),
        ("d significant", Estimate(0.01), UNANSWERABLE),
    ],
)
def test_a_condition_is_decided_by_its_number(condition, number, verdict):
    others = {"b": 0.05, "l.p.holm": 0.04, "m.p.holm": 0.06}
    numbers = {key: Estimate(value) for key, value in others.items()}
    numbers |= dict.fromkeys("alm", number)
    assert Condition.parse(condition).verdict(numbers) == verdict


@pytest.mark.parametrize("text", ["a", "a above", "a over 0", "a above 0 or b", "", "a is so"])
def test_what_is_no_condition_is_told_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"is no condition; write NUMBER above BOUND"):
        Condition.parse(text)


def claim(*rule, answerable=(), shows="{a}"):
    parse = [tuple(map(Condition.parse, of)) for of in (rule, answerable)]
    return Claim("n", "c", "q?", "p", shows, parse[0], "", datetime.date(2026, 1, 1), parse[1])


POSSIBLE = {
    HOLDS: Estimate(0.2, 0.1, 0.3), NOT_RESOLVED: Estimate(0.0, -0.1, 0.1),
    DOES_NOT_HOLD: Estimate(-0.2, -0.3, -0.1),
}  # fmt: skip


@given(st.lists(st.sampled_from([*POSSIBLE, UNANSWERABLE]), min_size=1, max_size=4))
def test_a_claim_has_the_worst_verdict_of_its_conditions(of_conditions):
    numbers = {f"n{i}": POSSIBLE[of] for i, of in enumerate(of_conditions) if of in POSSIBLE}
    found = claim(*(f"n{i} above 0" for i in range(len(of_conditions)))).verdict(numbers)
    for word in (UNANSWERABLE, DOES_NOT_HOLD, NOT_RESOLVED, HOLDS):
        if word in of_conditions:
            assert found == word
            break


def test_data_that_could_not_have_answered_do_not_answer():
    of = claim("a above 0", answerable=["ceiling reaches 0.5"])
    found = {"a": POSSIBLE[HOLDS], "ceiling": Estimate(0.4)}
    assert of.verdict(found) == UNANSWERABLE
    assert of.verdict(found | {"ceiling": Estimate(0.6)}) == HOLDS
    del found["ceiling"]
    assert of.verdict(found) == UNANSWERABLE
    assert of.found(found) == "no ceiling"
    assert of.rule_in_words == (
        "the 95 % interval of a lies above 0; can be answered where ceiling, a lower bound, "
        "is at least 0.5"
    )


def test_what_was_found_is_shown_as_the_claim_says():
    numbers = {"a.b-c": Estimate(0.12345, 0.1, 0.2), "share": Estimate(0.5, 0.4, 0.6)}
    of = claim("a.b-c above 0", shows="{a.b-c:value} of {a.b-c}, {share:%}")
    assert of.found(numbers) == "0.123 of 0.123 (0.100 to 0.200), 50.0% (40.0% to 60.0%)"


def test_each_seed_decides_with_what_is_the_same_in_all():
    number = Estimate(0.2, 0.1, 0.3, by_seed=((0.2, 0.1, 0.3), (0.1, -0.1, 0.2)))
    of = claim("a above b")
    assert of.verdicts_by_seed({"a": number, "b": Estimate(0.0)}) == [HOLDS, NOT_RESOLVED]
    assert of.verdicts_by_seed({"a": POSSIBLE[HOLDS], "b": Estimate(0.0)}) == []


# --- the file


def test_the_claims_of_the_book_are_whole_and_named_once():
    claims = read_claims()
    names = [of.name for of in claims]
    assert len(set(names)) == len(names) > 8
    for of in claims:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", of.name)
        assert of.question.endswith("?")
        assert of.dated <= datetime.date.today()


def test_sizes_and_cut_off_are_put_in():
    text = " ".join(of.rule_in_words + of.shows for of in read_claims(n_train=30, threshold=2.5))
    assert "mrr.image.30" in text
    assert "$" not in text
    claims = {of.name: of.claim for of in read_claims(threshold=2.5)}
    assert "Z > 2.5" in claims["users-differ-by-z"]


@pytest.mark.parametrize("of", read_claims(n_train=50, threshold=2.0), ids=lambda of: of.name)
def test_every_claim_of_the_book_can_have_each_of_the_four_words(of):
    """On ledgers made for it: a number that is missing, and numbers on either side and between."""
    conditions = [*of.rule, *of.answerable]
    keys = {key for condition in conditions for key in condition.missing({})}
    reachable = set()
    for value in (-9.0, 0.0, 9.0):
        number = Estimate(value, value - 1, value + 1, n=99)
        reachable.add(of.verdict(dict.fromkeys(keys, number) | _bounds(of, number)))
    reachable.add(of.verdict({}))
    decided = {condition.how for condition in of.rule}
    assert {HOLDS, UNANSWERABLE} <= reachable
    if decided & {"above", "at most", "leads"}:
        assert DOES_NOT_HOLD in reachable
    if decided & {"above", "reaches", "leads", None}:
        assert NOT_RESOLVED in reachable


def _bounds(of, number):
    """What the claim's conditions compare with, at 0; small numbers where small is asked."""
    conditions = [*of.rule, *of.answerable]
    bounds = {c.bound: Estimate(0.0) for c in conditions if c.bound in c.missing({})}
    small = {c.number: Estimate(-number.value) for c in of.rule if c.how in ("at most", None)}
    small |= {c.number: Estimate(-9.0) for c in of.answerable if c.how == "at most"}
    large = {c.number: Estimate(9.0, 8.0, 10.0) for c in of.answerable if c.how != "at most"}
    return bounds | small | large


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": None}, "claim x lacks rule"),
        ({"rules": []}, "claim x has an unknown rules"),
        ({"rule": []}, "claim x has an empty rule"),
        ({"rule": ["a over b"]}, "claim x: 'a over b' is no condition"),
        ({"dated": "today"}, "claim x is dated 'today'; write 2026-11-26"),
    ],
)
def test_a_claim_that_is_not_whole_is_named(tmp_path, change, message):
    whole = {
        "name": "x", "claim": "c", "question": "q?", "paper": "p", "shows": "{a}",
        "rule": ["a above 0"], "against": "", "dated": datetime.date(2026, 1, 1),
    } | change  # fmt: skip
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump([{k: v for k, v in whole.items() if v is not None}]))
    with pytest.raises(ValueError, match=re.escape(message)):
        read_claims(file)


def test_the_file_comes_with_the_package():
    assert CLAIMS.is_file()


@pytest.mark.parametrize(
    ("condition", "number", "margin"),
    [
        ("a above 0.1", Estimate(0.2, 0.15, 0.3), (0.1, 0.05, 0.2)),
        ("a above b", Estimate(0.2, 0.0, 0.3), (0.15, -0.05, 0.25)),  # b is 0.05
        ("a leads", Estimate(-0.2, -0.3, 0.1, n=60), (-0.2, -0.3, 0.1)),
        ("a at most 0.1", Estimate(0.2, 0.15, 0.3), (-0.1, -0.1, -0.1)),  # its value decides
        ("a reaches 0.5", Estimate(0.6), (0.1, 0.1, 0.1)),
        ("a significant", Estimate(0.01), None),
    ],
)
def test_a_margin_is_how_far_a_number_lies_on_the_claimed_side(condition, number, margin):
    found = Condition.parse(condition).margin({"a": number, "b": Estimate(0.05)})
    assert found is margin if margin is None else found == pytest.approx(margin)


def test_the_margin_of_a_claim_is_that_of_the_condition_that_decides():
    entry = yaml.safe_load(CLAIMS.read_text("utf-8"))[0] | {
        "rule": ["a above 0", "b above 0", "p significant"], "shows": "",
    }  # fmt: skip
    claim = module._claim(entry, 1, "here")
    numbers = {"a": Estimate(2, 1, 3), "b": Estimate(0.5, -1, 2), "p": Estimate(0.01)}
    assert claim.margin(numbers) == (0.5, -1, 2)
    numbers["b"] = Estimate(5, 4, 6)
    assert claim.margin(numbers) == (2, 1, 3)
    numbers["p"] = Estimate(0.5)  # a p-value decides: the first that can be drawn is
    assert claim.margin(numbers) == (2, 1, 3)
    del numbers["p"]
    assert claim.margin(numbers) is None


def test_each_claim_has_a_few_words_and_the_page_of_its_evidence():
    pages = {path.stem for path in (CLAIMS.parents[2] / "book").glob("*.md")}
    for claim in read_claims():
        assert 0 < len(claim.short) <= 36
        assert claim.chapter in pages
