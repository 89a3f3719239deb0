"""Embedding of many pictures into a store on disk, and the hybrid embedding (Section V-A).

A store holds what one network makes of pictures, each known by its content, and only grows: a
picture seen before is not embedded again, whatever list it comes in and wherever it lies.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from tqdm import tqdm

from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.checks import check_whole
from visprof.files import naming, read_record, remove_unfinished, write_record
from visprof.pictures import UnreadableError, read_image
from visprof.scaling import scale_exponent, scaled

with needs("nets"):
    import torch
    from torch import Tensor

__all__ = [
    "PRECISIONS", "FeatureStore", "Features", "arithmetic", "embed_images", "faster_precision",
    "hybrid_embedding",
]  # fmt: skip

log = logging.getLogger("visprof")

_ARRAYS = ("features", "outputs")
_DIGEST = 16  # bytes that a picture is known by
_BATCHES_AHEAD = 3  # decoded while the network works
_BATCHES_PER_SAVE = 16

PRECISIONS = ("fp32", "bf16", "auto")
_BATCH = 64  # pictures that go through the network at once
_TIMED_ROUNDS = 3  # of a batch in each precision, to find the faster


@dataclass(frozen=True)
class FeatureStore:
    """Features and outputs of pictures by one network, on disk.

    ``features.f32`` and ``outputs.f32`` hold rows of float32, ``digests`` the picture of each
    row, ``origin.json`` the network. Rows are written before their digests, so that what a killed
    run leaves behind a digest is whole, and the rest is written over; so is what was cut since.

    Parameters
    ----------
    folder : Path
        Folder of this store alone.
    """

    folder: Path

    def digests(self) -> np.ndarray:
        """Digest of the picture of each row that is whole in all files, bytes (n,)."""
        origin = self._origin()
        if origin is None:
            return self._stated()[:0]
        whole = [
            _size(self.folder / f"{name}.f32") // (4 * origin[f"{name}_dim"]) for name in _ARRAYS
        ]
        return self._stated()[: min(whole)]

    def precision(self) -> str | None:
        """Precision in which the network ran, "fp32" or "bf16"; None if there is no store."""
        origin = self._origin()
        return None if origin is None else origin["precision"]

    def _stated(self) -> np.ndarray:
        path = self.folder / "digests"
        known = path.read_bytes() if path.exists() else b""
        return np.frombuffer(known[: len(known) // _DIGEST * _DIGEST], dtype=f"V{_DIGEST}")

    def array(self, name: str, n: int) -> np.ndarray:
        """First `n` rows of "features" or "outputs", a read-only float32 memory map (n, d)."""
        origin = self._origin()
        if origin is None:
            raise FileNotFoundError(f"no feature store in {str(self.folder)!r}; use embed_images")
        path, width = self.folder / f"{name}.f32", origin[f"{name}_dim"]
        return np.memmap(path, np.float32, "r", shape=(n, width)) if n else np.empty((0, width))

    def begin(self, origin: dict[str, Any]) -> None:
        """Begin a store of this origin, or raise ValueError if there is one of another.

        Of a store that is there already, what is no longer whole is told in a warning.
        """
        remove_unfinished(self.folder, "origin.json.*")
        path, kept = self.folder / "origin.json", self._origin()
        if kept is not None:
            different = [key for key in origin if kept.get(key) != origin[key]]
            if different:
                raise ValueError(
                    f"{str(self.folder)!r} holds a store that differs in {', '.join(different)}; "
                    "delete that folder or choose another"
                )
            if lost := len(self._stated()) - len(self.digests()):
                log.warning("%s lacks %d rows; they are embedded again", self.folder, lost)
            return
        if path.exists():
            log.warning("%s cannot be used; all pictures are embedded again", path)
        (self.folder / "digests").unlink(missing_ok=True)  # of rows that nobody knows the origin of
        for name in _ARRAYS:
            (self.folder / f"{name}.f32").touch()
        write_record(path, origin)

    def append(self, digests: Sequence[bytes], *arrays: np.ndarray) -> None:
        """Add rows of features and outputs, (k, d) each, after those that have a digest."""
        n = len(self.digests())
        for name, rows in zip(_ARRAYS, arrays, strict=True):
            self._write(f"{name}.f32", n * rows.shape[1] * 4, np.float32(rows).tobytes())
        self._write("digests", n * _DIGEST, b"".join(digests))

    def _write(self, name: str, position: int, content: bytes) -> None:
        path = self.folder / name
        path.touch()
        with naming(path), path.open("r+b") as file:
            file.truncate(position)  # what a killed run wrote without a digest
            file.seek(position)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # rows must be on disk before the digests that promise them

    def _origin(self) -> dict[str, Any] | None:
        """Return the network of the store; None if there is no store, or one nobody knows of."""
        try:
            return read_record(self.folder / "origin.json")
        except (FileNotFoundError, ValueError):
            return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@dataclass(frozen=True, eq=False)
class Features:
    """Features and outputs of a list of pictures, in a store.

    Attributes
    ----------
    store : FeatureStore
        Where they are.
    rows : ndarray of int64, shape (n,)
        Row of each readable picture in the store, in the order of the list.
    readable : ndarray of int64, shape (n,)
        Positions in the list of these pictures: all of them, unless some could not be read.
    unreadable : dict of int to str
        Reason, by position in the list, of those that could not be read.
    """

    store: FeatureStore
    rows: np.ndarray
    readable: np.ndarray
    unreadable: dict[int, str]

    @property
    def features(self) -> np.ndarray:
        """Penultimate features, float32 (n, d); a read-only memory map where rows are in order."""
        return self._rows_of("features")

    @property
    def outputs(self) -> np.ndarray:
        """Outputs of the last layer, float32 (n, c); likewise."""
        return self._rows_of("outputs")

    def __len__(self) -> int:
        """Return the number of readable pictures."""
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept: with the pictures that the rows are of, to know them again."""
        return self.__dict__ | {"pictures": self._pictures()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was kept; ValueError if the store no longer holds these rows."""
        pictures = state.pop("pictures")
        self.__dict__.update(state)
        if not pictures or self._pictures() != pictures:
            raise ValueError(f"the store {self.store.folder} no longer holds these pictures")

    def _pictures(self) -> str:
        """Digest of the pictures whose rows the store has whole; empty if it lacks some."""
        digests = self.store.digests()
        if len(self.rows) and self.rows.max() >= len(digests):
            return ""
        return hashlib.blake2b(digests[self.rows].tobytes(), digest_size=_DIGEST).hexdigest()

    def _rows_of(self, name: str) -> np.ndarray:
        if len(self.rows) == 0:
            return self.store.array(name, 0)
        array = self.store.array(name, self.rows.max() + 1)
        first, last = self.rows[0], self.rows[-1]
        in_order = np.array_equal(self.rows, np.arange(first, last + 1))
        return array[first : last + 1] if in_order else array[self.rows]


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
) -> Features:
    """Run pictures through a network into a store on disk; embed only what is not there yet.

    Pictures are decoded by threads while the network works on earlier ones. A picture that cannot
    be read is left out, named in a warning and in the result, and tried again the next time.

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures.
    backbone : Backbone
        Network, moved to ``device`` and put into evaluation mode.
    folder : str or Path
        Folder of the store, created if need be. A run that was stopped goes on where it saved
        last. Pictures are known by their content, so they may be moved, renamed, put in another
        order, or joined by others.
    batch_size : int
        Pictures per forward pass.
    n_workers : int
        Pictures decoded at a time.
    device : str or torch.device
        Where the network runs.
    precision : {"fp32", "bf16", "auto"}
        Arithmetic of the network. "fp32" gives the same features on every processor. "bf16" may be
        several times faster, or slower, as the hardware has it; values are rounded to about three
        digits, otherwise on every processor, and stored as float32 all the same. "auto" goes on
        in the precision of the store that is there, and begins one in the faster of both, see
        :func:`faster_precision`.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Features

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If there is no picture, none can be read, or ``folder`` holds a store of another network
        or another precision.
    FileNotFoundError
        If a picture does not exist.
    OSError
        If the store cannot be written (the disk is full, say); the message names the file.
    """
    if len(images) == 0:
        raise ValueError("images is empty; pass at least one picture")
    check_whole(batch_size, "batch_size", 1)
    check_whole(n_workers, "n_workers", 1)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    store = FeatureStore(Path(folder))
    store.folder.mkdir(parents=True, exist_ok=True)
    backbone = backbone.to(device).eval()
    with FileLock(store.folder / "store.lock"), ThreadPoolExecutor(n_workers) as pool:
        if precision == "auto":
            precision = store.precision() or faster_precision(backbone, device)
        store.begin({
            "backbone": f"{backbone.name} {backbone.fingerprint()}",
            "precision": precision,
            "features_dim": backbone.feature_dim,
            "outputs_dim": backbone.output_dim,
        })  # fmt: skip
        digests = list(pool.map(_picture_digest, images))
        known = set(store.digests().tolist())
        new = [position for position, digest in enumerate(digests) if digest not in known]
        unreadable: dict[int, str] = {}
        with tqdm(
            total=len(images), initial=len(images) - len(new), desc=backbone.name,
            disable=not progress,
        ) as bar:  # fmt: skip
            saved: list[tuple[list[bytes], list[np.ndarray]]] = []
            for positions, batch in _batches(images, new, backbone, batch_size, pool, unreadable):
                with torch.inference_mode(), arithmetic(device, precision):
                    results = backbone(batch.to(device))
                arrays = [result.float().cpu().numpy() for result in results]
                saved.append(([digests[position] for position in positions], arrays))
                bar.update(len(positions))
                if len(saved) == _BATCHES_PER_SAVE:
                    _save(store, saved)
            _save(store, saved)
    if len(unreadable) == len(images):
        raise ValueError(f"none of {len(images)} pictures can be read: {unreadable[0]}")
    for reason in unreadable.values():
        log.warning("left out: %s", reason)
    readable = np.array([i for i in range(len(images)) if i not in unreadable])
    return Features(store, _rows_in(store, [digests[i] for i in readable]), readable, unreadable)


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
    side = backbone.image_size
    generator = torch.Generator().manual_seed(0)
    batch = torch.randint(256, (_BATCH, 3, side, side), dtype=torch.uint8, generator=generator)
    batch = batch.to(device)
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


def _picture_digest(path: str | Path) -> bytes:
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=_DIGEST).digest()


def _rows_in(store: FeatureStore, digests: list[bytes]) -> np.ndarray:
    """Row of each picture; one run of rows where there is one, which can be mapped as it is."""
    kept = store.digests()
    row_of = {digest: row for row, digest in reversed(list(enumerate(kept.tolist())))}
    first = row_of[digests[0]]
    if kept[first : first + len(digests)].tolist() == digests:
        return np.arange(first, first + len(digests))
    return np.array([row_of[digest] for digest in digests])


def _save(store: FeatureStore, batches: list[tuple[list[bytes], list[np.ndarray]]]) -> None:
    """Append batches of digests and arrays to the store, and empty the list of them."""
    if batches:
        digests, arrays = zip(*batches, strict=True)
        store.append(
            [digest for batch in digests for digest in batch],
            *map(np.concatenate, zip(*arrays, strict=True)),
        )
        batches.clear()


def _batches(
    images: Sequence[str | Path],
    positions: list[int],
    backbone: Backbone,
    batch_size: int,
    pool: ThreadPoolExecutor,
    unreadable: dict[int, str],
) -> Iterator[tuple[list[int], Tensor]]:
    """Positions and prepared pictures (k, 3, S, S), decoded ahead; the unreadable are set apart.

    Every batch but the last is full, so a resumed run forms the batches of an uninterrupted one.
    """

    def prepare(path: str | Path) -> Tensor:
        return backbone.prepare(read_image(path))

    def submit(n: int) -> None:
        ahead.extend((i, pool.submit(prepare, images[i])) for i in islice(waiting, n))

    waiting = iter(positions)
    ahead: deque[tuple[int, Future[Tensor]]] = deque()
    taken: list[int] = []
    prepared: list[Tensor] = []
    submit(_BATCHES_AHEAD * batch_size)
    while ahead:
        position, future = ahead.popleft()
        submit(1)
        try:
            prepared.append(future.result())
            taken.append(position)
        except UnreadableError as error:
            unreadable[position] = str(error)
        if len(taken) == batch_size:
            yield taken, torch.stack(prepared)
            taken, prepared = [], []
    if taken:
        yield taken, torch.stack(prepared)


def hybrid_embedding(
    outputs: ArrayLike, siamese: ArrayLike, scale_blocks: bool = False
) -> np.ndarray:
    """Concatenate a classifier's outputs and the Siamese embedding (Section V-A).

    Parameters
    ----------
    outputs : array-like, shape (n, c)
        Outputs of the classifier's last layer.
    siamese : array-like, shape (n, s)
        Siamese embedding of the same pictures, row by row.
    scale_blocks : bool
        Divide each block by the root mean square distance of its rows to their mean, so that
        neither block dominates the Euclidean distance. False as in the paper.

    Returns
    -------
    ndarray of float64, shape (n, c + s)

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is not finite, or a block to be scaled has no spread.

    Examples
    --------
    >>> hybrid_embedding([[1.0, 2.0]], [[3.0]])
    array([[1., 2., 3.]])
    """
    blocks = [np.asarray(block) for block in (outputs, siamese)]
    if any(block.ndim != 2 for block in blocks) or len(blocks[0]) != len(blocks[1]):
        raise ValueError(
            f"outputs and siamese must have shapes (n, c) and (n, s), not {blocks[0].shape} and "
            f"{blocks[1].shape}"
        )
    blocks = [
        check_array(block, dtype=np.float64, input_name=name)
        for block, name in zip(blocks, ("outputs", "siamese"), strict=True)
    ]
    if scale_blocks:
        blocks = [_of_unit_spread(block) for block in blocks]
    return np.concatenate(blocks, axis=1)


def _of_unit_spread(block: np.ndarray) -> np.ndarray:
    """Divide a block by the root mean square distance of its rows to their mean."""
    block = scaled(block, scale_exponent(block))
    spread = np.sqrt(block.var(axis=0).sum())
    if not spread > 0:
        raise ValueError(f"a block of shape {block.shape} has no spread; pass scale_blocks=False")
    return block / spread
