"""Published numbers made again on this machine, and what came out otherwise."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from visprof.book.build import make_ledger
from visprof.digests import digest
from visprof.files import write_whole
from visprof.intervals import Estimate
from visprof.machine import describe_hardware
from visprof.results.cite import RESULTS
from visprof.results.ledger import Ledger, estimates
from visprof.results.publish import changed_parameters
from visprof.results.scorecard import ledger_scorecard
from visprof.results.verdicts import ROUNDING, verdict

__all__ = [
    "BOUND", "KINDS", "Verification", "compare_ledgers", "record", "report", "verified_table",
    "verify",
]  # fmt: skip

BOUND = 0.01  # of the interval's half-width, or of a number without one
BEYOND = 0.01  # share of the numbers that may differ by more: near ties, which rounding decides
KINDS = ("equal", "equal to rounding", "different")
VERIFIED = RESULTS / "verified"
N_LARGEST = 5  # differences that are kept of a machine


@dataclass(frozen=True)
class Verification:
    """A ledger beside the same numbers made again.

    Attributes
    ----------
    published, here : list of dict
        The runs of either, as of `visprof.results.ledger.Ledger.runs`.
    numbers : DataFrame
        One row a number that both have, those that differ most first: ``number``, ``published``,
        ``here`` (`visprof.intervals.Estimate`), ``kind`` (one of `KINDS`), ``difference`` (of the
        values, of the larger one's size), ``half_widths`` (the largest difference of the value and
        the interval's ends, in half-widths of the published interval; NaN where there is none),
        ``apart`` (``half_widths``, or else ``difference``; infinite if the numbers rest on
        different samples), ``verdict`` and ``verdict_here`` (`visprof.results.verdicts.verdict`).
    claims : DataFrame
        One row a claim of the scorecard: ``claim``, ``published``, ``here``; none where a ledger
        is not that of a whole book.
    only_published, only_here : list of str
        Keys of the numbers that one ledger alone has.
    """

    published: list[dict[str, Any]]
    here: list[dict[str, Any]]
    numbers: pd.DataFrame
    claims: pd.DataFrame
    only_published: list[str]
    only_here: list[str]

    @property
    def counts(self) -> dict[str, int]:
        """How many numbers are of each kind."""
        found = self.numbers["kind"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in KINDS}

    @property
    def different(self) -> pd.DataFrame:
        """Rows of the numbers that differ by more than rounding."""
        return self.numbers[self.numbers["kind"] == "different"]

    @property
    def changed_verdicts(self) -> list[str]:
        """Numbers and claims whose verdict is another, in words."""
        numbers = self.numbers.rename(columns={"number": "of"})[["of", "verdict", "verdict_here"]]
        claims = self.claims.set_axis(["of", "verdict", "verdict_here"], axis=1)
        rows = pd.concat([numbers, claims])
        changed = rows[rows["verdict"] != rows["verdict_here"]]
        return [f"{row.of}: {row.verdict}; here {row.verdict_here}" for row in changed.itertuples()]

    @property
    def beyond(self) -> list[str]:
        """Numbers that differ by more than `BOUND`."""
        return self.numbers.loc[self.numbers["apart"] > BOUND, "number"].tolist()

    @property
    def holds(self) -> bool:
        """Whether the published numbers came out again, with the same verdicts.

        All but a share of `BEYOND` must be within `BOUND`.
        """
        beyond = len(self.beyond) > BEYOND * len(self.numbers)
        return not (beyond or self.changed_verdicts or self.only_published)


def compare_ledgers(published: Ledger, made: Ledger) -> Verification:
    """Set the numbers of a ledger beside those of another.

    Parameters
    ----------
    published, made : Ledger

    Returns
    -------
    Verification

    Raises
    ------
    ValueError
        If they have no number in common.

    Examples
    --------
    >>> from visprof.results.cite import find_ledger
    >>> published = find_ledger(preset="demo")
    >>> compare_ledgers(published, published).holds
    True
    """
    theirs, ours = estimates(published.read()), estimates(made.read())
    common = [key for key in theirs if key in ours]
    if not common:
        raise ValueError(
            f"{published.path} ({len(theirs)} numbers) and {made.path} ({len(ours)} numbers) have "
            "no number in common"
        )
    rows = [
        {
            "number": key,
            "published": theirs[key],
            "here": ours[key],
            **_difference(theirs[key], ours[key]),
            "verdict": verdict(key, theirs),
            "verdict_here": verdict(key, ours),
        }
        for key in common
    ]
    numbers = pd.DataFrame(rows).sort_values("apart", ascending=False, kind="stable")
    return Verification(
        published.runs(),
        made.runs(),
        numbers.reset_index(drop=True),
        _claims(published, made),
        sorted(theirs.keys() - ours.keys()),
        sorted(ours.keys() - theirs.keys()),
    )


def _difference(published: Estimate, here: Estimate) -> dict[str, Any]:
    """Kind and size of the difference between two values of one number."""
    pairs = [(published.value, here.value)]
    width = math.nan
    if published.interval("") and here.interval(""):
        pairs += [(published.low, here.low), (published.high, here.high)]
        width = (published.high - published.low) / 2
    alike = (published.n, published.unit) == (here.n, here.unit)
    alike &= bool(published.interval("")) == bool(here.interval(""))
    if alike and all(_is_same(a, b) for a, b in pairs):
        kind = "equal"
    elif alike and all(math.isclose(a, b, **ROUNDING) or _is_same(a, b) for a, b in pairs):
        kind = "equal to rounding"
    else:
        kind = "different"
    if width > 0:
        half_widths = apart = max(_gap(a, b) for a, b in pairs) / width
    else:
        half_widths, apart = math.nan, max(_relative(a, b) for a, b in pairs)
    return {
        "kind": kind,
        "difference": _relative(published.value, here.value),
        "half_widths": half_widths,
        "apart": apart if alike else math.inf,
    }


def _is_same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _gap(a: float, b: float) -> float:
    """Distance of two values; infinite if one alone is missing."""
    if _is_same(a, b):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


def _relative(a: float, b: float) -> float:
    """Distance of two values, of the larger one's size; none where they are 0 but for rounding."""
    gap = _gap(a, b)
    return gap / max(abs(a), abs(b)) if gap > ROUNDING["abs_tol"] else 0.0


def _claims(published: Ledger, made: Ledger) -> pd.DataFrame:
    """Verdicts of the scorecard in both; no row unless both are of whole books."""
    try:
        cards = [ledger_scorecard(ledger) for ledger in (published, made)]
    except ValueError:  # it says which number of a claim is missing, as a part of a book does
        return pd.DataFrame(columns=["claim", "published", "here"])
    both = cards[0].merge(cards[1], on="claim", suffixes=("", "_here"))
    named = {"verdict": "published", "verdict_here": "here"}
    return both[["claim", *named]].rename(columns=named)


def verify(
    published: Ledger,
    data: str | Path | None = None,
    root: str | Path = ".",
    out: str | Path = "_build",
    jobs: int = 1,
) -> Verification:
    """Make the numbers of a ledger again on this machine, by making the pages that record them.

    A book of its preset that is up to date is not made anew: its pages were executed on this
    machine, or else they are executed again.

    Parameters
    ----------
    published : Ledger
        Of one study.
    data : path, optional
        Folder of its pictures; as of `visprof.book.build.build_book`.
    root, out, jobs
        As of `visprof.book.build.build_book`.

    Returns
    -------
    Verification

    Raises
    ------
    FileNotFoundError
        If the ledger or the data are not there.
    ValueError
        If the ledger is that of several studies, or the one that the pages write, or `data` are not
        its own.
    visprof.book.errors.BookError
        If a page cannot be made.
    """
    run = _study_of(published)
    parameters = changed_parameters(run)
    if published.path.resolve() == (Path(out) / "results" / f"{run['preset']}.json").resolve():
        raise ValueError(
            f"{published.path} is where these numbers are made again, and would be compared with "
            "itself: verify a copy of it, or make them elsewhere (--out DIR)"
        )
    if bool(run["parameters"].get("data")) != bool(data):
        raise ValueError(
            f"{published.path} is of real pictures: pass their folder (--data DIR, or make verify "
            "DATA=DIR)"
            if not data
            else f"{published.path} is of a simulated world: leave the data out"
        )
    if data:
        _refuse_other_data(run, data, parameters)
    again = make_ledger(root, run["preset"], data, parameters, out, jobs)
    return compare_ledgers(published, again)


def _study_of(ledger: Ledger) -> dict[str, Any]:
    """The one study of a ledger, as its first run has it; the code may differ between runs."""
    runs = ledger.runs()
    if not runs:
        raise FileNotFoundError(f"no numbers at {ledger.path}")
    for name in ("preset", "parameters", "data_sha256"):
        if any(run.get(name) != runs[0].get(name) for run in runs):
            raise ValueError(
                f"{ledger.path}: its numbers are of several studies, with different {name}; verify "
                "one at a time"
            )
    return runs[0]


def _refuse_other_data(
    run: Mapping[str, Any], data: str | Path, parameters: Mapping[str, Any]
) -> None:
    """Raise ValueError if a folder does not hold what a ledger is of."""
    from visprof.study import Study  # with all of the library: seconds

    if not Path(data).is_dir():
        raise FileNotFoundError(f"data: there is no folder {Path(data).resolve()}")
    content = Study(run["preset"], data=str(data), **parameters)["data_digest"]
    if run.get("data_sha256", content) != content:
        raise ValueError(
            f"{data} does not hold the pictures of the ledger: their content is {content[:12]}, "
            f"and that of the ledger's {run['data_sha256'][:12]}"
        )


def report(verification: Verification) -> list[pd.DataFrame | str]:
    """Tables and lines that say what a verification found, for a terminal.

    Parameters
    ----------
    verification : Verification

    Returns
    -------
    list of DataFrame or str
        By whom and on what either was made; how many numbers are of each kind; those that differ,
        and the verdicts that change, if there are any.
    """
    found = verification
    made = {"published": found.published, "here": found.here}
    on = pd.DataFrame(
        [(which, _commits(runs), _machines(runs)) for which, runs in made.items()],
        columns=["", "commit", "machine"],
    )
    counts = pd.DataFrame(found.counts.items(), columns=["kind", "numbers"])
    told: list[pd.DataFrame | str] = [on, counts]
    if len(found.different):
        told.append(_difference_table(found.different))
    for head, names in (
        ("verdicts that change", found.changed_verdicts),
        (f"further apart than {BOUND:g} half-widths, or {BOUND:.0%} where there is no interval",
         found.beyond),
        ("only in the published ledger", found.only_published),
        ("only made here", found.only_here),
    ):  # fmt: skip
        if names:
            told.append("\n".join([f"{head}:", *(f"  {name}" for name in names)]))
    return told


def _difference_table(rows: pd.DataFrame) -> pd.DataFrame:
    widths, shares = rows["half_widths"], rows["difference"]
    return pd.DataFrame(
        {
            "number": rows["number"],
            "published": [f"{number:.6g}" for number in rows["published"]],
            "here": [f"{number:.6g}" for number in rows["here"]],
            "relative difference": [f"{share:.2g}" for share in shares],
            "half-widths": ["" if math.isnan(width) else f"{width:.2g}" for width in widths],
            "verdict": [
                f"{row.verdict} -> {row.verdict_here}"
                if row.verdict != row.verdict_here
                else row.verdict
                for row in rows.itertuples()
            ],
        }
    )


def _machines(runs: list[dict[str, Any]]) -> str:
    made = [describe_hardware(run["machine"]) if "machine" in run else "not told" for run in runs]
    return "; ".join(dict.fromkeys(made))


# --- machines on which a ledger was verified ------------------------------------------------------


def record(verification: Verification, folder: str | Path = VERIFIED) -> Path:
    """Keep what a verification found, in one file a ledger and machine.

    Parameters
    ----------
    verification : Verification
    folder : path
        Where such files are.

    Returns
    -------
    Path
        The file: named by the preset, the processor, and a digest of the instruction sets and the
        number of threads in use.
    """
    run, published = verification.here[0], verification.published[0]
    machine = run["machine"]
    found = {
        "ledger": run["preset"],
        "published_commit": _commits(verification.published),
        "commit": _commits(verification.here),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "published_on": published.get("machine"),
        "same_packages": run["installed_packages"] == published.get("installed_packages"),
        "counts": verification.counts,
        "beyond_bound": verification.beyond,
        "largest": [
            {"number": row.number, "half_widths": _finite(row.half_widths),
             "difference": _finite(row.difference)}
            for row in verification.numbers.head(N_LARGEST).itertuples()
            if row.kind != "equal"
        ],
        "changed_verdicts": verification.changed_verdicts,
        "only_published": verification.only_published,
        "only_here": verification.only_here,
        "verified": verification.holds,
    }  # fmt: skip
    slug = re.sub(r"[^a-z0-9]+", "-", machine["processor"].lower()).strip("-")
    sets = digest(json.dumps([machine["instruction_sets"], machine["threads"]], sort_keys=True))
    path = Path(folder) / f"{run['preset']}-{slug}-{sets[:6]}.json"
    write_whole(path, (json.dumps(found, indent=1, allow_nan=False) + "\n").encode())
    return path


def _commits(runs: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({run["commit"] for run in runs}))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def verified_table(folder: str | Path = VERIFIED) -> pd.DataFrame:
    """List the machines on which published ledgers were made again.

    Parameters
    ----------
    folder : path
        Where `record` keeps what was found.

    Returns
    -------
    DataFrame
        One row a ledger and machine: columns ledger, machine, packages (whether they were those of
        the published run), date, commit, one for each of `KINDS` (how many numbers), largest
        difference (in half-widths, or of the value where there is no interval), verdicts that
        change, and verified.
    """
    rows = []
    for path in sorted(Path(folder).glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        largest = found["largest"][0] if found["largest"] else None
        rows.append(
            {
                "ledger": found["ledger"],
                "machine": describe_hardware(found["machine"]),
                "packages": "the same" if found["same_packages"] else "others",
                "date": found["date"],
                "commit": found["commit"],
                **{kind: found["counts"][kind] for kind in KINDS},
                "largest difference": _largest(largest),
                "verdicts that change": len(found["changed_verdicts"]),
                "verified": "yes" if found["verified"] else "no",
            }
        )
    columns = [
        "ledger", "machine", "packages", "date", "commit", *KINDS, "largest difference",
        "verdicts that change", "verified",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _largest(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "none"
    if row["half_widths"] is not None:
        return f"{row['half_widths']:.2g} half-widths ({row['number']})"
    if row["difference"] is not None:
        return f"{row['difference']:.2g} of the value ({row['number']})"
    return f"no number on one side ({row['number']})"
