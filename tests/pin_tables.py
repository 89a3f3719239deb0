"""Small tables of pins, and what steps know of them, for the tests of steps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from visprof.steps.data import BoardSplit, PinArrays

N_USERS, N_PINS, N_BACKGROUND = 7, 12, 5
SPLIT = {"n_pins": 10, "n_test": 4, "train_sizes": (3, 6)}


def table(n_users, n_pins, times=None):
    """Pins of users in time order, an hour apart where no times are given."""
    hours = np.tile(np.arange(n_pins), n_users) if times is None else np.asarray(times).ravel()
    return pd.DataFrame(
        {
            "board": np.repeat([f"user-{i:02d}" for i in range(n_users)], n_pins),
            "image": "",
            "time": pd.Timestamp("2014-07-01", tz="UTC") + pd.to_timedelta(hours, unit="h"),
        }
    )


def split_of(analysed):
    background = table(1, N_BACKGROUND).assign(board="background")
    return BoardSplit(background, analysed, pd.DataFrame())


def pin_arrays(background, analysed):
    """Rows of numbers of the background and of the analysed pins."""
    return PinArrays(np.asarray(background), np.asarray(analysed))


def random_parts():
    """Random values of what profiles are means of."""
    rng = np.random.default_rng(0)
    n = N_USERS * N_PINS
    image, text = rng.dirichlet(np.ones(5), n), rng.dirichlet(np.ones(4), n)
    embedded = rng.normal(size=(N_BACKGROUND + n, 6))
    return {
        "assignments": pin_arrays([], image),
        "text_assignments": pin_arrays([], text),
        "pin_embedding": pin_arrays(embedded[:N_BACKGROUND], embedded[N_BACKGROUND:]),
        "pin_features": SimpleNamespace(outputs=rng.normal(size=(N_BACKGROUND + n, 3))),
        "palettes": rng.random((n, 6)),
        "board_split": split_of(table(N_USERS, N_PINS)),
    }
