"""The permutation test of one pair of users alone, for tests of more than one module."""

from __future__ import annotations

import numpy as np

from visprof.significance import max_z_pvalues


def one_pair(i, j, background, alpha=None, n_permutations=999, *, sessions=None, **options):
    """Largest absolute z and p-value of the pins of two users; `sessions` are of i, then of j."""
    found = max_z_pvalues(
        np.concatenate([i, j]), np.repeat([0, 1], [len(i), len(j)]), [[0, 1]], background, alpha,
        n_permutations, sessions=None if sessions is None else np.concatenate(sessions), **options,
    )  # fmt: skip
    return found.max_z[0], found.p_values[0]
