"""The hybrid embedding: two blocks side by side, as they are or with equal spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from visprof.hybrid import hybrid_embedding

blocks = st.tuples(st.integers(2, 6), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda s: st.tuples(
        *(arrays(np.float32, (s[0], w), elements=st.floats(-100, 100, width=32)) for w in s[1:])
    )
)


@given(blocks)
def test_hybrid_is_the_concatenation(pair):
    hybrid = hybrid_embedding(*pair)
    assert hybrid.dtype == np.float64
    np.testing.assert_array_equal(hybrid, np.hstack(pair))


def test_scaled_blocks_weigh_the_same():
    rng = np.random.default_rng(0)
    hybrid = hybrid_embedding(
        rng.normal(3, 50, (40, 6)), rng.normal(size=(40, 9)), scale_blocks=True
    )
    for block in (hybrid[:, :6], hybrid[:, 6:]):
        to_mean = np.linalg.norm(block - block.mean(0), axis=1)
        assert np.sqrt((to_mean**2).mean()) == pytest.approx(1, rel=1e-5)
    within = [np.mean(pdist(block) ** 2) for block in (hybrid[:, :6], hybrid[:, 6:])]
    assert within[0] == pytest.approx(within[1], rel=1e-5)


def test_block_without_spread_cannot_be_scaled():
    with pytest.raises(ValueError, match=r"\(3, 2\) has no spread"):
        hybrid_embedding(np.ones((3, 2)), np.eye(3), scale_blocks=True)


@given(st.integers(-900, 900), st.integers(-100, 100))
def test_scaled_blocks_do_not_depend_on_their_units(k, j):
    rng = np.random.default_rng(0)
    outputs, siamese = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)).astype(np.float32)
    expected = hybrid_embedding(outputs, siamese, scale_blocks=True)
    scaled = hybrid_embedding(np.ldexp(outputs, k), np.ldexp(siamese, j), scale_blocks=True)
    np.testing.assert_array_equal(scaled, expected)


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3,), (3, 2))])
def test_blocks_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="shapes"):
        hybrid_embedding(*(np.zeros(shape) for shape in shapes))
