"""The scorecard: each claim of the paper beside what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.claims import read_claims
from visprof.results.ledger import Ledger, estimates
from visprof.results.verdicts import UNANSWERABLE

__all__ = [
    "KINDS", "answered_by_all", "findings_in_markdown", "ledger_scorecard", "own_name",
    "scorecard", "scorecards", "side_by_side", "verdict_with_seeds",
]  # fmt: skip

KINDS = {  # of data, by preset
    "demo": "simulated world", "boards": "wallpaper boards", "travel": "travel photographs",
}  # fmt: skip


def scorecard(numbers: Mapping[str, Estimate], n_train: int, threshold: float) -> pd.DataFrame:
    """Set the paper's claims beside what was found.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        As ``Study.headline`` gives them.
    n_train : int
        Training pins at which profiles are compared.
    threshold : float
        Cut-off of Z behind ``pairs.differ``.

    Returns
    -------
    DataFrame
        Columns name, claim, short, chapter, paper, ours, verdict, seeds (in how many of them the
        verdict would be the same if there were no other; empty where there is one), question, rule,
        against, and margin (`visprof.results.claims.Margin`, or None); one row a claim of
        ``claims.yaml``.
    """
    rows = []
    for claim in read_claims(n_train=n_train, threshold=threshold):
        verdict, by_seed = claim.verdict(numbers), claim.verdicts_by_seed(numbers)
        several = len(by_seed) > 1 and verdict != UNANSWERABLE
        rows.append({
            "name": claim.name, "claim": claim.claim, "short": claim.short or claim.claim,
            "chapter": claim.chapter, "paper": claim.paper, "margin": claim.margin(numbers),
            "ours": claim.found(numbers), "verdict": verdict,
            "seeds": f"{by_seed.count(verdict)} of {len(by_seed)}" if several else "",
            "question": claim.question, "rule": claim.rule_in_words, "against": claim.against,
        })  # fmt: skip
    return pd.DataFrame(rows)


def ledger_scorecard(ledger: Ledger) -> pd.DataFrame:
    """Scorecard of kept numbers, at the training pins and the cut-off that they were made with.

    Parameters
    ----------
    ledger : Ledger
        All headline numbers of one study.

    Returns
    -------
    DataFrame
        As `scorecard`.

    Raises
    ------
    ValueError
        If it has not the numbers of a whole book.
    """
    entries = ledger.read()
    try:
        n_train = max(entries["mrr.random"]["run"]["parameters"]["train_sizes"])
        threshold = entries["pairs.differ"]["run"]["parameters"]["threshold"]
    except KeyError as error:
        raise ValueError(f"{ledger.path} has no number {error}; build the whole book") from None
    return scorecard(estimates(entries), n_train, threshold)


def verdict_with_seeds(card: pd.DataFrame) -> pd.Series:
    """Verdicts of a scorecard in words, with the seeds if not all alone give them: 9 of 10."""

    def told(seeds: str) -> str:
        stands, _, of = seeds.partition(" of ")
        return "" if stands == of else f" ({seeds} seeds)"

    return card["verdict"] + card["seeds"].map(told)


def scorecards(
    own: pd.DataFrame, preset: str, published: Callable[[str], Ledger]
) -> dict[str, pd.DataFrame]:
    """A study's scorecard beside the published ones of other kinds of data.

    Parameters
    ----------
    own : DataFrame
        The study's `scorecard`.
    preset : str
        Its preset.
    published : callable
        Takes a preset, returns its published ledger, or raises FileNotFoundError: what was not
        published is left out.

    Returns
    -------
    dict of str to DataFrame
        By the kind of data, in the order of `KINDS`; of a preset that is none of them, its own
        first.
    """
    cards = {}
    for kind, name in KINDS.items():
        if kind == preset:
            cards[name] = own
            continue
        with suppress(FileNotFoundError):
            cards[name] = ledger_scorecard(published(kind))
    return cards if preset in KINDS else {own_name(preset): own, **cards}


def own_name(preset: str) -> str:
    """What the column of a study's own scorecard is called."""
    return KINDS.get(preset, f"data of this book ({preset})")


def answered_by_all(cards: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Claims that each of several studies can answer.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `scorecard` by the name of its study.

    Returns
    -------
    dict of str to DataFrame
        The same, with fewer rows.
    """
    answered = (card.loc[card["verdict"] != UNANSWERABLE, "name"] for card in cards.values())
    names = set.intersection(*map(set, answered))
    return {
        name: card[card["name"].isin(names)].reset_index(drop=True) for name, card in cards.items()
    }


def side_by_side(cards: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Set the scorecards of several studies beside each other.

    Parameters
    ----------
    cards
        As for `answered_by_all`.

    Returns
    -------
    DataFrame
        Columns claim, the paper, and one a study (verdict and what was found).

    Examples
    --------
    >>> from visprof.results.cite import find_ledger
    >>> card = ledger_scorecard(find_ledger(preset="demo"))
    >>> side_by_side({"simulated world": card}).columns.tolist()
    ['claim', 'the paper', 'simulated world']
    """
    first = next(iter(cards.values()))
    found = {name: verdict_with_seeds(card) + ": " + card["ours"] for name, card in cards.items()}
    return pd.DataFrame({"claim": first["claim"], "the paper": first["paper"], **found})


def findings_in_markdown(published: Callable[[str], Ledger]) -> str:
    """The table of the README: every claim beside what the published ledgers give.

    Parameters
    ----------
    published : callable
        As of `scorecards`.

    Returns
    -------
    str
        A row a claim, in their order; a column for each kind of data that is published. Of a claim
        whose numbers a ledger does not have, the verdict alone.

    Raises
    ------
    FileNotFoundError
        If nothing is published.
    """
    cards = {}
    for kind, name in KINDS.items():
        with suppress(FileNotFoundError):
            cards[name] = ledger_scorecard(published(kind))
    if not cards:
        raise FileNotFoundError(f"no published ledger of {', '.join(KINDS)}")
    found = side_by_side(cards)
    for name, card in cards.items():
        is_missing = card["ours"].str.startswith("no ")
        found.loc[is_missing, name] = card.loc[is_missing, "verdict"]
    rows = [found.columns, ["---"] * found.shape[1], *found.to_numpy()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
