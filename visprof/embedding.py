"""Embedding of many pictures into a store on disk, and the hybrid embedding (Section V-A)."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import ArrayLike
from torch import Tensor
from tqdm import tqdm

from visprof.backbones import Backbone
from visprof.pictures import read_image

__all__ = ["FeatureStore", "embed_images", "hybrid_embedding"]

_STATE = "state.json"
_ARRAYS = ("features", "outputs")
_BATCHES_AHEAD = 3  # decoded while the network works
_BATCHES_PER_SAVE = 16


@dataclass(frozen=True)
class FeatureStore:
    """Features and outputs of many pictures, in files that are mapped rather than read.

    Parameters
    ----------
    folder : Path
        Folder that :func:`embed_images` wrote.
    """

    folder: Path

    @property
    def features(self) -> np.ndarray:
        """Penultimate features, read-only float32 memory map (n, d)."""
        return np.load(self.folder / "features.npy", mmap_mode="r")

    @property
    def outputs(self) -> np.ndarray:
        """Outputs of the last layer, read-only float32 memory map (n, c)."""
        return np.load(self.folder / "outputs.npy", mmap_mode="r")

    @property
    def complete(self) -> bool:
        """Whether every picture has been embedded."""
        state = _read_state(self.folder)
        return state is not None and state["done"] == state["n_images"]

    def __len__(self) -> int:
        """Return the number of pictures, embedded or still to be."""
        state = _read_state(self.folder)
        if state is None:
            raise FileNotFoundError(f"no feature store in {str(self.folder)!r}; use embed_images")
        return state["n_images"]


def embed_images(
    images: Sequence[str | Path],
    backbone: Backbone,
    folder: str | Path,
    *,
    batch_size: int = 64,
    n_workers: int = 2,
    device: str | torch.device = "cpu",
    precision: Literal["bf16", "fp32"] = "bf16",
    progress: bool = True,
) -> FeatureStore:
    """Run pictures through a network into a store on disk; resume or re-use what is there.

    Pictures are decoded by threads while the network works on earlier ones.

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures.
    backbone : Backbone
        Network, moved to ``device`` and put into evaluation mode.
    folder : str or Path
        Folder of the store, created if need be. A run that was stopped goes on where it saved
        last; a complete store is returned at once.
    batch_size : int
        Pictures per forward pass.
    n_workers : int
        Pictures decoded at a time.
    device : str or torch.device
        Where the network runs.
    precision : {"bf16", "fp32"}
        Arithmetic of the network. "bf16" is several times faster where the hardware has it;
        values are rounded to about three digits and stored as float32 all the same.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    FeatureStore
        Row i belongs to ``images[i]``.

    Raises
    ------
    ValueError
        If there is no picture, a picture cannot be read (the message names it; see
        :func:`visprof.boards.split_readable`), or ``folder`` holds a store of other pictures,
        another network or another precision. Pictures are compared by folder name, file name,
        order and size in bytes, so a store stays valid where its pictures are moved together.
    FileNotFoundError
        If a picture does not exist.
    """
    if len(images) == 0:
        raise ValueError("images is empty; pass at least one picture")
    if precision not in ("bf16", "fp32"):
        raise ValueError(f"precision must be 'bf16' or 'fp32', not {precision!r}")
    if min(batch_size, n_workers) < 1:
        raise ValueError(f"{batch_size=} and {n_workers=} must be >= 1")
    folder = Path(folder)
    backbone = backbone.to(device).eval()
    origin = {
        "images": _fingerprint(images),
        "n_images": len(images),
        "backbone": f"{backbone.name} {backbone.fingerprint()}",
        "precision": precision,
    }
    state = _open_store(folder, origin, (backbone.feature_dim, backbone.output_dim))
    if state["done"] < len(images):
        arrays = [open_memmap(folder / f"{name}.npy", mode="r+") for name in _ARRAYS]
        autocast = _autocast(device, precision)
        with tqdm(
            total=len(images), initial=state["done"], desc=backbone.name, disable=not progress
        ) as bar:
            batches = _prepared(images[state["done"] :], backbone, batch_size, n_workers)
            for number, batch in enumerate(batches, start=1):
                rows = slice(state["done"], state["done"] + len(batch))
                with torch.inference_mode(), autocast:
                    results = backbone(batch.to(device))
                for array, result in zip(arrays, results, strict=True):
                    array[rows] = result.float().cpu().numpy()
                state["done"] = rows.stop
                bar.update(len(batch))
                if number % _BATCHES_PER_SAVE == 0 or rows.stop == len(images):
                    _save(folder, arrays, state)
    return FeatureStore(folder)


def _autocast(device: str | torch.device, precision: str) -> Any:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def _fingerprint(images: Sequence[str | Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in map(Path, images):
        digest.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def _open_store(folder: Path, origin: dict[str, Any], widths: tuple[int, int]) -> dict[str, Any]:
    """Open the store in ``folder``, which must be of this origin, or begin one there."""
    state = _read_state(folder)
    if state is not None:
        different = [key for key in origin if state.get(key) != origin[key]]
        if different:
            raise ValueError(
                f"{str(folder)!r} holds a store that differs in {', '.join(different)}; delete "
                "that folder or choose another"
            )
        return state
    folder.mkdir(parents=True, exist_ok=True)
    for name, width in zip(_ARRAYS, widths, strict=True):
        shape = (origin["n_images"], width)
        open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=shape).flush()
    state = {**origin, "done": 0}
    _write_state(folder, state)
    return state


def _read_state(folder: Path) -> dict[str, Any] | None:
    path = folder / _STATE
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def _write_state(folder: Path, state: dict[str, Any]) -> None:
    # renaming is atomic: a killed run leaves the old state or the new one, never half of one
    temporary = folder / f"{_STATE}.tmp"
    temporary.write_text(json.dumps(state, indent=1), "utf-8")
    os.replace(temporary, folder / _STATE)


def _save(folder: Path, arrays: list[np.memmap], state: dict[str, Any]) -> None:
    for array in arrays:  # rows first: the state must never promise what is not on disk
        array.flush()
    _write_state(folder, state)


def _prepared(
    images: Sequence[str | Path], backbone: Backbone, batch_size: int, n_workers: int
) -> Iterator[Tensor]:
    """Batches of prepared pictures (k, 3, S, S) in order, a few decoded ahead by threads."""

    def prepare(path: str | Path) -> Tensor:
        return backbone.prepare(read_image(path))

    pool = ThreadPoolExecutor(n_workers)
    try:
        ahead: deque[list] = deque()
        for start in range(0, len(images), batch_size):
            ahead.append([pool.submit(prepare, p) for p in images[start : start + batch_size]])
            if len(ahead) > _BATCHES_AHEAD:
                yield torch.stack([future.result() for future in ahead.popleft()])
        while ahead:
            yield torch.stack([future.result() for future in ahead.popleft()])
    finally:
        pool.shutdown(cancel_futures=True)


def hybrid_embedding(
    outputs: ArrayLike, siamese: ArrayLike, scale_blocks: bool = False
) -> np.ndarray:
    """Concatenate a classifier's outputs and the Siamese embedding (Section V-A).

    Parameters
    ----------
    outputs : array-like, shape (n, c)
        Outputs of the classifier's last layer.
    siamese : array-like, shape (n, s)
        Siamese embedding of the same pictures.
    scale_blocks : bool
        Divide each block by the root mean square distance of its rows to their mean, so that
        neither block rules Euclidean distances. False as in the paper.

    Returns
    -------
    ndarray of float32, shape (n, c + s)

    Raises
    ------
    ValueError
        If the shapes do not fit, or a block to be scaled has no spread.
    """
    blocks = [np.asarray(block, dtype=np.float32) for block in (outputs, siamese)]
    if any(block.ndim != 2 for block in blocks) or len(blocks[0]) != len(blocks[1]):
        raise ValueError(
            f"outputs and siamese must have shapes (n, c) and (n, s), not {blocks[0].shape} and "
            f"{blocks[1].shape}"
        )
    if scale_blocks:
        blocks = [block / _spread(block) for block in blocks]
    return np.concatenate(blocks, axis=1)


def _spread(block: np.ndarray) -> np.float32:
    """Root mean square distance of rows to their mean."""
    spread = np.sqrt(block.var(axis=0, dtype=np.float64).sum())
    if not spread > 0:
        raise ValueError(f"a block of shape {block.shape} has no spread; pass scale_blocks=False")
    return np.float32(spread)
