"""Near-duplicate pictures: found by a rule that survives flat pictures and logos, then counted or
dropped.

Two pictures are linked if their files are equal, or if neither is flat, the hashes of their
gradients (dHash) differ in few bits, and their thumbnails correlate. A hash alone will not do:
where a picture has one colour its gradients are noise, and many such pictures share a hash. A
cluster is a set of pictures that links connect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visprof._lazy import lazily
from visprof.checks import check_groups, check_table, check_whole
from visprof.object_stores import open_bytes
from visprof.pictures import map_pictures, read_image

with lazily():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

__all__ = [
    "Signatures",
    "drop_duplicates",
    "duplicate_clusters",
    "duplicate_links",
    "duplicate_summary",
    "picture_signatures",
]

HASH_SIZE = (9, 8)  # width, height: eight horizontal differences in each of eight rows
THUMB_SIZE = (16, 16)
GRADIENT = 2  # grey levels of 255; a smaller difference may be noise of the compression
LEAST_GRADIENTS = 10  # of 64; at 8, different logos of real boards were linked
MAX_DISTANCE = 4  # bits of two hashes that differ at most in near-duplicates
MIN_CORRELATION = 0.97  # of their thumbnails, at the least
HASHES_AT_A_TIME = 2**18  # compared in one sweep: 2 MB, about what a cache holds
PAIRS_AT_A_TIME = 2**12  # thumbnails compared in one sweep: 25 MB


@dataclass(frozen=True)
class Signatures:
    """What near-duplicates are told by, one row a picture.

    Attributes
    ----------
    sha256 : ndarray of bytes, shape (n,)
        Hash of the file, in hexadecimal.
    dhash : ndarray of uint64, shape (n,)
        A bit for each of 64 horizontal differences of grey: whether it gets brighter.
    thumb : ndarray of uint8, shape (n, 16, 16, 3)
        The picture in RGB, scaled down by averaging.
    flat : ndarray of bool, shape (n,)
        Whether fewer than 10 of the 64 differences exceed 2 of 255 grey levels: one colour, a
        smooth vertical gradient, or a small mark on one colour.
    """

    sha256: NDArray[np.bytes_]
    dhash: NDArray[np.uint64]
    thumb: NDArray[np.uint8]
    flat: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.dhash)


def picture_signatures(images: Sequence[str | Path], n_workers: int = 4) -> Signatures:
    """Read pictures and reduce each to what near-duplicates are told by.

    Parameters
    ----------
    images : sequence of path, length n
        Picture files.
    n_workers : int
        Pictures read at a time, unless they are small; at least 1.

    Returns
    -------
    Signatures
        One row a picture, in the order of `images`.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or cannot be decoded (see `visprof.boards.split_readable`), or
        `n_workers` is less than 1.
    TypeError
        If `n_workers` is no whole number.
    """
    check_whole(n_workers, "n_workers", 1)
    rows = map_pictures(_signature, images, n_workers)
    shas, greys, thumbs = zip(*rows, strict=True) if rows else ((), (), ())
    width, height = HASH_SIZE
    steps = np.diff(np.reshape(greys, (len(rows), height, width)).astype(np.int16), axis=2)
    steps = steps.reshape(len(rows), (width - 1) * height)
    return Signatures(
        sha256=np.array(shas, dtype="S64"),
        dhash=np.packbits(steps > 0, axis=1).view(np.uint64).ravel(),
        thumb=np.reshape(thumbs, (len(rows), *THUMB_SIZE, 3)).astype(np.uint8, copy=False),
        flat=(np.abs(steps) > GRADIENT).sum(axis=1) < LEAST_GRADIENTS,
    )


def _signature(path: str | Path) -> tuple[str, np.ndarray, np.ndarray]:
    """Hash of the file, 9 x 8 grey levels and the thumbnail."""
    image = read_image(path)
    with open_bytes(path) as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    grey = image.convert("L").resize(HASH_SIZE, Image.Resampling.BOX)
    return sha, np.asarray(grey), np.asarray(image.resize(THUMB_SIZE, Image.Resampling.BOX))


def duplicate_links(
    signatures: Signatures,
    max_distance: int = MAX_DISTANCE,
    min_correlation: float = MIN_CORRELATION,
) -> NDArray[np.int64]:
    """Link pictures that are near-duplicates.

    Every two hashes are compared, so nothing is missed, whatever their distribution: time grows
    with the square of the number of pictures, memory does not.

    On copies of real pictures that are not flat the defaults find 97 % of those at half the size,
    98 % of those recompressed (JPEG quality 60), 94 % of those brightened by a fifth, and with 1, 2
    and 5 % cut off each side 88, 60 and 7 %. Of flat pictures only equal files are found.

    Parameters
    ----------
    signatures : Signatures
        Of n pictures.
    max_distance : int
        Most bits, of 64, in which the hashes of a link differ.
    min_correlation : float
        Least correlation of the thumbnails of a link. It is taken over all values, where two
        pictures of different hue fail, and again after the mean of each channel is removed, where
        two marks on the same background fail; the lesser one counts.

    Returns
    -------
    ndarray of int, shape (m, 2)
        Rows of linked pictures, the earlier one first, sorted. Of files that are equal each is
        linked to the first, and only the first is compared with other files.

    Raises
    ------
    TypeError
        If `max_distance` is no whole number.
    ValueError
        If `max_distance` is not in 0..64 or `min_correlation` not in (0, 1].
    """
    if check_whole(max_distance, "max_distance", 0) > 64:
        raise ValueError(f"max_distance: expected 0 to 64 bits, got {max_distance}")
    if not 0 < min_correlation <= 1:
        raise ValueError(f"min_correlation: expected a number in (0, 1], got {min_correlation}")
    rows = np.arange(len(signatures))
    _, firsts, file = np.unique(signatures.sha256, return_index=True, return_inverse=True)
    copies = np.column_stack([firsts[file], rows])[firsts[file] != rows]
    compared = np.sort(firsts[~signatures.flat[firsts]])
    links = [copies]
    for pairs in _close_hashes(signatures.dhash[compared], max_distance):
        pairs = compared[pairs]
        links.append(pairs[_correlation(signatures.thumb, pairs) >= min_correlation])
    links = np.concatenate(links)
    return links[np.lexsort(links.T[::-1])]


def _close_hashes(hashes: NDArray[np.uint64], max_distance: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows (i, j), i < j, of hashes that differ in few bits, at most so many at a time."""
    n_rows = max(1, HASHES_AT_A_TIME // max(1, len(hashes)))
    for start in range(0, len(hashes), n_rows):
        block = hashes[start : start + n_rows]
        distance = np.bitwise_count(block[:, None] ^ hashes[start:])
        pairs = np.argwhere(distance <= max_distance)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]] + start
        for first in range(0, len(pairs), PAIRS_AT_A_TIME):
            yield pairs[first : first + PAIRS_AT_A_TIME]


def _correlation(thumbs: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Lesser of two correlations of pairs of thumbnails: over all values, and within channels."""
    left, right = (thumbs[rows].astype(np.float32) for rows in pairs.T)
    return np.minimum(*(_cosine(left, right, centred) for centred in ((1, 2, 3), (1, 2))))


def _cosine(left: np.ndarray, right: np.ndarray, centred: tuple[int, ...]) -> NDArray[np.float32]:
    """Cosine of pairs of thumbnails whose means over the axes `centred` are removed."""
    left = left - left.mean(axis=centred, keepdims=True)
    right = right - right.mean(axis=centred, keepdims=True)
    inner, *squares = (
        np.einsum("nijk,nijk->n", a, b) for a, b in ((left, right), (left, left), (right, right))
    )
    return inner / np.sqrt(np.maximum(squares[0] * squares[1], np.finfo(np.float32).tiny))


def duplicate_clusters(
    signatures: Signatures,
    max_distance: int = MAX_DISTANCE,
    min_correlation: float = MIN_CORRELATION,
) -> NDArray[np.int64]:
    """Put pictures that links connect into one cluster.

    Parameters
    ----------
    signatures, max_distance, min_correlation
        As for `duplicate_links`.

    Returns
    -------
    ndarray of int, shape (n,)
        Cluster of each picture, numbered from 0 in the order of first appearance. A picture
        without a near-duplicate has a cluster to itself.

    Raises
    ------
    TypeError, ValueError
        As `duplicate_links`.

    Examples
    --------
    >>> from PIL import Image
    >>> drawn = Image.radial_gradient("L")
    >>> drawn.save("one.png")
    >>> drawn.resize((128, 128)).save("smaller.png")
    >>> drawn.crop((0, 0, 128, 256)).save("left.png")
    >>> signatures = picture_signatures(["one.png", "smaller.png", "left.png"], n_workers=1)
    >>> duplicate_clusters(signatures)
    array([0, 0, 1])
    """
    links = duplicate_links(signatures, max_distance, min_correlation)
    n = len(signatures)
    graph = coo_array((np.ones(len(links), bool), tuple(links.T)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return pd.factorize(component)[0].astype(np.int64)


def duplicate_summary(pins: pd.DataFrame, clusters: ArrayLike) -> dict[str, int | float]:
    """Count the near-duplicates of a table of pins.

    Parameters
    ----------
    pins : DataFrame
        A table of n pins, of any index.
    clusters : array of int, shape (n,)
        Cluster of each pin's picture, from `duplicate_clusters`; by place.

    Returns
    -------
    dict
        ``pins``; ``on_same_board`` and ``on_other_board``, pins with a near-duplicate on their own
        and on another board (a pin may count in both); ``share_same_board`` and ``share``, these
        by the number of pins; ``clusters`` of at least two pins; ``clusters_within``, those with
        two pins of one board; ``clusters_across``, those on two boards or more;
        ``largest_cluster``, its pins.

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, or not one cluster for each, or a board or cluster is missing (the
        rows are named).
    """
    found = _boards_of_clusters(pins, clusters)
    by_cluster = found.groupby("cluster")
    repeated, boards = by_cluster["on_board"].max() > 1, by_cluster["boards"].first()
    same, other = found["on_board"] > 1, found["boards"] > 1
    return {
        "pins": len(pins),
        "on_same_board": int(same.sum()),
        "share_same_board": float(same.mean()),
        "on_other_board": int(other.sum()),
        "share": float(other.mean()),
        "clusters": int((by_cluster.size() > 1).sum()),
        "clusters_within": int(repeated.sum()),
        "clusters_across": int((boards > 1).sum()),
        "largest_cluster": int(by_cluster.size().max()),
    }


def _boards_of_clusters(pins: pd.DataFrame, clusters: ArrayLike) -> pd.DataFrame:
    """Of each pin, by place: board, cluster, its boards, and its pins on the pin's board."""
    clusters = np.asarray(clusters)
    if clusters.shape != (len(pins),) or not len(pins):
        raise ValueError(
            f"clusters: expected one a pin, for at least one pin; got shape {clusters.shape} for "
            f"{len(pins)} pins. Compute them from the pictures of these very pins"
        )
    boards = check_table(pins, "pins", "board")["board"].to_numpy()
    clusters = check_groups(clusters, len(pins), "clusters")
    found = pd.DataFrame({"board": boards, "cluster": clusters})
    return found.assign(
        boards=found.groupby("cluster")["board"].transform("nunique"),
        on_board=found.groupby(["board", "cluster"])["board"].transform("size"),
    )


def drop_duplicates(
    pins: pd.DataFrame, clusters: ArrayLike, within: bool = True, across: bool = False
) -> pd.DataFrame:
    """Keep the earliest pin of near-duplicates; of equal times, the first in the table.

    Parameters
    ----------
    pins : DataFrame
        A table of n pins, of any index.
    clusters : array of int, shape (n,)
        Cluster of each pin's picture, from `duplicate_clusters`; by place.
    within : bool
        Whether each board keeps one pin of a cluster.
    across : bool
        Whether only the board with the cluster's earliest pin keeps its pins of the cluster.

    Returns
    -------
    DataFrame
        The pins kept, in their order and with the index of `pins`, so that it finds their rows in
        arrays of the same order.

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, or not one cluster for each, or a board, time or cluster is missing
        (the rows are named).
    """
    found = _boards_of_clusters(pins, clusters)
    check_table(pins, "pins", "board", ["time"])
    found = found.iloc[np.argsort(pins["time"].to_numpy(), kind="stable")]
    kept = pd.Series(True, found.index)
    if within:
        kept &= ~found.duplicated(["board", "cluster"])
    if across:
        kept &= found["board"] == found.groupby("cluster")["board"].transform("first")
    return pins[kept.sort_index().to_numpy()]
