"""Steps: profiles of each kind by the first and by the last of sampled pins."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from pin_tables import N_USERS, NOT_WITHOUT_PICTURES, pin_parts_of, profiles_of, random_parts

from visprof import boards
from visprof.steps.profile_kinds import PROFILES


@pytest.fixture
def parts():
    return random_parts()


@pytest.fixture
def profiles(parts):
    return profiles_of(parts)


def test_profiles_are_means_of_the_first_and_last_sampled_pins(parts, profiles):
    rows = boards.sample_pins(parts["board_split"].analysed, 10, random_state=3).reshape(-1, 10)
    by_part = pin_parts_of(parts)
    assert set(profiles.test) == set(by_part)
    assert profiles.users.tolist() == [f"user-{i:02d}" for i in range(N_USERS)]
    for part, features in by_part.items():
        for user, of_user in enumerate(rows):
            last = sum(features[row] for row in of_user[-4:]) / 4
            np.testing.assert_allclose(profiles.test[part][user], last)
            for n_train in (3, 6):
                first = sum(features[row] for row in of_user[:n_train]) / n_train
                np.testing.assert_allclose(profiles.train[part, n_train][user], first)
    assert list(profiles.kinds()) == list(PROFILES)


def test_profiles_without_their_parts_are_left_out(parts):
    parts |= dict.fromkeys(NOT_WITHOUT_PICTURES)
    profiles = profiles_of(parts)
    assert list(profiles.kinds()) == [
        "image", "mean embedding", "whitened", "within-class residual",
    ]  # fmt: skip


def test_too_few_pins_are_named(parts):
    with pytest.raises(ValueError, match="cannot sample 13 pins a board: user-00 has 12"):
        profiles_of(parts, n_pins=13)
    with pytest.raises(ValueError, match="fewer than n_train"):
        profiles_of(parts, n_test=8)


def test_a_kind_is_compared_by_the_studys_distance_where_it_suits():
    usual = {name: kind.usual("hellinger") for name, kind in PROFILES.items()}
    assert usual["image"] == "hellinger"
    assert usual["mean embedding"] == usual["palette"] == "euclidean"
    assert usual["whitened"] == PROFILES["whitened"].usual("euclidean") == "cosine"


def test_kinds_stand_together_by_what_they_see():
    seen = [kind.sees for kind in PROFILES.values()]
    groups = [sees for sees, _ in groupby(seen)]
    assert len(groups) == len(set(groups)) == 5
