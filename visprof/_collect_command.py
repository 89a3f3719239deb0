"""The command ``visprof collect``: boards and labelled scenes of others, into a folder."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visprof.sources.collect import CollectSummary

__all__ = ["add_collect_command"]

TOKEN = "PINTEREST_ACCESS_TOKEN"


def add_collect_command(commands) -> None:
    """Add ``visprof collect SOURCE`` to the commands of a parser."""
    collect = commands.add_parser("collect", help="collect boards into a folder")
    sources = collect.add_subparsers(required=True, metavar="SOURCE")

    git = _source(sources, "git", _collect_git, "public git repositories of pictures")
    git.add_argument(
        "--list", metavar="FILE", help="CSV: board_id,url,commit,licence (default: 44)"
    )
    git.add_argument(
        "--cache", metavar="DIR", help="bare repositories (default: OUT/.repositories)"
    )
    git.add_argument("--max-pins", type=int, default=160, metavar="N", help="pins a board (160)")
    _short_side(git)

    travel = _source(
        sources, "travel", _collect_travel, "35 public collections of photographs of travel"
    )
    miniplaces = _source(
        sources, "miniplaces", _collect_miniplaces, "MiniPlaces, as labelled scenes of 100 classes"
    )
    miniplaces.add_argument(
        "--train-per-class", type=int, default=160, metavar="N", help="to train on (160)"
    )
    for source in (travel, miniplaces):
        source.add_argument(
            "--cache", metavar="DIR", help="bare repositories (default: OUT/.repositories)"
        )

    folder = _source(sources, "folder", _collect_folder, "a folder or manifest of one's own")
    folder.add_argument(
        "src", metavar="SRC", help="a manifest, or a folder with one folder a board"
    )
    _short_side(folder)

    unsplash = _source(sources, "unsplash", _collect_unsplash, "the Unsplash Lite data set")
    unsplash.add_argument("src", metavar="SRC", help="folder of its tables (photos.tsv000, ...)")
    unsplash.add_argument("--width", type=int, default=400, metavar="N", help="of pictures (400)")
    unsplash.add_argument("--min-pins", type=int, default=20, metavar="N", help="of a board (20)")
    unsplash.add_argument("--max-boards", type=int, metavar="N", help="the largest (default: all)")

    places = _source(sources, "places", _collect_places, "Places365, as labelled scenes")
    places.add_argument("src", metavar="SRC", help="folder of the data set")
    places.add_argument("--split", default="val", help="val, train-standard, train-challenge (val)")
    places.add_argument("--per-class", type=int, metavar="N", help="of a class (default: all)")
    places.add_argument("--download", action="store_true", help="fetch what is absent (0.5 GB)")
    _short_side(places)

    _source(
        sources, "pinterest", _collect_pinterest, f"one's own boards; token in ${TOKEN}"
    )  # the token is no option: other users of the machine could read it in the process list


def _source(sources, name: str, collect, what: str) -> argparse.ArgumentParser:
    source = sources.add_parser(name, help=what, description=f"Collect boards from {what}.")
    source.add_argument("--out", required=True, metavar="DIR", help="where to write")
    source.set_defaults(command=_collect, collect=collect)
    return source


def _short_side(source: argparse.ArgumentParser) -> None:
    help_text = "largest short side of the pictures in pixels (160)"
    source.add_argument("--short-side", type=int, default=160, metavar="N", help=help_text)


def _progress() -> bool:
    return sys.stderr.isatty()


def _collect(options: argparse.Namespace) -> int:
    summary = options.collect(options)
    print(summary)
    return 1 if summary.failed else 0


def _collect_git(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.git import collect_git, read_repositories

    return collect_git(
        read_repositories(options.list),
        options.out,
        short_side=options.short_side,
        max_pins=options.max_pins,
        cache=options.cache,
        progress=_progress(),
    )


def _collect_travel(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.git import TRAVEL_LIST, collect_git, read_repositories

    return collect_git(
        read_repositories(TRAVEL_LIST),
        options.out,
        photographs=True,
        cache=options.cache,
        progress=_progress(),
    )


def _collect_miniplaces(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.miniplaces import collect_miniplaces

    return collect_miniplaces(
        options.out,
        train_per_class=options.train_per_class,
        cache=options.cache,
        progress=_progress(),
    )


def _collect_folder(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.collect import collect_folder

    return collect_folder(
        options.src, options.out, short_side=options.short_side, progress=_progress()
    )


def _collect_unsplash(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.unsplash import collect_unsplash

    return collect_unsplash(
        options.src,
        options.out,
        width=options.width,
        min_pins=options.min_pins,
        max_boards=options.max_boards,
        progress=_progress(),
    )


def _collect_places(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.places import collect_places

    return collect_places(
        options.src,
        options.out,
        split=options.split,
        per_class=options.per_class,
        short_side=options.short_side,
        download=options.download,
        progress=_progress(),
    )


def _collect_pinterest(options: argparse.Namespace) -> CollectSummary:
    from visprof.sources.pinterest import collect_pinterest

    token = os.environ.get(TOKEN)
    if not token:
        raise ValueError(f"set {TOKEN} to an access token with boards:read and pins:read")
    return collect_pinterest(options.out, token=token, progress=_progress())
