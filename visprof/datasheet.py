"""A datasheet of any table of pins: what there is, how good it is, and what is known to be wrong.

Numbers first, in data frames; the sentences of `known_problems` are made from these numbers alone.
The questions follow Gebru et al., "Datasheets for Datasets" (2021), as far as a table can answer
them.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof._lazy import lazily
from visprof.checks import check_table
from visprof.duplicates import duplicate_summary
from visprof.pictures import is_hidden

with lazily():
    from visprof.words import tokens

__all__ = [
    "Datasheet",
    "board_quantiles",
    "caption_quality",
    "content_digest",
    "describe",
    "known_problems",
    "licence_table",
    "time_resolution",
]

QUANTILES = {"least": 0, "lower quarter": 0.25, "median": 0.5, "upper quarter": 0.75, "most": 1}
FEW_TIMES = 10  # distinct times of a board; with fewer, "earlier" and "later" hardly mean anything
NO_LICENCE = "not stated"


@dataclass(frozen=True)
class Datasheet:
    """What `describe` found.

    Attributes
    ----------
    counts : DataFrame
        One row: ``boards``, ``pins``, ``unreadable`` (pins set aside before), ``first`` and
        ``last`` (times of pins).
    funnel : DataFrame
        Boards and pins left after each filter, from `visprof.boards.filter_boards`.
    boards : DataFrame
        One row a board, from `time_resolution`.
    quantiles : DataFrame
        Their quantiles over boards, from `board_quantiles`.
    captions : DataFrame
        One row, from `caption_quality`.
    duplicates : DataFrame or None
        One row, from `visprof.duplicates.duplicate_summary`; None if no clusters were given.
    licences : DataFrame or None
        From `licence_table`; None if the pins have no column ``licence``.
    left_out : DataFrame
        One row a reason, the commonest first: ``reason``, ``entries`` of the folder and pins that
        were left out for it before.
    time_sources : DataFrame or None
        One row a kind, the commonest first: ``time_source``, ``pins``; None if the pins have no
        column ``time_source``.
    """

    counts: pd.DataFrame
    funnel: pd.DataFrame
    boards: pd.DataFrame
    quantiles: pd.DataFrame
    captions: pd.DataFrame
    duplicates: pd.DataFrame | None
    licences: pd.DataFrame | None
    left_out: pd.DataFrame
    time_sources: pd.DataFrame | None


def describe(
    pins: pd.DataFrame,
    funnel: pd.DataFrame,
    unreadable: pd.DataFrame,
    clusters: ArrayLike | None = None,
    left_out: pd.DataFrame | None = None,
) -> Datasheet:
    """Describe a table of pins.

    Parameters
    ----------
    pins : DataFrame
        A table of n readable pins, before any filter, of any index; columns ``licence`` and
        ``time_source`` are used if there.
    funnel : DataFrame
        From `visprof.boards.filter_boards`.
    unreadable : DataFrame
        The pins set aside by `visprof.boards.split_readable`.
    clusters : array of int, shape (n,), optional
        From `visprof.duplicates.duplicate_clusters` of these pins' pictures.
    left_out : DataFrame, optional
        The entries of a folder that `visprof.boards.survey_boards` left out.

    Returns
    -------
    Datasheet

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, a board, time, caption or cluster is missing (the rows are named), or
        there is not one cluster for each pin.
    """
    if pins.empty:
        raise ValueError("pins: the table is empty; there is nothing to describe")
    pins = check_table(pins, "pins", "board", ["time", "caption"])
    boards = time_resolution(pins)
    counts = {
        "boards": len(boards),
        "pins": len(pins),
        "unreadable": len(unreadable),
        "first": pins["time"].min(),
        "last": pins["time"].max(),
    }
    duplicates = None if clusters is None else pd.DataFrame([duplicate_summary(pins, clusters)])
    return Datasheet(
        counts=pd.DataFrame([counts]),
        funnel=funnel,
        boards=boards,
        quantiles=board_quantiles(boards),
        captions=caption_quality(pins),
        duplicates=duplicates,
        licences=licence_table(pins) if "licence" in pins else None,
        left_out=_count(
            [*unreadable["reason"], *([] if left_out is None else left_out["reason"])],
            "reason",
            "entries",
        ),
        time_sources=_count(pins["time_source"], "time_source", "pins")
        if "time_source" in pins
        else None,
    )


def _count(values: Iterable[str], name: str, counted: str) -> pd.DataFrame:
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(counts, columns=[name, counted])


def time_resolution(pins: pd.DataFrame) -> pd.DataFrame:
    """How finely the times of each board order its pins.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.

    Returns
    -------
    DataFrame
        One row a board: ``board``, ``pins``, ``first`` and ``last`` time, ``days`` between them,
        ``distinct_times``, ``largest_batch`` (share of the board's pins at its commonest time) and
        ``tied`` (share of pins that share their time with another pin of the board).

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, or a board or time is missing (the rows are named).

    Examples
    --------
    >>> times = pd.to_datetime(["2015-01-01", "2015-01-01", "2015-01-02"], utc=True)
    >>> found = time_resolution(pd.DataFrame({"board": ["a", "a", "a"], "time": times}))
    >>> found[["pins", "distinct_times"]].to_dict("records")
    [{'pins': 3, 'distinct_times': 2}]
    """
    pins = check_table(pins, "pins", "board", ["time"])
    batch = pins.groupby(["board", "time"], observed=True)["time"].transform("size")
    by_board = pins.assign(batch=batch, tied=batch > 1).groupby("board", observed=True)
    first, last = by_board["time"].min(), by_board["time"].max()
    resolution = {
        "pins": by_board.size(),
        "first": first,
        "last": last,
        "days": (last - first) / pd.Timedelta(days=1),
        "distinct_times": by_board["time"].nunique(),
        "largest_batch": by_board["batch"].max() / by_board.size(),
        "tied": by_board["tied"].mean(),
    }
    return pd.DataFrame(resolution).reset_index()


def board_quantiles(boards: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over boards of what `time_resolution` counts.

    Parameters
    ----------
    boards : DataFrame
        From `time_resolution`.

    Returns
    -------
    DataFrame
        One row a quantity: ``quantity``, ``least``, ``lower quarter``, ``median``,
        ``upper quarter``, ``most``.
    """
    quantities = ["pins", "days", "distinct_times", "largest_batch", "tied"]
    quantiles = boards[quantities].quantile(list(QUANTILES.values())).T
    quantiles.columns = list(QUANTILES)
    return quantiles.rename_axis("quantity").reset_index()


def caption_quality(pins: pd.DataFrame) -> pd.DataFrame:
    """How much captions can tell.

    A word is one of `visprof.words.words`, as text profiles see it, and is on two captions at
    least: nothing can be learned from others. In scripts that put no space between words, other
    than Chinese, nearly all captions count as wordless.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.

    Returns
    -------
    DataFrame
        One row: ``empty``, share of pins without a caption; ``wordless``, share with a caption
        but no word; ``mean_words``, words of a pin on average; ``named_by_board``, share of pins
        with a word that is on half of their board's captions at least (a habit of naming: it may
        tell boards apart, but not the pins of one); ``only_named_by_board``, share with no others;
        ``with_serials`` and ``with_single_letters``, shares of pins with serial numbers and with
        single letters in their caption, which are no words; ``left_out``, their share of all
        tokens.

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, or a board or caption is missing (the rows are named): no caption is
        the empty one.
    """
    pins = check_table(pins, "pins", "board", ["caption"])
    empty = pins["caption"].str.strip().to_numpy() == ""
    boards = pins["board"].tolist()
    captions = [tokens(caption) for caption in pins["caption"]]
    n_left_out = sum(len(of.serials) + len(of.single_letters) for of in captions)
    n_tokens = n_left_out + sum(len(of.words) for of in captions)
    found = [set(of.words) for of in captions]
    captions_with = Counter(word for words in found for word in words)
    found = [[word for word in words if captions_with[word] > 1] for words in found]
    n_words = np.array([len(words) for words in found])
    on_board = Counter(
        (board, word) for board, words in zip(boards, found, strict=True) for word in words
    )
    size = Counter(boards)
    n_naming = np.array(
        [
            sum(on_board[board, word] >= max(2, size[board] / 2) for word in words)
            for board, words in zip(boards, found, strict=True)
        ]
    )
    quality = {
        "empty": float(empty.mean()),
        "wordless": float((~empty & (n_words == 0)).mean()),
        "mean_words": float(n_words.mean()),
        "named_by_board": float((n_naming > 0).mean()),
        "only_named_by_board": float(((n_naming > 0) & (n_naming == n_words)).mean()),
        "with_serials": float(np.mean([bool(of.serials) for of in captions])),
        "with_single_letters": float(np.mean([bool(of.single_letters) for of in captions])),
        "left_out": n_left_out / max(n_tokens, 1),
    }
    return pd.DataFrame([quality])


def licence_table(pins: pd.DataFrame) -> pd.DataFrame:
    """Boards and pins of each licence.

    Parameters
    ----------
    pins : DataFrame
        A table of pins with a column ``licence``; an empty or missing value is "not stated".

    Returns
    -------
    DataFrame
        One row a licence, the commonest first: ``licence``, ``boards``, ``pins``.

    Raises
    ------
    TypeError
        If boards have names of several kinds.
    ValueError
        If there are no pins, a column is not there, or a board is missing (the rows are named).
    """
    pins = check_table(pins, "pins", "board")
    stated = pins["licence"].astype("string").fillna("").str.strip().replace("", NO_LICENCE)
    by_licence = pins.assign(licence=stated).groupby("licence")["board"].agg(["nunique", "size"])
    named = by_licence.reset_index().set_axis(["licence", "boards", "pins"], axis=1)
    return named.sort_values(["pins", "licence"], ascending=[False, True], ignore_index=True)


def known_problems(datasheet: Datasheet) -> list[str]:
    """Say in plain sentences what is known to be wrong with the data.

    Parameters
    ----------
    datasheet : Datasheet
        From `describe`.

    Returns
    -------
    list of str
        A sentence a problem that these data have; its numbers are those of the tables.
    """
    return [
        *_count_problems(datasheet),
        *_time_problems(datasheet.boards),
        *_time_source_problems(datasheet.time_sources),
        *_caption_problems(datasheet.captions.iloc[0]),
        *_duplicate_problems(datasheet.duplicates),
        *_licence_problems(datasheet.licences),
    ]


def _count_problems(datasheet: Datasheet) -> list[str]:
    found, funnel = datasheet.counts.iloc[0], datasheet.funnel
    sizes = datasheet.boards["pins"]
    largest = int((sizes == sizes.max()).sum())
    problems = []
    if found["unreadable"]:
        problems.append(
            f"{found['unreadable']:,} of {found['pins'] + found['unreadable']:,} pictures cannot "
            "be read and are left out."
        )
    n_entries = int(datasheet.left_out["entries"].sum() - found["unreadable"])
    if n_entries:
        problems.append(
            f"{n_entries:,} other entries of the folder are left out; what is left out, and why, "
            "is in the table below."
        )
    if len(funnel) > 1 and funnel["pins"].iloc[-1] < funnel["pins"].iloc[0]:
        start, end = funnel.iloc[0], funnel.iloc[-1]
        problems.append(
            f"The filters keep {end['boards']:,} of {start['boards']:,} boards and "
            f"{_percent(end['pins'] / start['pins'])} of the pins: results are about active "
            "collectors, not about all."
        )
    if largest > 2 and sizes.nunique() > 1:
        problems.append(
            f"{largest:,} of {len(sizes):,} boards have exactly {sizes.max():,} pins, and none has "
            "more: they were probably cut there."
        )
    return problems


def _time_problems(boards: pd.DataFrame) -> list[str]:
    tied = (boards["tied"] * boards["pins"]).sum() / boards["pins"].sum()
    few = int((boards["distinct_times"] < FEW_TIMES).sum())
    batch = int((boards["largest_batch"] > 0.5).sum())
    problems = []
    if tied:
        problems.append(
            f"{_percent(tied)} of pins share their time with another pin of their board: within "
            "such a batch the order is that of the list, not of time."
        )
    if few:
        problems.append(
            f"{few:,} of {len(boards):,} boards have fewer than {FEW_TIMES} distinct times: "
            "earlier and later pins mean little there."
        )
    if batch:
        problems.append(
            f"On {batch:,} of {len(boards):,} boards more than half of the pins came at one time."
        )
    return problems


def _time_source_problems(time_sources: pd.DataFrame | None) -> list[str]:
    """Say how many pins have the time of a file: it decides which are a user's next ones."""
    if time_sources is None:
        return []
    n = int(time_sources.loc[time_sources["time_source"] == "file", "pins"].sum())
    total = int(time_sources["pins"].sum())
    if not n:
        return []
    return [
        f"{n:,} of {total:,} pins have the time of their file, since the picture has no EXIF date: "
        "where files were copied or unpacked, which pin is earlier and which is next is chance."
    ]


def _caption_problems(captions: pd.Series) -> list[str]:
    problems = []
    if captions["empty"]:
        problems.append(f"{_percent(captions['empty'])} of pins have no caption.")
    if captions["wordless"]:
        problems.append(
            f"{_percent(captions['wordless'])} of pins have a caption without a word that is on "
            "another caption too (serial numbers, ids, names): text profiles learn nothing there."
        )
    if captions["named_by_board"]:
        problems.append(
            f"{_percent(captions['named_by_board'])} of pins carry a word that is on at least half "
            "of their board's captions: text may tell boards apart by habits of naming, not by "
            f"taste. {_percent(captions['only_named_by_board'])} carry no other word."
        )
    if captions["left_out"]:
        problems.append(
            f"{_percent(captions['left_out'])} of what stands in captions is left out as no word. "
            f"{_percent(captions['with_serials'])} of pins have serial numbers or ids there, "
            f"{_percent(captions['with_single_letters']).lower()} single letters."
        )
    return problems


def _duplicate_problems(duplicates: pd.DataFrame | None) -> list[str]:
    if duplicates is None:
        return ["Near-duplicate pictures were not looked for."]
    found = duplicates.iloc[0]
    problems = []
    if found["on_same_board"]:
        problems.append(
            f"{_percent(found['share_same_board'])} of pins have a near-duplicate on their own "
            "board: where one is learned from and the other looked for, prediction is too easy."
        )
    if found["on_other_board"]:
        problems.append(
            f"{_percent(found['share'])} of pins have a near-duplicate on another board: shared "
            "favourites make users look alike."
        )
    return problems


def _licence_problems(licences: pd.DataFrame | None) -> list[str]:
    if licences is None:
        return ["No licence is recorded: pictures must not be shown to others without asking."]
    unstated = licences.loc[licences["licence"] == NO_LICENCE, "pins"].sum()
    share = unstated / licences["pins"].sum()
    if not share:
        return []
    return [
        f"{_percent(share)} of pins have no stated licence: their pictures must not be shown to "
        "others without asking."
    ]


def _percent(share: float) -> str:
    """A share for people; 0 % and 100 % are only said where they are exact."""
    if 0 < share < 0.005:
        return "Less than 1 %"
    if 0.995 <= share < 1:
        return "More than 99 %"
    return f"{100 * share:.0f} %"


def content_digest(paths: Iterable[str | Path]) -> str:
    """Digest of files by their names and content: a copy of them elsewhere has the same.

    Parameters
    ----------
    paths : iterable of path
        Files, and folders, of which every regular file counts but for what is hidden or made by a
        system for its own use. Names are relative to the folder in which each path lies.

    Returns
    -------
    str
        SHA-256, as 64 hexadecimal digits.

    Raises
    ------
    OSError
        If one is not there, or cannot be read.
    """
    whole = hashlib.sha256()
    for path in sorted(map(Path, paths), key=lambda path: os.fsencode(path.name)):
        for file in _files_below(path) if path.is_dir() else [path]:
            name = os.fsencode(file.relative_to(path.parent).as_posix())
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").digest()
            whole.update(hashlib.sha256(name).digest() + content)
    return whole.hexdigest()


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        if is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
