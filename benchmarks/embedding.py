"""Embedding throughput: pictures from files to features and outputs, on the CPU."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof.architectures import Backbone
from visprof.backbones import load_backbone
from visprof.embedding import PRECISIONS, arithmetic, embed_images, faster_precision
from visprof.pictures import IMAGE_SUFFIXES
from visprof.sources.world import SCENE_CLASSES, write_scenes

RATE = "pictures/s"


def write_data(folder: Path, options: Options) -> None:
    """Draw the demo's scenes, unless the reader has pictures."""
    if options.pictures is None:
        per_class = math.ceil(options.images / len(SCENE_CLASSES))
        write_scenes(folder, n_per_class=per_class, size=options.side)
    if len(paths(folder, options)) < options.images:
        raise SystemExit(f"fewer than {options.images} pictures; pass --images")


def paths(folder: Path, options: Options) -> list[Path]:
    """Return the pictures that all contenders embed."""
    found = sorted((options.pictures or folder / "scenes").rglob("*"))
    return [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES][: options.images]


def network(options: Options) -> Backbone:
    """Return the network, in evaluation mode and channels-last."""
    return load_backbone(options.backbone, options.weights, options.image_size)


def warm(images: list[Path]) -> None:
    """Bring the files into the system's cache."""
    for path in images:
        path.read_bytes()


class Pictures(Dataset):
    """The plain data set that one writes for a DataLoader."""

    def __init__(self, images: list[Path], backbone: Backbone) -> None:
        self.images, self.prepare = images, backbone.prepare

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return a prepared picture (3, S, S)."""
        with Image.open(self.images[index]) as picture:
            return self.prepare(picture)


# ---------------------------------------------------------------- contenders


def ours(folder: Path, options: Options) -> Callable[[], object]:
    """`embed_images`, from files to a store on disk."""
    images, backbone = paths(folder, options), network(options)
    warm(images)
    batch = min(options.batch, len(images))
    numbers = itertools.count()

    def embed(some: list[Path]) -> object:
        # a store is made once: where there is one, the pictures are not embedded again
        store = folder / f"store-{np.random.default_rng().integers(2**62)}-{next(numbers)}"
        return embed_images(
            some, backbone, store,
            batch_size=options.batch, precision=options.precision, progress=False,
        )  # fmt: skip

    embed(images[:batch])
    return lambda: embed(images)


def bare_forward(folder: Path, options: Options) -> Callable[[], object]:
    """The network alone, as we run it, on batches that are ready in memory."""
    images, backbone = paths(folder, options), network(options)
    precision = options.precision
    if precision == "auto":
        precision = faster_precision(backbone)
    batches = list(DataLoader(Pictures(images, backbone), batch_size=options.batch))

    def forward(some: list[torch.Tensor]) -> list:
        with torch.inference_mode(), arithmetic("cpu", precision):
            return [backbone(batch) for batch in some]

    forward(batches[:1])
    return lambda: forward(batches)


def plain_loop(folder: Path, options: Options, workers: int) -> Callable[[], object]:
    """A DataLoader and a float32 network in PyTorch's default memory format."""
    images = paths(folder, options)
    backbone = network(options).to(memory_format=torch.contiguous_format)
    warm(images)

    def embed(some: list[Path]) -> list:
        loader = DataLoader(
            Pictures(some, backbone),
            options.batch,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,  # what plain scripts get on Linux
        )
        with torch.inference_mode():
            rows = [_contiguous_forward(backbone, batch) for batch in loader]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    embed(images[: options.batch])
    return lambda: embed(images)


def _contiguous_forward(backbone: Backbone, batch: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """`Backbone.forward` less its step to channels-last."""
    maps = backbone._trunk(backbone._normalise(batch.float()))
    features = backbone._features(maps)
    return features.numpy(), backbone._outputs(maps, features).numpy()


# ---------------------------------------------------------------- what is made of the results


def score(result: object, seconds: float, folder: Path, options: Options) -> dict:
    """Pictures a second."""
    return {RATE: options.images / seconds}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of `embed_images`."""
    own, bare, *loops = (m.columns.get(RATE, math.nan) for m in measured.values())
    return [
        Bound("At least 0.8 of the bare forward pass", f"{own / bare:.2f}", own / bare >= 0.8),
        *(
            Bound(f"At least 2 x the {name}, float32", f"{own / loop:.2f} x", own / loop >= 2)
            for name, loop in zip([*measured][2:], loops, strict=True)
        ),
    ]


BENCHMARK = Benchmark(
    name="embedding",
    title=lambda o: f"Embedding of {o.images:,} pictures by {o.backbone} at {o.image_size} px",
    contenders=[
        Contender("visprof.embedding.embed_images", ours, "files to a store; channels-last"),
        Contender("bare forward pass", bare_forward, "the ceiling: decodes nothing, keeps nothing"),
        Contender("plain loop", partial(plain_loop, workers=0), "DataLoader, float32"),
        Contender(
            "plain loop, 2 workers",
            partial(plain_loop, workers=2),
            "DataLoader, float32; memory without the workers'",
        ),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={RATE: ".0f"},
    packages=("timm", "pillow"),
)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="number of pictures")
    parser.add_argument("--pictures", type=Path, help="folder of pictures instead of drawn scenes")
    parser.add_argument("--side", type=int, default=96, help="side of drawn scenes, pixels")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--weights", type=Path, help="file, if not those of the package")
    parser.add_argument("--image-size", type=int, default=128, help="side of the input, pixels")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of ours")
    parser.add_argument("--batch", type=int, default=64)
    run(BENCHMARK, parser)


if __name__ == "__main__":
    main()
