"""Do shares of variance cover, and do tests by session hold their level? Many small worlds.

A user's taste is drawn around the population's (Dirichlet), a session's pictures around the taste,
and a pin's assignment around the session, so that the shares are known exactly. Half of the users
collect in another way than the other half. Each world has users enough for one study; pairs of it
are disjoint, one user of either half each.

    python -m benchmarks.variation
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.harness import ROOT
from visprof.files import write_whole
from visprof.results.provenance import provenance
from visprof.significance import max_z_pvalues, studentised_pvalues
from visprof.ties import at_most
from visprof.variation import global_pvalue, permutation_pvalue, variance_shares

LEVEL = 0.05
SHARES = ("user", "session", "pin", "expected")
TESTS = ("user share", "global", "pairs, studentised", "pairs, maximum z")
PIN_CONCENTRATION = 1.0  # of a pin's assignment around its session's
PRIOR_PINS = 20.0
N_BACKGROUND = 2000  # pins


class Half(NamedTuple):
    """How one half of the users collects: pins of each session, and how alike these are."""

    sizes: list[int]
    concentration: float = 4.0  # of sessions around their user's taste: the smaller, the more alike


EVEN = [5] * 20
SETTINGS = {
    "equal": (Half(EVEN), Half(EVEN)),
    "sessions of 20 and of 2 pins": (Half([20] * 5), Half([2] * 50)),
    "50 and 150 pins": (Half([5] * 10), Half([5] * 30)),
    "unequal coherence": (Half(EVEN, 2.0), Half(EVEN, 10.0)),
    "unequal lengths and coherence": (Half([20] * 5, 2.0), Half([2] * 50, 10.0)),
    "one dominating session": (Half([60] + [5] * 8), Half(EVEN)),
}


class World(NamedTuple):
    """Pins of all users of one study."""

    pins: NDArray[np.float64]
    users: NDArray[np.int64]
    sessions: NDArray[np.int64]
    population: NDArray[np.float64]


def true_shares(user_share: float, halves: tuple[Half, Half]) -> dict[str, float]:
    """Shares of variance of a world.

    Of a Dirichlet distribution around p with concentration c the variance is 1 / (c + 1) of that of
    one choice, and the rest is what further draws around it can have.
    """
    of_session = np.mean([1 / (half.concentration + 1) for half in halves])
    session = (1 - user_share) * of_session
    pin = (1 - user_share) * (1 - of_session) / (PIN_CONCENTRATION + 1)
    user, session, pin = np.array([user_share, session, pin]) / (user_share + session + pin)
    return {"user": user, "session": session, "pin": pin, "expected": user / (user + session)}


def user_share_of_one_choice(user: float, halves: tuple[Half, Half]) -> float:
    """Which share of the variance of one choice gives users that share of a pin's."""
    of_session = np.mean([1 / (half.concentration + 1) for half in halves])
    others = of_session + (1 - of_session) / (PIN_CONCENTRATION + 1)
    return user * others / (1 - user + user * others)


def draw(means: NDArray, concentration: float | NDArray, rng: np.random.Generator) -> NDArray:
    """Dirichlet draws around rows, (n, k)."""
    weights = rng.standard_gamma(means * concentration)
    return weights / weights.sum(axis=1, keepdims=True)


def draw_world(
    share: float, halves: tuple[Half, Half], options: argparse.Namespace, rng: np.random.Generator
) -> World:
    """Users of both halves in turn; `share` is theirs of the variance of one choice."""
    population = rng.dirichlet(np.ones(options.clusters))
    tastes = np.tile(population, (options.users, 1))
    if share:
        tastes = draw(tastes, 1 / share - 1, rng)
    both = [halves[user % 2] for user in range(options.users)]
    n_sessions = np.array([len(half.sizes) for half in both])
    owners = np.repeat(np.arange(options.users), n_sessions)
    concentrations = np.array([half.concentration for half in both])[owners, None]
    sizes = np.concatenate([half.sizes for half in both])
    codes = np.repeat(np.arange(len(sizes)), sizes)
    means = draw(tastes[owners], concentrations, rng)
    return World(draw(means[codes], PIN_CONCENTRATION, rng), owners[codes], codes, population)


def studies(
    user: float, halves: tuple[Half, Half], options: argparse.Namespace, seed: list[int]
) -> Iterator[dict[str, object]]:
    """Estimates, intervals and decisions of each world."""
    rng, n = np.random.default_rng(seed), options.permutations
    share = user_share_of_one_choice(user, halves)
    pairs = np.arange(options.users).reshape(-1, 2)
    for number in range(options.worlds):
        pins, users, sessions, population = draw_world(share, halves, options, rng)
        shares = variance_shares(pins, users, sessions)
        of_pairs = studentised_pvalues(pins, users, pairs, sessions, n, number)
        largest = max_z_pvalues(
            pins, users, pairs, N_BACKGROUND * population, None, n, random_state=number,
            prior_pins=PRIOR_PINS, sessions=sessions,
        )  # fmt: skip
        p_values = (
            permutation_pvalue(pins, users, sessions, n, number),
            global_pvalue(pins, users, sessions, n, number, min_pins=options.min_pins),
            of_pairs.p,
            largest.p_values,
        )
        yield {
            **{name: (getattr(shares, name), *shares.interval()[name]) for name in SHARES},
            **{name: np.mean(at_most(p, LEVEL)) for name, p in zip(TESTS, p_values, strict=True)},
            "least p": np.mean(at_most(of_pairs.least_p, LEVEL)),
        }


def summary(found: pd.DataFrame, truth: dict[str, float]) -> dict[str, object]:
    """Bias and coverage of each share, and how often each test says that users differ."""
    row = {}
    for name, true in truth.items():
        estimates, low, high = np.array(found[name].tolist()).T
        row[name] = {
            "truth": true,
            "bias": estimates.mean() - true,
            "sd": estimates.std(ddof=1),
            "coverage": np.mean((low <= true) & (true <= high)),
        }
    return row | {"rejected": {name: found[name].mean() for name in (*TESTS, "least p")}}


def shown(rows: list[dict]) -> str:
    """Tables for reading."""
    shares = pd.DataFrame(
        {
            "setting": row["setting"], "true": f"{row['user']['truth']:.3f}",
            **{
                f"{name} {what}": f"{row[name][what]:{spec}}"
                for name in SHARES for what, spec in (("bias", "+.3f"), ("coverage", ".2f"))
            },
        }
        for row in rows
    )  # fmt: skip
    tests = pd.DataFrame(
        {"setting": row["setting"], "true": row["user"]["truth"], **row["rejected"]} for row in rows
    )
    return "\n\n".join(
        table.to_string(index=False, float_format="%.3f") for table in (shares, tests)
    )


def main() -> None:
    """Simulate, print the tables, and keep them with their provenance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("worlds", 200), ("users", 14), ("clusters", 20), ("permutations", 199), ("min-pins", 3),
        ("seed", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.03, 0.08])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "variation.json")
    options = parser.parse_args()
    rows, cells = [], [(user, name) for user in options.shares for name in SETTINGS]
    for number, (user, name) in enumerate(tqdm(cells, "settings")):
        halves = SETTINGS[name]
        found = pd.DataFrame(studies(user, halves, options, [options.seed, number]))
        truth = true_shares(user_share_of_one_choice(user, halves), halves)
        rows.append({"setting": name, **summary(found, truth)})
    print(shown(rows))
    kept = {
        "settings": {name: value for name, value in vars(options).items() if name != "out"},
        "run": provenance(),
        "worlds": rows,
    }
    write_whole(options.out, f"{json.dumps(kept, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
