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
    demo, boards, travel = (
        Ledger(ROOT / "results" / f"{preset}.json") for preset in ("demo", "boards", "travel")
    )
    text = " ".join(CHANGES.split("\n## ")[2].split())
    numbers, of_travel = estimates(boards.read()), estimates(travel.read())
    for said in (
        f"to {len(estimates(demo.read()))} (simulated world), {len(numbers):,} (wallpaper",
        f"and {len(of_travel)} (travel",
        f"carry-over {numbers['carry.rho.embedding'].value:.2f} on wallpaper boards",
        f"{of_travel['carry.rho.embedding'].value:.2f} on travel",
    ):
        assert said in text
    commit = re.search(r"\((\w{7})\)", text)[1]
    for ledger in (demo, boards, travel):
        assert {run["commit"][:7] for run in ledger.runs()} == {commit}
