"""Numbers to cite, their BibTeX, and the files that say how to cite."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
import yaml
from pybtex.database import BibliographyData, parse_file, parse_string

import visprof
from visprof.intervals import Estimate
from visprof.machine import describe_hardware
from visprof.results import cite, provenance
from visprof.results.cite import cite_number, cite_software, find_ledger, list_numbers
from visprof.results.ledger import Ledger, estimates

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def ledger(tmp_path):
    """A run of the tiny preset with one other parameter, and another seed."""
    made = Ledger(tmp_path / "numbers.json")
    numbers = {
        "mrr.image.10": Estimate(0.41234, 0.3, 0.5, 1234, "users"),
        "duplicates.same_board": Estimate(0.25),
    }
    parameters = {"n_clusters": 5, "seed": 3, "train_sizes": (5, 10), "n_users": 12}
    made.write(numbers, parameters, "tiny")
    return made


def entries(text: str) -> BibliographyData:
    return parse_string(text, "bibtex")


def test_a_number_is_cited_with_interval_run_and_version(ledger):
    text = cite_number("mrr.image.10", ledger)
    head = [line.removeprefix("% ") for line in text.splitlines() if line.startswith("%")]
    assert head[0] == "mrr.image.10 = 0.4123 (95 % interval 0.3 to 0.5), n = 1,234 users"
    assert head[1] == "preset tiny, seed 3; changed: n_clusters=5, seed=3"
    run = ledger.read()["mrr.image.10"]["run"]
    assert head[2].startswith(f"visprof {visprof.__version__}, commit {run['commit']}, Python 3.")
    assert head[3] == f"source sha256 {run['source_sha256']}"
    assert head[4].startswith(f"tested packages {run['tested_packages'][:12]}, installed packages")
    assert head[5] == f"made on {describe_hardware(run['machine'])}"


def test_precision_and_data_are_told_where_the_ledger_knows_them(tmp_path):
    made = Ledger(tmp_path / "numbers.json")
    made.write({"a": Estimate(1.0)}, {"seed": 0, "precision": "bf16"}, "demo", data="ab" * 32)
    text = cite_number("a", made)
    assert "% precision bf16, tested packages" in text
    assert f"data {'ab' * 6}\n" in text
    entries = {"numbers": {"a": {"value": 1.0, "run": "x"}}, "runs": {"x": {
        "preset": "demo", "parameters": {"seed": 0}, "visprof": "0.1.0", "commit": "abc",
        "python": "3.11.7", "source_sha256": "0",
    }}}  # fmt: skip
    made.path.write_text(json.dumps(entries))  # of an earlier version
    assert "made on" not in cite_number("a", made)


def test_what_is_printed_is_bibtex(ledger):
    for key, note in (
        ("mrr.image.10", r"mrr.image.10 = 0.4123 (95 \% interval 0.3 to 0.5), n = 1,234 users"),
        ("duplicates.same_board", r"duplicates.same\_board = 0.25"),
    ):
        found = entries(cite_number(key, ledger)).entries
        assert set(found) == {f"visprof{cite.YEAR}", "Yang2015"}
        software = found[f"visprof{cite.YEAR}"]
        assert software.type == "software"
        assert software.fields["note"].startswith(note)
        assert [str(person) for person in software.persons["author"]] == [f"{{{cite.AUTHOR}}}"]
        assert len(found["Yang2015"].persons["author"]) == 3
    assert "note" not in entries(cite_software()).entries[f"visprof{cite.YEAR}"].fields


def test_an_unknown_key_names_keys_like_it(ledger):
    with pytest.raises(ValueError, match=r"no number 'mrr.imag.10'; near it: mrr.image.10"):
        cite_number("mrr.imag.10", ledger)
    with pytest.raises(ValueError, match="visprof results lists them"):
        cite_number("xyz", ledger)


def test_a_ledger_is_listed(ledger):
    table = list_numbers(ledger).set_index("key")
    assert table.loc["mrr.image.10"].tolist() == ["0.4123", "0.3 to 0.5", "1,234 users"]
    assert table.loc["duplicates.same_board"].tolist() == ["0.25", "", ""]
    assert estimates(ledger.read())["duplicates.same_board"] == Estimate(0.25)


def test_a_ledger_is_found_by_file_by_folder_and_by_preset(ledger, tmp_path, monkeypatch):
    assert find_ledger(ledger.path).path == find_ledger(tmp_path).path == ledger.path
    assert find_ledger(preset="boards").path == ROOT / "results" / "boards.json"
    with pytest.raises(FileNotFoundError, match=r"no ledger at .*absent.json: pass"):
        find_ledger(tmp_path / "absent.json")
    with pytest.raises(FileNotFoundError, match=r"preset 'huge'; there are those of boards, demo"):
        find_ledger(preset="huge")
    monkeypatch.setattr(cite, "RESULTS", tmp_path / "site-packages" / "results")
    with pytest.raises(FileNotFoundError, match="run this in a checkout, or pass the file"):
        find_ledger()


@pytest.mark.parametrize("text", ["not json", "[1, 2]", "{}"])
def test_another_file_is_not_taken_for_a_ledger(text, tmp_path):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ValueError, match="is not a ledger of numbers"):
        list_numbers(find_ledger(tmp_path / "other.json"))


def test_every_published_number_can_be_cited():
    for preset in ("demo", "boards"):
        published = find_ledger(preset=preset)
        keys = list(published.read())
        assert keys
        for key in keys[:: max(1, len(keys) // 10)]:
            assert key in cite_number(key, published)


# --- files that say how to cite -------------------------------------------------------------------

REQUIRED = {
    "article": {"author", "title", "journal", "year", "volume"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "book": {"author", "title", "publisher", "year"},
    "misc": {"author", "title", "year", "howpublished"},
    "manual": {"author", "title", "year", "url"},
    "techreport": {"author", "title", "institution", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "software": {"author", "title", "year"},
}


@pytest.fixture(scope="module")
def bibliography():
    return parse_file(str(ROOT / "book" / "references.bib"))


def cited_keys() -> set[str]:
    pages = [path.read_text("utf-8") for path in (ROOT / "book").glob("*.md")]
    roles = [keys for page in pages for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", page)]
    return {key.strip() for keys in roles for key in keys.split(",")}


def test_every_entry_is_cited_and_every_citation_has_an_entry(bibliography):
    assert cited_keys() == set(bibliography.entries)


def test_entries_have_the_fields_of_their_type(bibliography):
    for key, entry in bibliography.entries.items():
        there = set(entry.fields) | set(entry.persons)
        assert not REQUIRED[entry.type] - there, key
        assert re.fullmatch(r"(19|20)\d\d", entry.fields["year"]), key
        if "pages" in entry.fields:
            assert re.fullmatch(r"\w+(--\w+)?", entry.fields["pages"]), key


def test_identifiers_are_well_formed_and_no_work_is_listed_twice(bibliography):
    seen: Counter[str] = Counter()
    for key, entry in bibliography.entries.items():
        fields = entry.fields
        if "doi" in fields:
            assert re.fullmatch(r"10\.\d{4,9}/[^\s{}]+", fields["doi"]), key
            seen[fields["doi"].lower()] += 1
        if "url" in fields:
            assert re.fullmatch(r"https://[^\s{}]+", fields["url"]), key
        if "arXiv" in fields.get("howpublished", ""):
            assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}", fields["howpublished"]), key
        seen[re.sub(r"\W", "", fields["title"]).lower()] += 1
    assert [work for work, times in seen.items() if times > 1] == []


def test_the_paper_is_the_same_everywhere(bibliography):
    given = entries(cite.PAPER).entries["Yang2015"]
    listed = bibliography.entries["Yang2015"]
    (paper,) = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["references"]
    assert given.fields["title"] == listed.fields["title"] == paper["title"]
    assert given.fields["year"] == listed.fields["year"] == str(paper["year"])
    assert listed.fields["howpublished"] == f"arXiv:{given.fields['eprint']}"
    names = [person.last_names for person in given.persons["author"]]
    assert names == [person.last_names for person in listed.persons["author"]]
    assert names == [[author["family-names"]] for author in paper["authors"]]


# https://github.com/citation-file-format/citation-file-format, schema 1.2.0
CFF_KEYS = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi",
    "identifiers", "keywords", "license", "license-url", "message", "preferred-citation",
    "references", "repository", "repository-artifact", "repository-code", "title", "type", "url",
    "version",
}  # fmt: skip
CFF_REQUIRED = {"authors", "cff-version", "message", "title"}


def test_citation_cff_has_the_keys_of_its_schema_and_names_this_software():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert CFF_REQUIRED <= set(citation) <= CFF_KEYS
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in {"software", "dataset"}
    assert citation["title"] == cite.TITLE
    assert citation["authors"] == [{"name": cite.AUTHOR}]
    assert citation["version"] == visprof.__version__
    (paper,) = citation["references"]
    assert {"authors", "title", "type"} <= set(paper)
    assert paper["type"] in {"article", "generic", "conference-paper"}
    for identifier in paper["identifiers"]:
        assert set(identifier) <= {"type", "value", "description"}
        assert identifier["type"] in {"doi", "url", "swh", "other"}
    copyright_year = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["copyright"]
    assert copyright_year == str(cite.YEAR)


def test_a_mean_over_seeds_is_cited_as_one(tmp_path):
    made = Ledger(tmp_path / "numbers.json")
    made.write({"a": Estimate(1.0)}, {"seed": 3, "n_seeds": 10}, "demo")
    assert "% preset demo, 10 seeds from seed 3; changed" in cite_number("a", made)


def test_a_commit_of_this_checkout_is_cited_as_archives_name_it(ledger, tmp_path):
    package = tmp_path / "visprof"
    package.mkdir()
    (package / "__init__.py").touch()
    for words in (
        ("init", "-q"), ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first"),
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    short = provenance.checkout_commit(package)
    assert provenance.whole_commit(short, package) == head
    assert len(head) == 40
    assert provenance.whole_commit(f"{short}-dirty", package) == ""
    assert provenance.whole_commit("0" * 12, package) == ""
    with mock.patch.object(cite, "whole_commit", return_value=head):
        assert f"\n% Software Heritage swh:1:rev:{head}\n" in cite_number("mrr.image.10", ledger)
    with mock.patch.object(cite, "whole_commit", return_value=""):
        assert "swh" not in cite_number("mrr.image.10", ledger)
