"""Pictures of the simulated world to look at: every scene class, and every style."""

from __future__ import annotations

import numpy as np

from visprof.sources.painters import SCENE_CLASSES, STYLES, draw_scene

__all__ = ["SCENE_CLASSES", "STYLES", "every_class", "every_style"]


def every_class() -> dict[str, np.ndarray]:
    """One picture of each scene class, in turn in all styles.

    Returns
    -------
    dict of str to ndarray, shape (s, s, 3) uint8
        By the name of the class in words.
    """
    return {
        _in_words(scene): draw_scene(scene, STYLES[place % len(STYLES)], (7, place))
        for place, scene in enumerate(SCENE_CLASSES)
    }


def every_style(scene: str) -> dict[str, np.ndarray]:
    """The same picture of a scene class in each style.

    Parameters
    ----------
    scene : str
        One of `SCENE_CLASSES`.

    Returns
    -------
    dict of str to ndarray, shape (s, s, 3) uint8
        By the name of the style in words.

    Examples
    --------
    >>> pictures = every_style("lighthouse")
    >>> pictures["rose dusk"].shape
    (96, 96, 3)
    """
    return {_in_words(style): draw_scene(scene, style, 5) for style in STYLES}


def _in_words(name: str) -> str:
    return name.replace("_", " ")
