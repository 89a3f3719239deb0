"""Labelled scenes of MiniPlaces, photographs of a hundred classes of Places, from git repositories.

The photographs are kept in one repository, the classes of the validation part in another, each
pinned at a commit. They are their owners': the data set's terms allow research and teaching that is
not commercial, and no passing on (http://places2.csail.mit.edu/download.html).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from visprof._extras import needs
from visprof.files import partial_folder, put_in_place
from visprof.sources.collect import (
    CollectSummary,
    PictureError,
    clear_unfinished,
    is_saved_picture,
    save_picture,
)
from visprof.sources.git import PinnedRepository, RepositoryError, fetch_commit

with needs("collect"):
    import pygit2

__all__ = ["CLASSES", "PHOTOGRAPHS", "collect_miniplaces"]

PHOTOGRAPHS = PinnedRepository(
    "photographs",
    "https://github.com/rathull/CTFs",
    "f35c219885f163ca00a045236dd44be489598837",
)
CLASSES = PinnedRepository(
    "classes",
    "https://github.com/CSAILVision/miniplaces",
    "b180bffabd727428fe798cbfe01bf19a2e9b19e2",
)
CACHE = ".repositories"


def collect_miniplaces(
    out: str | Path,
    *,
    train_per_class: int = 160,
    short_side: int = 128,
    photographs: PinnedRepository = PHOTOGRAPHS,
    classes: PinnedRepository = CLASSES,
    cache: str | Path | None = None,
    progress: bool = True,
) -> CollectSummary:
    """Collect MiniPlaces into ``train/`` and ``test/``, each with one folder a class.

    The test part is the validation part of MiniPlaces, about a hundred photographs of each class.
    A class's folder is its name with "-" for "/". A photograph that is there already is kept, so an
    interrupted run goes on where it stopped. One that cannot be read is left out and counted.

    Parameters
    ----------
    out : path
        Where to write: what `visprof.scenes.read_split` reads.
    train_per_class : int
        Training photographs of each class, the first by name.
    short_side : int
        Largest short side of the pictures in pixels.
    photographs, classes : PinnedRepository
        Where photographs lie as ``data/images/val/FILE`` and ``data/images/train/CLASS/FILE``; and
        where ``data/categories.txt`` and ``data/val.txt`` name the classes.
    cache : path, optional
        Folder of the bare repositories; ``.repositories`` in `out` if None.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        What was kept; its ``boards`` are classes.

    Raises
    ------
    RepositoryError
        If a repository cannot be fetched, or does not hold what it should; the message names it.
    ValueError
        If a number is below 1.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    for name, value in (("train_per_class", train_per_class), ("short_side", short_side)):
        if value < 1:
            raise ValueError(f"{name} is {value}; pass at least 1")
    out = Path(out)
    cache = out / CACHE if cache is None else Path(cache)
    clear_unfinished(out)
    kept, left_out = set(), Counter()
    trees = [_pinned_tree(of, cache) for of in (classes, photographs)]
    scenes = list(_scenes(*trees, train_per_class))
    for target, blob in tqdm(scenes, unit="picture", disable=not progress):
        try:
            if not is_saved_picture(out / target):
                save_picture(blob.data, out / target, short_side=short_side)
            kept.add(target)
        except PictureError as error:
            left_out[str(error)] += 1
    return CollectSummary(len(kept), left_out, len({target.parent.name for target in kept}))


def _pinned_tree(pinned: PinnedRepository, cache: Path) -> _Tree:
    """Files of a repository at its commit, fetched unless they are there."""
    folder = cache / f"{pinned.board_id}.git"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            with partial_folder(cache) as scratch:
                fetched = pygit2.init_repository(str(scratch / folder.name), bare=True)
                fetch_commit(fetched, pinned.url, pinned.commit)
                fetched.free()
                put_in_place(scratch / folder.name, folder)
        return _Tree(pinned, pygit2.Repository(str(folder)))


class _Tree:
    """Files of a pinned commit."""

    def __init__(self, pinned: PinnedRepository, repository: pygit2.Repository) -> None:
        self.pinned = pinned
        if pinned.commit not in repository:
            raise RepositoryError(
                f"{repository.path} has no commit {pinned.commit}: delete that folder, and collect "
                "again"
            )
        self.tree = repository[pinned.commit].peel(pygit2.Tree)

    def __getitem__(self, path: str) -> pygit2.Object:
        try:
            return self.tree[path]
        except KeyError:
            raise RepositoryError(
                f"{self.pinned.url} has no {path} at commit {self.pinned.commit}"
            ) from None

    def rows(self, path: str) -> list[list[str]]:
        """Words of each line of a text."""
        return [line.split() for line in self[path].data.decode().splitlines() if line.strip()]


def _scenes(
    classes: _Tree, photographs: _Tree, train_per_class: int
) -> Iterator[tuple[Path, pygit2.Blob]]:
    """Where each photograph goes, and what it holds."""
    folders = {}
    for category, number in classes.rows("data/categories.txt"):  # "/t/temple/east_asia 94"
        folders[number] = re.sub(r"^/\w/", "", category).replace("/", "-")
        files = sorted(photographs[f"data/images/train{category}"], key=lambda file: file.name)
        for file in files[:train_per_class]:
            yield Path("train", folders[number], file.name).with_suffix(".jpg"), file
    for path, number in classes.rows("data/val.txt"):  # "val/00000001.jpg 71"
        target = Path("test", folders[number], Path(path).name).with_suffix(".jpg")
        yield target, photographs[f"data/images/{path}"]
