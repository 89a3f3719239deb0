"""Users whose differences we know: their pins are drawn from one bank of simulated pins.

Users who draw from the bank with the same weights differ by chance alone: the null. A taste weighs
the bank's classes and styles anew for each user. Millions of pins cost no more than their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visprof.checks import check_finite, check_number, check_whole
from visprof.sources.tastes import draw_taste
from visprof.sources.vectors import simulate_embeddings

__all__ = ["PinBank", "draw_users", "pin_bank"]


@dataclass(frozen=True)
class PinBank:
    """Pins of the population, sorted by cell: a class of scene and a style.

    Attributes
    ----------
    vectors : ndarray of shape (n, d)
        Embeddings.
    starts : ndarray of int, shape (c + 1,)
        The pins of cell i are those from ``starts[i]`` to before ``starts[i + 1]``.
    labels, styles : ndarray of int, shape (c,)
        Class and style of each cell.
    class_shares, style_shares : ndarray
        How often the population picks each class and each style.
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.int64]
    labels: NDArray[np.int64]
    styles: NDArray[np.int64]
    class_shares: NDArray[np.float64]
    style_shares: NDArray[np.float64]


def pin_bank(n_pins: int, random_state: int) -> PinBank:
    """Simulate a bank of pins, as `visprof.sources.vectors.simulate_embeddings` does.

    Parameters
    ----------
    n_pins : int
        Number of pins, at least 1.
    random_state : int
        Seed >= 0.

    Returns
    -------
    PinBank

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is less than its least.
    """
    n_pins = check_whole(n_pins, "n_pins", 1)
    random_state = check_whole(random_state, "random_state", 0)
    world = simulate_embeddings(
        n_users=1, n_pins=n_pins, class_taste=0, style_taste=0, random_state=random_state
    )
    order = np.lexsort((world.styles, world.labels))
    labels, styles = world.labels[order], world.styles[order]
    new = (np.diff(labels, prepend=-1) != 0) | (np.diff(styles, prepend=-1) != 0)
    starts = np.flatnonzero(new)
    return PinBank(
        vectors=world.vectors[order],
        starts=np.append(starts, n_pins),
        labels=labels[starts],
        styles=styles[starts],
        class_shares=world.class_taste[0],
        style_shares=world.style_taste[0],
    )


def draw_users(
    bank: PinBank,
    n_users: int,
    n_pins: int,
    *,
    taste: float = 0.0,
    session_length: float = 1.0,
    random_state: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw users' pins from the bank, with replacement.

    Parameters
    ----------
    bank : PinBank
        Where pins come from.
    n_users, n_pins : int
        Number of users, and of pins of each, at least 1.
    taste : float
        Strength >= 0 of the users' tastes over classes and over styles, as in
        `visprof.sources.world.simulate_world`; at 0 users differ by chance alone.
    session_length : float
        Mean length >= 1 of runs of pins of one class and style.
    random_state : int
        Seed >= 0.

    Returns
    -------
    rows : ndarray of int, shape (n_users, n_pins)
        Each user's pins in the bank, in time order.
    sessions : ndarray of int, shape (n_users, n_pins)
        Number of each pin's session, from 0 for each user.

    Raises
    ------
    TypeError
        If a parameter is no number, or not whole where things are counted.
    ValueError
        If a parameter is out of its range, or the taste is too strong to compute with.

    Examples
    --------
    >>> rows, sessions = draw_users(pin_bank(1000, random_state=0), n_users=2, n_pins=30, taste=1.0)
    >>> rows.shape
    (2, 30)
    """
    n_users, n_pins = check_whole(n_users, "n_users", 1), check_whole(n_pins, "n_pins", 1)
    taste = check_number(taste, "taste", least=0)
    session_length = check_number(session_length, "session_length", least=1)
    random_state = check_whole(random_state, "random_state", 0)
    rng = np.random.default_rng(random_state)
    sizes = np.diff(bank.starts)
    rows, sessions = np.empty((2, n_users, n_pins), np.int64)
    for user in range(n_users):
        weights = sizes.astype(float)
        if taste:
            for shares, cells in (
                (bank.class_shares, bank.labels),
                (bank.style_shares, bank.styles),
            ):
                with np.errstate(over="ignore", invalid="ignore"):
                    own = draw_taste(np.log(shares), taste, rng)[0]
                weights *= (check_finite(own, f"shares by taste={taste:g}") / shares)[cells]
        session = np.cumsum(rng.random(n_pins) < 1 / session_length)
        session -= session[0]
        below = np.cumsum(weights)
        if not below[-1] > 0:
            raise ValueError(
                f"taste={taste:g} leaves user {user} no pin of the bank's {len(bank.vectors)}; "
                "take a weaker taste or a larger bank"
            )
        cells = np.searchsorted(below, rng.random(session[-1] + 1) * below[-1], side="right")
        cell = cells[session]
        rows[user] = bank.starts[cell] + (rng.random(n_pins) * sizes[cell]).astype(int)
        sessions[user] = session
    return rows, sessions
