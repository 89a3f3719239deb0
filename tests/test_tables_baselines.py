"""The table of other profiles: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate


def test_each_other_profile_has_a_row_with_the_most_training_pins():
    leads = pd.DataFrame([
        {"other": other, "n_train": n_train, "p": 0.04, "p_holm": 0.045, "estimate": lead}
        for n_train in (10, 20)
        for other, lead in (
            ("text", Estimate(0.1, 0.05, 0.2)),
            ("mean embedding", Estimate(-0.1, -0.2, -0.05)),
            ("palette", Estimate(0.0, -0.1, 0.1)),
        )
    ])  # fmt: skip
    mrr = {f"mrr.{other}.20": Estimate(0.5) for other in ("text", "mean-embedding", "palette")}
    assert shown(tables.image_against_others(leads, mrr)) == [
        ["sees", "other profile", "its MRR", "image minus other", "p", "adjusted", "verdict"],
        ["captions", "text", "0.500", "+0.100 (+0.050 to +0.200)", "0.0400", "0.0450",
         "image ahead"],
        ["pixels", "mean embedding", "0.500", "-0.100 (-0.200 to -0.050)", "0.0400", "0.0450",
         "the other ahead"],
        ["pixels", "palette", "0.500", "+0.000 (-0.100 to +0.100)", "0.0400", "0.0450",
         "not resolved"],
    ]  # fmt: skip


def test_one_distance_for_all_stands_beside_each_ones_best():
    choice = pd.DataFrame([
        {"profile": "image", "fixed": Estimate(0.5, 0.4, 0.6), "nested": Estimate(0.6, 0.5, 0.7),
         "lead": Estimate(0.0, 0.0, 0.0), "chosen": "hellinger", "share": 0.75},
        {"profile": "text", "fixed": Estimate(0.3), "nested": Estimate(0.2),
         "lead": Estimate(0.4, 0.3, 0.5), "chosen": "cosine", "share": 1.0},
    ])  # fmt: skip
    assert shown(tables.distance_choice(choice)) == [
        ["profile", "Euclidean for all", "its best, chosen without the user", "that is",
         "image minus this, each by its best"],
        ["image", "0.500 (0.400 to 0.600)", "0.600 (0.500 to 0.700)", "hellinger (75%)", ""],
        ["text", "0.300", "0.200", "cosine", "+0.400 (+0.300 to +0.500)"],
    ]  # fmt: skip
