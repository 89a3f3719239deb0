"""Boards: pins as one validated table, the paper's filters, and samples of pins.

A table of pins is a data frame with one row a pin, sorted by board and time:

======== ==================== =====================================================
column   type                 meaning
======== ==================== =====================================================
board    str                  the board (in the paper: one board, one user)
image    str                  path of the picture file
time     datetime64, UTC      when it was pinned
caption  str                  its text, maybe empty
======== ==================== =====================================================

Pins of one board that share a time keep the order in which they were read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import ExifTags, Image

from visprof.pictures import IMAGE_SUFFIXES, read_image

__all__ = [
    "BACKGROUND_SOURCES",
    "background_split",
    "filter_boards",
    "name_words",
    "parse_times",
    "read_boards",
    "sample_pins",
    "split_readable",
]

MANIFEST = "manifest.csv"
PARQUET_MANIFEST = "manifest.parquet"
MANIFEST_COLUMNS = {"board_id": "board", "image": "image", "added_at": "time", "caption": "caption"}
BACKGROUND_SOURCES = ("active", "rest")
YEARS = (1678, 2261)  # whole years that nanoseconds in 64 bits reach
ISO_TIME = re.compile(
    r"(?P<year>[0-9]{4})-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)


def read_boards(path: str | Path) -> pd.DataFrame:
    """Read the pins of many boards from a manifest or from a folder of folders.

    Parameters
    ----------
    path : path
        A ``manifest.csv`` or ``manifest.parquet``, a folder that holds one (the CSV file goes
        first), or a folder with one sub-folder a board. A manifest has the columns ``board_id``,
        ``image`` (path relative to the manifest), ``added_at`` (ISO 8601, or a Parquet timestamp)
        and ``caption``; ``licence`` is kept if it is there, further columns are left out. In a
        folder of folders the time is the picture's EXIF date or else the file's modification
        time, and the caption is made of the words of the file name.

    Returns
    -------
    DataFrame
        A table of pins (see the module's text). No picture is opened but for its EXIF date:
        see `split_readable`.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If a column is missing, a value cannot be read (the lines are named), or no pin is found.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"no boards at {path}: pass a {MANIFEST} or {PARQUET_MANIFEST}, a folder that holds "
            "one, or a folder with one sub-folder of pictures a board"
        )
    if path.is_file():
        pins = _read_manifest(path)
    elif (path / MANIFEST).is_file():
        pins = _read_manifest(path / MANIFEST)
    elif (path / PARQUET_MANIFEST).is_file():
        pins = _read_manifest(path / PARQUET_MANIFEST)
    else:
        pins = _read_folders(path)
    return pins.sort_values(["board", "time"], kind="stable", ignore_index=True)


def _read_manifest(path: Path) -> pd.DataFrame:
    parquet = path.suffix.lower() == ".parquet"
    table = _read_parquet(path) if parquet else pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in MANIFEST_COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}. Needed: {', '.join(MANIFEST_COLUMNS)}"
        )
    if table.empty:
        raise ValueError(f"{path} lists no pins")
    for column in ("board_id", "image"):
        _refuse(path, column, table[column], table[column].str.strip() == "", "is empty")
    time = pd.to_datetime(table["added_at"], utc=True, format="ISO8601", errors="coerce")
    _refuse(path, "added_at", table["added_at"], time.isna(), "is not an ISO 8601 time")
    columns = [*MANIFEST_COLUMNS, *(column for column in ("licence",) if column in table)]
    pins = table[columns].rename(columns=MANIFEST_COLUMNS)
    return pins.assign(image=[str(path.parent / image) for image in pins["image"]], time=time)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet table as the same text that a CSV file would hold; nulls are empty."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    return table.reset_index(drop=True).astype("string").fillna("").astype(str)


def _refuse(path: Path, column: str, values: pd.Series, wrong: pd.Series, what: str) -> None:
    """Stop if any value is wrong, naming the first lines (or rows) that hold one."""
    if wrong.any():
        rows = np.flatnonzero(wrong)
        unit, first = ("row", 1) if path.suffix.lower() == ".parquet" else ("line", 2)
        named = ", ".join(f"{unit} {row + first} ({values.iloc[row]!r})" for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise ValueError(f"{path}: column {column} {what} in {named}{more}")


def _read_folders(path: Path) -> pd.DataFrame:
    rows = [
        (folder.name, str(image), _picture_time(image), name_words(image.stem))
        for folder in sorted(path.iterdir())
        if folder.is_dir()
        for image in sorted(folder.rglob("*"))
        if image.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not rows:
        raise ValueError(
            f"no pictures below {path}: put each board's pictures ({', '.join(IMAGE_SUFFIXES)}) "
            f"into a sub-folder of its own, or add a {MANIFEST}"
        )
    pins = pd.DataFrame(rows, columns=["board", "image", "time", "caption"])
    return pins.assign(time=pd.to_datetime(pins["time"], utc=True))


def _picture_time(image: Path) -> pd.Timestamp:
    """EXIF date of a picture, taken as UTC, or else its file's modification time."""
    try:
        with Image.open(image) as opened:
            exif = opened.getexif()
        date = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        date = date or exif.get(ExifTags.Base.DateTime)
    except (OSError, SyntaxError):  # Pillow's errors for a broken file; `split_readable` names it
        date = None
    stamp = pd.to_datetime(date, format="%Y:%m:%d %H:%M:%S", errors="coerce", utc=True)
    if date is None or pd.isna(stamp):
        stamp = pd.Timestamp(image.stat().st_mtime, unit="s", tz="UTC")
    return stamp


def parse_times(values: Iterable[object]) -> pd.DatetimeIndex:
    """Read times of one form, ISO 8601, and guess at nothing else.

    Parameters
    ----------
    values : iterable
        Texts such as ``2015-06-01``, ``2015-06-01T10:00``, ``2015-06-01 10:00:00.123456789Z`` or
        ``2015-06-01T12:00:00+02:00``, of the years 1678 to 2261; blanks around are passed over.
        Without a zone a time is in UTC.

    Returns
    -------
    DatetimeIndex
        One a value, in UTC and nanoseconds; NaT for whatever else: other forms, other years, days
        that no calendar has, numbers, None.
    """
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    stated = [text if _is_supported(text) else None for text in texts]
    times = pd.to_datetime(stated, format="ISO8601", utc=True, errors="coerce")
    return pd.DatetimeIndex(times).as_unit("ns")


def _is_supported(text: str) -> bool:
    form = ISO_TIME.fullmatch(text)
    return form is not None and YEARS[0] <= int(form["year"]) <= YEARS[1]


def name_words(name: str) -> str:
    """Return the words of a file's name or path, in lower case; camelCase counts as two words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return " ".join(re.findall(r"[^\W_]+", text)).lower()


def split_readable(pins: pd.DataFrame, n_threads: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every picture once and set aside the pins whose picture cannot be read.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    n_threads : int
        Pictures decoded at a time.

    Returns
    -------
    readable : DataFrame
        The pins whose picture decodes.
    unreadable : DataFrame
        The others, with a column ``reason``.

    Raises
    ------
    ValueError
        If no picture at all can be read.
    """
    with ThreadPoolExecutor(n_threads) as pool:
        reason = pd.Series(list(pool.map(_why_unreadable, pins["image"])), index=pins.index)
    broken = reason.notna()
    if broken.all():
        raise ValueError(f"none of {len(pins)} pictures can be read; the first: {reason.iloc[0]}")
    readable = pins[~broken].reset_index(drop=True)
    return readable, pins[broken].assign(reason=reason[broken]).reset_index(drop=True)


def _why_unreadable(image: str) -> str | None:
    try:
        read_image(image)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return None


def filter_boards(
    pins: pd.DataFrame, min_pins: int = 100, active_since: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the boards that are large and active enough (the paper, section IV).

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    min_pins : int
        Least number of pins of a board (the paper: 100).
    active_since : str, optional
        A date; a board needs a pin at or after it (the paper: after June 2014).

    Returns
    -------
    kept : DataFrame
        The pins of the boards that pass.
    funnel : DataFrame
        Boards and pins left after each filter, in order; columns ``step``, ``boards``, ``pins``.

    Raises
    ------
    ValueError
        If no board passes.
    """
    by_board = pins.groupby("board")
    steps = {f"at least {min_pins} pins": by_board["image"].transform("size") >= min_pins}
    if active_since is not None:
        since = pd.Timestamp(active_since, tz="UTC")
        steps[f"a pin since {since.date()}"] = by_board["time"].transform("max") >= since
    rows = [("all boards", pins["board"].nunique(), len(pins))]
    kept = pins
    for step, passes in steps.items():
        kept = kept[passes[kept.index]]
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
        All pins, and those that `filter_boards` kept.
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
        Their pins. No board is in both.

    Raises
    ------
    ValueError
        If `source` is unknown, or fewer boards than asked are there, or fewer than 2 would be left
        to analyse.
    """
    if source not in BACKGROUND_SOURCES:
        raise ValueError(f"source is {source!r}; known: {', '.join(BACKGROUND_SOURCES)}")
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
        A table of pins.
    n : int
        Pins a board.
    random_state : int
        Seed of the draw.

    Returns
    -------
    ndarray of int, shape (n_boards * n,)
        Row numbers into `pins`, sorted by board and time.

    Raises
    ------
    ValueError
        If a board has fewer than `n` pins; the boards are named.
    """
    sizes = pins.groupby("board").size()
    short = sizes[sizes < n]
    if n < 1 or len(short):
        raise ValueError(
            f"cannot sample {n} pins a board: {_listed(f'{b} has {s}' for b, s in short.items())}. "
            "Lower the number of pins or raise min_pins"
        )
    rng = np.random.default_rng(random_state)
    rows = pins.groupby("board").indices  # row numbers, in time order
    return np.concatenate(
        [np.sort(rng.choice(rows[board], n, replace=False)) for board in sizes.index]
    )


def _listed(items: Iterable[str], most: int = 5) -> str:
    items = list(items)
    more = f"; and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more
