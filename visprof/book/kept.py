"""An executed page as it is kept between builds: its notebook, its numbers, and its inputs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from visprof.files import read_record, write_record
from visprof.results.users import users_file

__all__ = ["KeptPage", "file_digest"]

log = logging.getLogger("visprof")


def file_digest(path: Path) -> str:
    """Digest of the content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class KeptPage:
    """The files of one page in the folder of kept pages.

    The record of its inputs is written last, with the digests of the other files, so a
    page that a killed build left half made is not taken for a whole one.

    Attributes
    ----------
    path : Path
        The page's own file, put into the folder: what is kept lies beside it.
    """

    path: Path

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self._beside("ipynb")

    @property
    def ledger(self) -> Path:
        """The numbers that it wrote; not there if it wrote none."""
        return self._beside("ledger.json")

    @property
    def users(self) -> Path:
        """The values of users that its numbers are means of; not there if it wrote none."""
        return users_file(self.ledger)

    @property
    def trace(self) -> Path:
        """What it notes while it runs."""
        return self._beside("trace")

    @property
    def traceback(self) -> Path:
        """Where it failed."""
        return self._beside("traceback.txt")

    @property
    def _record(self) -> Path:
        return self._beside("inputs.json")

    def inputs(self) -> dict[str, str] | None:
        """What it was made from; None if it is not there, whole, with its numbers."""
        if not self._record.exists():
            return None
        try:
            kept = read_record(self._record)
        except ValueError as error:
            log.warning("%s cannot be used (%s); the page is executed again", self._record, error)
            return None
        return kept["inputs"] if kept["files"] == self._made() else None

    def reasons(self) -> list[str]:
        """Why it was executed."""
        return read_record(self._record)["executed for"]

    def seconds(self) -> float | None:
        """What it took when it was executed; None if that is not known."""
        try:
            return read_record(self._record).get("seconds")
        except (FileNotFoundError, ValueError):
            return None

    def forget(self) -> None:
        """Make room for the page as it is executed anew."""
        for file in (self._record, self.ledger, self.users, self.trace):
            file.unlink(missing_ok=True)

    def keep(
        self, reasons: Sequence[str], inputs: Mapping[str, str], seconds: float | None = None
    ) -> None:
        """Write down that the page is whole, why it was executed, of what, and what that took."""
        self.trace.unlink(missing_ok=True)
        made = {"files": self._made(), "executed for": list(reasons), "seconds": seconds}
        write_record(self._record, {**made, "inputs": dict(inputs)})

    def _made(self) -> dict[str, str]:
        """Digests of the notebook, the ledger and the users' values, those that there are."""
        made = (self.notebook, self.ledger, self.users)
        return {path.name: file_digest(path) for path in made if path.exists()}

    def _beside(self, suffix: str) -> Path:
        return self.path.with_suffix(f".{suffix}")
