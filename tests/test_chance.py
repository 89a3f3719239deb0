"""What the page on chance is made of: features off by rounding, and how often intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.coverage import coverage, users_alone
from benchmarks.perturbation import SIZE, PerturbedStudy, moved
from visprof.intervals import Estimate
from visprof.study import Study


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return Study("tiny", tmp_path_factory.mktemp("home"), n_users=8, n_iterations=5)


@pytest.mark.slow
def test_features_are_off_by_their_size_and_all_else_is_the_same(tiny):
    perturbed = PerturbedStudy(tiny, 0)
    assert perturbed["board_split"] is tiny["board_split"]
    assert perturbed["scene_descriptors"] is tiny["scene_descriptors"]
    for name in ("pin_features", "scene_features"):
        usual, off = np.asarray(tiny[name].features), perturbed[name].features
        size = usual != 0
        assert (off[~size] == 0).all()
        relative = off[size] / usual[size].astype(float) - 1
        assert relative.std() == pytest.approx(SIZE, rel=0.1)
        again = PerturbedStudy(tiny, 0)[name].features
        other = PerturbedStudy(tiny, 1)[name].features
        np.testing.assert_array_equal(again, PerturbedStudy(tiny, 0)[name].features)
        assert not np.array_equal(again, other)


@pytest.mark.slow
def test_what_follows_from_features_is_computed_again_and_not_kept(tiny):
    usual = tiny["pin_embedding"].stacked()
    before = set(tiny.home.rglob("*"))
    off = PerturbedStudy(tiny, 0)["pin_embedding"].stacked()
    assert set(tiny.home.rglob("*")) == before
    assert not np.array_equal(usual, off)
    np.testing.assert_allclose(off, usual, atol=1e-3 * np.abs(usual).max())


def test_moves_are_in_half_widths_or_of_the_value():
    before = {"a": Estimate(1.0, 0.8, 1.2), "p": Estimate(0.5), "0": Estimate(0.0)}
    after = {"a": Estimate(1.1), "p": Estimate(0.4), "0": Estimate(0.3)}
    assert [moved(before, after, key) for key in before] == pytest.approx([0.5, 0.2, 0.3])


def test_coverage_counts_studies_whose_interval_covers_the_mean_of_all():
    of = [(0.0, -2, 2), (1.0, 0.5, 1.5), (2.0, 1.5, 2.5), (1.0, 0.9, 0.95)]
    numbers = [
        Estimate(
            value, low, high, sd_units=0.6, sd_seeds=0.1, by_seed=((value, low - 9, high + 9),)
        )
        for value, low, high in of
    ]
    (row,) = coverage(pd.DataFrame({"mrr": numbers})).to_dict("records")
    assert (row["number"], row["truth"]) == ("mrr", 1.0)
    assert row["users and seeds"] == 0.5
    assert row["users alone"] == 1.0  # 1.96 * .6 on either side
    assert row["one seed, its users"] == 1.0
    assert users_alone(numbers[1]).high == pytest.approx(1 + 1.96 * 0.6)
