"""In which order pages are begun that are executed side by side: what takes longest comes first.

A page that takes long and is begun last would run alone at the end. How long each takes is known
from the last time; of pages that are executed for the first time, those that need most steps of the
study are begun first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from visprof._lazy import lazily
from visprof.book.kernels import call_ready

with lazily():
    from visprof import steps
    from visprof.steps import registry

__all__ = ["count_steps", "longest_first"]


def longest_first(seconds: Sequence[float | None], n_steps: Sequence[int]) -> list[int]:
    """Places of pages in the order in which they are begun.

    Parameters
    ----------
    seconds : sequence of float or None
        What each took when it was last executed; None where that is not known.
    n_steps : sequence of int
        How many steps each needs (see `count_steps`).

    Returns
    -------
    list of int
        Pages that were never executed first, those of most steps before others; then those that
        took longest. Of equal ones the first is first.

    Examples
    --------
    >>> longest_first([3.0, 90.0, None, None, None], [7, 15, 2, 66, 66])
    [3, 4, 2, 1, 0]
    """

    def late(place: int) -> tuple[bool, float]:
        took = seconds[place]
        return (took is not None, -n_steps[place] if took is None else -took)

    return sorted(range(len(seconds)), key=late)


def count_steps(pages: Sequence[Iterable[str]]) -> list[int]:
    """How many steps of a study pages need, with all that those need.

    Parameters
    ----------
    pages : sequence of iterable of str
        The code cells of each page.

    Returns
    -------
    list of int
        Of each page: steps that its code names, and those that these are computed from.
    """
    # steps take all of the library, which the process that starts kernels has
    return call_ready(_count_steps, [[*cells] for cells in pages])


def _count_steps(pages: Sequence[Sequence[str]]) -> list[int]:
    return [len(_needed(_named(cells))) for cells in pages]


def _named(cells: Iterable[str]) -> set[str]:
    """Steps that code names: in quotes, as a study and a chapter take them."""
    nodes = (node for source in cells for node in ast.walk(ast.parse(source)))
    words = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {word for word in words if isinstance(word, str) and word in steps.STEPS}


def _needed(names: Iterable[str]) -> set[str]:
    """Steps, with all that they need."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += registry.needed_steps(steps.STEPS[name]).values()
    return found
