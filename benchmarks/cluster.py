"""What blocks of work cost in one process, and what a second worker of a cluster gains.

Pairs, permutations and ranks in one block, as in a plain loop over all; in the blocks that a
cluster would get, without one; and by one and two worker processes of this machine, of one thread
each. Pictures are drawn by one process, and by one and two workers. All must find the
same. Beside the time stands what all processes together took of the processors, which a busy
machine changes little.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof import cluster, logodds, prediction, significance
from visprof.sources import world

SAME, CPU = "checksum", "CPU, s"
LOOP, BLOCKS, ONE, TWO = "one block", "blocks", "1 worker", "2 workers"
ALONE = "1 process"  # joblib's processes would outlive their call, and be waited for
WORKERS = {ONE: 1, TWO: 2}
COST, EFFICIENCY = 1.03, 0.8

Found = tuple[list[np.ndarray], float]  # what was found, and seconds of processors


# ---------------------------------------------------------------- the work, and what it finds


def pairs(size: int, options: Options) -> Callable[..., Iterator[np.ndarray]]:
    """Z of all pairs of users."""
    counts = np.random.default_rng(options.seed).gamma(0.5, 4, (size, options.clusters))
    background = counts.sum(axis=0)
    return lambda client: iter([logodds.pairwise_max_z(counts, background, 0.01, client=client)])


def permutations(size: int, options: Options) -> Callable[..., Iterator[np.ndarray]]:
    """Permutation tests of so many pairs of users with 100 pins each."""
    n_users, rng = 100, np.random.default_rng(options.seed)
    pins = rng.dirichlet(np.full(options.clusters, 0.05), 100 * n_users).astype(np.float32)
    users, tested = np.repeat(np.arange(n_users), 100), significance.sample_pairs(n_users, size, 0)
    test = pins, users, tested, pins.sum(axis=0, dtype=float), 0.01
    return lambda client: iter(vars(significance.max_z_pvalues(*test, client=client)).values())


def ranks(size: int, options: Options) -> Callable[..., Iterator[np.ndarray]]:
    """Ranks of so many users."""
    rng = np.random.default_rng(options.seed)
    train, test = rng.dirichlet(np.full(options.clusters, 0.3), (2, size)).astype(np.float32)
    return lambda client: iter(vars(prediction.rank_users(train, test, client=client)).values())


WORK = {"pairs": (pairs, logodds), "permutations": (permutations, significance),
        "ranks": (ranks, prediction)}  # fmt: skip
SMALL = {"pairs": 2000, "permutations": 600, "ranks": 5000}  # to warm up: of more than one block


def prepare(folder: Path, options: Options, work: str, by: str) -> Callable[[], Found]:
    """One kind of work by one contender, warm."""
    make, module = WORK[work]
    if by == LOOP:
        module._BLOCK = sys.maxsize // 2**20
    client = begin_cluster(WORKERS[by]) if by in WORKERS else None
    list(make(SMALL[work], options)(client))
    call = make(getattr(options, work), options)
    return lambda: with_cpu(lambda: list(call(client)))


def drawing(folder: Path, options: Options, by: str) -> Callable[[], Found]:
    """Pictures of a simulated world, by processes or by workers."""
    client = begin_cluster(WORKERS[by]) if by in WORKERS else None

    def call(n_users: int = options.pictures // 100) -> list[np.ndarray]:
        users = world.simulate_world(n_users, 100, random_state=options.seed)
        boards = world.write_world(users, folder, n_jobs=1, client=client)
        files = sorted(boards.rglob("*.jpg"))
        return [np.frombuffer(path.read_bytes(), np.uint8) for path in files]

    call(6)
    return lambda: with_cpu(call)


def with_cpu(call: Callable[[], list[np.ndarray]]) -> Found:
    """Call; and what this process and those that it has begun took of the processors."""
    before = cpu_seconds()
    return call(), cpu_seconds() - before


def cpu_seconds() -> float:
    """Seconds that this process and all that it has begun have taken."""
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    ended = sum(of.children_user + of.children_system for of in times)  # of those that have
    return sum(of.user + of.system for of in times) + ended


def begin_cluster(n_workers: int) -> Any:
    """A client of so many worker processes, which end with this process."""
    began = ExitStack()
    began.enter_context(cluster.open_cluster(f"local:{n_workers}"))
    Finalize(None, began.close, exitpriority=100)  # before this process ends its children
    client = cluster.client_of_page()
    client.wait_for_workers(n_workers, timeout=cluster.PATIENCE)
    return client


# ---------------------------------------------------------------- what is made of the results


def score(found: Found, seconds: float, folder: Path, options: Options) -> dict:
    """Return a checksum of all that was found, bit by bit, and what it took of the processors."""
    check, (arrays, cpu) = 0, found
    for array in arrays:
        check = zlib.crc32(np.ascontiguousarray(array), check)
    return {CPU: cpu, SAME: float(check)}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of blocks."""
    kinds = (*WORK, "drawing")
    cost = {work: cpu_ratio(measured, work, BLOCKS, LOOP) for work in WORK}
    gain = {work: cpu_ratio(measured, work, ONE, TWO) for work in kinds}
    faster = {work: ratio(measured, work, ONE, TWO) for work in kinds}
    digests = {work: set() for work in kinds}
    for name, of in measured.items():
        digests[name.partition(",")[0]].add(of.columns[SAME])
    return [
        Bound(
            f"Blocks cost one process at most {COST - 1:.0%} of the processors' time",
            ", ".join(f"{work} {times - 1:+.1%}" for work, times in cost.items()),
            max(cost.values()) <= COST,
        ),
        Bound(
            f"Two workers do at least {EFFICIENCY:.0%} of one's work in the same processors' time",
            ", ".join(
                f"{work} {share:.0%} ({faster[work]:.2f} x as fast)" for work, share in gain.items()
            ),
            min(gain.values()) >= EFFICIENCY,
        ),
        Bound(
            "All find the same, bit by bit",
            f"{max(map(len, digests.values()))} result of each kind of work",
            all(len(found) == 1 for found in digests.values()),
        ),
    ]


def ratio(measured: dict[str, Measurement], work: str, a: str, b: str) -> float:
    """Time of one contender in units of another's."""
    return measured[f"{work}, {a}"].best / measured[f"{work}, {b}"].best


def cpu_ratio(measured: dict[str, Measurement], work: str, a: str, b: str) -> float:
    """What one contender took of the processors in units of what another took."""
    return measured[f"{work}, {a}"].columns[CPU] / measured[f"{work}, {b}"].columns[CPU]


BENCHMARK = Benchmark(
    name="cluster",
    title=lambda o: (
        f"Blocks of work: all pairs of {o.pairs:,} users, permutation tests of "
        f"{o.permutations:,} pairs, ranks of {o.ranks:,} users, {o.clusters} clusters; "
        f"{o.pictures:,} pictures drawn"
    ),
    contenders=[
        *(
            Contender(f"{work}, {by}", partial(prepare, work=work, by=by))
            for work in WORK
            for by in (BLOCKS, LOOP, *WORKERS)
        ),
        *(Contender(f"drawing, {by}", partial(drawing, by=by)) for by in (ALONE, *WORKERS)),
    ],
    write_data=lambda folder, options: None,
    score=score,
    bounds=bounds,
    formats={CPU: ".2f", SAME: ".0f"},
    packages=("distributed",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3_990, help="users, all pairs of whom")
    parser.add_argument("--permutations", type=int, default=4_000, help="pairs that are tested")
    parser.add_argument("--ranks", type=int, default=40_000, help="users that are ranked")
    parser.add_argument("--pictures", type=int, default=6_000, help="that are drawn")
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
