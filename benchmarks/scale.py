"""What things cost as data grow: slopes of the processors' time against size, and peak memory.

Pins lie in a file, in the order in which they were collected, users mixed; it is read in blocks, of
which no more than one is held. The largest size is all of it: from 10 million pins (16 GB) to
profiles of 100,000 users and their mean reciprocal rank (MRR). Beside the exact ranks of very many
users stand two ways to have them for less: those of a sample of users, each among all, and lists of
nearest profiles by an approximate index (faiss).

Processors' time is what the call takes of them, which a busy machine changes less than how long it
takes. A slope is that of a line through the logarithms of sizes and times: 1 is linear.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from benchmarks import prediction as profiles_drawn
from benchmarks.harness import (
    GB,
    MB,
    Benchmark,
    Bound,
    Contender,
    Measurement,
    Options,
    peak_memory,
    run,
)
from visprof.logodds import pairwise_max_z
from visprof.mapped import sample_rows
from visprof.prediction import rank_users
from visprof.profiles import assigned_counts
from visprof.rank_scores import mean_reciprocal_rank, reciprocal_rank_bounds
from visprof.vocabulary import VisualVocabulary

CPU, RESIDENT, RECALL = "CPU, s", "resident, MB", "found again"
MRR, LOW, HIGH = "MRR", "from", "to"
CLASSES, FAVOURITES, OF_USER = 300, 20, 100  # of what pins show; of each user; pins
SAMPLE, RANKED, NEAREST = 20_000, 10_000, 100  # pins that are clustered; users; profiles in a list
DRAWN = 2**14  # pins at a time

PICTURES = (1_000, 10_000, 100_000, 1_000_000)
LARGE = (20_000, 100_000, 1_000_000)  # of which a sample is a sample
USERS = (3_000, 10_000, 30_000, 100_000)
AMONG = (20_000, 50_000, 100_000)
PAIRED = (500, 1_500, 5_000)
ASSIGNED, PROFILES, CLUSTERS = "assignments", "profiles", "clusters of a sample"
RANKS, SOME, PAIRS = "ranks", f"ranks of {RANKED:,}", "pairs"
WHOLE, INDEX = "from the file to the MRR", "faiss, lists of the nearest"

Found = tuple[float, dict[str, float]]  # seconds of processors, and further columns


# ---------------------------------------------------------------- data


def write_data(folder: Path, options: Options) -> None:
    """Write embeddings of pins that show what their users like, and profiles of users."""
    rng = np.random.default_rng(options.seed)
    liked = rng.integers(CLASSES, size=(options.file // OF_USER, FAVOURITES))
    users = np.repeat(np.arange(len(liked), dtype=np.int32), OF_USER)
    rng.shuffle(users)
    np.save(folder / "users.npy", users)
    centres = rng.standard_normal((CLASSES, options.dims), np.float32)
    with open(folder / "pins", "wb") as file:
        for start in range(0, len(users), DRAWN):
            some = users[start : start + DRAWN]
            pins = rng.standard_normal((len(some), options.dims), np.float32)
            pins += centres[liked[some, rng.integers(FAVOURITES, size=len(some))]]
            pins.tofile(file)
    profiles_drawn.write_data(folder, options)
    np.save(
        folder / "ranks.npy", rank_users(*profiles_drawn.load(folder, USERS[-1], options)).middle
    )
    words = VisualVocabulary(options.clusters, "auto", max_iter=2, random_state=0)
    words.fit(sample_rows(pins_of(folder, options), SAMPLE))
    joblib.dump(words, folder / "words.joblib")


def pins_of(folder: Path, options: Options, n: int | None = None) -> np.memmap:
    """Embeddings in the file: all, or the first."""
    pins = np.memmap(folder / "pins", np.float32, "r").reshape(-1, options.dims)
    return pins[:n]


# ---------------------------------------------------------------- contenders


def timed(
    call: Callable[[], Any], columns: Callable[[Any], dict[str, float]] = lambda found: {}
) -> Callable[[], Found]:
    """Call; with what it takes of the processors, and columns of what it finds, not timed."""

    def timed_call() -> Found:
        start = time.process_time()
        found = call()
        return time.process_time() - start, columns(found)

    return timed_call


def assignments(folder: Path, options: Options, n: int) -> Callable[[], Found]:
    """Of n pictures, summed over all: the prior of a background."""
    words, pins = joblib.load(folder / "words.joblib"), pins_of(folder, options, n)
    assigned_counts(words, pins[:100], np.zeros(100))
    users = np.zeros(n, int)
    return timed(lambda: assigned_counts(words, pins, users))


def profiles(folder: Path, options: Options, n: int) -> Callable[[], Found]:
    """Of the users of n pictures, whose pins stand anywhere."""
    words, pins = joblib.load(folder / "words.joblib"), pins_of(folder, options, n)
    users = np.random.default_rng(0).permutation(np.repeat(np.arange(n // OF_USER), OF_USER))
    assigned_counts(words, pins[:100], users[:100])
    return timed(lambda: assigned_counts(words, pins, users))


def clusters(folder: Path, options: Options, n: int) -> Callable[[], Found]:
    """Of a sample of n pictures."""
    pins = pins_of(folder, options, n)
    words = VisualVocabulary(options.clusters, max_iter=10, random_state=0)
    words.fit(pins[: 2 * options.clusters])
    return timed(lambda: words.fit(sample_rows(pins, SAMPLE)))


def ranks(folder: Path, options: Options, n: int, ranked: int | None = None) -> Callable[[], Found]:
    """Ranks of n users, or of so many of them."""
    train, test = profiles_drawn.load(folder, n, options)
    some, rest = np.split(np.random.default_rng(1).permutation(n), [ranked or n])
    rank_users(train[:8], test[:8])

    def call() -> np.ndarray:
        others = test[rest] if len(rest) else None
        return rank_users(train[some], test[some], others=others).middle

    return timed(call, mrr_of)


def mrr_of(ranks: np.ndarray) -> dict[str, float]:
    """Mean reciprocal rank; of a sample of users with its interval."""
    if len(ranks) != RANKED:
        return {MRR: (1 / ranks).mean()}
    return dict(zip((MRR, LOW, HIGH), mean_reciprocal_rank(1 / ranks), strict=True))


def nearest(folder: Path, options: Options, probed: int) -> Callable[[], Found]:
    """Lists of each user's nearest test profiles, from so many of an index's cells."""
    import faiss

    n = USERS[-1]
    train, test = profiles_drawn.load(folder, n, options)
    exact = np.load(folder / "ranks.npy")
    faiss.omp_set_num_threads(1)

    def call() -> np.ndarray:
        cells = int(4 * np.sqrt(n))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(test.shape[1]), test.shape[1], cells)
        index.train(test[: 50 * cells])
        index.add(test)
        index.nprobe = probed
        return index.search(train, NEAREST)[1]

    def columns(lists: np.ndarray) -> dict[str, float]:
        own = lists == np.arange(n)[:, None]
        found = np.where(own.any(axis=1), own.argmax(axis=1) + 1.0, np.nan)
        low, high = reciprocal_rank_bounds(found, NEAREST, n).mean(axis=0)
        return {LOW: low, HIGH: high, RECALL: np.isfinite(found[exact <= NEAREST]).mean()}

    return timed(call, columns)


def pairs(folder: Path, options: Options, n: int) -> Callable[[], Found]:
    """Z of all pairs of n users."""
    counts, _ = profiles_drawn.load(folder, n, options)
    pairwise_max_z(counts[:8], counts.sum(axis=0), 0.01)
    return timed(lambda: pairwise_max_z(counts, counts.sum(axis=0), 0.01))


def whole(folder: Path, options: Options) -> Callable[[], Found]:
    """From a file to clusters of a sample, profiles of all users by first and last pins, ranks."""
    rank_users(np.eye(8), np.eye(8))
    pins = pins_of(folder, options)  # no memory, but addresses, of which there is a limit

    def call() -> np.ndarray:
        users = np.load(folder / "users.npy")
        order = np.argsort(users, kind="stable")
        last = np.empty(len(users), bool)
        last[order] = np.arange(len(users)) % OF_USER >= OF_USER // 2
        words = VisualVocabulary(options.clusters, "auto", max_iter=10, random_state=0)
        words.fit(sample_rows(pins, SAMPLE))
        _, counts = assigned_counts(words, pins, 2 * users + last)
        train, test = counts[::2], counts[1::2]
        some, rest = np.split(np.random.default_rng(1).permutation(len(train)), [RANKED])
        return rank_users(train[some], test[some], others=test[rest]).middle

    return timed(call, mrr_of)


# ---------------------------------------------------------------- what is made of the results


def score(found: Found, seconds: float, folder: Path, options: Options) -> dict[str, float]:
    """What it took of the processors, the most that the process held, and what was found."""
    columns = {CPU: found[0], RESIDENT: peak_memory() / MB, **found[1]}
    return {name: float(value) for name, value in columns.items()}  # as JSON can hold them


def slope(measured: dict[str, Measurement], work: str, sizes: tuple[int, ...]) -> float:
    """Of a line through the logarithms of sizes and of the processors' times."""
    times = [measured[named(work, n)].columns.get(CPU, np.nan) for n in sizes]
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of data that grow."""
    linear = {work: slope(measured, work, sizes) for work, sizes in LINEAR.items()}
    square = {work: slope(measured, work, sizes) for work, sizes in SQUARE.items()}
    flat = slope(measured, CLUSTERS, LARGE)
    growth = [measured[named(PROFILES, n)].columns.get(RESIDENT, np.nan) for n in PICTURES[-2:]]
    held = measured[WHOLE].columns.get(RESIDENT, np.nan)
    every, some = (measured[named(work, USERS[-1])].columns for work in (RANKS, SOME))
    mrr, low, high = every.get(MRR, np.nan), some.get(LOW, np.nan), some.get(HIGH, np.nan)
    return [
        Bound("Linear: slopes from 0.9 to 1.1", said(linear), within(linear, 0.9, 1.1)),
        Bound("Of all pairs: slopes from 1.8 to 2.2", said(square), within(square, 1.8, 2.2)),
        Bound("Clusters of a sample: a slope of at most 0.3", f"{flat:.2f}", flat <= 0.3),
        Bound("From the file to the MRR in less than 4 GB", f"{held:,.0f} MB", held * MB < 4 * GB),
        Bound(
            "Ten times the pictures take less than 0.2 GB more",
            f"{growth[1] - growth[0]:,.0f} MB",
            (growth[1] - growth[0]) * MB < 0.2 * GB,
        ),
        Bound(
            f"The interval of {RANKED:,} of {USERS[-1]:,} users holds the MRR of all",
            f"{low:.4f} to {high:.4f}, {mrr:.4f}",
            low <= mrr <= high,
        ),
    ]


def said(slopes: dict[str, float]) -> str:
    """Slopes by name."""
    return ", ".join(f"{work} {found:.2f}" for work, found in slopes.items())


def within(slopes: dict[str, float], low: float, high: float) -> bool:
    """Whether all are."""
    return all(low <= found <= high for found in slopes.values())


def named(work: str, n: int) -> str:
    """Name of a contender at a size."""
    return f"{work}, {n:,}"


LINEAR = {ASSIGNED: PICTURES, PROFILES: PICTURES, SOME: AMONG}
SQUARE = {RANKS: USERS, PAIRS: PAIRED}
GROWING: tuple[tuple[str, Callable[..., Any], tuple[int, ...], str], ...] = (
    (ASSIGNED, assignments, PICTURES, "pictures, summed over all"),
    (PROFILES, profiles, PICTURES, f"pictures, {OF_USER} of a user"),
    (CLUSTERS, clusters, LARGE, f"pictures, of which {SAMPLE:,} are drawn"),
    (RANKS, ranks, USERS, "users"),
    (SOME, partial(ranks, ranked=RANKED), AMONG, "users among whom they are ranked"),
    (PAIRS, pairs, PAIRED, "users"),
)
BENCHMARK = Benchmark(
    name="scale",
    title=lambda o: f"Cost against size: {o.dims} numbers a picture, {o.clusters} clusters",
    contenders=[
        *(
            Contender(named(work, n), partial(prepare, n=n), note)
            for work, prepare, sizes, note in GROWING
            for n in sizes
        ),
        *(
            Contender(
                f"{INDEX} {NEAREST}, {USERS[-1]:,}, {probed} cells",
                partial(nearest, probed=probed),
                "users; bounds of the MRR as if the lists were exact",
            )
            for probed in (16, 64)
        ),
        Contender(WHOLE, whole, "the largest: all of the file"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={CPU: ".3f", RESIDENT: ",.0f", MRR: ".4f", LOW: ".4f", HIGH: ".4f", RECALL: ".1%"},
    packages=("faiss-cpu",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=int, default=10_000_000, help="pins in the file")
    parser.add_argument("--dims", type=int, default=410)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--pins", type=int, default=50, help="of each profile of those ranked")
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
