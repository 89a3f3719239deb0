"""The register of steps: what they need, and what stands in for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from visprof import steps
from visprof.memo import SOURCES
from visprof.steps import registry
from visprof.steps.registry import find_step, is_kept, needed_steps, step, variant


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(registry, "STEPS", {})
    monkeypatch.setattr(registry, "VARIANTS", {})
    monkeypatch.setattr(registry, "_MADE_ANEW", set())


def test_a_variant_stands_in_where_all_its_conditions_are_met():
    @step
    def pins():
        return "read"

    @variant("pins", drawn=False, data="")
    def no_pins():
        return "none"

    for drawn, data, expected in ((False, "", no_pins), (False, "x", pins), (True, "", pins)):
        assert find_step("pins", SimpleNamespace(drawn=drawn, data=data)) is expected


def test_a_variant_of_no_step_is_refused():
    step(lambda_named("pins"))
    with pytest.raises(ValueError, match="no step 'pin' to replace; known: pins"):
        variant("pin", drawn=False)


def lambda_named(name):
    def function():
        """A step without needs."""

    function.__name__ = name
    return function


def test_needs_are_steps_by_name_and_over_all_seeds():
    step(lambda_named("pins"))

    @step(kept=False)
    def counts(pins, every_pins, alpha):
        """A step with a need, all its seeds, and a parameter."""

    assert needed_steps(counts) == {"pins": "pins", "every_pins": "pins"}
    assert not is_kept(counts)
    assert is_kept(registry.STEPS["pins"])


def test_every_room_is_imported_and_none_has_the_name_of_a_module_of_the_library():
    rooms = {name.removeprefix("visprof.steps.") for name in SOURCES if ".steps." in name}
    assert rooms - {"registry"} == set(steps.__all__) - {"STEPS", "VARIANTS", "find_step"}
    library = {name.split(".")[1] for name in SOURCES if name.count(".") == 1}
    assert not rooms & library
