"""A machine-readable description of executed pages, as an RO-Crate (`ro-crate-metadata.json`).

It follows the profile Process Run Crate: each page is an action, with the software that did it,
when, for whom, from which data and parameters, and the files that came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof._lazy import lazily
from visprof._shipped import SHIPPED
from visprof.book.kept import file_digest
from visprof.digests import digest
from visprof.machine import INSTRUCTION_SETTINGS, describe_hardware
from visprof.results.provenance import whole_commit

with needs("book"):
    import yaml
with lazily("book"):  # processes that execute pages describe none
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

__all__ = ["PROFILE", "write_crate"]

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
# of terms that RO-Crate itself has not, such as sha256 and environment
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
COMPLETED = "http://schema.org/CompletedActionStatus"  # a page that fails ends the build
CITATION = "CITATION.cff"
PAPER = "https://arxiv.org/abs/1512.06785"
LIBRARY = "book/api.html"  # the software's own page in the book
TYPES = {
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
# where files lie is the machine's own business
HIDDEN = ("ledger", "data")


def write_crate(
    folder: Path,
    title: str,
    description: str,
    pages: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, Sequence[str]],
    project: Path,
) -> None:
    """Write ``ro-crate-metadata.json`` into a folder of executed pages.

    Parameters
    ----------
    folder : Path
        A built book, or a run.
    title, description : str
        What it is.
    pages : mapping of str to mapping
        By name of the page, such as ``03-metric``: what its foot says
        (`visprof.book.footer.PageProvenance`, as a dict).
    files : mapping of str to sequence of str
        By name of the page: what came of it, relative to `folder`.
    project : Path
        Folder of the pages. Only who is named there, in a ``CITATION.cff``, is named as the one
        who had them executed.

    Raises
    ------
    FileNotFoundError
        If a file is not in the folder.

    Notes
    -----
    Process Run Crate 0.5, https://w3id.org/ro/wfrun/process/0.5, of RO-Crate 1.1.
    """
    with needs("book"), lazily(of=("requests",)):  # it could also read crates out of the network
        import_module("rocrate.rocrate")
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.name, crate.description = title, description
    profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    crate.root_dataset["conformsTo"] = _once(crate, PROFILE, profile)
    paper = {"@type": "ScholarlyArticle", "name": "Beyond Classification"}
    crate.isBasedOn = _once(crate, PAPER, paper)
    own = _citation(SHIPPED)
    if own:
        licence = f"https://spdx.org/licenses/{own['license']}"
        crate.license = _once(crate, licence, {"@type": "CreativeWork", "name": own["license"]})
        crate.root_dataset["author"] = _authors(crate, own)
    ended = [made["ended"] for made in pages.values()]
    if ended:
        crate.datePublished = max(ended)
    agents = _authors(crate, _citation(project))
    for page, made in pages.items():
        action = crate.add_action(
            instrument=_software(crate, folder, made["made_by"], own),
            identifier=f"#execution-{page}",
            object=[*_data(crate, made), *_parameters(crate, page, made)],
            result=[_file(crate, folder, name) for name in files[page]],
            properties={
                "name": f"Execution of {page}",
                "description": f"{made['seconds']:.0f} s, {made['peak_bytes']:,} bytes at the "
                f"most, on {describe_hardware(made['made_by']['machine'])}",
                "startTime": made["started"],
                "endTime": made["ended"],
                "actionStatus": COMPLETED,
            },
        )
        crate.root_dataset.append_to("mentions", action)
        if agents:
            action["agent"] = agents
        if settings := _settings(crate, made["made_by"]["machine"]):
            action["environment"] = settings
    crate.metadata.write(folder)


def _citation(folder: Path) -> dict[str, Any]:
    """How a project is cited; empty if it does not say."""
    path = folder / CITATION
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}


def _authors(crate: ROCrate, citation: Mapping[str, Any]) -> list[Any]:
    """The persons and organizations that a project names as its authors."""
    found = []
    for author in citation.get("authors", []):
        if "name" in author:
            kind, name = "Organization", author["name"]
        else:
            names = (author.get("given-names"), author.get("family-names"))
            kind, name = "Person", " ".join(filter(None, names))
        known = author.get("orcid") or author.get("website") or f"#author-{digest(name)[:12]}"
        found.append(_once(crate, known, {"@type": kind, "name": name}))
    return found


def _software(
    crate: ROCrate, folder: Path, by: Mapping[str, Any], citation: Mapping[str, Any]
) -> Any:
    """The library as it was, by its commit where that alone says all."""
    python = _once(
        crate, f"#python-{by['python']}",
        {"@type": "SoftwareApplication", "name": "Python", "softwareVersion": by["python"],
         "url": "https://www.python.org/"},
    )  # fmt: skip
    commit = whole_commit(by["commit"])
    properties = {
        "@type": "SoftwareApplication",
        "name": "visprof",
        "softwareVersion": _version(by),
        "description": f"source {by['source_sha256']}; packages that were tested "
        f"{by['tested_packages']}, installed {by['installed_packages']}",
        "softwareRequirements": python,
    }
    url = citation.get("repository-code") or citation.get("url")
    if url or (folder / LIBRARY).is_file():
        properties["url"] = url or LIBRARY
    identifier = f"swh:1:rev:{commit}" if commit else f"#visprof-{by['source_sha256'][:12]}"
    return _once(crate, identifier, properties)


def _version(by: Mapping[str, Any]) -> str:
    """Release and commit, of the form that PEP 440 gives to local versions."""
    commit = by["commit"].replace("-", ".")
    return by["visprof"] if " " in commit else f"{by['visprof']}+{commit}"


def _data(crate: ROCrate, made: Mapping[str, Any]) -> list[Any]:
    """What a page's study looks at; none if it has no study."""
    if not made["data"]:
        return []
    if not made["content"]:
        told = made["data"]
        drawn = {"@type": "CreativeWork", "name": "Simulated users and pictures"}
        return [_once(crate, f"#data-{digest(told)[:12]}", {**drawn, "description": told})]
    folder = {
        "@type": "CreativeWork",
        "name": Path(_values(made).get("data", "")).name or "pictures",
        "identifier": made["content"],
        "description": "Pictures of a folder, known by a digest of what it holds; not in here.",
        "conditionsOfAccess": "The terms of those who made the pictures apply.",
    }
    return [_once(crate, f"#data-{made['content'][:12]}", folder)]


def _values(made: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a page's parameters, those of its preset where it leaves them to that."""
    values = {**made["parameters"], **made["of_preset"]}
    return {name: value for name, value in values.items() if value is not None}


def _parameters(crate: ROCrate, page: str, made: Mapping[str, Any]) -> list[Any]:
    return [
        _once(
            crate, f"#{page}-{name}", {"@type": "PropertyValue", "name": name, "value": str(value)}
        )
        for name, value in _values(made).items()
        if name not in HIDDEN
    ]


def _settings(crate: ROCrate, machine: Mapping[str, Any]) -> list[Any]:
    """Variables of the environment that keep libraries from instructions: so they round."""
    sets = machine["instruction_sets"]
    return [
        _once(
            crate, f"#environment-{name}-{digest(sets[name])[:12]}",
            {"@type": "PropertyValue", "name": name, "value": sets[name]},
        )
        for name in INSTRUCTION_SETTINGS
        if name in sets
    ]  # fmt: skip


def _file(crate: ROCrate, folder: Path, name: str) -> Any:
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not in the folder that is described")
    properties = {
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "sha256": file_digest(path),
    }
    if known := TYPES.get(path.suffix):
        properties["encodingFormat"] = known
    return crate.add_file(path, dest_path=name, properties=properties)


def _once(crate: ROCrate, identifier: str, properties: Mapping[str, Any]) -> Any:
    """The entity of this name, added if it is not there."""
    return crate.get(identifier) or crate.add(
        ContextEntity(crate, identifier, properties=dict(properties))
    )
