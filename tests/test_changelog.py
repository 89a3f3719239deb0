"""The files at the root that say how to contribute, and what changed in the numbers."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from visprof.results.ledger import Ledger, estimates

ROOT = Path(__file__).resolve().parent.parent
CHANGES = (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(name):
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text("utf-8"))
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_the_newest_change_comes_first():
    dates = re.findall(r"^## (\d+ \w+ \d{4}) ", CHANGES, re.MULTILINE)
    days = [datetime.strptime(date, "%d %B %Y") for date in dates]
    assert len(days) > 2
    assert days == sorted(days, reverse=True)
    assert re.findall(r"^## (.*)$", CHANGES, re.MULTILINE)[0] == "Unreleased"


def test_what_the_last_change_led_to_is_what_is_published():
    demo, boards = (
        estimates(Ledger(ROOT / "results" / f"{preset}.json").read())
        for preset in ("demo", "boards")
    )
    text = " ".join(CHANGES.split("\n## ")[2].split())
    assert f"from 56 % to {100 * demo['pairs.differ'].value:.0f} %" in text
    assert f"to {100 * boards['pairs.differ'].value:.1f} % and holds" in text
    assert f"{100 * demo['pairs.bh'].value:.0f} % of the pairs" in text
    assert f"{100 * boards['pairs.bh'].value:.0f} % instead of 96 %" in text
    assert f"{100 * boards['pairs.bh.sessions'].value:.0f} % instead of 7 %" in text
    assert f"from 0.304 to {demo['mrr.text.50'].value:.3f} (simulated)" in text
    assert f"from 0.598 to {boards['mrr.text.50'].value:.3f} (real)" in text
