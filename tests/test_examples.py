"""The examples in docstrings are run, and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

from visprof.memo import SOURCES

SLOW = {"visprof.study"}  # it computes a study
MODULES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name, source in SOURCES.items()
    if ">>> " in source
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("visprof.study._default_home", lambda: tmp_path)
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert found.attempted > 0
    assert found.failed == 0
