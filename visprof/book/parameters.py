"""Parameters as pages declare them: their types, the values given, and lists of both."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from visprof.parameters import (
    PRESETS,
    Parameters,
    allowed_values,
    given_parameters,
    preset_parameters,
    refuse_former_names,
)

__all__ = [
    "Parameter", "changed_values", "check_parameters", "default_of_preset", "list_parameters",
    "study_parameters", "told_allowed", "told_type", "values_allowed",
]  # fmt: skip

FIELDS = {field.name: field for field in dataclasses.fields(Parameters)}


def _parse_none(text: str) -> None:
    if text.lower() not in ("none", ""):
        raise ValueError(text)


def _parse_bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _parse_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[\s,]+", text.strip(" ()[],")) if part)


# Tried in this order, so that "None" and "true" are not taken for strings.
_PARSERS: dict[str, Callable[[str], object]] = {
    "None": _parse_none,
    "bool": _parse_bool,
    "int": int,
    "float": float,
    "tuple[int, ...]": _parse_numbers,
    "str": str,
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a page.

    Attributes
    ----------
    name : str
    type : str
        The annotation: ``int``, ``float``, ``str``, ``bool``, ``tuple[int, ...]``, ``None``, or a
        union such as ``int | str``.
    default : object
        Value in the page's text; None, whatever the type, leaves it to the preset.
    help : str
        The comment that trails the assignment; empty if there is none.
    """

    name: str
    type: str
    default: object
    help: str

    def __post_init__(self) -> None:
        unknown = self.alternatives - _PARSERS.keys()
        if unknown:
            raise ValueError(
                f"parameter {self.name} is annotated {self.type!r}; use {', '.join(_PARSERS)}, "
                "or a union of them"
            )
        self.parse(self.default if isinstance(self.default, str) else repr(self.default))

    @property
    def alternatives(self) -> frozenset[str]:
        """Names of the types that a value may have."""
        declared = frozenset(part.strip() for part in self.type.split("|"))
        return declared | {"None"} if self.default is None else declared

    def parse(self, text: str) -> object:
        """Value of the declared type that `text` stands for.

        Parameters
        ----------
        text : str
            For example ``"50"``, ``"0.5"``, ``"true"``, ``"10, 20"``, ``"None"``.

        Returns
        -------
        int, float, str, bool, tuple of int or None

        Raises
        ------
        ValueError
            If `text` is no value of the declared type.

        Examples
        --------
        >>> Parameter("train_sizes", "tuple[int, ...]", (10, 20), "").parse("5, 10")
        (5, 10)
        """
        for name, parser in _PARSERS.items():
            if name in self.alternatives:
                try:
                    return parser(text)
                except (ValueError, KeyError):
                    continue
        told = f" ({self.name}: {self.help})" if self.help else ""
        raise ValueError(f"{self.name}={text!r} is not of the declared type {self.type}{told}")


def study_parameters() -> dict[str, Parameter]:
    """Every parameter of a study, as a page would declare it: left to the preset."""
    return {
        name: Parameter(name, str(field.type), None, field.metadata["meaning"])
        for name, field in FIELDS.items()
    }


def default_of_preset(parameter: Parameter, preset: str) -> object:
    """Value that a parameter has on a page of this preset if nobody gives one."""
    if parameter.default is None and parameter.name in FIELDS:
        return PRESETS[preset].get(parameter.name, FIELDS[parameter.name].default)
    return preset if parameter.name == "preset" else parameter.default


def values_allowed(name: str) -> str:
    """Values that the parameter of this name may have, in words; empty if its type says all."""
    if name == "preset":
        return " or ".join(PRESETS)
    return allowed_values(FIELDS[name]) if name in FIELDS else ""


def told_allowed(parameter: Parameter) -> str:
    """Values that a parameter may have, in words; empty if its type or its help says all."""
    allowed = values_allowed(parameter.name)
    told = all(value in parameter.help for value in allowed.split(" or "))
    return "" if told else allowed


def told_type(parameter: Parameter) -> str:
    """Type of a parameter as readers are told it: None, which leaves it alone, goes unsaid."""
    return " | ".join(part for part in parameter.type.split(" | ") if part != "None") or "None"


def list_parameters(known: Mapping[str, Parameter], preset: str = "demo") -> str:
    """Describe parameters: name, type, default, meaning and values allowed.

    Parameters
    ----------
    known : mapping of str to Parameter
        Such as those of a `visprof.book.page.Page`.
    preset : str
        Where a parameter's default is the preset's: of which.

    Returns
    -------
    str
        A line each.
    """
    lines = []
    for parameter in known.values():
        allowed = told_allowed(parameter)
        note = f" [{allowed}]" if allowed else ""
        default = default_of_preset(parameter, preset)
        shown = f"{parameter.name}: {told_type(parameter)} = {default!r}"
        lines.append(f"  {shown}  {parameter.help}{note}".rstrip())
    return "\n".join(lines) or "  (none)"


def check_parameters(
    known: Mapping[str, Parameter], given: Mapping[str, object], where: str, listing: str = ""
) -> dict[str, Any]:
    """Values of the declared types, which a study would take too.

    Parameters
    ----------
    known : mapping of str to Parameter
        Those that there are.
    given : mapping
        Values by name, as text or of the declared type.
    where : str
        Whose parameters they are, for the message.
    listing : str
        What to list before the message; by default all that are known.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a parameter is unknown or called by a former name, its value not of the declared type,
        or none that it may have. The parameters are listed, and the reason stands in the last line.
    """
    try:
        refuse_former_names(given.keys() - known.keys())
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"{where} has no parameter {name}{hint}")
        values = {name: known[name].parse(str(value)) for name, value in given.items()}
        if "preset" in known:
            page = {name: parameter.default for name, parameter in known.items()} | values
            preset_parameters(page["preset"], given_parameters(page))
    except ValueError as error:
        if not listing:
            preset = str(given.get("preset", "demo"))
            listing = list_parameters(known, preset if preset in PRESETS else "demo")
        raise ValueError(f"{where} has these parameters:\n{listing}\n{error}") from None
    return values


def changed_values(known: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values, of the declared types, that are not the default of their parameter."""
    return {
        name: value
        for name, value in values.items()
        if (type(value), value) != (type(known[name].default), known[name].default)
    }
