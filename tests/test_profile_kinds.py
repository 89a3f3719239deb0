"""Steps: profiles of each kind by the first and by the last of sampled pins."""

from __future__ import annotations

import numpy as np
import pytest
from pin_tables import N_BACKGROUND, N_USERS, SPLIT, random_parts

from visprof import boards
from visprof.steps.profile_kinds import PROFILES, train_test_profiles


@pytest.fixture
def parts():
    return random_parts()


@pytest.fixture
def profiles(parts):
    return train_test_profiles(**parts, **SPLIT, seed=3)


def test_profiles_are_means_of_the_first_and_last_sampled_pins(parts, profiles):
    rows = boards.sample_pins(parts["board_split"].analysed, 10, random_state=3).reshape(-1, 10)
    outputs = parts["pin_features"].outputs
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    by_part = {
        "image": parts["assignments"].analysed,
        "text": parts["text_assignments"].analysed,
        "embedding": parts["pin_embedding"].analysed,
        "labels": shares[N_BACKGROUND:],
        "palette": parts["palettes"],
    }
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
    parts |= {"text_assignments": None, "pin_features": None, "palettes": None}
    profiles = train_test_profiles(**parts, **SPLIT, seed=3)
    assert list(profiles.kinds()) == ["image", "mean embedding"]


def test_too_few_pins_are_named(parts):
    with pytest.raises(ValueError, match="cannot sample 13 pins a board: user-00 has 12"):
        train_test_profiles(**parts, **SPLIT | {"n_pins": 13}, seed=3)
    with pytest.raises(ValueError, match="fewer than n_train"):
        train_test_profiles(**parts, **SPLIT | {"n_test": 8}, seed=3)
