"""Simulated users with accounts on two platforms: one taste, two ways of being shown pictures.

Embeddings as those of `visprof.sources.vectors`, by the same draws: if nothing sets the platforms
apart, they are one, and a user's pins are those of `simulate_embeddings`, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visprof.blocks import slices
from visprof.checks import check_finite, check_number, check_whole
from visprof.sources.painters import SCENE_CLASSES, STYLES
from visprof.sources.tastes import BASE_SPREAD, items_at, tastes_around

__all__ = ["PlatformWorld", "simulate_platforms"]

_AT_ONCE = 256  # users


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
    for block in slices(n_users, _AT_ONCE):
        drawn = _Draws.of(streams[block], (n_classes, n_styles), n_pins[0], ends, vectors[block])
        class_tastes[block], style_tastes[block] = (
            _on_platforms(tastes_around(base, strength, noise), base, common, popular)
            for base, strength, noise, popular in (
                (class_base, class_taste, drawn.classes, class_popularity),
                (style_base, style_taste, drawn.styles, style_popularity),
            )
        )
        labels[block], styles[block] = (
            drawn.items(of[block], which) for which, of in enumerate((class_tastes, style_tastes))
        )
        pins = vectors[block]
        pins *= scale
        pins += class_centres[labels[block]]
        pins += style_centres[styles[block]]
        pins[:, second] += (moved + user_offset * scale * drawn.offsets)[:, None]
        sessions[block] = total * np.arange(n_users)[block, None] + drawn.sessions
    return PlatformWorld(
        np.repeat(np.arange(n_users), total), np.tile(second, n_users), sessions.ravel(),
        check_finite(vectors.reshape(-1, n_dims), "offsets: vectors"), labels.ravel(),
        styles.ravel(), class_tastes, style_tastes,
    )  # fmt: skip


@dataclass(frozen=True)
class _Draws:
    """What is drawn of some users, each from a stream of their own; all else follows from it."""

    classes: np.ndarray  # normal, (n, 2, n_classes)
    styles: np.ndarray  # and (n, 2, n_styles)
    sessions: np.ndarray  # of pins, (n, total)
    on_second: np.ndarray  # whether a session is on the second platform, of all users in a row
    uniform: np.ndarray  # for the class and the style of these sessions, (2, n_sessions)
    offsets: np.ndarray  # normal, (n, n_dims)

    @classmethod
    def of(
        cls,
        streams: list[np.random.SeedSequence],
        n_items: tuple[int, int],
        n_first: int,
        ends: np.ndarray,
        vectors: np.ndarray,
    ) -> _Draws:
        """Draw them, and the noise of pins into `vectors`; a session begins with a chance."""
        n, n_classes = len(streams), n_items[0]
        normal, starts = np.empty((n, 2 * sum(n_items))), np.empty((n, len(ends)), bool)
        offsets, uniform = np.empty((n, vectors.shape[2]), np.float32), []
        for u, stream in enumerate(streams):
            rng = np.random.default_rng(stream)
            rng.standard_normal(out=normal[u])
            starts[u] = rng.random(len(ends)) < ends
            starts[u, [0, n_first]] = True
            uniform.append(rng.random((2, np.count_nonzero(starts[u]))))
            rng.standard_normal(out=vectors[u], dtype=np.float32)
            rng.standard_normal(out=offsets[u], dtype=np.float32)
        return cls(
            normal[:, : 2 * n_classes].reshape(n, 2, -1),
            normal[:, 2 * n_classes :].reshape(n, 2, -1),
            np.cumsum(starts, axis=1) - 1,
            np.broadcast_to(np.arange(len(ends)) >= n_first, starts.shape)[starts],
            np.concatenate(uniform, axis=1),
            offsets,
        )

    def items(self, tastes: np.ndarray, which: int) -> np.ndarray:
        """Item of each pin, (n, total), by inversion of each session's number."""
        n_sessions = self.sessions[:, -1] + 1
        owners = np.repeat(np.arange(len(tastes)), n_sessions)
        below = np.cumsum(tastes, axis=2)[owners, self.on_second.astype(int), :-1]
        found = items_at(below, self.uniform[which])
        return found[self.sessions + (np.cumsum(n_sessions) - n_sessions)[:, None]]


def _shares(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _on_platforms(
    tastes: np.ndarray, base: np.ndarray, common: float, popularity: np.ndarray
) -> np.ndarray:
    """Probabilities of items on either platform, (n, 2, k), from two tastes of users' own."""
    if common == 1 and not popularity.any():
        return np.stack([tastes[:, 0], tastes[:, 0]], axis=1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(tastes, np.finfo(float).tiny)) - base
    one, other = logs[:, 0], logs[:, 1]
    logits = np.stack([one, np.sqrt(common) * one + np.sqrt(1 - common) * other], axis=1)
    logits += base + popularity
    check_finite(logits, "popularity and strength of taste: log-preferences")
    return _shares(logits)
