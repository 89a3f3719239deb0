"""Steps: two simulated platforms, and two parts of a board in their place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import transfer
from visprof.accounts import SIZES, two_platforms
from visprof.pins_saved import pins_saved
from visprof.rank_scores import random_mrr, randomisation_test
from visprof.steps import cold_start
from visprof.steps.cold_start import BOARD_SIZES, METRICS, OWN_PINS, PRIMARY
from visprof.steps.data import BoardSplit
from visprof.study import Study

N_USERS, N_PINS = 12, 36
START = pd.Timestamp("2014-07-01", tz="UTC")


def board(name, before, after, gap=200, step_days=1.0):
    """Pins of a board, days apart but for one gap; days since the start are floats."""
    days = np.arange(before + after) * step_days
    days[before:] += gap - step_days
    return pd.DataFrame({"board": name, "time": START + pd.to_timedelta(days, unit="D")})


def split_of(*tables):
    analysed = pd.concat(tables, ignore_index=True).assign(image="")
    return BoardSplit(analysed.iloc[:0], analysed, pd.DataFrame())


def rows_of(found, board_split, name):
    """Rows of a board's pins by platform."""
    of = found[board_split.analysed["board"].to_numpy()[found["row"]] == name]
    return of["row"][~of["second"]].tolist(), of["row"][of["second"]].tolist()


# --- pseudo-platforms


def test_a_gap_parts_the_pins_before_it_from_those_after():
    split = split_of(board("a", 12, 24), board("b", 15, 21))
    found = cold_start.pseudo_platforms(split, np.full(72, "jpeg"))
    assert found["format"].empty
    assert rows_of(found["gap"], split, "a") == ([*range(12)], [*range(12, 36)])
    assert rows_of(found["gap"], split, "b") == ([*range(36, 51)], [*range(51, 72)])


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (board("a", 10, 20, gap=180), True),
        (board("a", 10, 20, gap=179), False),
        (board("a", 9, 20), False),
        (board("a", 10, 19), False),
    ],
)
def test_users_have_a_gap_and_pins_enough_on_both_sides(made, kept):
    found = cold_start.pseudo_platforms(split_of(made), np.full(len(made), "jpeg"))
    assert (len(found["gap"]) > 0) == kept


def test_of_several_gaps_the_longest_usable_one_counts():
    made = board("a", 12, 48, gap=200)
    made.loc[30:, "time"] += pd.Timedelta(days=300)
    made.loc[58:, "time"] += pd.Timedelta(days=900)  # leaves two pins after it
    found = cold_start.pseudo_platforms(split_of(made), np.full(60, "jpeg"))["gap"]
    assert found["second"].sum() == 30


def test_formats_part_the_two_most_frequent_ones():
    split = split_of(board("a", 20, 25, gap=1), board("b", 20, 25, gap=1))
    forms = np.array([*["jpeg"] * 20, *["png"] * 22, *["gif"] * 3, *["jpeg"] * 45])
    found = cold_start.pseudo_platforms(split, forms)
    assert found["gap"].empty
    assert rows_of(found["format"], split, "a") == ([*range(20)], [*range(20, 42)])
    assert rows_of(found["format"], split, "b") == ([], [])


def test_the_order_of_pins_does_not_matter():
    split = split_of(board("b", 12, 24), board("a", 15, 21))
    rows = np.random.default_rng(0).permutation(72)
    other = BoardSplit(split.background, split.analysed.iloc[rows], split.funnel)
    forms = np.array([*["jpeg"] * 36, *["png"] * 36])
    plain, shuffled = (
        cold_start.pseudo_platforms(of, by) for of, by in ((split, forms), (other, forms[rows]))
    )
    assert rows[shuffled["gap"]["row"]].tolist() == plain["gap"]["row"].tolist()
    assert shuffled["gap"]["second"].tolist() == plain["gap"]["second"].tolist()


def test_formats_are_those_of_files_and_none_without_pictures():
    split = split_of(board("a", 1, 2))
    assert cold_start.no_pseudo_formats(split).tolist() == ["", "", ""]
    stated = split.analysed.assign(width=9, height=9, bytes=9, format=["JPG", "png", "jpeg"])
    found = cold_start.pseudo_formats(BoardSplit(split.background, stated, split.funnel))
    assert found.tolist() == ["jpeg", "png", "jpeg"]


# --- boards


@pytest.fixture(scope="module")
def boards():
    """Users whose taste lasts over a gap, and what their files say, which is nothing."""
    rng = np.random.default_rng(0)
    split = split_of(*[board(f"user-{i:02d}", 12, 24) for i in range(N_USERS)])
    tastes = np.repeat(rng.normal(size=(N_USERS, 4)), N_PINS, axis=0)
    pins = tastes + 0.7 * rng.normal(size=(N_USERS * N_PINS, 4))
    parts = {"image": pins, "whitened": pins[:, :3], "facts": rng.normal(size=(len(pins), 2))}
    sessions = np.arange(len(pins)) // 2
    platforms = cold_start.pseudo_platforms(split, np.full(len(pins), "jpeg"))
    return {
        "pin_parts": parts, "board_split": split, "pin_sessions": sessions,
        "pseudo_platforms": platforms,
    }  # fmt: skip


def scores_of(boards, **changes):
    return cold_start.board_transfer(cold_start.board_accounts(**boards | changes), 3)


def pvalues_of(boards, n_permutations):
    return cold_start.board_transfer_pvalues(cold_start.board_accounts(**boards), n_permutations, 3)


def test_boards_are_scored_as_the_library_does(boards):
    found = scores_of(boards)
    names = ("image", "whitened", "file facts")
    assert list(found) == [("gap", name, of) for name in names for of in (OWN_PINS, PRIMARY)]
    users = boards["board_split"].analysed["board"].to_numpy()
    place = np.arange(len(users)) % N_PINS
    between = two_platforms(
        boards["pin_parts"]["image"], users, place >= 12, place, BOARD_SIZES, 10,
        boards["pin_sessions"],
    )  # fmt: skip
    fitted = transfer.cross_fit(between, PRIMARY, random_state=3)
    for key, source in ((OWN_PINS, False), (PRIMARY, True)):
        expected = transfer.cold_start_scores(between, fitted, source)
        for at, size in enumerate(BOARD_SIZES):
            np.testing.assert_allclose(found["gap", "image", key][:, at], expected[size])


def test_numbers_are_gains_pins_saved_and_p_values(boards):
    scores = [scores_of(boards)] * 2
    p = pvalues_of(boards, 19)
    numbers = cold_start.transfer_numbers(
        scores, p, boards["pseudo_platforms"], boards["board_split"], 3
    )
    assert numbers["transfer.gap.users"].value == N_USERS
    assert numbers["transfer.gap.random"].value == pytest.approx(random_mrr(N_USERS))
    assert numbers["transfer.format.users"].value == 0
    assert not [key for key in numbers if key.startswith("transfer.format.") and "users" not in key]
    own, with_source = (scores[0]["gap", "image", of] for of in (OWN_PINS, PRIMARY))
    for place, metric in enumerate(METRICS):
        for at, n in enumerate(BOARD_SIZES):
            gain = numbers[f"transfer.gap.image.{metric}.gain.{n}"]
            assert gain.value == pytest.approx((with_source - own)[:, at, place].mean())
        saved = numbers[f"transfer.gap.image.{metric}.saved"]
        expected = pins_saved(
            own[..., place].mean(axis=0), with_source[:, 0, place].mean(), BOARD_SIZES
        )
        assert saved.value == pytest.approx(float(expected))
    assert numbers["transfer.gap.image.p"].value == 0.05  # the least of 19 shuffles
    assert numbers["transfer.gap.file-facts.p"].value > 0.05
    lead = numbers["transfer.gap.image-file-facts.mrr.0"]
    facts = scores[0]["gap", "file facts", PRIMARY]
    assert lead.value == pytest.approx((with_source - facts)[:, 0, 0].mean())
    p = randomisation_test(with_source[:, 0, 0], facts[:, 0, 0], random_state=3)
    assert numbers["transfer.gap.image-file-facts.mrr.0.p"].value == p
    assert numbers["transfer.gap.image-file-facts.mrr.0.p.holm"].value == p
    table = cold_start.board_transfer_table(scores, 3)
    row = table[(table["profile"] == "image") & (table["pins"] == PRIMARY)].iloc[0]
    assert (row["metric"], row["n_known"]) == ("mrr", 0)
    assert row["value"] == pytest.approx(with_source[:, 0, 0].mean())


def test_without_facts_of_files_there_is_no_lead_over_them(boards):
    parts = {"image": boards["pin_parts"]["image"]}
    scores = scores_of(boards, pin_parts=parts, pin_sessions=None)
    assert [name for _, name, _ in scores] == ["image", "image"]
    numbers = cold_start.transfer_numbers(
        [scores], {("gap", "image"): 0.5}, boards["pseudo_platforms"], boards["board_split"], 3
    )
    assert "transfer.gap.image-file-facts.mrr.0" not in numbers


def test_too_few_users_have_a_number_alone(boards):
    few = boards["board_split"].analysed[: 9 * N_PINS]
    split = BoardSplit(few[:0], few, pd.DataFrame())
    platforms = cold_start.pseudo_platforms(split, np.full(len(few), "jpeg"))
    of = boards | {"board_split": split, "pseudo_platforms": platforms}
    scores = scores_of(of)
    assert scores == {}
    assert pvalues_of(of, 9) == {}
    assert cold_start.board_transfer_table([scores], 0).empty
    numbers = cold_start.transfer_numbers([scores], {}, platforms, split, 0)
    assert {key: of.value for key, of in numbers.items()} == {
        "transfer.gap.users": 9, "transfer.format.users": 0,
    }  # fmt: skip


def test_users_of_single_sessions_are_not_enough(boards):
    sessions = np.arange(N_USERS * N_PINS) // N_PINS
    assert scores_of(boards, pin_sessions=sessions) == {}


# --- simulated worlds


@pytest.fixture(scope="module")
def worlds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cold_start, "N_SHOWN", 30)
        found = cold_start.platform_worlds(0)
        return found, cold_start.transfer_world_numbers(found, 19, 0)


def test_every_world_has_every_profile(worlds):
    found, _ = worlds
    assert len(found) == 3 * (2 + len(transfer.ALIGNMENTS))
    assert {of.shape for of in found.values()} == {(30, len(SIZES), 2)}
    table = cold_start.platform_table(found, 0)
    assert len(table) == len(found) * len(SIZES) * 2
    row = table.iloc[3]
    assert (row["world"], row["profile"], row["metric"]) == ("two platforms", OWN_PINS, "mrr")
    assert row["value"] == pytest.approx(found["two platforms", OWN_PINS][:, 3, 0].mean())
    assert row["low"] <= row["value"] <= row["high"]


def test_numbers_of_worlds_are_differences_of_their_scores(worlds):
    found, numbers = worlds
    apart = found["one platform", PRIMARY] - found["one platform", OWN_PINS]
    for at, n in enumerate(SIZES):
        gain = numbers[f"transfer.one-platform.auc.gain.{n}"]
        assert gain.value == pytest.approx(apart[:, at, 1].mean())
    assert 0 < numbers["transfer.two-platforms.p"].value <= 1
    assert 0 <= numbers["transfer.an-offset-a-user.mrr.saved"].value <= SIZES[-1]


def test_other_pairs_of_platforms_have_a_row_each(monkeypatch):
    monkeypatch.setattr(cold_start, "N_SHOWN", 12)
    monkeypatch.setattr(cold_start, "N_PAIRS", 3)
    found = cold_start.other_platforms(0)
    assert len(found) == found["gain"].nunique() == 3
    assert found["saved"].between(0, SIZES[-1]).all()
    assert (found.loc[found["gain"] <= 0, "saved"] == 0).all()
    pd.testing.assert_frame_equal(found, cold_start.other_platforms(0))


def test_recovery_compares_each_world_with_the_others(monkeypatch):
    monkeypatch.setattr(cold_start, "KNOWN", ((12, 0.5), (15, 1.0)))
    found = cold_start.known_platforms(3, 0)
    assert found.groupby("n_users").size().to_dict() == {12: 6, 15: 6}
    assert found["coverage"].isin([0, 1 / 3, 2 / 3, 1]).all()
    assert (found["low"] <= found["coverage"]).all()
    assert (found["n_worlds"] == 3).all()
    gains = found[found["quantity"].str.contains("gain")]
    np.testing.assert_allclose(gains["truth"], gains["mean"])  # of all others: the mean of all
    pd.testing.assert_frame_equal(found, cold_start.known_platforms(3, 0))
    assert len(cold_start.known_platforms(1, 0)) == 12  # a truth of its own alone


def test_tests_are_counted_by_users_and_common_taste(monkeypatch):
    monkeypatch.setattr(cold_start, "TESTED", ((10, 0.0), (10, 1.0)))
    found = cold_start.transfer_tests(6, 0)
    assert found["n_users"].tolist() == [10, 10]
    assert found["value"].between(0, 1).all()
    assert found["n_worlds"].tolist() == [6, 6]
    pd.testing.assert_frame_equal(found, cold_start.transfer_tests(6, 0))


@pytest.mark.slow
def test_the_level_lies_in_the_binomial_interval_and_power_grows(monkeypatch):
    monkeypatch.setattr(cold_start, "TESTED", ((20, 0.0), (20, 1.0)))
    null, full = cold_start.transfer_tests(100, 1).itertuples()
    assert null.low <= 0.05 <= null.high
    assert full.low > null.high


@pytest.mark.slow
def test_a_study_has_the_steps(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_seeds=1)
    numbers = study["transfer_numbers"]
    assert numbers["transfer.gap.users"].value == 0
    assert study["board_transfer_table"].empty
