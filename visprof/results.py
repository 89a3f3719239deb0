"""Results: headline numbers with their provenance, and the verdicts on the paper's claims."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

import visprof
from visprof._shipped import SHIPPED
from visprof.files import write_whole
from visprof.inputs import environment_version
from visprof.intervals import Estimate
from visprof.machine import hardware
from visprof.memo import digest

__all__ = [
    "PAGE",
    "Estimate",
    "Ledger",
    "LedgerConflictError",
    "chance_parts",
    "estimates",
    "ledger_scorecard",
    "provenance",
    "scorecard",
    "side_by_side",
    "verdict",
    "verdict_above",
    "verdict_with_seeds",
    "verdicts_by_seed",
]

PACKAGE = Path(visprof.__file__).parent
LOCK = SHIPPED / "constraints.txt"  # the versions that were tested
PAGE = "VISPROF_PAGE"  # environment variable: the page that is being made
SIGNIFICANT = 0.05  # at most: a p-value's verdict
ROUNDING = {"rel_tol": 1e-9, "abs_tol": 1e-12}  # what the order of a sum may change


class LedgerConflictError(ValueError):
    """Two pages found different values of one number."""


class Ledger:
    """A JSON file of headline numbers, each with the run that it comes from.

    The file has ``numbers``, by key, and ``runs``: parameters and code version, which the numbers
    refer to. A book is one study, so a number has one value, whichever pages find it.

    Parameters
    ----------
    path : path
        The file; it and its folder are made when the first number is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return each number by key, with its run; none if nothing was written yet."""
        kept = self._kept()
        return {
            key: {**number, "run": kept["runs"][number["run"]]}
            for key, number in kept["numbers"].items()
        }

    def runs(self) -> list[dict[str, Any]]:
        """Return what made the numbers: parameters, code and machine; one, if all are of one."""
        return list(self._kept()["runs"].values())

    def write(
        self,
        estimates: Mapping[str, Estimate],
        parameters: Mapping[str, Any],
        preset: str,
        fitted: Mapping[str, str] | None = None,
        data: str = "",
    ) -> None:
        """Add numbers, or replace a page's own; chapters that run at once lose none of each other.

        Parameters
        ----------
        estimates : mapping of str to Estimate
            The numbers by key, such as ``mrr.image.50``.
        parameters : mapping
            All parameters of the study.
        preset : str
            Its preset.
        fitted : mapping of str to str, optional
            Parameters that are not the preset's since the data do not allow those, and why.
        data : str
            Digest of the content of the data; empty where all is simulated.

        Raises
        ------
        LedgerConflictError
            If another page has recorded another value of one of the numbers.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        run = {"preset": preset, "parameters": dict(parameters), **provenance()}
        if run["parameters"].get("data"):  # where the folder lies is this machine's own business
            run["parameters"]["data"] = Path(os.path.abspath(run["parameters"]["data"])).name
        if fitted:
            run["fitted"] = dict(fitted)
        if data:
            run["data_sha256"] = data
        name = digest(json.dumps(run, sort_keys=True, default=str))
        with FileLock(f"{self.path}.lock"):
            kept = self._kept()
            page = {"page": os.environ[PAGE]} if PAGE in os.environ else {}
            for key, estimate in estimates.items():
                named = vars(estimate).items()
                plain = {name: _plain(of) for name, of in named}
                number = {name: of for name, of in plain.items() if of not in (None, "", [])}
                number |= {**page, "run": name}
                earlier = kept["numbers"].get(key, number)
                if earlier.get("page") != number.get("page") or not page:
                    _refuse_conflict(key, earlier, number, self.path)
                kept["numbers"][key] = number
            kept["runs"][name] = run
            self._write(kept)

    def _write(self, kept: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        used = {number["run"] for number in kept["numbers"].values()}
        kept["runs"] = {run: made for run, made in kept["runs"].items() if run in used}
        text = json.dumps(kept, indent=1, sort_keys=True, default=str)
        write_whole(self.path, f"{text}\n".encode())

    def replace_by(self, parts: Iterable[str | Path]) -> None:
        """Make this ledger of the numbers of others, such as one a page.

        Parameters
        ----------
        parts : iterable of path
            Ledgers; one that is not there holds no number.

        Raises
        ------
        LedgerConflictError
            If two of them hold different values of one number.
        """
        kept: dict[str, Any] = {"numbers": {}, "runs": {}}
        for part in map(Ledger, parts):
            of_part = part._kept()
            for key, number in of_part["numbers"].items():
                earlier = kept["numbers"].setdefault(key, number)
                _refuse_conflict(key, earlier, number, part.path)
            kept["runs"] |= of_part["runs"]
        self._write(kept)

    def _kept(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {"numbers": {}, "runs": {}}
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{self.path} is no ledger, or was cut ({error}); delete it and make it anew"
            ) from error
        parts = ("numbers", "runs")
        if not (isinstance(kept, dict) and all(isinstance(kept.get(of), dict) for of in parts)):
            raise ValueError(f"{self.path} is no ledger: it does not hold numbers and their runs")
        return kept


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's, and tuples as lists: what JSON gives back."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _is_equal(a: Any, b: Any) -> bool:
    """Whether two entries are equal, up to rounding: the order of sums may differ."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_is_equal, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, **ROUNDING) or (a != a and b != b)
    return a == b


def _shown(estimate: Estimate) -> str:
    size = "" if estimate.n is None else f" of {estimate.n} {estimate.unit}".rstrip()
    return f"{estimate:.6g}{size}"


def _refuse_conflict(
    key: str, earlier: Mapping[str, Any], number: Mapping[str, Any], path: Path
) -> None:
    """Raise LedgerConflictError if two entries of one number differ in more than who made them."""
    names = (earlier.keys() | number.keys()) - {"page", "run"}
    if not all(_is_equal(earlier.get(name), number.get(name)) for name in names):
        told = [
            f"{_shown(estimates({key: entry})[key])} by {entry.get('page', 'an unnamed page')}"
            for entry in (earlier, number)
        ]
        raise LedgerConflictError(
            f"{path}: {key} is {' and '.join(told)}; a book is one study, whose pages have the "
            "same parameters: give them the same, or another ledger, or delete this one"
        )


def estimates(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Estimate]:
    """Numbers by key, of entries as `Ledger.read` gives them."""
    names = [field.name for field in dataclasses.fields(Estimate)]
    found = {}
    for key, entry in entries.items():
        given = {name: entry[name] for name in names if name in entry}
        given["by_seed"] = tuple(map(tuple, entry.get("by_seed", ())))
        found[key] = Estimate(**given)
    return found


def provenance() -> dict[str, Any]:
    """Say by what, and on what, numbers are made in this process.

    Returns
    -------
    dict
        The version of the code (``visprof``, its release; ``commit``; ``source_sha256``, of the
        library), ``python``, digests of the versions of packages that were tested
        (``tested_packages``) and that are installed (``installed_packages``), and the ``machine``
        (see `visprof.machine.hardware`).
    """
    source = hashlib.sha256()
    for module in sorted(PACKAGE.rglob("*.py")):
        source.update(module.relative_to(PACKAGE).as_posix().encode() + module.read_bytes())
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "visprof": visprof.__version__,
        "commit": git.stdout.strip() if git.returncode == 0 else "not in a git checkout",
        "source_sha256": source.hexdigest(),
        "python": platform.python_version(),
        "tested_packages": digest(LOCK.read_text("utf-8")) if LOCK.exists() else "unknown",
        "installed_packages": environment_version(),
        "machine": hardware(),
    }


def verdict_above(estimate: Estimate, bound: float) -> str:
    """Decide whether a number lies above a bound: by its interval, not by its value.

    Returns
    -------
    {"holds", "not resolved", "does not hold"}
        "holds" if the whole interval lies above `bound`, "does not hold" if it lies below, and
        "not resolved" if it covers the bound or ends at it, but for rounding.

    Raises
    ------
    ValueError
        If the estimate has no interval.
    """
    if estimate.low is None or estimate.high is None:
        raise ValueError(f"a verdict needs an interval, and {estimate} has none")
    if _is_less(bound, estimate.low):
        return "holds"
    return "does not hold" if _is_less(estimate.high, bound) else "not resolved"


def _is_less(a: float, b: float) -> bool:
    return a < b and not math.isclose(a, b, **ROUNDING)


def verdict(key: str, numbers: Mapping[str, Estimate]) -> str:
    """Say what a number of a ledger decides, by itself.

    A difference of two numbers of the ledger decides whether it is above 0, a share of pairs
    (``pairs.``) whether it is above one half, a mean reciprocal rank whether it is above the random
    one, and a p-value (``.p``) whether it is at most 0.05.

    Parameters
    ----------
    key : str
        Of the number.
    numbers : mapping of str to Estimate
        All numbers of the ledger.

    Returns
    -------
    str
        As `verdict_above`; of p-values "significant" or "not significant"; empty if it decides
        nothing.
    """
    number = numbers[key]
    if key.endswith(".p"):
        p_value = number.value
        is_small = p_value <= SIGNIFICANT or math.isclose(p_value, SIGNIFICANT, **ROUNDING)
        return "significant" if is_small else "not significant"  # as NaN is
    bound = _bound(key, numbers)
    return "" if bound is None or not number.interval("") else verdict_above(number, bound)


def _bound(key: str, numbers: Mapping[str, Estimate]) -> float | None:
    """What a number has to be above to be something."""
    if key.startswith("pairs."):
        return 0.5
    if re.fullmatch(r"mrr\.[^.]+\.\d+", key) and not _is_difference(key, numbers):
        return numbers["mrr.random"].value if "mrr.random" in numbers else None
    return 0.0 if _is_difference(key, numbers) else None


def _is_difference(key: str, numbers: Mapping[str, Estimate]) -> bool:
    """Whether a key is ``before A-B after``, and both numbers that it is the difference of exist.

    Names may hold hyphens themselves: ``mrr.mean-embedding.50`` is no difference.
    """
    parts = key.split(".")
    for i, part in enumerate(parts):
        for hyphen in re.finditer("-", part):
            names = part[: hyphen.start()], part[hyphen.end() :]
            if all(".".join([*parts[:i], name, *parts[i + 1 :]]) in numbers for name in names):
                return True
    return False


def verdicts_by_seed(estimate: Estimate, bound: float) -> list[str]:
    """Verdict of each seed alone, as `verdict_above`; none where seeds are not kept.

    Parameters
    ----------
    estimate : Estimate
    bound : float

    Returns
    -------
    list of str
    """
    return [verdict_above(Estimate(*of_seed), bound) for of_seed in estimate.by_seed]


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
    differ, dealt = numbers["pairs.differ"], numbers["pairs.differ.dealt"]
    add(
        f"More than half of the pairs of users differ (Z > {threshold:g})",
        "more than half",
        f"{differ:.1%}; where pins are dealt at random {dealt:.1%}",
        verdict_above(differ, 0.5) if dealt.value < 0.05 else "does not hold",
        "the 95 % interval of the share lies above one half, and fewer than 5 % of the pairs "
        "differ when the same pins are dealt to the users at random",
        [
            found if of_dealt[0] < 0.05 else "does not hold"
            for found, of_dealt in zip(verdicts_by_seed(differ, 0.5), dealt.by_seed, strict=True)
        ],
    )
    claim, paper = "The same by a test whose errors are known", "not tested"
    by_pin, by_session = numbers.get("pairs.bh"), numbers.get("pairs.bh.sessions")
    if by_pin is None:
        add(claim, paper, "no test", "not tested", "")
    else:
        tested = by_session or by_pin
        found = f"{tested:.1%}"
        if by_session is not None:
            found += f"; if each pin were evidence by itself {by_pin:.1%}"
        add(
            claim,
            paper,
            found,
            "holds" if verdict_above(tested, 0.5) == "holds" else "not shown",
            "the 95 % interval of the share of pairs with a significant difference (permutation "
            "test of the maximum, whole sessions shuffled where times show them, false discovery "
            "rate 5 %) lies above one half; such a share is a least value, so it can show that "
            "most pairs differ, never that most do not",
            [
                "holds" if of_seed == "holds" else "not shown"
                for of_seed in verdicts_by_seed(tested, 0.5)
            ],
        )
    image, random = numbers[f"mrr.image.{n_train}"], numbers["mrr.random"]
    add(
        "Image profile above chance (MRR of next pins)",
        "above 0.0022",
        f"{image:.3f} against {random.value:.3f}",
        verdict_above(image, random.value),
        "the 95 % interval of the MRR lies above the exact random value",
        verdicts_by_seed(image, random.value),
    )
    for other, name, paper, missing in (
        ("text", "text profile", "at every size", "captions share no words"),
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
        alone = [of == found for of in verdicts_by_seed(number, _bound(key, numbers))]
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
    """
    first = next(iter(cards.values()))
    found = {name: verdict_with_seeds(card) + ": " + card["ours"] for name, card in cards.items()}
    return pd.DataFrame(
        {"claim": first["claim"], "the paper": first["paper"], **found, "rule": first["rule"]}
    )
