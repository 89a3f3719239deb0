"""Libraries that are loaded ahead, and out of sight until they are imported."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from visprof.book.aside import put_aside

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"llvmlite", "numba", "torch", "torchvision"}


@pytest.fixture
def faraway(tmp_path, monkeypatch):
    """A package that notes how often its modules run, and a module that it needs."""
    (tmp_path / "faraway").mkdir()
    (tmp_path / "faraway" / "__init__.py").write_text("import nearby\nnearby.ran.append('top')\n")
    (tmp_path / "faraway" / "isle.py").write_text("import nearby\nnearby.ran.append('isle')\n")
    (tmp_path / "nearby.py").write_text("ran = []\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = [*sys.meta_path]
    yield tmp_path / "faraway" / "isle.py"
    sys.meta_path[:] = finders
    for name in ("faraway", "faraway.isle", "nearby"):
        sys.modules.pop(name, None)


def test_what_was_put_aside_comes_back_as_it_was_when_any_of_it_is_imported(faraway):
    with put_aside("faraway"):
        import faraway.isle as loaded
    assert not {"faraway", "faraway.isle"} & sys.modules.keys()
    assert sys.modules["nearby"].ran == ["top", "isle"]  # what it needed stays
    import faraway

    assert sys.modules["faraway.isle"] is faraway.isle is loaded
    assert loaded.__spec__.origin == loaded.__file__ == str(faraway.isle.__file__)
    assert loaded.__spec__.loader is not None
    assert "_Aside" not in {type(finder).__name__ for finder in sys.meta_path}
    from faraway.isle import nearby

    assert nearby.ran == ["top", "isle"]  # it has not run again


def test_a_module_of_it_brings_the_package_back(faraway):
    with put_aside("faraway"):
        import faraway.isle as loaded
    from faraway.isle import nearby

    assert nearby.ran == ["top", "isle"]
    assert sys.modules["faraway.isle"] is loaded
    assert loaded.__spec__.origin == str(faraway)
    assert sys.modules["faraway"].__spec__.name == "faraway"


def test_to_ask_whether_it_is_there_does_not_bring_it_back(faraway):
    with put_aside("faraway"):
        import faraway.isle  # noqa: F401
    assert importlib.util.find_spec("faraway") is not None
    assert "faraway" not in sys.modules


def test_what_was_there_before_stays_and_is_not_put_aside(faraway):
    import faraway as before

    with put_aside("faraway"):
        import faraway.isle
    assert sys.modules["faraway"] is before
    assert "faraway.isle" not in sys.modules
    import faraway.isle

    assert sys.modules["nearby"].ran == ["top", "isle"]
    assert faraway.isle.__spec__.name == "faraway.isle"


READY = """
import json, os, sys
from visprof.book import _ready, _ready_to_compute
from visprof.machine import hardware

def told():
    sets = hardware()["instruction_sets"]
    return {"loaded": sorted(HEAVY & sys.modules.keys()), "torch": "torch" in sets}

reads, writes = os.pipe()
if os.fork() == 0:
    found = [told()]
    import numpy as np
    from visprof import logodds, siamese, _numba
    found += [told(), float(siamese.torch.ones(3).sum()), int(_numba.njit(lambda x: x + 1)(1))]
    os.write(writes, json.dumps(found).encode())
    os._exit(0)
os.close(writes)
with os.fdopen(reads) as said:
    print(json.dumps([told(), *json.load(said)]))
"""


@pytest.mark.slow
def test_a_page_does_not_see_what_processes_begin_with_until_it_imports_it():
    """As a page that is made for the first time finds it, forked from what has it ready."""
    script = READY.replace("HEAVY", repr(HEAVY))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    here, begun, uses, total, next_number = json.loads(done.stdout)
    assert here == begun == {"loaded": [], "torch": False}
    assert uses["torch"]
    assert {"numba", "torch"} <= set(uses["loaded"])
    assert (total, next_number) == (3.0, 2)
