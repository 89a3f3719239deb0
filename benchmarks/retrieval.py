"""Ranking metrics (Table 1): every picture a query, mean average precision of the full rankings.

Peers get the same float32 features and integer labels, and must give the same mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import GB, MB, Benchmark, Bound, Contender, Measurement, Options, run
from visprof import retrieval

FLOOR = "blocked matrix product alone"
DIFFERENCE = "mAP less ours"


def write_data(folder: Path, options: Options) -> None:
    """Write class centres with noise about them, and the mean that all must find."""
    rng = np.random.default_rng(options.seed)
    labels = np.repeat(np.arange(options.classes), options.per_class)
    centres = options.spread * rng.standard_normal((options.classes, options.dims))
    features = centres[labels] + rng.standard_normal((len(labels), options.dims))
    order = rng.permutation(len(labels))
    features, labels = features[order].astype(np.float32), labels[order]
    np.save(folder / "features.npy", features)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "mean_ap.npy", retrieval.ranking_metrics(features, labels).mean_ap)


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d), labels (n,)."""
    return np.load(folder / "features.npy"), np.load(folder / "labels.npy")


# ---------------------------------------------------------------- contenders, each to its mean AP


def ours(folder: Path, options: Options) -> Callable[[], float]:
    """`ranking_metrics`, which gives precision and recall at every cut-off as well."""
    x, labels = load(folder)
    retrieval.ranking_metrics(x[:200], labels[:200] % 3)  # compiles
    return lambda: retrieval.ranking_metrics(x, labels).mean_ap


def matrix_product(folder: Path, options: Options) -> Callable[[], None]:
    """Products of all pairs in blocks as large as ours: less than this no ranking can take."""
    x, _ = load(folder)
    block = max(1, retrieval._BLOCK_BYTES // (x.itemsize * len(x)))
    x[:8] @ x[:8].T

    def call() -> None:
        buffer = np.empty((min(block, len(x)), len(x)), dtype=x.dtype)
        for start in range(0, len(x), block):
            queries = x[start : start + block]
            np.matmul(queries, x.T, out=buffer[: len(queries)])

    return call


def sort_loop(folder: Path, options: Options) -> Callable[[], float]:
    """What one writes first: a sort a query (the distances come from blocked products, too)."""
    x, labels = load(folder)

    def call() -> float:
        half_norms = np.einsum("ij,ij->i", x, x) / 2
        scores = np.empty(len(x))
        for start in range(0, len(x), options.block):
            far = half_norms - x[start : start + options.block] @ x.T
            for query, row in enumerate(far, start):
                order = np.argsort(row)
                order = order[order != query]
                ranks = np.flatnonzero(labels[order] == labels[query]) + 1
                scores[query] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        return scores.mean()

    return call


def metric_learning(folder: Path, options: Options) -> Callable[[], float]:
    """pytorch-metric-learning as documented; k=None ranks all items, not the nearest few."""
    calculator = _calculator()
    x, labels = load(folder)
    return lambda: calculator.get_accuracy(x, labels)["mean_average_precision"]


def metric_learning_blocks(folder: Path, options: Options) -> Callable[[], float]:
    """The same, block by block; it wants the queries to be the first of the reference items."""
    calculator = _calculator()
    x, labels = load(folder)

    def call() -> float:
        total = 0.0
        for start in range(0, len(x), options.block):
            items, classes = np.roll(x, -start, axis=0), np.roll(labels, -start)
            size = min(options.block, len(x) - start)
            found = calculator.get_accuracy(
                items[:size], classes[:size], items, classes, ref_includes_query=True
            )
            total += size * found["mean_average_precision"]
        return total / len(x)

    return call


def _calculator():
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    return AccuracyCalculator(include=("mean_average_precision",), k=None)


def torchmetrics_class(folder: Path, options: Options) -> Callable[[], float]:
    """torchmetrics' metric as documented: updated with scores, targets and query numbers."""
    from visprof import _torchvision  # noqa: F401, I001  (before torchmetrics, which needs it)
    import torch
    from torchmetrics.retrieval import RetrievalMAP

    x, labels = map(torch.from_numpy, load(folder))

    def call() -> float:
        metric = RetrievalMAP()
        for start in range(0, len(x), options.block):
            scores, relevant = _scores_and_targets(x, labels, start, options.block)
            queries = torch.arange(start, start + len(scores))[:, None].expand_as(scores)
            metric.update(scores, relevant, queries)
        return float(metric.compute())

    return call


def torchmetrics_loop(folder: Path, options: Options) -> Callable[[], float]:
    """torchmetrics' function, a call a query."""
    from visprof import _torchvision  # noqa: F401, I001  (before torchmetrics, which needs it)
    import torch
    from torchmetrics.functional.retrieval import retrieval_average_precision

    x, labels = map(torch.from_numpy, load(folder))

    def call() -> float:
        total = 0.0
        for start in range(0, len(x), options.block):
            scores, relevant = _scores_and_targets(x, labels, start, options.block)
            for row, target in zip(scores, relevant, strict=True):
                total += float(retrieval_average_precision(row, target))
        return total / len(x)

    return call


def _scores_and_targets(x, labels, start: int, block: int):
    """Positive scores, 0 for the query itself: torchmetrics takes no score of 0 as relevant."""
    import torch

    queries = slice(start, start + block)
    scores = 1 / (1 + torch.cdist(x[queries], x))
    rows = torch.arange(len(scores))
    scores[rows, start + rows] = 0
    return scores, labels[queries, None] == labels


# ---------------------------------------------------------------- what is made of the results


def score(mean_ap: float | None, seconds: float, folder: Path, options: Options) -> dict:
    """Difference of a contender's mean from ours; the matrix product has none."""
    if mean_ap is None:
        return {}
    return {"mAP": float(mean_ap), DIFFERENCE: float(mean_ap - np.load(folder / "mean_ap.npy"))}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of `ranking_metrics`."""
    own, floor, *peers = measured.values()
    finished = [peer for peer in peers if peer.seconds]
    times_floor = own.best / floor.best
    fastest = min((peer.best for peer in finished), default=np.nan) / own.best
    furthest = max((abs(peer.columns[DIFFERENCE]) for peer in finished), default=np.nan)
    return [
        Bound("At most 2 x the blocked matrix product", f"{times_floor:.2f} x", times_floor <= 2),
        Bound(
            "Less than 1 GB above its input",
            f"{own.peak_bytes / MB:,.0f} MB",
            own.peak_bytes < GB,
        ),
        Bound(
            "Every peer that finishes is slower",
            f"the fastest of {len(finished)} takes {fastest:.1f} x our time",
            fastest > 1,
        ),
        Bound(
            "Every peer finds the same mAP, to 0.0001",
            f"largest difference {furthest:.1e}",
            furthest <= 1e-4,
        ),
    ]


BENCHMARK = Benchmark(
    name="retrieval",
    title=lambda o: (
        f"Ranking metrics of {o.classes * o.per_class:,} pictures "
        f"({o.classes} classes of {o.per_class}), {o.dims}-d float32"
    ),
    contenders=[
        Contender("visprof.retrieval.ranking_metrics", ours, "precision and recall at every k too"),
        Contender(FLOOR, matrix_product, "the floor: ranks nothing"),
        Contender("one sort a query", sort_loop, "NumPy"),
        Contender("pytorch-metric-learning", metric_learning, "AccuracyCalculator(k=None), faiss"),
        Contender(
            "pytorch-metric-learning, in blocks", metric_learning_blocks, "the same by our loop"
        ),
        Contender("torchmetrics, class", torchmetrics_class, "RetrievalMAP"),
        Contender("torchmetrics, loop", torchmetrics_loop, "retrieval_average_precision"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={"mAP": ".4f", DIFFERENCE: "+.1e"},
    packages=("pytorch-metric-learning", "faiss-cpu", "torchmetrics"),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=205)
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--dims", type=int, default=410)
    parser.add_argument("--spread", type=float, default=0.4, help="of centres; the noise has 1")
    parser.add_argument("--block", type=int, default=1000, help="queries that peers get at a time")
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
