"""Which of a user's pins are held out: the last ones, or one half of the sessions."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.boards import split_pins
from visprof.checks import check_groups
from visprof.profiles import user_profiles

with lazily():
    from sklearn.utils import check_array

__all__ = ["HeldOutProfiles", "held_out_profiles", "session_halves"]


class _Transformer(Protocol):
    def transform(self, X: ArrayLike) -> ArrayLike: ...


class HeldOutProfiles(NamedTuple):
    """Profiles of the same users by their first and by their last pins.

    Attributes
    ----------
    users : ndarray of shape (m,)
        The distinct users, sorted.
    train, test : ndarray of shape (m, k), float64
        Row i belongs to ``users[i]``.
    """

    users: NDArray
    train: NDArray[np.float64]
    test: NDArray[np.float64]


def held_out_profiles(
    embeddings: ArrayLike,
    users: ArrayLike,
    times: ArrayLike,
    vocabulary: _Transformer | None = None,
    *,
    n_train: int,
    n_test: int,
    keep_batches: bool = False,
) -> HeldOutProfiles:
    """Profile each user's first and last pins apart (section VI-C).

    Pins may stand in any order; those of one user and one time keep theirs. What is learnt from
    pins (`vocabulary`) should not have seen the last ones: fit it on pins of other users, or on
    first pins alone. A picture that a user collects twice, early and late, finds its user without
    any taste: see :mod:`visprof.duplicates`.

    Parameters
    ----------
    embeddings : array-like of shape (n, d)
        One row a pin.
    users, times : array-like of shape (n,)
        Who collected each pin, and when: numbers, or dates of one kind.
    vocabulary : fitted transformer, optional
        Its ``transform`` makes of embeddings non-negative assignments, (n, k), as that of a fitted
        :class:`visprof.vocabulary.VisualVocabulary` does; a profile is their mean (Eq. 3). Without
        one, a profile is the mean embedding.
    n_train, n_test : int
        How many of a user's first pins, and of the last ones.
    keep_batches : bool, default=False
        Leave out first pins that share the time of the first one held out, see
        :func:`visprof.boards.split_pins`.

    Returns
    -------
    HeldOutProfiles
        For :func:`visprof.prediction.reciprocal_ranks`, say.

    Raises
    ------
    TypeError
        If a number of pins is not whole, or users or times are of several kinds.
    ValueError
        If lengths differ, a value is not finite, a user or time is missing, or a user has fewer
        than ``n_train + n_test`` pins (they are named), or none left to learn from.

    Examples
    --------
    >>> embeddings = [[0.0], [1.0], [2.0], [9.0], [8.0], [7.0]]
    >>> users, times = ["a", "a", "a", "b", "b", "b"], [1, 2, 3, 3, 2, 1]
    >>> found = held_out_profiles(embeddings, users, times, n_train=2, n_test=1)
    >>> found.users.tolist(), found.train.tolist(), found.test.tolist()
    (['a', 'b'], [[0.5], [7.5]], [[2.0], [9.0]])
    """
    rows = check_array(embeddings, dtype=[np.float64, np.float32], input_name="embeddings")
    users = check_groups(users, len(rows), "users")
    pins = pd.DataFrame({"board": users, "time": check_groups(times, len(rows), "times")})
    pins = pins.sort_values(["board", "time"], kind="stable")
    first, last = split_pins(pins, n_train, n_test, keep_batches)
    labels = np.unique(users)
    sides = []
    for name, mask in (("train", first), ("test", last)):
        taken = pins.index.to_numpy()[mask]
        if len(missing := np.setdiff1d(labels, users[taken])):
            raise ValueError(
                f"{name}: no pins left of {missing[:10].tolist()}, all being of one time; leave "
                "these users out, or pass keep_batches=False"
            )
        sides.append(_profiles(rows[taken], users[taken], vocabulary))
    return HeldOutProfiles(labels, *sides)


def _profiles(
    rows: NDArray, users: NDArray, vocabulary: _Transformer | None
) -> NDArray[np.float64]:
    if vocabulary is not None:
        return user_profiles(vocabulary.transform(rows), users)[1]
    sums = user_profiles(rows, users, counts=True)[1]
    return sums / np.unique(users, return_counts=True)[1][:, np.newaxis]


def session_halves(users: ArrayLike, sessions: ArrayLike, order: ArrayLike) -> NDArray[np.bool_]:
    """Part each user's sessions in two halves of about as many pins; none is torn.

    Parameters
    ----------
    users, sessions : array-like of shape (n,)
        Of each pin; the same name of a session with two users means two sessions.
    order : array-like of shape (n,)
        A session stands in order by the least value of its pins: their times, or random numbers.

    Returns
    -------
    ndarray of bool, shape (n,)
        Pins of the first half. A session is of the half that has its middle, but the first session
        is always of the first half, and the last one of the second.

    Raises
    ------
    TypeError
        If users or sessions are of several kinds.
    ValueError
        If lengths differ, a user or session is missing, or a user has a single session (they are
        named).

    Examples
    --------
    >>> users, sessions = [*"aaaaabb"], [1, 1, 2, 3, 3, 1, 2]
    >>> session_halves(users, sessions, [1, 2, 3, 4, 5, 9, 8]).tolist()
    [True, True, True, False, False, False, True]
    """
    names = check_groups(users, None, "users")
    pins = pd.DataFrame(
        {
            "user": np.unique(names, return_inverse=True)[1],
            "session": np.unique(
                check_groups(sessions, len(names), "sessions"), return_inverse=True
            )[1],
            "order": check_groups(order, len(names), "order"),
        }
    )
    by_session = pins.groupby(["user", "session"])["order"].agg(["min", "size"]).reset_index()
    by_session = by_session.sort_values(["user", "min", "session"], kind="stable")
    of_user = by_session.groupby("user")["size"]
    place, count = of_user.cumcount(), of_user.transform("count")
    if (count < 2).any():
        single = np.unique(names)[by_session.loc[count < 2, "user"]]
        raise ValueError(f"users with a single session cannot be halved: {single[:10].tolist()}")
    middle = of_user.cumsum() - by_session["size"] / 2
    first = (2 * middle <= of_user.transform("sum")).where(place > 0, True) & (place < count - 1)
    halves = by_session.assign(first=first)[["user", "session", "first"]]
    return pins.merge(halves, on=["user", "session"], how="left")["first"].to_numpy(bool)
