"""The README's findings are those of the ledgers in results/."""

from __future__ import annotations

from pathlib import Path

import pytest

from visprof.results import Ledger, estimates, ledger_scorecard

ROOT = Path(__file__).resolve().parent.parent


def findings(preset):
    """Value, or values, and verdict of each claim, as the README writes them."""
    ledger = Ledger(ROOT / "results" / f"{preset}.json")
    numbers = estimates(ledger.read())
    keys = [
        ("map.hybrid", "map.cnn"),
        ("map.cnn", "map.bow"),
        ("map.bow", "map.random"),
        ("pairs.differ",),
        ("pairs.bh.sessions",),
        ("mrr.image.50", "mrr.random"),
        *(
            ("mrr.image.50", f"mrr.{other}.50")
            for other in ("text", "mean-embedding", "label-histogram")
        ),
    ]
    for row, claim in zip(keys, ledger_scorecard(ledger).itertuples(), strict=True):
        spec = ".0%" if row[0].startswith("pairs") else ".3f"
        stands, of = claim.seeds.split(" of ")
        seeds = "" if stands == of else f" ({claim.seeds} seeds)"
        yield f"{' / '.join(f'{numbers[key].value:{spec}}' for key in row)}: {claim.verdict}{seeds}"


@pytest.mark.parametrize("preset", ["demo", "boards"])
def test_findings_table_is_what_the_ledger_says(preset):
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| ") and ": " in line]
    column = {"demo": 3, "boards": 4}[preset]
    shown = [row.split("|")[column].strip().replace("**", "") for row in rows]
    assert shown == list(findings(preset))
