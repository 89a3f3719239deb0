"""Embedding of many pictures into a store on disk.

A picture seen before is not embedded again, whatever list it comes in and wherever it lies; and one
that has not changed since is not even opened.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.blocks import Client, map_blocks, slices
from visprof.checks import check_whole
from visprof.feature_store import Features, FeatureStore, Shard
from visprof.file_digests import file_digests
from visprof.folding import fold_batch_norm
from visprof.machine import keep_freed_memory
from visprof.object_stores import is_url
from visprof.pictures import UnreadableError, read_image

with needs("nets"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F

__all__ = ["PRECISIONS", "arithmetic", "embed_images", "faster_precision"]

log = logging.getLogger("visprof")

_BATCHES_AHEAD = 3  # decoded while the network works
_BATCHES_PER_SAVE = 16
_LEAST_BLOCKS = 16  # of a cluster, so that its workers end at about the same time

PRECISIONS = ("fp32", "bf16", "auto")
_BATCH = 64  # pictures that go through the network at once
# With fewer, torch has some convolutions done by a library that rounds as the processor has it, and
# as the number of pictures: see use_mkldnn() in its Convolution.cpp.
_LEAST_BATCH = 16
_TIMED_ROUNDS = 3  # of a batch in each precision, to find the faster

Picture = tuple[int, str | Path, bytes]  # its place in the list, where it is, and its digest


def embed_images(
    images: Sequence[str | Path],
    backbone: Backbone,
    folder: str | Path,
    *,
    batch_size: int = _BATCH,
    n_workers: int = 2,
    device: str | torch.device = "cpu",
    precision: Literal["fp32", "bf16", "auto"] = "fp32",
    progress: bool = True,
    client: Client | None = None,
) -> Features:
    """Run pictures through a network into a store on disk; embed only what is not there yet.

    Pictures are decoded by threads while the network works on earlier ones; batch normalisation is
    folded into convolutions (:func:`visprof.folding.fold_batch_norm`). A picture that cannot
    be read is left out, named in a warning and in the result, and tried again the next time.
    Several processes may embed into one store at a time; they share a list that is the same.

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures: files, or URLs of objects (`visprof.object_stores`).
    backbone : Backbone
        Network, moved to ``device`` and put into evaluation mode.
    folder : str or Path
        Folder of the store, created if need be. A run that was stopped goes on where it saved
        last. Pictures are known by their content, so they may be moved, renamed, put in another
        order, or joined by others. ``pictures.sqlite`` there knows those that were read before by
        path, size and times (of an object: by what its store says of it): they are read again only
        where one of these has changed.
    batch_size : int
        Pictures per forward pass. All passes of a call but the last have so many; on a CPU it is
        filled up to 16, so that features do not depend on what goes along.
    n_workers : int
        Pictures decoded at a time, while the network works; workers of a cluster do so in turn.
    device : str or torch.device
        Where the network runs.
    precision : {"fp32", "bf16", "auto"}
        Arithmetic of the network. "fp32" gives the same features on every processor with AVX2 or
        AVX-512, with any number of threads, if all layers are convolutions but for the last, which
        are summed in double precision; transformers differ by rounding. "bf16" may be several
        times faster, or slower, as the hardware has it; values are rounded to about three digits,
        otherwise on every processor, and stored as float32 all the same. "auto" goes on
        in the precision of the store that is there, and begins one in the faster of both, see
        :func:`faster_precision`.
    progress : bool
        Whether to show a progress bar.
    client : distributed.Client, optional
        Of the cluster that does it, in blocks of at most 16 batches; see
        :func:`visprof.blocks.map_blocks`. Workers need the pictures and the folder by the same
        paths, and each writes to a shard of its own.

    Returns
    -------
    Features

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If there is no picture, none can be read, or ``folder`` holds a store of another network
        or another precision; or if a URL is of no object store that is known.
    FileNotFoundError
        If a picture does not exist.
    MissingExtraError
        If the package that reads an object store is not installed.
    OSError
        If the store cannot be written (the disk is full, say); the message names the file. Or if
        an object store does not answer.
    """
    if len(images) == 0:
        raise ValueError("images is empty; pass at least one picture")
    check_whole(batch_size, "batch_size", 1)
    check_whole(n_workers, "n_workers", 1)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    images = list(images)  # a column of a table, say, is known by its labels, not by places
    store = FeatureStore(Path(folder))
    if client is not None:  # workers may be at home in other folders
        images = [image if is_url(image) else os.path.abspath(image) for image in images]
        store = FeatureStore(store.folder.absolute())
    keep_freed_memory()
    backbone = backbone.to(device).eval()
    with store.beginning():
        if precision == "auto":
            precision = store.precision() or faster_precision(backbone, device)
        fingerprint = backbone.fingerprint()
        store.begin({
            "backbone": f"{backbone.name} {fingerprint}",
            "precision": precision,
            "features_dim": backbone.feature_dim,
            "outputs_dim": backbone.output_dim,
        })  # fmt: skip
    digests = file_digests(images, store.folder / "pictures.sqlite", n_workers)
    known = set(store.digests().tolist())
    new = [position for position, digest in enumerate(digests) if digest not in known]
    # without a cluster, the pictures of the next block are decoded while the network works on one
    size = max(1, len(new)) if client is None else _block_size(len(new), batch_size)
    blocks = [[(i, images[i], digests[i]) for i in new[part]] for part in slices(len(new), size)]
    embed = partial(
        _embed, store=store, batch_size=batch_size,
        backbone=_for_inference(backbone, fingerprint, device) if new else backbone,
        n_workers=n_workers if client is None else 0,  # a core of its own has no time to spare
        device=device, precision=precision, progress=progress and client is None,
    )  # fmt: skip
    unreadable: dict[int, str] = {}
    for reasons in map_blocks(embed, blocks, client):
        unreadable |= reasons
    if len(unreadable) == len(images):
        raise ValueError(f"none of {len(images)} pictures can be read: {unreadable[0]}")
    for reason in unreadable.values():
        log.warning("left out: %s", reason)
    readable = np.array([i for i in range(len(images)) if i not in unreadable])
    return Features(store, store.rows([digests[i] for i in readable]), readable, unreadable)


@functools.lru_cache(maxsize=1)  # of a network whose weights change, another fingerprint asks
def _for_inference(backbone: Backbone, fingerprint: str, device: str | torch.device) -> Backbone:
    """The network with less work to do: as of the store, it is the one that it was made from."""
    network = deepcopy(backbone)
    for module in network.modules():
        if isinstance(module, nn.Linear) and type(module).__name__ == "Linear":  # or timm's own
            module.__class__ = _LinearInDouble
    with arithmetic(device, "fp32"):
        return fold_batch_norm(network, _noise(network, 2, device))


class _LinearInDouble(nn.Linear):
    """A layer of rows that is summed in double precision, and then rounded.

    Products of matrices in single precision are rounded otherwise by each processor, number of
    threads, and number of rows.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Rows (n, out_features)."""
        device = x.device.type
        if x.ndim != 2 or device != "cpu" or torch.is_autocast_enabled(device):
            return super().forward(x)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias).to(x.dtype)


def _noise(backbone: Backbone, n: int, device: str | torch.device) -> Tensor:
    """Prepared pictures of nothing (n, 3, S, S)."""
    shape, generator = (n, 3, backbone.image_size, backbone.image_size), torch.Generator()
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator.manual_seed(0)).to(
        device
    )


def _block_size(n: int, batch_size: int) -> int:
    """Pictures in a block of n that a cluster embeds: whole batches, the same as of one process."""
    batches = n // (_LEAST_BLOCKS * batch_size)
    return batch_size * min(max(batches, 1), _BATCHES_PER_SAVE)


def _embed(
    block: list[Picture],
    backbone: Backbone,
    store: FeatureStore,
    batch_size: int,
    n_workers: int,
    device: str | torch.device,
    precision: str,
    progress: bool,
) -> dict[int, str]:
    """Embed pictures into the store; return why, by position in the list, some cannot be read."""
    unreadable: dict[int, str] = {}
    with (
        store.writer() as shard,
        ThreadPoolExecutor(n_workers) if n_workers else nullcontext() as pool,
        tqdm(total=len(block), desc=backbone.name, disable=not progress) as bar,
    ):
        saved: list[tuple[list[bytes], list[np.ndarray]]] = []
        new = _not_by_others(block, store, shard, batch_size, bar)
        for pictures, batch in _batches(new, backbone, batch_size, pool, unreadable):
            with torch.inference_mode(), arithmetic(device, precision):
                results = backbone(_filled(batch.to(device)))
            arrays = [result[: len(batch)].float().cpu().numpy() for result in results]
            saved.append(([digest for _, _, digest in pictures], arrays))
            bar.update(len(pictures))
            if len(saved) == _BATCHES_PER_SAVE:
                _save(shard, saved)
        _save(shard, saved)
    return unreadable


def _filled(batch: Tensor) -> Tensor:
    """Pictures, and black ones where they are too few for a CPU."""
    n = max(0, _LEAST_BATCH - len(batch)) if batch.device.type == "cpu" else 0
    return torch.cat([batch, batch.new_zeros((n, *batch.shape[1:]))])


@contextmanager
def arithmetic(device: str | torch.device, precision: str) -> Iterator[None]:
    """Context in which networks run at a precision, whatever was set before; that is put back.

    Parameters
    ----------
    device : str or torch.device
        Where they run.
    precision : {"fp32", "bf16"}
        "fp32" is single precision throughout: no TF32 on a GPU, no bf16 in products of matrices.

    Raises
    ------
    ValueError
        If the precision has another name.

    Examples
    --------
    >>> with arithmetic("cpu", "fp32"):
    ...     torch.get_float32_matmul_precision()
    'highest'
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision must be 'fp32' or 'bf16' here, not {precision!r}")
    cudnn, products = torch.backends.cudnn, torch.get_float32_matmul_precision()
    before = {name: getattr(cudnn, name) for name in ("allow_tf32", "benchmark", "deterministic")}
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = False, False, True
    is_bf16 = precision == "bf16"
    try:
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=is_bf16):
            yield
    finally:
        torch.set_float32_matmul_precision(products)
        for name, value in before.items():
            setattr(cudnn, name, value)


def faster_precision(backbone: Backbone, device: str | torch.device = "cpu") -> str:
    """Precision in which this machine runs a network faster, by a timing of a few batches.

    Parameters
    ----------
    backbone : Backbone
        Network, moved to ``device`` and put into evaluation mode.
    device : str or torch.device
        Where it runs.

    Returns
    -------
    {"fp32", "bf16"}
        By the least of some times of each, both warmed up; the log has both as pictures a second.
    """
    backbone = backbone.to(device).eval()
    batch = _noise(backbone, _BATCH, device)
    least = {"fp32": float("inf"), "bf16": float("inf")}
    for timed in range(1 + _TIMED_ROUNDS):
        for precision in least:
            seconds = _forward_seconds(backbone, batch, precision)
            if timed:  # else it warmed up
                least[precision] = min(least[precision], seconds)
        if timed and max(least.values()) > 2 * min(least.values()):
            break  # bf16 that the hardware lacks can be ten times slower: more would tell nothing
    faster = min(least, key=least.__getitem__)  # of equal ones fp32
    log.info(
        "%s runs in fp32 at %.0f pictures a second, in bf16 at %.0f: %s is taken",
        backbone.name, *(_BATCH / seconds for seconds in least.values()), faster,
    )  # fmt: skip
    return faster


def _forward_seconds(backbone: Backbone, batch: Tensor, precision: str) -> float:
    """Wall time of one batch through the network."""
    start = time.perf_counter()
    with torch.inference_mode(), arithmetic(batch.device, precision):
        results = backbone(batch)
    for result in results:
        result.cpu()  # a GPU is waited for
    return time.perf_counter() - start


def _not_by_others(
    new: list[Picture], store: FeatureStore, shard: Shard, batch_size: int, bar: tqdm
) -> Iterator[Picture]:
    """New pictures, less those that other processes have saved by then.

    The writer of the first shard goes through the list in order, that of the second from its end,
    and others through its parts in an order of their own. So processes with the same list share
    it, but for the few pictures that two have under way at once.
    """
    size = _BATCHES_PER_SAVE * batch_size
    parts = [new[start : start + size] for start in range(0, len(new), size)]
    if shard.number == 1:
        parts.reverse()
    elif shard.number:
        np.random.default_rng(shard.number).shuffle(parts)
    theirs: set[bytes] = set()
    n_seen: dict[int, int] = {}
    for part in parts:
        for other in store.shards():
            if other.number != shard.number:
                kept = other.digests()
                theirs.update(kept[n_seen.get(other.number, 0) :].tolist())
                n_seen[other.number] = len(kept)
        left = [picture for picture in part if picture[2] not in theirs]
        bar.update(len(part) - len(left))
        yield from left


def _save(shard: Shard, batches: list[tuple[list[bytes], list[np.ndarray]]]) -> None:
    """Append batches of digests and arrays to a shard, and empty the list of them."""
    if batches:
        digests, arrays = zip(*batches, strict=True)
        shard.append(
            [digest for batch in digests for digest in batch],
            *map(np.concatenate, zip(*arrays, strict=True)),
        )
        batches.clear()


def _batches(
    pictures: Iterable[Picture],
    backbone: Backbone,
    batch_size: int,
    pool: ThreadPoolExecutor | None,
    unreadable: dict[int, str],
) -> Iterator[tuple[list[Picture], Tensor]]:
    """Pictures, and as they are prepared (k, 3, S, S); the unreadable are set apart.

    They are prepared ahead by the pool, or without one when it is their turn.

    Every batch but the last is full, so a resumed run forms the batches of an uninterrupted one.
    """

    def prepare(path: str | Path) -> Tensor:
        return backbone.prepare(read_image(path))

    def begun(path: str | Path) -> Callable[[], Tensor]:
        return partial(prepare, path) if pool is None else pool.submit(prepare, path).result

    def submit(n: int) -> None:
        ahead.extend((of, begun(of[1])) for of in islice(waiting, n))

    waiting = iter(pictures)
    ahead: deque[tuple[Picture, Callable[[], Tensor]]] = deque()
    taken: list[Picture] = []
    prepared: list[Tensor] = []
    submit(_BATCHES_AHEAD * batch_size)
    while ahead:
        picture, result = ahead.popleft()
        submit(1)
        try:
            prepared.append(result())
            taken.append(picture)
        except UnreadableError as error:
            unreadable[picture[0]] = str(error)
        if len(taken) == batch_size:
            yield taken, torch.stack(prepared)
            taken, prepared = [], []
    if taken:
        yield taken, torch.stack(prepared)
