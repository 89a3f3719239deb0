"""Small tables of pins, and what steps know of them, for the tests of steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.pin_parts import fixed_parts, pin_parts, plain_parts
from visprof.steps.profile_kinds import train_test_profiles

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


def random_parts(seed=0):
    """Random values of what profiles are means of."""
    rng = np.random.default_rng(seed)
    n = N_USERS * N_PINS
    split = split_of(table(N_USERS, N_PINS))
    n_all = N_BACKGROUND + n
    return {
        "assignments": split.arrays(rng.dirichlet(np.ones(5), n_all)),
        "text_assignments": split.arrays(rng.dirichlet(np.ones(4), n_all)),
        "pin_embedding": split.arrays(rng.normal(size=(n_all, 6))),
        "whitened": split.arrays(rng.normal(size=(n_all, 3))),
        "within_class": rng.normal(size=(n, 6)),
        "label_shares": rng.dirichlet(np.ones(3), n),
        "probe_histogram": rng.dirichlet(np.ones(4), n),
        "word_bags": {
            "words": rng.dirichlet(np.ones(4), n),
            "weighted words": 2 * rng.random((n, 4)),
        },
        "palettes": rng.random((n, 6)),
        "file_facts": split.arrays(rng.normal(size=(n_all, 2))),
        "sentence_vectors": rng.normal(size=(n, 7)),
        "board_split": split,
    }


NOT_WITHOUT_PICTURES = (
    "text_assignments", "label_shares", "probe_histogram", "word_bags", "palettes", "file_facts",
    "sentence_vectors",
)  # fmt: skip


FIXED = ("label_shares", "probe_histogram", "word_bags", "palettes", "sentence_vectors")


def pin_parts_of(parts):
    """What profiles are means of, of these values."""
    given = {name: part for name, part in parts.items() if name != "board_split"}
    fixed = {name: given.pop(name) for name in FIXED}
    of_all_seeds = fixed_parts(**fixed, file_facts=given["file_facts"])
    learnt = {name: given[name] for name in ("assignments", "pin_embedding", "whitened")}
    plain = plain_parts(
        **learnt, text_assignments=given.pop("text_assignments"), fixed_parts=of_all_seeds
    )
    return pin_parts(plain, **given)


def profiles_of(parts, **changes):
    """Profiles of the parts' users by their first and by their last pins."""
    split = {**SPLIT, "seed": 3, **changes}
    return train_test_profiles(pin_parts_of(parts), parts["board_split"], **split)
