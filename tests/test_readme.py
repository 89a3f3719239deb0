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
from visprof.results.verdicts import UNANSWERABLE, verdict_of_lead

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
            assert cell == (UNANSWERABLE if missing else expected[name][number])


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


def percent(share, digits=0):
    return f"{share:.{digits}%}".replace("%", " %")


def test_sentences_beside_the_table_are_what_the_ledgers_say():
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    demo, boards, travel = map(numbers_of, ("demo", "boards", "travel"))
    few, many = (demo[f"null.rule.soft.{n}"].value for n in (100, 1000))
    ceilings = (of["pairs.distance.ceiling"].value for of in (boards, travel))
    shares = (of["variance.image.user"].value for of in (demo, boards, travel))
    by_seed = [value for value, *_ in demo["pairs.differ"].by_seed]
    assert len(by_seed) == 10
    facts, image, white = (
        [f"{of[f'mrr.{name}.{n}'].value:.3f}" for of, n in ((boards, 50), (travel, 30))]
        for name in ("file-facts", "image", "whitened")
    )
    for said in (
        f"it calls {percent(few, 1)} different with 100 pins and {percent(many)} with 1,000",
        "at most {} of their pairs can be significant, whatever the pictures show; of the travel "
        "photographs {} can".format(*map(percent, ceilings)),
        "accounts for {} of the variance of a pin's clusters in the simulated world, {} on "
        "wallpaper boards and {} of travel".format(*(percent(share, 1) for share in shares)),
        f"an MRR of {facts[0]} (wallpapers; the image profile has {image[0]}) and {facts[1]} "
        f"(travel; {image[1]})",
        "without clusters, has {} on wallpapers and {} on travel photographs".format(*white),
        f"on classes that training has not seen the lead over the CNN is "
        f"{boards['map.heldout.hybrid-cnn'].value:.3f} (100 classes",
        f"anything from {percent(min(by_seed))} to {percent(max(by_seed))}; the book gives the "
        "mean over ten",
        f"({travel['mrr.image.30'].n} analysed)",
        f"({boards['mrr.image.50'].n} analysed)",
    ):
        assert said in readme
    for of, n in ((boards, 50), (travel, 30)):  # as well as; better; as well, or better
        for other, verdict in (("file-facts", "not resolved"), ("whitened", "does not hold")):
            lead = f"mrr.image-{other}.{n}"
            assert verdict_of_lead(of[lead], of[f"{lead}.p.holm"].value) == verdict
        assert of["map.hybrid-probe"].high < 0
