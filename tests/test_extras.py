"""The core imports without the extras; what is missing is named with the extra that brings it."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from visprof import cli
from visprof._extras import MissingExtraError, needs

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = sorted((ROOT / "visprof").rglob("*.py"))
DISTRIBUTIONS = {
    name: {canonicalize_name(of) for of in distributions}
    for name, distributions in packages_distributions().items()
}
# modules that a study of arrays, or the citing of a number, calls
CORE = {
    "alike", "boards", "carry_over", "category_ranks", "cli", "datasheet", "duplicates",
    "intervals", "logodds", "manifests", "memo", "parameters", "prediction", "profiles",
    "rank_scores", "results.cite",
    "results.claims", "results.ledger", "results.verdicts", "retrieval", "scenes", "shares",
    "significance", "text", "variation", "vocabulary",
}  # fmt: skip


@functools.cache
def distributions_of(extra: str | None) -> set[str]:
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def with_dependencies(names: set[str]) -> set[str]:
    """Distributions with all that they need, of those that are installed here."""
    found, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = map(Requirement, distribution(name).requires or ())
        needed = {
            canonicalize_name(requirement.name)
            for requirement in needed
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        }
        waiting |= needed - found
    return found


def imported(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    """Names of the packages that a piece of code imports, with where."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.module.partition(".")[0], node))
    return [(name, node) for name, node in found if name not in sys.stdlib_module_names]


def extra_of(node: ast.AST) -> str | None:
    """The extra of a block `with needs(extra):` or `with lazily(extra):`."""
    if isinstance(node, ast.With) and isinstance(call := node.items[0].context_expr, ast.Call):
        is_named = ast.unparse(call.func) in ("needs", "lazily") and call.args
        return ast.literal_eval(call.args[0]) if is_named else None
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_import_is_of_the_core_or_says_which_extra_it_is_of(file):
    tree = ast.parse(file.read_text("utf-8"))
    extras = {}
    for block in ast.walk(tree):
        if extra := extra_of(block):
            extras |= {id(node): extra for _, node in imported(block)}
        elif isinstance(block, ast.Try) and "ImportError" in ast.unparse(block):  # can do without
            extras |= {id(node): "heif" for _, node in imported(block)}
    for name, node in imported(tree):
        extra = extras.get(id(node))
        known = {"visprof"} | distributions_of(None) | (distributions_of(extra) if extra else set())
        where = f"line {node.lineno}: {name} is not of the extra {extra}"
        assert DISTRIBUTIONS.get(name, {canonicalize_name(name)}) & known, where


@pytest.fixture(scope="module")
def without_extras() -> dict[str, str]:
    """What the import of each module says where only the core is installed; empty if it works."""
    allowed = with_dependencies(distributions_of(None))
    blocked = [name for name, of in DISTRIBUTIONS.items() if not of & (allowed | {"visprof"})]
    code = """
import importlib, json, sys

blocked, modules = (set(words.split()) for words in sys.argv[1:])

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
said = {}
for module in sorted(modules):
    try:
        importlib.import_module(module)
        said[module] = ""
    except ImportError as error:
        said[module] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in FILES
    ]
    told = subprocess.run(
        [sys.executable, "-c", code, " ".join(blocked), " ".join(modules)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(told.stdout)


@pytest.mark.slow
def test_the_core_imports_where_nothing_else_is_installed(without_extras):
    failed = {name for name in CORE if without_extras[f"visprof.{name}"]}
    assert not failed


@pytest.mark.slow
def test_every_other_module_names_the_extra_that_it_needs(without_extras):
    said = {module: text for module, text in without_extras.items() if text}
    assert said["visprof.embedding"] == (
        'MissingExtraError: torch is not installed: pip install "visprof[nets]"'
    )
    for module, text in said.items():
        assert "MissingExtraError" in text, (module, text)
        extra = text.rpartition("visprof[")[2].rstrip(']"')
        assert extra in PROJECT["optional-dependencies"], (module, text)


def test_what_is_missing_is_told_by_the_extra_of_who_misses_it_first():
    told = pytest.raises(MissingExtraError, match=r'no_such is not .*"visprof\[inner\]"')
    with told, needs("outer"), needs("inner"):
        import no_such  # noqa: F401


def test_other_errors_of_an_import_are_left_as_they_are():
    with pytest.raises(ImportError, match="cannot import name"), needs("nets"):
        from visprof.checks import no_such  # noqa: F401
    with pytest.raises(ZeroDivisionError), needs("nets"):
        1 / 0  # noqa: B018


def test_the_command_says_what_is_missing_in_one_line(monkeypatch, capsys):
    def absent(options):
        with needs("book"):
            import no_such  # noqa: F401

    monkeypatch.setattr(cli, "_pdf", absent)
    assert cli.main(["pdf"]) == 1
    assert capsys.readouterr().err == (
        'visprof: no_such is not installed: pip install "visprof[book]"\n'
    )
