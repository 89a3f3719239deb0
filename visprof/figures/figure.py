"""The figures of the book: each carries the table that it is drawn from, and its texts are text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from visprof._extras import needs
from visprof.figures.names import drawable, squeezed

with needs("book"):
    import matplotlib.figure
    from matplotlib.text import Text

__all__ = ["Figure"]


class Figure(matplotlib.figure.Figure):
    """A figure that carries the table it is drawn from, and whose texts are text.

    Only what is given to `formulas` is read as mathematics: a ``$`` in a name is drawn as it is.
    Logarithmic axes need a formatter without mathematics.

    Parameters
    ----------
    *args, **kwargs
        As of Matplotlib's figure.
    numbers : DataFrame, optional
        The table that the figure is drawn from; none if it shows pictures or a diagram alone.

    Attributes
    ----------
    numbers : DataFrame or None
        A copy of that table, its rows numbered from 0.
    names : dict of str to str
        Names, by the label that is drawn in their place.
    """

    def __init__(self, *args: Any, numbers: pd.DataFrame | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.numbers = None if numbers is None else numbers.reset_index(drop=True)
        self.names: dict[str, str] = {}
        self._formulas: set[Text] = set()
        self._families: list[str] = []

    def formulas(self, *texts: Text) -> None:
        """Read texts, which hold no name, as mathematics between dollar signs."""
        self._formulas |= {*texts}

    def label(
        self, names: Iterable[object], kind: str, width: int, n_lines: int = 1
    ) -> dict[str, str]:
        """Labels to draw in the place of names; what they stand for is kept in `names`.

        Parameters
        ----------
        names, kind, width, n_lines
            See `drawable`. One call should get all names that a figure shows.

        Returns
        -------
        dict of str to str
            Labels by name.
        """
        labels, self._families = drawable(names, kind, width, n_lines)
        self.names |= {label: name for name, label in labels.items() if label != name}
        return labels

    def told(self) -> dict[str, str]:
        """Names that the figure cuts or numbers, by the label in their place, each on one line."""
        return {
            squeezed(label): squeezed(name)
            for label, name in self.names.items()
            if "".join(label.split()) != "".join(name.split())
        }

    def draw(self, renderer: Any) -> None:
        """Draw the figure.

        Matplotlib does so before, to no effect, to know where everything comes to lie; to lay the
        figure out is enough for that, unless it has texts whose place is known when they are drawn.
        """
        texts = self.findobj(Text)
        for text in texts:
            text.set_parse_math(text in self._formulas)
            own = text.get_fontfamily()
            text.set_fontfamily([*own, *(name for name in self._families if name not in own)])
        engine, without_effect = self.get_layout_engine(), "draw_path" in vars(renderer)
        if engine is not None and without_effect and not any(map(_moves, texts)):
            engine.execute(self)
        else:
            super().draw(renderer)


def _moves(text: Text) -> bool:
    """Whether the place of a text is known when it is drawn (`visprof.figures.curve_labels`)."""
    return getattr(text, "moves", False)
