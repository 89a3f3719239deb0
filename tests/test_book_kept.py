"""Executed pages that are kept: whole, or as good as absent."""

from __future__ import annotations

import pytest

from visprof.book.kept import KeptPage


@pytest.fixture
def kept(tmp_path):
    page = KeptPage(tmp_path / "book" / "01-numbers.md")
    page.notebook.parent.mkdir()
    page.notebook.write_text('{"cells": [], "metadata": {"name": "a notebook of some length"}}')
    page.ledger.write_text('{"numbers": {}, "runs": {"a": "a ledger that has some length"}}')
    page.users.write_text("values of users, in a file that has some length")
    page.trace.write_text("what it noted")
    page.keep(["its text"], {"its text": "1", "the machine": "2"})
    return page


def test_what_a_page_was_made_from_is_kept_with_the_reasons(kept):
    assert kept.inputs() == {"its text": "1", "the machine": "2"}
    assert kept.reasons() == ["its text"]
    assert not kept.trace.exists()


def test_what_a_page_took_is_known_where_it_is_kept(kept):
    assert kept.seconds() is None
    kept.keep(["its text"], {}, 7.5)
    assert kept.seconds() == 7.5
    kept.forget()
    assert kept.seconds() is None


def test_a_page_without_numbers_is_whole(tmp_path):
    page = KeptPage(tmp_path / "page.md")
    page.notebook.write_text("{}")
    page.keep(["the first time"], {"its text": "1"})
    assert page.inputs() == {"its text": "1"}
    page.ledger.write_text("{}")  # of another run
    assert page.inputs() is None


@pytest.mark.parametrize("broken", ["cut", "emptied", "changed", "gone"])
@pytest.mark.parametrize("suffix", [".ipynb", ".inputs.json", ".ledger.json", ".users.parquet"])
def test_a_page_that_is_no_longer_whole_is_as_good_as_absent(kept, broken, suffix):
    file = kept.path.with_suffix(suffix)
    content = file.read_bytes()
    if broken == "gone":
        file.unlink()
    else:
        flipped = content[:40] + bytes([content[40] ^ 1]) + content[41:]
        file.write_bytes({"cut": content[:-5], "emptied": b"", "changed": flipped}[broken])
    assert kept.inputs() is None


def test_a_page_that_is_to_be_made_anew_is_absent_until_it_is_kept(kept):
    kept.forget()
    assert kept.inputs() is None
    assert [file.name for file in kept.path.parent.iterdir()] == ["01-numbers.ipynb"]
