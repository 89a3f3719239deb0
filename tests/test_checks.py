"""The shared checks of arguments."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.utils import check_array

from visprof.checks import (
    check_columns,
    check_draws,
    check_finite,
    check_groups,
    check_matrix,
    check_number,
    check_numbers,
    check_pairs,
    check_table,
    check_whole,
    listed,
    unmasked,
)

MISSING = {
    "NaN": np.array([1.0, np.nan, 2.0]),
    "None": ["a", None, "b"],
    "NaN among texts": ["a", np.nan, "b"],
    "NA among texts": ("a", pd.NA, "b"),
    "NA": pd.array([1, pd.NA, 2], dtype="Int64"),
    "NaT": pd.to_datetime(["2015-01-01", None, "2015-01-02"]),
    "category": pd.Categorical(["a", None, "b"]),
    "column": pd.Series(["a", np.nan, "b"], index=[7, 8, 9]),
    "masked": np.ma.masked_array([1, 2, 3], mask=[False, True, False]),
    "text": pd.array(["a", pd.NA, "b"], dtype="string"),
}


@pytest.mark.parametrize("values", MISSING.values(), ids=MISSING)
def test_missing_groups_are_named_by_row(values):
    with pytest.raises(ValueError, match=r"users: 1 of 3 values are missing, at row\(s\) 1;"):
        check_groups(values, 3, "users")


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2],
        ["b", "a", "c"],
        np.array(["b", "a", "c"], object),
        np.array([1, 2.5, np.float32(3)], object),
        [True, False, True],
        np.array([True, np.bool_(False), 2], object),
        ["b", np.str_("a"), "c"],
        [b"x", b"y", b"z"],
        pd.Categorical(["a", "b", "a"]),
        pd.to_datetime(["2015-01-01", "2014-01-01", "2015-01-02"]),
    ],
)
def test_groups_of_one_kind_are_returned_in_order(values):
    groups = check_groups(values, 3, "users")
    assert groups.tolist() == np.asarray(values).tolist()
    assert len(np.unique(groups)) == len(set(groups.tolist()))


def test_groups_of_several_kinds_are_named():
    with pytest.raises(TypeError, match=r"users: .* number at row 0 \(1\) and str at row 1"):
        check_groups([1, "1", 2], 3, "users")
    with pytest.raises(
        TypeError, match=r"labels: .* number at row 0 \(1\) and str at row 2 \('x'\)"
    ):
        check_groups(np.array([1, 2, "x"], object), 3, "labels")


@pytest.mark.parametrize(
    "values",
    [[pd.Timestamp("2015-01-01"), "x"], [b"a", "a"], [pd.Timestamp("2015"), date(2015, 1, 1)]],
)
def test_times_bytes_and_texts_are_kinds_of_their_own(values):
    with pytest.raises(TypeError, match="labels: values of several kinds"):
        check_groups(np.array(values, object), 2, "labels")


@pytest.mark.parametrize(("values", "n"), [([1, 2], 3), ([[1], [2]], None), (5, None)])
def test_groups_of_another_shape_are_refused(values, n):
    with pytest.raises(ValueError, match="users: expected shape"):
        check_groups(values, n, "users")


@pytest.mark.parametrize("value", [9.5, 9.0, "9", None, True, np.float64(9)])
def test_a_number_of_things_is_whole(value):
    with pytest.raises(TypeError, match="n_permutations: expected a whole number of at least 1"):
        check_whole(value, "n_permutations", 1)


def test_a_number_of_things_has_a_least_value():
    assert check_whole(np.int16(3), "k", 1) == 3
    with pytest.raises(ValueError, match="k: expected a whole number of at least 1, got 0"):
        check_whole(0, "k", 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, [1.0, -np.inf]])
def test_a_result_is_finite(value):
    assert check_finite([1.0, 2.0], "z").tolist() == [1, 2]
    with pytest.raises(ValueError, match="z: 1 of"):
        check_finite(value, "z")


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "level: expected a finite number above 0 and below 1, got 0"),
        (1.0, ValueError, "level: "),
        (np.nan, ValueError, "level: .* got nan"),
        ("0.9", TypeError, "level: .* got '0.9'"),
        (True, TypeError, "level: "),
        (None, TypeError, "level: "),
    ],
)
def test_a_number_is_finite_and_in_its_range(value, error, message):
    assert check_number(np.float32(0.5), "level", above=0, below=1) == 0.5
    assert check_number(0, "taste", least=0) == 0
    with pytest.raises(error, match=message):
        check_number(value, "level", above=0, below=1)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, np.nan, 2.0],
        [1, None, 2],
        [1.0, np.inf, 2.0],
        pd.array([1, pd.NA, 2], dtype="Int64"),
        pd.Series([1.0, np.nan, 2.0], index=[7, 8, 9]),
        np.ma.masked_array([1, 2, 3], mask=[False, True, False]),
    ],
)
def test_numbers_that_are_missing_or_infinite_are_named_by_row(values):
    with pytest.raises(ValueError, match=r"scores: 1 of 3 .* infinite, at row\(s\) 1;"):
        check_numbers(values, 3, "scores")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "<U1"),
        ([1.0, "2", None], "str"),
        (np.array(["2015-01-01"], "datetime64[D]"), "datetime64"),
        ([1j], "complex128"),
    ],
)
def test_numbers_of_another_kind_are_refused(values, kind):
    with pytest.raises(TypeError, match=f"scores: expected numbers, got {kind}"):
        check_numbers(np.array(values, object if None in values else None), None, "scores")


def test_numbers_are_one_for_each_row():
    assert check_numbers([True, False], 2, "scores").tolist() == [1, 0]
    for values, n in (([1, 2], 3), ([], None), ([[1.0]], None)):
        with pytest.raises(ValueError, match="scores: expected shape"):
            check_numbers(values, n, "scores")


def test_long_lists_are_cut():
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(9)) == "0, 1, 2, 3, 4 and 4 more"


TABLE = pd.DataFrame({"board": ["a", "b", "a"], "time": [3, 1, 2]}, index=[5, 5, 5])


def test_a_table_is_returned_with_its_rows_numbered():
    checked = check_table(TABLE, "pins", "board", ["time"])
    pd.testing.assert_frame_equal(checked, TABLE.reset_index(drop=True))
    assert TABLE.index.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.drop(columns="time"), r"pins: no column\(s\) time; there are board"),
        (TABLE[:0], "pins: the table is empty"),
        (
            TABLE.assign(board=["a", None, "a"]),
            r"pins: board: 1 of 3 values are missing, at row\(s\) 1;",
        ),
        (
            TABLE.assign(time=[np.nan, 1, np.nan]),
            r"pins: time: 2 of 3 values are missing, at row\(s\) 0, 2;",
        ),
    ],
)
def test_what_a_table_lacks_is_named(table, message):
    with pytest.raises(ValueError, match=message):
        check_table(table, "pins", "board", ["time"])


def test_groups_of_a_table_are_of_one_kind():
    with pytest.raises(TypeError, match="pins: board: values of several kinds"):
        check_table(TABLE.assign(board=["a", 2, "a"]), "pins", "board")


@pytest.mark.parametrize(
    ("value", "error"),
    [(0.5, None), (0, None), (1, None), (np.float32(0.25), None), (1.5, ValueError),
     (-0.1, ValueError), (np.nan, ValueError), (True, TypeError), ("1", TypeError)],
)  # fmt: skip
def test_a_share_is_from_0_to_1(value, error):
    if error is None:
        assert check_number(value, "share", least=0, most=1) == value
    else:
        with pytest.raises(
            error, match="share: expected a finite number of at least 0 and at most 1, got"
        ):
            check_number(value, "share", least=0, most=1)


def test_columns_are_numbers_each():
    for values in ([1, 2], [[1, 2], [3, 4]], np.ma.masked_array([[1.0, 2.0]], mask=False)):
        found = check_columns(values, None, "times")
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, values)
    masked = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"x\[:, 1\]: 1 of 2 values are NaN .* at row\(s\) 1"):
        check_columns(masked, 2, "x")
    with pytest.raises(TypeError, match=r"x\[:, 0\]: expected numbers"):
        check_columns([["a", "b"]], None, "x")
    with pytest.raises(ValueError, match=r"x: expected shape \(n,\), n >= 1, got \(1, 2, 3\)"):
        check_columns(np.ones((1, 2, 3)), None, "x")
    with pytest.raises(ValueError, match=r"x\[:, 0\]: expected shape \(3,\), got \(2,\)"):
        check_columns(np.ones((2, 2)), 3, "x")


def test_draws_are_of_as_many_units_as_there_are():
    np.testing.assert_array_equal(check_draws([[2, 0], [1, 1]], 2, "times"), [[2, 0], [1, 1]])
    for wrong in ([2, 0], [[1, 1, 0]], np.ones((0, 2), int), [[1.0, 1.0]], [[True, True]]):
        with pytest.raises(ValueError, match=r"times: expected whole numbers of shape \(b, 2\)"):
            check_draws(wrong, 2, "times")
    with pytest.raises(ValueError, match=r"sum to 2 in each row; it is not so in row\(s\) 1, 2"):
        check_draws([[1, 1], [3, -1], [2, 1]], 2, "times")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "m >= 1"),
        ([[0, 1, 2]], "m >= 1, got int64 of shape"),
        ([[0.0, 1.0]], "whole numbers"),
        ([[0, 1], [2, 2]], r"two different users, got \[2, 2\] at row 1"),
    ],
)
def test_pairs_are_of_two_users(pairs, message):
    with pytest.raises(ValueError, match=f"pairs: .*{message}"):
        check_pairs(pairs)


def test_pairs_are_whole_numbers_of_64_bits():
    assert check_pairs(np.array([[0, 3]], np.uint8)).dtype == np.int64


def test_what_is_masked_is_missing():
    plain, masked = np.arange(3), np.ma.masked_equal([[1, 2]], 2)
    assert unmasked(plain) is plain
    np.testing.assert_array_equal(unmasked(masked), [[1, np.nan]])
    assert unmasked(np.ma.masked_array([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        np.ones((2, 3)), np.ones((2, 3), np.float32), np.ones((2, 3), ">f8"), np.ones((2, 3), int),
        np.asfortranarray(np.ones((2, 3))), np.ones((300, 300)), [[1, 2.5]], np.ones((0, 3)),
        np.ones((3, 0)), np.ones(3), np.ones((1, 2, 3)), [[1.0, np.nan]], np.full((1, 2), np.inf),
        np.array([[1.0, -np.inf]], np.float32), [["a"]], np.array([[1.0, None]]),
        csr_array([[1.0]]),
    ],
)  # fmt: skip
def test_a_matrix_is_looked_at_as_by_scikit_learn(values, double):
    types = np.float64 if double else [np.float64, np.float32]

    def outcome(check):
        try:
            return check()
        except (TypeError, ValueError) as error:
            return type(error), str(error)

    ours = outcome(lambda: check_matrix(values, "pins", double))
    theirs = outcome(lambda: check_array(values, dtype=types, order="C", input_name="pins"))
    if isinstance(theirs, tuple):
        assert ours == theirs
    else:
        assert ours.dtype == theirs.dtype
        assert ours.flags.c_contiguous
        np.testing.assert_array_equal(ours, theirs)


def test_a_good_matrix_is_not_copied_and_a_masked_number_is_missing():
    good = np.ones((2, 3))
    assert check_matrix(good, "pins") is good
    with pytest.raises(ValueError, match="NaN"):
        check_matrix(np.ma.masked_equal([[1.0, 2.0]], 2), "pins")
