"""The table of other profiles: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate


def test_each_other_profile_has_a_row_with_the_most_training_pins():
    leads = pd.DataFrame([
        {"other": other, "n_train": n_train, "p": 0.04, "estimate": lead}
        for n_train in (10, 20)
        for other, lead in (
            ("text", Estimate(0.1, 0.05, 0.2)),
            ("mean embedding", Estimate(-0.1, -0.2, -0.05)),
            ("palette", Estimate(0.0, -0.1, 0.1)),
        )
    ])  # fmt: skip
    mrr = {f"mrr.{other}.20": Estimate(0.5) for other in ("text", "mean-embedding", "palette")}
    assert shown(tables.image_against_others(leads, mrr)) == [
        ["other profile", "its MRR", "image minus other", "p", "verdict"],
        ["text", "0.500", "+0.100 (+0.050 to +0.200)", "0.0400", "image ahead"],
        ["mean embedding", "0.500", "-0.100 (-0.200 to -0.050)", "0.0400", "the other ahead"],
        ["palette", "0.500", "+0.000 (-0.100 to +0.100)", "0.0400", "not resolved"],
    ]
