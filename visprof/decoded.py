"""Pictures decoded once, as pixels in a file: a training looks at each of them many times.

Decoding takes a thousand times as long as reading pixels. On a GPU all of them lie in its memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from visprof import processes
from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.checks import check_whole
from visprof.embedding import arithmetic
from visprof.file_digests import file_digests
from visprof.files import naming, read_record, write_record
from visprof.pictures import read_image

with needs("nets"):
    import torch
    from torch import Tensor

__all__ = ["decode_pictures", "decoded_inputs", "embed_decoded"]

_AT_ONCE = 512  # pictures that are decoded, then written, then recorded
_MOST_OF_GPU = 0.4  # share of its free memory that pixels may take


def decode_pictures(
    images: Sequence[str | Path],
    backbone: Backbone,
    file: str | Path,
    n_workers: int = 2,
    progress: bool = True,
) -> NDArray[np.uint8]:
    """Decode and prepare pictures into a file of pixels, once.

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures.
    backbone : Backbone
        Says how a picture is prepared (`visprof.architectures.Backbone.prepare`).
    file : str or Path
        Where the pixels are kept; ``FILE.json`` beside it says of which pictures. A decoding that
        was stopped goes on from there; pixels of other pictures, or prepared otherwise, are
        replaced. ``pictures.sqlite`` there knows pictures that were read before, as of
        `visprof.embedding.embed_images`.
    n_workers : int
        Pictures decoded at a time.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    memmap of uint8, shape (n, 3, S, S)
        RGB, 0 to 255, S the backbone's ``image_size``; read-only.

    Raises
    ------
    TypeError
        If ``n_workers`` is not whole.
    ValueError
        If there is no picture, one cannot be read (it is named), or ``n_workers`` is less than 1.
    FileNotFoundError
        If a picture does not exist.
    OSError
        If the file cannot be written; the message names it.

    Examples
    --------
    >>> from PIL import Image
    >>> from visprof.backbones import load_backbone
    >>> Image.new("RGB", (90, 60), "green").save("lawn.png")
    >>> network = load_backbone("squeezenet-places365", "random", 64)
    >>> decode_pictures(["lawn.png"], network, "pixels", progress=False).shape
    (1, 3, 64, 64)
    """
    if len(images) == 0:
        raise ValueError("images is empty; pass at least one picture")
    check_whole(n_workers, "n_workers", 1)
    file = Path(file)
    record = file.with_name(f"{file.name}.json")
    shape = (len(images), 3, backbone.image_size, backbone.image_size)
    digests = file_digests(images, file.with_name("pictures.sqlite"), n_workers)
    with ThreadPoolExecutor(n_workers) as pool:
        origin = {
            "pictures": hashlib.blake2b(b"".join(digests), digest_size=16).hexdigest(),
            "shape": list(shape), "squash": backbone.squash, "crop_share": backbone.crop_share,
            "resample": int(backbone.resample),
        }  # fmt: skip
        done = _n_decoded(file, record, origin)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        with (
            naming(file),
            file.open("r+b") as out,
            tqdm(total=len(images), initial=done, desc="decoding", disable=not progress) as bar,
        ):
            out.truncate(done * int(np.prod(shape[1:])))
            out.seek(0, 2)
            for start in range(done, len(images), _AT_ONCE):
                some = images[start : start + _AT_ONCE]
                for pixels in pool.map(lambda path: backbone.prepare(read_image(path)), some):
                    out.write(pixels.numpy().tobytes())
                out.flush()  # pixels are there before the record that promises them
                write_record(record, origin | {"done": start + len(some)})
                bar.update(len(some))
    return np.memmap(file, np.uint8, "r", shape=shape)


def _n_decoded(file: Path, record: Path, origin: dict) -> int:
    """How many of these pictures' pixels a file holds, by its record; 0 if of others."""
    try:
        kept = read_record(record)
        size = file.stat().st_size
    except (FileNotFoundError, ValueError):
        return 0
    done = kept.pop("done", 0)
    return min(done, size // int(np.prod(origin["shape"][1:]))) if kept == origin else 0


def decoded_inputs(
    pixels: NDArray[np.uint8], device: str | torch.device
) -> Callable[[np.ndarray], Tensor]:
    """Inputs of a network for `visprof.siamese_training.train_siamese`, from decoded pictures.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3, S, S)
        From `decode_pictures`.
    device : str or torch.device
        Where the network learns. A GPU takes all pixels at once if two fifths of its free memory
        hold them, and is then never waited for.

    Returns
    -------
    callable
        Takes positions (k,), returns a uint8 tensor of shape (k, 3, S, S).
    """
    device = torch.device(device)
    if device.type == "cuda" and pixels.nbytes < _MOST_OF_GPU * torch.cuda.mem_get_info(device)[0]:
        there = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(pixels), _AT_ONCE):
            rows = np.array(pixels[start : start + _AT_ONCE])
            there[start : start + len(rows)] = torch.from_numpy(rows)
        return lambda positions: there[torch.from_numpy(np.asarray(positions)).to(device)]
    return lambda positions: torch.from_numpy(pixels[positions])


def embed_decoded(
    backbone: Backbone,
    inputs: Callable[[np.ndarray], Tensor],
    n: int,
    *,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    progress: bool = True,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features and outputs of decoded pictures by a network.

    Several processes (`visprof.processes.joined`) must all call it: they share the batches.

    Parameters
    ----------
    backbone : Backbone
        Moved to ``device`` and put into evaluation mode.
    inputs : callable
        From `decoded_inputs`.
    n : int
        Number of pictures.
    batch_size : int
        Pictures per forward pass.
    device : str or torch.device
        Where the network runs.
    precision : {"fp32", "bf16"}
        Of the network's arithmetic, see `visprof.embedding.arithmetic`.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    features : ndarray of float32, shape (n, feature_dim)
    outputs : ndarray of float32, shape (n, output_dim)

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or less than 1, or the precision is unknown.
    """
    check_whole(n, "n", 1)
    check_whole(batch_size, "batch_size", 1)
    backbone.to(device).eval()
    found = (
        np.zeros((n, backbone.feature_dim), np.float32),
        np.zeros((n, backbone.output_dim), np.float32),
    )
    starts = range(0, n, batch_size)
    mine = starts[processes.share(len(starts))]
    for start in tqdm(mine, backbone.name, unit="batch", disable=not progress):
        positions = np.arange(start, min(start + batch_size, n))
        with torch.inference_mode(), arithmetic(device, precision):
            made = backbone(inputs(positions).to(device))
        for array, rows in zip(found, made, strict=True):
            array[positions] = rows.float().cpu().numpy()
    processes.summed(map(torch.from_numpy, found))  # to each row, the others add 0
    return found
