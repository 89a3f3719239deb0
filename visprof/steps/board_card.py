"""Steps: how a board changed, and how findable it is (its report card; beyond the paper)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pandas as pd

from visprof import alike, boards, profiles
from visprof._lazy import lazily
from visprof.held_out import session_halves
from visprof.intervals import Estimate, mean_over_seeds, percentile_interval
from visprof.steps.data import BoardSplit, PinArrays, Pins
from visprof.steps.profile_kinds import PROFILES, mean_profiles
from visprof.steps.registry import step

with lazily():
    from visprof.identification import identification_rates
    from visprof.logodds import log_odds_z
    from visprof.significance import max_z_pvalues

__all__ = [
    "SIZES", "BoardChange", "Identification", "board_change", "early_pins", "identification",
]  # fmt: skip

SIZES = (1, 3, 5, 10)  # pictures that a board is sought by
N_DRAWS = 100  # of a board's pictures
N_SOUGHT = 300  # boards that are sought, at most, each among all
N_CHANGES, N_EXAMPLES = 2, 4  # clusters shown of a change each way, and pictures of each
N_RESAMPLES = 1000
UNKNOWN_TIMES = "file"  # `time_source` of a file's own times, which copying changes


@step
def early_pins(board_split: BoardSplit, session_rule: str) -> np.ndarray:
    """Analysed pins of the first half of their board, (n_analysed,) of bool; no session is torn.

    Of a board of one session, the first half of its pins as they stand.
    """
    pins = board_split.analysed
    owners = pins["board"].to_numpy(str)
    sessions = boards.sessions(owners, pins["time"].to_numpy(), session_rule)
    place = pd.Series(owners).groupby(owners).cumcount()
    size = pd.Series(owners).groupby(owners).transform("size")
    early = (2 * place < size).to_numpy(copy=True)
    several = (pd.Series(sessions).groupby(owners).transform("nunique") > 1).to_numpy()
    if several.any():
        times = pins["time"].to_numpy()[several]
        early[several] = session_halves(owners[several], sessions[several], times)
    return early


@dataclass(frozen=True)
class Identification:
    """How often a board's later pictures find it at once, among all, by profiles of earlier ones.

    `by_board` has the columns board, profile, n_pictures, found (share of draws). `rates` is the
    mean over boards by profile and number of pictures, with its interval, and `ahead` by how much
    pictures find a board more often than file facts do, by number of pictures, paired by board;
    `n_boards` are ranked.
    """

    by_board: pd.DataFrame
    rates: dict[tuple[str, int], Estimate]
    ahead: dict[int, Estimate]
    n_boards: int


@step
def identification(
    every_assignments: list[PinArrays],
    file_facts: PinArrays | None,
    board_split: BoardSplit,
    early_pins: np.ndarray,
    pins: Pins,
    near_duplicates: np.ndarray,
    distance: str,
    seed: int,
) -> Identification:
    """Boards sought by a few of their later pictures, by clusters and by facts of files.

    Pictures that the board has, or nearly so, among its earlier ones are not asked about. Profiles
    are over the clusters of all seeds, side by side.
    """
    analysed = board_split.analysed
    names, codes = np.unique(analysed["board"].to_numpy(str), return_inverse=True)
    sought = np.random.default_rng(seed).permutation(len(names))[:N_SOUGHT]
    asked = ~early_pins & ~_seen_before(analysed, early_pins, pins, near_duplicates)
    asked &= np.isin(codes, sought)
    n_asked = np.bincount(codes[asked], minlength=len(names))
    parts = {"image": np.hstack([of.analysed for of in every_assignments])}
    if file_facts is not None:
        parts["file facts"] = file_facts.analysed
    found = {
        name: identification_rates(
            mean_profiles(features[early_pins], codes[early_pins]), features[asked], codes[asked],
            SIZES, PROFILES[name].usual(distance), N_DRAWS, seed,
        )
        for name, features in parts.items()
    }  # fmt: skip
    rows, rates, ahead = [], {}, {}
    for column, size in enumerate(SIZES):
        whose = np.flatnonzero(n_asked >= 2 * size)  # of fewer, draws are about the same
        of_boards = {name: rate[whose, column] for name, rate in found.items()}
        for name, rate in of_boards.items():
            rows += zip(names[whose], repeat(name), repeat(size), rate)
        if len(whose) > 1:
            rates |= {(name, size): _mean(rate, seed) for name, rate in of_boards.items()}
            if len(of_boards) > 1:
                ahead[size] = _mean(of_boards["image"] - of_boards["file facts"], seed)
    by_board = pd.DataFrame(rows, columns=["board", "profile", "n_pictures", "found"])
    return Identification(by_board, rates, ahead, len(names))


def _mean(of_boards: np.ndarray, seed: int) -> Estimate:
    (found,) = mean_over_seeds(of_boards[None, :, None], "boards", random_state=seed)
    return found


def _seen_before(
    analysed: pd.DataFrame, early: np.ndarray, pins: Pins, near_duplicates: np.ndarray
) -> np.ndarray:
    """Whether a pin's board has its picture, or nearly so, among its early pins."""
    pin = ["board", "image", "time"]
    known = pins.readable[pin].assign(copy=near_duplicates).drop_duplicates(pin)
    copies = analysed[pin].merge(known, how="left", on=pin, validate="m:1")[["board", "copy"]]
    of_early = pd.MultiIndex.from_frame(copies[early])
    return pd.MultiIndex.from_frame(copies).isin(of_early)


@dataclass(frozen=True)
class BoardChange:
    """A board's early pins beside its late ones.

    Attributes
    ----------
    times : str
        Where times are from: "known", "files" (those of the files, most of them) or "one session".
    first, last : Timestamp
        Of the board's pins.
    n_early, n_late, n_sessions : int
    p : float
        Of a test that shuffles whole sessions between early and late; NaN where there is one.
    clusters : DataFrame
        Of which late pins have more, or less: columns cluster, z (positive: more), early, late
        (shares, each with its interval in _low and _high), images (of the half that has more).
    """

    times: str
    first: pd.Timestamp
    last: pd.Timestamp
    n_early: int
    n_late: int
    n_sessions: int
    p: float
    clusters: pd.DataFrame


@step
def board_change(
    own_board: str,
    assignments: PinArrays,
    board_split: BoardSplit,
    early_pins: np.ndarray,
    session_rule: str,
    alpha: float,
    variance: str,
    n_permutations: int,
    seed: int,
) -> BoardChange:
    """How a board changed over time, by the statistic that tells two users apart (Eqs. 4-7).

    Its early and its late pins are taken for two users.
    """
    mine = (board_split.analysed["board"] == own_board).to_numpy()
    pins, of_pins, early = (
        board_split.analysed[mine], assignments.analysed[mine], early_pins[mine]
    )  # fmt: skip
    sessions = boards.sessions(pins["board"].to_numpy(), pins["time"].to_numpy(), session_rule)
    n_sessions = len(np.unique(sessions))
    times = "known" if n_sessions > 1 else "one session"
    if "time_source" in pins and (pins["time_source"] == UNKNOWN_TIMES).mean() > 0.5:
        times = "files"
    background = assignments.background.sum(axis=0, dtype=float)
    p = np.nan
    if n_sessions > 1:
        (p,) = max_z_pvalues(
            of_pins, np.where(early, 0, 1), [[0, 1]], background, alpha, n_permutations, variance,
            seed, sessions=sessions,
        ).p_values  # fmt: skip
    shares = {}
    for name, half in (("early", early), ("late", ~early)):
        _, share = profiles.user_profiles(of_pins[half], np.zeros(half.sum(), int))
        drawn = alike.resampled_profiles(of_pins[half], N_RESAMPLES, seed)
        shares[name] = share[0], drawn
    counts = [of_pins[half].sum(axis=0, dtype=float) for half in (~early, early)]
    z = log_odds_z(*counts, background, alpha, variance)
    order = np.argsort(-z, kind="stable")
    main, images = of_pins.argmax(axis=1), pins["image"].to_numpy()
    rows = []
    # of few clusters, the same would be among both
    for cluster in dict.fromkeys([*order[:N_CHANGES], *order[::-1][:N_CHANGES]]):
        half = ~early if z[cluster] > 0 else early
        row = {"cluster": int(cluster), "z": float(z[cluster])}
        for name, (share, drawn) in shares.items():
            low, high = percentile_interval(drawn[:, cluster], 0.95)
            row |= {name: float(share[cluster]), f"{name}_low": low, f"{name}_high": high}
        rows.append(row | {"images": list(images[half & (main == cluster)][:N_EXAMPLES])})
    first, last = pins["time"].min(), pins["time"].max()
    return BoardChange(
        times, first, last, int(early.sum()), int((~early).sum()), n_sessions, float(p),
        pd.DataFrame(rows),
    )  # fmt: skip
