"""Pictures of the simulated world to look at."""

from __future__ import annotations

import numpy as np
import pytest

from visprof.sources import gallery, world


def test_every_class_is_shown_once_and_every_style_in_turn():
    found = gallery.every_class()
    assert list(found) == [scene.replace("_", " ") for scene in world.SCENE_CLASSES]
    place = len(world.STYLES) + 1  # the second style again
    scene = world.SCENE_CLASSES[place]
    drawn = world.draw_scene(scene, world.STYLES[1], (7, place))
    assert np.array_equal(found[scene.replace("_", " ")], drawn)


def test_every_style_shows_the_same_scene():
    found = gallery.every_style("lighthouse")
    assert list(found) == [style.replace("_", " ") for style in world.STYLES]
    for style, pixels in zip(world.STYLES, found.values(), strict=True):
        assert np.array_equal(pixels, world.draw_scene("lighthouse", style, 5))


def test_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match="light_house"):
        gallery.every_style("light_house")
