"""Sentences of clusters and boards in words, each branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import sentences, tables
from visprof.steps.taste_words import NO_NAME


def clusters(names, sources, truth="", purity=np.nan):
    return pd.DataFrame({
        "cluster": np.arange(len(names)), "name": names, "source": sources, "z": 7.26,
        "purity": 0.5, "truth": truth, "truth_purity": purity,
    })  # fmt: skip


def test_a_name_stands_with_z_and_purity():
    assert sentences.named("sea", 7.26, 0.914) == "sea (z 7.3, purity 91%)"
    assert sentences.named(NO_NAME, np.nan, np.nan) == "no name"


@pytest.mark.parametrize(
    ("sources", "data", "said"),
    [
        (["classes"] * 3, "", "Of 3 clusters, 3 have a name by a probe that learnt from the "
         "labelled scenes; all have one."),
        (["classes", "captions", ""], "folder", "Of 3 clusters, 1 have a name by the network's "
         "classes, 1 by captions, and 1 have none."),
        (["classes", "", ""], "folder", "Of 3 clusters, 1 have a name by the network's classes, "
         "and 2 have none."),
    ],
)  # fmt: skip
def test_clusters_with_and_without_names_are_counted(sources, data, said):
    names = [NO_NAME if not source else "sea" for source in sources]
    assert sentences.names_of_clusters(clusters(names, sources), data)["names"] == said


def test_names_are_judged_where_most_pins_show_one_scene():
    table = clusters(
        ["sea", NO_NAME, "waves", "hill"], ["classes", "", "captions", "classes"], "sea",
        [0.9, 0.8, 0.5, 0.4],
    )  # fmt: skip
    said = sentences.names_of_clusters(table, "")["names"]
    assert said.endswith(
        "In 3 clusters at least 50% of the pins show one scene, and for 1 of them (33%) the name "
        "is that scene; no name, and another word for it, count as wrong."
    )


def test_the_rule_is_told():
    found = sentences.names_of_clusters(clusters(["sea"], ["classes"]), "")
    assert (found["names.prior"], found["names.purity"], found["names.level"]) == (
        "20",
        "25%",
        "5%",
    )


def test_a_board_is_told_by_classes_and_by_captions():
    names = pd.DataFrame({
        "board": ["ann", "ann", "ann", "ben"], "name": ["sea", "hill", "dusk", "mill"],
        "source": ["classes", "classes", "captions", "captions"], "z": [9.0, 5.0, 6.0, 7.0],
        "purity": 0.3, "others": 0.05,
    })  # fmt: skip
    told = "30% of its pins, 5% of others'"
    assert sentences.board_in_words(names, "ann")["in_words"] == (
        f"In words, this board has more than others of: by what the network sees, sea (z 9.0; "
        f"{told}) and hill (z 5.0; {told}); by captions, dusk (z 6.0; {told})."
    )
    assert sentences.board_in_words(names, "ben")["in_words"] == (
        f"In words, this board has more than others of: by captions, mill (z 7.0; {told})."
    )
    assert sentences.board_in_words(names, "eva")["in_words"].startswith("No class that")


def test_clusters_get_the_names_of_their_numbers():
    table = clusters(["sea", NO_NAME], ["classes", ""])
    found = tables.with_names(pd.DataFrame({"cluster": [1, 0, 1]}), table)
    assert found["name"].tolist() == ["no name", "sea (z 7.3, purity 50%)", "no name"]
