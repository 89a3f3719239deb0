"""Labelled scene photographs: reading, splitting, and similar/dissimilar pairs (Section V-A)."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof.checks import check_groups, check_table, check_whole, listed
from visprof.digests import picture_digest
from visprof.pictures import is_hidden, list_entries, map_pictures

__all__ = ["first_scenes", "read_scenes", "read_split", "sample_pairs", "split_scenes"]

log = logging.getLogger("visprof")


def read_scenes(path: str | Path) -> pd.DataFrame:
    """List the photographs of a folder that holds one folder per class.

    Parameters
    ----------
    path : str or Path
        Folder whose sub-folders are named after the classes and hold the photographs, maybe in
        sub-folders of their own. What `visprof.pictures.list_entries` gives a reason for (hidden
        entries, what is no picture, links out of the folder) is left out, and logged.

    Returns
    -------
    pandas.DataFrame
        Columns ``image`` (path, str) and ``label`` (class folder's name), sorted by class, then
        by path.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If it has no class folder, or a class folder has no picture.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder of scenes at {str(folder)!r}; pass a folder that holds one per class"
        )
    entries = list_entries(folder)
    images = [image for image, reason in entries if not reason]
    rows = [(str(image), image.relative_to(folder).parts[0]) for image in images]
    left_out = Counter(reason for _, reason in entries if reason)
    if left_out:
        named = listed(f"{n} {reason}" for reason, n in left_out.most_common())
        log.warning("%s: %d entries were left out: %s", folder, left_out.total(), named)
    classes = _folders(folder)
    if not classes:
        raise ValueError(f"{str(folder)!r} has no class folder; expected <class>/<photo>.jpg")
    if empty := sorted(set(classes) - {label for _, label in rows}):
        raise ValueError(
            f"the class folder {str(folder / empty[0])!r} has no picture; fill or remove it"
        )
    return pd.DataFrame(rows, columns=["image", "label"])


def _folders(folder: Path) -> list[str]:
    """Names of its sub-folders, but for hidden ones."""
    entries = os.scandir(folder)
    return [e.name for e in entries if e.is_dir(follow_symlinks=False) and not is_hidden(e.name)]


def split_scenes(
    scenes: pd.DataFrame, test_share: float = 0.5
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split scenes into a training and a test part, the same on every machine.

    Within each class, photographs are ordered by a hash of label and file name; the first
    ``test_share`` of them are the test part. Nothing is drawn, and the folder does not matter.

    Parameters
    ----------
    scenes : pandas.DataFrame
        Columns ``image`` and ``label``, see :func:`read_scenes`; of any index.
    test_share : float
        Share of each class that goes to the test part, between 0 and 1. Each part gets at least
        one photograph of every class.

    Returns
    -------
    train, test : pandas.DataFrame
        Rows of ``scenes`` in their order, index renewed.

    Raises
    ------
    TypeError
        If labels are of several kinds.
    ValueError
        If ``test_share`` is not in (0, 1), a column is not there, an image or label is missing (the
        rows are named), or a class has one photograph.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share must lie between 0 and 1, not {test_share!r}")
    scenes = check_table(scenes, "scenes", "label", ["image"])
    labels = scenes["label"].to_numpy()
    size = pd.Series(labels).groupby(labels).transform("size")
    if len(alone := labels[size == 1]):
        raise ValueError(f"classes with one photograph cannot be split: {listed(sorted(alone))}")
    n_test = (size * test_share).round().clip(lower=1, upper=size - 1)
    is_test = (_places(scenes) <= n_test).to_numpy()
    return scenes[~is_test].reset_index(drop=True), scenes[is_test].reset_index(drop=True)


def _places(scenes: pd.DataFrame) -> pd.Series:
    """Place of each scene in its class, from 1, by a hash of label and file name."""
    labels = scenes["label"].to_numpy()
    hashes = [
        hashlib.sha256(f"{label}/{Path(image).name}".encode()).hexdigest()
        for image, label in zip(scenes["image"], labels, strict=True)
    ]
    return pd.Series(hashes).groupby(labels).rank(method="first")


def first_scenes(scenes: pd.DataFrame, n_per_class: int) -> pd.DataFrame:
    """Leave out scenes of large classes, the same on every machine.

    Parameters
    ----------
    scenes : pandas.DataFrame
        Columns ``image`` and ``label``, see :func:`read_scenes`; of any index.
    n_per_class : int
        So many of each class are kept, the first by a hash of label and file name; 0: all.

    Returns
    -------
    pandas.DataFrame
        Rows of ``scenes`` in their order, index renewed.

    Raises
    ------
    TypeError
        If the number is not whole, or labels are of several kinds.
    ValueError
        If the number is negative, a column is not there, or an image or label is missing.
    """
    check_whole(n_per_class, "n_per_class", 0)
    scenes = check_table(scenes, "scenes", "label", ["image"])
    if n_per_class:
        scenes = scenes[(_places(scenes) <= n_per_class).to_numpy()]
    return scenes.reset_index(drop=True)


def read_split(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the training and test photographs of a folder of scenes.

    Parameters
    ----------
    path : str or Path
        Folder with one folder per class, which `split_scenes` parts; or one that holds nothing
        but the folders ``train`` and ``test``, each with one folder per class.

    Returns
    -------
    train, test : pandas.DataFrame
        As of :func:`read_scenes`.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If a part has no class, a class no picture, the classes of both parts differ, or one picture
        is in both; the message names it.
    """
    folder = Path(path)
    if not folder.is_dir() or set(_folders(folder)) != {"train", "test"}:
        return split_scenes(read_scenes(folder))
    train, test = read_scenes(folder / "train"), read_scenes(folder / "test")
    if alone := set(train["label"]) ^ set(test["label"]):
        raise ValueError(
            f"{str(folder)!r}: classes must be the same in train/ and test/; in one alone are "
            f"{listed(sorted(alone))}"
        )
    contents = [map_pictures(picture_digest, part["image"]) for part in (train, test)]
    trained = dict(zip(contents[0], train["image"], strict=True))
    for content, image in zip(contents[1], test["image"], strict=True):
        if content in trained:
            raise ValueError(
                f"{image!r} shows what the training scene {trained[content]!r} shows: remove one, "
                "since test scenes must be unseen"
            )
    return train, test


def sample_pairs(
    labels: ArrayLike, n_similar: int, n_dissimilar: int, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw similar and dissimilar pairs of photographs by the paper's rule (Section V-A).

    The paper's 102,500 similar and 1,045,500 dissimilar pairs are ``n_similar=500`` within each
    of 205 classes and ``n_dissimilar=50`` for each of the 20,910 pairs of classes.

    Parameters
    ----------
    labels : array-like, shape (n,)
        Class of each photograph.
    n_similar : int
        Distinct pairs drawn within each class.
    n_dissimilar : int
        Distinct pairs drawn across each pair of classes.
    random_state : int
        Seed.

    Returns
    -------
    pairs : ndarray of int64, shape (m, 2)
        Positions in ``labels``, in random order, no pair twice and no photograph with itself.
    similar : ndarray of bool, shape (m,)
        Whether the two share their label.

    Raises
    ------
    TypeError
        If a number is not whole, or labels are of several kinds.
    ValueError
        If ``labels`` is not one-dimensional, a label is missing (the rows are named), a number is
        negative or both are 0, there are too few classes, or a class is too small for that many
        distinct pairs; the message names it.

    Examples
    --------
    >>> labels = ["beach", "beach", "beach", "hills", "hills"]
    >>> pairs, similar = sample_pairs(labels, n_similar=1, n_dissimilar=2)
    >>> pairs.shape, int(similar.sum())
    ((4, 2), 2)
    """
    labels = check_groups(labels, None, "labels")
    check_whole(n_similar, "n_similar", 0)
    check_whole(n_dissimilar, "n_dissimilar", 0)
    if n_similar == n_dissimilar == 0:
        raise ValueError(f"{n_similar=} and {n_dissimilar=} are both 0: there is no pair to draw")
    names, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 1 + (n_dissimilar > 0):
        raise ValueError(f"labels hold {len(names)} classes: too few for these pairs")
    members = np.argsort(inverse, kind="stable")  # photographs class by class
    start = np.cumsum(sizes) - sizes  # where each class begins in `members`
    first, second = np.triu_indices(len(names), k=1)
    _check_enough(names, sizes * (sizes - 1) // 2, n_similar, "n_similar")
    across_names = [f"{names[a]} - {names[b]}" for a, b in zip(first, second, strict=True)]
    _check_enough(across_names, sizes[first] * sizes[second], n_dissimilar, "n_dissimilar")

    rng = np.random.default_rng(random_state)
    low, high = _unrank(_draw_distinct(sizes * (sizes - 1) // 2, n_similar, rng))
    within = np.stack([start[:, None] + low, start[:, None] + high], axis=-1)
    left, right = np.divmod(
        _draw_distinct(sizes[first] * sizes[second], n_dissimilar, rng), sizes[second][:, None]
    )
    across = np.stack([start[first][:, None] + left, start[second][:, None] + right], axis=-1)

    pairs = members[np.concatenate([within.reshape(-1, 2), across.reshape(-1, 2)])]
    similar = np.arange(len(pairs)) < within.size // 2
    order = rng.permutation(len(pairs))
    return pairs[order].astype(np.int64), similar[order]


def _check_enough(names: ArrayLike, available: np.ndarray, wanted: int, argument: str) -> None:
    for name, n_available in zip(names, available, strict=True):
        if n_available < wanted:
            raise ValueError(
                f"{argument}={wanted} distinct pairs asked of class {str(name)!r}, which has "
                f"{n_available}; lower {argument} or add photographs"
            )


def _draw_distinct(sizes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` distinct whole numbers below each size: shape (len(sizes), n)."""
    drawn = np.empty((len(sizes), n), dtype=np.int64)
    for row, size in zip(drawn, sizes, strict=True):
        row[:] = rng.choice(size, n, replace=False, shuffle=False)
    return drawn


def _unrank(rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the pair (i < j) with number ``rank`` in the order (0,1), (0,2), (1,2), (0,3), ..."""
    high = ((1 + np.sqrt(1 + 8 * rank)) // 2).astype(np.int64)
    return rank - high * (high - 1) // 2, high
