"""Simulated users with accounts on two platforms: one taste, two ways of being shown pictures.

Embeddings as those of `visprof.sources.vectors`, by the same draws: if nothing sets the platforms
apart, they are one, and a user's pins are those of `simulate_embeddings`, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visprof.checks import check_finite, check_number, check_whole
from visprof.sources.painters import SCENE_CLASSES, STYLES
from visprof.sources.tastes import BASE_SPREAD, draw_items, draw_taste

__all__ = ["PlatformWorld", "simulate_platforms"]


@dataclass(frozen=True)
class PlatformWorld:
    """Embeddings of pins on two platforms, and the truth behind them.

    Attributes
    ----------
    users : ndarray of int, shape (n,)
        User of each pin; a user's pins stand together, those of the first platform first, in time
        order.
    second : ndarray of bool, shape (n,)
        Whether a pin is on the second platform.
    sessions : ndarray of int, shape (n,)
        Session of each pin, numbered through; none is on two platforms.
    vectors : ndarray of float32, shape (n, d)
        Embeddings.
    labels, styles : ndarray of int, shape (n,)
        Scene class and style of each pin.
    class_taste : ndarray, shape (n_users, 2, n_classes)
        Probability that a user picks each class on either platform, which the platform's own
        popularity is a part of.
    style_taste : ndarray, shape (n_users, 2, n_styles)
        The same for styles.
    """

    users: np.ndarray
    second: np.ndarray
    sessions: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray
    styles: np.ndarray
    class_taste: np.ndarray
    style_taste: np.ndarray


def simulate_platforms(
    n_users: int = 60,
    n_pins: tuple[int, int] = (30, 40),
    n_dims: int = 16,
    *,
    n_classes: int = len(SCENE_CLASSES),
    n_styles: int = len(STYLES),
    class_taste: float = 1.0,
    style_taste: float = 1.0,
    class_spread: float = 1.0,
    style_spread: float = 0.5,
    decay: float = 1.0,
    common: float = 1.0,
    popularity: float = 0.0,
    offset: float = 0.0,
    user_offset: float = 0.0,
    session_lengths: tuple[float, float] = (1.0, 1.0),
    random_state: int = 0,
) -> PlatformWorld:
    r"""Draw users with one taste and two accounts.

    On platform p, of popularity :math:`g_p \sim N(0, I)`, a user with the log-preferences
    :math:`\ell_p` picks an item (a scene class, likewise a style) with the probability
    :math:`\mathrm{softmax}(\ell_p + \pi\,g_p)`: what is shown more is picked more. A pin's
    embedding is that of `visprof.sources.vectors.simulate_embeddings`, and on the second platform
    also the offset :math:`\lambda\,o + \mu\,o_u`, of the platform and of its user, each of
    expected squared length 1, and the same for all pins: another encoder of pictures, say.

    Log-preferences about the population's are :math:`\ell_1 = s\,e` and :math:`\ell_2 =
    s\,(\sqrt\rho\,e + \sqrt{1 - \rho}\,e')` with independent normal e, e', and the strength s.

    Parameters
    ----------
    n_users : int
        Number of users. Each has a random stream of their own: the first are the same however many
        follow.
    n_pins : (int, int)
        Pins of each user on either platform.
    n_dims, n_classes, n_styles, class_taste, style_taste, class_spread, style_spread, decay
        As of `visprof.sources.vectors.simulate_embeddings`.
    common : float
        Share :math:`\rho` in [0, 1] of the taste that is the same on both platforms; at 0 the
        first says nothing of the second.
    popularity : float
        Strength :math:`\pi \ge 0` of the platforms' own popularity; at 0 they show alike.
    offset, user_offset : float
        Lengths :math:`\lambda, \mu \ge 0` of the offset of the second platform, and of each user
        there.
    session_lengths : (float, float)
        Mean length >= 1 of runs of pins that share class and style, on either platform.
    random_state : int
        Seed >= 0.

    Returns
    -------
    PlatformWorld

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a parameter is out of its range, or so large that a vector is not finite.

    Examples
    --------
    >>> world = simulate_platforms(n_users=2, n_pins=(3, 1), n_dims=4)
    >>> world.users.tolist(), world.second.tolist()[:4]
    ([0, 0, 0, 0, 1, 1, 1, 1], [False, False, False, True])
    """
    for pair, name in ((n_pins, "n_pins"), (session_lengths, "session_lengths")):
        if np.shape(pair) != (2,):
            raise ValueError(f"{name}: expected a pair, one of each platform, got {pair!r}")
    for name, count in (
        ("n_users", n_users), ("n_pins", n_pins[0]), ("n_pins", n_pins[1]), ("n_dims", n_dims),
        ("n_classes", n_classes), ("n_styles", n_styles),
    ):  # fmt: skip
        check_whole(count, name, 1)
    check_whole(random_state, "random_state", 0)
    for length in session_lengths:
        check_number(length, "session_lengths", least=1)
    for name, value in (
        ("class_taste", class_taste), ("style_taste", style_taste), ("class_spread", class_spread),
        ("style_spread", style_spread), ("decay", decay), ("popularity", popularity),
        ("offset", offset), ("user_offset", user_offset),
    ):  # fmt: skip
        check_number(value, name, least=0)
    check_number(common, "common", least=0, most=1)

    # the first streams are those of `simulate_embeddings`; what platforms add has its own
    population, *streams = np.random.SeedSequence(random_state).spawn(1 + n_users)
    rng = np.random.default_rng(population)
    class_base = BASE_SPREAD * rng.standard_normal(n_classes)
    style_base = BASE_SPREAD * rng.standard_normal(n_styles)
    variance = np.arange(1, n_dims + 1) ** -float(decay)
    scale = np.sqrt(variance / variance.sum()).astype(np.float32)
    with np.errstate(over="ignore"):  # checked
        class_centres = class_spread * scale * rng.standard_normal((n_classes, n_dims), np.float32)
        style_centres = style_spread * scale * rng.standard_normal((n_styles, n_dims), np.float32)
        class_popularity = popularity * rng.standard_normal((2, n_classes))
        style_popularity = popularity * rng.standard_normal((2, n_styles))
        moved = offset * scale * rng.standard_normal(n_dims, np.float32)
        farthest = np.abs(class_centres).max() + np.abs(style_centres).max()
        farthest += np.abs(moved).max() + user_offset
    check_finite(farthest, "class_spread, style_spread and offsets: vectors")

    total = sum(n_pins)
    second = np.arange(total) >= n_pins[0]
    ends = np.where(second, *(1 / length for length in session_lengths[::-1]))
    vectors = np.empty((n_users, total, n_dims), np.float32)
    labels, styles, sessions = np.empty((3, n_users, total), int)
    class_tastes = np.empty((n_users, 2, n_classes))
    style_tastes = np.empty((n_users, 2, n_styles))
    for u, stream in enumerate(streams):
        rng = np.random.default_rng(stream)
        class_tastes[u] = _on_platforms(
            draw_taste(class_base, class_taste, rng), class_base, common, class_popularity
        )
        style_tastes[u] = _on_platforms(
            draw_taste(style_base, style_taste, rng), style_base, common, style_popularity
        )
        starts = rng.random(total) < ends
        starts[n_pins[0]] = True
        session = np.cumsum(starts)
        session -= session[0]
        # the taste of the second platform is the late one of its sessions
        late = np.zeros(session[-1] + 1)
        late[session[n_pins[0]] :] = 1
        labels[u] = draw_items(class_tastes[u], late, rng)[session]
        styles[u] = draw_items(style_tastes[u], late, rng)[session]
        pins = vectors[u]
        rng.standard_normal(out=pins, dtype=np.float32)
        pins *= scale
        pins += class_centres[labels[u]]
        pins += style_centres[styles[u]]
        own = user_offset * scale * rng.standard_normal(n_dims, np.float32)
        pins[second] += moved + own
        sessions[u] = u * total + session
    return PlatformWorld(
        np.repeat(np.arange(n_users), total), np.tile(second, n_users), sessions.ravel(),
        check_finite(vectors.reshape(-1, n_dims), "offsets: vectors"), labels.ravel(),
        styles.ravel(), class_tastes, style_tastes,
    )  # fmt: skip


def _on_platforms(
    tastes: np.ndarray, base: np.ndarray, common: float, popularity: np.ndarray
) -> np.ndarray:
    """Probabilities of items on either platform, (2, k), from two tastes of a user's own."""
    if common == 1 and not popularity.any():
        return np.stack([tastes[0], tastes[0]])
    with np.errstate(divide="ignore"):
        one, other = np.log(np.maximum(tastes, np.finfo(float).tiny)) - base
    logits = base + popularity
    logits += np.stack([one, np.sqrt(common) * one + np.sqrt(1 - common) * other])
    check_finite(logits, "popularity and strength of taste: log-preferences")
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
