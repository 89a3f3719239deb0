"""pyproject.toml, constraints.txt, environment.yml and CITATION.cff say the same."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import visprof
from visprof.parameters import Parameters

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    extra: [Requirement(line) for line in lines]
    for extra, lines in PROJECT["optional-dependencies"].items()
}
INSTALLED = ("nets", "book", "collect", "cluster", "heif", "export", "test")  # by `make install`
REQUIREMENTS = [
    *map(Requirement, PROJECT["dependencies"]),
    *(requirement for extra in INSTALLED for requirement in EXTRAS[extra]),
]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    exact = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line[:1] != "#"]
    assert all(exact), "constraints.txt: every line must be name==version, without local suffix"
    return {canonicalize_name(match[1]): match[2] for match in exact}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda r: r.name)
def test_every_dependency_is_bounded_and_pinned_within_its_bounds(requirement):
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators & {">=", "=="}, "no lower bound"
    name = canonicalize_name(requirement.name)
    assert name in pins()
    assert requirement.specifier.contains(pins()[name])


def test_installed_versions_are_the_pinned_ones():
    differing = {}
    for name, pin in pins().items():
        try:
            installed = Version(version(name)).public
        except PackageNotFoundError:  # some are needed on other systems only
            continue
        if installed != pin:
            differing[name] = (installed, pin)
    assert not differing, f"installed, pinned: {differing}; run `make install`"


def test_every_direct_dependency_is_installed():
    assert {r.name: version(r.name) for r in REQUIREMENTS}.keys() == {r.name for r in REQUIREMENTS}


def test_constraints_name_no_index_and_no_package_twice():
    text = (ROOT / "constraints.txt").read_text()
    names = [canonicalize_name(n) for n in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)]
    assert len(names) == len(set(names))
    assert "://" not in text


# a study asks for it by a parameter that is off; it is large, so that `make book` does without
LEFT_OUT = "sentences"


def test_the_extra_all_is_every_extra_but_an_optional_one_and_those_of_who_works_on_it():
    (whole,) = EXTRAS["all"]
    assert whole.name == PROJECT["name"]
    assert whole.extras == EXTRAS.keys() - {"all", "test", "bench", LEFT_OUT}
    assert not Parameters().sentence_encoder


def test_the_extra_that_all_leaves_out_brings_the_networks_and_is_bounded():
    networks, encoder, *others = EXTRAS[LEFT_OUT]
    assert (networks.name, networks.extras) == (PROJECT["name"], {"nets"})
    assert str(encoder.specifier) == "==0.1.0"  # the weights, which decide the numbers
    for requirement in others:
        assert {of.operator for of in requirement.specifier} == {">=", "<"}


def test_the_book_is_installed_without_what_only_tests_a_cluster_and_documents_need():
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "book"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    asked = set(re.findall(r"--constraint constraints\.txt --editable '\.\[([\w,]+)\]'", recipe))
    assert asked == {"nets,book,collect,heif"}  # by uv, and by pip
    (whole,) = EXTRAS["all"]
    assert whole.extras == {*["nets", "book", "collect", "heif"], "cluster", "export"}


def test_the_installation_tells_what_is_large_and_the_sum():
    said = """\
Collecting torch
  Downloading torch-2.6.0-cp311-cp311-manylinux1_x86_64.whl.metadata (28 kB)
  Downloading torch-2.6.0-cp311-cp311-manylinux1_x86_64.whl (1.2 GB)
  Using cached numpy-2.0-cp311-cp311-manylinux1_x86_64.whl (19.7 MB)
Downloading scipy-1.15.0-cp311-cp311-manylinux1_x86_64.whl (40.7 MB)
Downloading peewee-3.17.tar.gz (300 kB)
"""
    assert told_by_make("DOWNLOADS", said) == [
        "   1200 MB  torch-2.6.0-cp311-cp311-manylinux1_x86_64.whl",
        "     41 MB  scipy-1.15.0-cp311-cp311-manylinux1_x86_64.whl",
        "   1261 MB in 4 packages",
    ]


def test_what_the_installation_warns_of_for_each_package_is_told_once():
    errors = ["ERROR: no matching distribution", "  twice", "  twice"]
    said = [
        "WARNING: Location 'file:///index/numba/' is ignored", "WARNING: Retrying after 'timeout'",
        "WARNING: Location 'file:///index/torch/' is ignored", *errors,
    ]  # fmt: skip
    assert told_by_make("WARNINGS", "\n".join(said)) == [*said[:2], *errors]


def told_by_make(script: str, said: str) -> list[str]:
    """What one of the Makefile's awk scripts makes of what pip says."""
    return subprocess.run(
        ["make", "--no-print-directory", "--file=-", "tell"],
        cwd=ROOT, check=True, capture_output=True, text=True,
        input=f'include Makefile\ntell:\n\t@printf %s "$$SAID" | awk "$${script}"\n',
        env=os.environ | {"SAID": said},
    ).stdout.splitlines()  # fmt: skip


def test_environment_yml_only_refers_to_the_other_files():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-c constraints.txt", "-e .[all,test]"]}
    python = next(line for line in conda if line.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert {line.split("=")[0] for line in conda} == {"python", "pip", "make"}


def test_citation_names_this_version_and_the_original_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == visprof.__version__
    assert citation["license"] == PROJECT["license"]
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Yang", "Hsieh", "Estrin"]
    assert paper["identifiers"][0]["value"] == "arXiv:1512.06785"


def test_every_python_package_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {ROOT / "visprof", *(path.parent for path in (ROOT / "visprof").rglob("*.py"))}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(declared["packages"]) >= found
