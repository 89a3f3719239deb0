"""Captions of the figures to try."""

from __future__ import annotations

from visprof.steps.board_guesses import BoardGuesses

__all__ = ["compared_users", "explored_pairs", "explored_power", "explored_ranks", "guessed_boards"]


def compared_users(*, sessions: bool, named: bool = False) -> str:
    """Caption of two users side by side, in HTML.

    Parameters
    ----------
    sessions : bool
        Whether whole sessions are dealt in the test.
    named : bool
        Whether clusters have names.
    """
    words = "its name in words, as in chapter 4; " if named else ""
    dealt = "whole sessions" if sessions else "pins"
    return (
        "<strong>Two users side by side.</strong> The three clusters in which they differ most, "
        f"each by the background's pictures nearest its centre; {words}the users' counts in it "
        "(sums of soft assignments, of the first seed); and z, positive where the first has more. "
        "p is that of the test of the distance of their profiles, over all seeds, with "
        f"{dealt} dealt between the two. The clusters are the largest of many, so their z "
        "overstate the difference."
    )


def explored_pairs(n_shown: int, n_users: int, *, sessions: bool) -> str:
    """Caption of Figure 5 to try, in HTML.

    Parameters
    ----------
    n_shown, n_users : int
        Users that it has, and those of the study.
    sessions : bool
        Whether whole sessions can be dealt.
    """
    of_all = "all" if n_shown == n_users else f"{n_shown:,}, drawn at random, of the"
    dealt = " or whole sessions" if sessions else ""
    return (
        f"<strong>Figure 5, to try.</strong> Of {of_all} {n_users:,} users and the first seed: the "
        f"share of pairs with Z at or below each value, and the same where the users' pins{dealt} "
        "are dealt among them once. Shaded: above the cut-off. Your browser works it out from the "
        "counts of each user in each cluster, by Eqs. 4 to 7; the settings stand in the address, "
        "so that a link shows what you see."
    )


def explored_power(n_power_pairs: int) -> str:
    """Caption of power and error to try, in HTML.

    Parameters
    ----------
    n_power_pairs : int
        Simulated pairs of each taste.
    """
    return (
        "<strong>Power and error, to try.</strong> Shares of "
        f"{n_power_pairs:,} simulated pairs of users that a rule finds different, with 95 % "
        "intervals: thick, of the taste chosen; dashed, of users without any, where each is an "
        "error; thin, of the other tastes. Dotted: 5 %. Computed beforehand, in the simulated "
        "world of the demo, by <code>python -m benchmarks.power</code>."
    )


def explored_ranks(n_users: int, n_seeds: int) -> str:
    """Caption of Figure 6 to try, in HTML.

    Parameters
    ----------
    n_users, n_seeds : int
        Of the study.
    """
    seeds = f" and {n_seeds} seeds" if n_seeds > 1 else ""
    return (
        "<strong>Figure 6, to try.</strong> The expected mean reciprocal rank among so many "
        f"candidates, drawn at random from the {n_users:,} users; a mean over users{seeds}. Thin: "
        "the other profiles. Dashed: a random ranking. Your browser works it out from the ranks; "
        "the settings stand in the address."
    )


def guessed_boards(guesses: BoardGuesses) -> str:
    """Caption of the boards to guess, in HTML.

    Parameters
    ----------
    guesses : BoardGuesses
        The step ``board_guesses``.
    """
    n_boards = len(guesses.rounds) // guesses.rounds["round"].nunique()
    n_asked, n_shown = (len(guesses.rounds[name].iloc[0]) for name in ("asked", "images"))
    return (
        f"<strong>Whose pictures?</strong> {n_asked} pictures of a user's held-out pins, drawn at "
        f"random, and {n_boards} boards, each with {n_shown} of its training pins. The number of "
        "guesses that you need is your rank, so its mean reciprocal is a reader's MRR. The profile "
        "has seen all training pins of each board and ranks the boards by their distance to the "
        f"profile of the {n_asked} pictures; its scores are over {guesses.n_rounds:,} rounds, with "
        "95 % intervals over users and seeds. Pictures are cut to squares."
    )
