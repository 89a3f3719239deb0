"""Shares of variance by sums over sessions, beside one pass over the pins and all their pairs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof.variation import variance_shares

PASSES = 10.0  # over the assignments
SHARE = "user share"


def write_data(folder: Path, options: Options) -> None:
    """Write soft assignments around sessions around users, in single precision."""
    rng = np.random.default_rng(options.seed)
    n_sessions = options.users * options.pins // options.session
    users = np.repeat(np.arange(options.users), options.pins)
    sessions = np.arange(len(users)) // options.session
    pins = rng.standard_gamma(0.3, (n_sessions, options.clusters)).astype(np.float32)[sessions]
    pins += rng.standard_gamma(0.3, (options.users, options.clusters)).astype(np.float32)[users]
    pins += rng.standard_gamma(0.3, pins.shape).astype(np.float32)
    pins /= pins.sum(axis=1, keepdims=True)
    order = rng.permutation(len(pins)) if options.shuffled else slice(None)
    for name, values in (("pins", pins), ("users", users), ("sessions", sessions)):
        np.save(folder / f"{name}.npy", values[order])


def load(folder: Path) -> list[np.ndarray]:
    """Return pins (n, k), users (n,) and sessions (n,)."""
    return [np.load(folder / f"{name}.npy") for name in ("pins", "users", "sessions")]


def ours(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`variance_shares`, with what its intervals need."""
    pins, users, sessions = load(folder)
    few = users < 2
    variance_shares(pins[few], users[few], sessions[few])  # compiles
    return lambda: np.array([variance_shares(pins, users, sessions).user])


def one_pass(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """Read every assignment once: what nothing can be faster than."""
    pins, _, _ = load(folder)
    return lambda: pins.sum(axis=0, dtype=np.float64)


def by_pairs(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """The definition, by SciPy's distances of all pairs of pins of a few users."""
    pins, users, sessions = load(folder)

    def share() -> np.ndarray:
        d1, d2 = [], []
        for one in range(options.sample):
            for other in range(options.sample):
                a, b = users == one, users == other
                squared = cdist(pins[a], pins[b], "sqeuclidean")
                if one == other:
                    d1.append(squared[sessions[a][:, None] != sessions[b]].mean())
                else:
                    d2.append(squared.mean())
        return np.array([1 - np.mean(d1) / np.mean(d2)])

    return share


def score(found: np.ndarray, seconds: float, folder: Path, options: Options) -> dict:
    """The share, where it was computed."""
    return {SHARE: float(found[0])} if len(found) == 1 else {}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check that it is a matter of passes over the pins, and not of their pairs."""
    own, once, _ = measured.values()
    ratio = own.best / once.best
    return [
        Bound(f"Less than {PASSES:g} times one pass", f"{ratio:.1f} x", ratio < PASSES),
    ]


BENCHMARK = Benchmark(
    name="variance_shares",
    title=lambda o: (
        f"Shares of variance of {o.users:,} users, {o.pins:,} pins, {o.clusters} clusters"
    ),
    contenders=[
        Contender("visprof.variation.variance_shares", ours, "with the shares without each user"),
        Contender("one pass", one_pass, "sum of all assignments"),
        Contender("pair by pair", by_pairs, "of a few users; grows with their square"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={SHARE: ".4f"},
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=3990)
    parser.add_argument("--pins", type=int, default=100)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--session", type=int, default=5, help="pins of a session")
    parser.add_argument("--shuffled", action="store_true", help="pins in any order")
    parser.add_argument("--sample", type=int, default=20, help="users whose pairs are computed")
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
