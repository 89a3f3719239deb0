"""Styles dealt within categories, many times: what is dealt among what is found once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_groups

__all__ = ["StyleDeals", "pairs_as_codes"]


def pairs_as_codes(first: ArrayLike, second: ArrayLike, name: str) -> NDArray[np.int64]:
    """Numbers of the pairs that two labels make."""
    first = np.unique(check_groups(first, None, "users"), return_inverse=True)[1]
    second = np.unique(check_groups(second, len(first), name), return_inverse=True)[1]
    return np.unique(first * (second.max(initial=0) + 1) + second, return_inverse=True)[1]


class StyleDeals:
    """Deals of styles as `visprof.hierarchy.deal_styles` makes them."""

    def __init__(self, categories: ArrayLike, blocks: ArrayLike | None) -> None:
        categories = check_groups(categories, None, "categories")
        n = len(categories)
        blocks = np.arange(n) if blocks is None else check_groups(blocks, n, "blocks")
        of_category = np.unique(categories, return_inverse=True)[1]
        units = pairs_as_codes(blocks, of_category, "categories")
        order = np.argsort(units, kind="stable")  # pins of a unit stand together, in their order
        sizes = np.bincount(units)
        starts = np.cumsum(sizes) - sizes
        category = of_category[order[starts]] if n else of_category
        self._rows = []  # of units of a category and size, each
        for of, size in sorted(set(zip(category.tolist(), sizes.tolist(), strict=True))):
            alike = starts[(category == of) & (sizes == size)]
            self._rows.append(order[alike[:, None] + np.arange(size)])

    def deal(self, styles: NDArray, rng: np.random.Generator) -> NDArray:
        """Styles of pins as one deal leaves them."""
        dealt = styles.copy()
        for rows in self._rows:
            dealt[rows] = styles[rows[rng.permutation(len(rows))]]
        return dealt
