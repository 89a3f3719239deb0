"""The bank of pins, and users drawn from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from visprof.sources.pin_bank import draw_users, pin_bank


@pytest.fixture(scope="module")
def bank():
    return pin_bank(2000, 0)


def cells_of(bank, rows):
    return np.searchsorted(bank.starts, rows, side="right") - 1


def test_the_bank_is_sorted_by_class_and_style(bank):
    assert bank.starts[0] == 0
    assert bank.starts[-1] == len(bank.vectors) == 2000
    cells = list(zip(bank.labels, bank.styles, strict=True))
    assert cells == sorted(set(cells))
    assert np.all(np.diff(bank.starts) > 0)
    # pins of a cell lie nearer to each other than to those of others
    of_cell = np.repeat(np.arange(len(cells)), np.diff(bank.starts))
    centres = np.stack([bank.vectors[of_cell == cell].mean(axis=0) for cell in range(len(cells))])
    own = np.linalg.norm(bank.vectors - centres[of_cell], axis=1).mean()
    assert own < np.linalg.norm(bank.vectors - bank.vectors.mean(axis=0), axis=1).mean()


def test_without_taste_every_pin_is_as_likely(bank):
    rows, sessions = draw_users(bank, 50, 200, random_state=1)
    sizes = np.diff(bank.starts)
    drawn = np.bincount(cells_of(bank, rows).ravel(), minlength=len(sizes))
    assert chisquare(drawn, sizes * drawn.sum() / sizes.sum()).pvalue > 0.001
    np.testing.assert_array_equal(sessions, np.tile(np.arange(200), (50, 1)))


def test_a_taste_is_a_users_own(bank):
    def class_shares(taste):
        rows, _ = draw_users(bank, 2, 5000, taste=taste, random_state=1)
        labels = bank.labels[cells_of(bank, rows)]
        n_classes = len(bank.class_shares)
        return np.stack([np.bincount(own, minlength=n_classes) / 5000 for own in labels])

    none, some = class_shares(0.0), class_shares(1.0)
    np.testing.assert_allclose(none, np.tile(bank.class_shares, (2, 1)), atol=0.03)
    assert np.abs(some[0] - some[1]).sum() > 5 * np.abs(none[0] - none[1]).sum()


def test_sessions_are_of_one_cell_and_as_long_as_asked_for(bank):
    rows, sessions = draw_users(bank, 40, 300, session_length=5, random_state=2)
    cells = cells_of(bank, rows)
    for user in range(40):
        assert sessions[user, 0] == 0
        assert set(np.diff(sessions[user])) <= {0, 1}
        for session in range(sessions[user, -1] + 1):
            assert len(set(cells[user, sessions[user] == session])) == 1
    assert 300 / (sessions[:, -1] + 1).mean() == pytest.approx(5, rel=0.1)


def test_users_are_drawn_by_the_seed(bank):
    first, again, other = (draw_users(bank, 3, 20, random_state=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    "change",
    [{"n_users": 0}, {"n_pins": 0}, {"taste": -1}, {"taste": 1e308}, {"session_length": 0.5}],
)
def test_bad_input_is_named(bank, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        draw_users(bank, **({"n_users": 2, "n_pins": 5} | change))


def test_a_taste_that_the_bank_cannot_serve_is_named():
    with pytest.raises(ValueError, match=r"taste=100000 leaves user \d no pin of the bank's 50"):
        draw_users(pin_bank(50, 0), 9, 3, taste=1e5)
