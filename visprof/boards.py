"""Boards: pins as one validated table, the paper's filters, and samples of pins.

A table of pins is a data frame with one row a pin, sorted by board and time:

======== ==================== =====================================================
column   type                 meaning
======== ==================== =====================================================
board    str                  the board (in the paper: one board, one user)
image    str                  path of the picture file, or URL of an object in a store
time     datetime64[ns, UTC]  when it was pinned
caption  str                  its text, maybe empty
======== ==================== =====================================================

and, where it is known, ``licence``, ``time_source`` (where the time is from: ``exif``, ``file`` or
``commit``, say), and of the original file ``width``, ``height``, ``format`` and ``bytes``, as the
manifest writes them (see `visprof.file_facts`). Pins of one board that share a time keep the order
in which they were read.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups, check_table, check_whole, listed
from visprof.manifests import MANIFEST, PARQUET_MANIFEST, YEARS, manifest_pins, parse_times
from visprof.pictures import (
    IMAGE_SUFFIXES,
    list_entries,
    map_pictures,
    picture_dates,
    why_unreadable,
)

with lazily():
    from visprof.words import runs

__all__ = [
    "BACKGROUND_SOURCES",
    "SESSION_RULES",
    "background_split",
    "board_name",
    "boards_folder",
    "filter_boards",
    "name_words",
    "read_boards",
    "sample_pins",
    "sessions",
    "split_pins",
    "split_readable",
    "survey_boards",
]

log = logging.getLogger("visprof")

BACKGROUND_SOURCES = ("active", "rest")
SESSION_RULES = ("day", "gap", "commit")
SESSION_GAP = pd.Timedelta(minutes=30)


def read_boards(path: str | Path) -> pd.DataFrame:
    """Read the pins of many boards from a manifest or from a folder of folders.

    Parameters
    ----------
    path : path
        A ``manifest.csv`` (UTF-8) or ``manifest.parquet``, a folder that holds one (the CSV file
        goes first), or a folder with one sub-folder a board.

        A manifest has the columns ``board_id``, ``image`` (path relative to the manifest, not out
        of its folder; or the URL of an object, see `visprof.object_stores`), ``added_at`` (see
        `parse_times`; or a Parquet timestamp) and ``caption``; ``licence``, ``time_source``,
        ``width``, ``height``, ``format`` and ``bytes`` are kept if they are there, further columns
        are left out.

        In a folder of folders the time is the picture's EXIF date or else the file's modification
        time, the column ``time_source`` says which (``exif`` or ``file``), and the caption is made
        of the words of the file name. Sub-folders of a board belong to it. Pictures are known by
        their suffix or content; the rest is left out, see `survey_boards`.

    Returns
    -------
    DataFrame
        A table of pins (see the module's text). No picture is decoded: see `split_readable`. Names
        of boards are in Unicode's composed form (NFC), without blanks around.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If a manifest cannot be read, lacks a column, holds a value that cannot be one or a picture
        outside of its folder (the lines are named), or no pin is found.
    """
    pins, left_out = survey_boards(path)
    if len(left_out):
        counts = left_out["reason"].value_counts()
        named = listed(f"{n} {reason}" for reason, n in counts.items())
        log.warning("%s: %d entries were left out: %s", path, len(left_out), named)
    return pins


def boards_folder(data: str | Path, name: str = "boards") -> Path:
    """Where the boards of a folder of data are.

    Parameters
    ----------
    data : path
        A folder that holds ``boards/``; or the boards themselves, as `read_boards` takes them,
        where there is neither that nor ``scenes/``.
    name : str
        Of the folder of boards, if it is another; then the boards must be in there.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If it is neither; the message says what it must hold.
    """
    data = Path(data)
    if (data / name).is_dir():
        return data / name
    if name != "boards":
        raise FileNotFoundError(
            f"data={str(data)!r} has no folder {name}/: put boards there (a manifest.csv, or a "
            "folder of pictures a board), or pass the name of another folder as boards_folder"
        )
    if data.is_dir() and not (data / "scenes").exists() and _holds_boards(data):
        return data
    raise FileNotFoundError(
        f"data={str(data)!r} has no folder boards/: it must hold boards/ (a manifest.csv, or a "
        "folder of pictures a board; of another name with boards_folder) and, unless "
        "training_scenes='simulated', scenes/ (a folder of pictures a class); without scenes/, it "
        "may be the folder of boards itself"
    )


def _holds_boards(folder: Path) -> bool:
    """Whether a folder has a manifest, or a sub-folder with a file in it."""
    if any((folder / name).is_file() for name in (MANIFEST, PARQUET_MANIFEST)):
        return True
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return any(
        file.is_file() and not file.name.startswith(".")
        for entry in entries
        if entry.is_dir() and not entry.is_symlink()
        for file in entry.iterdir()
    )


def survey_boards(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read pins as `read_boards` does, and list what is left out of a folder of folders.

    Parameters
    ----------
    path : path
        As in `read_boards`.

    Returns
    -------
    pins : DataFrame
        A table of pins.
    left_out : DataFrame
        Columns ``entry`` (its path; bytes that are no text are written with backslashes) and
        ``reason``, the same for all alike. Every file, link or other entry below the folder is
        either a pin or here; a hidden folder, or one that cannot be read, is one entry. Of a
        manifest nothing is left out.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_boards`.
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise FileNotFoundError(
            f"no boards at {path}: pass a {MANIFEST} or {PARQUET_MANIFEST}, a folder that holds "
            "one, or a folder with one sub-folder of pictures a board"
        )
    manifests = [
        file for file in (path, path / MANIFEST, path / PARQUET_MANIFEST) if file.is_file()
    ]
    if manifests:
        pins, left_out = manifest_pins(manifests[0]), pd.DataFrame(columns=["entry", "reason"])
    elif path.is_dir():
        pins, left_out = _read_folders(path)
    else:
        raise ValueError(f"{path} is neither a regular file nor a folder")
    pins["board"] = [board_name(name) for name in pins["board"]]
    _tell_alike(pins["board"].unique())
    return pins.sort_values(["board", "time"], kind="stable", ignore_index=True), left_out


def board_name(name: str) -> str:
    """Write a name as others write it: é is one letter or two, and blanks around say nothing."""
    return unicodedata.normalize("NFC", name).strip()


def _tell_alike(boards: Iterable[str]) -> None:
    """Warn of boards that may be one."""
    alike: dict[str, list[str]] = {}
    for board in boards:
        alike.setdefault(board.casefold(), []).append(board)
    for names in alike.values():
        if len(names) > 1:
            named = " and ".join(map(repr, sorted(names)))
            log.warning("boards %s differ only by upper and lower case: they are kept apart", named)


# --- folders --------------------------------------------------------------------------------------


def _read_folders(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    found, left_out = [], []
    for image, reason in list_entries(path):
        if not reason and not board_name(image.relative_to(path).parts[0]):
            reason = "its folder has no name but blanks: rename it"
        if reason:
            left_out.append((image, reason))
            continue
        try:
            found.append((image, picture_dates(image), image.stat().st_mtime_ns))
        except FileNotFoundError:  # gone meanwhile
            left_out.append((image, "no such file"))
    parsed = iter(parse_times(date for _, dates, _ in found for date in dates))
    rows = []
    for image, dates, changed in found:
        times = [next(parsed) for _ in dates]
        time, source = next(((time, "exif") for time in times if not pd.isna(time)), (None, "file"))
        if time is None:
            if not abs(changed) < 2**63:
                left_out.append((image, f"its time is not of the years {YEARS[0]} to {YEARS[1]}"))
                continue
            time = pd.Timestamp(changed, unit="ns", tz="UTC")
        board = image.relative_to(path).parts[0]
        rows.append((board, str(image), time, name_words(image.stem), source))
    shown = [(os.fsencode(entry).decode(errors="backslashreplace"), why) for entry, why in left_out]
    rest = pd.DataFrame(shown, columns=["entry", "reason"])
    if not rows:
        counts = rest["reason"].value_counts()
        raise ValueError(
            f"no pictures below {path}: put each board's pictures ({', '.join(IMAGE_SUFFIXES)}) "
            f"into a sub-folder of its own, or add a {MANIFEST}. Left out: "
            f"{listed(f'{n} {reason}' for reason, n in counts.items()) or 'nothing'}"
        )
    pins = pd.DataFrame(rows, columns=["board", "image", "time", "caption", "time_source"])
    return pins.assign(time=pd.DatetimeIndex(pins["time"]).as_unit("ns")), rest


def name_words(name: str) -> str:
    """Return the words of a file's name or path, in lower case; camelCase counts as two words."""
    return " ".join(runs(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))


def split_readable(pins: pd.DataFrame, n_threads: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every picture once and set aside the pins whose picture cannot be read.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    n_threads : int
        Pictures decoded at a time, unless they are small.

    Returns
    -------
    readable : DataFrame
        The pins whose picture decodes.
    unreadable : DataFrame
        The others, with a column ``reason``, the same for all alike.

    Raises
    ------
    ValueError
        If no picture at all can be read.
    """
    reason = pd.Series(map_pictures(why_unreadable, pins["image"], n_threads), index=pins.index)
    broken = reason != ""
    if broken.all():
        raise ValueError(
            f"none of {len(pins)} pictures can be read; the first: {pins['image'].iloc[0]}: "
            f"{reason.iloc[0]}"
        )
    readable = pins[~broken].reset_index(drop=True)
    return readable, pins[broken].assign(reason=reason[broken]).reset_index(drop=True)


def filter_boards(
    pins: pd.DataFrame, min_pins: int = 100, active_since: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the boards that are large and active enough (the paper, section IV).

    Parameters
    ----------
    pins : DataFrame
        A table of pins, of any index.
    min_pins : int
        Least number of pins of a board, at least 1 (the paper: 100).
    active_since : str, optional
        A date or time as in a manifest, see `parse_times`; a board needs a pin at or after it (the
        paper: after June 2014).

    Returns
    -------
    kept : DataFrame
        The pins of the boards that pass; rows are numbered anew.
    funnel : DataFrame
        Boards and pins left after each filter, in order; columns ``step``, ``boards``, ``pins``.

    Raises
    ------
    TypeError
        If `min_pins` is no whole number, or boards have names of several kinds.
    ValueError
        If `min_pins` is less than 1, `active_since` is no date, a board, image or time is missing
        (the rows are named), or no board passes.

    Examples
    --------
    >>> times = pd.to_datetime(["2015-01-01", "2015-01-02", "2013-01-01"], utc=True)
    >>> pins = pd.DataFrame({"board": ["a", "a", "b"], "image": list("xyz"), "time": times})
    >>> kept, funnel = filter_boards(pins.assign(caption=""), min_pins=2)
    >>> kept["board"].tolist()
    ['a', 'a']
    """
    check_whole(min_pins, "min_pins", 1)
    pins = check_table(pins, "pins", "board", ["image", "time"])
    by_board = pins.groupby("board", observed=True)
    steps = {f"at least {min_pins} pins": by_board["image"].transform("size") >= min_pins}
    if active_since is not None:
        (since,) = parse_times([active_since])
        if pd.isna(since):
            raise ValueError(
                f"active_since is {active_since!r}; pass a date of the years {YEARS[0]} to "
                f"{YEARS[1]} such as 2014-07-01"
            )
        steps[f"a pin since {since.date()}"] = by_board["time"].transform("max") >= since
    rows = [("all boards", pins["board"].nunique(), len(pins))]
    kept = pins
    for step, passes in steps.items():
        kept = kept[passes[kept.index]]  # rows are numbered from 0
        rows.append((step, kept["board"].nunique(), len(kept)))
    if kept.empty:
        raise ValueError(
            f"no board passes the filters (min_pins={min_pins}, active_since={active_since}): "
            f"the largest of {rows[0][1]} boards has {by_board.size().max()} pins and the latest "
            f"pin is of {pins['time'].max().date()}. Lower min_pins or active_since"
        )
    return kept.reset_index(drop=True), pd.DataFrame(rows, columns=["step", "boards", "pins"])


def background_split(
    pins: pd.DataFrame,
    kept: pd.DataFrame,
    n_background: int,
    source: str = "active",
    random_state: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set boards aside as background: they make the vocabulary and the prior, and are not analysed.

    Parameters
    ----------
    pins, kept : DataFrame
        All pins, and those that `filter_boards` kept; of any index.
    n_background : int
        Number of boards (the paper: 1,800 of 5,790).
    source : {"active", "rest"}
        "active" draws them from the kept boards, as the paper does. "rest" draws them from the
        boards that the filters left out, so that no analysed board is lost where boards are few.
    random_state : int
        Seed of the draw.

    Returns
    -------
    background, analysed : DataFrame
        Their pins; rows are numbered anew. No board is in both.

    Raises
    ------
    TypeError
        If `n_background` is no whole number, or boards have names of several kinds.
    ValueError
        If `source` is unknown, a board is missing (the rows are named), or fewer boards than asked
        are there, or fewer than 2 would be left to analyse.
    """
    if source not in BACKGROUND_SOURCES:
        raise ValueError(f"source is {source!r}; known: {', '.join(BACKGROUND_SOURCES)}")
    check_whole(n_background, "n_background", 1)
    pins, kept = check_table(pins, "pins", "board"), check_table(kept, "kept", "board")
    candidates = kept if source == "active" else pins[~pins["board"].isin(kept["board"].unique())]
    boards = np.sort(candidates["board"].unique())
    if not 1 <= n_background <= len(boards):
        raise ValueError(
            f"n_background is {n_background}, but {len(boards)} boards can be background "
            f"(source={source!r}); pass 1 to {len(boards)}"
        )
    chosen = np.random.default_rng(random_state).choice(boards, n_background, replace=False)
    analysed = kept[~kept["board"].isin(chosen)]
    if analysed["board"].nunique() < 2:
        raise ValueError(
            f"{n_background} background boards leave {analysed['board'].nunique()} to analyse; at "
            "least 2 are needed: lower n_background or min_pins"
        )
    background = candidates[candidates["board"].isin(chosen)]
    return background.reset_index(drop=True), analysed.reset_index(drop=True)


def sample_pins(pins: pd.DataFrame, n: int, random_state: int = 0) -> np.ndarray:
    """Draw `n` pins of each board at random and keep them in time order (the paper, section VI-C).

    Parameters
    ----------
    pins : DataFrame
        A table of pins, of any index.
    n : int
        Pins a board, at least 1.
    random_state : int
        Seed of the draw.

    Returns
    -------
    ndarray of int, shape (n_boards * n,)
        Row numbers into `pins`, by place, sorted by board and time.

    Raises
    ------
    TypeError
        If `n` is no whole number, or boards have names of several kinds.
    ValueError
        If `n` is less than 1, a board is missing (the rows are named), or a board has fewer than
        `n` pins; the boards are named.
    """
    check_whole(n, "n", 1)
    by_board = check_table(pins, "pins", "board").groupby("board", observed=True)
    sizes = by_board.size()
    short = sizes[sizes < n]
    if len(short):
        raise ValueError(
            f"cannot sample {n} pins a board: {listed(f'{b} has {s}' for b, s in short.items())}. "
            "Lower the number of pins or raise min_pins"
        )
    rng = np.random.default_rng(random_state)
    rows = by_board.indices  # row numbers, in time order
    return np.concatenate(
        [np.sort(rng.choice(rows[board], n, replace=False)) for board in sizes.index]
    )


def sessions(users: ArrayLike, times: ArrayLike, rule: str = "day") -> NDArray[np.int64]:
    """Part each user's pins into sessions, in which they were collected together.

    Parameters
    ----------
    users : array-like of shape (n,)
        User (or board) of each pin, in any order.
    times : array-like of datetime64 or Timestamp, shape (n,)
        When it was pinned; a time without a zone is taken for UTC.
    rule : {"day", "gap", "commit"}, default="day"
        One session are pins of one day (UTC); or pins of which each follows the one before it by
        30 minutes at most; or pins of one instant, as those of a commit are.

    Returns
    -------
    ndarray of int, shape (n,)
        Number of each pin's session, in the order of users and times from 0; no two users have a
        number in common.

    Raises
    ------
    ValueError
        If lengths differ, a user or time is missing, or the rule is unknown.
    TypeError
        If times are no dates, or users are of several kinds.

    Examples
    --------
    >>> times = pd.to_datetime(["2015-01-01 23:50", "2015-01-02 00:10", "2015-01-02 09:00"])
    >>> [sessions(["ann"] * 3, times, rule).tolist() for rule in SESSION_RULES]
    [[0, 1, 1], [0, 0, 1], [0, 1, 2]]
    """
    if rule not in SESSION_RULES:
        raise ValueError(f"rule: expected one of {', '.join(SESSION_RULES)}, got {rule!r}")
    given = check_groups(times, None, "times")
    owners = np.unique(check_groups(users, len(given), "users"), return_inverse=True)[1]
    if given.dtype.kind != "M" and not all(isinstance(time, datetime) for time in given):
        raise TypeError(
            f"times: expected dates, got {given.dtype} ({given[0]!r} at row 0); "
            "pandas.to_datetime makes dates of texts"
        )
    instants = pd.Series(pd.to_datetime(given, utc=True))
    if rule == "day":
        instants = instants.dt.floor("D")
    order = np.lexsort((instants, owners))
    gaps = instants.iloc[order].diff()
    new = gaps > (SESSION_GAP if rule == "gap" else pd.Timedelta(0))
    new |= np.diff(owners[order], prepend=-1) > 0
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers


def split_pins(
    pins: pd.DataFrame,
    n_train: int,
    n_test: int,
    keep_batches: bool = False,
    keep_days: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The first `n_train` and the last `n_test` pins of each board, in time.

    Parameters
    ----------
    pins : DataFrame with columns board, time
        Rows sorted by board and, within each, by time. The index is not looked at.
    n_train, n_test : int
        Numbers of pins, at least 1.
    keep_batches : bool, default=False
        Pins of equal time were added as one batch and may stand in any order. If True, those of
        the first pins that share the time of the board's first test pin are left out, so that the
        two sides lie on either side of a moment. The board then has fewer training pins, or none.
    keep_days : bool, default=False
        The same of pins of one day (UTC), whatever their hour: the two sides lie on either side of
        a midnight.

    Returns
    -------
    train_mask, test_mask : ndarray of bool, shape (len(pins),)
        Disjoint; by place of the row.

    Raises
    ------
    TypeError
        If a number of pins is not whole, boards have names of several kinds, or days are to be kept
        of times that are no dates.
    ValueError
        If a column is not there, a board or time is missing (the rows are named), the rows are not
        sorted, a number is less than 1, or a board has fewer than ``n_train + n_test`` pins (the
        boards are named).
    """
    pins = check_table(pins, "pins", "board", ["time"])
    check_whole(n_train, "n_train", 1)
    check_whole(n_test, "n_test", 1)
    same_board = (pins["board"] == pins["board"].shift())[1:]
    in_time = (pins["time"] >= pins["time"].shift())[1:]
    if (~same_board).sum() + 1 > pins["board"].nunique() or not in_time[same_board].all():
        raise ValueError("pins: rows must be sorted by board, then time: sort_values first")
    groups = pins.groupby("board", sort=False, observed=True)
    sizes = groups.size()
    short = sizes[sizes < n_train + n_test]
    if len(short):
        named = ", ".join(f"{board!r} ({size})" for board, size in short.head(10).items())
        more = f" and {len(short) - 10} more" if len(short) > 10 else ""
        raise ValueError(
            f"pins: boards with fewer than n_train + n_test = {n_train + n_test} pins: "
            f"{named}{more}; drop them or ask for fewer"
        )
    train = groups.cumcount().to_numpy() < n_train
    test = groups.cumcount(ascending=False).to_numpy() < n_test
    if keep_batches or keep_days:
        times = _days(pins["time"]) if keep_days else pins["time"]
        first_test = times.where(test).groupby(pins["board"].to_numpy()).transform("min")
        train &= (times < first_test).to_numpy()
    return train, test


def _days(times: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(times):
        raise TypeError(f"pins: days are kept whole of dates, and times are {times.dtype}")
    return times.dt.floor("D")
