"""The map of Figure 4: t-SNE as the book computes it and as others do, with their quality."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof import maps
from visprof.sources.vectors import simulate_embeddings

PRESERVED = "neighbours kept"
NEIGHBOURS = 10


def write_data(folder: Path, options: Options) -> None:
    """Write embeddings of simulated users' pins."""
    users = -(-options.points // 100)
    world = simulate_embeddings(users, 100, options.dims, random_state=options.seed)
    rows = np.random.default_rng(options.seed).permutation(len(world.vectors))[: options.points]
    np.save(folder / "vectors.npy", world.vectors[rows])


def ours(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """As the book computes its maps: exact neighbours, one thread."""
    x = np.load(folder / "vectors.npy")
    return lambda: maps.tsne_plane(x, options.perplexity, options.seed)


def open_tsne(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """openTSNE with its own settings, on all cores."""
    from openTSNE import TSNE

    x = np.load(folder / "vectors.npy")
    tsne = TSNE(
        perplexity=options.perplexity, initialization="pca", random_state=options.seed, n_jobs=-1
    )
    return lambda: np.asarray(tsne.fit(x))


def scikit_learn(folder: Path, options: Options) -> Callable[[], np.ndarray]:
    """With the same settings, the others left as they come."""
    from sklearn.manifold import TSNE

    x = np.load(folder / "vectors.npy")
    tsne = TSNE(perplexity=options.perplexity, init="pca", random_state=options.seed, n_jobs=-1)
    return lambda: tsne.fit_transform(x)


def score(plane: np.ndarray, seconds: float, folder: Path, options: Options) -> dict:
    """Share of the 10 nearest neighbours that are among the 10 nearest in the plane."""
    x = np.load(folder / "vectors.npy")
    near = [maps.nearest_neighbours(points, NEIGHBOURS) for points in (x, plane)]
    return {PRESERVED: float(np.mean(maps.preservation(*near)))}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check that speed is not bought by quality."""
    own, peer, *_ = measured.values()
    ratio = peer.best / own.best
    kept = [m.columns.get(PRESERVED, np.nan) for m in (own, peer)]
    return [
        Bound("Faster than scikit-learn", f"{ratio:.2f} x", ratio > 1),
        Bound(
            "Keeps as many neighbours, to 0.02",
            f"{kept[0]:.3f} and {kept[1]:.3f}",
            kept[0] >= kept[1] - 0.02,
        ),
    ]


BENCHMARK = Benchmark(
    name="tsne",
    title=lambda o: f"t-SNE of {o.points:,} x {o.dims}, perplexity {o.perplexity:g}",
    contenders=[
        Contender("visprof.maps.tsne_plane", ours, "openTSNE, exact neighbours, one thread"),
        Contender("scikit-learn", scikit_learn, "all cores"),
        Contender("openTSNE", open_tsne, "all cores, approximate neighbours where it sees fit"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={PRESERVED: ".3f"},
    packages=("openTSNE",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--dims", type=int, default=410)
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
