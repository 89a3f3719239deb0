"""Drawings in fewer letters: every point stays where it was, to a hundredth of a point."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visprof.figures import Figure, use_book_style
from visprof.figures.vectors import shorter_svg

NUMBERS = r"-?(?:\d*\.)?\d+"
POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3}


def drawn(path):
    """A path's commands with their points, from the beginning of the page: a plain reader."""
    at, first, found = np.zeros(2), np.zeros(2), []
    for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(number) for number in re.findall(NUMBERS, text)]
        if command in "zZ":
            at = first
            found.append(("z", []))
            continue
        if command in "hv":
            numbers = [numbers[0], 0] if command == "h" else [0, numbers[0]]
            command = "l"
        points = np.reshape(numbers, (-1, 2)) + (at if command.islower() else 0)
        assert len(points) == POINTS[command.upper()]
        at = points[-1]
        first = at if command == "M" else first
        found.append((command.upper(), points))
    return found


def seen(commands):
    """What there is to see: lines of no length are left out where others follow or go before."""
    kept, at = [], None
    for command, points in commands:
        if command == "L" and np.allclose(points[-1], at, atol=0.006, rtol=0):
            continue
        kept.append((command, points))
        at = points[-1] if len(points) else at
    return kept


coordinate = st.floats(-5000, 5000).map(lambda number: float(f"{number:.6f}"))


@st.composite
def paths(draw):
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        commands = ["M", *draw(st.lists(st.sampled_from("LQC"), max_size=6))]
        for command in commands:
            numbers = draw(
                st.lists(coordinate, min_size=2 * POINTS[command], max_size=2 * POINTS[command])
            )
            lines.append(
                " ".join(
                    [command, *(f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers)]
                )
            )
        lines += ["z"] * draw(st.booleans())
    return "".join(f"{line} \n" for line in lines)


@given(paths())
@example("M 0 0 \nL 0 6 \n")
@example("M 10.004 -0.004 \nL 10.012 -0.004 \nL 10.02 -0.004 \nz \n")
@example("M 1 1 \nL 1 1 \n")
def test_a_path_goes_through_the_same_points(path):
    svg = shorter_svg(f'<path d="{path}" style="fill: none"/>')
    short = re.search(r'd="([^"]*)"', svg)[1]
    expected, found = drawn(path), drawn(short)
    # the dots that are too near to be parted are one
    assert [command for command, _ in found if command != "L"] == [
        command for command, _ in expected if command != "L"
    ]
    rounded = [(command, np.round(points, 2)) for command, points in expected]
    kept, shown = seen(rounded), seen(found)
    assert [command for command, _ in shown] == [command for command, _ in kept]
    for (_, points), (_, exact) in zip(shown, kept, strict=True):
        np.testing.assert_allclose(points, exact, rtol=0, atol=0.0101)
    assert len(svg) <= len(f'<path d="{path}" style="fill: none"/>')


def test_rounding_does_not_add_up():
    steps = np.arange(1, 10_001) * 0.003
    path = "M 0 0 \n" + "".join(f"L {x:.6f} {x / 3:.6f} \n" for x in steps)
    end = drawn(re.search(r'd="([^"]*)"', shorter_svg(f'<path d="{path}"/>'))[1])[-1][1][-1]
    np.testing.assert_allclose(end, [30, 10], rtol=0, atol=0.005)


@pytest.mark.parametrize(
    "path", ["M 1.2345 2 A 3 3 0 0 1 4 4", "M 1.2345", "m 1.2345 2", "L", "1 2"]
)
def test_a_path_that_is_not_understood_stays_as_it_is(path):
    assert shorter_svg(f'<path d="{path}"/>') == f'<path d="{path}"/>'


def test_a_dot_stays_a_dot():
    assert shorter_svg('<path d="M 1 2 \nL 1 2 \n"/>') == '<path d="M1 2h0"/>'


def test_what_is_no_path_and_no_place_stays_as_it_is():
    svg = '<image id="L 1.23456" x="1.23456" width="2.34567"/><g transform="scale(0.015625)"/>'
    assert shorter_svg(svg) == svg
    placed = '<use xlink:href="#a" x="1.2345" y="-0.001" style="stroke-width: 1.2345"/>'
    assert (
        shorter_svg(placed) == '<use xlink:href="#a" x="1.23" y="0" style="stroke-width: 1.2345"/>'
    )


def test_long_curves_take_a_third_and_end_where_they_did():
    use_book_style()
    figure = Figure(figsize=(6, 4))
    axis = figure.add_subplot()
    steps = np.sort(np.random.default_rng(0).normal(size=3000))
    axis.step(steps, np.arange(3000) / 3000, label="a name")
    axis.set_title("Two words, and ½ sign")
    axis.legend()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    short = shorter_svg(text.getvalue())
    curve, shorter = (
        max(re.findall(r' d="([^"]*)"', svg), key=len) for svg in (text.getvalue(), short)
    )
    assert len(shorter) < len(curve) / 3
    long, brief = (
        [drawn(path) for path in re.findall(r' d="([^"]*)"', svg)]
        for svg in (text.getvalue(), short)
    )
    assert len(long) == len(brief)
    for one, other in zip(long, brief, strict=True):
        for points in (one, other):
            assert points
        np.testing.assert_allclose(one[-1][1][-1:], other[-1][1][-1:], atol=0.0051)
    assert shorter_svg(short) == short
