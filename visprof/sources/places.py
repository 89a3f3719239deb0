"""Labelled scenes of Places365, the data set after the paper's Places205, through torchvision.

The pictures are their owners': the data set's terms allow research and teaching that is not
commercial, and no passing on (http://places2.csail.mit.edu/download.html).
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from visprof._torchvision import torchvision
from visprof.pictures import PictureError, open_regular
from visprof.sources.collect import (
    CollectSummary,
    clear_unfinished,
    is_saved_picture,
    save_picture,
)

__all__ = ["LABELLED_SPLITS", "collect_places", "places_scenes"]

log = logging.getLogger("visprof")

LABELLED_SPLITS = ("train-standard", "train-challenge", "val")


def places_scenes(
    root: str | Path,
    *,
    split: str = "val",
    small: bool = True,
    per_class: int | None = None,
    download: bool = False,
) -> pd.DataFrame:
    """List the photographs of Places365 with their labels.

    Parameters
    ----------
    root : path
        Folder of the data set as `torchvision.datasets.Places365` lays it out: the lists of files
        and categories, and one folder of pictures a split (``val_256`` for small pictures of
        "val").
    split : {"val", "train-standard", "train-challenge"}
        Part of the data set: 36,500, 1.8 million, or 8 million photographs. The labels of the
        test part are not public.
    small : bool
        Take the pictures of 256 x 256 pixels instead of the large ones.
    per_class : int, optional
        Take only the first so many of each class, in the order of the data set's list.
    download : bool
        Fetch what is absent, checked by its checksum: 0.5 GB for the small pictures of "val",
        24 GB for those of "train-standard".

    Returns
    -------
    pandas.DataFrame
        Columns ``image`` (path, str) and ``label`` (the category without its letter:
        "bakery/shop", not "/b/bakery/shop"), sorted by label, then by image; what
        `visprof.scenes` works on.

    Raises
    ------
    FileNotFoundError
        If the data set is absent or its lists are not as published, and `download` is False.
    ValueError
        If `split` has no labels, or `per_class` is less than 1.
    """
    if split not in LABELLED_SPLITS:
        raise ValueError(f"split is {split!r}; with labels there are {', '.join(LABELLED_SPLITS)}")
    if per_class is not None and per_class < 1:
        raise ValueError(f"per_class is {per_class}; pass 1 or more, or None for all")
    root = Path(root)
    how = "pass download=True (a command: --download) to fetch it, or unpack it there yourself"
    try:
        if download:
            root.mkdir(parents=True, exist_ok=True)
        places = torchvision.datasets.Places365(root, split, small=small, download=download)
    except RuntimeError as error:
        if download:
            raise
        raise FileNotFoundError(f"no Places365 at {root}; {how} ({error})") from error
    if not Path(places.images_dir).is_dir():
        raise FileNotFoundError(f"the pictures are not at {places.images_dir}: {how}")
    # not `places.classes`: that is sorted by name, which need not be the order of the numbers
    label = {number: re.sub(r"^/\w/", "", name) for name, number in places.class_to_idx.items()}
    scenes = pd.DataFrame(
        {
            "image": [image for image, _ in places.imgs],
            "label": [label[number] for number in places.targets],
        }
    )
    if per_class is not None:
        scenes = scenes.groupby("label").head(per_class)
    return scenes.sort_values(["label", "image"], ignore_index=True)


def collect_places(
    root: str | Path,
    out: str | Path,
    *,
    split: str = "val",
    per_class: int | None = None,
    short_side: int = 192,
    download: bool = False,
    progress: bool = True,
) -> CollectSummary:
    """Copy photographs of Places365, scaled down, into one folder a class.

    A class's folder is its name with "-" for "/". A photograph that is there already is kept, so
    an interrupted run goes on where it stopped. One that cannot be read is left out and counted.

    Parameters
    ----------
    root, split, per_class, download
        As in `places_scenes`.
    out : path
        Where to write: what `visprof.scenes.read_scenes` reads.
    short_side : int
        Largest short side of the pictures in pixels.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        What was kept; its ``boards`` are classes.

    Raises
    ------
    FileNotFoundError, ValueError
        As `places_scenes`.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    scenes = places_scenes(root, split=split, per_class=per_class, download=download)
    clear_unfinished(Path(out))
    kept, left_out = set(), Counter()
    for scene in tqdm(scenes.itertuples(), total=len(scenes), unit="picture", disable=not progress):
        photo, folder = Path(scene.image), Path(out) / scene.label.replace("/", "-")
        target = folder / f"{photo.stem}.jpg"
        try:
            if not is_saved_picture(target):
                save_picture(_read(photo), target, short_side=short_side)
            kept.add(target)
        except PictureError as error:
            left_out[str(error)] += 1
    return CollectSummary(len(kept), left_out, len({target.parent for target in kept}))


def _read(photo: Path) -> bytes:
    try:
        with open_regular(photo) as file:
            return file.read()
    except FileNotFoundError as error:
        raise PictureError("absent") from error
    except OSError as error:
        log.warning("left out %s: %s", photo, error)
        raise PictureError("cannot be read") from error
