"""Steps of chapter 2: other trainings of the Siamese network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import _numba
from visprof.study import Study


@pytest.mark.slow
def test_ablation_shows_that_a_margin_of_1_pushes_nothing(home):
    study = Study("tiny", home=home, n_outputs=205, n_ablation_batches=3)
    table = study["siamese_ablation"]
    start = table[table["rule"] == "start"]
    trained = table[table["rule"] != "start"]
    assert start["output_norm"].tolist() == ["batch", "l2"]
    assert len(trained) == 2 * 3 * 4
    batch = trained[trained["output_norm"] == "batch"]
    assert (batch.loc[batch["margin"] == 1, ["first_active", "last_active"]] == 0).all(axis=None)
    assert (batch.loc[batch["margin"] == 25, "first_active"] > 0).all()
    assert (trained["turn"] > 0).all()
    rates = trained["lr_last"].unique()
    np.testing.assert_allclose(rates, [1e-5, 0.5 / 3, 5 / 3])
    gain = trained["value"] - trained["output_norm"].map(start.set_index("output_norm")["value"])
    np.testing.assert_allclose(trained["gain"], gain)


@pytest.mark.slow
def test_trainings_side_by_side_learn_as_one_after_the_other(tmp_path, monkeypatch):
    """Each in a thread has the same order of pairs, and rounds the same."""

    def table(name):
        study = Study("tiny", home=tmp_path / name, n_outputs=205, n_ablation_batches=3)
        return study["siamese_ablation"]

    monkeypatch.setattr(_numba, "numba_threads", lambda: 3)
    several = table("several")
    _numba.set_num_threads(1)
    try:
        pd.testing.assert_frame_equal(table("one"), several, check_exact=True)
    finally:
        del _numba._limit.number
