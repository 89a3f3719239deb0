"""A machine-readable description of a built book, as an RO-Crate (`ro-crate-metadata.json`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof._lazy import lazily
from visprof._shipped import SHIPPED
from visprof.machine import describe_hardware

with needs("book"):
    import yaml
with lazily("book"):  # a run describes no book
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

__all__ = ["describe_book"]

CITATION = SHIPPED / "CITATION.cff"
PAPER = "https://arxiv.org/abs/1512.06785"
TYPES = {
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".csv": "text/csv",
    ".json": "application/json",
}


def describe_book(
    html: Path, title: str, pages: dict[str, dict[str, Any]], files: dict[str, list[str]]
) -> None:
    """Write ``ro-crate-metadata.json`` into the folder of a built book.

    Every executed page is described by what made it (an action with its parameters, its software,
    its machine, its time) and by the files that came of it.

    Parameters
    ----------
    html : Path
        Folder of the book.
    title : str
        Its title.
    pages : dict of str to dict
        By name of the page, such as ``book/03-metric``: what its foot says
        (`visprof.book.footer.PageProvenance`, as a dict).
    files : dict of str to list of str
        By name of the page: what came of it, relative to `html`.

    Raises
    ------
    FileNotFoundError
        If a file is not in the book.
    """
    crate = ROCrate()
    crate.name = title
    crate.description = (
        "A book that re-does the paper “Beyond Classification: Latent User Interests Profiling "
        "from Visual Contents Analysis”, executed."
    )
    crate.isBasedOn = crate.add(
        ContextEntity(crate, PAPER, {"@type": "ScholarlyArticle", "name": "Beyond Classification"})
    )
    if CITATION.exists():
        citation = yaml.safe_load(CITATION.read_text("utf-8"))
        crate.license = f"https://spdx.org/licenses/{citation['license']}"
        author = {"name": citation["authors"][0]["name"]}
        crate.creator = crate.add(Person(crate, "#authors", author))
    crate.datePublished = max((made["date"] for made in pages.values()), default=None)
    for page, made in pages.items():
        results = [_file(crate, html, name) for name in files[page]]
        by = made["made_by"]
        software = _once(
            crate, f"#visprof-{by['source_sha256'][:12]}", "SoftwareApplication",
            {"name": "visprof", "version": by["visprof"], "softwareVersion": by["commit"],
             "sha256": by["source_sha256"], "runtimePlatform": f"Python {by['python']}",
             "softwareRequirements": f"constraints.txt {by['tested_packages']}"},
        )  # fmt: skip
        parameters = [
            _once(crate, f"#{page}-{name}", "PropertyValue", {"name": name, "value": str(value)})
            for name, value in {**made["parameters"], **made["of_preset"]}.items()
            if name != "ledger"
        ]
        crate.add_action(
            instrument=software,
            identifier=f"#execution-{page}",
            object=parameters,
            result=results,
            properties={
                "name": f"Execution of {page}",
                "endTime": made["date"],
                "description": f"{made['seconds']:.0f} s, {made['peak_bytes']:,} bytes at the "
                f"most, on {describe_hardware(by['machine'])}; {made['data']}",
            },
        )
    crate.metadata.write(html)


def _file(crate: ROCrate, html: Path, name: str) -> Any:
    path = html / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not in the book")
    known = TYPES.get(path.suffix)
    properties = {"name": path.name, "contentSize": str(path.stat().st_size)}
    return crate.add_file(
        path, dest_path=name, properties=properties | ({"encodingFormat": known} if known else {})
    )


def _once(crate: ROCrate, identifier: str, kind: str, properties: dict[str, Any]) -> Any:
    return crate.get(identifier) or crate.add(
        ContextEntity(crate, identifier, {"@type": kind, **properties})
    )
