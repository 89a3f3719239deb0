"""A call of `embed_images` whose pictures are all known: how long it takes, and what it opens."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof.backbones import load_backbone
from visprof.embedding import embed_images
from visprof.feature_store import FeatureStore
from visprof.file_digests import file_digests

OPENED = "pictures opened"
SUFFIX = ".picture"
BYTES = 300
AT_ONCE = 10_000
MOST_SECONDS = 2.0


def paths(folder: Path, options: Options) -> list[str]:
    """Return what stands for pictures: no file is decoded, so that a few bytes will do."""
    return [f"{folder / 'pictures' / str(place)}{SUFFIX}" for place in range(options.images)]


def network() -> object:
    """Return a small network; it is loaded and asked for its fingerprint, no more."""
    return load_backbone("timm:test_vit", "random", 64)


def write_data(folder: Path, options: Options) -> None:
    """Write files, and a store that has embedded them all."""
    images, rng = paths(folder, options), np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for image in images:
        Path(image).write_bytes(rng.bytes(BYTES))
    time.sleep(3)  # what changed a moment ago would be read again
    embed_images_of_nobody(folder / "store", images)


def embed_images_of_nobody(folder: Path, images: list[str]) -> None:
    """Do what `embed_images` does to files that no network can look at."""
    backbone, store = network(), FeatureStore(folder)
    widths = backbone.feature_dim, backbone.output_dim
    with store.beginning():
        store.begin({
            "backbone": f"{backbone.name} {backbone.fingerprint()}", "precision": "fp32",
            "features_dim": widths[0], "outputs_dim": widths[1],
        })  # fmt: skip
    digests = file_digests(images, folder / "pictures.sqlite")
    with store.writer() as shard:
        for start in range(0, len(digests), AT_ONCE):
            some = digests[start : start + AT_ONCE]
            shard.append(some, *(np.zeros((len(some), width), np.float32) for width in widths))


# ---------------------------------------------------------------- contenders


def ours(folder: Path, options: Options, step: int = 1) -> Callable[[], int]:
    """`embed_images`, with the number of pictures that it opens."""
    images, backbone = paths(folder, options)[::step], network()
    counted = counter()

    def embed(some: list[str]) -> int:
        before = len(counted)
        embed_images(some, backbone, folder / "store", progress=False)
        return len(counted) - before

    embed(images[:10])
    return lambda: embed(images)


def read_all(folder: Path, options: Options) -> Callable[[], int]:
    """What a call did before, and does the first time."""
    images = paths(folder, options)
    counted = counter()

    def read() -> int:
        before, index = len(counted), folder / f"index-{time.time_ns()}"
        file_digests(images, index)
        return len(counted) - before

    return read


def stat_all(folder: Path, options: Options) -> Callable[[], int]:
    """The floor: that nothing has changed can be known by looking alone."""
    images = paths(folder, options)

    def look() -> int:
        for image in images:
            os.stat(image)
        return 0

    return look


def counter() -> list[None]:
    """Return a list that grows by one for each picture that this process opens."""
    found: list[None] = []

    def listen(event: str, arguments: tuple) -> None:
        if event == "open" and str(arguments[0]).endswith(SUFFIX):
            found.append(None)

    sys.addaudithook(listen)
    return found


# ---------------------------------------------------------------- what is made of the results


def score(result: int, seconds: float, folder: Path, options: Options) -> dict:
    """How many pictures were opened."""
    return {OPENED: result}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what is promised of known pictures."""
    own = [found for name, found in measured.items() if name.startswith("visprof")]
    slowest = max(found.best for found in own)
    opened = max(found.columns.get(OPENED, math.nan) for found in own)
    return [
        Bound(f"Under {MOST_SECONDS:.0f} s", f"{slowest:.2f} s", slowest < MOST_SECONDS),
        Bound("No picture opened", f"{opened:.0f}", opened == 0),
    ]


BENCHMARK = Benchmark(
    name="known_pictures",
    title=lambda o: f"A call with {o.images:,} pictures that are all known",
    contenders=[
        Contender("visprof.embedding.embed_images", ours, "rows are a map"),
        Contender(
            "visprof.embedding.embed_images, from the end", partial(ours, step=-1),
            "rows are in another order",
        ),
        Contender("every picture read", read_all, "as the first time; files in the system's cache"),
        Contender("a look at each", stat_all, "the floor: size and times alone"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={OPENED: ",.0f"},
)  # fmt: skip


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="number of pictures")
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
