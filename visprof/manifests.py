"""Manifests: tables of pins as people write them, CSV or Parquet, read strictly and named by line.

A manifest has the columns ``board_id``, ``image`` (path in its folder, or URL of an object in a
store), ``added_at`` and ``caption``, and may have others. What cannot be read as it is meant is
refused with its line, and nothing is guessed at.
"""

from __future__ import annotations

import csv
import functools
import io
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof.checks import listed
from visprof.object_stores import STORES, is_url, store_of

__all__ = ["FURTHER_COLUMNS", "parse_times", "read_manifest"]

MANIFEST = "manifest.csv"
PARQUET_MANIFEST = "manifest.parquet"
MANIFEST_COLUMNS = {"board_id": "board", "image": "image", "added_at": "time", "caption": "caption"}
FURTHER_COLUMNS = (  # kept if they are there
    "licence", "time_source", "width", "height", "format", "bytes",
)  # fmt: skip
YEARS = (1678, 2261)  # whole years that nanoseconds in 64 bits reach
ISO_TIME = re.compile(
    r"(?P<year>[0-9]{4})-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read all columns of a manifest as text, and check what `read_boards` needs of it.

    Parameters
    ----------
    path : path
        A CSV file in UTF-8, or a Parquet file (named ``.parquet``), whose nulls are empty text.

    Returns
    -------
    DataFrame of str
        Its rows and columns.

    Raises
    ------
    ValueError
        If it is empty, in another encoding or damaged, has rows of different length, a column
        twice or not at all, an empty board or image, a time that `parse_times` does not read, a
        picture outside of its folder, or a URL that is of none of `visprof.object_stores.STORES`.
        Lines (of Parquet: rows) are named.
    """
    path = Path(path)
    table, places = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    missing = [column for column in MANIFEST_COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}. Needed: {', '.join(MANIFEST_COLUMNS)}"
        )
    if table.empty:
        raise ValueError(f"{path} lists no pins")

    def refuse(column: str, wrong: Iterable[bool], what: str) -> None:
        """Stop if any value is wrong, naming the first lines (or rows) that hold one."""
        rows = np.flatnonzero(list(wrong))
        if len(rows):
            named = listed(f"{places[row]} ({table[column].iloc[row]!r})" for row in rows)
            raise ValueError(f"{path}: column {column} {what} in {named}")

    for column in ("board_id", "image"):
        refuse(column, (not value.strip() for value in table[column]), "is empty")
    forms = [ISO_TIME.fullmatch(value.strip()) for value in table["added_at"]]
    wrong_form = (form is None for form in forms)
    refuse("added_at", wrong_form, "is not an ISO 8601 time (2015-06-01T10:00:00+02:00, say)")
    first, last = YEARS
    wrong_year = (not first <= int(form["year"]) <= last for form in forms)
    refuse("added_at", wrong_year, f"is not of the years {first} to {last}")
    no_time = parse_times(table["added_at"]).isna()
    refuse("added_at", no_time, "is a day or a time that does not exist")
    no_store = (is_url(image) and store_of(image) not in STORES for image in table["image"])
    refuse("image", no_store, f"is a URL of no object store that is known ({', '.join(STORES)})")
    out = f"leads out of the folder of the manifest (put a copy of the picture into {path.parent})"
    refuse("image", _leads_out(path.parent, table["image"]), out)
    return table


def manifest_pins(path: Path) -> pd.DataFrame:
    """Pins of a manifest, with paths of pictures as they are from here, and URLs as they stand."""
    table = read_manifest(path)
    columns = [*MANIFEST_COLUMNS, *(column for column in FURTHER_COLUMNS if column in table)]
    pins = table[columns].rename(columns=MANIFEST_COLUMNS)
    images = [image if is_url(image) else str(path.parent / image) for image in pins["image"]]
    return pins.assign(image=images, time=parse_times(pins["time"]))


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

    Examples
    --------
    >>> parse_times(["2015-06-01T10:00:00+02:00", "2015-06-02"]).strftime("%d %B, %H:%M").tolist()
    ['01 June, 08:00', '02 June, 00:00']
    """
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    stated = [text if _is_supported(text) else None for text in texts]
    times = pd.to_datetime(stated, format="ISO8601", utc=True, errors="coerce")
    return pd.DatetimeIndex(times).as_unit("ns")


def _is_supported(text: str) -> bool:
    form = ISO_TIME.fullmatch(text)
    return form is not None and YEARS[0] <= int(form["year"]) <= YEARS[1]


def _read_csv(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV table as text, and the line at which each row begins."""
    text = _utf8_text(path)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a caption may be a whole book
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, places, line = [], [], 1
    try:
        for row in reader:
            if row:  # no empty line
                rows.append(row)
                places.append(f"line {line}")
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}: the row that begins in line {line} is not CSV ({error}); a text that begins "
            'with a quote must end with one, and have those inside of it doubled: "a ""b"" c"'
        ) from error
    if not rows:
        raise ValueError(f"{path} is empty; its first line must name {', '.join(MANIFEST_COLUMNS)}")
    header = [name.strip() for name in rows.pop(0)]
    if repeated := [name for name, n in Counter(header).items() if n > 1]:
        raise ValueError(f"{path} has more than one column {', '.join(repeated)}")
    places = places[1:]
    if uneven := [row for row, fields in enumerate(rows) if len(fields) != len(header)]:
        named = listed(f"{places[row]} ({len(rows[row])} fields)" for row in uneven)
        raise ValueError(
            f"{path} has {len(header)} columns, but not so many fields in {named}: a text that "
            "holds a comma must stand in quotes, and no row may end with a comma too many"
        )
    return pd.DataFrame(rows, columns=header, dtype=str), places


def _utf8_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "another encoding"
        raise ValueError(f"{path} is in {found}, by line {line}: save it as UTF-8") from error


def _read_parquet(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a Parquet table as the same text that a CSV file would hold; nulls are empty."""
    with needs("collect"):
        import pyarrow  # noqa: F401  (which pandas reads it with)
    try:
        table = pd.read_parquet(path)
        read = [column for column in table if _is_read(column, table)]
        table = table[read].reset_index(drop=True)
        table = table.astype("string").fillna("").astype(str)
    except Exception as error:  # pyarrow raises nearly anything on damaged bytes
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    return table, [f"row {row}" for row in range(1, len(table) + 1)]


def _is_read(column: str, table: pd.DataFrame) -> bool:
    """Whether a column is one of a manifest; others, or ``bytes``, may hold pictures, no text."""
    if column in MANIFEST_COLUMNS:
        return True
    return column in FURTHER_COLUMNS and not table[column].map(type).eq(bytes).any()


def _leads_out(folder: Path, images: Iterable[str]) -> list[bool]:
    """Whether each path leads out of the folder, by itself or through a link."""
    root = os.path.realpath(folder)
    inside = root.rstrip(os.sep) + os.sep
    real_folder = functools.cache(os.path.realpath)  # most pictures share theirs

    def leads_out(image: str) -> bool:
        if is_url(image):
            return False
        path = os.path.join(folder, image)
        above, name = os.path.split(path)
        try:
            if name in ("", ".", "..") or os.path.islink(path):
                real = os.path.realpath(path)
            else:
                real = os.path.join(real_folder(above), name)
        except (OSError, ValueError):  # it cannot be the path of anything
            return False
        return real != root and not real.startswith(inside)

    return [leads_out(image) for image in images]
