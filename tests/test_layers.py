"""The picture of the house in the README: what stands on what, one home for each thing."""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from visprof.memo import SOURCES

ROOT = Path(__file__).resolve().parent.parent
DRAWN = {"sources/canvas.py", "sources/painters.py"}  # long, but a picture is long
LONGEST = 600


@pytest.fixture(scope="module")
def rooms():
    """The README's list: what it says of each module, or package (with a slash), in its order."""
    picture = re.search(
        r"Data flows one way.*?```\n(.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    found = []
    for line in picture[1].splitlines():
        if names := re.match(r" {2}(\w+/?(?:, \w+/?)*) {2,}(\S.*)", line):
            found += [[name, names[2]] for name in names[1].split(", ")]
        elif line.startswith(" "):  # what is said goes on
            found[-1][1] += f" {line.strip()}"
    return found


@functools.cache
def home(module):
    """What a module is in the list: itself, or the package that it is of."""
    parts = module.split(".")[1:]
    packages = {name.split(".")[1] for name in SOURCES if name.count(".") > 1}
    return f"{parts[0]}/" if parts and parts[0] in packages else "".join(parts)


@functools.cache
def imports(module):
    """Modules that one imports, inside functions too; not the front door, which imports none."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[module])):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            wholes = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (wholes & SOURCES.keys()) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & SOURCES.keys()) - {"visprof"}


def test_every_module_is_listed_once(rooms):
    assert sorted(name for name, _ in rooms) == sorted({home(of) for of in SOURCES} - {""})


def test_nothing_is_imported_that_is_listed_further_down(rooms):
    place = {name: number for number, (name, _) in enumerate(rooms)}
    further_down = [
        f"{module} -> {other}"
        for module in SOURCES
        for other in imports(module)
        if module != "visprof" and place[home(other)] > place[home(module)]
    ]
    assert further_down == []


def test_every_source_of_boards_is_named(rooms):
    named = set(re.findall(r"\w+", dict(map(tuple, rooms))["sources/"]))
    there = {name.split(".")[2] for name in SOURCES if name.startswith("visprof.sources.")}
    assert there <= named


def test_nothing_is_imported_in_a_circle():
    graph = {module: imports(module) for module in SOURCES}
    homes = {}
    for module, others in graph.items():
        homes.setdefault(home(module), set()).update({home(of) for of in others} - {home(module)})
    for of in (graph, homes):  # neither modules nor packages
        order = list(TopologicalSorter(of).static_order())  # a circle is an error
        place = {name: number for number, name in enumerate(order)}
        late = [(name, other) for name in of for other in of[name] if place[other] > place[name]]
        assert set(of) <= set(place)
        assert late == []


def test_no_module_of_steps_has_the_name_of_one_of_the_library():
    library = {name.split(".")[1] for name in SOURCES if name.count(".")}
    steps = {name.split(".")[2] for name in SOURCES if name.startswith("visprof.steps.")}
    assert not library & steps


def test_no_file_is_long_but_those_that_draw_pictures():
    package = ROOT / "visprof"
    long = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if len(file.read_text("utf-8").splitlines()) > LONGEST
    }
    assert long == DRAWN


@pytest.mark.slow
def test_a_parameter_is_added_in_one_file(tmp_path):
    """A made-up one: a line of `Parameters` is all that studies, commands and the book need."""
    shutil.copytree(ROOT / "visprof", tmp_path / "visprof", ignore=shutil.ignore_patterns("_*_"))
    file = tmp_path / "visprof" / "parameters.py"
    text = file.read_text("utf-8")
    line = '    seed: int = _parameter(0, "seed of every draw"'
    assert line in text
    added = '    patience: float = _parameter(2.5, "hours that nobody waits", above=0, most=24)\n'
    file.write_text(text.replace(line, added + line), "utf-8")
    script = """
        import sys
        from visprof.book.reference import parameter_table
        from visprof.cli import main
        from visprof.study import Study
        root = sys.argv[1]
        print(Study("tiny").patience, Study("tiny", patience=3.0).patience)
        table = parameter_table(root).set_index("parameter")
        print(*table.loc["patience", ["type", "default", "values allowed", "meaning"]], sep="; ")
        run = ["run", "prediction", "--preset", "tiny", "--root", root]
        print(main([*run, "-p", "patience=25"]))
    """
    told = subprocess.run(
        [sys.executable, "-c", "if True:" + script, str(ROOT)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert told.stdout.splitlines() == [
        "2.5 3.0", "float; 2.5; above 0, at most 24; hours that nobody waits", "1",
    ], told.stderr  # fmt: skip
    assert told.stderr.splitlines()[-1] == (
        "patience is 25.0; it must be above 0, at most 24 (patience: hours that nobody waits)"
    )


@pytest.mark.slow
def test_what_makes_a_book_loads_nothing_that_its_kernels_load():
    """Each command would wait seconds for it."""
    script = """
        import sys
        import visprof.book.build, visprof.book.footer, visprof.book.runs, visprof.results.ledger
        heavy = {"torch", "cv2", "matplotlib", "pandas", "scipy", "sklearn", "visprof.study"}
        heavy |= {"joblib", "numpy", "pyarrow", "rocrate"}
        print(*sorted(heavy & sys.modules.keys()))
    """
    command = [sys.executable, "-c", "if True:" + script]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []
