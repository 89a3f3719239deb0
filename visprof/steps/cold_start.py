"""Steps: does what a user collected elsewhere help where few pins are known (future work)?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from visprof import file_facts as files
from visprof import transfer
from visprof.accounts import SIZES, TwoPlatforms, two_platforms
from visprof.intervals import Estimate, mean_over_seeds
from visprof.pins_saved import pins_saved, pins_saved_estimate
from visprof.rank_scores import random_mrr, randomisation_test
from visprof.shares import wilson_interval
from visprof.sources.platforms import simulate_platforms
from visprof.steps.data import BoardSplit
from visprof.steps.profile_kinds import PROFILES
from visprof.steps.registry import step, variant
from visprof.steps.user_ranking import slug

__all__ = [
    "GAP_DAYS", "IN_FIGURE", "METRICS", "OWN_PINS", "PRIMARY", "SPLITS", "board_accounts",
    "board_transfer", "board_transfer_pvalues", "board_transfer_table", "known_platforms",
    "no_pseudo_formats", "other_platforms", "platform_table", "platform_worlds", "pseudo_formats",
    "pseudo_platforms", "transfer_numbers", "transfer_tests", "transfer_world_numbers",
]  # fmt: skip

OWN_PINS, SHUFFLED = "own pins only", "shuffled sources"
PRIMARY = "scaled shift"  # the alignment that numbers and tests are of: one slope, few users
METRICS = ("mrr", "auc")
IN_FIGURE = (OWN_PINS, "none", PRIMARY, "ridge", SHUFFLED)

# the simulated platforms: components of equal variance, as those of the whitened profile
N_SHOWN = 100  # users of a world that is shown
N_HELD = 10
N_DIMS, N_PINS = 16, (30, 30)
APART = {"popularity": 1.0, "offset": 1.0}
WORLDS = {
    "two platforms": APART,
    "one platform": {},
    "an offset a user": {"popularity": 1.0, "user_offset": 1.0},
}
# users of a world whose truth is known, and share of their taste that is the same on both
KNOWN = ((60, 0.25), (60, 0.5), (60, 1.0), (20, 0.5))
KNOWN_DRAWS = 500  # bootstrap draws of each such world
KNOWN_GAINS = (0, 5)  # known pins
N_PAIRS = 20  # other pairs of platforms
N_SHUFFLES = 5  # of sources, whose mean is shown
CALIBRATING = 19  # shuffles of each test of a world: its level is exactly 1 in 20
TESTED = ((20, 0.0), (10, 1.0), (20, 1.0), (30, 1.0), (40, 1.0))  # users, and share that is common
LEVEL, POWER = 0.05, 0.8

# pseudo-platforms inside a board
SPLITS = ("gap", "format")
GAP_DAYS = 180
N_SOURCE = 10  # pins on the first one, at least
BOARD_SIZES = (0, 1, 2, 5, 10)
FEWEST_USERS = 10  # with accounts on both
ASKED = ("image", "whitened", "whitened less file facts", "file facts")


def _simulated(
    n_users: int, seed: int, sizes: tuple[int, ...] = SIZES, **world: float
) -> TwoPlatforms:
    """Users of two simulated platforms with the settings of this study."""
    drawn = simulate_platforms(
        n_users, N_PINS, N_DIMS, decay=0.0, session_lengths=(2.0, 2.0), random_state=seed, **world
    )
    order = np.arange(len(drawn.users))
    return two_platforms(
        drawn.vectors, drawn.users, drawn.second, order, sizes, N_HELD, drawn.sessions
    )


def _stacked(scores: dict[int, np.ndarray]) -> np.ndarray:
    """Scores by user, known pins and metric."""
    return np.stack(list(scores.values()), axis=1)


# --- a world of two platforms


@step
def platform_worlds(seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Scores in simulated worlds by world and profile, (users, known pins, metrics).

    Profiles are of own pins only, of each alignment, and of shuffled sources (the mean of some
    shuffles).
    """
    found = {}
    for name, world in WORLDS.items():
        between = _simulated(N_SHOWN, seed, **world)
        main = transfer.cross_fit(between, PRIMARY, random_state=seed)
        found[name, OWN_PINS] = _stacked(transfer.cold_start_scores(between, main, False))
        for kind in transfer.ALIGNMENTS:
            fitted = transfer.cross_fit(between, kind, random_state=seed)
            found[name, kind] = _stacked(transfer.cold_start_scores(between, fitted))
        shuffles = []
        for order in transfer.shuffled_sources(N_SHOWN, N_SHUFFLES, seed):
            other = between.with_sources_of(order)
            fitted = transfer.cross_fit(other, PRIMARY, random_state=seed)
            shuffles.append(_stacked(transfer.cold_start_scores(other, fitted)))
        found[name, SHUFFLED] = np.mean(shuffles, axis=0)
    return found


@step
def platform_table(platform_worlds: dict[tuple[str, str], np.ndarray], seed: int) -> pd.DataFrame:
    """Scores over users: columns world, profile, metric, n_known, value, low, high, estimate."""
    return pd.concat(
        [
            _score_table({"world": world, "profile": profile}, scores[None], SIZES, seed)
            for (world, profile), scores in platform_worlds.items()
        ],
        ignore_index=True,
    )


def _score_table(
    labels: dict[str, str], scores: np.ndarray, sizes: tuple[int, ...], seed: int
) -> pd.DataFrame:
    """Means of scores (seeds, users, known pins, metrics) with intervals."""
    rows = []
    for place, metric in enumerate(METRICS):
        found = mean_over_seeds(scores[..., place], "users", random_state=seed)
        rows += [
            {**labels, "metric": metric, "n_known": n, "value": of.value, "low": of.low,
             "high": of.high, "estimate": of}
            for n, of in zip(sizes, found, strict=True)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _transfer_estimates(
    own: np.ndarray,
    with_source: np.ndarray,
    sizes: tuple[int, ...],
    seed: int,
    n_resamples: int = 2000,
    gains: tuple[int, ...] | None = None,
) -> dict[str, Estimate]:
    """Gains by known pins and pins saved, from scores (seeds, users, known pins, metrics).

    Own ones are of all `sizes`, those with the source of `gains`, from 0 on; by default of all.
    """
    asked = sizes if gains is None else gains
    gained = with_source - own[:, :, [sizes.index(n) for n in asked]]
    estimates = mean_over_seeds(
        gained.reshape(*gained.shape[:2], -1), "users", n_resamples, random_state=seed
    )
    names = [f"{metric}.gain.{n}" for n in asked for metric in METRICS]
    found = dict(zip(names, estimates, strict=True))
    for place, metric in enumerate(METRICS):
        found[f"{metric}.saved"] = pins_saved_estimate(
            {n: own[:, :, at, place] for at, n in enumerate(sizes)}, with_source[:, :, 0, place],
            n_resamples, seed,
        )  # fmt: skip
    return found


@step
def transfer_world_numbers(
    platform_worlds: dict[tuple[str, str], np.ndarray], n_permutations: int, seed: int
) -> dict[str, Estimate]:
    """Gains and pins saved by world: keys such as ``transfer.two-platforms.mrr.gain.0``.

    Also ``.mrr.saved`` (censored at the most known pins), and ``.p`` of the test with shuffled
    sources.
    """
    numbers = {}
    for name, world in WORLDS.items():
        own, with_source = (platform_worlds[name, of][None] for of in (OWN_PINS, PRIMARY))
        key = f"transfer.{slug(name)}"
        found = _transfer_estimates(own, with_source, SIZES, seed)
        numbers |= {f"{key}.{of}": number for of, number in found.items()}
        p = transfer.transfer_pvalue(
            _simulated(N_SHOWN, seed, **world), PRIMARY, n_permutations, random_state=seed
        )
        numbers[f"{key}.p"] = Estimate(p, n=N_SHOWN, unit="users")
    return numbers


@step
def other_platforms(seed: int) -> pd.DataFrame:
    """Gain in MRR with no pin, and pins saved, in other pairs of platforms with other users."""
    rows = []
    for number in np.random.SeedSequence(seed).generate_state(N_PAIRS) % 2**31:
        between = _simulated(N_SHOWN, int(number), **APART)
        fitted = transfer.cross_fit(between, PRIMARY, random_state=seed)
        own, with_source = (
            _stacked(transfer.cold_start_scores(between, fitted, source)).mean(axis=0)[:, 0]
            for source in (False, True)
        )
        saved = float(pins_saved(own, with_source[0], SIZES))
        rows.append({"gain": with_source[0] - own[0], "saved": saved})
    return pd.DataFrame(rows)


# --- worlds whose truth is known


@step
def known_platforms(n_known_worlds: int, seed: int) -> pd.DataFrame:
    """How pins saved and gains are estimated, where the truth is known.

    Worlds are draws of users of the same two platforms: the users of one large world in groups. The
    truth of each is that of all other groups together, whose mean scores vary by a share of 1 /
    sqrt(n) of one group's. Columns n_users, common, quantity, truth (of all groups), mean, median,
    coverage, low, high, n_worlds.
    """
    rows = []
    most = {of: max(n for n, common in KNOWN if common == of) for _, of in KNOWN}
    large = {
        common: simulate_platforms(
            n_known_worlds * n_users, N_PINS, N_DIMS, decay=0.0, session_lengths=(2.0, 2.0),
            common=common, random_state=seed, **APART,
        )
        for common, n_users in most.items()
    }  # fmt: skip
    for n_users, common in KNOWN:
        estimates, curves, reached = [], [], []
        drawn, n = large[common], n_users * sum(N_PINS)
        for world in range(n_known_worlds):  # the first users are the same however many follow
            of = slice(world * n, (world + 1) * n)
            between = two_platforms(
                drawn.vectors[of], drawn.users[of], drawn.second[of], np.arange(n), SIZES, N_HELD,
                drawn.sessions[of],
            )  # fmt: skip
            fitted = transfer.cross_fit(between, PRIMARY, random_state=seed)
            own, with_source = (
                _stacked(transfer.cold_start_scores(between, fitted, *how))[None]
                for how in ((False,), (True, KNOWN_GAINS))
            )
            estimates.append(
                _transfer_estimates(own, with_source, SIZES, seed, KNOWN_DRAWS, KNOWN_GAINS)
            )
            curves.append(own[0].mean(axis=0))
            reached.append(with_source[0].mean(axis=0))
        found = _recovered(estimates, np.array(curves), np.array(reached))
        rows += [{"n_users": n_users, "common": common, **of} for of in found]
    return pd.DataFrame(rows)


def _recovered(
    estimates: list[dict[str, Estimate]], curves: np.ndarray, reached: np.ndarray
) -> Iterator[dict[str, float]]:
    """Rows of `known_platforms`, from curves of own pins (worlds, `SIZES`, metrics).

    And from what the source reaches with `KNOWN_GAINS` own pins.
    """
    n = len(curves)
    # of one world, nothing else says the truth
    others, above = ((of.sum(axis=0) - of) / (n - 1) if n > 1 else of for of in (curves, reached))
    for place, metric in enumerate(METRICS):
        own, with_source = others[..., place], above[..., place]
        truths = {f"{metric}.saved": pins_saved(own, with_source[:, 0], SIZES)}
        truths |= {
            f"{metric}.gain.{known}": with_source[:, at] - own[:, SIZES.index(known)]
            for at, known in enumerate(KNOWN_GAINS)
        }
        for quantity, truth in truths.items():
            found = [of[quantity] for of in estimates]
            values = [of.value for of in found]
            covers = np.mean(
                [of.low <= true <= of.high for of, true in zip(found, truth, strict=True)]
            )
            low, high = wilson_interval(float(covers), n)
            yield {
                "quantity": quantity, "truth": float(truth.mean()),
                "mean": float(np.mean(values)), "median": float(np.median(values)),
                "coverage": float(covers), "low": low, "high": high, "n_worlds": n,
            }  # fmt: skip


@step
def transfer_tests(n_known_worlds: int, seed: int) -> pd.DataFrame:
    """How often the test with shuffled sources finds transfer at 5 %: columns n_users, common, ...

    Also value (the share of worlds), low, high (95 %, binomial), n_worlds. Each world has two
    platforms and users of its own; where nothing is common, a share of 5 % is right.
    """
    rows = []
    for case, (n_users, common) in enumerate(TESTED):
        found = 0
        for world in range(n_known_worlds):
            number = int(np.random.SeedSequence([seed, case, world]).generate_state(1)[0] % 2**31)
            between = _simulated(n_users, number, (0, SIZES[-1]), common=common, **APART)
            p = transfer.transfer_pvalue(between, PRIMARY, CALIBRATING, random_state=number)
            found += p <= LEVEL + 1e-12
        low, high = wilson_interval(found / n_known_worlds, n_known_worlds)
        rows.append((n_users, common, found / n_known_worlds, low, high, n_known_worlds))
    columns = ["n_users", "common", "value", "low", "high", "n_worlds"]
    return pd.DataFrame(rows, columns=columns)


# --- pseudo-platforms inside the boards of the study


@step
def pseudo_formats(board_split: BoardSplit) -> np.ndarray:
    """Format of each analysed pin's file."""
    return files.file_facts(board_split.analysed)["format"].to_numpy(str)


@variant("pseudo_formats", drawn=False)
def no_pseudo_formats(board_split: BoardSplit) -> np.ndarray:
    """There is no file: all are of one format."""
    return np.full(len(board_split.analysed), "")


@step
def pseudo_platforms(
    board_split: BoardSplit, pseudo_formats: np.ndarray
) -> dict[str, pd.DataFrame]:
    """Pins of users with both pseudo-platforms, by what parts them: columns row, second.

    "gap": before and after the longest gap of at least 180 days that leaves pins enough on both
    sides; "format": the most and the second most frequent format of files. Users with fewer than 10
    pins on the first, or 20 on the second, are left out.
    """
    pins = board_split.analysed.reset_index(drop=True)
    common = pd.Series(pseudo_formats).value_counts(sort=False).sort_index()
    common = common.sort_values(ascending=False, kind="stable").index[:2].tolist()
    rows: dict[str, list[pd.DataFrame]] = {split: [] for split in SPLITS}
    for _, board in pins.groupby("board", sort=True):
        board = board.sort_values("time", kind="stable")
        place = _longest_gap(board["time"])
        if place:
            second = np.arange(len(board)) >= place
            rows["gap"].append(pd.DataFrame({"row": board.index, "second": second}))
        forms = pseudo_formats[board.index]
        of_both = board.index[np.isin(forms, common)]
        second = pseudo_formats[of_both] == common[-1]
        if len(common) == 2 and _enough((~second).sum(), second.sum()):
            rows["format"].append(pd.DataFrame({"row": of_both, "second": second}))
    none = pd.DataFrame({"row": np.array([], int), "second": np.array([], bool)})
    return {split: pd.concat(of, ignore_index=True) if of else none for split, of in rows.items()}


def _enough(n_first: int, n_second: int) -> bool:
    return n_first >= N_SOURCE and n_second >= BOARD_SIZES[-1] + N_HELD


def _longest_gap(times: pd.Series) -> int:
    """Place of the first of ordered pins after the longest usable gap; 0 where there is none."""
    gaps = times.diff().dt.total_seconds().to_numpy() / 86400
    usable = [
        place for place in range(1, len(times))
        if gaps[place] >= GAP_DAYS and _enough(place, len(times) - place)
    ]  # fmt: skip
    return max(usable, key=lambda place: gaps[place], default=0)


@step(kept=False)
def board_accounts(
    pin_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    pseudo_platforms: dict[str, pd.DataFrame],
) -> dict[tuple[str, str], TwoPlatforms]:
    """Profiles by split and profile; none where too few users have both, or sessions enough."""
    pins = board_split.analysed.reset_index(drop=True)
    found = {}
    for split, rows in pseudo_platforms.items():
        of = pins.loc[rows["row"]]
        if of["board"].nunique() < FEWEST_USERS:
            continue
        sessions = None if pin_sessions is None else pin_sessions[rows["row"]]
        for name in ASKED:
            (part,) = PROFILES[name].parts
            if part in pin_parts:
                between = two_platforms(
                    pin_parts[part][rows["row"]], of["board"].to_numpy(),
                    rows["second"].to_numpy(bool), of["time"].to_numpy(), BOARD_SIZES, N_HELD,
                    sessions,
                )  # fmt: skip
                # of users in other folds than two, one with two sessions says how much they vary
                left_out = 2 * -(-len(between.users) // transfer.N_FOLDS)
                if (between.n_sessions > 1).sum() > left_out:
                    found[split, name] = between
    return found


@step
def board_transfer(
    board_accounts: dict[tuple[str, str], TwoPlatforms], seed: int
) -> dict[tuple[str, str, str], np.ndarray]:
    """Scores by split, profile and whether the source is known, (users, known pins, metrics)."""
    scores = {}
    for (split, name), between in board_accounts.items():
        fitted = transfer.cross_fit(between, PRIMARY, random_state=seed)
        for key, source in ((OWN_PINS, False), (PRIMARY, True)):
            scores[split, name, key] = _stacked(transfer.cold_start_scores(between, fitted, source))
    return scores


@step
def board_transfer_pvalues(
    board_accounts: dict[tuple[str, str], TwoPlatforms], n_permutations: int, seed: int
) -> dict[tuple[str, str], float]:
    """p-values of the test with shuffled sources, by split and profile, of the first start."""
    return {
        key: transfer.transfer_pvalue(between, PRIMARY, n_permutations, random_state=seed)
        for key, between in board_accounts.items()
    }


@step
def board_transfer_table(
    every_board_transfer: list[dict[tuple[str, str, str], np.ndarray]], seed: int
) -> pd.DataFrame:
    """Scores over users and seeds: columns split, profile, pins, metric, n_known, value, ..."""
    columns = ["split", "profile", "pins", "metric", "n_known", "value", "low", "high", "estimate"]
    tables = [
        _score_table(
            dict(zip(columns[:3], key, strict=True)),
            np.stack([of[key] for of in every_board_transfer]), BOARD_SIZES, seed,
        )
        for key in every_board_transfer[0]
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


@step
def transfer_numbers(
    every_board_transfer: list[dict[tuple[str, str, str], np.ndarray]],
    board_transfer_pvalues: dict[tuple[str, str], float],
    pseudo_platforms: dict[str, pd.DataFrame],
    board_split: BoardSplit,
    seed: int,
) -> dict[str, Estimate]:
    """Gains and pins saved on pseudo-platforms: keys such as ``transfer.gap.image.mrr.gain.0``.

    Also ``.mrr.saved`` and ``.p``; ``transfer.gap.users`` is how many users have both, and
    ``transfer.gap.random`` the MRR of a random ranking among them. Of a split with too few users
    there is their number alone. ``transfer.gap.image-file-facts.mrr.0`` is what the image profile
    of the first platform has more than the facts of its files, with no pin of the second, with
    ``.p`` and ``.p.holm``.
    """
    boards = board_split.analysed["board"].to_numpy()
    numbers = {}
    for split, rows in pseudo_platforms.items():
        n = len(np.unique(boards[rows["row"]]))
        numbers[f"transfer.{split}.users"] = Estimate(float(n), n=n, unit="users")
        names = [name for of, name in board_transfer_pvalues if of == split]
        if names:
            numbers[f"transfer.{split}.random"] = Estimate(random_mrr(n), n=n, unit="users")
        scores = {
            name: [
                np.stack([of[split, name, pins] for of in every_board_transfer])
                for pins in (OWN_PINS, PRIMARY)
            ]
            for name in names
        }
        for name, (own, with_source) in scores.items():
            key = f"transfer.{split}.{slug(name)}"
            found = _transfer_estimates(own, with_source, BOARD_SIZES, seed)
            numbers |= {f"{key}.{of}": number for of, number in found.items()}
            p = board_transfer_pvalues[split, name]
            numbers[f"{key}.p"] = Estimate(p, n=n, unit="users")
        if {"image", "file facts"} <= scores.keys():
            image, facts = (scores[name][1][..., :1, 0] for name in ("image", "file facts"))
            key = f"transfer.{split}.image-file-facts.mrr.0"
            (numbers[key],) = mean_over_seeds(image - facts, "users", random_state=seed)
            means = image.mean(axis=0)[:, 0], facts.mean(axis=0)[:, 0]
            p = float(randomisation_test(*means, random_state=seed))
            for which in ("p", "p.holm"):  # of one comparison
                numbers[f"{key}.{which}"] = Estimate(p, n=n, unit="users")
    return numbers
