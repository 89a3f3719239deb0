"""Sentences of trainings whose records are kept: the paper's own, on a GPU, and a reader's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from visprof.intervals import Estimate
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, verdict_above

__all__ = ["own_trainings", "paper_training"]

SEEN, SPLITS, SPLIT = "all classes", "unseen classes", "unseen classes, first split"
SCRATCH = "alexnet from scratch"
AHEAD = {HOLDS: "ahead by", DOES_NOT_HOLD: "behind by"}
LEADS = {  # by key of the text: protocol, difference
    "last.seen": (SEEN, "hybrid-cnn"),
    "last.unseen": (SPLITS, "hybrid-cnn"),
    "all.seen": (SEEN, "hybrid, all layers-cnn"),
    "all.unseen": (SPLIT, "hybrid, all layers-cnn"),
    "gain.seen": (SEEN, "hybrid, all layers-hybrid"),
    "scaled.seen": (SEEN, "scaled-cnn"),
    "scaled.unseen": (SPLITS, "scaled-cnn"),
    "scaled.all.unseen": (SPLIT, "scaled, all layers-cnn"),
    "siamese.seen": (SEEN, "siamese-cnn"),
    "siamese.unseen": (SPLITS, "siamese-cnn"),
    "probe.seen": (SEEN, "hybrid-probe"),
    "probe.unseen": (SPLITS, "hybrid-probe"),
    "scratch": (SCRATCH, "hybrid-cnn"),
}


def estimate(cell: Mapping[str, float]) -> Estimate:
    """A cell of a record's table: its value, and its interval if there is one."""
    return Estimate(cell["value"], cell.get("low"), cell.get("high"))


def _lead(difference: Mapping[str, Mapping[str, float]]) -> str:
    """By how much the first of two is ahead or behind, by mAP."""
    number = estimate(difference["mean_ap"])
    if words := AHEAD.get(verdict_above(number, 0)):
        sign = 1 if number.value > 0 else -1
        ends = sorted((sign * number.low, sign * number.high))
        return f"{words} {Estimate(abs(number.value), *ends):.4f}"
    return f"not told apart (difference {number:.4f})"


def paper_training(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the published record of the paper's training says, and what it means for its claim.

    Parameters
    ----------
    record : mapping
        What ``benchmarks.places_table`` keeps.
    """
    tables, sessions = record["tables"], record["sessions"]
    said = {f"places.{key}": _lead(tables[of][row]) for key, (of, row) in LEADS.items()}
    scratch, last = tables[SCRATCH], record["trainings"]["all-layers"]
    lead = [
        verdict_above(estimate(tables[of]["hybrid-cnn"]["mean_ap"]), 0) for of in (SEEN, SPLITS)
    ]
    every = verdict_above(estimate(tables[SEEN]["hybrid, all layers-hybrid"]["mean_ap"]), 0)
    return said | {
        "places.claim": _of_claim(lead[0] == HOLDS, lead[1] == HOLDS, every == HOLDS),
        "places.commit": "; ".join(of["run"]["commit"] for of in sessions if "run" in of),
        "places.device": sessions[0]["device"],
        "places.minutes": f"{60 * record['hours']:.0f}",
        "places.seconds": f"{last['seconds']:.0f}",
        "places.iterations": f"{last['settings']['n_iterations']:,}",
        "places.rate": f"{last['settings']['lr_last']:.2g}",
        "places.test": f"{last['test_photographs']:,}",
        "places.accuracy": f"{record['classifier']['test_accuracy']:.0%}",
        **{f"places.active.{of}": f"{record['trainings'][name]['log']['active_share'][-1]:.0%}"
           for of, name in (("all", "all-layers"), ("last", "last-layer"))},
        **{f"places.scratch.{of}": f"{scratch[of]['mean_ap']['value']:.4f}"
           for of in ("hybrid", "cnn", "siamese")},
    }  # fmt: skip


def _of_claim(seen: bool, unseen: bool, larger: bool) -> str:
    if not seen:
        return "The paper's lead of the hybrid over the CNN alone does not come back"
    told = (
        "The paper's tiny lead of the hybrid over the CNN alone comes back with a hundred classes"
    )
    told += f", {'also' if unseen else 'but not'} on classes that the distance has not seen"
    return told + "; when all layers learn, it is larger" * larger


def own_trainings(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What trainings of the reader's own gave, which `visprof train --record` keeps.

    Parameters
    ----------
    records : mapping of str to mapping
        Records by name, the published one among them.
    """
    told = [_own(name, of) for name, of in records.items() if of.get("table")]
    none = "There is no training of your own among the records"
    return {"own_trainings": _listed(told) if told else none}


def _own(name: str, record: Mapping[str, Any]) -> str:
    table = record["table"]
    hybrid, cnn = (f"{table[of]['mean_ap']['value']:.4f}" for of in ("hybrid", "cnn"))
    return (
        f"your own training “{name}” ({record['photographs']:,} photographs of "
        f"{record['classes']} classes, {record['hours']:.2g} hours, {record['device']}) gave "
        f"hybrid {hybrid} and CNN {cnn}, the hybrid {_lead(table['hybrid-cnn'])}"
    )


def _listed(told: Sequence[str]) -> str:
    sentence = "; ".join(told)
    return sentence[0].upper() + sentence[1:]
