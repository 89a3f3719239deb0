"""A page of the book: the study of its parameters, and what it writes down and says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visprof import figures, sentences, tables
from visprof._extras import needs
from visprof.figures.kept import KeptFigures
from visprof.intervals import Estimate
from visprof.memo import fingerprint
from visprof.mime import GLUED
from visprof.results.cite import RESULTS, find_ledger
from visprof.results.ledger import Ledger
from visprof.results.trainings import TRAININGS
from visprof.results.users import write_users
from visprof.study import Study
from visprof.trace import note_inputs

with needs("book"):
    from IPython.display import display

__all__ = ["Chapter", "say"]


def say(said: Mapping[str, Any]) -> None:
    """Give the text what it names with the role ``glue:text``; for pages without a study."""
    for name, what in said.items():
        glue(name, what)


def glue(name: str, what: str | float) -> None:
    """Give the text one word or number: what `myst_nb.glue` does, without display, of these.

    To ask every formatter of the notebook how it would show them takes several times as long.
    """
    told = {"scrapbook": {"name": name, "mime_prefix": GLUED}}
    display({f"{GLUED}text/plain": repr(what)}, raw=True, metadata=told)


class Chapter:
    """What the cells of a page share.

    Making one gives the figures the book's look, and the text ``source``, what the study looks at.

    Parameters
    ----------
    variables : dict
        The page's ``globals()``, with the parameters that it was given (see `Study.of_page`). What
        it calls ``figures`` and ``tables``, if these are the book's, draws each figure once.

    Attributes
    ----------
    study : Study
        That of the page's parameters.

    Raises
    ------
    ValueError
        If a parameter or preset is none of the study's.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        figures.use_book_style()
        self.study = Study.of_page(variables)
        for module in (figures, tables):
            name = module.__name__.rpartition(".")[2]
            if variables.get(name) is module:
                home = self.study.home.resolve()
                variables[name] = KeptFigures(module, home, lambda: self["data_digest"])
        self._ledger = variables.get("ledger", "")
        self.say({"source": self.study.source})

    def __getitem__(self, step: str) -> Any:
        """Value of a step of the study."""
        return self.study[step]

    def record(self, *steps: str) -> dict[str, Estimate]:
        """Write the numbers of steps into the ledger, and give them to the text by their keys.

        Parameters
        ----------
        *steps : str
            Steps whose value is a dict of estimates, such as "map_numbers".

        Returns
        -------
        dict of str to Estimate
        """
        numbers = {key: number for step in steps for key, number in self[step].items()}
        self.study.record(numbers, self._ledger)
        self.say({key: sentences.shown(key, number) for key, number in numbers.items()})
        return numbers

    def record_users(self, step: str) -> None:
        """Write what a step gives of each user beside the ledger (see `visprof.results.users`)."""
        if self._ledger:
            write_users(self[step], self._ledger)

    def say(self, *said: str | Mapping[str, Any]) -> None:
        """Give the text what it names with the role ``glue:text``.

        Parameters
        ----------
        *said : str or mapping
            The name of a parameter of the study, or what is said by name: words, or a number whose
            format the text gives.
        """
        for one in said:
            if isinstance(one, str):
                say({one: sentences.plain(getattr(self.study, one))})
            else:
                say(one)

    def published(self, preset: str) -> Ledger:
        """The published ledger of a preset; the page is made again when it changes."""
        self.noted(RESULTS / f"{preset}.json")  # also where there is none yet
        return find_ledger(preset=preset)

    def measured(self, name: str) -> dict[str, Any]:
        """What a benchmark has kept in ``results/NAME.json``; noted like a published ledger."""
        return json.loads(self.noted(RESULTS / f"{name}.json").read_text("utf-8"))

    def trainings(self) -> dict[str, dict[str, Any]]:
        """Records of trainings by name, the published ones and the reader's own; noted, too."""
        folder = self.noted(TRAININGS)
        return {
            path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))
        }

    def noted(self, path: Path) -> Path:
        """The path of a file or folder, after which the page is made again when that changes."""
        note_inputs({}, {str(path): fingerprint(path)})
        return path
