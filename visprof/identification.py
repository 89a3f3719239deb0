"""How often a few pictures find their user at once, among all: rank-1 identification rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups, check_whole
from visprof.profiles import distance_points
from visprof.ties import TIE

with lazily():
    from sklearn.utils import check_array

__all__ = ["identification_rates"]


def identification_rates(
    gallery: ArrayLike,
    probes: ArrayLike,
    users: ArrayLike,
    n_pictures: Sequence[int],
    distance: str = "euclidean",
    n_draws: int = 100,
    random_state: int = 0,
) -> NDArray[np.float64]:
    """Share of draws in which a user's pictures are nearest to the user's own profile.

    So many of a user's pictures are drawn, without replacement, and their mean is compared with
    the profiles of all users. Profiles that are equally near share the draw.

    Parameters
    ----------
    gallery : array-like of shape (n, d)
        Profiles of the users, such as means of assignments of their earlier pictures.
    probes : array-like of shape (m, d)
        Other pictures, as profiles are means of.
    users : array-like of int, shape (m,)
        Whose each picture is: row of `gallery`.
    n_pictures : sequence of int, length s
        How many pictures are drawn.
    distance : {"euclidean", "hellinger", "cosine"}
        Between profiles.
    n_draws : int, default=100
        Draws of each user's pictures.
    random_state : int, default=0
        Seed. A user's draws do not depend on the other users.

    Returns
    -------
    ndarray of shape (n, s)
        NaN where a user has fewer pictures than are drawn.

    Raises
    ------
    TypeError
        If users are no rows of the gallery, or a number of pictures or draws is not whole.
    ValueError
        If shapes do not match, a value is not finite, a user has no profile, a number is less than
        1, or the distance is unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> profiles = [[0.6, 0.4], [0.4, 0.6]]
    >>> users = np.repeat([0, 1], 50)
    >>> pictures = np.array([rng.dirichlet(5 * np.array(profiles[user])) for user in users])
    >>> identification_rates(profiles, pictures, users, [1, 20]).round(1).tolist()
    [[0.6, 1.0], [0.8, 1.0]]
    """
    known = check_array(gallery, dtype=np.float64, input_name="gallery")
    shown = check_array(probes, dtype=np.float64, ensure_min_samples=0, input_name="probes")
    owners = check_groups(users, len(shown), "users")
    if known.shape[1] != shown.shape[1]:
        raise ValueError(f"gallery {known.shape} and probes {shown.shape}: widths differ")
    if len(owners) and owners.dtype.kind not in "iu":
        raise TypeError(f"users: expected rows of the gallery, got {owners.dtype}")
    if len(owners) and not 0 <= owners.min() <= owners.max() < len(known):
        user = owners.min() if owners.min() < 0 else owners.max()
        raise ValueError(f"users: {user} has no profile; there are {len(known)}")
    sizes = [check_whole(size, "n_pictures", 1) for size in n_pictures]
    check_whole(n_draws, "n_draws", 1)
    points = distance_points(known, distance, "gallery")
    squares = (points**2).sum(axis=1)
    found = np.full((len(known), len(sizes)), np.nan)
    for user in range(len(known)):
        own = np.flatnonzero(owners == user)
        rng = np.random.default_rng([random_state, user])
        order = rng.permuted(np.tile(own, (n_draws, 1)), axis=1)
        for column, size in enumerate(sizes):
            if size > len(own):
                continue
            query = shown[order[:, :size]].mean(axis=1)
            query = distance_points(query, distance, "probes")
            away = squares - 2 * query @ points.T + (query**2).sum(axis=1, keepdims=True)
            # differences of sums: what rounding leaves of them is of the size of the sums
            slack = TIE * (squares.max() + (query**2).sum(axis=1))
            nearer = away < (away[:, user] - slack)[:, None]
            as_near = (away <= (away[:, user] + slack)[:, None]) & ~nearer
            found[user, column] = np.mean(~nearer.any(axis=1) / as_near.sum(axis=1))
    return found
