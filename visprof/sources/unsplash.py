"""Boards of the Unsplash Lite data set: a collection is a board.

The data set's tables are asked for at https://unsplash.com/data; pictures are not in it and come by
address. Its licence terms allow to keep the data and to train models on it, but forbid to publish
any portion of it, to pass it on, and to publish comparisons of it with similar data sets
(https://unsplash.com/data-terms, section 3). So collect it for study on your own machine: a book
that was run on it, which shows its pictures and numbers, must not be published without Unsplash's
permission.

What to know of its boards: a collection holds only those of its photos that are in the data set, an
account may own several collections, and no table says which.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit, urlunsplit

import pandas as pd

from visprof.checks import listed
from visprof.manifests import parse_times
from visprof.sources.collect import CollectSummary, begin_collection, finish_collection
from visprof.sources.http import save_pictures, session

__all__ = ["collect_unsplash"]

log = logging.getLogger("visprof")

COLUMNS = (
    "board_id", "image", "added_at", "caption", "collection_title", "photo_id", "photo_image_url",
)  # fmt: skip
PHOTOS = ("photo_id", "photo_image_url", "photo_description", "ai_description")
COLLECTIONS = ("photo_id", "collection_id", "collection_title", "photo_collected_at")
KEYWORDS = ("photo_id", "keyword", "suggested_by_user")
COLLECTION_TYPE = "collection_type"  # since version 1.3.0, which adds the editors' topics
PHOTO_ID = r"[A-Za-z0-9_-]{1,100}"  # fit for the name of a file
PIECE = 100_000  # rows made into a table at a time
TRUE = ("t", "true")
QUALITY = 80


def collect_unsplash(
    folder: str | Path,
    out: str | Path,
    *,
    width: int = 400,
    min_pins: int = 20,
    max_boards: int | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> CollectSummary:
    """Collect the boards of the Unsplash data set whose tables lie in a folder.

    The time of a pin is ``photo_collected_at`` (taken as UTC); its caption is the photographer's
    description, or else the data set's generated one, or else the keywords that people suggested.
    A photo on several boards is fetched once. Pictures that are there already are not fetched
    again, so the same call goes on where it stopped.

    Parameters
    ----------
    folder : path
        Holds ``photos``, ``collections`` and ``keywords`` as the data set ships them: tables
        separated by tabs, named ``photos.tsv000`` (or ``.csv000``, in some versions), maybe in
        several parts.
    out : path
        Gets ``manifest.csv``, for `visprof.boards.read_boards`, and the pictures.
    width : int
        Width of the pictures in pixels, as asked of the server.
    min_pins : int
        Least number of pins of a board. It is counted before pictures are fetched: a board may
        end up a little below.
    max_boards : int, optional
        Keep only so many boards, the largest.
    base_url : str, optional
        Fetch pictures from this server (a mirror) instead of the ones that the table names.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        Pins kept and left out, with the reasons; lines of ``collections`` that hold no row of it
        (the log names those of all tables) are counted, too.

    Raises
    ------
    FileNotFoundError
        If a table is absent.
    ValueError
        If a table is not in UTF-8 or lacks a column, or no pin is left.
    visprof.sources.http.FetchError
        If the network is gone.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    folder, out = Path(folder), Path(out)
    left_out: Counter[str] = Counter()
    pins = _pins(folder, left_out)
    pins = _large_boards(pins, min_pins, max_boards, left_out)
    pins["caption"] = _captions(pins, folder)
    pins["added_at"] = [stamp.isoformat() for stamp in pins["time"]]
    pins["image"] = f"w{width}/" + pins["photo_id"] + ".jpg"
    photos = pins.drop_duplicates("photo_id")
    wanted = {
        out / image: _moved(url, base_url)
        for image, url in zip(photos["image"], photos["photo_image_url"], strict=True)
    }
    begin_collection(out, "Unsplash")
    resize = {"w": width, "q": QUALITY, "fm": "jpg"}
    failed = save_pictures(session(), wanted, params=resize, progress=progress)
    reason = pins["image"].map({p.relative_to(out).as_posix(): why for p, why in failed.items()})
    left_out.update(reason.dropna())
    pins = pins[reason.isna()].rename(columns={"collection_id": "board_id"})
    _refuse_nothing(pins, left_out, folder)
    finish_collection(out, "Unsplash", pins[list(COLUMNS)].to_dict("records"), COLUMNS)
    return CollectSummary(len(pins), left_out, pins["board_id"].nunique())


def _pins(folder: Path, left_out: Counter[str]) -> pd.DataFrame:
    """Join collections and photos; count the rows that make no pin."""
    photos = _read_table(folder, "photos", PHOTOS)[0].drop_duplicates("photo_id")
    pins, wrong = _read_table(folder, "collections", COLLECTIONS, (COLLECTION_TYPE,))
    if wrong:
        left_out["no row of the table"] = wrong
    known = pins["photo_id"].isin(photos["photo_id"])
    pins = pins.merge(photos, on="photo_id", how="left").fillna("")
    pins["time"] = parse_times(pins["photo_collected_at"])
    wrong = {
        "a topic of the editors": pins[COLLECTION_TYPE].str.lower() == "topic",
        "no collection named": pins["collection_id"].str.strip() == "",
        "photo not in the photos table": ~known,
        "strange photo id": ~pins["photo_id"].str.fullmatch(PHOTO_ID),
        "photo without address": pins["photo_image_url"].str.strip() == "",
        "no valid time": pins["time"].isna(),
    }
    reason = pd.Series("", index=pins.index)
    for why, rows in wrong.items():
        reason[rows & (reason == "")] = why
    left_out.update(reason[reason != ""])
    pins = pins[reason == ""]
    repeated = pins.duplicated(["collection_id", "photo_id"])
    left_out.update(["twice on its board"] * int(repeated.sum()))
    return pins[~repeated]


def _large_boards(
    pins: pd.DataFrame, min_pins: int, max_boards: int | None, left_out: Counter[str]
) -> pd.DataFrame:
    """Keep the boards with enough pins, and of these the largest."""
    sizes = pins.groupby("collection_id").size()
    large = sizes[sizes >= min_pins]
    # by size, then by name: the same boards whatever the order of the table
    chosen = large.sort_index().sort_values(ascending=False, kind="stable")[:max_boards]
    if small := int(sizes.sum() - large.sum()):
        left_out[f"board with fewer than {min_pins} pins"] = small
    if beyond := int(large.sum() - chosen.sum()):
        left_out[f"board not among the {max_boards} largest"] = beyond
    return pins[pins["collection_id"].isin(chosen.index)].copy()


def _captions(pins: pd.DataFrame, folder: Path) -> pd.Series:
    keywords, _ = _read_table(folder, "keywords", KEYWORDS, where=_is_suggested)
    words = keywords.groupby("photo_id")["keyword"].agg(" ".join).to_dict()
    suggested = pins["photo_id"].map(lambda photo: words.get(photo, ""))
    texts = [pins["photo_description"], pins["ai_description"], suggested]
    tidy = [text.map(lambda value: " ".join(value.split())) for text in texts]
    return tidy[0].where(tidy[0] != "", tidy[1].where(tidy[1] != "", tidy[2]))


def _is_suggested(keyword: Sequence[str]) -> bool:
    return keyword[KEYWORDS.index("suggested_by_user")].lower() in TRUE


def _read_table(
    folder: Path,
    name: str,
    columns: tuple[str, ...],
    optional: tuple[str, ...] = (),
    where: Callable[[Sequence[str]], bool] = lambda row: True,
) -> tuple[pd.DataFrame, int]:
    """Read the rows of all parts of one table as text; absent optional columns are empty.

    Also returns how many lines hold no row, which the log names.
    """
    parts = sorted(p for p in folder.glob(f"{name}.*") if re.fullmatch(r"\.[tc]sv\d*", p.suffix))
    if not parts:
        raise FileNotFoundError(
            f"no table {name}.tsv000 in {folder}: pass the folder of the unpacked Unsplash data set"
        )
    pieces, wrong = [], 0
    for part in parts:
        lines: list[int] = []
        try:
            with part.open(encoding="utf-8-sig", newline="\n") as file:
                rows = filter(where, _rows(file, part, columns, optional, lines))
                while piece := list(islice(rows, PIECE)):
                    pieces.append(pd.DataFrame(piece, columns=[*columns, *optional], dtype=str))
        except (UnicodeDecodeError, csv.Error) as error:  # the latter in the line of names
            raise ValueError(f"cannot read the table {part}: {error}; unpack it again") from error
        if lines:
            log.warning("%s: left out what is no row of the table, line(s) %s", part, listed(lines))
        wrong += len(lines)
    empty = pd.DataFrame(columns=[*columns, *optional], dtype=str)
    return pd.concat(pieces or [empty], ignore_index=True), wrong


def _rows(
    file: TextIO,
    part: Path,
    columns: tuple[str, ...],
    optional: tuple[str, ...],
    wrong: list[int],
) -> Iterator[list[str]]:
    """Yield the wanted columns of each row; note the lines that hold none.

    A quote that is not closed makes one field of all lines until the next quote. The reader is
    strict, so it stumbles there and goes on with the line after.
    """
    # a lone carriage return is a character of a text, though many readers take it for a new line
    lines = (
        line.replace("\r\n", "\n").replace("\r", " ") if "\r" in line else line for line in file
    )
    reader = csv.reader(lines, delimiter="\t", strict=True)
    header = next(reader, [])
    places = _places(header, part, columns, optional)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = None
        if row is None or any(row[len(header) :]):
            wrong += range(first, reader.line_num + 1)
        elif row:  # no blank line
            row += [""] * (len(header) - len(row))
            yield [row[place] if place >= 0 else "" for place in places]


def _places(
    header: list[str], part: Path, columns: tuple[str, ...], optional: tuple[str, ...]
) -> list[int]:
    """Place of each column in a row; -1 for an optional one that is absent."""
    if missing := [column for column in columns if column not in header]:
        raise ValueError(
            f"{part} lacks the column(s) {', '.join(missing)}; it has "
            f"{', '.join(header) or 'none'}. Expected a table of the Unsplash data set, separated "
            "by tabs"
        )
    return [header.index(column) if column in header else -1 for column in (*columns, *optional)]


def _moved(url: str, base_url: str | None) -> str:
    """Return the address on another server; one that is none stays, and fails like others."""
    if base_url is None:
        return url
    try:
        path = urlunsplit(("", "", *urlsplit(url)[2:]))
    except ValueError:
        return url
    return base_url.rstrip("/") + path


def _refuse_nothing(pins: pd.DataFrame, left_out: Counter[str], folder: Path) -> None:
    if pins.empty:
        reasons = ", ".join(f"{why} ({n})" for why, n in left_out.most_common()) or "empty tables"
        raise ValueError(f"no pin is left of the tables in {folder}: {reasons}")
