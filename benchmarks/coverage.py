"""Do intervals over users and seeds cover? Many small studies of one simulated world.

Each study draws users of its own, and seeds of k-means from a large pool; background and kinds of
pictures stay. The truth is the mean over all users and seeds. Beside it the interval that covers
the draw of users alone, of the mean over seeds and of a single seed.

    python -m benchmarks.coverage
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.harness import ROOT
from visprof import logodds, prediction, profiles, shares
from visprof.files import write_whole
from visprof.intervals import Estimate, estimate_over_seeds, mean_over_seeds
from visprof.results.provenance import provenance
from visprof.sources.vectors import simulate_embeddings
from visprof.steps.profile_kinds import mean_profiles
from visprof.vocabulary import VisualVocabulary

N_PINS, N_TRAIN = 40, 20
ALPHA, THRESHOLD = 0.05, 2.0


def studies(options: argparse.Namespace, taste: float) -> Iterator[dict[str, Estimate]]:
    """Numbers of each study: MRR, its lead over the mean embedding, and the share of pairs."""
    n_background, n_users = options.background, options.users
    world = simulate_embeddings(
        n_background + options.studies * n_users, N_PINS, class_taste=taste,
        style_taste=taste, random_state=options.seed,
    )  # fmt: skip
    cut = n_background * N_PINS
    background, pins = world.vectors[:cut], world.vectors[cut:]
    pool = [
        VisualVocabulary(options.clusters, 0.05, random_state=seed).fit(background)
        for seed in tqdm(range(options.pool), "k-means")
    ]
    counts = [words.transform(background).sum(axis=0, dtype=float) for words in pool]
    rng = np.random.default_rng(options.seed)
    users = np.repeat(np.arange(n_users), N_PINS)
    first = np.tile(np.arange(N_PINS), n_users) < N_TRAIN

    def reciprocal_ranks(features: np.ndarray) -> np.ndarray:
        sides = (mean_profiles(features[side], users[side]) for side in (first, ~first))
        return prediction.reciprocal_ranks(*sides)

    for number in tqdm(range(options.studies), "studies"):
        own = pins[number * len(users) : (number + 1) * len(users)]
        seeds = rng.choice(options.pool, options.seeds, replace=False)
        plain = reciprocal_ranks(own)
        ranks, z = [], []
        for seed in seeds:
            assigned = pool[seed].transform(own)
            ranks.append(reciprocal_ranks(assigned))
            y = profiles.user_profiles(assigned, users, counts=True)[1]
            z.append(logodds.pairwise_max_z(y, counts[seed], ALPHA))
        image = np.stack(ranks)[..., None]
        values = np.concatenate([image, image - plain[None, :, None]], axis=2)
        mrr, lead = mean_over_seeds(values, "users", random_state=number)
        pairs = estimate_over_seeds(
            *shares.pair_share_draws(np.stack(z), n_users, THRESHOLD, random_state=number),
            random_state=number,
        )
        yield {"mrr": mrr, "mrr less mean embedding": lead, "pairs that differ": pairs}


def users_alone(number: Estimate) -> Estimate:
    """The same with a normal interval for the draw of users only."""
    arm = 1.96 * number.sd_units
    return replace(number, low=number.value - arm, high=number.value + arm)


def coverage(found: pd.DataFrame) -> pd.DataFrame:
    """Share of the studies whose interval covers the truth, by number and kind of interval."""
    kinds = {
        "users and seeds": lambda number: number,
        "users alone": users_alone,
        "one seed, its users": lambda number: Estimate(*number.by_seed[0]),
    }
    rows = []
    for name, numbers in found.items():
        truth = np.mean([number.value for number in numbers])
        row = {
            "number": name,
            "truth": truth,
            "sd over studies": np.std([number.value for number in numbers]),
            "users": np.mean([number.sd_units for number in numbers]),
            "seeds": np.mean([number.sd_seeds for number in numbers]),
        }
        for kind, of in kinds.items():
            intervals = [of(number) for number in numbers]
            row[kind] = np.mean([own.low <= truth <= own.high for own in intervals])
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Simulate, print the table, and keep it with its provenance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("studies", 400), ("users", 40), ("seeds", 10), ("pool", 150), ("clusters", 50),
        ("background", 25), ("seed", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--tastes", type=float, nargs="+", default=[0.7, 1.2])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "benchmarks" / "coverage.json"
    )
    options = parser.parse_args()
    table = pd.concat(
        coverage(pd.DataFrame(studies(options, taste))).assign(taste=taste)
        for taste in options.tastes
    )
    print(table.to_string(index=False, float_format="%.3f"))
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    kept = {"settings": settings, "run": provenance(), "coverage": table.to_dict("records")}
    write_whole(options.out, f"{json.dumps(kept, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
