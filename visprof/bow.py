"""SIFT and a bag of visual words: the hand-crafted baseline of Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils.validation import check_is_fitted

from visprof._lazy import lazily
from visprof.checks import check_whole
from visprof.pictures import read_image
from visprof.vocabulary import count_distinct

with lazily("nets"):
    import cv2

__all__ = ["BagOfVisualWords", "sift_descriptors"]

SIFT_WIDTH = 128


class BagOfVisualWords(TransformerMixin, BaseEstimator):
    """Histogram of SIFT descriptors over a vocabulary of visual words (Sivic & Zisserman 2003).

    Parameters
    ----------
    n_words : int
        Size of the vocabulary; 410 gives the width of the hybrid embedding (Section VI-A). At most
        the number of distinct descriptors.
    max_descriptors : int
        Descriptors that the vocabulary is learnt from, at most. Every picture gives its equal
        share of them, drawn at random.
    max_side : int
        Pictures with a longer side above this are shrunk to it, in pixels. Small pictures are
        not enlarged: SIFT's first octave already doubles them.
    n_workers : int
        Pictures decoded and described at a time; no result depends on it.
    random_state : int
        Seed of the draw of descriptors and of k-means.

    Attributes
    ----------
    words_ : ndarray of float64, shape (n_words, 128)
        The visual words.
    n_descriptors_ : int
        Descriptors that they were learnt from.

    Examples
    --------
    >>> from PIL import Image
    >>> for side in (96, 128, 160):
    ...     Image.effect_mandelbrot((side, side), (-3, -2.5, 2, 2.5), 100).save(f"{side}.png")
    >>> bag = BagOfVisualWords(n_words=5, n_workers=1)
    >>> bag.fit_transform(["96.png", "128.png", "160.png"]).shape
    (3, 5)
    """

    def __init__(
        self,
        n_words: int = 410,
        max_descriptors: int = 100_000,
        max_side: int = 256,
        n_workers: int = 2,
        random_state: int = 0,
    ) -> None:
        self.n_words = n_words
        self.max_descriptors = max_descriptors
        self.max_side = max_side
        self.n_workers = n_workers
        self.random_state = random_state

    def fit(self, images: Sequence[str | Path | np.ndarray], y: object = None) -> BagOfVisualWords:
        """Learn the visual words.

        Parameters
        ----------
        images : sequence of str, Path or ndarray of shape (k, 128)
            Pictures, or their descriptors (see `sift_descriptors`).
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        BagOfVisualWords
            Itself.

        Raises
        ------
        TypeError
            If a number is not whole.
        ValueError
            If a picture cannot be read, the pictures have fewer distinct descriptors than
            ``n_words``, or a number is less than 1.
        """
        for name in ("n_words", "max_descriptors", "max_side", "n_workers"):
            check_whole(getattr(self, name), name, 1)
        rng = np.random.default_rng(self.random_state)
        share = max(1, self.max_descriptors // max(1, len(images)))
        drawn = [np.empty((0, SIFT_WIDTH))]
        for found in self._describe(images):
            drawn.append(found[rng.permutation(len(found))[:share]])
        descriptors = np.concatenate(drawn)
        if len(descriptors) > self.max_descriptors:  # more pictures than descriptors allowed
            descriptors = rng.choice(descriptors, self.max_descriptors, replace=False)
        distinct = count_distinct(descriptors, self.n_words) if len(descriptors) else 0
        if distinct < self.n_words:
            raise ValueError(
                f"{len(images)} pictures gave {len(descriptors)} SIFT descriptors, {distinct} of "
                f"them distinct: too few for n_words={self.n_words}; pass more pictures that "
                "differ, or ask for fewer words"
            )
        means = MiniBatchKMeans(
            self.n_words, batch_size=2048, n_init=1, random_state=self.random_state
        ).fit(descriptors)
        self.words_ = means.cluster_centers_
        self.n_descriptors_ = len(descriptors)
        return self

    def transform(self, images: Sequence[str | Path | np.ndarray]) -> np.ndarray:
        """Count the visual words of each picture.

        Parameters
        ----------
        images : sequence of str, Path or ndarray of shape (k, 128), length n
            Pictures, or their descriptors.

        Returns
        -------
        ndarray of float64, shape (n, n_words)
            Share of each word; rows sum to 1. A picture without keypoints is a row of zeros.

        Raises
        ------
        ValueError
            If a picture cannot be read.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self)
        counts = np.zeros((len(images), self.n_words))
        half_squares = np.square(self.words_).sum(axis=1) / 2
        for row, found in zip(counts, self._describe(images), strict=True):
            if len(found):  # the k-means' own `predict` takes longer to look at its arguments
                nearest = (half_squares - found @ self.words_.T).argmin(axis=1)
                row[:] = np.bincount(nearest, minlength=self.n_words)
                row /= len(found)
        return counts

    def _describe(self, images: Sequence[str | Path | np.ndarray]) -> Iterator[np.ndarray]:
        """SIFT descriptors (k, 128) of each picture, in order, float64.

        They are whole numbers, so products of rows are exact, and ties are ties.
        """

        def described(image: str | Path | np.ndarray) -> np.ndarray:
            found = image if isinstance(image, np.ndarray) else _sift(image, self.max_side)
            return found.astype(np.float64)

        with ThreadPoolExecutor(self.n_workers) as pool:
            yield from pool.map(described, images)


def sift_descriptors(
    images: Sequence[str | Path], max_side: int = 256, n_workers: int = 2
) -> list[np.ndarray]:
    """SIFT descriptors of pictures (Lowe 2004).

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures.
    max_side, n_workers : int
        As of `BagOfVisualWords`.

    Returns
    -------
    list of ndarray of uint8, shape (k, 128)
        Of each picture; k is 0 where it has no keypoint.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a picture cannot be read, or a number is less than 1.
    """
    check_whole(max_side, "max_side", 1)
    check_whole(n_workers, "n_workers", 1)
    with ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(lambda path: _sift(path, max_side), images))


def _sift(path: str | Path, max_side: int) -> np.ndarray:
    grey = read_image(path).convert("L")
    if max(grey.size) > max_side:
        grey.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    _, descriptors = cv2.SIFT_create().detectAndCompute(np.asarray(grey), None)
    if descriptors is None:
        return np.empty((0, SIFT_WIDTH), dtype=np.uint8)
    return descriptors.astype(np.uint8)  # OpenCV rounds them to whole numbers from 0 to 255
