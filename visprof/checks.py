"""Checks of arguments, shared by all public functions; messages say what is wrong, and where."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

from visprof._lazy import lazily

with lazily():
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import check_array

__all__ = [
    "check_finite", "check_groups", "check_matrix", "check_number", "check_numbers", "check_pairs",
    "check_table", "check_whole", "listed", "unmasked",
]  # fmt: skip

_SMALL = 2**16  # numbers of a matrix
_ONE_KIND = ("string", "bytes", "integer", "floating", "boolean")  # as pandas infers, fast


def listed(items: Iterable[object], most: int = 5) -> str:
    """Return the first items as text, and how many more there are."""
    items = [str(item) for item in items]
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def check_groups(values: ArrayLike, n: int | None, name: str) -> NDArray:
    """Check labels, users, sessions or groups: one for each row, none missing, all comparable.

    Parameters
    ----------
    values : array-like of shape (n,)
        Numbers, texts, dates or categories.
    n : int or None
        Number of rows that they belong to; None: any.
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of shape (n,)
        The values; those of a pandas column or categorical, a masked array or a list likewise.

    Raises
    ------
    ValueError
        If the shape is another or a value is missing (None, NaN, NA, NaT, masked); the rows are
        named.
    TypeError
        If values of several kinds cannot be put in order, such as numbers and texts.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (n is not None and len(array) != n):
        expected = "(n,)" if n is None else f"({n},), one for each row"
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")
    # a list of texts and others becomes an array of texts, in which a NaN is the text "nan"
    given = array
    if array.dtype.kind in "US" and not hasattr(values, "dtype"):
        given = np.asarray(values, dtype=object)
    missing = pd.isna(given)
    if isinstance(values, np.ma.MaskedArray):
        missing |= np.ma.getmaskarray(values)
    if missing.any():
        rows = np.flatnonzero(missing)
        raise ValueError(
            f"{name}: {len(rows)} of {len(array)} values are missing, at row(s) {listed(rows)}; "
            "leave these rows out, or give the values a name of their own"
        )
    if given.dtype == object and pd.api.types.infer_dtype(given) not in _ONE_KIND:
        kinds = [_kind(value) for value in given]
        if len(set(kinds)) > 1:
            other = next(row for row, kind in enumerate(kinds) if kind != kinds[0])
            raise TypeError(
                f"{name}: values of several kinds, {kinds[0]} at row 0 ({given[0]!r}) and "
                f"{kinds[other]} at row {other} ({given[other]!r}); make them all of one kind, "
                "text for example"
            )
    return array


def _kind(value: object) -> str:
    """Name of the kind of a value; values of one kind can be put in order."""
    if isinstance(value, (Real, np.bool_)):
        return "number"
    return "str" if isinstance(value, str) else type(value).__name__


def check_table(
    table: pd.DataFrame, name: str, group: str, columns: Iterable[str] = ()
) -> pd.DataFrame:
    """Check a table whose rows belong to groups, such as pins to boards or pictures to classes.

    Parameters
    ----------
    table : DataFrame
        Of any index, which is not looked at.
    name : str
        What the table is, for messages; rows are named by their place, from 0.
    group : str
        Column of the groups, checked as by `check_groups`.
    columns : iterable of str
        Other columns that are used.

    Returns
    -------
    DataFrame
        The table with its rows numbered from 0.

    Raises
    ------
    ValueError
        If the table has no row, a column is not there, or a value in one is missing (None, NaN,
        NA, NaT); the rows are named.
    TypeError
        If groups have names of several kinds.
    """
    columns = list(columns)
    if absent := [column for column in (group, *columns) if column not in table.columns]:
        raise ValueError(
            f"{name}: no column(s) {listed(absent)}; there are {listed(table.columns, 20)}"
        )
    if not len(table):
        raise ValueError(f"{name}: the table is empty; expected at least one row")
    check_groups(table[group], len(table), f"{name}: {group}")
    for column in columns:
        missing = table[column].isna().to_numpy()
        if missing.any():
            rows = np.flatnonzero(missing)
            raise ValueError(
                f"{name}: {column}: {len(rows)} of {len(missing)} values are missing, at row(s) "
                f"{listed(rows)}; leave these rows out, or fill them in"
            )
    return table.reset_index(drop=True)


def check_whole(value: object, name: str, least: int) -> int:
    """Check a number of things.

    Parameters
    ----------
    value : object
        An int, of Python or NumPy; not a bool.
    name : str
        Name of the parameter, for messages.
    least : int
        Smallest value allowed.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is less than `least`.

    Examples
    --------
    >>> check_whole(3.0, "n_clusters", least=1)
    Traceback (most recent call last):
    TypeError: n_clusters: expected a whole number, got 3.0 (float)
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return int(value)


def check_number(
    value: object,
    name: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Check a finite real number, such as a level, a threshold or a weight.

    Parameters
    ----------
    value : object
        A number, of Python or NumPy; not a bool.
    name : str
        Name of the parameter, for messages.
    least, most : float, optional
        Smallest and largest value allowed.
    above, below : float, optional
        Open ends of what is allowed.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it is NaN, infinite or out of the range.
    """
    bounds = [
        f" {word} {bound:g}"
        for word, bound in (
            ("of at least", least),
            ("above", above),
            ("at most", most),
            ("below", below),
        )
        if math.isfinite(bound)
    ]
    message = f"{name}: expected a finite number{' and'.join(bounds)}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    if not (math.isfinite(value) and least <= value <= most and above < value < below):
        raise ValueError(message)
    return float(value)


def check_numbers(values: ArrayLike, n: int | None, name: str) -> NDArray[np.float64]:
    """Check scores, shares or other numbers: one for each row, none missing, all finite.

    Parameters
    ----------
    values : array-like of shape (n,)
    n : int or None
        Number of rows that they belong to; None: any but none.
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If the shape is another, or a value is missing or infinite; the rows are named.
    TypeError
        If a value is no number.
    """
    array = np.asarray(unmasked(values))
    if array.dtype == object:
        array = np.where(pd.isna(array), np.nan, array)
        kinds = sorted({_kind(value) for value in array.flat} - {"number"})
    else:
        kinds = [] if array.dtype.kind in "biuf" else [str(array.dtype)]
    if kinds:
        raise TypeError(f"{name}: expected numbers, got {listed(kinds)}")
    array = array.astype(np.float64)
    if array.ndim != 1 or not len(array) or (n is not None and len(array) != n):
        expected = "(n,), n >= 1" if n is None else f"({n},)"
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")
    rows = np.flatnonzero(~np.isfinite(array))
    if len(rows):
        raise ValueError(
            f"{name}: {len(rows)} of {len(array)} values are NaN or infinite, at row(s) "
            f"{listed(rows)}; leave these rows out"
        )
    return array


def unmasked(values: ArrayLike) -> ArrayLike:
    """Return numbers as they are, or those of a masked array with NaN in place of masked ones.

    Other libraries read what lies behind a mask as if there were none.

    Parameters
    ----------
    values : array-like
        Numbers.

    Returns
    -------
    array-like

    Examples
    --------
    >>> unmasked(np.ma.masked_equal([1, 2], 2)).tolist()
    [1.0, nan]
    """
    if isinstance(values, np.ma.MaskedArray):
        return values.astype(np.float64).filled(np.nan)
    return values


def check_matrix(
    values: ArrayLike, name: str, double: bool = False, order: str | None = "C"
) -> NDArray:
    """Check rows of numbers, as scikit-learn does, which looks at a good small array for longer.

    Parameters
    ----------
    values : array-like of shape (n, d)
    name : str
        What they are, for messages.
    double : bool
        Whether numbers of single precision are brought to double; others always are.
    order : str or None
        "C": rows lie one after the other. None: any way.

    Returns
    -------
    ndarray of shape (n, d), float64 or float32
        The array itself, where it is good.

    Raises
    ------
    ValueError
        If the shape is another, nothing is there, or a value is missing or not finite.
    TypeError
        If a value is no number.

    Examples
    --------
    >>> check_matrix([[1, 2]], "pins").tolist()
    [[1.0, 2.0]]
    """
    if (
        type(values) is np.ndarray and values.ndim == 2 and 0 < values.size <= _SMALL
        and values.dtype.char in ("d" if double else "df") and values.dtype.isnative
        and np.isfinite(values).all()
    ):  # fmt: skip
        return np.asarray(values, order=order)
    types = np.float64 if double else [np.float64, np.float32]
    return check_array(unmasked(values), dtype=types, order=order, input_name=name)


def check_columns(values: ArrayLike, n: int | None, name: str) -> NDArray[np.float64]:
    """Check numbers, or a column of them for each of several things: none missing, all finite.

    Parameters
    ----------
    values : array-like of shape (n,) or (n, m)
    n : int or None
        Number of rows that they belong to; None: any but none.
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of shape (n,) or (n, m), float64

    Raises
    ------
    ValueError
        If the shape is another, or a value is missing or infinite; column and rows are named.
    TypeError
        If a value is no number.
    """
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if array.ndim != 2:
        return check_numbers(array, n, name)
    if not array.shape[1]:
        raise ValueError(f"{name}: expected at least one column, got shape {array.shape}")
    columns = enumerate(array.T)
    return np.column_stack([check_numbers(of, n, f"{name}[:, {column}]") for column, of in columns])


def check_draws(times: ArrayLike, n: int, name: str) -> NDArray:
    """Check bootstrap draws: how often each of n units is in each of them, n in all.

    Parameters
    ----------
    times : array-like of int, shape (b, n)
    n : int
        Number of units.
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of int, shape (b, n)

    Raises
    ------
    ValueError
        If the shape is another, the numbers are not whole or negative, or a row does not sum to n.
    """
    array = np.asarray(times)
    if array.ndim != 2 or array.shape[1] != n or not len(array) or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: expected whole numbers of shape (b, {n}), b >= 1, got {array.dtype} of shape "
            f"{array.shape}"
        )
    rows = np.flatnonzero((array < 0).any(axis=1) | (array.sum(axis=1) != n))
    if len(rows):
        raise ValueError(
            f"{name}: expected draws of {n} units with replacement, numbers from 0 on that sum to "
            f"{n} in each row; it is not so in row(s) {listed(rows)}"
        )
    return array


def check_pairs(pairs: ArrayLike) -> NDArray[np.int64]:
    """Return pairs of users by number, or raise an error that says what is wrong.

    Parameters
    ----------
    pairs : array-like of int, shape (m, 2)

    Returns
    -------
    ndarray of int64, shape (m, 2)

    Raises
    ------
    ValueError
        If there is no pair, a number is not whole, or a pair is of a user with itself.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"pairs: expected whole numbers of shape (m, 2), m >= 1, got {pairs.dtype} "
            f"of shape {pairs.shape}"
        )
    same = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if len(same):
        raise ValueError(
            f"pairs: expected two different users, got {pairs[same[0]].tolist()} at row {same[0]}"
        )
    return pairs.astype(np.int64, order="C")


def check_finite(result: ArrayLike, what: str) -> NDArray:
    """Check that a result is finite: arguments that are finite each may be too large together.

    Parameters
    ----------
    result : array-like
        What was computed.
    what : str
        What it is, for messages.

    Returns
    -------
    ndarray
        The result.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.
    """
    array = np.asarray(result)
    wrong = ~np.isfinite(array)
    if wrong.any():
        raise ValueError(
            f"{what}: {int(wrong.sum())} of {array.size} values are not finite; the arguments are "
            "too large, or too small, to compute with: rescale them"
        )
    return array
