"""Sentences of the differences between users, each branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit
from visprof.steps.user_pairs import PairwiseDifferences


@pytest.mark.parametrize("normalised_assignments", [True, False])
@pytest.mark.parametrize(
    ("sigma_over", "averaged"), [("pairs", "pairs"), ("centres", "pictures and centres")]
)
@pytest.mark.parametrize(("user_counts", "y"), [("sum", "plain sum"), ("unit", "unit sum")])
def test_how_the_equations_are_read_is_told(
    normalised_assignments, sigma_over, averaged, user_counts, y
):
    assert sentences.equations_read(normalised_assignments, sigma_over, user_counts) == {
        "normalised_assignments": "normalised" if normalised_assignments else "not normalised",
        "sigma_over": averaged,
        "user_counts": y,
    }


@pytest.mark.parametrize(
    ("low", "high", "claim"),
    [(0.51, 0.7, "holds"), (0.1, 0.49, "does not hold"), (0.4, 0.6, "not resolved")],
)
def test_users_and_pairs_are_counted_and_the_claim_judged(low, high, claim):
    z = np.zeros((3, 1200 * 1199 // 2))
    found = PairwiseDifferences(np.arange(1200), z, z)
    split = BoardSplit(pd.DataFrame(), pd.DataFrame(index=range(1_234_567)), pd.DataFrame())
    assert sentences.pairs_compared(found, split, Estimate(0.5, low, high)) == {
        "n_users": "1,200",
        "n_pairs": "719,400",
        "n_seeds": 3,
        "pins": "1,029",
        "claim": claim,
    }


@pytest.mark.parametrize(("z", "more", "less"), [(3.5, "anne", "ben"), (-3.5, "ben", "anne")])
def test_the_user_with_more_in_the_first_cluster_is_named_first(z, more, less):
    counts = (9.5, 0.5) if z > 0 else (0.5, 9.5)
    clusters = pd.DataFrame([
        {"user_i": "anne", "user_j": "ben", "max_z": 3.5, "z": z, "count_i": counts[0],
         "count_j": counts[1]},
        {"user_i": "eve", "user_j": "dan", "max_z": 1.0, "z": 1.0, "count_i": 1.0,
         "count_j": 2.0},
    ])  # fmt: skip
    assert sentences.most_different(clusters) == {
        "top.more": more, "top.less": less, "top.max_z": 3.5, "top.count_more": 9.5,
        "top.count_less": 0.5,
    }  # fmt: skip


def test_clusters_that_other_seeds_find_again():
    recurring = pd.DataFrame({"cluster": [0, 1], "jaccard": [0.2, 0.6], "again": [0.0, 0.5]})
    assert sentences.clusters_again(recurring) == {
        "again": "Clusters are not the same from seed to seed. These are of the first seed; of all "
        "its clusters, another seed finds 25% again; a cluster and its match share 40% of the pins "
        "that either has, in the mean. What a cluster shows is one of many ways to divide the "
        "pictures; the numbers of this page are means over them."
    }


def test_with_one_seed_none_can_be_found_again():
    recurring = pd.DataFrame(columns=["cluster", "jaccard", "again"])
    said = {"again": "With other seeds the clusters would be others."}
    assert sentences.clusters_again(recurring) == said
