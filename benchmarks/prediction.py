"""Ranks of Figure 6: a user's test profile among all, at the paper's number of users and beyond.

Others get the same float32 profiles and must find the same mean reciprocal rank.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.harness import GB, MB, Benchmark, Bound, Contender, Measurement, Options, run
from visprof import prediction

USERS = (3_990, 20_000, 100_000)
OURS, FLOOR, MATRIX = "visprof.prediction.rank_users", "matrix product alone", "scipy cdist"
MRR = "MRR"
ROWS = 512  # of a block of the matrix product


def write_data(folder: Path, options: Options) -> None:
    """Write unit-sum profiles of users with tastes of their own, by first and by last pins."""
    rng = np.random.default_rng(options.seed)
    for start in range(0, max(USERS), 10_000):
        size = min(10_000, max(USERS) - start)
        taste = rng.dirichlet(np.full(options.clusters, 0.3), size)
        for side in ("train", "test"):
            pins = rng.poisson(options.pins * taste) + 0.02
            (pins / pins.sum(axis=1, keepdims=True)).astype(np.float32).tofile(
                folder / f"{side}-{start:06d}"
            )


def load(folder: Path, users: int, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Return profiles by first and by last pins, (users, clusters) float32 each."""
    sides = []
    for side in ("train", "test"):
        parts = [np.fromfile(part, np.float32) for part in sorted(folder.glob(f"{side}-*"))]
        sides.append(np.concatenate(parts).reshape(-1, options.clusters)[:users].copy())
    return sides[0], sides[1]


# ---------------------------------------------------------------- contenders, each to its MRR


def ours(folder: Path, options: Options, users: int) -> Callable[[], float]:
    """In blocks, with ties told in double precision."""
    train, test = load(folder, users, options)
    prediction.rank_users(train[:8], test[:8])  # compiles
    return lambda: (1 / prediction.rank_users(train, test).middle).mean()


def matrix_product(folder: Path, options: Options, users: int) -> Callable[[], None]:
    """Products of all pairs in blocks: less than this no ranking by distance can take."""
    train, test = load(folder, users, options)
    train[:8] @ test[:8].T

    def call() -> None:
        buffer = np.empty((ROWS, users), np.float32)
        for start in range(0, users, ROWS):
            rows = train[start : start + ROWS]
            np.matmul(rows, test.T, out=buffer[: len(rows)])

    return call


def full_matrix(folder: Path, options: Options, users: int) -> Callable[[], float]:
    """What one writes first: the matrix of all distances, and a comparison with its diagonal."""
    train, test = load(folder, users, options)

    def call() -> float:
        distances = cdist(train, test)
        own = distances.diagonal()[:, None]
        nearer, tied = (distances < own).sum(axis=1), (distances == own).sum(axis=1)
        return (1 / (nearer + (1 + tied) / 2)).mean()

    return call


# ---------------------------------------------------------------- what is made of the results


def score(mrr: float | None, seconds: float, folder: Path, options: Options) -> dict:
    """Return the mean reciprocal rank; the matrix product has none."""
    return {} if mrr is None else {MRR: float(mrr)}


def named(name: str, users: int) -> str:
    """Name of a contender at a number of users."""
    return f"{name}, {users:,} users"


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of `rank_users`."""
    of = {name: [measured[named(name, users)] for users in USERS] for name in (OURS, FLOOR, MATRIX)}
    times_floor = [own.best / floor.best for own, floor in zip(of[OURS], of[FLOOR], strict=True)]
    both = [(own, peer) for own, peer in zip(of[OURS], of[MATRIX], strict=True) if peer.seconds]
    slower = [peer.best / own.best for own, peer in both]
    apart = [abs(peer.columns[MRR] - own.columns[MRR]) for own, peer in both]
    peak = of[OURS][-1].peak_bytes
    return [
        Bound(
            "At most 2 x the matrix product in blocks",
            ", ".join(f"{times:.2f} x" for times in times_floor),
            max(times_floor) <= 2,
        ),
        Bound(
            f"Less than 1 GB above its input at {USERS[-1]:,} users, where the full matrix has "
            f"{8 * USERS[-1] ** 2 / GB:.0f} GB",
            f"{peak / MB:,.0f} MB",
            peak < GB,
        ),
        Bound(
            "The full matrix is slower wherever it finishes",
            ", ".join(f"{times:.0f} x our time" for times in slower),
            min(slower) > 1,
        ),
        Bound(
            "It finds the same MRR, to 0.000001",
            f"largest difference {max(apart):.1e}",
            max(apart) <= 1e-6,
        ),
    ]


BENCHMARK = Benchmark(
    name="prediction",
    title=lambda o: f"Ranks of test profiles among all users, {o.clusters} clusters, float32",
    contenders=[
        Contender(named(name, users), partial(prepare, users=users), note)
        for users in USERS
        for name, prepare, note in (
            (OURS, ours, "ties told in double precision"),
            (FLOOR, matrix_product, "the floor: ranks nothing"),
            (MATRIX, full_matrix, "and a comparison with the diagonal, float64"),
        )
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={MRR: ".6f"},
    packages=("scipy",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--pins", type=int, default=50, help="of each profile")
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
