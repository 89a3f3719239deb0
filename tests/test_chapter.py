"""What a page gives its text."""

from __future__ import annotations

import numpy as np
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from myst_nb import glue

from visprof import chapter


@pytest.fixture
def published(monkeypatch):
    """What a notebook shows, in order."""
    known = InteractiveShell._instance
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    if known is None:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    "what",
    ["", "0.780 (0.698 to 0.856)", "it's “so”\nand\u2028so", "x" * 300, 12, -3, 0.1, np.float64(2)],
)
def test_words_and_numbers_are_glued_as_myst_nb_glues_them(published, what):
    glue("name", what, display=False)
    chapter.glue("name", what)
    theirs, ours = published
    assert ours == theirs
