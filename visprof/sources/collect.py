"""What every source of boards shares: saving pictures of strangers, the manifest, the summary.

A source writes a folder that `visprof.boards.read_boards` reads: ``manifest.csv`` with at least
the columns ``board_id, image, added_at, caption``, and the pictures at the paths it lists.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from visprof.boards import survey_boards
from visprof.checks import listed
from visprof.files import read_record, remove_unfinished, replacing, write_record, write_whole
from visprof.manifests import FURTHER_COLUMNS, parse_times, read_manifest
from visprof.object_stores import is_url, object_state
from visprof.pictures import (
    SIDEWAYS,
    PictureError,
    decode,
    open_picture,
    open_regular,
    upright,
)

__all__ = [
    "CollectSummary",
    "PictureError",
    "begin_collection",
    "board_folder",
    "clear_unfinished",
    "collect_folder",
    "finish_collection",
    "is_saved_picture",
    "keep_board",
    "save_picture",
    "write_manifest",
]

log = logging.getLogger("visprof")

MANIFEST = "manifest.csv"
REQUIRED = ("board_id", "image", "added_at", "caption")
FOLDER_COLUMNS = (*REQUIRED, "source", "sha256", "width", "height")
MARK = ".collected"  # file that says where a collection is from
ROWS = ".rows"  # sub-folder with one file a finished board

RESERVED = ("manifest.csv", "manifest.parquet")  # no folder of a board
MAX_BYTES = 64 * 2**20
MAX_ASPECT = 50  # long side over short side
JPEG_QUALITY = 90
JPEG_BEGINS, JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"

Row = dict[str, object]


@dataclass(frozen=True)
class CollectSummary:
    """What a source kept, and why not the rest.

    Attributes
    ----------
    kept : int
        Pins in the manifest.
    left_out : Counter of str
        How many were left out for each reason.
    boards : int
        Boards with at least one pin.
    failed : dict of str to str
        Boards that could not be collected at all, and why.
    file_times : int
        Pins whose time is that of their file, since the picture has no EXIF date.
    """

    kept: int
    left_out: Counter[str]
    boards: int
    failed: dict[str, str] = field(default_factory=dict)
    file_times: int = 0

    def __str__(self) -> str:
        lines = [f"kept {self.kept} pins on {self.boards} boards"]
        if self.file_times:
            lines.append(
                f"{self.file_times} of them have the time of their file, since the picture says "
                "none: if files were copied or unpacked, their order means nothing"
            )
        if self.left_out:
            lines.append(f"left out {self.left_out.total()}:")
            ordered = sorted(self.left_out.items(), key=lambda item: (-item[1], item[0]))
            lines += [f"  {count:>7}  {reason}" for reason, count in ordered]
        if self.failed:
            lines.append(f"failed {len(self.failed)} boards; collect again to try them again:")
            lines += [f"  {board}: {reason}" for board, reason in sorted(self.failed.items())]
        return "\n".join(lines)


# ------------------------------------------------------------------------------------- pictures


def save_picture(
    data: bytes,
    path: str | Path,
    max_side: int | None = None,
    short_side: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[int, int]:
    """Decode an untrusted picture, scale it down and write it as JPEG.

    The picture becomes upright (EXIF orientation), 8-bit RGB on white, without metadata; of an
    animation the first frame is taken, whatever the name of the file said. It is never enlarged.
    Equal bytes give equal files (with the same version of Pillow and its JPEG library), and a
    killed process leaves no half-written file.

    Parameters
    ----------
    data : bytes
        A picture file, of a format that `visprof.pictures.read_image` knows.
    path : path
        The JPEG file to write; its folder is made if absent.
    max_side, short_side : int, optional
        Largest long or short side of the file in pixels; at most one of them.
    max_bytes : int
        Longer data are refused before anything is decoded.

    Returns
    -------
    width, height : int
        Size of the upright picture before scaling.

    Raises
    ------
    PictureError
        If the data are empty, too long, no picture, damaged, or decode to a size that is absurd:
        more than 160 million pixels or one side more than 50 times the other.
    ValueError
        If both sides are given, or one is below 1.
    OSError
        If the file cannot be written (the disk is full, say); the message names it.
    """
    if max_side is not None and short_side is not None:
        raise ValueError(f"pass max_side={max_side} or short_side={short_side}, not both")
    for name, side in (("max_side", max_side), ("short_side", short_side)):
        if side is not None and side < 1:
            raise ValueError(f"{name} is {side}; pass at least 1 pixel")
    if not data:
        raise PictureError("empty file")
    if len(data) > max_bytes:
        raise PictureError(f"more than {max_bytes} bytes")
    picture, size = _decode(data, max_side, short_side)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=JPEG_QUALITY)
    write_whole(Path(path), encoded.getvalue())
    return size


def is_saved_picture(path: Path) -> bool:
    """Return whether a file begins and ends like a JPEG file: what `save_picture` wrote is whole.

    That is all there is to know of a picture whose size nobody wrote down.
    """
    if not path.is_file() or path.stat().st_size < len(JPEG_BEGINS + JPEG_ENDS):
        return False
    with path.open("rb") as file:
        begins = file.read(len(JPEG_BEGINS))
        file.seek(-len(JPEG_ENDS), os.SEEK_END)
        return (begins, file.read()) == (JPEG_BEGINS, JPEG_ENDS)


def _decode(
    data: bytes, max_side: int | None, short_side: int | None
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the scaled RGB picture and the size of the upright original."""
    with open_picture(io.BytesIO(data)) as opened:
        width, height = opened.size
        if max(width, height) > MAX_ASPECT * min(width, height):  # judged by the header
            raise PictureError(f"one side more than {MAX_ASPECT} times the other")
        scaled = _scaled_size(width, height, max_side, short_side)
        opened.draft(None, (2 * scaled[0], 2 * scaled[1]))  # JPEG: skips work, not quality
        picture, orientation = decode(opened)
        if scaled != (width, height):
            picture = picture.resize(scaled, Image.Resampling.LANCZOS)
    size = (height, width) if orientation in SIDEWAYS else (width, height)
    return upright(picture, orientation), size


def _scaled_size(
    width: int, height: int, max_side: int | None, short_side: int | None
) -> tuple[int, int]:
    scale = 1.0
    if max_side is not None:
        scale = min(1.0, max_side / max(width, height))
    if short_side is not None:
        scale = min(1.0, short_side / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


# ------------------------------------------------------------------------------------- manifests


def write_manifest(out: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Path:
    """Write ``manifest.csv``, sorted; the same rows in any order give the same bytes.

    Any text is kept, but for lone surrogates (bytes that are no text), which no file in UTF-8 can
    hold: they are written with a backslash, ``\\udcff`` say. What was written is read back before
    it takes the place of an earlier manifest.

    Parameters
    ----------
    out : path
        The folder of the manifest; made if absent.
    rows : iterable of mappings
        One a pin, with a value for every column.
    columns : sequence of str
        The columns in order; ``board_id``, ``image``, ``added_at`` and ``caption`` among them.

    Returns
    -------
    Path
        The manifest. Its rows are sorted by board, moment, path (or image where there is no column
        ``path``) and then the rest.

    Raises
    ------
    ValueError
        If a needed column is missing, a row lacks a column, a time is none that `parse_times`
        reads, or the manifest is none that `visprof.manifests.read_manifest` reads: a picture
        outside of its folder, say.
    """
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise ValueError(f"columns {list(columns)} lack {', '.join(missing)}")
    lines = []
    for row in rows:
        lacking = [column for column in columns if column not in row]
        if lacking:
            raise ValueError(f"the row {dict(row)} lacks {', '.join(lacking)}")
        lines.append([_writable(row[column]) for column in columns])
    board, added_at = columns.index("board_id"), columns.index("added_at")
    name = columns.index("path" if "path" in columns else "image")
    moments = parse_times(line[added_at] for line in lines)
    if moments.isna().any():
        wrong = lines[int(np.argmax(moments.isna()))][added_at]
        raise ValueError(f"added_at {wrong!r} is not an ISO 8601 time of the years 1678 to 2261")
    order = sorted(
        zip(lines, moments, strict=True),
        key=lambda item: (item[0][board], item[1], item[0][name], item[0]),
    )
    lines = [line for line, _ in order]
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for line in [list(columns), *lines]:  # the writer does not know that \r ends a line, too
        (quoted if any("\r" in value for value in line) else plain).writerow(line)
    manifest = Path(out) / MANIFEST

    def check(written: Path) -> None:
        try:
            table = read_manifest(written)
            if [list(table.columns), *table.to_numpy().tolist()] != [list(columns), *lines]:
                raise ValueError("it is not what was to be written")
        except ValueError as error:
            why = str(error).replace(str(written), str(manifest))
            raise ValueError(
                f"{manifest} was not written, since it would not read: {why}"
            ) from None

    with replacing(manifest) as file:
        file.write(text.getvalue().encode())
        file.flush()
        if lines:
            check(Path(file.name))
    return manifest


def _writable(value: object) -> str:
    return str(value).encode(errors="backslashreplace").decode()


def board_folder(board_id: str) -> str:
    """Return a folder name for a board that is safe on every system and differs between boards."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", board_id).lstrip(".")[:80].rstrip(".")
    if safe and safe == board_id and safe.lower() not in RESERVED:
        return safe
    name = _writable(board_id).encode()
    return f"{safe or 'board'}-{hashlib.sha256(name).hexdigest()[:8]}"


def begin_collection(out: Path, source: str) -> None:
    """Refuse a folder that holds something else; remove what a killed run left unfinished in it.

    Parameters
    ----------
    out : path
        The folder; it need not exist.
    source : str
        Where the boards come from.

    Raises
    ------
    FileExistsError
        If it holds a manifest that was not collected, or boards of another source.
    """
    mark = out / MARK
    if (out / MANIFEST).exists() and not mark.exists():
        raise FileExistsError(
            f"{out / MANIFEST} is there, and not known to be from the same collection; it would be "
            "replaced: collect into another folder, or move it away"
        )
    known = mark.read_text("utf-8", errors="replace").strip() if mark.exists() else source
    if known != source:
        raise FileExistsError(
            f"{out} holds what was collected from {known}; collect from {source} into another "
            "folder, or delete that one"
        )
    clear_unfinished(out)


def finish_collection(
    out: Path, source: str, rows: Iterable[Mapping[str, object]], columns: Sequence[str]
) -> None:
    """Write the manifest of a collection (see `write_manifest`), and where it is from."""
    write_whole(out / MARK, f"{_writable(source)}\n".encode())
    write_manifest(out, rows, columns)


def clear_unfinished(out: Path) -> None:
    """Remove pictures, manifests and lists of boards that killed runs left half-written."""
    for names in ("**/*.jpg.*", f"{MANIFEST}.*", f"{ROWS}/*.json.*"):
        remove_unfinished(out, names)


def keep_board(
    out: Path,
    board_id: str,
    asked: Mapping[str, object],
    collect: Callable[[], tuple[list[Row], Counter[str]]],
) -> tuple[list[Row], Counter[str]]:
    """Collect a board, or load what an earlier run collected.

    A finished board is written to ``.rows/<board>.json``, so a killed run goes on with the boards
    that are missing. It is loaded if the same was asked and its pictures are all there, each of
    the size that was written. What cannot be used is as good as absent: a warning names it, and the
    board is collected anew.

    Parameters
    ----------
    out : path
        The folder of the collection.
    board_id : str
        The board.
    asked : mapping
        All that the outcome depends on, as JSON values.
    collect : callable
        Saves the pictures; returns the rows of the manifest and what was left out.

    Raises
    ------
    OSError
        If the file cannot be written (the disk is full, say); the message names it.
    """
    out = Path(out)
    kept = out / ROWS / f"{board_folder(board_id)}.json"
    board = _kept_board(kept, out, asked)
    if board is None:
        rows, left_out = collect()
        sizes = {row["image"]: _size(out / row["image"]) for row in rows}
        board = {"asked": dict(asked), "rows": rows, "sizes": sizes}
        write_record(kept, board | {"left_out": dict(sorted(left_out.items()))})
        return rows, left_out
    return board["rows"], Counter(board["left_out"])


def _kept_board(kept: Path, out: Path, asked: Mapping[str, object]) -> dict | None:
    """Return what is kept of a board; None if nothing is, or something else was asked."""
    if not kept.exists():
        return None
    try:
        board = read_record(kept)
    except ValueError as error:
        log.warning("%s cannot be used (%s); the board is collected anew", kept, error)
        return None
    if board["asked"] != json.loads(json.dumps(asked)):
        return None
    sizes = board["sizes"].items()
    lost = [image for image, size in sizes if size is None or _size(out / image) != size]
    if lost:
        log.warning(
            "%d of %d pictures of %s are no longer as they were written (%s); the board is "
            "collected anew",
            len(lost), len(sizes), kept, listed(lost),
        )  # fmt: skip
        return None
    return board


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


# --------------------------------------------------------------------------------------- folders


def collect_folder(
    src: str | Path, out: str | Path, *, short_side: int = 160, progress: bool = True
) -> CollectSummary:
    """Copy the boards of a folder or manifest, scaled down and with every picture checked.

    Parameters
    ----------
    src : path
        What `visprof.boards.read_boards` reads: a manifest, or a folder with one sub-folder a
        board.
    out : path
        Where to write; not inside `src`.
    short_side : int
        Largest short side of the pictures in pixels.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        What was kept, and how much of `src` was left out: what is in no table of pins, and pins
        without a picture that can be used. The manifest has the further columns ``source`` (the
        file or URL), ``sha256`` (of its bytes), ``width`` and ``height`` (before scaling, or
        as `src` has them), and ``licence``, ``time_source``, ``format`` and ``bytes`` if it has.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_boards`; ValueError if `out` is `src` or inside of it, or no pin is left.
    FileExistsError
        If `out` holds another collection, or a manifest that was not collected.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.

    Examples
    --------
    >>> from PIL import Image
    >>> Path("mine/garden").mkdir(parents=True)
    >>> Image.new("RGB", (400, 300), "green").save("mine/garden/lawn.jpg")
    >>> collected = collect_folder("mine", "folder/boards", progress=False)
    >>> collected.kept, collected.boards, collected.file_times
    (1, 1, 1)
    """
    src, out = Path(src), Path(out)
    if out.resolve().is_relative_to(src.resolve()):
        raise ValueError(f"out={out} is inside of {src}; pass a folder outside of it")
    source = f"folder {src.resolve()}"
    begin_collection(out, source)
    pins, rest = survey_boards(src)
    root = src if src.is_dir() else src.parent
    rows, left_out = [], Counter(rest["reason"])
    with tqdm(total=len(pins), unit="picture", disable=not progress) as bar:
        for board_id, board in pins.groupby("board"):
            asked = {"short_side": short_side, "pins": _stated(board, root)}
            more_rows, more_left_out = keep_board(
                out,
                board_id,
                asked,
                lambda board=board: _copy_board(board, root, out, short_side),
            )
            rows += more_rows
            left_out += more_left_out
            bar.update(len(board))
    if not rows:
        reasons = ", ".join(f"{why} ({n})" for why, n in left_out.most_common())
        raise ValueError(f"no pin is left of the boards at {src}: {reasons}")
    finish_collection(out, source, rows, tuple(dict.fromkeys((*FOLDER_COLUMNS, *_further(pins)))))
    return CollectSummary(
        kept=len(rows),
        left_out=left_out,
        boards=len({row["board_id"] for row in rows}),
        file_times=sum(row.get("time_source") == "file" for row in rows),
    )


def _further(pins: pd.DataFrame) -> list[str]:
    return [column for column in FURTHER_COLUMNS if column in pins]


def _stated(board: pd.DataFrame, root: Path) -> list[list[object]]:
    """List what a board's copy depends on: its pins and the state of their files."""
    stated = []
    for pin in board.to_dict("records"):
        file = _located(pin["image"])
        further = [pin[column] for column in _further(board)]
        stated.append(
            [_source(file, root), pin["time"].isoformat(), pin["caption"], *further, *_state(file)]
        )
    return stated


def _located(image: str) -> Path | str:
    return image if is_url(image) else Path(image)


def _state(file: Path | str) -> tuple[int | str, ...]:
    try:
        if is_url(file):
            return (object_state(file),)
        found = os.stat(file)
    except (OSError, ValueError):  # nothing is there, or it cannot be the path of anything
        return ()
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ()


def _source(file: Path | str, root: Path) -> str:
    if is_url(file):
        return file
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def _copy_board(
    board: pd.DataFrame, root: Path, out: Path, short_side: int
) -> tuple[list[Row], Counter[str]]:
    rows, left_out = [], Counter()
    for pin in board.to_dict("records"):
        file = _located(pin["image"])
        try:
            data = _read_capped(file)
            sha256 = hashlib.sha256(data).hexdigest()
            image = f"{board_folder(pin['board'])}/{sha256[:16]}.jpg"
            width, height = save_picture(data, out / image, short_side=short_side)
        except FileNotFoundError:
            left_out["no such file"] += 1
            continue
        except PictureError as error:
            left_out[str(error)] += 1
            continue
        values = (
            pin["board"], image, pin["time"].isoformat(), pin["caption"],
            _source(file, root), sha256, width, height,
        )  # fmt: skip
        row = dict(zip(FOLDER_COLUMNS, values, strict=True))
        # what is said of an original that was scaled before is truer than what is found here
        further = {of: pin[of] for of in _further(board) if pin[of] or of not in row}
        rows.append(row | further)
    return rows, left_out


def _read_capped(file: Path | str) -> bytes:
    with open_regular(file) as opened:
        if opened.seek(0, os.SEEK_END) > MAX_BYTES:
            raise PictureError(f"more than {MAX_BYTES} bytes")
        opened.seek(0)
        return opened.read()
