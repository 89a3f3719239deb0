"""How a page was made, for the foot of the page and for machines: `PageProvenance`.

The last cell of every executed page is one of these (`visprof.book.executed.add_foot` appends it),
so what it says of time and memory is that of the process that made the page.
"""

from __future__ import annotations

import dataclasses
import re
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from visprof.machine import UNUSED_BYTES, describe_hardware
from visprof.markdown import as_markdown
from visprof.results.provenance import provenance

__all__ = ["KEY", "PageProvenance"]

KEY = "visprof"  # of the metadata of the output that is a page's foot


@dataclass(frozen=True)
class PageProvenance:
    """What a page was made from, by what, on what, in which time; shown as a folded table.

    Attributes
    ----------
    page : str
        Name of the page.
    parameters : dict
        Value by name, of all parameters of the page.
    of_preset : dict
        Values of the study for those that the page leaves to its preset.
    fitted : dict of str to str
        Parameters that are not the preset's since the data do not allow those, and why.
    data : str
        What the study looks at, and a digest of its content.
    content : str
        That digest; empty where the data are simulated, or the page has no study.
    precision : str
        Of its networks.
    made_by : dict
        See `visprof.results.provenance`: versions of the code and of packages, and the machine;
        with a cluster also the ``engine`` (see `visprof.cluster.engine`).
    started, ended : str
        When the process began, and when all but this foot was made: in UTC, to the second.
    seconds, peak_bytes : float, int
        Wall time of the process until now, and the most memory that it has held.
    """

    page: str
    parameters: dict[str, Any]
    of_preset: dict[str, Any]
    fitted: dict[str, str]
    data: str
    content: str
    precision: str
    made_by: dict[str, Any]
    started: str
    ended: str
    seconds: float
    peak_bytes: int

    @classmethod
    def here(cls, page: str, names: list[str], variables: Mapping[str, Any]) -> PageProvenance:
        """Provenance of the page that this process has made.

        Parameters
        ----------
        page : str
            Name of the page.
        names : list of str
            Names of its parameters.
        variables : mapping
            The page's variables: those parameters and, if it has one, its ``page`` (a
            `visprof.chapter.Chapter`) or its ``study``.
        """
        parameters = {name: variables[name] for name in names}
        study = getattr(variables.get("page"), "study", variables.get("study"))
        settled, fitted, content = {}, {}, ""
        if study is not None:
            settled = dataclasses.asdict(study.parameters)
            content = study["data_digest"]
            fitted = {choice.name: str(choice) for choice in study.fit.choices}
            # of its study: a page may use the name of a parameter for something else later on
            parameters |= {
                name: getattr(study.asked, name) if name in study.given else None
                for name in parameters.keys() & settled.keys()
            }
        started, ended = psutil.Process().create_time(), time.time()
        return cls(
            page=page,
            parameters=parameters,
            of_preset={
                name: settled[name]
                for name, value in parameters.items()
                if value is None and name in settled
            },
            fitted=fitted,
            data="" if study is None else _data(settled, content),
            content=content,
            precision=settled.get("precision", ""),
            made_by=provenance() | ({"engine": study.engine} if study and study.engine else {}),
            started=_in_utc(started),
            ended=_in_utc(ended),
            seconds=round(ended - started, 1),
            peak_bytes=_peak_bytes(),
        )

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/markdown": self.markdown()}, {KEY: dataclasses.asdict(self)}

    def markdown(self) -> str:
        """The table, as MyST markdown."""
        lines = [
            "```{admonition} How this page was made",
            ":class: dropdown provenance",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {text} |" for name, text in self.rows().items()),
            "```",
        ]
        return "\n".join(lines)

    def rows(self) -> dict[str, str]:
        """What the table says, by what it is about."""
        given = {name: value for name, value in self.parameters.items() if value is not None}
        hidden = {"ledger", "data"}  # where files lie is the machine's own business
        made = self.made_by
        rows = {
            "parameters of the page": _values(given, hidden),
            "left to the preset": _values(self.of_preset, hidden),
            "fitted to the data": as_markdown("; ".join(self.fitted.values())),
            "data": self.data,
            "precision": self.precision,
            "code": f"visprof {made['visprof']}, commit `{made['commit']}`, source "
            f"`{made['source_sha256'][:12]}`",
            "environment": f"Python {made['python']}; `constraints.txt` "
            f"`{made['tested_packages'][:12]}`, installed packages "
            f"`{made['installed_packages'][:12]}`",
            "machine": as_markdown(describe_hardware(made["machine"])),
            "engine": "{name} {version}, {workers} workers with {threads} threads".format(
                **made["engine"]
            )
            if "engine" in made
            else "",
            "made": f"{self.ended[:10]}, in {self.seconds:.0f} s, with at most "
            f"{self.peak_bytes / 2**20:,.0f} MiB of memory; steps that were kept from an earlier "
            "run are not computed again",
        }
        return {name: text for name, text in rows.items() if text}


def _values(values: Mapping[str, Any], hidden: set[str]) -> str:
    shown = (_code(f"{name}={value!r}") for name, value in values.items() if name not in hidden)
    return ", ".join(shown)


def _code(text: str) -> str:
    """A text that neither begins nor ends with "`", as code in a cell of a Markdown table."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}".replace("|", r"\|")


def _data(settled: Mapping[str, Any], content: str) -> str:
    if content:
        name = as_markdown(Path(settled["data"]).name)
        return f"the folder “{name}”, content `{content[:12]}`"
    return f"simulated from the parameters, seed {settled['seed']}"


def _in_utc(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else 1024 * peak) - sum(UNUSED_BYTES.values())
