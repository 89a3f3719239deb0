"""Figures to try carry their numbers whole, lightly, and as text that closes no script."""

from __future__ import annotations

import base64
import json
import re

import figure_examples
import numpy as np
import pandas as pd
import pytest

from visprof import figures

HOSTILE = "</script><script>hacked = 1</script> & “$”"


def carried(figure, of=0):
    """What a page carries of a figure: at first, or (1) later."""
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", figure.data, re.S)
    assert figure.data.count("<script") == figure.data.count("</script>") == len(scripts)
    return json.loads(scripts[of])


def test_figure_5_of_the_demos_size_is_light():
    counts = np.random.default_rng(0).gamma(0.3, 4, size=(10, 60, 100))
    figure = figures.explore_pairs(
        {"users": counts, "pins dealt": counts, "sessions dealt": counts}, counts[0].sum(axis=0),
        range(10, 101, 10), 0.01, "two-term", 2.0,
    )  # fmt: skip
    assert len(figure.data) < 1_000_000
    assert len(json.dumps(carried(figure))) < 110_000  # what is shown at first
    kept = [
        np.frombuffer(base64.b64decode(carried(figure, part)["counts"][1]), "<f4")
        for part in (1, 0)
    ]
    np.testing.assert_allclose(np.concatenate(kept), counts.ravel(), rtol=1e-7)


def test_settings_of_the_study_are_among_those_to_choose():
    y = np.random.default_rng(0).gamma(1, size=(1, 4, 3))
    own = {"alpha": 0.0173, "threshold": 2.345, "variance": "four-term"}
    data = carried(figures.explore_pairs({"users": y, "pins dealt": y}, [1, 2, 3], [9], **own))
    assert data["settings"] == own
    assert own["alpha"] in data["alphas"]
    assert own["threshold"] in data["thresholds"]
    assert data["thresholds"] == sorted(set(data["thresholds"]))


def test_names_are_carried_as_they_are(tmp_path):
    ranks = pd.DataFrame({"profile": HOSTILE, "n_train": 10, "rank": [1, 2.5], "times": [2, 1]})
    table = pd.DataFrame({"profile": [HOSTILE], "n_train": 10, "value": 0.8, "low": 0, "high": 1})
    assert carried(figures.explore_ranks(ranks, table, 3))["table"]["profile"] == [HOSTILE]
    users, *rest = figure_examples.arguments(tmp_path)["compare_users"]
    figure = figures.compare_users([HOSTILE, *users[1:]], *rest)
    assert carried(figure)["users"] == [HOSTILE, *users[1:]]
    assert [len(of) for of in carried(figure)["pictures"]] == [2, 0, 0]


def test_clusters_have_as_many_names_as_there_are_clusters_or_none(tmp_path):
    arguments = figure_examples.arguments(tmp_path)["compare_users"]
    assert carried(figures.compare_users(*arguments))["names"] == []
    named = figures.compare_users(*arguments, names=[HOSTILE, "sea", "no name"])
    assert carried(named)["names"] == [HOSTILE, "sea", "no name"]
    with pytest.raises(ValueError, match="names: expected one for each of 3 clusters, got 2"):
        figures.compare_users(*arguments, names=["sea", "hill"])


def test_a_picture_of_several_boards_or_rounds_is_carried_once(tmp_path):
    arguments = figure_examples.arguments(tmp_path)["guess_boards"]
    data = carried(figures.guess_boards(*arguments))
    assert len(data["pictures"]) == 6
    assert [of["own"] for of in data["rounds"]] == [0, 0]
    assert [of["order"] for of in data["rounds"]] == [[1, 2], [2, 1]]


def test_counts_without_pins_are_no_figure():
    y = np.array([[[0.0, 0.0], [1.0, 2.0]]])
    with pytest.raises(ValueError, match="leave out users without pins"):
        figures.explore_pairs({"users": y, "pins dealt": y}, [1, 2], [9], 0.1, "two-term", 2.0)


def test_a_number_that_a_browser_cannot_read_is_refused():
    ranks = pd.DataFrame({"profile": "image", "n_train": 10, "rank": [1, 2.5], "times": [2, 1]})
    table = pd.DataFrame({"profile": ["image"], "n_train": 10, "value": 0.8})
    with pytest.raises(ValueError, match="not JSON compliant"):
        figures.explore_ranks(ranks, table.assign(low=np.nan, high=1.0), 3)
