"""Parameters as options of a command: -p NAME=VALUE, and those that have an option of their own."""

from __future__ import annotations

import argparse

__all__ = ["add_parameters", "given_values"]


def add_parameters(
    command: argparse.ArgumentParser, told: str = "change a parameter; may be repeated"
) -> None:
    """Let a command be given parameters by name."""
    command.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=_assignment, action="append",
        default=[], help=told,
    )  # fmt: skip


def given_values(options: argparse.Namespace) -> dict[str, str]:
    """Parameters by name, each given once, by an option of its own or by -p."""
    named = {"preset": options.preset, "data": options.data}
    given = {name: value for name, value in named.items() if value}
    for name, value in options.parameters:
        if name in given:
            raise ValueError(f"{name} is given twice: {given[name]} and {value}")
        given[name] = value
    return given


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value
