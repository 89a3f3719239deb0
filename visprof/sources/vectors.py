"""Simulated users without pictures: embeddings or cluster counts, drawn directly.

For studies of the method at the paper's size (5,790 users) and beyond, where drawing and embedding
half a million pictures would take an hour and shows nothing new. Tastes are those of
`visprof.sources.tastes`. Every user has a random stream of their own: the first users are the same
however many follow, and memory beyond the result is that of a few users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visprof.blocks import slices
from visprof.checks import check_finite, check_number, check_whole
from visprof.sources.painters import SCENE_CLASSES, STYLES
from visprof.sources.tastes import (
    BASE_SPREAD,
    draw_categories,
    draw_repeats,
    draw_taste,
    in_categories,
    items_at,
    tastes_around,
)

__all__ = ["VectorWorld", "simulate_counts", "simulate_embeddings"]

_AT_ONCE = 2**18  # coordinates of the users whose vectors are made together


@dataclass(frozen=True)
class VectorWorld:
    """Embeddings of pins that were never drawn, and the truth behind them.

    Attributes
    ----------
    users : ndarray of int, shape (n,)
        User of each pin; the pins of a user stand together, in time order.
    vectors : ndarray of float32, shape (n, d)
        Embeddings.
    labels, styles : ndarray of int, shape (n,)
        Scene class and style of each pin.
    class_taste : ndarray, shape (n_users, n_classes)
        Probability that a user picks each class.
    style_taste : ndarray, shape (n_users, n_styles)
        The same for styles; where tastes are of categories, the mean over these.
    sessions : ndarray of int, shape (n,)
        Session of each pin, from 0 for each user.
    categories : ndarray of int, shape (n,)
        Category of each pin's class: those of n classes are m runs of about as many.
    category_taste : ndarray, shape (n_users, n_categories, n_styles)
        Probability that a user picks each style in each category.
    """

    users: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray
    styles: np.ndarray
    class_taste: np.ndarray
    style_taste: np.ndarray
    sessions: np.ndarray
    categories: np.ndarray
    category_taste: np.ndarray


def simulate_embeddings(
    n_users: int = 5790,
    n_pins: int = 100,
    n_dims: int = 410,
    *,
    n_classes: int = len(SCENE_CLASSES),
    n_styles: int = len(STYLES),
    class_taste: float = 1.0,
    style_taste: float = 1.0,
    class_spread: float = 1.0,
    style_spread: float = 0.5,
    decay: float = 1.0,
    session_length: float = 1.0,
    repeat_share: float = 0.0,
    n_categories: int = 1,
    carry_over: float = 1.0,
    styled_classes: int | None = None,
    random_state: int = 0,
) -> VectorWorld:
    r"""Draw users, their pins' classes and styles, and embeddings around these.

    Tastes, sessions and repeats are as in `visprof.sources.world.simulate_world`. The embedding of
    a pin of class c and style s is :math:`x = \alpha\,a_c + \beta\,b_s + e` with the spreads
    :math:`\alpha` of the classes and :math:`\beta` of the styles. The centres :math:`a_c, b_s` and
    the noise e are independent normal vectors whose coordinate j has variance
    :math:`j^{-\gamma} / \sum_i i^{-\gamma}`, so each has expected squared length 1. As in
    embeddings of pictures, few directions hold most of the variance. A repeat has its earlier
    pin's vector.

    Parameters
    ----------
    n_users, n_pins : int
        Number of users, and of pins of each.
    n_dims : int
        Dimension d of the embeddings; 410 as in the paper. The vectors take
        ``4 * n_users * n_pins * n_dims`` bytes (0.95 GB at the paper's size).
    n_classes, n_styles : int
        Number of scene classes and of styles, at least 1.
    class_taste, style_taste : float
        Strengths >= 0 of the users' tastes; at 0 all share the population's: the null world.
    class_spread, style_spread : float
        Lengths alpha, beta >= 0 of the centres, in units of the noise's.
    decay : float
        Exponent gamma >= 0 of the variances; 0 gives isotropic vectors.
    session_length : float
        Mean length >= 1 of runs of pins that share class and style.
    repeat_share : float
        Share in [0, 1] of a user's pins that repeat an earlier one.
    n_categories : int
        Categories that the classes are grouped into, at most as many as classes.
    carry_over : float
        Carry-over rho in [0, 1] of tastes over styles from one category to another. In each
        category a user's taste is the general one with probability :math:`\sqrt\rho`, and else one
        of its own, drawn likewise: so tastes vary as much at every rho, and those in two categories
        have the share rho of that in common.
    styled_classes : int or None
        How many classes, the first ones, users have a taste in styles in; in the others all share
        the population's styles. None: in all.
    random_state : int
        Seed >= 0.

    Returns
    -------
    VectorWorld

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a parameter is out of its range, or so large that a vector is not finite.
    """
    for name, count in (
        ("n_users", n_users), ("n_pins", n_pins), ("n_dims", n_dims), ("n_classes", n_classes),
        ("n_styles", n_styles), ("n_categories", n_categories),
    ):  # fmt: skip
        check_whole(count, name, 1)
    if n_categories > n_classes:
        raise ValueError(f"n_categories={n_categories!r} is more than n_classes={n_classes!r}")
    check_whole(random_state, "random_state", 0)
    check_number(session_length, "session_length", least=1)
    for name, value in (
        ("class_taste", class_taste), ("style_taste", style_taste), ("class_spread", class_spread),
        ("style_spread", style_spread), ("decay", decay),
    ):  # fmt: skip
        check_number(value, name, least=0)
    for name, share in (("repeat_share", repeat_share), ("carry_over", carry_over)):
        check_number(share, name, least=0, most=1)
    if styled_classes is not None:
        check_whole(styled_classes, "styled_classes", 0)

    population, *users = np.random.SeedSequence(random_state).spawn(1 + n_users)
    rng = np.random.default_rng(population)
    class_base = BASE_SPREAD * rng.standard_normal(n_classes)
    style_base = BASE_SPREAD * rng.standard_normal(n_styles)
    variance = np.arange(1, n_dims + 1) ** -float(decay)
    scale = np.sqrt(variance / variance.sum()).astype(np.float32)
    with np.errstate(over="ignore"):  # checked
        class_centres = class_spread * scale * rng.standard_normal((n_classes, n_dims), np.float32)
        style_centres = style_spread * scale * rng.standard_normal((n_styles, n_dims), np.float32)
        farthest = np.abs(class_centres).max() + np.abs(style_centres).max()
    check_finite(farthest, "class_spread and style_spread: vectors")

    vectors = np.empty((n_users, n_pins, n_dims), np.float32)
    labels, styles, sessions = np.empty((3, n_users, n_pins), int)
    class_tastes = np.empty((n_users, n_classes))
    category_tastes = np.empty((n_users, n_categories, n_styles))
    category_of = np.arange(n_classes) * n_categories // n_classes
    plain = np.cumsum(tastes_around(style_base, 0.0, np.zeros(n_styles)))[:-1]  # everyone's
    for block in slices(n_users, max(1, _AT_ONCE // (n_pins * n_dims))):
        pins = vectors[block]
        drawn = _Draws.of(
            users[block], (n_classes, n_styles), 1 / session_length, repeat_share,
            styled_classes is not None, pins,
        )  # fmt: skip
        classes = tastes_around(class_base, class_taste, drawn.classes)
        looks = tastes_around(style_base, style_taste, drawn.styles)[:, None]
        if carry_over == 1:
            looks = np.repeat(looks, n_categories, axis=1)
        else:
            own = [draw_categories(user, n_categories, n_styles) for user in users[block]]
            chances, noise = map(np.stack, zip(*own, strict=True))
            looks = in_categories(looks, style_base, style_taste, chances, noise, carry_over)
        n_sessions = drawn.sessions[:, -1] + 1
        owners = np.repeat(np.arange(len(pins)), n_sessions)
        label = items_at(np.cumsum(classes[:, 0], axis=-1)[owners, :-1], drawn.uniform[0])
        below = np.cumsum(looks[:, :, 0], axis=-1)[owners, category_of[label], :-1]
        style = items_at(below, drawn.uniform[1])
        if styled_classes is not None:  # drawn besides: classes stay as they are
            style = np.where(label >= styled_classes, items_at(plain, drawn.uniform[2]), style)
        session = drawn.sessions + (np.cumsum(n_sessions) - n_sessions)[:, None]
        labels[block], styles[block] = label[session], style[session]
        sessions[block] = drawn.sessions
        pins *= scale
        pins += class_centres[labels[block]]
        pins += style_centres[styles[block]]
        for of in (pins, labels[block], styles[block]) if repeat_share else ():
            of[:] = of[np.arange(len(of))[:, None], drawn.sources]
        class_tastes[block], category_tastes[block] = classes[:, 0], looks[:, :, 0]
    return VectorWorld(
        users=np.repeat(np.arange(n_users), n_pins),
        vectors=vectors.reshape(-1, n_dims),
        labels=labels.ravel(),
        styles=styles.ravel(),
        class_taste=class_tastes,
        style_taste=category_tastes.mean(axis=1),
        sessions=sessions.ravel(),
        categories=category_of[labels.ravel()],
        category_taste=category_tastes,
    )


@dataclass(frozen=True)
class _Draws:
    """What is drawn of some users, each from a stream of their own; all else follows from it."""

    classes: np.ndarray  # normal, (n, 2, n_classes)
    styles: np.ndarray  # and (n, 2, n_styles)
    sessions: np.ndarray  # of pins, (n, n_pins)
    uniform: np.ndarray  # of all sessions, for the class and the style, and a style besides
    sources: np.ndarray  # pins that pins repeat, (n, n_pins)

    @classmethod
    def of(
        cls,
        users: list[np.random.SeedSequence],
        n_items: tuple[int, int],
        end: float,
        repeat_share: float,
        besides: bool,
        vectors: np.ndarray,
    ) -> _Draws:
        """Draw them, and the noise of pins into `vectors`; a session ends with a chance."""
        n, n_pins = vectors.shape[:2]
        normal, sessions = np.empty((n, 2 * sum(n_items))), np.empty((n, n_pins), int)
        uniform, sources = [], np.empty((n, n_pins), int)
        for u, user in enumerate(users):
            rng = np.random.default_rng(user)
            rng.standard_normal(out=normal[u])
            np.cumsum(rng.random(n_pins) < end, out=sessions[u])
            sessions[u] -= sessions[u, 0]
            of_sessions = rng.random((2, sessions[u, -1] + 1))
            if besides:
                rng.standard_normal((2, n_items[1]))
                of_sessions = np.vstack([of_sessions, rng.random(sessions[u, -1] + 1)])
            uniform.append(of_sessions)
            rng.standard_normal(out=vectors[u], dtype=np.float32)
            if repeat_share:
                sources[u] = draw_repeats(n_pins, repeat_share, rng)
        classes, styles = np.split(normal, [2 * n_items[0]], axis=1)
        return cls(
            classes.reshape(n, 2, -1), styles.reshape(n, 2, -1), sessions,
            np.concatenate(uniform, axis=1), sources,
        )  # fmt: skip


def simulate_counts(
    n_users: int = 5790,
    n_pins: int = 100,
    n_clusters: int = 200,
    *,
    taste: float = 1.0,
    concentration: float = 1.0,
    own_share: float = 1.0,
    random_state: int = 0,
) -> np.ndarray:
    r"""Draw how a user's pins fall into visual clusters.

    The population's profile is :math:`p \sim \mathrm{Dirichlet}(\kappa, \ldots, \kappa)`, a user's
    :math:`p_u = \mathrm{softmax}(\log p + s\,e_u)` with :math:`e_u \sim N(0, I)` and the strength
    s, and the pins' clusters are independent draws from it. With soft assignment a pin lays the
    share h of its mass on its own cluster and the rest in equal parts on the others, so that
    n pins of which :math:`n_k` fall into cluster k give it
    :math:`h\,n_k + (1 - h)(n - n_k) / (K - 1)`.

    Parameters
    ----------
    n_users, n_pins : int
        Number of users, and of pins of each.
    n_clusters : int
        Number K of clusters, at least 2.
    taste : float
        Strength s >= 0; at 0 all users have the population's profile: the null.
    concentration : float
        Parameter kappa > 0: the larger, the more alike are the sizes of the clusters.
    own_share : float
        Share h in [0, 1] of an assignment's mass on its own cluster; 1 counts the pins.
    random_state : int
        Seed >= 0.

    Returns
    -------
    ndarray of float32, shape (n_users, n_clusters)
        Rows sum to ``n_pins`` (for whole counts exactly).

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a parameter is out of its range, or so large that no profile can be drawn.

    Examples
    --------
    >>> simulate_counts(n_users=2, n_pins=10, n_clusters=4).sum(axis=1)
    array([10., 10.], dtype=float32)
    """
    for name, value, least in (
        ("n_users", n_users, 1), ("n_pins", n_pins, 1), ("n_clusters", n_clusters, 2),
        ("random_state", random_state, 0),
    ):  # fmt: skip
        check_whole(value, name, least)
    check_number(taste, "taste", least=0)
    check_number(concentration, "concentration", above=0)
    check_number(own_share, "own_share", least=0, most=1)
    population, *users = np.random.SeedSequence(random_state).spawn(1 + n_users)
    profile = np.random.default_rng(population).dirichlet(np.full(n_clusters, concentration))
    if not np.isclose(profile.sum(), 1):
        raise ValueError(f"concentration={concentration!r} is too far from 1 to draw with")
    base = np.log(np.maximum(profile, np.finfo(float).tiny))
    counts = np.empty((n_users, n_clusters), np.float32)
    for u, user in enumerate(users):
        rng = np.random.default_rng(user)
        own = rng.multinomial(n_pins, draw_taste(base, taste, rng)[0])
        counts[u] = own_share * own + (1 - own_share) * (n_pins - own) / (n_clusters - 1)
    return counts
