"""The command ``visprof card``: report cards of boards, a file each."""

from __future__ import annotations

import argparse

from visprof._options import add_parameters, given_values

__all__ = ["add_card_command"]


def add_card_command(commands) -> None:
    """Add ``visprof card`` to the commands of a parser."""
    card = commands.add_parser(
        "card", help="a report card of a board, in one file", description=_card.__doc__
    )
    card.set_defaults(command=_card)
    which = card.add_mutually_exclusive_group(required=True)
    which.add_argument("--board", metavar="NAME", help="whose card: the name of its folder")
    which.add_argument("--all", action="store_true", help="of every board, a file each")
    card.add_argument("--data", metavar="DIR", help="folder of pictures, a sub-folder a board")
    card.add_argument("--preset", metavar="P", help="set of parameter values (own)")
    card.add_argument(
        "--out", default="_build/cards", metavar="DIR", help="where cards are (_build/cards)"
    )
    add_parameters(card)


def _card(options: argparse.Namespace) -> int:
    """Write report cards: what a board is made of, how it changed, whose it is most like, how
    findable it is, and what the files alone would tell. A card is one HTML file that needs no
    network.
    """
    from visprof.book.parameters import check_parameters, study_parameters
    from visprof.report_card import write_cards
    from visprof.study import Study

    given = given_values(options)
    preset = given.pop("preset", "own")
    changes = check_parameters(study_parameters(), given, "the study")
    changes.pop("board", None)  # a card is of a board; what it rests on is not
    study = Study(preset, **changes)
    cards = write_cards(study, None if options.all else [options.board], options.out)
    for card in cards:
        print(f"{card.path}  {_told_size(card.size)}, {card.seconds:.0f} s", flush=True)
    return 0


def _told_size(size: int) -> str:
    # in megabytes, the card of a few small pictures would have none
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
