"""The README's findings are those of the ledgers in results/."""

from __future__ import annotations

from pathlib import Path

import pytest

from visprof.results.ledger import Ledger, estimates
from visprof.results.scorecard import ledger_scorecard, verdict_with_seeds
from visprof.results.verdicts import verdict_above

ROOT = Path(__file__).resolve().parent.parent


def findings(preset):
    """Value, or values, and verdict of each claim, as the README writes them."""
    ledger = Ledger(ROOT / "results" / f"{preset}.json")
    numbers = estimates(ledger.read())
    keys = {
        "hybrid-above-cnn": ("map.hybrid", "map.cnn"),
        "cnn-above-bow": ("map.cnn", "map.bow"),
        "bow-above-random": ("map.bow", "map.random"),
        "hybrid-above-cnn-unseen": ("map.heldout.hybrid", "map.heldout.cnn"),
        "hybrid-above-linear-probe": ("map.hybrid", "map.probe"),
        "users-differ-by-z": ("pairs.differ",),
        "users-differ-by-test": ("pairs.bh.sessions",),
        "image-above-random": ("mrr.image.50", "mrr.random"),
        **{
            f"image-above-{other}": ("mrr.image.50", f"mrr.{other}.50")
            for other in ("text", "mean-embedding", "label-histogram")
        },
    }
    card = ledger_scorecard(ledger)
    for name, verdict in zip(card["name"], verdict_with_seeds(card), strict=True):
        spec = ".0%" if keys[name][0].startswith("pairs") else ".3f"
        if numbers.keys() >= set(keys[name]):  # a claim may be newer than the ledger
            values = " / ".join(f"{numbers[key].value:{spec}}" for key in keys[name])
            yield f"{values}: {verdict}"


@pytest.mark.parametrize("preset", ["demo", "boards"])
def test_findings_table_is_what_the_ledger_says(preset):
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| ") and ": " in line]
    column = {"demo": 3, "boards": 4}[preset]
    shown = [row.split("|")[column].strip().replace("**", "") for row in rows]
    assert shown == list(findings(preset))


def numbers_of(preset):
    return estimates(Ledger(ROOT / "results" / f"{preset}.json").read())


def test_sentences_beside_the_table_are_what_the_ledgers_say():
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    demo, boards = numbers_of("demo"), numbers_of("boards")
    few, many = (demo[f"null.rule.soft.{n}"].value for n in (100, 1000))
    assert f"{few:.1%}".replace("%", " %") + " different with 100 pins" in readme
    assert f"{many:.0%}".replace("%", " %") + " with 1,000" in readme
    shares = [value for value, *_ in demo["pairs.differ"].by_seed]
    least, most = (f"{of:.0%}".replace("%", " %") for of in (min(shares), max(shares)))
    assert f"anything from {least} to {most}" in readme
    assert len(shares) == 10
    assert "the mean over ten" in readme
    found = {
        other: [
            size for size in (10, 20, 30, 40, 50)
            if verdict_above(boards[f"mrr.image-{other}.{size}"], 0) == "does not hold"
        ]
        for other in ("mean-embedding", "text")
    }  # fmt: skip
    assert found == {"mean-embedding": [10, 30], "text": [10, 20, 30]}
    assert "with 10 and with 30 training pins; with 20, 40 and 50 it is ahead, too" in readme
    assert all(boards[f"mrr.image-mean-embedding.{size}"].value < 0 for size in (20, 40, 50))
    assert "Captions (file names) do better with 10 to 30" in readme
