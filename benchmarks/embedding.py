"""Embedding throughput: pictures from files to features and outputs, on the CPU.

In one process, beside plain loops; and by two workers of a cluster, of one thread each, beside two
processes that run the network alone on the same cores: as it is loaded, and as `embed_images` runs
it, with its batch normalisation folded. Compute efficiency is inference / wall: the time of the
latter in units of what all takes. A busy machine changes it little by the time that all processes
took of the processors.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.cluster import Found, begin_cluster, with_cpu
from benchmarks.harness import Benchmark, Bound, Contender, Measurement, Options, run
from visprof import embedding
from visprof.architectures import Backbone, import_timm
from visprof.backbones import load_backbone
from visprof.blocks import slices
from visprof.embedding import PRECISIONS, arithmetic, embed_images, faster_precision
from visprof.folding import fold_batch_norm
from visprof.machine import keep_freed_memory
from visprof.pictures import IMAGE_SUFFIXES, read_image
from visprof.sources.world import SCENE_CLASSES, write_scenes

RATE, CPU = "pictures/s", "CPU, s"
OURS, BLOCKS, BARE = "visprof.embedding.embed_images", "in blocks", "bare forward pass"
WORKERS, TWO_BARE = "embed_images, 2 workers", "bare forward pass, 2 processes"
WORKERS_224, TWO_BARE_224 = f"{WORKERS}, 224 px", f"{TWO_BARE}, 224 px"
TWO_FOLDED = "bare forward pass, folded, 2 processes"
SIDE = 224  # that the network was trained at
LOOP, LOOP_2, TIMM = "plain loop", "plain loop, 2 workers", "timm loop, 2 workers"
SHARE, OF_BARE, COST, FASTER = 0.8, 0.9, 1.03, 2


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


def network(options: Options, side: int | None = None) -> Backbone:
    """Return the network, in evaluation mode and channels-last, for pictures of a side."""
    return load_backbone(options.backbone, options.weights, side or options.image_size)


def warm(images: list[Path]) -> None:
    """Bring the files into the system's cache."""
    for path in images:
        path.read_bytes()


class Pictures(Dataset):
    """The plain data set that one writes for a DataLoader."""

    def __init__(self, images: list[Path], prepare: Callable) -> None:
        self.images, self.prepare = images, prepare

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return a prepared picture (3, S, S)."""
        with Image.open(self.images[index]) as picture:
            return self.prepare(picture)


# ---------------------------------------------------------------- contenders


def ours(folder: Path, options: Options, block: int | None = None) -> Callable[[], Found]:
    """`embed_images`, from files to a store on disk; its work cut into blocks, if it is told to."""
    images, backbone = paths(folder, options), network(options)
    warm(images)
    embed(images[: options.batch], backbone, folder, options)

    def cut(n: int, size: int) -> list[slice]:
        return slices(n, block or size)

    def call() -> None:
        with patch.object(embedding, "slices", cut):
            embed(images, backbone, folder, options)

    return lambda: with_cpu(call)


def by_workers(folder: Path, options: Options, side: int | None = None) -> Callable[[], Found]:
    """`embed_images` by two worker processes of one thread each."""
    torch.set_num_threads(1)  # and so those of the workers
    images, backbone = paths(folder, options), network(options, side)
    warm(images)
    client = begin_cluster(2)
    embed(images[: 8 * options.batch], backbone, folder, options, client=client)  # a batch a block
    return lambda: with_cpu(lambda: embed(images, backbone, folder, options, client=client))


def embed(
    some: list[Path], backbone: Backbone, folder: Path, options: Options, **given: Any
) -> None:
    """Embed pictures into a new store: known ones would cost nothing."""
    store = folder / f"store-{np.random.default_rng().integers(2**62)}"
    embed_images(
        some, backbone, store,
        batch_size=options.batch, precision=options.precision, progress=False, **given,
    )  # fmt: skip


def bare_forward(
    folder: Path,
    options: Options,
    part: slice = slice(None),
    folded: bool = True,
    side: int | None = None,
) -> Callable[[], Found]:
    """The network alone, channels-last, on batches that are in memory."""
    keep_freed_memory()  # as `embed_images` does: asked is what comes on top of the network
    images, backbone = paths(folder, options)[part], network(options, side)
    precision = options.precision
    if precision == "auto":
        precision = faster_precision(backbone)
    batches = [
        torch.stack([backbone.prepare(read_image(image)) for image in images[of]])
        for of in slices(len(images), options.batch)
    ]
    if folded:
        backbone = fold_batch_norm(backbone, batches[0][:2])

    def forward(some: list[torch.Tensor]) -> None:
        with torch.inference_mode(), arithmetic("cpu", precision):
            for batch in some:
                backbone(batch)

    forward(batches[:1])
    return lambda: with_cpu(lambda: forward(batches))


def in_two_processes(
    folder: Path, options: Options, folded: bool = False, side: int | None = None
) -> Callable[[], Found]:
    """`bare_forward` by two processes of one thread each, on half of the pictures each."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for first in range(2):
        here, there = context.Pipe()
        half = partial(bare_forward, folder, options, slice(first, None, 2), folded, side)
        context.Process(target=_when_asked, args=(there, half), daemon=True).start()
        pipes.append(here)
    for pipe in pipes:
        pipe.recv()

    def both() -> None:
        for pipe in pipes:
            pipe.send("go")
        for pipe in pipes:
            pipe.recv()

    return lambda: with_cpu(both)


def _when_asked(pipe: Connection, prepare: Callable[[], Callable[[], Found]]) -> None:
    """Prepare a call; make it when asked."""
    torch.set_num_threads(1)
    call = prepare()
    pipe.send("ready")
    pipe.recv()
    call()
    pipe.send("done")
    with suppress(EOFError):
        pipe.recv()  # until who asked ends: what it took is looked at from there


def plain_loop(folder: Path, options: Options, workers: int) -> Callable[[], Found]:
    """A DataLoader and a float32 network in PyTorch's default memory format."""
    backbone = network(options).to(memory_format=torch.contiguous_format)
    return loop(folder, options, workers, backbone.prepare, partial(_contiguous, backbone))


def _contiguous(backbone: Backbone, batch: torch.Tensor) -> Sequence[torch.Tensor]:
    """`Backbone.forward` less its step to channels-last."""
    maps = backbone._trunk(backbone._normalise(batch.float()))
    features = backbone._features(maps)
    return features, backbone._outputs(maps, features)


def timm_loop(folder: Path, options: Options, workers: int) -> Callable[[], Found]:
    """The network as timm has it, with the transform that timm makes for it."""
    timm = import_timm()
    name = "tf_efficientnet_lite0"
    if options.backbone != "efficientnet-lite0":
        raise ImportError(f"timm's {name} is another network than {options.backbone}")
    model = timm.create_model(name, pretrained=False).eval()
    size = {"input_size": (3, options.image_size, options.image_size)}
    config = timm.data.resolve_model_data_config(model) | size
    transform = timm.data.create_transform(**config)

    def forward(batch: torch.Tensor) -> Sequence[torch.Tensor]:
        features = model.forward_head(model.forward_features(batch), pre_logits=True)
        return features, model.classifier(features)

    return loop(folder, options, workers, transform, forward)


def loop(
    folder: Path, options: Options, workers: int, prepare: Callable, forward: Callable
) -> Callable[[], Found]:
    """A plain loop over a DataLoader, with its worker processes."""
    images = paths(folder, options)
    warm(images)

    def over(some: list[Path]) -> list[np.ndarray]:
        loader = DataLoader(
            Pictures(some, prepare),
            options.batch,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,  # what plain scripts get on Linux
        )
        with torch.inference_mode():
            rows = [[result.numpy() for result in forward(batch)] for batch in loader]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    over(images[: options.batch])
    return lambda: with_cpu(lambda: over(images))


# ---------------------------------------------------------------- what is made of the results


def score(found: Found, seconds: float, folder: Path, options: Options) -> dict:
    """Pictures a second, and what they took of the processors."""
    return {RATE: options.images / seconds, CPU: found[1]}


def bounds(measured: dict[str, Measurement]) -> list[Bound]:
    """Check what the library promises of `embed_images`."""

    def share(name: str, of: str) -> float:
        """Time of `of` in units of a contender's."""
        return measured[of].best / measured[name].best

    def cpu(name: str, of: str) -> float:
        return measured[of].columns.get(CPU, math.nan) / measured[name].columns.get(CPU, math.nan)

    cost, efficiency = cpu(OURS, BLOCKS), share(WORKERS, TWO_BARE)
    at_own_side = share(WORKERS_224, TWO_BARE_224)
    peers = {name: share(name, BARE) for name in (LOOP, LOOP_2, TIMM)}
    return [
        Bound(
            f"Compute efficiency (inference / wall) at least {SHARE}, and above every loop's",
            f"{share(OURS, BARE):.2f}; "
            + ", ".join(f"{name} {found:.2f}" for name, found in peers.items()),
            share(OURS, BARE) >= max(SHARE, *(of for of in peers.values() if of == of)),
        ),
        *(
            Bound(
                f"At least {FASTER} x the {name}, float32",
                f"{share(OURS, name):.2f} x",
                share(OURS, name) >= FASTER,
            )
            for name in (LOOP, LOOP_2)
        ),
        Bound(
            f"Two workers at least {OF_BARE} of two bare forward passes on the same cores",
            f"{efficiency:.2f} by time, {cpu(WORKERS, TWO_BARE):.2f} by CPU; of two of the folded "
            f"network {share(WORKERS, TWO_FOLDED):.2f}, {cpu(WORKERS, TWO_FOLDED):.2f}",
            efficiency >= OF_BARE,
        ),
        Bound(
            f"The same at {SIDE} px",
            f"{at_own_side:.2f} by time, {cpu(WORKERS_224, TWO_BARE_224):.2f} by CPU",
            at_own_side >= OF_BARE,
        ),
        Bound(
            f"Cut into blocks, one process takes at most {COST - 1:.0%} more processor time",
            f"{cost - 1:+.1%}",
            cost <= COST,
        ),
    ]


BENCHMARK = Benchmark(
    name="embedding",
    title=lambda o: f"Embedding of {o.images:,} pictures by {o.backbone} at {o.image_size} px",
    contenders=[
        Contender(OURS, ours, "files to a store; folded, channels-last"),
        Contender(BLOCKS, partial(ours, block=1024), "cut as for a cluster, and done here"),
        Contender(BARE, bare_forward, "the ceiling: memory kept, nothing decoded or stored"),
        Contender(LOOP, partial(plain_loop, workers=0), "DataLoader, float32"),
        Contender(
            LOOP_2, partial(plain_loop, workers=2),
            "DataLoader, float32; memory without the workers'",
        ),
        Contender(TIMM, partial(timm_loop, workers=2), "DataLoader, float32, timm's transform"),
        Contender(WORKERS, by_workers, "of a cluster, one thread each; memory without theirs"),
        Contender(TWO_BARE, in_two_processes, "as it is loaded, channels-last; one thread each"),
        Contender(TWO_FOLDED, partial(in_two_processes, folded=True), "as ours is run"),
        Contender(WORKERS_224, partial(by_workers, side=SIDE), "one thread each"),
        Contender(TWO_BARE_224, partial(in_two_processes, side=SIDE), "as it is loaded"),
    ],
    write_data=write_data,
    score=score,
    bounds=bounds,
    formats={RATE: ".0f", CPU: ".2f"},
    packages=("timm", "pillow", "distributed"),
)  # fmt: skip


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
