"""Tables of the training: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
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


def test_trainings_of_some_and_of_all_layers_stand_below_the_start():
    columns = [
        "rule", "lr_last", "lr_rest", "turn", "value", "low", "high", "gain", "gain_low",
        "gain_high",
    ]  # fmt: skip
    nothing = float("nan")
    rows = [
        ("start", nothing, nothing, nothing, 0.5, 0.4, 0.6, 0.0, 0.0, 0.0),
        ("paper's rate", 1e-5, 0.0, 0.0, 0.5, 0.4, 0.6, 0.0, 0.0, 0.0),
        ("paper's rate", 1e-5, 1e-7, 12.34, 0.75, 0.7, 0.8, 0.25, 0.1, 0.4),
    ]
    assert shown(tables.layers_tuned(pd.DataFrame(rows, columns=columns))) == [
        ["learning rates", "last layer", "other layers", "turn of the last layer", "mAP",
         "gain over the start"],
        ["start", "", "frozen", "", "0.500 (0.400 to 0.600)", ""],
        ["paper's rate", "1e-05", "frozen", "0°", "0.500 (0.400 to 0.600)",
         "0.000 (0.000 to 0.000)"],
        ["paper's rate", "1e-05", "1e-07", "12°", "0.750 (0.700 to 0.800)",
         "0.250 (0.100 to 0.400)"],
    ]  # fmt: skip
