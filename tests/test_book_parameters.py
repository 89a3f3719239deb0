"""Parameters as pages declare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.book.parameters import (
    Parameter,
    changed_values,
    check_parameters,
    study_parameters,
)
from visprof.parameters import Parameters


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "-3", -3),
        ("float", "1e-5", 1e-5),
        ("float", "2", 2.0),
        ("bool", "True", True),
        ("bool", "false", False),
        ("str", "12", "12"),
        ("int | None", "None", None),
        ("int | None", "7", 7),
        ("float | int", "7", 7),
        ("tuple[int, ...]", "5, 10", (5, 10)),
        ("tuple[int, ...] | None", "(5, 10)", (5, 10)),
        ("tuple[int, ...]", "[5]", (5,)),
        ("str | None", "a=b", "a=b"),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(kind, text, value):
    defaults = {"bool": True, "str": "x", "str | None": None, "int | None": None}
    default = (1,) if "tuple" in kind else defaults.get(kind, 1)
    parsed = Parameter("p", kind, default, "").parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"), [("int", "0.5"), ("int", "many"), ("bool", "1"), ("float", "None")]
)
def test_text_of_another_type_is_refused(kind, text):
    parameter = Parameter("p", kind, kind == "bool" or 1, "the help")
    with pytest.raises(ValueError, match=rf"p='{text}' is not of the declared type {kind}.*help"):
        parameter.parse(text)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_values_survive_being_written_as_text(value):
    kind = "None" if value is None else type(value).__name__
    parsed = Parameter("p", kind, value, "").parse(str(value))
    assert parsed == value
    assert type(parsed) is type(value)


KNOWN = {
    "preset": Parameter("preset", "str", "demo", "set of values"),
    "n_clusters": Parameter("n_clusters", "int", None, "visual clusters"),
    "distance": Parameter("distance", "str", None, "between profiles"),
}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"n_cluster": "5"}, "the page has no parameter n_cluster; did you mean n_clusters?"),
        ({"colour": "red"}, "the page has no parameter colour"),
        ({"world_pins": "20"}, "world_pins is now n_simulated_pins"),
        (
            {"n_clusters": "five"},
            "n_clusters='five' is not of the declared type int (n_clusters: visual clusters)",
        ),
        (
            {"distance": "far"},
            "distance is 'far'; it must be euclidean or hellinger or cosine (distance: between "
            "profiles)",
        ),
        (
            {"preset": "huge"},
            "preset is 'huge'; known: demo, tiny, boards, travel, vectors, paper-size, paper, own",
        ),
    ],
)
def test_the_reason_comes_last_below_the_list_of_what_is_allowed(given, reason):
    with pytest.raises(ValueError, match="the page has these parameters:") as raised:
        check_parameters(KNOWN, given, "the page")
    lines = str(raised.value).splitlines()
    assert lines[-1] == reason
    assert "  n_clusters: int = 100  visual clusters [at least 2]" in lines


def test_values_get_their_type_and_those_of_the_default_are_no_change():
    values = check_parameters(KNOWN, {"n_clusters": "5", "distance": None, "preset": "demo"}, "it")
    assert values == {"n_clusters": 5, "distance": None, "preset": "demo"}
    assert changed_values(KNOWN, values) == {"n_clusters": 5}
    assert changed_values(KNOWN, {"n_clusters": 5, "preset": "tiny"}) == {
        "n_clusters": 5, "preset": "tiny",
    }  # fmt: skip


def test_a_study_gives_a_page_every_parameter_left_to_the_preset():
    known = study_parameters()
    assert set(known) == set(Parameters.__dataclass_fields__)
    assert {parameter.default for parameter in known.values()} == {None}
    assert known["train_sizes"].parse("5, 10") == (5, 10)
    assert known["n_clusters"].parse("None") is None
