"""Permutation tests of pairs of users: compiled for many pairs, beside NumPy a pair at a time."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof.logodds import log_odds_z, logits_and_variances
from visprof.significance import max_z_pvalues, sample_pairs, studentised_pvalues

STUDENTISED = 1.5  # of the time of the largest z by session
ALL_PAIRS, DIFFERENCE = "all pairs, s", "mean difference of p"
BLOCK = 256  # permutations at once in NumPy


def write_data(folder: Path, options: Options) -> None:
    """Write soft assignments of users who do not differ, so p-values of all sizes, and these.

    Other vocabularies are such assignments, too: each is summed up and searched alike.
    """
    rng = np.random.default_rng(options.seed)
    pins = rng.dirichlet(np.full(options.clusters, 0.05), options.users * options.pins)
    np.save(folder / "pins.npy", pins.astype(np.float32))
    several = [pins.astype(np.float32)]
    for _ in range(options.vocabularies - 1):
        several.append(rng.permutation(several[0]))
    np.save(folder / "several.npy", np.stack(several))
    np.save(folder / "p.npy", ours(folder, options)())


def load(folder: Path, options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return assignments (n, k), users (n,), pairs (m, 2) and background (k,)."""
    pins = np.load(folder / "pins.npy")
    users = np.repeat(np.arange(options.users), options.pins)
    pairs = sample_pairs(options.users, options.pairs, options.seed)
    return pins, users, pairs, pins.sum(axis=0, dtype=float)


def ours(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`max_z_pvalues`, pins shuffled."""
    pins, users, pairs, background = load(folder, options)
    test = (background, options.alpha, options.permutations)
    max_z_pvalues(pins, users, pairs[:2], background, options.alpha, 1)  # compiles
    return lambda: max_z_pvalues(pins, users, pairs, *test).p_values


def by_session(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`max_z_pvalues`, sessions of 5 pins shuffled: tests another null, so p differs."""
    pins, users, pairs, background = load(folder, options)
    sessions = np.arange(len(users)) // 5
    max_z_pvalues(pins, users, pairs[:2], background, options.alpha, 1, sessions=sessions)
    test = (background, options.alpha, options.permutations)
    return lambda: max_z_pvalues(pins, users, pairs, *test, sessions=sessions).p_values


def studentised(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`studentised_pvalues` of the same sessions: tests another statistic, so p differs."""
    pins, users, pairs, _ = load(folder, options)
    sessions = np.arange(len(users)) // 5
    studentised_pvalues(pins, users, pairs[:2], sessions, 1)  # compiles
    return lambda: studentised_pvalues(pins, users, pairs, sessions, options.permutations).p


def by_vocabulary(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`max_z_pvalues` of several vocabularies; p of the first, which is that of the test alone."""
    pins, users, pairs, background = load(folder, options)
    several = np.load(folder / "several.npy")
    test = ([background] * len(several), options.alpha, options.permutations)
    max_z_pvalues(pins, users, pairs[:2], background, options.alpha, 1)  # compiles
    return lambda: max_z_pvalues(several, users, pairs, *test).p_by_seed[0]


def numpy_pairs(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """Shuffles as the rows of a matrix, its product with the pins, and `logits_and_variances`."""
    pins, _, pairs, background = load(folder, options)
    pins = pins.astype(float).reshape(options.users, options.pins, -1)
    rng = np.random.default_rng(options.seed)

    def p_value(i: int, j: int) -> float:
        y = pins[i].sum(axis=0), pins[j].sum(axis=0)
        observed = np.abs(log_odds_z(*y, background, options.alpha)).max()
        pooled = np.concatenate([pins[i], pins[j]])
        first = np.arange(len(pooled)) < options.pins
        reached = 0
        for start in range(0, options.permutations, BLOCK):
            n = min(BLOCK, options.permutations - start)
            chosen = rng.permuted(np.tile(first, (n, 1)), axis=1)
            (a, s), (b, t) = (
                logits_and_variances(part @ pooled, background, options.alpha)
                for part in (chosen, ~chosen)
            )
            z = np.max(np.abs(a - b) / np.sqrt(s + t), axis=1)
            reached += np.sum(z >= observed - 1e-9)
        return (1 + reached) / (1 + options.permutations)

    return lambda: np.array([p_value(i, j) for i, j in pairs[: options.sample]])


def score(p: np.ndarray, seconds: float, folder: Path, options: Options) -> dict:
    """Time of all pairs, extrapolated where only some were tested, and how far p is from ours."""
    found = np.load(folder / "p.npy")
    return {
        ALL_PAIRS: seconds * len(found) / len(p),
        DIFFERENCE: float(np.mean(np.abs(p - found[: len(p)]))),
    }


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check that it is a matter of minutes, and that p-values are the same."""
    own, sessions, distances, several, peer = measured.values()
    ratio = peer.columns[ALL_PAIRS] / own.columns[ALL_PAIRS]
    return [
        Bound("All pairs within 3 minutes", f"{own.best:.0f} s", own.best < 180),
        Bound("By session within 3 minutes", f"{sessions.best:.0f} s", sessions.best < 180),
        Bound(
            f"Studentised in {STUDENTISED} times as long, at most",
            f"{distances.best / sessions.best:.2f}",
            distances.best <= STUDENTISED * sessions.best,
        ),
        Bound("Of all vocabularies within 3 minutes", f"{several.best:.0f} s", several.best < 180),
        Bound(
            "The first of them as alone",
            f"{several.columns[DIFFERENCE]:g}",
            several.columns[DIFFERENCE] == 0,
        ),
        Bound("Faster than NumPy pair by pair", f"{ratio:.0f} x", ratio > 1),
        Bound(
            "The same p-values, to 0.02 in the mean (other shuffles)",
            f"{peer.columns[DIFFERENCE]:.4f}",
            peer.columns[DIFFERENCE] < 0.02,
        ),
    ]


BENCHMARK = Benchmark(
    name="significance",
    title=lambda o: (
        f"Permutation tests of {o.pairs:,} pairs, {o.permutations:,} shuffles, {o.pins:,} pins, "
        f"{o.clusters} clusters, {o.vocabularies} vocabularies"
    ),
    contenders=[
        Contender("visprof.significance.max_z_pvalues", ours, "pins shuffled"),
        Contender("the same by session", by_session, "sessions of 5 pins shuffled: another null"),
        Contender("studentised_pvalues", studentised, "the same sessions: another statistic"),
        Contender("the same of many vocabularies", by_vocabulary, "the mean of their largest z"),
        Contender("NumPy, pair by pair", numpy_pairs, "on a sample of the pairs"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={ALL_PAIRS: ",.0f", DIFFERENCE: ".4f"},
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--pins", type=int, default=100)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--vocabularies", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5000)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--sample", type=int, default=20, help="pairs that NumPy tests")
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
