"""Does a session find its user? Each held out in turn, and set against the profiles of all users.

Pins of one session are alike, whoever adds them: the session is the unit that can be held out. What
is ranked is the profile of a session among its user's other pins and all pins of the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_finite, check_groups, check_whole
from visprof.profiles import distance_points, user_profiles
from visprof.ties import TIE

__all__ = ["HeldSessions"]

ROUNDING = 1e-12  # of a mean, relative to the largest


class HeldSessions:
    """Sessions of users, as sums of their pins.

    Parameters
    ----------
    pins : array-like of shape (n, k)
        What profiles are means of.
    users, sessions : array-like of shape (n,)
        Of each pin; the same name of a session with two users means two sessions.
    fewest : int, default=3
        Sessions of a user whose sessions are held out, at least 2. Others are only ranked among.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        Between profiles.

    Attributes
    ----------
    users : ndarray of shape (m,)
        The distinct users, sorted.
    eligible : ndarray of bool, shape (m,)
        Users with at least `fewest` sessions.

    Raises
    ------
    TypeError
        If `fewest` is no whole number, or users or sessions are of several kinds.
    ValueError
        If `fewest` is less than 2, lengths differ, a user or session is missing, or a value is not
        finite.

    Examples
    --------
    >>> pins = [[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.0, 1.0], [0.2, 0.8]]
    >>> held = HeldSessions(pins, [*"aaabbb"], [1, 2, 3, 1, 2, 3])
    >>> held.reciprocal_ranks().tolist()  # each session is nearest to its user's others
    [1.0, 1.0]
    """

    def __init__(
        self,
        pins: ArrayLike,
        users: ArrayLike,
        sessions: ArrayLike,
        fewest: int = 3,
        distance: str = "euclidean",
    ) -> None:
        self.fewest, self.distance = check_whole(fewest, "fewest", 2), distance
        names = check_groups(users, None, "users")
        self.users, of_pins = np.unique(names, return_inverse=True)
        places, of_sessions = np.unique(
            check_groups(sessions, len(names), "sessions"), return_inverse=True
        )
        own = of_pins * len(places) + of_sessions
        found, self._sums = user_profiles(pins, own, counts=True)
        self._sizes = np.unique(own, return_counts=True)[1][:, None]
        self._owners = found // len(places)  # sorted
        self.eligible = np.bincount(self._owners, minlength=len(self.users)) >= self.fewest

    def reciprocal_ranks(self) -> NDArray[np.float64]:
        """Mean reciprocal rank of each eligible user over their sessions.

        Returns
        -------
        ndarray of shape (n_eligible,)
            Profiles at equal distance share the mean of their ranks.

        Raises
        ------
        ValueError
            If a profile has no such distance (see `visprof.profiles.distance_points`).
        """
        return self._ranked(self._sums, self._sizes)

    def dealt(self, n_deals: int, random_state: int = 0) -> NDArray[np.float64]:
        """Mean of `reciprocal_ranks` where whole sessions are dealt among all users.

        If users do not differ, their sessions might as well be anybody's. Each user keeps the
        number of sessions.

        Parameters
        ----------
        n_deals : int
            At least 1.
        random_state : int, default=0
            Seed.

        Returns
        -------
        ndarray of shape (n_deals,)
        """
        check_whole(n_deals, "n_deals", 1)
        rng = np.random.default_rng(random_state)
        orders = (rng.permutation(len(self._sums)) for _ in range(n_deals))
        return np.array([self._ranked(self._sums[of], self._sizes[of]).mean() for of in orders])

    def _ranked(self, sums: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The same of sessions that stand in the places of the users'."""
        starts = np.searchsorted(self._owners, np.arange(len(self.users)))
        totals, counts = (np.add.reduceat(of, starts, axis=0) for of in (sums, sizes))
        held = self.eligible[self._owners]
        owners, of_held, of_sizes = self._owners[held], sums[held], sizes[held]
        without = totals[owners] - of_held
        if sums.min() >= 0:
            without = np.maximum(without, 0)  # of equal sums, rounding may leave less than nothing
        sought, rest, others = (
            distance_points(of, self.distance, "profiles")
            for of in (
                of_held / of_sizes, without / (counts[owners] - of_sizes), totals / counts
            )
        )  # fmt: skip
        # of equal profiles, sums in another order leave squared distances of this size
        rounding = others.shape[1] * (ROUNDING * np.abs(others).max()) ** 2
        origin = others.mean(axis=0)  # near the data, so squares do not cancel
        sought, rest, others = sought - origin, rest - origin, others - origin
        own = np.square(sought - rest).sum(axis=1)[:, None]
        lengths = [np.square(of).sum(axis=1) for of in (sought, others)]
        squared = lengths[0][:, None] + lengths[1] - 2 * sought @ others.T
        squared[np.arange(len(owners)), owners] = np.inf  # its user stands without it: `rest`
        tie = TIE * (own + lengths[0][:, None]) + rounding
        nearer, tied = (squared < own - tie).sum(axis=1), (np.abs(squared - own) <= tie).sum(axis=1)
        found = check_finite(1 / (1 + nearer + tied / 2), "reciprocal ranks")
        sums_of_users = np.bincount(owners, found, len(self.users))
        n_sessions = np.bincount(owners, minlength=len(self.users))
        return sums_of_users[self.eligible] / n_sessions[self.eligible]
