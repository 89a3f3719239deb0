"""The simulated world of two platforms with the same users."""

from __future__ import annotations

import numpy as np
import pytest

from visprof.sources.platforms import simulate_platforms
from visprof.sources.vectors import simulate_embeddings


@pytest.mark.parametrize("seed", [0, 7])
def test_platforms_that_nothing_sets_apart_are_one_to_the_last_bit(seed):
    ours = simulate_platforms(6, (5, 7), 9, class_taste=1.5, random_state=seed)
    plain = simulate_embeddings(6, 12, 9, class_taste=1.5, random_state=seed)
    np.testing.assert_array_equal(ours.vectors, plain.vectors)
    np.testing.assert_array_equal(ours.labels, plain.labels)
    np.testing.assert_array_equal(ours.styles, plain.styles)
    np.testing.assert_array_equal(ours.users, plain.users)
    for platform in (0, 1):
        np.testing.assert_array_equal(ours.class_taste[:, platform], plain.class_taste)
        np.testing.assert_array_equal(ours.style_taste[:, platform], plain.style_taste)


def test_the_first_users_are_the_same_however_many_follow():
    settings = {"popularity": 1.0, "offset": 1.0, "user_offset": 0.5, "common": 0.5}
    few, many = (simulate_platforms(n, (3, 4), 5, **settings) for n in (4, 9))
    np.testing.assert_array_equal(many.vectors[: 4 * 7], few.vectors)
    np.testing.assert_array_equal(many.class_taste[:4], few.class_taste)


def test_an_offset_moves_all_pins_of_the_second_platform_alike():
    plain, moved = (simulate_platforms(5, (3, 4), 6, offset=of) for of in (0.0, 2.0))
    apart = moved.vectors - plain.vectors
    assert not apart[~moved.second].any()
    np.testing.assert_allclose(apart[moved.second], np.tile(apart[3], (20, 1)), atol=1e-6)
    assert np.linalg.norm(apart[3]) > 0.1


def test_an_offset_a_user_differs_between_users():
    plain, moved = (simulate_platforms(5, (3, 4), 6, user_offset=of) for of in (0.0, 2.0))
    apart = (moved.vectors - plain.vectors).reshape(5, 7, 6)
    assert not apart[:, :3].any()
    np.testing.assert_allclose(apart[:, 3:], np.repeat(apart[:, 3:4], 4, axis=1), atol=1e-6)
    assert len(np.unique(apart[:, 3].round(3), axis=0)) == 5


def test_offsets_have_the_length_asked_for_on_average():
    lengths = [
        np.square(
            simulate_platforms(1, (1, 1), 8, offset=2.0, random_state=seed).vectors[1]
            - simulate_platforms(1, (1, 1), 8, random_state=seed).vectors[1]
        ).sum()
        for seed in range(400)
    ]
    assert np.mean(lengths) == pytest.approx(4, rel=0.15)


def test_popularity_tilts_all_tastes_of_a_platform_alike():
    drawn = simulate_platforms(6, (3, 4), 5, popularity=1.0)
    odds = np.log(drawn.class_taste[:, 1]) - np.log(drawn.class_taste[:, 0])
    odds -= odds.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(odds, np.tile(odds[0], (6, 1)), atol=1e-9)
    assert np.abs(odds).max() > 0.1
    np.testing.assert_allclose(drawn.class_taste.sum(axis=2), 1)


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 0.25, 1.0])
def test_the_share_of_a_taste_that_is_common_is_the_squared_correlation(common):
    drawn = simulate_platforms(4000, (1, 1), 2, common=common, n_classes=6)
    logits = np.log(drawn.class_taste)
    logits -= logits.mean(axis=2, keepdims=True)
    logits -= logits.mean(axis=0)
    correlation = np.corrcoef(logits[:, 0].ravel(), logits[:, 1].ravel())[0, 1]
    assert correlation == pytest.approx(np.sqrt(common), abs=0.03)


def test_pins_fall_into_classes_as_tastes_say():
    drawn = simulate_platforms(1, (20000, 20000), 2, popularity=1.0, common=0.5)
    for platform in (False, True):
        labels = drawn.labels[drawn.second == platform]
        found = np.bincount(labels, minlength=drawn.class_taste.shape[2]) / 20000
        np.testing.assert_allclose(found, drawn.class_taste[0, int(platform)], atol=0.02)


def test_sessions_have_the_mean_length_of_their_platform_and_end_at_its_border():
    drawn = simulate_platforms(200, (60, 60), 2, session_lengths=(4.0, 2.0))
    for platform, length in ((False, 4.0), (True, 2.0)):
        of = drawn.sessions[drawn.second == platform]
        assert len(of) / len(np.unique(of)) == pytest.approx(length, rel=0.1)
    assert not set(drawn.sessions[drawn.second]) & set(drawn.sessions[~drawn.second])
    for of in (drawn.labels, drawn.styles, drawn.users):
        firsts = np.unique(drawn.sessions, return_index=True)[1]
        starts = firsts[np.searchsorted(np.unique(drawn.sessions), drawn.sessions)]
        np.testing.assert_array_equal(of, of[starts])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_users": 0}, ValueError, "n_users: expected a whole number of at least 1"),
        ({"n_pins": (3,)}, ValueError, "n_pins: expected a pair, one of each platform"),
        ({"n_pins": 3}, ValueError, "n_pins: expected a pair, one of each platform, got 3"),
        ({"popularity": 1e308}, ValueError, "popularity and strength of taste"),
        ({"n_pins": (3, 0)}, ValueError, "n_pins: expected a whole number of at least 1"),
        ({"n_pins": (3, 1.5)}, TypeError, "n_pins: expected a whole number"),
        ({"common": 1.5}, ValueError, "common: expected a finite number"),
        ({"popularity": -1.0}, ValueError, "popularity: expected a finite number of at least 0"),
        ({"offset": np.nan}, ValueError, "offset: expected a finite number"),
        ({"user_offset": -0.1}, ValueError, "user_offset: expected a finite number"),
        ({"session_lengths": (1.0,)}, ValueError, "session_lengths: expected a pair"),
        ({"session_lengths": (1.0, 0.5)}, ValueError, "session_lengths: expected a finite number"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"offset": 1e300}, ValueError, "not finite"),
    ],
)
def test_bad_parameters_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        simulate_platforms(**{"n_users": 2, "n_pins": (2, 2), "n_dims": 3} | changes)
