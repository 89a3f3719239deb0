"""Diagrams carry the numbers of their study."""

from __future__ import annotations

import figure_examples

from visprof import figures


def test_diagrams_carry_the_numbers_of_the_run():
    texts = " ".join(t.get_text() for t in figures.framework(365, 205, 77).axes[0].texts)
    assert "365 + 205" in texts
    assert "= 570" in texts
    assert "77 centres" in texts
    network = figures.siamese_network("somenet", 512, 205, 20.0, "l2")
    texts = " ".join(t.get_text() for t in network.axes[0].texts)
    assert "512 to 205" in texts
    assert "20 - D" in texts
    assert figure_examples.drawn(network).min() < 100
