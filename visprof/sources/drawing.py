"""Pictures of scenes, drawn into files: in blocks, by some processes or by a cluster.

Whatever ends it, the same call goes on with the first block that was not drawn.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

from joblib.externals.loky import ProcessPoolExecutor  # takes scripts without a main guard, too
from tqdm import tqdm

from visprof._lazy import lazily
from visprof.blocks import Client, map_blocks, slices
from visprof.digests import digest
from visprof.files import naming, read_record, write_record
from visprof.machine import THREAD_SETTINGS, keep_freed_memory
from visprof.memo import code_version
from visprof.sources.painters import draw_scene

with lazily("nets"):
    import cv2

__all__ = ["Task", "write_pictures"]

JPEG_QUALITY = 90
PICTURES_A_BLOCK = 64  # drawn by one process, and kept if others are not

Task = tuple[Path, str, str, int | tuple[int, ...], int]  # file, scene, style, seed, size


def write_pictures(
    tasks: Iterable[Task], folder: Path, what: str, n_jobs: int, client: Client | None = None
) -> None:
    """Draw pictures and write them, each as JPEG; a terminal sees a progress bar.

    Parameters
    ----------
    tasks : iterable of (path, str, str, seed, int)
        File, scene, style, seed and side in pixels of each picture; folders must be there.
    folder : path
        Where a file says how far it has come (``<what>.drawing``), until all are drawn.
    what : str
        Name of these pictures, for progress and messages.
    n_jobs : int
        Number of processes.
    client : distributed.Client, optional
        Of the cluster that draws in their place; its workers see the files by the same paths.

    Raises
    ------
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    RuntimeError
        If a worker process died.

    Examples
    --------
    >>> tasks = [(Path(f"{seed}.jpg"), "lake", "golden_hour", seed, 32) for seed in (1, 2)]
    >>> write_pictures(tasks, Path(), "lakes", n_jobs=1)
    >>> sorted(path.name for path in Path().glob("*"))
    ['1.jpg', '2.jpg']
    """
    tasks = [(path.absolute(), *what_to_draw) for path, *what_to_draw in tasks]
    blocks = [tasks[block] for block in slices(len(tasks), PICTURES_A_BLOCK)]
    progress = folder / f"{what}.drawing"
    same = digest(code_version(__name__, _write_picture.__name__), repr(tasks))
    n_done = _n_drawn(progress, same, blocks)
    waiting = blocks[n_done:]
    bar = tqdm(
        total=len(tasks), initial=sum(map(len, blocks[:n_done])), desc=f"drawing {what}",
        unit="picture", disable=True if client else None,
    )  # fmt: skip
    with bar, closing(_drawn(waiting, n_jobs, client)) as drawn:
        try:
            for block, _ in zip(waiting, drawn, strict=True):
                n_done += 1
                write_record(progress, {"pictures": same, "blocks": n_done})
                bar.update(len(block))
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"a worker process that drew {what} died, perhaps for want of memory; run the same "
                "again: what was finished is kept"
            ) from error
    progress.unlink(missing_ok=True)


def _write_picture(task: Task) -> None:
    path, scene, style, seed, size = task
    keep_freed_memory()  # otherwise a quarter of the time
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # on pictures as small as these a second thread costs more than it gives
    try:
        picture = draw_scene(scene, style, seed, size)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    finally:
        cv2.setNumThreads(threads)
    with naming(path):
        path.write_bytes(data)


def _write_block(tasks: Sequence[Task]) -> None:
    for task in tasks:
        _write_picture(task)


def _end_with(parent: int) -> None:
    """End this process when the one that started it does, also where that one is killed.

    It would else wait for minutes for more to do.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _drawn(
    blocks: Sequence[Sequence[Task]], n_jobs: int, client: Client | None
) -> Generator[None, None, None]:
    """Draw blocks; give a sign for each, in their order, when it is there."""
    if client is not None:
        yield from map_blocks(_write_block, blocks, client)
    elif n_jobs == 1:
        yield from map(_write_block, blocks)
    else:
        # New for each call: one that is used again may start processes after it has looked which
        # to watch, and waits for ever for one of these that dies.
        pool = ProcessPoolExecutor(
            n_jobs, initializer=_end_with, initargs=(os.getpid(),),
            env={name: os.environ.get(name, "1") for name in THREAD_SETTINGS},
        )  # fmt: skip
        try:
            yield from pool.map(_write_block, blocks)
        finally:
            pool.shutdown(kill_workers=True)


def _n_drawn(progress: Path, same: str, blocks: Sequence[Sequence[Task]]) -> int:
    """Number of blocks, from the first on, that an interrupted run of the same has drawn."""
    try:
        record = read_record(progress)
    except (OSError, ValueError):  # there is none, or one that cannot be trusted
        return 0
    if record["pictures"] != same:
        return 0
    done = blocks[: record["blocks"]]
    whole = (all(path.exists() for path, *_ in block) for block in done)
    return sum(itertools.takewhile(bool, whole))
