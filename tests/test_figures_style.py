"""The look of figures is seaborn's, whether that is imported or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
import seaborn as sns
from matplotlib.colors import to_hex

from visprof.figures import style
from visprof.figures.style import CYCLE, use_book_style

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def kept_look(tmp_path, monkeypatch):
    """Where it is kept in this test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(style, "LOOK", tmp_path / "kept" / "look.json")
    with mpl.rc_context():
        yield style.LOOK


def settings():
    found = dict(mpl.rcParams)
    cycle = found.pop("axes.prop_cycle").by_key()["color"]
    return found, [to_hex(colour) for colour in cycle]


def of_seaborn():
    with mpl.rc_context():
        sns.set_theme(context="notebook", style="ticks", palette=CYCLE)
        return settings()


def test_figures_look_as_seaborn_has_them_but_for_what_the_book_names(kept_look):
    wanted, cycle = of_seaborn()
    own = {
        "axes.spines.top", "axes.spines.right", "axes.titlesize", "axes.titlelocation",
        "legend.frameon", "svg.hashsalt", "figure.facecolor", "image.cmap",
    }  # fmt: skip
    for _ in ("made", "kept"):
        mpl.rcdefaults()
        use_book_style()
        found, own_cycle = settings()
        assert {name for name in found if found[name] != wanted[name]} <= own
        assert own_cycle == cycle == [colour.lower() for colour in CYCLE]
        assert kept_look.exists()


def test_a_look_of_another_seaborn_or_one_that_is_cut_is_made_anew(kept_look, monkeypatch):
    use_book_style()
    kept = kept_look.read_bytes()
    monkeypatch.setattr(style, "version", lambda name: f"another {name}")
    use_book_style()
    other = kept_look.read_bytes()
    assert other != kept
    kept_look.write_bytes(other[:-9])
    use_book_style()
    assert kept_look.read_bytes() == other


def test_nothing_is_kept_where_nothing_can_be_written(kept_look, monkeypatch):
    kept_look.parent.write_text("a file")
    use_book_style()
    kept_look.parent.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    use_book_style()
    assert not kept_look.exists()
    assert mpl.rcParams["svg.hashsalt"] == "visprof"


@pytest.mark.slow
def test_a_look_that_is_kept_takes_no_seaborn():
    code = (
        "import sys; sys.dont_write_bytecode = False; from visprof import figures; "
        "figures.use_book_style(); print('seaborn' in sys.modules, 'scipy.stats' in sys.modules)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
        )
    assert done.stdout.split() == ["False", "False"]
