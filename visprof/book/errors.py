"""What went wrong in a page: one message for people, the traceback in a file that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visprof.files import write_whole

__all__ = ["BookError", "traceback_kept"]


class BookError(RuntimeError):
    """A chapter failed, or the pages could not be made into a book.

    Attributes
    ----------
    traceback : str
        Where in the chapter's code; empty if that is not known.
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


@contextmanager
def traceback_kept(file: Path) -> Iterator[None]:
    """Write where a chapter failed into a file, and name that file in the error.

    Parameters
    ----------
    file : Path
        Its folder is made if absent. One that an earlier failure left is removed if the block
        succeeds.

    Raises
    ------
    BookError
        If the block raised one.
    """
    try:
        yield
    except BookError as error:
        if not error.traceback:
            raise
        try:
            write_whole(file, error.traceback.encode())
        except OSError as full:
            raise BookError(f"{error}\n(the traceback could not be kept: {full})") from error
        raise BookError(f"{error}\n(traceback: {file})", error.traceback) from error
    file.unlink(missing_ok=True)
