"""Step of chapter 5: sensitivity to parameters and to ambiguous equations."""

from __future__ import annotations

import numpy as np
import pytest
from separate_users import EQ2, EQ4, N_BOARDS, N_PINS, assigned, separate_users

from visprof.logodds import pairwise_max_z
from visprof.profiles import user_profiles
from visprof.steps import sensitivity as rooms
from visprof.steps.sensitivity import sensitivity
from visprof.steps.user_pairs import pairwise_differences
from visprof.study import Study
from visprof.vocabulary import UniformAssignmentWarning


@pytest.fixture(scope="module")
def parts():
    return separate_users()


def test_nearly_uniform_assignments_are_what_is_shown_and_no_reason_to_warn(parts, recwarn):
    wide = EQ2 | {"bandwidth": 5.0}
    sensitivity(**parts, **wide, **EQ4, threshold=2.0, seed=0)
    assert not recwarn.list
    with pytest.warns(UniformAssignmentWarning):  # as anywhere else
        assigned(parts, **wide)


def test_sensitivity_is_that_of_the_study_with_one_change(parts):
    found = sensitivity(**parts, **EQ2, **EQ4, threshold=2.0, seed=0)
    split = parts["board_split"]
    assert found.groupby("parameter")["chosen"].sum().eq(1).all()
    assert set(found["parameter"]) == {*EQ2, *EQ4}
    for row in found.itertuples():
        eq2, eq4 = (
            {**of, row.parameter: row.value} if row.parameter in of else of for of in (EQ2, EQ4)
        )
        pairs = pairwise_differences(assigned(parts, **eq2), split, **eq4, start=0)
        n_background = (
            N_BOARDS * N_PINS if eq2["normalised_assignments"] else row.prior / eq4["alpha"]
        )
        assert row.prior == pytest.approx(eq4["alpha"] * n_background)
        assert row.differ == np.mean(pairs.max_z > 2)
        assert row.shuffled == np.mean(pairs.shuffled_max_z > 2)
        assert row.gap == row.differ - row.shuffled
        np.testing.assert_allclose(row.max_z[[0, 250, 500]], np.quantile(pairs.max_z, [0, 0.5, 1]))
    entropy = found[found["parameter"] == "bandwidth"].set_index("value")["entropy"]
    assert entropy[0.0] == 0
    assert entropy.is_monotonic_increasing


def test_no_hard_limit_where_assignments_are_not_normalised(parts):
    found = sensitivity(
        **parts, **EQ2 | {"normalised_assignments": False}, **EQ4, threshold=2.0, seed=0
    )  # fmt: skip
    assert 0 not in found.loc[found["parameter"] == "bandwidth", "value"].tolist()


def test_many_users_are_compared_on_a_sample(parts, monkeypatch):
    monkeypatch.setattr(rooms, "N_COMPARED", 4)
    found = sensitivity(**parts, **EQ2, **EQ4, threshold=2.0, seed=0)
    own = found[found["chosen"]].iloc[0]
    pins = assigned(parts, **EQ2).analysed
    board = parts["board_split"].analysed["board"].to_numpy()
    users = np.random.default_rng(0).choice(np.unique(board), 4, replace=False)
    rows = np.isin(board, users)
    counts = user_profiles(pins[rows], board[rows], counts=True)[1]
    g = assigned(parts, **EQ2).background.sum(axis=0, dtype=float)
    z = pairwise_max_z(counts, g, EQ4["alpha"])
    np.testing.assert_allclose([own["max_z"][0], own["max_z"][-1]], [z.min(), z.max()])


def test_the_chosen_row_is_the_study_itself(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_users=10)
    own = study["sensitivity"].query("chosen").iloc[0]
    assert own["differ"] == study["pair_numbers"]["pairs.differ"].by_seed[0][0]
    assert own["max_z"][-1] == study["pairwise_differences"].max_z.max()
