"""The examples in docstrings are run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from visprof.memo import SOURCES

ROOT = Path(__file__).resolve().parent.parent
SLOW = {"visprof.study"}  # it computes a study
# What pages and commands alone call is shown by pages, and by the README; what talks to a service,
# or to data that are not here, can say nothing without it.
OF_PAGES = (
    "visprof.steps.",
    "visprof.figures.",
    "visprof.book.",
    "visprof.chapter",
    "visprof.cli",
    "visprof.report_card",
    "visprof.train",
)
OF_SERVICES = {
    f"visprof.{name}"
    for name in (
        "cluster", "sources.http", "sources.miniplaces", "sources.pinterest", "sources.places",
        "sources.unsplash",
    )
}  # fmt: skip
PARTS = {"visprof.handlers", "visprof.mime"}  # of `reach`; names alone
MODULES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name, source in SOURCES.items()
    if ">>> " in source
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("visprof.study._default_home", lambda *_: tmp_path)
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_module_of_the_library_pages_has_an_example():
    pages = [page.read_text("utf-8") for page in sorted((ROOT / "book").glob("api-*.md"))]
    listed = re.findall(r"automodule:: (\S+)", "\n".join(pages))
    shown = {parameter.values[0] for parameter in MODULES}
    assert len(listed) > 80
    without = {name for name in listed if not name.startswith(OF_PAGES)} - shown
    assert without == OF_SERVICES | PARTS
