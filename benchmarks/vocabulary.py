"""The visual vocabulary at the paper's size: clusters of the background, and the assignment.

On a machine with busy neighbours set OMP_NUM_THREADS=1: threads that wait for each other at every
step measure the neighbours.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from benchmarks.harness import GB, Benchmark, Bound, Contender, Measurement, Options, run
from visprof.sources.vectors import simulate_embeddings
from visprof.vocabulary import VisualVocabulary

INERTIA, WRONG = "mean squared distance to centre", "largest difference of an assignment"


def write_data(folder: Path, options: Options) -> None:
    """Write embeddings of all users, the background's first, and a fitted vocabulary."""
    world = simulate_embeddings(
        options.background + options.users, options.pins, options.dims, random_state=options.seed
    )
    np.save(folder / "vectors.npy", world.vectors)
    fitted = VisualVocabulary(options.clusters, options.bandwidth, max_iter=1, random_state=0)
    fitted.fit(world.vectors[: 100 * options.clusters])
    joblib.dump(fitted, folder / "words.joblib")


def background(folder: Path, options: Options) -> np.ndarray:
    """Return the background's embeddings, (n, d)."""
    every = np.load(folder / "vectors.npy", mmap_mode="r")
    return np.array(every[: options.background * options.pins])


# ---------------------------------------------------------------- fit: each to its centres


def fit(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`VisualVocabulary.fit`."""
    x = background(folder, options)
    words = VisualVocabulary(options.clusters, max_iter=options.iterations, random_state=0)
    return lambda: words.fit(x).cluster_centers_


def scikit_learn(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """KMeans as it comes: k-means++ on all rows."""
    from sklearn.cluster import KMeans

    x = background(folder, options)
    kmeans = KMeans(options.clusters, n_init=1, max_iter=options.iterations, random_state=0)
    return lambda: kmeans.fit(x).cluster_centers_


def mini_batches(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """MiniBatchKMeans with batches for two cores."""
    from sklearn.cluster import MiniBatchKMeans

    x = background(folder, options)
    kmeans = MiniBatchKMeans(options.clusters, batch_size=4096, n_init=1, random_state=0)
    return lambda: kmeans.fit(x).cluster_centers_


def faiss_all(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """On all rows: by itself it takes 256 a cluster."""
    import faiss

    x = background(folder, options)
    kmeans = faiss.Kmeans(
        x.shape[1], options.clusters, niter=options.iterations, seed=0,
        max_points_per_centroid=len(x),
    )  # fmt: skip

    def call() -> np.ndarray:
        kmeans.train(x)
        return kmeans.centroids

    return call


# ---------------------------------------------------------------- transform: all pins, assigned


def transform(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """`VisualVocabulary.transform` of all pins."""
    x, words = np.load(folder / "vectors.npy"), joblib.load(folder / "words.joblib")
    words.transform(x[:10])
    return lambda: words.transform(x)


def plain_numpy(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """Eq. 2 on whole arrays: scikit-learn's distances and SciPy's softmax."""
    from sklearn.metrics.pairwise import euclidean_distances

    x = np.load(folder / "vectors.npy")
    words = joblib.load(folder / "words.joblib")
    centres, scale = words.cluster_centers_, np.float32(words.bandwidth * words.sigma2_)
    return lambda: softmax(-euclidean_distances(x, centres, squared=True) / scale, axis=1)


# ---------------------------------------------------------------- what is made of the results


def score(result: np.ndarray, seconds: float, folder: Path, options: Options) -> dict:
    """Inertia of centres; of assignments, how far those of a sample are from double precision."""
    if len(result) == options.clusters:
        blocks = np.array_split(background(folder, options), 50)
        nearest = [cdist(rows, result, "sqeuclidean").min(axis=1) for rows in blocks]
        return {INERTIA: float(np.concatenate(nearest).mean())}
    rows = np.sort(np.random.default_rng(0).choice(len(result), 1000, replace=False))
    x = np.load(folder / "vectors.npy", mmap_mode="r")[rows].astype(float)
    words = joblib.load(folder / "words.joblib")
    distance = cdist(x, words.cluster_centers_, "sqeuclidean")
    expected = softmax(-distance / (words.bandwidth * words.sigma2_), axis=1)
    return {WRONG: float(np.abs(result[rows] - expected).max())}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check that the clusters are no worse than the peers', and that neither is slow or large."""
    fitted, plain, batches, peer, assigned, whole = measured.values()
    found = {m.name: m.columns.get(INERTIA, np.nan) for m in (fitted, plain, batches, peer)}
    best = min(found.values())
    faster = plain.best / fitted.best
    worse = found[fitted.name] / best - 1
    quick = whole.best / assigned.best if whole.seconds else np.nan
    return [
        Bound("Fits faster than scikit-learn as it comes", f"{faster:.1f} x", faster > 1),
        Bound("Centres within 1 % of the best contender's", f"{worse:.2%} worse", worse <= 0.01),
        Bound("Assigns no slower than plain NumPy", f"{quick:.1f} x", quick >= 1),
        Bound(
            "Assigns in less than 1 GB above its input, its output included",
            f"{assigned.peak_bytes / GB:.2f} GB",
            assigned.peak_bytes < GB,
        ),
        Bound(
            "Assignments in float32 are right to 0.0001",
            f"{assigned.columns[WRONG]:.1e}",
            assigned.columns[WRONG] <= 1e-4,
        ),
    ]


BENCHMARK = Benchmark(
    name="vocabulary",
    title=lambda o: (
        f"Visual vocabulary: {o.clusters} clusters of {o.background * o.pins:,} x {o.dims}, "
        f"at most {o.iterations} iterations; {(o.background + o.users) * o.pins:,} pins assigned; "
        f"{os.environ.get('OMP_NUM_THREADS', os.cpu_count())} thread(s)"
    ),
    contenders=[
        Contender("visprof: fit", fit, "scikit-learn, started by k-means++ on a sample"),
        Contender("scikit-learn KMeans: fit", scikit_learn, "k-means++ on all rows"),
        Contender("scikit-learn MiniBatchKMeans: fit", mini_batches, "batches of 4,096"),
        Contender("faiss: fit", faiss_all, "random start, all rows"),
        Contender("visprof: transform", transform, "Eq. 2 in blocks, in place"),
        Contender("plain NumPy: transform", plain_numpy, "scikit-learn's distances, softmax"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={INERTIA: ".4f", WRONG: ".1e"},
    packages=("faiss-cpu",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--background", type=int, default=1800, help="users")
    parser.add_argument("--users", type=int, default=3990)
    parser.add_argument("--pins", type=int, default=100)
    parser.add_argument("--dims", type=int, default=410)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--bandwidth", type=float, default=0.05)
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
