"""The claims: what is asked, what the paper says, and the rule that decides (``claims.yaml``)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import yaml

from visprof.intervals import Estimate
from visprof.results.verdicts import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    UNANSWERABLE,
    at_least,
    is_few,
    is_significant,
    verdict_above,
    verdict_of_lead,
)

__all__ = ["CLAIMS", "Claim", "Condition", "Margin", "read_claims"]

CLAIMS = Path(__file__).with_name("claims.yaml")
WORST_FIRST = (UNANSWERABLE, DOES_NOT_HOLD, NOT_RESOLVED, HOLDS)
CONDITION = re.compile(
    r"(?P<number>\S+) (?:(?P<how>above|at most|reaches) (?P<bound>\S+)|(?P<alone>leads)"
    r"|significant)"
)
SHOWN = re.compile(r"\{(?P<number>[^}:]+)(?::(?P<how>[^}]*))?\}")
WORDS = {
    "above": "the 95 % interval of {} lies above {}",
    "at most": "{} is at most {}",
    "reaches": "{}, a lower bound, is at least {}",
    "leads": "the 95 % interval of {} lies above 0 (and with fewer than 50 users, its p-value, "
    "adjusted by Holm, is at most 0.05)",
    None: "{} is significant at 5 %",
}


class Margin(NamedTuple):
    """How far a number lies beyond a bound, on the side that is claimed, and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Condition:
    """One condition on one number, as ``claims.yaml`` writes it: ``map.hybrid-cnn above 0``.

    Attributes
    ----------
    number : str
        Key of the number.
    how : {"above", "at most", "reaches", "leads", None}
        What is asked of it; None: whether it is a significant p-value.
    bound : str
        A number, or the key of one; empty for leads and p-values.
    """

    number: str
    how: str | None = None
    bound: str = ""

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Raises
        ------
        ValueError
            If it is none.
        """
        found = CONDITION.fullmatch(text)
        if not found:
            raise ValueError(
                f"{text!r} is no condition; write NUMBER above BOUND, NUMBER at most BOUND, "
                "NUMBER reaches BOUND, NUMBER leads, or NUMBER significant"
            )
        return cls(found["number"], found["how"] or found["alone"], found["bound"] or "")

    def __str__(self) -> str:
        """The condition in words."""
        return WORDS[self.how].format(self.number, self.bound)

    def missing(self, numbers: Mapping[str, Estimate]) -> list[str]:
        """Keys that it needs and that are not among the numbers."""
        needed = [self.number, *([self.bound] if self._bound_is_key else [])]
        if self.how == "leads" and (self.number not in numbers or is_few(numbers[self.number])):
            needed.append(self._adjusted)
        return [key for key in needed if key not in numbers]

    @property
    def uses(self) -> set[str]:
        """Keys that a verdict looks at, where they are among the numbers."""
        return {self.number, self.bound, self._adjusted}

    @property
    def _adjusted(self) -> str:
        return f"{self.number}.p.holm"

    @property
    def _bound_is_key(self) -> bool:
        return bool(self.bound) and re.fullmatch(r"-?[\d.]+", self.bound) is None

    def margin(self, numbers: Mapping[str, Estimate]) -> Margin | None:
        """How far its number lies on the claimed side of its bound; None of a p-value."""
        if self.how is None:
            return None
        number, bound = numbers[self.number], 0.0
        if self.how != "leads":
            bound = numbers[self.bound].value if self._bound_is_key else float(self.bound)
        ends = [number.low, number.value, number.high]
        ends = [number.value if end is None else end for end in ends]
        if self.how in ("at most", "reaches"):  # its value alone decides
            ends = [number.value] * 3
        apart = [bound - end if self.how == "at most" else end - bound for end in ends]
        return Margin(apart[1], apart[0], apart[2])

    def verdict(self, numbers: Mapping[str, Estimate]) -> str:
        """Decide it; one of the four words of `visprof.results.verdicts`."""
        if self.missing(numbers):
            return UNANSWERABLE
        number = numbers[self.number]
        if self.how is None:
            return HOLDS if is_significant(number.value) else NOT_RESOLVED
        if self.how == "leads":
            p_value = numbers[self._adjusted].value if is_few(number) else 1.0
            return UNANSWERABLE if number.low is None else verdict_of_lead(number, p_value)
        bound = numbers[self.bound].value if self._bound_is_key else float(self.bound)
        if self.how == "above":
            return UNANSWERABLE if number.low is None else verdict_above(number, bound)
        if self.how == "at most":
            return HOLDS if at_least(bound, number.value) else DOES_NOT_HOLD
        return HOLDS if at_least(number.value, bound) else NOT_RESOLVED


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, or beside it.

    Attributes
    ----------
    name : str
        Short, of letters, digits and hyphens.
    claim, question, paper : str
        In a line; as a question; what the paper says.
    shows : str
        What was found, with numbers by their keys: ``{map.hybrid}`` with its interval,
        ``{map.hybrid:value}`` alone; in percent ``{pairs.differ:%}`` and ``{a.share:share}``.
    rule : tuple of Condition
        All must hold for the claim to hold.
    against : str
        What would speak against it where it holds.
    dated : date
        Of the rule.
    answerable : tuple of Condition
        All must hold for the data to be able to answer.
    short : str
        The claim in a few words, for a picture.
    chapter : str
        Page of the book with the evidence, such as "03-metric".
    """

    name: str
    claim: str
    question: str
    paper: str
    shows: str
    rule: tuple[Condition, ...]
    against: str
    dated: date
    answerable: tuple[Condition, ...] = ()
    short: str = ""
    chapter: str = ""

    def verdict(self, numbers: Mapping[str, Estimate]) -> str:
        """The worst verdict of its conditions.

        Parameters
        ----------
        numbers : mapping of str to Estimate
            Of a ledger.

        Returns
        -------
        {"holds", "does not hold", "not resolved", "cannot be answered with these data"}
        """
        if any(condition.verdict(numbers) != HOLDS for condition in self.answerable):
            return UNANSWERABLE
        return min((condition.verdict(numbers) for condition in self.rule), key=WORST_FIRST.index)

    def verdicts_by_seed(self, numbers: Mapping[str, Estimate]) -> list[str]:
        """Verdict of each seed alone; none if no number of the rule is kept by seed.

        A number that is the same in all seeds (it is kept once) counts in each.
        """
        ruled = {c.number for c in self.rule} & numbers.keys()
        n_seeds = max((len(numbers[key].by_seed) for key in ruled), default=0)
        used = {key for c in (*self.rule, *self.answerable) for key in c.uses} & numbers.keys()
        return [
            self.verdict({key: numbers[key].of_seed(seed) for key in used})
            for seed in range(n_seeds)
        ]

    def margin(self, numbers: Mapping[str, Estimate]) -> Margin | None:
        """How far what decides lies from what it must exceed: the condition of the worst verdict.

        Returns
        -------
        Margin or None
            None if the claim cannot be answered. A p-value has no margin: where one decides, it is
            that of the first condition that has one.
        """
        if self.verdict(numbers) == UNANSWERABLE:
            return None
        ordered = sorted(self.rule, key=lambda one: WORST_FIRST.index(one.verdict(numbers)))
        margins = [condition.margin(numbers) for condition in (*ordered[:1], *self.rule)]
        return next(filter(None, margins), None)

    def found(self, numbers: Mapping[str, Estimate]) -> str:
        """What was found, in words; what is missing, where it cannot be answered for that."""
        shown = SHOWN.findall(self.shows)
        missing = [key for key, _ in shown if key not in numbers]
        missing += [key for c in (*self.rule, *self.answerable) for key in c.missing(numbers)]
        if missing:
            return f"no {', '.join(dict.fromkeys(missing))}"
        return SHOWN.sub(lambda at: _shown(numbers[at["number"]], at["how"]), self.shows)

    @property
    def rule_in_words(self) -> str:
        """When it holds, and when it can be answered."""
        words = " and ".join(map(str, self.rule))
        if self.answerable:
            words += f"; can be answered where {' and '.join(map(str, self.answerable))}"
        return words


def _shown(number: Estimate, how: str) -> str:
    if how == "value":
        return f"{number.value:.3f}"
    if how == "share":
        return f"{number.value:.0%}"
    if how == "%":
        return f"{number:.1%}"
    return f"{number:.3f}"


def read_claims(
    path: str | Path = CLAIMS,
    n_train: int | str = "$n_train",
    threshold: float | str = "$threshold",
) -> list[Claim]:
    """Read the claims.

    Parameters
    ----------
    path : path
        The file.
    n_train : int, optional
        Most training pins, for ``$n_train``.
    threshold : float, optional
        Cut-off of Z, for ``$threshold``.

    Returns
    -------
    list of Claim

    Raises
    ------
    ValueError
        If a claim lacks something, has something unknown, or a rule that is none; the message says
        which claim.

    Examples
    --------
    >>> from visprof.intervals import Estimate
    >>> claim = read_claims()[0]
    >>> claim.rule[0].number, str(claim.rule[0])
    ('map.hybrid-cnn', 'the 95 % interval of map.hybrid-cnn lies above 0')
    >>> lead = Estimate(0.002, -0.001, 0.005)
    >>> claim.verdict({"map.hybrid-cnn": lead, "map.hybrid-cnn.area": lead})
    'not resolved'
    """
    shown = threshold if isinstance(threshold, str) else f"{threshold:g}"
    text = Template(Path(path).read_text("utf-8")).safe_substitute(n_train=n_train, threshold=shown)
    return [_claim(entry, number, path) for number, entry in enumerate(yaml.safe_load(text), 1)]


def _claim(entry: Mapping[str, Any], number: int, path: str | Path) -> Claim:
    name = entry.get("name", f"number {number}")
    fields = dataclasses.fields(Claim)
    needed = {field.name for field in fields if field.default is dataclasses.MISSING}
    lacking, unknown = needed - entry.keys(), entry.keys() - {field.name for field in fields}
    if lacking or unknown:
        told = [f"lacks {', '.join(sorted(lacking))}"] * bool(lacking)
        told += [f"has an unknown {', '.join(sorted(unknown))}"] * bool(unknown)
        raise ValueError(f"{path}: claim {name} {' and '.join(told)}")
    try:
        rules = {
            of: tuple(Condition.parse(condition) for condition in entry.get(of, ()))
            for of in ("rule", "answerable")
        }
    except ValueError as error:
        raise ValueError(f"{path}: claim {name}: {error}") from None
    if not rules["rule"]:
        raise ValueError(f"{path}: claim {name} has an empty rule")
    if not isinstance(entry["dated"], date):
        raise ValueError(f"{path}: claim {name} is dated {entry['dated']!r}; write 2026-11-26")
    texts = {of: entry[of] for of in ("name", "claim", "question", "paper", "shows", "against")}
    texts |= {of: entry[of] for of in ("short", "chapter") if of in entry}
    return Claim(**texts, **rules, dated=entry["dated"])
