"""The hybrid embedding: what a classifier says of a picture beside what training has learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from visprof._lazy import lazily
from visprof.scaling import scale_exponent, scaled

with lazily():
    from sklearn.utils import check_array

__all__ = ["hybrid_embedding"]


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
        check_array(block, dtype=[np.float64, np.float32], input_name=name)
        for block, name in zip(blocks, ("outputs", "siamese"), strict=True)
    ]
    if scale_blocks:
        blocks = [_of_unit_spread(np.float64(block)) for block in blocks]
    return np.concatenate(blocks, axis=1, dtype=np.float64)


def _of_unit_spread(block: np.ndarray) -> np.ndarray:
    """Divide a block by the root mean square distance of its rows to their mean."""
    block = scaled(block, scale_exponent(block))
    spread = np.sqrt(block.var(axis=0).sum())
    if not spread > 0:
        raise ValueError(f"a block of shape {block.shape} has no spread; pass scale_blocks=False")
    return block / spread
