"""The description of executed pages for machines follows its profile, Process Run Crate 0.5."""

from __future__ import annotations

import copy
import json
import re
import warnings
from hashlib import sha256
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from visprof import _shipped
from visprof.book import crate, footer
from visprof.book.crate import PROFILE, write_crate

ACTIONS = {"CreateAction", "ActivateAction", "UpdateAction"}
SOFTWARE = {"SoftwareApplication", "SoftwareSourceCode", "ComputationalWorkflow"}
CONSUMED = {"File", "Dataset", "Collection", "CreativeWork", "PropertyValue"}
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
STATUS = [f"http://schema.org/{name}ActionStatus" for name in ("Completed", "Failed")]


def listed(value) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


def faults(told: dict, folder: Path) -> list[str]:
    """What a crate lacks of what RO-Crate 1.1 and the profile require (MUST) and ask for (SHOULD).

    Written from the tables of the two texts, of the metadata alone.
    """
    found = []
    ids = [entity["@id"] for entity in told["@graph"]]
    of = {entity["@id"]: entity for entity in told["@graph"]}
    found += [f"{name} stands twice" for name in of if ids.count(name) > 1]

    def types(name):
        return set(listed(of.get(name, {}).get("@type")))

    def require(entity, what, wanted=None, many=True):
        """Values of a property, which there must be; entities of these types if there are any."""
        values = listed(entity.get(what))
        if not values or "" in values:
            found.append(f"{entity['@id']} has no {what}")
        if not many and len(values) > 1:
            found.append(f"{entity['@id']} has {len(values)} of {what}")
        for value in values if wanted else []:
            name = value.get("@id") if isinstance(value, dict) else None
            if name is None or not types(name) & wanted:
                found.append(f"{what} of {entity['@id']} is {value}, none of {sorted(wanted)}")
        return [value["@id"] if isinstance(value, dict) else value for value in values]

    context = listed(told["@context"])
    if context[:1] != ["https://w3id.org/ro/crate/1.1/context"]:
        found.append("the context is not that of RO-Crate 1.1")
    terms = {"sha256", "environment", "containerImage"}
    used = {term for entity in of.values() for term in terms & entity.keys()}
    if used and "https://w3id.org/ro/terms/workflow-run/context" not in context:
        found.append(f"{sorted(used)} are terms of no context")

    about = of["ro-crate-metadata.json"]
    require(about, "conformsTo")
    (root,) = require(about, "about", {"Dataset"}, many=False)
    root = of[root]
    if PROFILE not in require(root, "conformsTo", {"CreativeWork"}):
        found.append("the root does not conform to the profile")
    for what in ("name", "description", "datePublished"):
        require(root, what, many=False)
    require(root, "license", {"CreativeWork"}, many=False)
    require(root, "author", {"Person", "Organization"})
    parts = {part["@id"] for part in listed(root.get("hasPart"))}
    mentions = {action["@id"] for action in listed(root.get("mentions"))}

    actions = [entity for entity in of.values() if types(entity["@id"]) & ACTIONS]
    if not actions:
        found.append("there is no action")
    for action in actions:
        name = action["@id"]
        require(action, "instrument", SOFTWARE, many=False)
        for what in ("name", "description", "endTime"):
            require(action, what, many=False)
        require(action, "agent", {"Person", "Organization"})
        require(action, "result", CONSUMED)
        for consumed in listed(action.get("object")):
            if not types(consumed["@id"]) & CONSUMED:
                found.append(f"object of {name} is {consumed}")
        for time in ("startTime", "endTime"):
            if time in action and not ISO_TIME.fullmatch(action[time]):
                found.append(f"{time} of {name} is {action[time]}")
        if action.get("startTime", "") > action.get("endTime", ""):
            found.append(f"{name} ends before it starts")
        if action.get("actionStatus", STATUS[0]) not in STATUS:
            found.append(f"actionStatus of {name} is {action['actionStatus']}")
        if "error" in action and action.get("actionStatus") != STATUS[1]:
            found.append(f"{name} has an error and did not fail")
        if name not in mentions:
            found.append(f"{name} is not mentioned by the root")
        for setting in listed(action.get("environment")):
            if types(setting["@id"]) != {"PropertyValue"}:
                found.append(f"environment of {name} is {setting}")
    for entity in of.values():
        name, kinds = entity["@id"], types(entity["@id"])
        if kinds & SOFTWARE:
            require(entity, "name", many=False)
            require(entity, "url", many=False)
            if len({"version", "softwareVersion"} & entity.keys()) != 1:
                found.append(f"{name} has no version, or two")
            if "softwareRequirements" in entity:
                require(entity, "softwareRequirements", SOFTWARE)
        if "PropertyValue" in kinds:
            require(entity, "name")
            require(entity, "value")
        if "File" in kinds:
            if name not in parts:
                found.append(f"{name} is no part of the root")
            content = (folder / name).read_bytes() if (folder / name).is_file() else None
            if content is None:
                found.append(f"{name} is not there")
            elif entity.get("sha256") != sha256(content).hexdigest():
                found.append(f"{name} has another content")
            elif entity.get("contentSize") != str(len(content)):
                found.append(f"{name} has another size")
        for value in entity.values():
            for link in listed(value):
                known = {*of, "https://w3id.org/ro/crate/1.1"}
                if isinstance(link, dict) and link["@id"] not in known:
                    found.append(f"{name} refers to {link['@id']}, which is not there")
    return found


def made_here(page, **more):
    """What the foot of a page says, of this process."""
    variables = {"preset": "tiny", "seed": 1, "ledger": "/home/me/ledger.json", "data": None}
    foot = footer.PageProvenance.here(page, list(variables), variables)
    _, metadata = foot._repr_mimebundle_()
    return {**metadata[footer.KEY], **more}


FILES = {
    "02-siamese": ["book/02-siamese.html"],
    "03-metric": ["book/03-metric.html", "figures/03-metric/pr.svg", "figures/03-metric/pr.csv"],
}


@pytest.fixture
def pages():
    real = {"data": "the folder “mine”, content `0123456789ab`", "content": "0123456789abcdef"}
    settled = {"data": "/home/me/secret/mine", "n_clusters": 20}
    return {
        "02-siamese": made_here("02-siamese", data="simulated from the parameters, seed 0"),
        "03-metric": made_here("03-metric", **real, of_preset=settled),
    }


@pytest.fixture
def folder(tmp_path):
    for name in (*FILES["02-siamese"], *FILES["03-metric"], "book/api.html"):
        path = tmp_path / "built" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "built"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "CITATION.cff").write_text("authors:\n- {given-names: Ada, family-names: L}\n")
    return tmp_path


@pytest.fixture
def told(folder, pages, project):
    write_crate(folder, "A book", "It is executed.", pages, FILES, project)
    return json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))


def entities(told) -> dict[str, dict]:
    return {entity["@id"]: entity for entity in told["@graph"]}


def test_the_crate_follows_its_profile(told, folder):
    assert faults(told, folder) == []


def without(what, of=None):
    def change(graph):
        for entity in graph.values():
            if of is None or of in listed(entity["@type"]):
                entity.pop(what, None)

    return change


def with_value(name, what, value):
    def change(graph):
        graph[name][what] = value

    return change


ONE = "#execution-03-metric"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (without("conformsTo", "Dataset"), "./ has no conformsTo"),
        (without("license"), "./ has no license"),
        (without("mentions"), f"{ONE} is not mentioned"),
        (without("instrument"), f"{ONE} has no instrument"),
        (with_value(ONE, "instrument", {"@id": "./"}), "none of"),
        (without("agent"), f"{ONE} has no agent"),
        (without("endTime"), f"{ONE} has no endTime"),
        (with_value(ONE, "startTime", "2026-11-28"), f"startTime of {ONE}"),
        (with_value(ONE, "startTime", "2999-01-01T00:00:00+00:00"), "ends before it starts"),
        (with_value(ONE, "actionStatus", "done"), "actionStatus"),
        (with_value(ONE, "error", "none"), "did not fail"),
        (without("result"), f"{ONE} has no result"),
        (without("softwareVersion"), "has no version"),
        (without("url", "SoftwareApplication"), "has no url"),
        (without("sha256"), "has another content"),
        (with_value("book/03-metric.html", "contentSize", "1"), "has another size"),
        (without("hasPart"), "is no part of the root"),
        (with_value(ONE, "object", {"@id": "#nobody"}), "#nobody"),
        (without("value", "PropertyValue"), "has no value"),
    ],
)
def test_what_the_profile_asks_for_is_missed(told, folder, change, fault):
    changed = copy.deepcopy(told)
    change(entities(changed))
    assert any(fault in found for found in faults(changed, folder))


def test_what_a_page_was_made_by_from_and_what_came_of_it(told, pages):
    of = entities(told)
    action, made = of["#execution-03-metric"], pages["03-metric"]
    assert action["startTime"] == made["started"] <= action["endTime"] == made["ended"]
    assert [result["@id"] for result in action["result"]] == FILES["03-metric"]
    assert of["figures/03-metric/pr.csv"]["encodingFormat"] == "text/csv"
    software = of[action["instrument"]["@id"]]
    assert software["softwareVersion"].startswith(made["made_by"]["visprof"])
    assert made["made_by"]["source_sha256"] in software["description"]
    consumed = [of[name["@id"]] for name in action["object"]]
    values = {one["name"]: one["value"] for one in consumed if one["@type"] == "PropertyValue"}
    assert values == {"preset": "tiny", "seed": "1", "n_clusters": "20"}
    (data,) = (one for one in consumed if one["@type"] == "CreativeWork")
    assert (data["name"], data["identifier"]) == ("mine", "0123456789abcdef")
    simulated = [of[name["@id"]] for name in of["#execution-02-siamese"]["object"]]
    assert "seed 0" in simulated[0]["description"]


def test_where_files_lie_is_not_told(told):
    assert "/home" not in json.dumps(told)
    assert "secret" not in json.dumps(told)


def test_only_whom_the_project_names_has_had_it_executed(told, folder, pages, project):
    agents = {
        entities(told)[agent["@id"]]["name"]
        for agent in entities(told)["#execution-03-metric"]["agent"]
    }
    assert agents == {"Ada L"}
    (project / "CITATION.cff").unlink()
    write_crate(folder, "A book", "It is executed.", pages, FILES, project)
    nobody = json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))
    assert {fault.rpartition(" ")[2] for fault in faults(nobody, folder)} == {"agent"}


def test_who_is_named_by_a_family_name_is_a_person_and_by_a_name_alone_an_organization(tmp_path):
    orcid = "https://orcid.org/0000-0000-0000-0000"
    authors = [{"name": "We"}, {"family-names": "Lovelace", "orcid": orcid}]
    found = crate._authors(ROCrate(), {"authors": authors})
    assert [(author["@type"], author["name"]) for author in found] == [
        ("Organization", "We"), ("Person", "Lovelace"),
    ]  # fmt: skip
    assert found[1].id == orcid


def test_software_is_known_by_its_commit_where_no_file_was_changed(
    folder, pages, project, monkeypatch
):
    monkeypatch.setattr(crate, "whole_commit", lambda commit: "ab" * 20 * ("dirty" not in commit))
    for page, commit in (("02-siamese", "abababababab"), ("03-metric", "abababababab-dirty")):
        pages[page]["made_by"] = {**pages[page]["made_by"], "commit": commit}
    write_crate(folder, "A book", "It is executed.", pages, FILES, project)
    of = entities(json.loads((folder / "ro-crate-metadata.json").read_text("utf-8")))
    clean, dirty = (
        of[of[f"#execution-{page}"]["instrument"]["@id"]] for page in ("02-siamese", "03-metric")
    )
    assert clean["@id"] == f"swh:1:rev:{'ab' * 20}"
    assert clean["softwareVersion"].endswith("+abababababab")
    assert dirty["@id"].startswith("#visprof-")
    assert dirty["softwareVersion"].endswith("+abababababab.dirty")


def test_settings_that_change_how_numbers_are_rounded_are_told(folder, pages, project):
    machine = pages["03-metric"]["made_by"]["machine"]
    sets = {**machine["instruction_sets"], "ONEDNN_MAX_CPU_ISA": "AVX2"}
    by = {**pages["03-metric"]["made_by"], "machine": {**machine, "instruction_sets": sets}}
    pages["03-metric"]["made_by"] = by
    write_crate(folder, "A book", "It is executed.", pages, FILES, project)
    told = json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))
    assert faults(told, folder) == []
    names = {
        entities(told)[setting["@id"]]["name"]
        for setting in entities(told)["#execution-03-metric"]["environment"]
    }
    assert "ONEDNN_MAX_CPU_ISA" in names


def test_others_programs_read_it(told, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = ROCrate(folder)
    assert read.name == "A book"
    assert read.get(ONE)["instrument"]["name"] == "visprof"


def test_without_a_citation_it_has_neither_licence_nor_author(folder, pages, tmp_path, monkeypatch):
    monkeypatch.setattr(crate, "SHIPPED", tmp_path / "nowhere")
    write_crate(folder, "A book", "It is executed.", pages, FILES, tmp_path / "nowhere")
    told = json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))
    assert {fault.rpartition(" ")[2] for fault in faults(told, folder)} == {
        "license", "author", "agent",
    }  # fmt: skip
    assert (_shipped.SHIPPED / "CITATION.cff").is_file()


def test_a_file_that_is_not_there_is_an_error(folder, pages, project):
    with pytest.raises(FileNotFoundError, match=r"gone\.html is not in the folder"):
        write_crate(folder, "A book", "", pages, {**FILES, "03-metric": ["gone.html"]}, project)


def test_a_crate_of_no_page_names_no_action(folder, project):
    write_crate(folder, "A book", "It is executed.", {}, {}, project)
    told = json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))
    assert faults(told, folder) == ["there is no action"]
