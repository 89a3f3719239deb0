"""Z of all pairs of users (Eqs. 4-7) at the paper's size, beside loops and a per-pair peer.

The peer, ConvoKit's Fightin' Words, compares two texts at a time: it gets a sample of the pairs, as
texts with a word a pin, and its time is extrapolated to all.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit, prange

from benchmarks.harness import MB, Benchmark, Bound, Contender, Measurement, Options, run
from visprof.logodds import logits_and_variances, pairwise_max_z
from visprof.sources.vectors import simulate_counts

ALL_PAIRS, DIFFERENCE = "all pairs, s", "largest difference of Z"


def write_data(folder: Path, options: Options) -> None:
    """Write whole counts of users and background, the sampled pairs, and the Z that all find."""
    rng = np.random.default_rng(options.seed)
    everyone = simulate_counts(
        options.users + options.background, options.pins, options.clusters,
        random_state=options.seed,
    )  # fmt: skip
    counts = everyone[: options.users].astype(float)
    # the prior of a word that nobody uses would be 0, by which the peer divides
    background = everyone[options.users :].sum(axis=0, dtype=float) + 1
    i, j = np.sort([rng.permutation(options.users)[:2] for _ in range(options.sample)]).T
    np.savez(folder / "data.npz", counts=counts, background=background, i=i, j=j)
    np.save(folder / "max_z.npy", pairwise_max_z(counts, background, options.alpha))


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (n, k) and background (k,)."""
    with np.load(folder / "data.npz") as data:
        return data["counts"], data["background"]


def n_pairs(options: Options) -> int:
    """Pairs of all users."""
    return options.users * (options.users - 1) // 2


# ---------------------------------------------------------------- contenders


def ours(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`pairwise_max_z`."""
    counts, background = load(folder)
    pairwise_max_z(counts[:3] + 1, background, options.alpha)  # compiles
    return lambda: pairwise_max_z(counts, background, options.alpha)


@njit(parallel=True, fastmath=True)
def _double_loop(logit, variance):  # pragma: no cover  (compiled)
    n, k = logit.shape
    max_z = np.empty(n * (n - 1) // 2)
    for row in prange(n - 1):
        i = np.int64(row)
        offset = i * (n - 1) - i * (i - 1) // 2 - i - 1
        for j in range(i + 1, n):
            largest = 0.0
            for c in range(k):
                delta = logit[i, c] - logit[j, c]
                largest = max(largest, delta * delta / (variance[i, c] + variance[j, c]))
            max_z[offset + j] = np.sqrt(largest)
    return max_z


def double_loop(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """What one writes first for a compiler: rows in parallel, pairs, clusters."""
    counts, background = load(folder)

    def call(counts: np.ndarray = counts) -> np.ndarray:
        return _double_loop(*logits_and_variances(counts, background, options.alpha))

    call(counts[:3])
    return call


def blocked_numpy(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """One user against all later ones at a time."""
    counts, background = load(folder)

    def call() -> np.ndarray:
        logit, variance = logits_and_variances(counts, background, options.alpha)
        rows = []
        for i in range(len(counts) - 1):
            z2 = logit[i] - logit[i + 1 :]
            z2 *= z2
            z2 /= variance[i] + variance[i + 1 :]
            rows.append(np.sqrt(z2.max(axis=1)))
        return np.concatenate(rows)

    return call


def convokit(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """ConvoKit's comparison of two texts, without its corpora, a call a pair."""
    from convokit.fighting_words import FightingWords
    from sklearn.feature_extraction.text import CountVectorizer

    counts, background = load(folder)
    words = [f"w{c}" for c in range(counts.shape[1])]
    vectorizer = CountVectorizer(vocabulary=words, lowercase=False)
    texts = [" ".join(np.repeat(words, row.astype(int))) for row in counts]
    peer = FightingWords(text_func=str, cv=vectorizer, prior=options.alpha * background)
    with np.load(folder / "data.npz") as data:
        pairs = list(zip(data["i"], data["j"], strict=True))

    def call() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):  # it reports on every pair
            z = [peer._bayes_compare_language([texts[i]], [texts[j]]) for i, j in pairs]
        return np.array([np.abs(list(by_word.values())).max() for by_word in z])

    return call


# ---------------------------------------------------------------- what is made of the results


def score(max_z: np.ndarray, seconds: float, folder: Path, options: Options) -> dict:
    """Seconds for all pairs, and how far Z is from ours."""
    expected = np.load(folder / "max_z.npy")
    if len(max_z) != len(expected):
        with np.load(folder / "data.npz") as data:
            i, j = data["i"], data["j"]
        expected = expected[i * (options.users - 1) - i * (i - 1) // 2 - i - 1 + j]
    return {
        ALL_PAIRS: seconds * n_pairs(options) / len(max_z),
        DIFFERENCE: float(np.abs(max_z - expected).max()),
        "output_bytes": max_z.nbytes,
    }


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of `pairwise_max_z`."""
    own, loop, blocked, peer = measured.values()
    of_loop, of_blocked = own.best / loop.best, blocked.best / own.best
    of_peer = peer.columns.get(ALL_PAIRS, np.nan) / own.best
    above = (own.peak_bytes - own.columns["output_bytes"]) / MB
    furthest = max(m.columns.get(DIFFERENCE, np.nan) for m in (loop, blocked, peer))
    return [
        Bound("At most 2 x a compiled double loop", f"{of_loop:.2f} x", of_loop <= 2),
        Bound("Faster than blocked NumPy", f"{of_blocked:.1f} x", of_blocked > 1),
        Bound("At most 100 MB above its output", f"{above:,.0f} MB", above <= 100),
        Bound(
            "At least 500 x faster than the peer, all pairs", f"{of_peer:,.0f} x", of_peer >= 500
        ),
        Bound("All find the same Z, to 0.0001", f"{furthest:.1e}", furthest <= 1e-4),
    ]


BENCHMARK = Benchmark(
    name="logodds",
    title=lambda o: (
        f"Largest z-score of all {n_pairs(o):,} pairs of {o.users:,} users, {o.clusters} clusters"
    ),
    contenders=[
        Contender("visprof.logodds.pairwise_max_z", ours),
        Contender("compiled double loop", double_loop, "numba, rows in parallel, fast-math"),
        Contender("blocked NumPy", blocked_numpy, "one user against all later ones"),
        Contender("ConvoKit", convokit, "a sample of pairs; FightingWords, one pair a call"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={ALL_PAIRS: ",.2f", DIFFERENCE: ".1e"},
    packages=("convokit",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=3990)
    parser.add_argument("--background", type=int, default=1800, help="users of the prior")
    parser.add_argument("--pins", type=int, default=100)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--sample", type=int, default=500, help="pairs that the peer gets")
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
