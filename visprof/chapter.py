"""A page of the book: the study of its parameters, and what it writes down and says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from myst_nb import glue

from visprof import figures, sentences
from visprof.intervals import Estimate
from visprof.study import Study

__all__ = ["Chapter"]


class Chapter:
    """What the cells of a page share.

    Making one gives the figures the book's look, and the text ``source``, what the study looks at.

    Parameters
    ----------
    variables : mapping
        The page's ``globals()``, with the parameters that it was given (see `Study.of_page`).

    Attributes
    ----------
    study : Study
        That of the page's parameters.

    Raises
    ------
    ValueError
        If a parameter or preset is none of the study's.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        figures.use_book_style()
        self.study = Study.of_page(variables)
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

    def say(self, *said: str | Mapping[str, Any]) -> None:
        """Give the text what it names with the role ``glue:text``.

        Parameters
        ----------
        *said : str or mapping
            The name of a parameter of the study, or what is said by name: words, or a number whose
            format the text gives.
        """
        for one in said:
            named = {one: getattr(self.study, one)} if isinstance(one, str) else one
            for name, what in named.items():
                glue(name, sentences.plain(what) if isinstance(one, str) else what, display=False)
