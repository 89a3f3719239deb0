"""Pictures in object stores, named by URLs: what one holds, and whether it has changed (fsspec).

A URL (``s3://bucket/lawn.jpg``) may stand wherever the path of a picture may. Who may read a bucket
is between its store and the store's own settings: visprof knows of no keys.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from visprof._extras import MissingExtraError, needs

__all__ = ["STORES", "is_url", "object_state", "open_bytes", "read_object", "store_of"]

# package that reads each; others have no object stores, or (``file``) would lead to any file here
STORES = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs", "memory": "fsspec"}
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def is_url(name: str | Path) -> bool:
    """Whether a name is a URL, of an object store or of anything else, and no path.

    Examples
    --------
    >>> is_url("s3://bucket/lawn.jpg"), is_url("bucket/lawn.jpg")
    (True, False)
    """
    return isinstance(name, str) and URL.match(name) is not None


def store_of(url: str) -> str:
    """Kind of store that a URL names: a key of `STORES`, or another that is not known.

    Examples
    --------
    >>> store_of("s3://bucket/lawn.jpg")
    's3'
    """
    return url.partition("://")[0].lower()


def read_object(url: str) -> bytes:
    """What an object holds, all of it.

    Parameters
    ----------
    url : str
        Of one of the stores in `STORES`.

    Returns
    -------
    bytes

    Raises
    ------
    FileNotFoundError
        If the store says that there is none.
    OSError
        If the store does not answer, or gives it to nobody like us.
    ValueError
        If the URL is of something else than a store.
    MissingExtraError
        If the package that reads this store is not installed.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/bucket/notes", b"milk, bread")
    >>> read_object("memory://bucket/notes")
    b'milk, bread'
    """
    with _asking(url) as store:
        return store.cat_file(url)


def object_state(url: str) -> str:
    """What a store says of an object (its size, version, time): with another it has changed.

    Parameters, errors: as of `read_object`. The object is not read.

    Returns
    -------
    str
        A digest.
    """
    with _asking(url) as store:
        return store.ukey(url)


def open_bytes(name: str | Path) -> Any:
    """Open a file, or the object that a URL names, to read its bytes; errors as of `read_object`.

    Returns
    -------
    binary file
        An object is read at once, so that what the store does wrong is not taken for damage.
    """
    if is_url(name):
        return io.BytesIO(read_object(name))
    return open(name, "rb")


@contextmanager
def _asking(url: str) -> Iterator[Any]:
    """The store of an object. What goes wrong there is one kind of error, which names the URL."""
    scheme = store_of(url)
    if scheme not in STORES:
        raise ValueError(
            f"{url!r} is of no object store that is known ({', '.join(STORES)}); save the picture "
            "and pass its path"
        )
    with needs("nets"):
        import fsspec

    try:
        kind = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        package = STORES[scheme]
        raise MissingExtraError(
            f"{package} is not installed, which reads {scheme}://: pip install {package}",
            name=package,
        ) from error
    try:
        yield kind()
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
    except OSError as error:
        raise OSError(f"{url!r} cannot be read: {str(error) or type(error).__name__}") from error
    except Exception as error:  # each store has errors of its own; the cause says more
        raise OSError(f"{url!r} cannot be read: {type(error).__name__}") from error
