"""Parameters as pages declare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.book.parameters import Parameter


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
