"""The paper's claims beside what was found, and how much of each number is chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.ledger import Ledger, estimates
from visprof.results.verdicts import bound_of, verdict, verdict_above, verdicts_by_seed

__all__ = [
    "KINDS",
    "chance_parts",
    "ledger_scorecard",
    "own_name",
    "scorecard",
    "scorecards",
    "side_by_side",
    "verdict_with_seeds",
]

KINDS = {"demo": "simulated world", "boards": "real boards"}  # of data, by preset


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
        Columns claim, paper, ours, verdict, seeds (in how many of them the verdict would be the
        same if there were no other), rule; one row a claim.
    """
    above_zero = "the 95 % interval of the difference lies above 0"
    rows = []

    def add(
        claim: str, paper: str, ours: str, verdict: str, rule: str, by_seed: Sequence[str] = ()
    ) -> None:
        seeds = f"{by_seed.count(verdict)} of {len(by_seed)}" if len(by_seed) > 1 else ""
        rows.append(
            {
                "claim": claim, "paper": paper, "ours": ours, "verdict": verdict, "seeds": seeds,
                "rule": rule,
            }
        )  # fmt: skip

    for better, worse, paper in (
        ("hybrid", "cnn", "0.134 > 0.132"),
        ("cnn", "bow", "0.132 > 0.019"),
        ("bow", "random", "0.019 > 0.005"),
    ):
        names = {"cnn": "CNN alone", "bow": "SIFT + bag of words", "hybrid": "Hybrid embedding"}
        difference = numbers[f"map.{better}-{worse}"]
        add(
            f"{names[better]} above {names.get(worse, 'chance')} (mAP of scenes)",
            paper,
            f"{numbers[f'map.{better}'].value:.3f} against {numbers[f'map.{worse}'].value:.3f}; "
            f"difference {difference:.3f}",
            verdict_above(difference, 0),
            above_zero,
            verdicts_by_seed(difference, 0),
        )
    differ, shuffled = numbers["pairs.differ"], numbers["pairs.differ.dealt"]
    add(
        f"More than half of the pairs of users differ (Z > {threshold:g})",
        "more than half",
        f"{differ:.1%}; where pins are shuffled {shuffled:.1%}",
        verdict_above(differ, 0.5) if shuffled.value < 0.05 else "does not hold",
        "the 95 % interval of the share lies above one half, and fewer than 5 % of the pairs "
        "differ when the same pins are shuffled among the users",
        [
            found if by_chance[0] < 0.05 else "does not hold"
            for found, by_chance in zip(
                verdicts_by_seed(differ, 0.5), shuffled.by_seed, strict=True
            )
        ],
    )
    claim, paper = "The same question, by a permutation test at the 5 % level", "not tested"
    by_pin, by_session = numbers.get("pairs.bh"), numbers.get("pairs.bh.sessions")
    if by_pin is None:
        add(claim, paper, "no test", "not tested", "")
    else:
        tested = by_session or by_pin
        found = f"{tested:.1%}"
        if by_session is not None:
            found += f"; treating pins as independent {by_pin:.1%}"
        add(
            claim,
            paper,
            found,
            "holds" if verdict_above(tested, 0.5) == "holds" else "not shown",
            "the 95 % interval of the share of pairs with a significant difference (permutation "
            "test of the maximum, whole sessions shuffled where times show them, false discovery "
            "rate 5 %) lies above one half; such a share is a lower bound, so it can show that "
            "most pairs differ, never that most do not",
            [
                "holds" if of_seed == "holds" else "not shown"
                for of_seed in verdicts_by_seed(tested, 0.5)
            ],
        )
    image, random = numbers[f"mrr.image.{n_train}"], numbers["mrr.random"]
    add(
        "Image profile above chance (MRR of held-out pins)",
        "above 0.0022",
        f"{image:.3f} against {random.value:.3f}",
        verdict_above(image, random.value),
        "the 95 % interval of the MRR lies above the exact random value",
        verdicts_by_seed(image, random.value),
    )
    for other, name, paper, missing in (
        ("text", "PV-DM text profile", "at every size", "captions share no words"),
        ("mean-embedding", "plain mean embedding", "not compared", "no embedding"),
        ("label-histogram", "classifier's label histogram", "not compared", "no classifier"),
    ):  # fmt: skip
        claim = f"Image profile above {name} (MRR)"
        difference = numbers.get(f"mrr.image-{other}.{n_train}")
        if difference is None:
            add(claim, paper, missing, "not tested", above_zero)
            continue
        ours = (
            f"{image.value:.3f} against {numbers[f'mrr.{other}.{n_train}'].value:.3f}; "
            f"difference {difference:.3f}"
        )
        by_seed = verdicts_by_seed(difference, 0)
        add(claim, paper, ours, verdict_above(difference, 0), above_zero, by_seed)
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
        If a headline number is missing.
    """
    entries = ledger.read()
    try:
        n_train = max(entries["mrr.random"]["run"]["parameters"]["train_sizes"])
        threshold = entries["pairs.differ"]["run"]["parameters"]["threshold"]
        return scorecard(estimates(entries), n_train, threshold)
    except KeyError as error:
        raise ValueError(f"{ledger.path} has no number {error}; build the whole book") from None


def chance_parts(numbers: Mapping[str, Estimate], n_train: int) -> pd.DataFrame:
    """Say of the numbers behind the claims how much of each is chance, and of which kind.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        As ``Study.headline`` gives them.
    n_train : int
        Training pins at which profiles are compared.

    Returns
    -------
    DataFrame
        One row a number that has an interval. Columns number (in words), key, value (with
        interval), sd_units and sd_seeds (parts of its standard error), "part of the seeds" (in its
        variance), seeds (least and largest value of one), verdict (see `verdict`), and "one seed
        alone" (in how many of the seeds the verdict would be the same; empty for one seed).
    """
    words = {
        "map.hybrid-cnn": "mAP: hybrid less CNN alone",
        "map.cnn-bow": "mAP: CNN alone less SIFT",
        "map.bow-random": "mAP: SIFT less chance",
        "map.siamese-untrained": "mAP: Siamese less untrained",
        "pairs.differ": "pairs that differ (Z)",
        "pairs.bh": "pairs that differ (test)",
        "pairs.bh.sessions": "pairs that differ (test, sessions)",
        f"mrr.image.{n_train}": "MRR: image",
        f"mrr.image-text.{n_train}": "MRR: image less text",
        f"mrr.image-mean-embedding.{n_train}": "MRR: image less mean embedding",
        f"mrr.image-label-histogram.{n_train}": "MRR: image less label histogram",
    }
    rows = []
    for key, name in words.items():
        number = numbers.get(key)
        if number is None or number.low is None:
            continue
        found, values = verdict(key, numbers), [value for value, *_ in number.by_seed]
        alone = [of == found for of in verdicts_by_seed(number, bound_of(key, numbers))]
        seeds = number.sd_seeds or 0.0
        total = number.sd_units**2 + seeds**2
        several = len(values) > 1
        rows.append(
            {
                "number": name,
                "key": key,
                "value": f"{number:.3f}",
                "sd_units": number.sd_units,
                "sd_seeds": seeds,
                "part of the seeds": f"{seeds**2 / total:.0%}" if several and total else "",
                "seeds": f"{min(values):.3f} to {max(values):.3f}" if several else "",
                "verdict": found,
                "one seed alone": _how_many(alone) if several else "",
            }
        )
    return pd.DataFrame(rows)


def _how_many(alike: Sequence[bool]) -> str:
    return f"all {len(alike)}" if all(alike) else f"{sum(alike)} of {len(alike)}"


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
        Takes a preset, returns its published ledger.

    Returns
    -------
    dict of str to DataFrame
        By the kind of data, in the order of `KINDS`; of a preset that is none of them, its own
        first.
    """
    cards = {
        name: own if kind == preset else ledger_scorecard(published(kind))
        for kind, name in KINDS.items()
    }
    return cards if preset in KINDS else {own_name(preset): own, **cards}


def own_name(preset: str) -> str:
    """What the column of a study's own scorecard is called."""
    return KINDS.get(preset, f"data of this book ({preset})")


def side_by_side(cards: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Set the scorecards of several studies beside each other.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `scorecard` by the name of its study.

    Returns
    -------
    DataFrame
        Columns claim, the paper, one a study (verdict and what was found), and rule.

    Examples
    --------
    >>> from visprof.results.cite import find_ledger
    >>> card = ledger_scorecard(find_ledger(preset="demo"))
    >>> side_by_side({"simulated world": card}).columns.tolist()
    ['claim', 'the paper', 'simulated world', 'rule']
    """
    first = next(iter(cards.values()))
    found = {name: verdict_with_seeds(card) + ": " + card["ours"] for name, card in cards.items()}
    return pd.DataFrame(
        {"claim": first["claim"], "the paper": first["paper"], **found, "rule": first["rule"]}
    )
