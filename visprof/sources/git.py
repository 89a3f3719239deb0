"""Boards from public git repositories of pictures, each pinned at a commit.

One repository is one curator's board. The pinned commit says which pictures are on it; its history
says when each was added; folders and file name are the caption. Repositories are fetched bare with
libgit2 (pygit2): nothing is checked out and no hook, filter or attribute of theirs is run.

Time of a pin
    The author time, with its offset, of the commit that first added the file. History is walked
    oldest first (parents before children, then by commit time) over all branches that were merged.
    A content is dated once, by the first commit that has it, so that a rename, a copy, a merge or
    a deletion that was undone keeps the date. Where a content replaces another at the same path,
    it takes over that one's date. A file that is renamed and changed in one commit counts as new.
    Photographs may be dated by when they were taken instead, where they say so.

What is on a board
    Regular files of the pinned commit with a picture's suffix that decode. Pins are in the order of
    time, then path; a content at several paths is one pin, at the first. A list of contents may say
    which of them are on the board. The rest is left out and counted by reason.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from visprof._extras import needs
from visprof.boards import name_words
from visprof.files import partial_folder, put_in_place
from visprof.manifests import parse_times
from visprof.pictures import IMAGE_SUFFIXES, picture_dates
from visprof.sources.collect import (
    MAX_BYTES,
    CollectSummary,
    PictureError,
    Row,
    begin_collection,
    finish_collection,
    keep_board,
    save_picture,
)

with needs("collect"):
    import pygit2
    from pygit2.enums import DeltaStatus, FileMode, SortMode

__all__ = [
    "TRAVEL_LIST", "PinnedRepository", "RepositoryError", "collect_git", "fetch_commit",
    "read_repositories",
]  # fmt: skip

log = logging.getLogger("visprof")

SHIPPED_LIST = Path(__file__).with_name("wallpapers.csv")
TRAVEL_LIST = Path(__file__).with_name("travel.csv")
LIST_COLUMNS = ("board_id", "url", "commit", "licence")
COLUMNS = (
    "board_id", "image", "added_at", "caption",
    "repo", "commit", "path", "blob_sha", "width", "height", "licence", "time_source",
)  # fmt: skip
SCHEMES = ("https", "http", "file")
BRANCHES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
CACHE = ".repositories"
ID_BEGINS = 16  # digits of the id of a content that name its file
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
CONNECT_TIMEOUT, ANSWER_TIMEOUT = 30_000, 120_000  # milliseconds
NO_PACKET = (
    "invalid packet line"  # libgit2 does not know what a shallow source says first over HTTP
)
UNSHALLOW = (
    "complete it (git fetch --unshallow), or list the repository that it was cloned from, and "
    "collect again"
)
LATEST = 2**33  # seconds of the epoch: the year 2242, within what every table can hold


class RepositoryError(ValueError):
    """A repository cannot be collected; the message names it."""


@dataclass(frozen=True)
class PinnedRepository:
    """A repository at a commit.

    Attributes
    ----------
    board_id : str
        Name of the board, also of its folder: letters, digits, ``.``, ``_`` and ``-``.
    url : str
        Where to fetch it: https, http or file.
    commit : str
        The full id, 40 hexadecimal digits in lower case.
    licence : str
        What is known of the licence of the pictures.
    pictures : frozenset of str
        The first 16 digits of the id of each content that is on the board; empty: of all.
    """

    board_id: str
    url: str
    commit: str
    licence: str = "not stated"
    pictures: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", self.board_id):
            raise ValueError(
                f"board_id {self.board_id!r} must be of letters, digits, '.', '_' and '-', and "
                "not begin with '.' or '-'"
            )
        if urlsplit(self.url).scheme not in SCHEMES:
            raise ValueError(f"url {self.url!r} of {self.board_id} is not {', '.join(SCHEMES)}")
        if not re.fullmatch("[0-9a-f]{40}", self.commit):
            raise ValueError(
                f"commit {self.commit!r} of {self.board_id} is not a full commit id "
                "(40 hexadecimal digits in lower case)"
            )
        wrong = [of for of in self.pictures if not re.fullmatch(f"[0-9a-f]{{{ID_BEGINS}}}", of)]
        if wrong:
            raise ValueError(
                f"pictures of {self.board_id}: {wrong[0]!r} is not the first {ID_BEGINS} digits of "
                "an id (hexadecimal, in lower case)"
            )


def read_repositories(path: str | Path | None = None) -> list[PinnedRepository]:
    """Read a list of pinned repositories.

    Parameters
    ----------
    path : path, optional
        A CSV file with the columns ``board_id, url, commit, licence``, and maybe ``pictures``: the
        first 16 digits of the ids of those contents that are on the board, with blanks between.
        None: the shipped list, 44 public collections of wallpapers; ``TRAVEL_LIST`` is the other,
        35 collections of photographs, each of one person.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, a value is wrong, a board is listed twice, or none is listed.

    Examples
    --------
    >>> repositories = read_repositories()
    >>> len(repositories)
    44
    """
    path = SHIPPED_LIST if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no list of repositories at {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in LIST_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} lacks the column(s) {', '.join(missing)}")
        repositories = []
        for row in reader:
            values = {column: (row[column] or "").strip() for column in LIST_COLUMNS}
            try:
                pictures = frozenset((row.get("pictures") or "").split())
                repositories.append(PinnedRepository(**values, pictures=pictures))
            except ValueError as error:
                raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    _refuse_repeated(repositories)
    if not repositories:
        raise ValueError(f"{path} lists no repositories")
    return repositories


def _refuse_repeated(repositories: Sequence[PinnedRepository]) -> None:
    # some file systems take A and a for the same folder
    counts = Counter(repository.board_id.lower() for repository in repositories)
    repeated = [board_id for board_id, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(f"board_id listed more than once: {', '.join(repeated)}")


def collect_git(
    repositories: Sequence[PinnedRepository],
    out: str | Path,
    *,
    short_side: int = 160,
    max_pins: int = 160,
    max_bytes: int = MAX_BYTES,
    photographs: bool = False,
    cache: str | Path | None = None,
    progress: bool = True,
) -> CollectSummary:
    """Collect boards from git repositories.

    What was finished is not collected again, so a killed run goes on where it stopped; the
    manifest at its end is byte for byte that of an uninterrupted run.

    Parameters
    ----------
    repositories : sequence of PinnedRepository
        The boards; see `read_repositories`.
    out : path
        Where to write; made if absent.
    short_side : int
        Largest short side of the pictures in pixels.
    max_pins : int
        Pins kept of each board, the earliest.
    max_bytes : int
        Larger files are left out, unread.
    photographs : bool
        Date pictures by their EXIF data, when they were taken, where these say it; the column
        ``time_source`` says which were (``exif``, or else ``commit``).
    cache : path, optional
        Folder of the bare repositories; ``.repositories`` in `out` if None. Once a board is
        collected, its repository there may be removed. One that turns out to lack something is
        fetched anew, with a warning.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        With the repositories that failed, by board. The manifest has the further columns
        ``repo, commit, path, blob_sha`` (the exact origin), ``width, height`` (before scaling),
        ``licence`` and ``time_source``.

    Raises
    ------
    ValueError
        If a board is listed twice, or a number is below 1.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    for name, value in (("short_side", short_side), ("max_pins", max_pins)):
        if value < 1:
            raise ValueError(f"{name} is {value}; pass at least 1")
    _refuse_repeated(repositories)
    out = Path(out)
    begin_collection(out, "git")
    cache = out / CACHE if cache is None else Path(cache)
    asked = {
        "short_side": short_side, "max_pins": max_pins, "max_bytes": max_bytes,
        "photographs": photographs,
    }  # fmt: skip
    rows, left_out, failed = [], Counter(), {}
    bar = tqdm(repositories, unit="board", disable=not progress)
    for pinned in bar:
        bar.set_description(pinned.board_id)
        board = _Board(pinned, out, cache, bar, **asked)
        origin = {
            "url": pinned.url, "commit": pinned.commit, "licence": pinned.licence,
            "pictures": sorted(pinned.pictures),
        }  # fmt: skip
        try:
            board_rows, board_left_out = keep_board(
                out, pinned.board_id, origin | asked, board.collect
            )
        except RepositoryError as error:
            failed[pinned.board_id] = str(error)
            continue
        rows += board_rows
        left_out += board_left_out
    finish_collection(out, "git", rows, COLUMNS)
    return CollectSummary(len(rows), left_out, len({row["board_id"] for row in rows}), failed)


@dataclass(frozen=True)
class _Board:
    """One repository on its way to a board."""

    pinned: PinnedRepository
    out: Path
    cache: Path
    bar: tqdm
    short_side: int
    max_pins: int
    max_bytes: int
    photographs: bool

    def collect(self) -> tuple[list[Row], Counter[str]]:
        """Save the pictures; return the rows of the manifest and what was left out."""
        folder = self.cache / f"{self.pinned.board_id}.git"
        self.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if folder.exists():
                try:
                    return self._collect(folder)
                except RepositoryError as error:
                    # it may lack what the source has now, or be damaged; to fetch the same commit
                    # again would add nothing to it
                    log.warning("%s cannot be used (%s); it is fetched anew", folder, error)
            with partial_folder(self.cache) as scratch:
                board = self._collect(scratch / folder.name)
                put_in_place(scratch / folder.name, folder)
            return board

    def _collect(self, folder: Path) -> tuple[list[Row], Counter[str]]:
        """Collect by way of a bare repository in a folder; made if absent."""
        pygit2.settings.server_connect_timeout = CONNECT_TIMEOUT
        pygit2.settings.server_timeout = ANSWER_TIMEOUT
        try:
            repository = pygit2.init_repository(str(folder), bare=True)
            try:
                for left in list((folder / "objects").rglob("*_git2_*")):  # by a killed fetch
                    left.unlink()
                self._fetch(repository)
                return self._read_board(repository)
            finally:
                repository.free()  # libgit2 would take a pack of the same path for this one's
        except pygit2.GitError as error:
            raise RepositoryError(f"cannot read {self.pinned.url}: {_reason(error)}") from error

    def _read_board(self, repository: pygit2.Repository) -> tuple[list[Row], Counter[str]]:
        left_out: Counter[str] = Counter()
        commit = repository[self.pinned.commit].peel(pygit2.Commit)
        _refuse_shallow(repository, commit)
        dates = _first_dates(repository, commit.id)
        pins, chosen = [], self.pinned.pictures
        for path, blob in _picture_files(commit.tree, left_out):
            date, source = dates[blob], "commit"
            if chosen and str(blob)[:ID_BEGINS] not in chosen:
                left_out["not on the list"] += 1
                continue
            if self.photographs and (taken := self._taken(repository, blob)):
                date, source = taken, "exif"
            if date is None:
                left_out["impossible date"] += 1
            else:
                pins.append((date, path, blob, source))
        rows = self._save(repository, sorted(pins, key=lambda pin: pin[:2]), left_out)
        return rows, left_out

    def _taken(self, repository: pygit2.Repository, blob: pygit2.Oid) -> datetime | None:
        """When a photograph was taken; None if it does not say, or cannot be read."""
        try:
            times = parse_times(picture_dates(self._read(repository, blob)))
        except PictureError:
            return None
        return next((time.to_pydatetime() for time in times if not pd.isna(time)), None)

    def _fetch(self, repository: pygit2.Repository) -> None:
        """Bring the pinned commit into the bare repository, with its history."""
        fetch_commit(repository, self.pinned.url, self.pinned.commit, _Transfer(self.bar))

    def _save(
        self,
        repository: pygit2.Repository,
        pins: Sequence[tuple[datetime, str, pygit2.Oid, str]],
        left_out: Counter[str],
    ) -> list[Row]:
        """Save the pictures of the first pins, in the order given."""
        rows: list[Row] = []
        seen = set()
        for date, path, blob, source in pins:
            if blob in seen:
                left_out["same file at another path"] += 1
                continue
            seen.add(blob)
            if len(rows) == self.max_pins:
                left_out[f"after the first {self.max_pins} of a board"] += 1
                continue
            image = f"{self.pinned.board_id}/{str(blob)[:ID_BEGINS]}.jpg"
            try:
                data = self._read(repository, blob)
                width, height = save_picture(data, self.out / image, short_side=self.short_side)
            except PictureError as error:
                left_out[str(error)] += 1
                continue
            caption = name_words(str(PurePosixPath(path).with_suffix("")))
            values = (
                self.pinned.board_id, image, date.isoformat(), caption,
                self.pinned.url.removeprefix("https://github.com/"), self.pinned.commit,
                path, str(blob), width, height, self.pinned.licence, source,
            )  # fmt: skip
            rows.append(dict(zip(COLUMNS, values, strict=True)))
            self.bar.set_postfix(pictures=len(rows))
        return rows

    def _read(self, repository: pygit2.Repository, blob: pygit2.Oid) -> bytes:
        _, size = repository.odb.read_header(blob)
        if size > self.max_bytes:
            raise PictureError(f"more than {self.max_bytes} bytes")
        data = repository[blob].data
        if data.startswith(LFS_POINTER):
            raise PictureError("git-LFS pointer")
        return data


def fetch_commit(
    repository: pygit2.Repository,
    url: str,
    commit: str,
    callbacks: pygit2.RemoteCallbacks | None = None,
) -> None:
    """Bring a commit into a repository, with its history.

    Parameters
    ----------
    repository : pygit2.Repository
        Where to.
    url : str
        Where from.
    commit : str
        Its full id.
    callbacks : pygit2.RemoteCallbacks, optional
        What is told of the progress.

    Raises
    ------
    RepositoryError
        If it cannot be fetched, or is not there.
    """
    remote = repository.remotes.create_anonymous(url)
    # the commit alone, though no branch may lead to it any more; not every server allows this
    for wanted in ((commit,), BRANCHES):
        if commit in repository:
            break
        try:
            remote.fetch(wanted, callbacks=callbacks)
        except pygit2.GitError as error:
            if wanted == BRANCHES:
                reason = _reason(error)
                if NO_PACKET in reason:
                    reason += f". If the source is a shallow clone: {UNSHALLOW}"
                raise RepositoryError(f"cannot fetch {url}: {reason}") from error
    if commit not in repository:
        raise RepositoryError(f"{url} has no commit {commit}")


class _Transfer(pygit2.RemoteCallbacks):
    """Shows in a progress bar what a fetch has received."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self.bar = bar

    def transfer_progress(self, stats: pygit2.remotes.TransferProgress) -> None:
        megabytes = f"{stats.received_bytes / 1e6:.0f} MB"
        self.bar.set_postfix(
            fetched=f"{stats.received_objects}/{stats.total_objects}", size=megabytes
        )


def _reason(error: pygit2.GitError) -> str:
    """Return what libgit2 says, on one line."""
    return " ".join(str(error.args[0]).split()) if error.args else type(error).__name__


def _refuse_shallow(repository: pygit2.Repository, tip: pygit2.Commit) -> None:
    """Raise GitError unless the whole history of a commit is there: pictures are dated by it."""
    waiting, seen = [tip.id], {tip.id}
    while waiting:
        commit = repository[waiting.pop()]
        for parent in commit.parent_ids:
            if parent not in repository:
                raise pygit2.GitError(
                    f"it is a shallow clone: its history breaks off at commit {commit.id}, and "
                    f"history is what dates its pictures. {UNSHALLOW.capitalize()}"
                )
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)


def _first_dates(
    repository: pygit2.Repository, tip: pygit2.Oid
) -> dict[pygit2.Oid, datetime | None]:
    """Date each picture file's content that the history of a commit holds (the module's text)."""
    dates: dict[pygit2.Oid, datetime | None] = {}
    order = SortMode.TOPOLOGICAL | SortMode.TIME | SortMode.REVERSE
    for commit in repository.walk(tip, order):
        date = _author_date(commit.author)
        for old, new in _changed_pictures(commit):
            if new not in dates:
                dates[new] = dates.get(old, date)
    return dates


def _changed_pictures(commit: pygit2.Commit) -> Iterator[tuple[pygit2.Oid, pygit2.Oid]]:
    """Yield each picture's content before (zero if added) and after, for every parent in turn."""
    diffs = [parent.tree.diff_to_tree(commit.tree) for parent in commit.parents]
    for diff in diffs or [commit.tree.diff_to_tree(swap=True)]:
        for delta in diff.deltas:
            gone = delta.status == DeltaStatus.DELETED
            if not gone and _is_picture_name(delta.new_file.raw_path):
                yield delta.old_file.id, delta.new_file.id


def _author_date(author: pygit2.Signature) -> datetime | None:
    """Return the time with its offset; None if no calendar has it."""
    if not 0 <= author.time < LATEST:
        return None
    # libgit2 takes an offset that no zone has as 0
    return datetime.fromtimestamp(author.time, timezone(timedelta(minutes=author.offset)))


def _picture_files(tree: pygit2.Tree, left_out: Counter[str]) -> Iterator[tuple[str, pygit2.Oid]]:
    """Yield path and content of the files named like pictures; count the rest."""
    waiting = [(b"", tree)]
    while waiting:
        folder, tree = waiting.pop()
        for entry in tree:
            raw_path = folder + entry.raw_name
            if entry.filemode == FileMode.TREE:
                waiting.append((raw_path + b"/", entry))
            elif entry.filemode == FileMode.LINK:
                left_out["symbolic link"] += 1
            elif entry.filemode == FileMode.COMMIT:
                left_out["submodule"] += 1
            elif not _is_picture_name(raw_path):
                left_out["not named like a picture"] += 1
            else:
                yield raw_path.decode(errors="backslashreplace"), entry.id


def _is_picture_name(raw_path: bytes) -> bool:
    return raw_path.lower().endswith(tuple(suffix.encode() for suffix in IMAGE_SUFFIXES))
