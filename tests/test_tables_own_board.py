"""Tables of one's own board: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables


def test_clusters_that_others_have_more_of_are_left_out():
    clusters = pd.DataFrame(
        {"cluster": [4, 2, 7, 1], "value": [0.5, 0.25, 0.125, 0.125],
         "others": [0.1, 0.2, 0.125, 0.575]}
    )  # fmt: skip
    assert tables.leading_clusters(clusters, 9)["cluster"].tolist() == [4, 2, 7]
    assert tables.leading_clusters(clusters, 2)["cluster"].tolist() == [4, 2]


def test_the_boards_most_alike_have_a_rank_each():
    alike = pd.DataFrame(
        {"user": ["hill", "<lake>", "sea"], "distance": [0.1234, 0.25, 0.5],
         "nearest": [0.904, 0.096, 0.0], "low": [1, 1, 3], "high": [2, 2, 3]}
    )  # fmt: skip
    assert shown(tables.similar_boards(alike, 9)) == [
        ["board", "distance", "nearest in", "rank (95 % of draws)"],
        ["hill", "0.123", "90%", "1 to 2"],
        ["<lake>", "0.250", "10%", "1 to 2"],
        ["sea", "0.500", "0%", "3"],
    ]
    assert len(shown(tables.similar_boards(alike, 2))) == 3
