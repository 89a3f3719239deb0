"""Tables of the training: every cell as it is shown."""

from __future__ import annotations

from shown_tables import shown
from test_sentences_training import ablation

from visprof import tables


def test_turns_have_a_row_for_each_normalisation_and_rate():
    gain = "0.200 (0.000 to 0.500)"
    assert shown(tables.turned_layers(ablation(2.0, 0.5))) == [
        ["outputs", "learning rate", "turn of the last layer", "gain in mAP at margin 20"],
        ["batch normalisation", "paper's rate: 1e-05", "2.0°", gain],
        ["batch normalisation", "paper's rate x iterations: 0.12", "14.5°", gain],
        ["batch normalisation", "ten times: 1.2", "127.0°", gain],
        ["unit length", "paper's rate: 1e-05", "0.5°", gain],
        ["unit length", "paper's rate x iterations: 0.12", "3.6°", gain],
        ["unit length", "ten times: 1.2", "31.8°", gain],
    ]
