"""What the front page shows of its boards, against plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from visprof.steps.data import BoardSplit
from visprof.steps.front_boards import N_BOARDS, front_boards
from visprof.steps.user_pairs import PairwiseDifferences

USERS = np.array(["a", "b", "c", "d", "e"])
THRESHOLD = 2.0


@pytest.fixture
def differences():
    z = np.random.default_rng(0).gamma(4, 0.5, size=(3, 10))  # of three seeds
    return PairwiseDifferences(USERS, z, z)


@pytest.fixture
def found(differences):
    rng = np.random.default_rng(1)
    pins = pd.DataFrame({"board": np.repeat(USERS, 6), "image": [f"{i:02}" for i in range(30)]})
    ranks = [
        pd.DataFrame(
            [
                (profile, n_train, user, rank)
                for profile in ("text", "image")
                for n_train in (10, 50)
                for user, rank in zip(USERS, rng.permutation(5) + 1, strict=True)
            ],
            columns=["profile", "n_train", "user", "rank"],
        )
        for _ in range(3)
    ]
    split = BoardSplit(background=pins.head(0), analysed=pins, funnel=pd.DataFrame())
    return ranks, front_boards(split, ranks, differences, THRESHOLD, 4, 0)


def test_a_board_has_the_median_rank_of_its_image_profile_with_most_pins(found):
    ranks, boards = found
    assert boards["board"].tolist() == list(USERS[:N_BOARDS])
    assert set(boards["n_train"]) == {50}
    assert set(boards["n_users"]) == {5}
    for row in boards.itertuples():
        of_user = []
        for table in ranks:
            rows = table[(table["profile"] == "image") & (table["n_train"] == 50)]
            of_user.append(rows.set_index("user")["rank"][row.board])
        assert row.rank == sorted(of_user)[1]


def test_a_board_differs_from_as_many_as_have_z_above_the_threshold(found, differences):
    _, boards = found
    for row in boards.itertuples():
        by_seed = []
        for z in differences.max_z:
            of_pair = dict(zip(combinations(USERS, 2), z, strict=True))
            by_seed.append(
                sum(row.board in pair and of > THRESHOLD for pair, of in of_pair.items())
            )
        assert row.differs == pytest.approx(sum(by_seed) / 3)


def test_pictures_are_a_boards_own_in_the_order_of_time(found):
    _, boards = found
    for place, images in enumerate(boards["images"]):
        own = [f"{i:02}" for i in range(6 * place, 6 * place + 6)]
        assert len(images) == 4
        assert images == [image for image in own if image in images]
