"""Libraries that are loaded ahead, and out of sight until they are imported."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from visprof.book.aside import put_aside
from visprof.book.footer import _peak_bytes
from visprof.machine import UNUSED_BYTES

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


def test_a_part_of_a_package_that_stays_is_imported_from_it(faraway):
    import faraway as package

    with put_aside("faraway"):
        import faraway.isle
    assert not hasattr(package, "isle")
    from faraway import isle

    assert isle is package.isle is sys.modules["faraway.isle"]


def test_what_fails_half_way_is_put_aside_so_far_as_it_came(faraway):
    faraway.write_text("raise ValueError('sunk')\n")
    with pytest.raises(ValueError, match="sunk"), put_aside("faraway"):
        import faraway.isle
    assert "faraway" not in sys.modules
    import faraway

    assert sys.modules["nearby"].ran == ["top"]
    faraway.__spec__.loader.get_source("faraway")  # of the loader that had run it


def test_threads_that_import_parts_of_it_at_once_run_nothing_again(faraway):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            with put_aside("faraway"):
                import faraway.isle  # noqa: F401
            begin, failed = threading.Barrier(4), []

            def imports(name, begin=begin, failed=failed):
                begin.wait()
                try:
                    importlib.import_module(name)
                except Exception as error:
                    failed.append(error)

            threads = [
                threading.Thread(target=imports, args=(name,))
                for name in ("faraway", "faraway.isle") * 2
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not failed
            assert sys.modules["nearby"].ran == ["top", "isle"]
            sys.meta_path.pop(0)
            for name in ("faraway", "faraway.isle", "nearby"):
                del sys.modules[name]
    finally:
        sys.setswitchinterval(before)


def test_a_page_does_not_count_the_memory_of_what_it_does_not_use(faraway):
    faraway.write_text("held = bytearray(100 * 2**20)\nheld[::4096] = bytes(len(held[::4096]))\n")
    before = sum(UNUSED_BYTES.values())
    with put_aside("faraway"):
        import faraway.isle
    aside = sum(UNUSED_BYTES.values()) - before
    assert 90 * 2**20 < aside < 200 * 2**20
    unused = _peak_bytes()
    import faraway

    assert sum(UNUSED_BYTES.values()) == before
    assert _peak_bytes() - unused >= aside


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
