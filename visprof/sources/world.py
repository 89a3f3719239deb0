"""A simulated world: users with known tastes, their boards in time, and labelled scenes.

What a real collection never tells, the true taste of every user, is known here. So the steps of the
paper can be checked against the truth, and against a null world in which all users share one taste.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from visprof._lazy import lazily
from visprof.blocks import Client, map_blocks, slices
from visprof.checks import check_number, check_table, check_whole, listed
from visprof.digests import digest
from visprof.files import naming, read_record, remove_unfinished, write_record, write_whole
from visprof.memo import code_version
from visprof.scene_groups import scene_groups
from visprof.sources.painters import SCENE_CLASSES, STYLES, draw_scene
from visprof.sources.tastes import (
    BASE_SPREAD,
    draw_category_tastes,
    draw_items,
    draw_repeats,
    draw_taste,
)

with lazily("nets"):
    import cv2

__all__ = [
    "SCENE_CLASSES",
    "STYLES",
    "World",
    "draw_scene",
    "simulate_world",
    "taste_recovery",
    "write_scenes",
    "write_world",
]

JPEG_QUALITY = 90
PICTURES_A_BLOCK = 64  # drawn by one process, and kept if others are not
LICENCE = "BSD-3-Clause (drawn by visprof)"
FIRST_DAY, LAST_DAY = np.datetime64("2013-01-01"), np.datetime64("2015-12-20")
ACTIVE_DAY = np.datetime64("2014-07-15")  # every board has a pin on this day or later
SHORTEST_LIFE = 90  # days
FINDING_TRIES = 16  # pins looked at to find a picture that is new to the board
WAKING_SECONDS = (6 * 3600, 22 * 3600)

SCENE_WORDS = {
    "coast": ("beach", "sandy cove", "down by the shore", "beach days"),
    "open_sea": ("open sea", "out on the ocean", "sailing", "nothing but waves"),
    "mountain": ("mountains", "high peaks", "alpine views", "summit day"),
    "snow": ("snow", "winter cabin", "snowy pines", "fresh powder"),
    "forest": ("forest", "walk in the woods", "tall trees", "forest trail"),
    "lake": ("lake", "quiet lake", "lakeside", "rowing boat on the lake"),
    "waterfall": ("waterfall", "falls", "chasing a waterfall", "hidden falls"),
    "desert": ("desert", "sand dunes", "cactus country", "dunes for days"),
    "field": ("fields", "farmland", "rows and rows of flowers", "harvest time"),
    "canyon": ("canyon", "gorge", "red cliffs", "river through the canyon"),
    "village": ("village", "little hill town", "old village houses", "village church"),
    "skyline_day": ("skyline", "downtown towers", "city break", "skyscrapers"),
    "skyline_night": ("city lights", "skyline at night", "night in the city", "lit up towers"),
    "street": ("street", "strolling the avenue", "city street", "shop windows"),
    "bridge": ("bridge", "crossing the bridge", "river bridge", "what a bridge"),
    "temple": ("temple", "pagoda", "temple garden", "old shrine"),
    "lighthouse": ("lighthouse", "lighthouse on the rocks", "keeper's light", "the old light"),
    "harbour": ("harbour", "fishing boats", "marina", "boats in the port"),
    "ruins": ("ruins", "ancient columns", "old stones", "what the ancients left"),
    "northern_lights": ("northern lights", "aurora", "aurora night", "green sky"),
}
STYLE_WORDS = {
    "golden_hour": ("golden hour", "warm light", "sunset glow"),
    "blue_hour": ("blue hour", "after sundown", "cool and calm"),
    "pastel_mist": ("soft and misty", "pastel morning", "dreamy haze"),
    "vivid_noon": ("so bright", "blue sky", "vivid colours"),
    "muted_film": ("film look", "faded", "vintage tones"),
    "moody_storm": ("stormy", "dark and moody", "before the rain"),
    "monochrome": ("black and white", "monochrome", "no colour needed"),
    "rose_dusk": ("pink dusk", "purple sky", "rosy evening"),
}
GENERIC_CAPTIONS = (
    "wish list", "someday", "love this", "wow", "take me there", "travel", "so pretty", "one day!",
    "must see", "on my list", "beautiful place", "dream trip", "places to go", "how lovely", "",
)  # fmt: skip
CAPTION_FORMS = ("{}", "{}!", "{}...", "must see: {}", "someday: {}", "wish I were here: {}")


@dataclass(frozen=True)
class World:
    """Boards of simulated users, and the truth behind them.

    Attributes
    ----------
    pins : DataFrame
        One row a pin, boards in order and pins in time order within a board: ``board``, ``image``
        (path below the folder of boards), ``time`` (UTC), ``caption``, ``scene``, ``style`` and
        ``seed`` (with scene and style, all that its picture depends on).
    class_taste : ndarray, shape (n_users, n_classes)
        Probability that a user picks each scene class, averaged over the board's life.
    style_taste : ndarray, shape (n_users, n_styles)
        The same for styles.
    """

    pins: pd.DataFrame
    class_taste: np.ndarray
    style_taste: np.ndarray


def simulate_world(
    n_users: int = 100,
    n_pins: int = 100,
    *,
    class_taste: float = 1.0,
    style_taste: float = 1.0,
    drift: float = 0.0,
    session_length: float = 1.0,
    repeat_share: float = 0.0,
    shared_share: float = 0.0,
    caption_words: float = 0.7,
    carry_over: float = 1.0,
    random_state: int = 0,
) -> World:
    r"""Simulate users of known taste and the boards that they fill.

    The taste of user u for K scene classes (and, apart, for styles) is a softmax of population
    preferences plus own deviations, :math:`p_u = \mathrm{softmax}(b + s\,e_u)` with
    :math:`b \sim N(0, 0.4^2 I)` shared by all, :math:`e_u \sim N(0, I)` and s the strength. With
    drift d, the pin (or session) at the share t of the board's pins follows
    :math:`(1 - dt)\,p_u + dt\,p'_u`, where :math:`p'_u` is a second draw of the same kind.
    A user's board depends on ``random_state`` and on the user's number, not on ``n_users`` (unless
    boards share pictures).

    Parameters
    ----------
    n_users, n_pins : int
        Number of boards (one a user), and of pins on each.
    class_taste, style_taste : float
        Strengths s >= 0. At 0 all users have the population's taste: the null world.
    drift : float
        Share in [0, 1] of the early taste that is replaced by the end of the board's life.
    session_length : float
        Mean length >= 1 of runs of pins that share scene, style and day (geometric lengths);
        at 1 the pins are independent.
    repeat_share : float
        Share in [0, 1] of a board's pins that show an earlier picture of the board again. The first
        pin cannot; repeats break into sessions.
    shared_share : float
        Share in [0, 1] of a board's pins that are repins: they show the very picture that another
        board pinned before, under a time and caption of their own. A user repins what suits: among
        earlier pins of the same scene and style on other boards one is drawn, whose picture is new
        to the board; so what is pinned much is repinned much, and tastes stay as they are. A board
        has fewer repins where too few such pins came before, as in a small or young world. Added
        to ``repeat_share`` at most 1.
    caption_words : float
        Share in [0, 1] of captions that name the scene (half of them the style too); the others
        say nothing.
    carry_over : float
        Share rho in [0, 1] of a taste over styles that shows in all groups of scenes
        (`visprof.scene_groups`). In each group the taste is the user's general one with
        probability :math:`\sqrt\rho`, and else one of its own, drawn likewise.
    random_state : int
        Seed >= 0.

    Returns
    -------
    World

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a parameter is out of its range, or repeats and repins make more than all pins.

    Examples
    --------
    >>> world = simulate_world(n_users=2, n_pins=3, random_state=0)
    >>> world.pins["board"].tolist()
    ['user_000', 'user_000', 'user_000', 'user_001', 'user_001', 'user_001']
    >>> world.class_taste.shape, world.style_taste.shape  # of each user, over classes and styles
    ((2, 20), (2, 8))
    """
    for name, count in (("n_users", n_users), ("n_pins", n_pins)):
        check_whole(count, name, 1)
    for name, strength in (("class_taste", class_taste), ("style_taste", style_taste)):
        check_number(strength, name, least=0)
    for name, share in (
        ("drift", drift), ("repeat_share", repeat_share), ("shared_share", shared_share),
        ("caption_words", caption_words), ("carry_over", carry_over),
    ):  # fmt: skip
        check_number(share, name, least=0, most=1)
    if repeat_share + shared_share > 1:
        raise ValueError(
            f"repeat_share={repeat_share!r} and shared_share={shared_share!r} must add up to at "
            "most 1: a pin is a repeat or a repin, not both"
        )
    check_number(session_length, "session_length", least=1)
    check_whole(random_state, "random_state", 0)

    population, *users, sharing = np.random.SeedSequence(random_state).spawn(n_users + 2)
    rng = np.random.default_rng(population)
    class_base = BASE_SPREAD * rng.standard_normal(len(SCENE_CLASSES))
    style_base = BASE_SPREAD * rng.standard_normal(len(STYLES))
    groups, group_of = np.unique(scene_groups(SCENE_CLASSES), return_inverse=True)
    digits = max(3, len(str(n_users - 1)))
    boards, sources, class_tastes, style_tastes = [], [], [], []
    for number, user in enumerate(users):
        rng = np.random.default_rng(user)
        classes = draw_taste(class_base, class_taste, rng)
        styles = draw_taste(style_base, style_taste, rng)
        styles = draw_category_tastes(
            styles, style_base, style_taste, len(groups), carry_over, user
        )
        session = np.cumsum(rng.random(n_pins) < 1 / session_length)
        session -= session[0]
        day = _draw_days(session[-1] + 1, rng)[session]
        first_pins = np.flatnonzero(np.diff(session, prepend=-1))
        late = drift * first_pins / max(n_pins - 1, 1)
        scene = draw_items(classes, late, rng)
        style = draw_items(styles[:, group_of[scene]], late, rng)[session]
        scene = scene[session]
        seed = rng.integers(2**62, size=n_pins)
        source = draw_repeats(n_pins, repeat_share, rng)
        scene, style, seed = scene[source], style[source], seed[source]
        sources.append(number * n_pins + source)
        board = f"user_{number:0{digits}d}"
        boards.append(pd.DataFrame({
            "board": board,
            "image": [f"{board}/{k:05d}.jpg" for k in range(n_pins)],
            "time": _draw_times(day, rng),
            "caption": [_write_caption(SCENE_CLASSES[k], STYLES[s], caption_words, rng)
                        for k, s in zip(scene, style, strict=True)],
            "scene": np.take(SCENE_CLASSES, scene),
            "style": np.take(STYLES, style),
            "seed": seed,
        }))  # fmt: skip
        late_share = drift / 2  # the mean of drift * t over the board's life
        class_tastes.append((1 - late_share) * classes[0] + late_share * classes[1])
        by_group = (1 - late_share) * styles[0] + late_share * styles[1]
        style_tastes.append(by_group[0] if carry_over == 1 else by_group.mean(axis=0))
    pins = pd.concat(boards, ignore_index=True)
    if shared_share:
        count = round(shared_share * n_pins)
        pins["seed"] = _share_pictures(pins, np.array(sources), count, sharing)
    return World(
        pins=pins,
        class_taste=np.array(class_tastes),
        style_taste=np.array(style_tastes),
    )


def taste_recovery(world: World, n_pins: Sequence[int]) -> pd.DataFrame:
    """Compare each user's true taste over classes with the classes of their first pins.

    Parameters
    ----------
    world : World
        From `simulate_world`; its table of pins may have any index.
    n_pins : sequence of int
        Numbers of first pins to look at, each at most the pins of a board.

    Returns
    -------
    DataFrame
        Columns ``user``, ``pins`` and ``error``: half the sum of absolute differences between the
        share of each class and its true probability (total variation, 0 to 1).

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is not between 1 and the pins of a board, a board or scene is missing or a scene
        is unknown (the rows are named), or the world has tastes of another number of users.
    """
    pins = check_table(world.pins, "world.pins", "board", ["scene"])
    users, numbers = np.unique(pins["board"], return_inverse=True)
    if len(users) != len(world.class_taste):
        raise ValueError(
            f"world: {len(users)} boards, but the tastes of {len(world.class_taste)} users"
        )
    place = pins.groupby("board", observed=True).cumcount().to_numpy()
    classes = pd.Categorical(pins["scene"], categories=SCENE_CLASSES).codes
    if len(unknown := np.flatnonzero(classes < 0)):
        raise ValueError(f"world.pins: scene is none of SCENE_CLASSES in row(s) {listed(unknown)}")
    tables = []
    for n in n_pins:
        if check_whole(n, "n_pins", 1) > place.max() + 1:
            raise ValueError(f"n_pins: expected at most {place.max() + 1} of a board, got {n}")
        counts = np.zeros(world.class_taste.shape)
        np.add.at(counts, (numbers[place < n], classes[place < n]), 1)
        error = np.abs(counts / n - world.class_taste).sum(axis=1) / 2
        tables.append(pd.DataFrame({"user": users, "pins": n, "error": error}))
    return pd.concat(tables, ignore_index=True)


def write_world(
    world: World,
    folder: str | Path,
    *,
    size: int = 96,
    n_jobs: int = 2,
    client: Client | None = None,
) -> Path:
    """Draw a world's pictures and write its boards.

    Writes ``boards/<board>/<n>.jpg``, ``boards/truth.csv`` (image, scene, style) and, last,
    ``boards/manifest.csv`` (board_id, image, added_at, caption, width, height, licence): where
    there is a manifest, the boards are complete. The bytes do not depend on who draws them. What
    an interrupted run has drawn, as ``boards.drawing`` counts it, is not drawn again.

    Parameters
    ----------
    world : World
        From `simulate_world`; its table of pins may have any index.
    folder : path
        Where to write; made if absent. Boards of the same name there are written over.
    size : int
        Side of the pictures in pixels.
    n_jobs : int
        Number of processes, at least 1.
    client : distributed.Client, optional
        Of the cluster that draws in their place; its workers see the folder by the same path.

    Returns
    -------
    Path
        The folder ``boards``.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is too small, or a value is missing in the table (the rows are named).
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    RuntimeError
        If a worker process died.
    """
    check_whole(n_jobs, "n_jobs", 1)
    check_whole(size, "size", 1)
    columns = ["image", "time", "caption", "scene", "style", "seed"]
    pins = check_table(world.pins, "world.pins", "board", columns)
    boards = Path(folder) / "boards"
    manifest = boards / "manifest.csv"
    manifest.unlink(missing_ok=True)  # an interrupted run must not look complete
    remove_unfinished(boards, "manifest.csv.*")
    pictures = pins[["image", "scene", "style", "seed"]].itertuples(index=False)
    tasks = ((boards / p.image, p.scene, p.style, int(p.seed), size) for p in pictures)
    for board in pins["board"].unique():
        (boards / board).mkdir(parents=True, exist_ok=True)
    _write_pictures(tasks, Path(folder), "boards", n_jobs, client)
    with naming(boards / "truth.csv"):
        pins[["image", "scene", "style"]].to_csv(boards / "truth.csv", index=False)
    table = pd.DataFrame({
        "board_id": pins["board"],
        "image": pins["image"],
        "added_at": [time.isoformat() for time in pins["time"]],
        "caption": pins["caption"],
        "width": size,
        "height": size,
        "licence": LICENCE,
    })  # fmt: skip
    write_whole(manifest, table.to_csv(index=False).encode())
    return boards


def write_scenes(
    folder: str | Path,
    *,
    n_per_class: int,
    size: int = 96,
    random_state: int = 0,
    n_jobs: int = 2,
    client: Client | None = None,
) -> Path:
    """Draw labelled scenes, styles uniform, as ``scenes/<class>/<n>.jpg``.

    Picture n of a class depends only on its class, n, `size` and `random_state`; a smaller set is
    the beginning of a larger one. Numbered pictures of an earlier, larger set are removed.

    Parameters
    ----------
    folder : path
        Where to write; made if absent.
    n_per_class : int
        Number of pictures of each of `SCENE_CLASSES`, at least 1.
    size : int
        Side of the pictures in pixels.
    random_state : int
        Seed >= 0.
    n_jobs : int
        Number of processes, at least 1.
    client : distributed.Client, optional
        Of the cluster that draws in their place; its workers see the folder by the same path.

    Returns
    -------
    Path
        The folder ``scenes``.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is too small.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    RuntimeError
        If a worker process died.
    """
    check_whole(n_per_class, "n_per_class", 1)
    check_whole(size, "size", 1)
    check_whole(random_state, "random_state", 0)
    check_whole(n_jobs, "n_jobs", 1)
    scenes = Path(folder) / "scenes"

    def tasks() -> Iterator[Task]:
        for label, scene in enumerate(SCENE_CLASSES):
            for k in range(n_per_class):
                seed = (random_state, label, k)
                style = STYLES[np.random.default_rng(seed).integers(len(STYLES))]
                yield scenes / scene / f"{k:05d}.jpg", scene, style, seed, size

    for scene in SCENE_CLASSES:
        (scenes / scene).mkdir(parents=True, exist_ok=True)
    _write_pictures(tasks(), Path(folder), "scenes", n_jobs, client)
    for scene in SCENE_CLASSES:
        for path in (scenes / scene).glob("[0-9]" * 5 + ".jpg"):
            if int(path.stem) >= n_per_class:
                path.unlink()
    return scenes


# --------------------------------------------------------------------------------------- draws


def _draw_days(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the days of n sessions, in order; the last is on or after `ACTIVE_DAY`."""
    life = int((LAST_DAY - FIRST_DAY).astype(int))
    active = int((ACTIVE_DAY - FIRST_DAY).astype(int))
    start = rng.integers(life - SHORTEST_LIFE)
    end = rng.integers(max(active, start + SHORTEST_LIFE), life + 1)
    days = np.sort(rng.integers(start, end + 1, n))
    days[-1] = end
    return FIRST_DAY + days


def _draw_times(day: np.ndarray, rng: np.random.Generator) -> pd.DatetimeIndex:
    """Return strictly increasing UTC times, each on its day (n,)."""
    seconds = day.astype("datetime64[s]").astype(np.int64)
    seconds = np.sort(seconds + rng.integers(*WAKING_SECONDS, len(day)))
    seconds = np.maximum.accumulate(seconds - np.arange(len(day))) + np.arange(len(day))
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"), tz="UTC")


def _share_pictures(
    pins: pd.DataFrame, sources: np.ndarray, count: int, seed: np.random.SeedSequence
) -> np.ndarray:
    """Return the pins' seeds after `count` pins a board were made repins, where there are so many.

    `sources`, (n_users, n_pins), holds the pin whose picture each pin shows; repeats follow it.
    """
    rng = np.random.default_rng(seed)
    n_users, n_pins = sources.shape
    board = np.repeat(np.arange(n_users), n_pins).tolist()
    kind = pins.groupby(["scene", "style"]).ngroup().tolist()
    source, picture = sources.ravel().tolist(), pins["seed"].tolist()
    left = (sources == np.arange(sources.size).reshape(sources.shape)).sum(axis=1).tolist()
    wanted = [count] * n_users  # of the pins `left`, those that are no repeats and yet to come
    earlier: defaultdict[int, list[int]] = defaultdict(list)  # pins so far, by kind
    shown: list[set[int]] = [set() for _ in range(n_users)]  # pictures so far, by board
    for pin in np.argsort(pins["time"].to_numpy(), kind="stable").tolist():
        user, others = board[pin], earlier[kind[pin]]
        if source[pin] != pin:
            picture[pin] = picture[source[pin]]
        else:
            if others and rng.random() < wanted[user] / left[user]:
                tries = rng.integers(len(others), size=FINDING_TRIES)
                found = (picture[others[k]] for k in tries)
                new = next((one for one in found if one not in shown[user]), None)
                if new is not None:
                    picture[pin] = new
                    wanted[user] -= 1
            left[user] -= 1
            shown[user].add(picture[pin])
        others.append(pin)
    return np.array(picture)


def _write_caption(scene: str, style: str, share: float, rng: np.random.Generator) -> str:
    """Write a caption that names the scene with the given probability."""

    def pick(phrases: tuple[str, ...]) -> str:
        return phrases[rng.integers(len(phrases))]

    if rng.random() >= share:
        return pick(GENERIC_CAPTIONS)
    words = pick(SCENE_WORDS[scene])
    if rng.random() < 0.5:
        words = f"{words}, {pick(STYLE_WORDS[style])}"
    return pick(CAPTION_FORMS).format(words)


# --------------------------------------------------------------------------------------- files

Task = tuple[Path, str, str, int | tuple[int, ...], int]  # file, scene, style, seed, size


@functools.cache
def _keep_freed_memory() -> None:
    """Let malloc keep what is freed instead of handing frames back to the system one by one.

    glibc does so for blocks smaller than the largest that was freed so far. Otherwise the frames'
    memory is paged in anew for every picture, a quarter of the time of drawing.
    """
    np.empty(2**24, np.uint8)


def _write_picture(task: Task) -> None:
    path, scene, style, seed, size = task
    _keep_freed_memory()
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


def _write_pictures(
    tasks: Iterable[Task], folder: Path, what: str, n_jobs: int, client: Client | None = None
) -> None:
    """Write pictures by a cluster, or in `n_jobs` processes; a terminal sees a progress bar.

    After an interruption it goes on with the first block that was not done.
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
    with bar:
        try:
            for block, _ in zip(waiting, _drawn(waiting, n_jobs, client), strict=True):
                n_done += 1
                write_record(progress, {"pictures": same, "blocks": n_done})
                bar.update(len(block))
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"a worker process that drew {what} died, perhaps for want of memory; run the same "
                "again: what was finished is kept"
            ) from error
    progress.unlink(missing_ok=True)


def _drawn(blocks: Sequence[Sequence[Task]], n_jobs: int, client: Client | None) -> Iterator[None]:
    if client is not None:
        return map_blocks(_write_block, blocks, client)
    workers = joblib.Parallel(
        n_jobs=n_jobs, return_as="generator", initializer=_end_with, initargs=(os.getpid(),)
    )
    return workers(joblib.delayed(_write_block)(block) for block in blocks)


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
