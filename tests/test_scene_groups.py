"""Groups of scene classes."""

from __future__ import annotations

import pytest

from visprof.scene_groups import SCENE_GROUPS, scene_groups
from visprof.sources.painters import SCENE_CLASSES


def test_every_drawn_class_has_a_group_of_four():
    groups = scene_groups(SCENE_CLASSES).tolist()
    assert len(set(groups)) == 5
    assert {groups.count(group) for group in groups} == {4}
    assert set(SCENE_GROUPS[0]) == set(SCENE_CLASSES)


def test_a_hundred_classes_of_photographs_have_three_groups():
    assert len(SCENE_GROUPS[1]) == 100
    assert set(SCENE_GROUPS[1].values()) == {"indoors", "nature", "built"}


def test_unknown_classes_are_groups_of_their_own():
    assert scene_groups(["attic", "cellar"]).tolist() == ["attic", "cellar"]
    nothing = scene_groups([])
    assert (nothing.tolist(), nothing.dtype.kind) == ([], "U")


def test_one_name_is_no_list_of_classes():
    with pytest.raises(ValueError, match=r"classes: expected shape \(n,\), got \(\)"):
        scene_groups("coast")
    with pytest.raises(ValueError, match="classes: 1 of 2 values are missing"):
        scene_groups(["coast", None])
