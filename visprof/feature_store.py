"""Features of pictures on disk: rows by what a picture holds, in shards of one writer each.

A store holds what one network makes of pictures, each known by its content, and only grows. A
process that writes has a shard to itself, so that several can embed into one store at a time. Who
reads sees all shards as one store, and no value depends on the shard that a row lies in.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from visprof.files import naming, read_record, remove_unfinished, write_record

__all__ = ["FeatureStore", "Features", "Shard"]

log = logging.getLogger("visprof")

_ARRAYS = ("features", "outputs")
_DIGEST = 16  # bytes that a picture is known by
_SHARD = 2**40  # rows of the store that a shard may have: its number and a row make one number


@dataclass(frozen=True)
class Shard:
    """Rows of a store that one process at a time adds to.

    ``features.f32`` and ``outputs.f32`` hold rows of float32, ``digests`` the picture of each
    row. Rows are written before their digests, so that what a killed run leaves behind a digest
    is whole, and the rest is written over.

    Parameters
    ----------
    folder : Path
        Folder of these files.
    number : int
        Its place among the shards of the store.
    widths : dict of str to int
        Columns of "features" and "outputs".
    """

    folder: Path
    number: int
    widths: dict[str, int]

    def digests(self) -> np.ndarray:
        """Digest of the picture of each row that is whole in all files, bytes (n,)."""
        whole = [_size(self.folder / f"{name}.f32") // (4 * self.widths[name]) for name in _ARRAYS]
        return self._stated()[: min(whole)]

    def _stated(self) -> np.ndarray:
        path = self.folder / "digests"
        known = path.read_bytes() if path.exists() else b""
        return np.frombuffer(known[: len(known) // _DIGEST * _DIGEST], dtype=f"V{_DIGEST}")

    def array(self, name: str, n: int) -> NDArray[np.float32]:
        """First `n` rows of "features" or "outputs", a read-only memory map (n, d)."""
        path, width = self.folder / f"{name}.f32", self.widths[name]
        return np.memmap(path, np.float32, "r", shape=(n, width)) if n else np.empty((0, width))

    def mend(self) -> None:
        """Cut digests without whole rows, with a warning: rows to come must not be theirs."""
        stated, n = len(self._stated()), len(self.digests())
        if stated > n:
            log.warning("%s lacks %d rows; they are embedded again", self.folder, stated - n)
        if _size(self.folder / "digests") > n * _DIGEST:
            self._write("digests", n * _DIGEST, b"")

    def append(self, digests: Sequence[bytes], *arrays: np.ndarray) -> None:
        """Add rows of features and outputs, (k, d) each, after those that have a digest."""
        n = len(self.digests())
        for name, rows in zip(_ARRAYS, arrays, strict=True):
            self._write(f"{name}.f32", n * rows.shape[1] * 4, np.float32(rows).tobytes())
        self._write("digests", n * _DIGEST, b"".join(digests))

    def _write(self, name: str, position: int, content: bytes) -> None:
        path = self.folder / name
        path.touch()
        with naming(path), path.open("r+b") as file:
            file.truncate(position)  # what a killed run wrote without a digest
            file.seek(position)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # rows must be on disk before the digests that promise them


@dataclass(frozen=True)
class FeatureStore:
    """Features and outputs of pictures by one network, on disk.

    ``origin.json`` says of which network. The first shard lies in the folder itself, which is all
    of a store that one process at a time has written to, and others in ``shard-1``, ``shard-2``
    and so on. A row of the store is one number, which stays when any shard grows: the number of
    its shard times 2**40, and the row there.

    Parameters
    ----------
    folder : Path
        Folder of this store alone.

    Examples
    --------
    >>> from pathlib import Path
    >>> store, pictures = FeatureStore(Path("store")), [b"picture number 1", b"picture number 2"]
    >>> with store.beginning():
    ...     store.begin(
    ...         {"backbone": "none", "precision": "fp32", "features_dim": 3, "outputs_dim": 2}
    ...     )
    >>> with store.writer() as shard:
    ...     shard.append(pictures, np.zeros((2, 3)), np.eye(2))
    >>> store.array("outputs", store.rows(pictures[1:])).tolist()
    [[0.0, 1.0]]
    """

    folder: Path

    def shards(self) -> list[Shard]:
        """All shards, in the order of their numbers; none if there is no store."""
        origin = self._origin()
        if origin is None:
            return []
        found = self.folder.glob("shard-*")
        numbers = [0, *sorted(int(path.name.removeprefix("shard-")) for path in found)]
        return [self._shard(number, origin) for number in numbers]

    def _shard(self, number: int, origin: dict[str, Any]) -> Shard:
        folder = self.folder / f"shard-{number}" if number else self.folder
        return Shard(folder, number, {name: origin[f"{name}_dim"] for name in _ARRAYS})

    def digests(self) -> np.ndarray:
        """Digest of the picture of each row that is whole, bytes (n,), shard after shard."""
        found = [shard.digests() for shard in self.shards()]
        return np.concatenate(found) if found else np.empty(0, f"V{_DIGEST}")

    def precision(self) -> str | None:
        """Precision in which the network ran, "fp32" or "bf16"; None if there is no store."""
        origin = self._origin()
        return None if origin is None else origin["precision"]

    def rows(self, digests: Sequence[bytes]) -> NDArray[np.int64]:
        """Row of each picture; one run of rows where there is one, which can be mapped as it is.

        Parameters
        ----------
        digests : sequence of bytes, length n
            The same picture may come twice.

        Returns
        -------
        ndarray of int64, shape (n,)
            Of a picture that several processes have embedded, the first.

        Raises
        ------
        KeyError
            If a picture is not there.
        """
        digests = list(digests)
        kept = {shard.number: shard.digests().tolist() for shard in self.shards()}
        row_of: dict[bytes, int] = {}
        for number, of_shard in reversed(kept.items()):  # the first one stays
            of_store = range(number * _SHARD, number * _SHARD + len(of_shard))
            row_of.update(zip(reversed(of_shard), reversed(of_store), strict=True))
        if not digests:
            return np.empty(0, np.int64)
        number, first = divmod(row_of[digests[0]], _SHARD)
        if kept[number][first : first + len(digests)] == digests:
            return np.arange(first, first + len(digests)) + number * _SHARD
        return np.array([row_of[digest] for digest in digests])

    def digests_of(self, rows: NDArray[np.int64]) -> np.ndarray | None:
        """Digests, bytes (n,), of the pictures in some rows; None if one of these is not whole."""
        found = np.empty(len(rows), f"V{_DIGEST}")
        shards = {shard.number: shard for shard in self.shards()}
        for number, places, within in _by_shard(rows):
            kept = shards[number].digests() if number in shards else found[:0]
            if within.max() >= len(kept):
                return None
            found[places] = kept[within]
        return found

    def array(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some rows of "features" or "outputs", (n, d), in the order in which they are asked for.

        Parameters
        ----------
        name : {"features", "outputs"}
        rows : ndarray of int64, shape (n,)
            See `rows`.

        Returns
        -------
        ndarray of float32, shape (n, d)
            A read-only memory map where the rows follow each other in one shard; else a copy.

        Raises
        ------
        FileNotFoundError
            If there is no store.
        """
        origin = self._origin()
        if origin is None:
            raise FileNotFoundError(f"no feature store in {str(self.folder)!r}; use embed_images")
        if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
            number, first = divmod(int(rows[0]), _SHARD)
            return self._shard(number, origin).array(name, first + len(rows))[first:]
        found = np.empty((len(rows), origin[f"{name}_dim"]), np.float32)
        for number, places, within in _by_shard(rows):
            shard = self._shard(number, origin)
            found[places] = shard.array(name, int(within.max()) + 1)[within]
        return found

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Let no other process begin this store while the block does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "store.lock"):
            yield

    def begin(self, origin: dict[str, Any]) -> None:
        """Begin a store of this origin, or raise ValueError if there is one of another."""
        remove_unfinished(self.folder, "origin.json.*")
        path, kept = self.folder / "origin.json", self._origin()
        if kept is not None:
            different = [key for key in origin if kept.get(key) != origin[key]]
            if different:
                raise ValueError(
                    f"{str(self.folder)!r} holds a store that differs in {', '.join(different)}; "
                    "delete that folder or choose another"
                )
            return
        if path.exists():
            log.warning("%s cannot be used; all pictures are embedded again", path)
        for folder in (self.folder, *self.folder.glob("shard-*")):
            with _writing(folder):  # who still writes there ends first
                # of rows that nobody knows the origin of
                (folder / "digests").unlink(missing_ok=True)
                for name in _ARRAYS:
                    (folder / f"{name}.f32").touch()
        write_record(path, origin)

    @contextmanager
    def writer(self) -> Iterator[Shard]:
        """Give out a shard that no other process writes to, until the block ends.

        It is the first that is free, or a new one where others write to all there are. What a
        free shard lacks is told in a warning, and cut.

        Yields
        ------
        Shard
        """
        origin = self._origin()
        if origin is None:
            raise FileNotFoundError(f"no feature store in {str(self.folder)!r}; call begin first")
        with ExitStack() as held:
            mine = None
            for shard in self.shards():
                with ExitStack() as looked_at:
                    try:
                        looked_at.enter_context(_writing(shard.folder, timeout=0))
                    except Timeout:  # its writer is at work
                        continue
                    shard.mend()
                    if mine is None:
                        mine = shard
                        held.push(looked_at.pop_all())
            while mine is None:
                shard = self._shard(self.shards()[-1].number + 1, origin)
                shard.folder.mkdir(exist_ok=True)
                try:
                    held.enter_context(_writing(shard.folder, timeout=0))
                except Timeout:  # another was faster
                    continue
                mine = shard
            yield mine

    def _origin(self) -> dict[str, Any] | None:
        """Return the network of the store; None if there is no store, or one nobody knows of."""
        try:
            return read_record(self.folder / "origin.json")
        except (FileNotFoundError, ValueError):
            return None


def _writing(folder: Path, timeout: float = -1) -> FileLock:
    return FileLock(folder / "writer.lock", timeout=timeout)


def _by_shard(rows: NDArray[np.int64]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Number of each shard that rows lie in, the places of these in the list, and rows there."""
    numbers, within = np.divmod(rows, _SHARD)
    for number in np.unique(numbers).tolist():
        places = np.flatnonzero(numbers == number)
        yield number, places, within[places]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@dataclass(frozen=True, eq=False)
class Features:
    """Features and outputs of a list of pictures, in a store.

    Attributes
    ----------
    store : FeatureStore
        Where they are.
    rows : ndarray of int64, shape (n,)
        Row of each readable picture in the store, in the order of the list.
    readable : ndarray of int64, shape (n,)
        Positions in the list of these pictures: all of them, unless some could not be read.
    unreadable : dict of int to str
        Reason, by position in the list, of those that could not be read.
    """

    store: FeatureStore
    rows: np.ndarray
    readable: np.ndarray
    unreadable: dict[int, str]

    @property
    def features(self) -> np.ndarray:
        """Penultimate features, float32 (n, d); a read-only memory map where rows are in order."""
        return self.store.array("features", self.rows)

    @property
    def outputs(self) -> np.ndarray:
        """Outputs of the last layer, float32 (n, c); likewise."""
        return self.store.array("outputs", self.rows)

    def __len__(self) -> int:
        """Return the number of readable pictures."""
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept: with the pictures that the rows are of, to know them again."""
        return self.__dict__ | {"pictures": self._pictures()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was kept; ValueError if the store no longer holds these rows."""
        pictures = state.pop("pictures")
        self.__dict__.update(state)
        if not pictures or self._pictures() != pictures:
            raise ValueError(f"the store {self.store.folder} no longer holds these pictures")

    def _pictures(self) -> str:
        """Digest of the pictures whose rows the store has whole; empty if it lacks some."""
        digests = self.store.digests_of(self.rows)
        if digests is None:
            return ""
        return hashlib.blake2b(digests.tobytes(), digest_size=_DIGEST).hexdigest()
