"""The README's findings are those of the ledgers in results/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from visprof.results.cite import find_ledger
from visprof.results.claims import read_claims
from visprof.results.ledger import Ledger, estimates
from visprof.results.publish import FINDINGS, write_findings
from visprof.results.scorecard import (
    KINDS,
    findings_in_markdown,
    ledger_scorecard,
    side_by_side,
)
from visprof.results.verdicts import verdict_above

ROOT = Path(__file__).resolve().parent.parent


def test_the_table_of_findings_is_what_the_published_ledgers_give():
    readme = (ROOT / "README.md").read_text("utf-8")
    table = findings_in_markdown(lambda preset: find_ledger(preset=preset))
    assert FINDINGS.findall(readme) == [table]
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in table.splitlines()]
    cards = {
        name: ledger_scorecard(find_ledger(preset=preset))
        for preset, name in KINDS.items()
        if (ROOT / "results" / f"{preset}.json").is_file()
    }
    assert rows[0] == ["claim", "the paper", *cards]
    claims = read_claims(n_train=50, threshold=2.0)
    assert [row[:2] for row in rows[2:]] == [[claim.claim, claim.paper] for claim in claims]
    expected = side_by_side(cards)
    for number, row in enumerate(rows[2:]):
        for name, cell in zip(cards, row[2:], strict=True):
            missing = cards[name]["ours"][number].startswith("no ")
            assert cell == ("not published yet" if missing else expected[name][number])


def test_the_table_is_put_in_the_place_of_the_old_one(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n\n| claim | x |\n|---|---|\n| old | |\n\nafter\n\n| other |\n")
    write_findings(readme)
    table = findings_in_markdown(lambda preset: find_ledger(preset=preset))
    assert readme.read_text() == f"before\n\n{table}\nafter\n\n| other |\n"
    readme.write_text("no table\n")
    with pytest.raises(ValueError, match="no table of claims"):
        write_findings(readme)


def test_without_a_ledger_there_is_no_table():
    def published(preset):
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError, match="no published ledger of demo, boards, travel"):
        findings_in_markdown(published)


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
