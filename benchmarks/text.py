"""PV-DM of captions: the fit and the inference on one thread, beside gensim's Doc2Vec.

Fast or not, vectors must tell as much: for each contender, how many of a caption's nearest captions
name the same scene.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof._numba import set_num_threads
from visprof.sources.world import simulate_world
from visprof.text import ParagraphVectors
from visprof.words import words

SAME_SCENE = "same scene, %"
NEAREST = 10


def write_data(folder: Path, options: Options) -> None:
    """Write the captions of a simulated world, with their scenes, and long ones made of them."""
    world = simulate_world(
        options.users, options.pins, caption_words=options.caption_words, random_state=options.seed
    )
    short = world.pins[["caption", "scene"]]
    long = short.groupby("scene")["caption"].apply(
        lambda captions: [
            " ".join(captions[i : i + options.joined])
            for i in range(0, len(captions), options.joined)
        ]
    )
    short.to_csv(folder / "short.csv", index=False)
    long.explode().reset_index().to_csv(folder / "long.csv", index=False)


def load(folder: Path, name: str) -> pd.DataFrame:
    """Return the table of captions and scenes."""
    return pd.read_csv(folder / name, keep_default_na=False)


# ---------------------------------------------------------------- contenders


def fit_and_transform(folder: Path, options: Options, name: str) -> Callable[[], tuple]:
    """`ParagraphVectors`, learnt from the captions and inferred for them."""
    set_num_threads(1)
    captions = load(folder, name)["caption"].tolist()

    def call(captions: list[str] = captions) -> tuple:
        model = ParagraphVectors(options.size, options.epochs, random_state=options.seed)
        return name, model.fit_transform(captions)

    call(captions[:200])  # compiles
    return call


def doc2vec(folder: Path, options: Options, name: str) -> Callable[[], tuple]:
    """Return the same by gensim, each distinct caption inferred once as ours does."""
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    captions = load(folder, name)["caption"].tolist()
    usual = ParagraphVectors()

    def call(captions: list[str] = captions) -> tuple:
        documents = [TaggedDocument(words(caption), [i]) for i, caption in enumerate(captions)]
        model = Doc2Vec(
            documents,
            vector_size=options.size,
            epochs=options.epochs,
            window=usual.window,
            min_count=usual.min_count,
            seed=options.seed,
            workers=1,
        )
        inferred = {}
        for document in documents:
            found = tuple(document.words)
            if found not in inferred:
                inferred[found] = model.infer_vector(document.words)
        return name, np.array([inferred[tuple(document.words)] for document in documents])

    call(captions[:200])
    return call


def ours(folder: Path, options: Options) -> Callable[[], tuple]:
    """Ours on captions as they are."""
    return fit_and_transform(folder, options, "short.csv")


def gensim(folder: Path, options: Options) -> Callable[[], tuple]:
    """Gensim on captions as they are."""
    return doc2vec(folder, options, "short.csv")


def ours_long(folder: Path, options: Options) -> Callable[[], tuple]:
    """Ours on long texts."""
    return fit_and_transform(folder, options, "long.csv")


def gensim_long(folder: Path, options: Options) -> Callable[[], tuple]:
    """Gensim on long texts."""
    return doc2vec(folder, options, "long.csv")


# ---------------------------------------------------------------- what is made of the results


def score(result: tuple, seconds: float, folder: Path, options: Options) -> dict:
    """Share of the nearest captions, of those that differ, that name the same scene."""
    name, vectors = result
    table = load(folder, name)
    table = table[table["caption"].map(words).astype(bool)].drop_duplicates("caption")
    found = vectors[table.index].astype(float)
    scenes = table["scene"].to_numpy()
    near = NearestNeighbors(n_neighbors=NEAREST).fit(found).kneighbors(return_distance=False)
    return {SAME_SCENE: 100 * float(np.mean(scenes[near] == scenes[:, None]))}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check that ours is faster, and its vectors as good."""
    own, peer, own_long, peer_long = measured.values()
    of_short, of_long = peer.best / own.best, peer_long.best / own_long.best
    less = max(
        p.columns[SAME_SCENE] - o.columns[SAME_SCENE]
        for o, p in ((own, peer), (own_long, peer_long))
    )
    return [
        Bound("At least 5 x faster than gensim, captions", f"{of_short:.1f} x", of_short >= 5),
        Bound("As fast as gensim, long texts", f"{of_long:.1f} x", of_long >= 1),
        Bound("Same scene at most 2 points less often", f"{less:+.1f} points", less <= 2),
    ]


BENCHMARK = Benchmark(
    name="text",
    title=lambda o: (
        f"PV-DM of the captions of {o.users * o.pins:,} simulated pins, {o.size} dimensions, "
        f"{o.epochs} epochs, one thread"
    ),
    contenders=[
        Contender("visprof.text.ParagraphVectors", ours, "captions; double precision"),
        Contender("gensim Doc2Vec", gensim, "captions; single precision"),
        Contender("ParagraphVectors, long texts", ours_long, "captions of a scene joined"),
        Contender("gensim Doc2Vec, long texts", gensim_long, "the same"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={SAME_SCENE: ".1f"},
    packages=("gensim",),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=80)
    parser.add_argument("--pins", type=int, default=120)
    parser.add_argument("--caption-words", type=float, default=0.7, help="share that names scenes")
    parser.add_argument("--joined", type=int, default=20, help="captions of a long text")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
