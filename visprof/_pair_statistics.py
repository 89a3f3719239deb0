"""What pairs of users are tested by: the largest z-scores and the distance, and where these tie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from visprof._deals import dealt_units
from visprof._reached import reached_by_deals
from visprof.checks import check_finite, check_pairs, listed
from visprof.logodds import logits_and_variances
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE

__all__ = ["Asked", "Distances", "LargestZ", "by_vocabulary", "checked_pairs"]

_COLUMNS = 128  # that distances are summed up in at a time


def checked_pairs(pairs: ArrayLike, n_users: int) -> NDArray[np.int64]:
    """Pairs of two of the users."""
    pairs = check_pairs(pairs)
    wrong = (pairs < 0).any(axis=1) | (pairs >= n_users).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"pairs: expected users of the {n_users} from 0 to {n_users - 1}, "
            f"got {listed(pairs[wrong].tolist())}"
        )
    return pairs


def _checked_pins(assignments: ArrayLike, name: str) -> NDArray:
    if np.ndim(assignments) == 2 and not np.size(assignments):
        raise ValueError(
            f"{name}: expected at least one pin and cluster, got {np.shape(assignments)}"
        )
    pins = check_array(assignments, dtype=[np.float64, np.float32], order="C", input_name=name)
    if pins.min() < 0:
        raise ValueError(f"{name}: expected no negative assignment, got {pins.min()}")
    return pins


def by_vocabulary(
    assignments: ArrayLike | Sequence[ArrayLike], background: ArrayLike | Sequence[ArrayLike]
) -> tuple[list[NDArray], list[ArrayLike]]:
    """Pins and background of each vocabulary, from those of one or of several."""
    array = isinstance(assignments, np.ndarray)
    rows = isinstance(assignments, (list, tuple)) and len(assignments)
    if not (assignments.ndim == 3 if array else rows and np.ndim(assignments[0]) == 2):
        return [_checked_pins(assignments, "assignments")], [background]
    every_pins = [_checked_pins(pins, f"assignments[{s}]") for s, pins in enumerate(assignments)]
    if len({len(pins) for pins in every_pins}) > 1:
        raise ValueError(
            "assignments: expected the same pins of each vocabulary, got shapes "
            f"{listed((pins.shape for pins in every_pins), 20)}"
        )
    backgrounds = list(background) if np.iterable(background) else [background]
    if len(backgrounds) != len(every_pins):
        raise ValueError(
            f"background: expected counts of each of the {len(every_pins)} vocabularies, got "
            f"{len(backgrounds)}"
        )
    return every_pins, backgrounds


@dataclass(frozen=True)
class _OneZ:
    """What a vocabulary gives to the tests: z of the data, and what it takes to permute them."""

    max_z: NDArray[np.float64]  # of each pair
    rounding: NDArray[np.float64]  # of max_z
    prior: NDArray[np.float64]
    half: int  # units and prior are 4**half times smaller than the data, z 2**half times

    @classmethod
    def of(
        cls,
        units: NDArray,
        counts: NDArray,
        pairs: NDArray,
        background: ArrayLike,
        alpha: float,
        variance: str,
    ) -> _OneZ:
        logit, spread = logits_and_variances(counts, background, alpha, variance)
        background = np.asarray(background, np.float64)
        if np.count_nonzero(background) < 2:
            raise ValueError(
                "background: expected mass in at least two clusters, or some shuffle may leave the "
                f"log-odds undefined; got {np.count_nonzero(background)} of {len(background)}"
            )
        i, j = pairs.T
        max_z = np.max(np.abs(logit[i] - logit[j]) / np.sqrt(spread[i] + spread[j]), axis=1)
        check_finite(max_z, "z-scores")
        prior = float(alpha) * background
        # so none of the products in the search for the largest z overflows
        half = -(-scale_exponent(units, prior) // 2)
        largest = counts.max(axis=1)[pairs].max(axis=1)
        # beside a prior 2**54 times as large they change nothing
        largest = np.minimum(largest + prior.max(), np.ldexp(largest, 54))
        rounding = np.maximum(
            TIE * (min(1.0, 2.0**half) + max_z),
            16 * np.finfo(float).eps * np.sqrt(largest),  # more only where the prior drowns counts
        )
        return cls(max_z, rounding, scaled(prior, 2 * half), half)


@dataclass(frozen=True)
class LargestZ:
    """Largest absolute z-scores of pairs, and what is dealt to permute them.

    `max_z` and `rounding`, (1 + S, m), are of the mean over S vocabularies, and of each.
    """

    pairs: NDArray[np.int64]
    max_z: NDArray[np.float64]
    rounding: NDArray[np.float64]
    units: NDArray[np.float64]  # columns of the vocabularies side by side
    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    priors: NDArray[np.float64]
    halves: NDArray[np.int64]
    four_term: bool

    @classmethod
    def of(
        cls,
        every_pins: Sequence[NDArray],
        users: ArrayLike,
        sessions: ArrayLike | None,
        every_counts: Sequence[NDArray],
        pairs: NDArray,
        backgrounds: Sequence[ArrayLike],
        alphas: Sequence[float],
        variance: str,
    ) -> LargestZ:
        """From pins, counts of users, background and weight of the prior of each vocabulary."""
        tests, every_units = [], []
        for pins, *given in zip(every_pins, every_counts, backgrounds, alphas, strict=True):
            units, sizes, starts = dealt_units(pins, users, sessions)
            counts, background, alpha = given
            tests.append(_OneZ.of(units, counts, pairs, background, alpha, variance))
            half = tests[-1].half
            every_units.append(scaled(units.astype(np.float64, copy=False), 2 * half))
        max_z, rounding = (
            np.stack([np.mean(of, axis=0), *of])
            for of in ([test.max_z for test in tests], [test.rounding for test in tests])
        )
        units = every_units[0] if len(tests) == 1 else np.concatenate(every_units, axis=1)
        return cls(
            pairs, max_z, rounding, units, sizes, starts,
            np.cumsum([pins.shape[1] for pins in every_pins]),
            np.concatenate([test.prior for test in tests]),
            np.array([test.half for test in tests]), variance == "four-term",
        )  # fmt: skip

    @property
    def are_scaled(self) -> bool:
        """Whether units of any vocabulary are other than the data."""
        return bool(self.halves.any())

    def cuts(self, both: bool = False) -> NDArray[np.float64]:
        """What permutations equal to the data reach; if `both`, and what they do not, too."""
        cuts = [self.max_z - self.rounding]
        return np.stack([*cuts, self.max_z + self.rounding] if both else cuts)


@dataclass(frozen=True)
class Distances:
    """Studentised distances of pairs, and what is dealt to permute them."""

    distance: NDArray[np.float64]
    cuts: NDArray[np.float64]
    units: NDArray
    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, units: NDArray, sizes: NDArray, starts: NDArray, pairs: NDArray) -> Distances:
        """From the sums of units of users, their pins and where users start."""
        n_pins, squared_sizes, sums = (
            np.add.reduceat(of, starts[:-1], dtype=dtype)
            for of, dtype in ((sizes, None), (sizes**2, None), (units, np.float64))
        )
        profiles, a = sums / n_pins[:, None], squared_sizes / n_pins**2
        i, j = pairs.T
        spread = a[i] + a[j]
        distance = np.sum((profiles[i] - profiles[j]) ** 2, axis=1) / spread
        # of the roots, which rounding changes by a share of the profiles' lengths
        longest = np.maximum(*np.linalg.norm(profiles, axis=1)[pairs].T) / np.sqrt(spread)
        root = np.sqrt(distance)
        cuts = np.square(np.maximum(root - TIE * (root + longest), 0))
        return cls(distance, cuts, units, sizes, starts)


@dataclass(frozen=True)
class Asked:
    """What is dealt, and the cuts that deals are to reach (see `visprof._reached`)."""

    dealt: tuple[NDArray, NDArray, NDArray]
    by_z: tuple[NDArray, NDArray, NDArray, bool]
    cuts: NDArray[np.float64]
    far: NDArray[np.float64]

    @classmethod
    def of_z(cls, tests: LargestZ, cuts: NDArray, far: NDArray | None = None) -> Asked:
        """Of z-scores, and of distances if their cuts are given."""
        by_z = (tests.ends, tests.priors, np.exp2(tests.halves), tests.four_term)
        if far is None:
            far = np.full(len(tests.pairs), np.nan)
        return cls((tests.units, tests.sizes, tests.starts), by_z, cuts, far)

    @classmethod
    def of_distances(cls, distances: Distances) -> Asked:
        """Of distances alone."""
        units = distances.units.astype(np.float64, copy=False)
        n_columns = units.shape[1]
        ends = np.append(np.arange(_COLUMNS, n_columns, _COLUMNS), n_columns)
        nothing = np.zeros((0, 1 + len(ends), len(distances.cuts)))
        by_z = (ends, np.zeros(n_columns), np.ones(len(ends)), False)
        dealt = (units, distances.sizes, distances.starts)
        return cls(dealt, by_z, nothing, distances.cuts)

    def reached(
        self, pairs: NDArray, seeds: NDArray, n_deals: int, most: int, block: slice
    ) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """As `visprof._reached.reached_by_deals`, of the pairs of a block, which stand last."""
        cuts = np.ascontiguousarray(np.moveaxis(self.cuts[..., block], -1, 0))
        reached, seen, apart, seen_apart = reached_by_deals(
            *self.dealt, pairs[block], *self.by_z, cuts, self.far[block], seeds[block], n_deals,
            most,
        )  # fmt: skip
        return np.moveaxis(reached, 0, -1), seen.T, apart.T, seen_apart.T
