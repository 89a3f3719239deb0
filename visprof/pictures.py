"""Picture files: finding them in folders, and reading one whatever its bytes are.

Files come from strangers. A picture is known by its content, its suffix is a hint; nothing but a
regular file is opened; whatever a decoder raises becomes one error with a short reason.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from visprof.object_stores import is_url, open_bytes

try:
    from pillow_heif import register_heif_opener
except ImportError:  # an extra: pip install "visprof[heif]"
    HEIF: tuple[str, ...] = ()
else:
    register_heif_opener()
    HEIF = ("HEIF",)

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "SIDEWAYS",
    "PictureError",
    "UnreadableError",
    "decode",
    "is_hidden",
    "list_entries",
    "map_pictures",
    "open_picture",
    "open_regular",
    "picture_dates",
    "read_image",
    "to_rgb",
    "upright",
    "why_unreadable",
]

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
    ".heic", ".heif", ".avif",
)  # fmt: skip
# Pillow would run Ghostscript for an EPS
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", *HEIF)
SMALL = 2**13  # bytes of a picture, which is done with in the time that threads take to pass it on
MAX_PIXELS = 160_000_000  # a wallpaper of 16K has 133 million
# MAX_PIXELS is the limit: Pillow's own warning, at half of its limit, would only confuse
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
SYSTEM_NAMES = (
    "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found",
    "thumbs.db", "ehthumbs.db", "desktop.ini",
)  # fmt: skip
TURNS = {  # what makes a picture of each EXIF orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
EXIF = b"Exif\0\0"  # begins EXIF data
WHOLE_NUMBERS = {3: "H", 4: "L", 8: "h", 9: "l"}  # EXIF types, as `struct` reads them
SIDEWAYS = (5, 6, 7, 8)  # orientations in which width is height
DATES = {  # EXIF tags of a date, the likeliest first, and the tag of the zone of each
    ExifTags.Base.DateTimeOriginal: ExifTags.Base.OffsetTimeOriginal,
    ExifTags.Base.DateTimeDigitized: ExifTags.Base.OffsetTimeDigitized,
    ExifTags.Base.DateTime: ExifTags.Base.OffsetTime,
}
DATE = re.compile(
    r"([0-9]{4})[:/.-]([0-9]{2})[:/.-]([0-9]{2})"
    r"(?:[T ]\s*([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
ZONE = re.compile(r"Z|[+-][0-9]{2}:?[0-9]{2}")
BLANKS = " \t\r\n\0"
UNLIKE_PICTURES = ("empty file", "not a picture", "truncated or damaged picture")


T = TypeVar("T")


class PictureError(ValueError):
    """A picture cannot be used; the message is a short reason, the same for all alike."""


class UnreadableError(ValueError):
    """A picture cannot be read; the message names it, and says why."""


# --- reading one ----------------------------------------------------------------------------------


def map_pictures(
    function: Callable[[str | Path], T], images: Iterable[str | Path], n_workers: int = 4
) -> list[T]:
    """Apply a function to pictures, several at a time unless they are small.

    Threads take turns at all that is Python, and of a small picture little else is done: two of
    them would need longer than one, and twice as much of the processors.

    Parameters
    ----------
    function : callable
        Of a path or URL.
    images : iterable of str or Path, length n
    n_workers : int
        Pictures at a time, at most.

    Returns
    -------
    list, length n
        In the order of the pictures. What the function raises is raised.

    Examples
    --------
    >>> map_pictures(str.upper, ["a.jpg", "b.jpg"], 2)
    ['A.JPG', 'B.JPG']
    """
    images = list(images)
    if n_workers == 1 or all(_is_small(image) for image in images[:: len(images) // 32 + 1]):
        return [function(image) for image in images]
    with ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(function, images))


def _is_small(image: str | Path) -> bool:
    try:
        return not is_url(image) and os.path.getsize(image) <= SMALL
    except (OSError, ValueError):  # the function will say what is wrong
        return True


def read_image(path: str | Path) -> Image.Image:
    """Decode a picture as upright RGB; transparent parts become white.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or (with the extra ``heif``) HEIC file, under
        whatever name, or the URL of an object that holds one (see `visprof.object_stores`); of an
        animation the first frame is taken.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB", turned as its EXIF orientation says. An orientation that cannot be read turns
        nothing, and what else stands in the EXIF data does not matter.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnreadableError
        If it is no regular file, cannot be decoded, or has more than 160 million pixels; the
        message names it.
    OSError
        If an object store does not answer: that is no fault of the picture's.
    """
    try:
        return _read(path)
    except PictureError as error:
        raise UnreadableError(
            f"cannot read the picture {str(path)!r}: {error}. Replace it or leave it out."
        ) from error


def why_unreadable(path: str | Path) -> str:
    """Decode a picture and say shortly why that fails, the same for all alike; "" if it does not.

    Parameters
    ----------
    path : str or Path
        As in `read_image`.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("notes.jpg").write_bytes(b"milk, bread")
    11
    >>> why_unreadable("notes.jpg")
    'not a picture'
    """
    try:
        _read(path)
    except FileNotFoundError:
        return "no such file"
    except PictureError as error:
        return str(error)
    return ""


def _read(path: str | Path) -> Image.Image:
    with open_regular(path) as file, open_picture(file) as picture:
        return upright(*decode(picture))


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file to read its bytes if it is a regular file, or a link to one.

    Anything else is not even opened: a named pipe would wait for ever, a device may act.

    Parameters
    ----------
    path : str or Path
        Of any file, folder, pipe or nothing; or the URL of an object.

    Returns
    -------
    binary file

    Raises
    ------
    FileNotFoundError
        If there is nothing there.
    PictureError
        If it is no regular file or cannot be opened.
    OSError
        If an object store does not answer.
    """
    if is_url(path):
        return open_bytes(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PictureError("not a regular file")
        return open(path, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:  # too long, a link in a circle, no permission, ...
        raise PictureError(_reason(error)) from error
    except UnicodeEncodeError as error:
        raise PictureError("its name is no text that a file can have") from error
    except ValueError as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError("its name holds a NUL") from error


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


@contextmanager
def open_picture(file: BinaryIO) -> Iterator[Image.Image]:
    """Open a picture to decode it: whatever goes wrong in the block is one kind of error.

    Parameters
    ----------
    file : binary file
        The picture's bytes, from their beginning.

    Yields
    ------
    PIL.Image.Image
        As its header says, not yet decoded.

    Raises
    ------
    PictureError
        If it is no picture, damaged, or has no or more than 160 million pixels.
    """
    try:
        with _open(file) as picture:
            width, height = picture.size
            if width < 1 or height < 1:
                raise PictureError("no pixels")
            if width * height > MAX_PIXELS:
                raise PictureError(f"more than {MAX_PIXELS} pixels")
            yield picture
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(_unknown(file)) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"more than {MAX_PIXELS} pixels") from error
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise PictureError("truncated or damaged picture") from error


def _open(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        data = file.read()
        if not data.startswith(b"\xff\xd8\xff") or EXIF not in data:
            raise
    # Pillow looks up the resolution in the EXIF data of a JPEG, and takes it for no picture if that
    # is of an unexpected type: hide these data until it is open
    picture = Image.open(io.BytesIO(data.replace(EXIF, EXIF.lower(), 1)), formats=("JPEG",))
    for _, segment in picture.applist:
        if segment.startswith(EXIF.lower()):
            picture.info["exif"] = EXIF + segment.removeprefix(EXIF.lower())
    return picture


def _unknown(file: BinaryIO) -> str:
    """Say what is known of bytes that are no picture."""
    file.seek(0)
    head = file.read(12)
    if not head:
        return "empty file"
    if not HEIF and head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS:
        return 'HEIC picture; to read it: pip install "visprof[heif]"'
    return "not a picture"


def decode(picture: Image.Image) -> tuple[Image.Image, int]:
    """Decode an opened picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        From `open_picture`.

    Returns
    -------
    rgb : PIL.Image.Image
        As `to_rgb` makes it.
    orientation : int
        The EXIF orientation that it is in, for `upright`: 1 to 8, and 1 where none can be read.
    """
    if picture.format == "TIFF":  # Pillow follows pointers as it decodes, wherever they lead
        exif = picture.getexif()
        for pointer in ExifTags.IFD:
            if pointer in exif:
                del exif[pointer]
    rgb = to_rgb(picture)  # first: some formats know their EXIF data once decoded
    orientation = _stated_orientation(picture.info.get("exif"))
    if orientation is None:
        try:
            orientation = picture.getexif().get(ExifTags.Base.Orientation)  # of a TIFF, or in XMP
        except Exception:  # data of any kind of damage say nothing, and the pixels are good
            return rgb, 1
    return rgb, orientation if isinstance(orientation, int) and orientation in TURNS else 1


def _stated_orientation(exif: object) -> int | None:
    """Look for the orientation tag alone in a block of EXIF data, whatever the others hold."""
    block = exif.removeprefix(EXIF) if isinstance(exif, bytes) else b""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (place,) = struct.unpack_from(order + "L", block, 4)
        (n_tags,) = struct.unpack_from(order + "H", block, place)
        for entry in range(place + 2, place + 2 + 12 * n_tags, 12):
            tag, kind, count = struct.unpack_from(order + "HHL", block, entry)
            if tag == ExifTags.Base.Orientation and kind in WHOLE_NUMBERS and count == 1:
                return struct.unpack_from(order + WHOLE_NUMBERS[kind], block, entry + 8)[0]
    except struct.error:  # the block ends before
        pass
    return None


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn or mirror a picture that is stored in an EXIF orientation."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to 8-bit RGB on white.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of 16 bits a channel, the upper eight are kept.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB".

    Raises
    ------
    PictureError
        If the values are floating-point numbers, whose range is not known.
    """
    if picture.mode == "F":
        raise PictureError("floating-point picture, of unknown range")
    if picture.mode.startswith("I"):
        values = np.asarray(picture, dtype=np.int64) >> 8
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def picture_dates(picture: str | Path | bytes) -> list[str]:
    """Return when a picture was taken, by its EXIF data, the likeliest date first.

    That is what the tags DateTimeOriginal, DateTimeDigitized and DateTime hold. The form of the
    standard, ``2015:06:01 10:00:00``, and its usual variants are known: other signs between the
    numbers, ``T``, a fraction, a zone (there or in the tag of its own), blanks around; what is no
    single text of such a form counts as absent.

    Parameters
    ----------
    picture : str, Path or bytes
        Any file, or what one holds.

    Returns
    -------
    list of str
        In ISO 8601, not checked against the calendar; empty if it has none, or is no picture.
    """
    try:
        data = io.BytesIO(picture) if isinstance(picture, bytes) else open_regular(picture)
        with data as file, open_picture(file) as opened:
            exif = opened.getexif()  # of which one odd tag must not spoil the others
            tags = {tag: exif.get(tag) for pair in DATES.items() for tag in pair}
            tags |= exif.get_ifd(ExifTags.IFD.Exif)
    except (FileNotFoundError, PictureError):  # `read_image` says what is wrong with it
        return []
    dates = (_iso_date(tags.get(date), tags.get(zone)) for date, zone in DATES.items())
    return [date for date in dates if date]


def _iso_date(date: object, zone: object) -> str | None:
    form = DATE.fullmatch(date.strip(BLANKS)) if isinstance(date, str) else None
    if form is None:
        return None
    year, month, day, hour, minute, second, fraction, own_zone = form.groups()
    if hour is None:
        return f"{year}-{month}-{day}"
    if own_zone is None and isinstance(zone, str) and ZONE.fullmatch(zone.strip(BLANKS)):
        own_zone = zone.strip(BLANKS)
    time = f"{hour}:{minute}:{second or '00'}" + (f".{fraction}" if fraction else "")
    return f"{year}-{month}-{day}T{time}{own_zone or ''}"


# --- finding them in folders ----------------------------------------------------------------------


def list_entries(folder: str | Path) -> list[tuple[Path, str]]:
    """List what lies below a folder of folders, and why it is no picture of any of them.

    Parameters
    ----------
    folder : str or Path
        Folder with a sub-folder a board, or a class. They are walked with all their sub-folders,
        but for hidden ones.

    Returns
    -------
    list of (Path, str)
        Every file, link and whatever else is no folder, sorted by path, with a short reason to
        leave it out, the same for all alike. The reason is empty for what has a picture's suffix
        or content, and is a regular file of a sub-folder or a link to one inside of `folder`.
        Hidden folders and folders that cannot be read are one entry each.
    """
    found, waiting = [], [Path(folder)]
    root = Path(os.path.realpath(folder))
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            found.append((here, _reason(error)))
            continue
        for entry in entries:
            if not is_hidden(entry.name) and entry.is_dir(follow_symlinks=False):
                waiting.append(here / entry.name)
            else:
                beside = "in no sub-folder" if here == Path(folder) else ""
                found.append((here / entry.name, _why_not(entry, root) or beside))
    return sorted(found)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or made by a system for its own use."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def _why_not(entry: os.DirEntry, root: Path) -> str:
    """Say why an entry of a folder is no picture file; nothing if it is one."""
    if is_hidden(entry.name):
        return "hidden or of the system"
    if not _is_text(entry.path):
        return "its name is not UTF-8: rename it"
    try:
        if entry.is_symlink():
            if not Path(os.path.realpath(entry.path, strict=True)).is_relative_to(root):
                return "a link out of the folder: put a copy in its place"
            if entry.is_dir():
                return "a link to a folder: put a copy in its place"
        if not entry.is_file():
            return "not a regular file"
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return _reason(error)
    suffix = os.path.splitext(entry.name)[1].lower()
    return "" if suffix in IMAGE_SUFFIXES else _why_no_picture(entry.path, suffix)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _why_no_picture(path: str, suffix: str) -> str:
    """Say why a file is no picture although it may be one by its content; nothing if it is one."""
    try:
        with open_regular(path) as file, open_picture(file) as picture:
            # a TIFF under another name is a camera's raw file, and its first picture a thumbnail
            if picture.format != "TIFF":
                return ""
    except FileNotFoundError:
        return "no such file"
    except PictureError as error:
        if str(error) not in UNLIKE_PICTURES:
            return str(error)
    kind = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else "no usual suffix"
    return f"not a picture ({kind})"
