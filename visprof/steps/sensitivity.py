"""Step: sensitivity of the differences to parameters and to ambiguous equations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.steps.assignments import clone_as
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step
from visprof.steps.user_pairs import counts_and_shuffled, unit_sums
from visprof.ties import exceeds

with lazily():
    from visprof import logodds
    from visprof.vocabulary import VisualVocabulary, assignment_entropy

__all__ = ["N_COMPARED", "sensitivity"]

N_COMPARED = 1000  # users that settings are compared on, at most: half a million pairs


@step
def sensitivity(
    pin_embedding: PinArrays,
    board_split: BoardSplit,
    visual_vocabulary: VisualVocabulary,
    bandwidth: float,
    normalised_assignments: bool,
    sigma_over: str,
    user_counts: str,
    alpha: float,
    variance: str,
    threshold: float,
    seed: int,
) -> pd.DataFrame:
    """Z of the same pins by other parameters and interpretations, one changed at a time.

    Columns parameter, value, chosen (it is the study's own), entropy (mean of the assignments, in
    nats), prior (how many pins it weighs as much as), differ, shuffled (shares of pairs with Z
    above the threshold, of users and where pins are shuffled among them), gap (by how much the
    first is larger), max_z, shuffled_max_z (eCDF as 501 quantiles). Where there are more than
    `N_COMPARED` users, as many drawn at random stand for all.
    """
    own = {
        "alpha": alpha,
        "bandwidth": bandwidth,
        "normalised_assignments": normalised_assignments,
        "sigma_over": sigma_over,
        "user_counts": user_counts,
        "variance": variance,
    }
    pin_users = board_split.analysed["board"].to_numpy()
    drawn = _some_users(pin_users, seed)
    pictures, pin_users = pin_embedding.analysed[drawn], pin_users[drawn]
    assigned: dict[tuple, tuple] = {}  # by interpretation of Eq. 2, shared by those of Eqs. 4 and 5
    rows = []
    for parameter, value in _changes(own):
        setting = own | {parameter: value}
        of_pins = tuple(
            setting[name] for name in ("bandwidth", "normalised_assignments", "sigma_over")
        )
        if of_pins not in assigned:
            words = clone_as(visual_vocabulary, *of_pins)
            # no warning: at bandwidth 1 assignments are nearly uniform, which the row is to show
            pins = words.assign(pictures)
            background = words.assign(pin_embedding.background).sum(axis=0, dtype=float)
            shares = pins
            if not setting["normalised_assignments"]:
                shares = words.set_params(normalised_assignments=True).assign(pictures)
            entropy = float(assignment_entropy(shares).mean())
            _, y, shuffled = counts_and_shuffled(pins, pin_users, "sum", seed)
            assigned[of_pins] = y, shuffled, background, entropy
        y, shuffled, background, entropy = assigned[of_pins]
        if setting["user_counts"] == "unit":
            y, shuffled = unit_sums(y), unit_sums(shuffled)
        z, shuffled_z = (
            logodds.pairwise_max_z(of, background, setting["alpha"], setting["variance"])
            for of in (y, shuffled)
        )
        differ, by_chance = (float(np.mean(exceeds(of, threshold))) for of in (z, shuffled_z))
        rows.append({
            "parameter": parameter, "value": value, "chosen": value == own[parameter],
            "entropy": entropy, "prior": setting["alpha"] * float(background.sum()),
            "differ": differ, "shuffled": by_chance, "gap": differ - by_chance,
            "max_z": _quantiles(z), "shuffled_max_z": _quantiles(shuffled_z),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _changes(own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Parameters and values to compare, the study's own among them."""
    for factor in (0.01, 0.1, 1, 10, 100):
        yield "alpha", own["alpha"] * factor
    hard = {0.0} if own["normalised_assignments"] else set()
    soft = {own["bandwidth"], 4 * own["bandwidth"], 1.0}  # 1: beta = m, a usual margin
    for value in sorted(hard | soft):
        yield "bandwidth", value
    for normalised in (True, False) if own["bandwidth"] else (True,):
        yield "normalised_assignments", normalised
    for name, values in (
        ("sigma_over", ("pairs", "centres")),
        ("user_counts", ("sum", "unit")),
        ("variance", ("two-term", "four-term")),
    ):
        for value in values:
            yield name, value


def _some_users(pin_users: np.ndarray, seed: int) -> np.ndarray:
    """Rows of the pins of all users, or of `N_COMPARED` drawn at random."""
    users = np.unique(pin_users)
    if len(users) > N_COMPARED:
        users = np.random.default_rng(seed).choice(users, N_COMPARED, replace=False)
    return np.flatnonzero(np.isin(pin_users, users))


def _quantiles(z: np.ndarray) -> np.ndarray:
    return np.quantile(z, np.linspace(0, 1, 501))
