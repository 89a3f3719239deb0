"""Imports that are put off until what they name is used."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from visprof._extras import MissingExtraError
from visprof._lazy import lazily
from visprof.reach import Package

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"cv2", "gensim", "numba", "openTSNE", "skimage", "timm", "torch", "torchvision"}

with lazily():
    import colorsys as colours
    from colorsys import no_such_name
    from textwrap import dedent
    from xml import dom
with lazily("nets"):
    import no_such_network


@pytest.fixture(autouse=True)
def not_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)


def test_a_module_is_imported_when_an_attribute_of_it_is_taken():
    with lazily():
        import colorsys
    assert "colorsys" not in sys.modules
    assert colorsys.rgb_to_hsv(1, 0, 0) == colours.rgb_to_hsv(1, 0, 0) == (0.0, 1, 1)
    assert "colorsys" in sys.modules


def test_a_function_is_imported_when_it_is_called():
    with lazily():
        from colorsys import rgb_to_hsv
    assert "colorsys" not in sys.modules
    assert rgb_to_hsv(1, 0, 0) == (0.0, 1, 1)


def test_who_looks_through_a_module_uses_nothing():
    with lazily():
        from colorsys import rgb_to_hsv
    assert inspect.unwrap(rgb_to_hsv) is rgb_to_hsv
    assert not inspect.isroutine(rgb_to_hsv)
    assert "colorsys" not in sys.modules


def test_a_module_of_a_package_is_imported_by_its_name_there():
    assert dom.Node.ELEMENT_NODE == 1


def test_another_process_gets_what_a_name_stands_for():
    assert pickle.loads(pickle.dumps(dedent)) is textwrap.dedent


def test_what_is_not_there_is_told_when_it_is_used():
    with pytest.raises(ImportError, match="cannot import name 'no_such_name' from 'colorsys'"):
        no_such_name()
    with pytest.raises(ImportError, match="no_such_name"):
        no_such_name.attribute  # noqa: B018
    with pytest.raises(MissingExtraError, match=r"no_such_network .*visprof\[nets\]"):
        no_such_network.load()


def test_other_threads_import_as_usual_meanwhile_and_all_do_afterwards():
    found = []

    def imports():
        import colorsys

        found.append(type(colorsys))

    with lazily():
        other = threading.Thread(target=imports)
        other.start()
        other.join()
    imports()
    assert found == [type(sys), type(sys)]


def test_of_others_modules_only_imports_of_the_named_packages_are_put_off(tmp_path, monkeypatch):
    (tmp_path / "others.py").write_text(
        "import colorsys, keyword\nfrom colorsys import rgb_to_hsv\nname = keyword.__name__\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with lazily(of=("colorsys",)):
        import others
    assert others.name == "keyword"
    assert "colorsys" not in sys.modules
    assert others.rgb_to_hsv(1, 0, 0) == (0.0, 1, 1)
    assert "colorsys" in sys.modules
    monkeypatch.delitem(sys.modules, "others")


def test_code_that_is_imported_when_it_is_used_is_reached_as_any_other():
    library = "def answer():\n    return 42\n\ndef other():\n    return 1\n"
    imports = "from p import library\nfrom p.library import answer\n"
    uses = "def step():\n    return answer(), library.answer()\n"
    put_off = "with lazily():\n    from p import library\n    from p.library import answer\n"
    eager, lazy, changed, beside = (
        Package({"p": "", "p.library": of, "p.steps": how + uses}).version("p.steps", "step")
        for of, how in (
            (library, imports),
            (library, put_off),
            (library.replace("42", "43"), put_off),
            (library.replace("return 1", "return 2"), put_off),
        )
    )
    assert eager == lazy == beside != changed


@pytest.mark.slow
def test_a_page_whose_values_are_kept_loads_no_network_and_no_compiler(tmp_path):
    """What all kernels import, and a study that reads its steps from disk."""
    script = f"""
        import sys
        import visprof.chapter, visprof.tables, visprof.results.claims
        from visprof.study import Study
        Study("tiny", home=sys.argv[1], drawn=False)["board_split"]
        print(*sorted({HEAVY | {"sklearn"}!r} & sys.modules.keys()))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
