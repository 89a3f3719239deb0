"""Which numbers of a ledger come first: those that the claims rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["headline_first", "headline_keys"]

OF_SCENES = (
    "map.hybrid", "map.cnn", "map.bow", "map.random", "map.heldout.hybrid", "map.heldout.cnn",
    "map.probe",
)  # fmt: skip
OF_USERS = (
    "variance.image.user", "pairs.differ", "pairs.distance.true", "pairs.distance.ceiling",
    "days.at-least-8.image", "carry.rho.embedding", "carry.mrr.other.embedding",
    "carry.mrr.same.embedding", "carry.mrr.random", "carry.mrr.other.file-facts",
    "carry.mrr.other.embedding-file-facts", "fusion.bits.intra", "fusion.bits.inter",
    "fusion.mrr.fusion", "fusion.mrr.fusion-image",
    "transfer.gap.image.mrr.gain.0", "transfer.gap.image-file-facts.mrr.0",
)  # fmt: skip
PROFILES = (
    "image", "file-facts", "image-less-file-facts", "text", "bag-of-words", "mean-embedding",
    "within-class-residual", "probe-histogram", "label-histogram",
)  # fmt: skip


def headline_keys(keys: Iterable[str]) -> list[str]:
    """Keys of the headline numbers, in the order of the claims.

    These are Table 1, the shares of pairs that differ, and the mean reciprocal rank of each profile
    with the most training pins.

    Parameters
    ----------
    keys : iterable of str
        All keys of a ledger; those of one page will do.

    Returns
    -------
    list of str
        Those that are there.

    Examples
    --------
    >>> headline_keys(["mrr.image.10", "mrr.image.50", "map.cnn", "ties.image"])
    ['map.cnn', 'mrr.image.50']
    """
    there = set(keys)
    sizes = [int(found[1]) for key in there if (found := re.fullmatch(r"mrr\.image\.(\d+)", key))]
    ranks = [f"mrr.{profile}.{max(sizes, default=0)}" for profile in PROFILES]
    return [key for key in (*OF_SCENES, *OF_USERS, *ranks, "mrr.random") if key in there]


def headline_first(keys: Iterable[str]) -> list[str]:
    """All keys: those of the headline, then the others by alphabet."""
    keys = list(keys)
    first = headline_keys(keys)
    return [*first, *sorted(set(keys) - set(first))]
