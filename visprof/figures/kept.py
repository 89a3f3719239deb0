"""Figures that a page has drawn before, of the same values: their files are read from disk.

To draw a figure and to write its files takes longer than all that a page does beside it which
computes nothing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib

from visprof._extras import needs
from visprof.digests import digest
from visprof.figures import files
from visprof.figures.interactive import HTMLFigure
from visprof.machine import environment_version
from visprof.memo import code_version, keep

with needs("book"):
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

__all__ = ["KeptFigure", "KeptFigures"]

_GIVES = re.compile(r"^Figure$|\bHTMLFigure\b")  # in the annotation of what a function returns
FOLDER = "figures"  # beside those of steps


class KeptFigures:
    """A module of functions that draw, each of which draws once what it is given.

    Its other functions, which give no `Figure` and no `HTMLFigure`, are as they are.

    Parameters
    ----------
    module : module
        Such as `visprof.figures`.
    home : Path
        Folder in which steps are kept.
    data : callable
        Gives a digest of the pictures that figures show; called when the first one is drawn.
    """

    def __init__(self, module: ModuleType, home: Path, data: Callable[[], str]) -> None:
        self._module, self._home, self._data = module, home, data

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if inspect.isfunction(found) and _GIVES.search(found.__annotations__.get("return", "")):
            return partial(self._kept, found)
        return found

    def _kept(self, draw: Callable[..., Any], *given: Any, **named: Any) -> Any:
        drawn = partial(draw, *given, **named)
        folder = self._home / FOLDER / f"{draw.__name__}-{self._key(draw, given, named)}"
        shown = keep(folder, lambda: _shown(drawn()))
        return drawn() if shown is None else KeptFigure(drawn, *shown)

    def _key(self, draw: Callable[..., Any], *values: Any) -> str:
        """Digest of all that a figure's files follow from."""
        settings = {name: of for name, of in dict.items(mpl.rcParams) if name != "backend"}
        return digest(
            code_version(draw.__module__, draw.__name__),
            code_version(files.__name__, files.shown_files.__name__),
            environment_version(),
            self._data_digest,
            repr(settings),
            *sorted(font.fname for font in fontManager.ttflist),
            joblib.hash(values),
        )

    @cached_property
    def _data_digest(self) -> str:
        return self._data()


class KeptFigure:
    """What stands for a figure whose files are kept: asked for anything else, it is drawn.

    Parameters
    ----------
    draw : callable
        Draws it.
    data, metadata : dict
        What notebooks show of it, by MIME type (`visprof.figures.files.shown_files`).
    text : str
        The same in words.
    """

    def __init__(
        self, draw: Callable[[], Any], data: dict[str, str], metadata: dict[str, Any], text: str
    ) -> None:
        self.__dict__.update(_draw=draw, _shown=(data, metadata), _text=text)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        # one that was drawn for somebody may have been changed by them
        return _shown(self._figure)[:2] if "_figure" in self.__dict__ else self._shown

    def __repr__(self) -> str:
        return self._text

    @cached_property
    def _figure(self) -> Any:
        return self._draw()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # notebooks ask for what they might show
            raise AttributeError(name)
        return getattr(self._figure, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._figure, name, value)


def _shown(figure: Any) -> tuple[dict[str, str], dict[str, Any], str] | None:
    """What notebooks show of a figure; None of anything else."""
    if isinstance(figure, HTMLFigure):
        return figure._repr_mimebundle_(), {}, repr(figure)
    return (*files.shown_files(figure), repr(figure)) if isinstance(figure, Figure) else None
