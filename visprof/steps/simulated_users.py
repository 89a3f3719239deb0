"""Steps: users whose tastes are known, simulated as embeddings, with the study's settings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.intervals import Estimate, estimate_over_seeds, mean_draws, resample_counts
from visprof.sources import vectors, world
from visprof.steps.data import BoardSplit
from visprof.steps.profile_kinds import rank_profiles, split_profiles
from visprof.steps.registry import step
from visprof.steps.user_ranking import slug

with lazily():
    from sklearn.base import clone

    from visprof.vocabulary import VisualVocabulary

__all__ = ["null_leakage", "simulated_mrr", "taste_numbers", "taste_recovery", "taste_worlds"]

SIMULATED_USERS = 500

REPEATS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)

TASTES = {
    "neither": (0.0, 0.0),
    "classes only": (1.0, 0.0),
    "styles only": (0.0, 1.0),
    "both": (1.0, 1.0),
}

RECOVERED_PINS = (10, 30, 100, 300, 1000)


def simulated_mrr(
    n_users: int,
    n_pins: int,
    n_test: int,
    n_train: int,
    words: VisualVocabulary,
    distance: str,
    seed: int,
    **world: float,
) -> dict[str, Estimate]:
    """MRR by profile in worlds of embeddings, which are simulated and not drawn.

    Simulates up to four worlds, until they hold 500 users in all; each also gets enough background
    users for 20 pins per cluster, and a vocabulary by a seed of its own: they stand for the seeds.
    """
    n_background = -(-20 * words.n_clusters // n_pins)
    found: dict[str, list[np.ndarray]] = {}
    for number in range(min(4, -(-SIMULATED_USERS // n_users))):
        simulated = vectors.simulate_embeddings(
            n_background + n_users, n_pins, random_state=1000 * seed + number, **world
        )
        cut = n_background * n_pins
        background, analysed = simulated.vectors[:cut], simulated.vectors[cut:]
        anew = clone(words).set_params(random_state=words.random_state + number)
        parts = {"image": anew.fit(background).transform(analysed), "embedding": analysed}
        place = np.tile(np.arange(n_pins), n_users)
        sample = pd.DataFrame({"board": simulated.users[cut:]})
        profiles = split_profiles(
            parts, sample, {n_train: place < n_train}, place >= n_pins - n_test
        )
        for name in profiles.kinds():
            ranks = rank_profiles(profiles, name, n_train, distance)
            found.setdefault(name, []).append(1 / ranks.middle)
    return {name: _mean_over_worlds(ranks, seed) for name, ranks in found.items()}


def _mean_over_worlds(ranks: list[np.ndarray], seed: int) -> Estimate:
    """MRR of worlds that have no user in common.

    Means of worlds vary by their users, and as worlds and vocabularies differ: by what their
    variance has more than that of their users, if anything. Drawn again as they are, they would
    bring the variance of the users twice more.
    """
    draws = np.column_stack(
        [
            mean_draws(of, resample_counts(len(of), 2000, seed + number))
            for number, of in enumerate(ranks)
        ]
    )
    means = np.array([of.mean() for of in ranks])
    n_users = sum(map(len, ranks))
    alone = estimate_over_seeds(means, draws, random_state=seed).of(n_users, "users")
    if len(ranks) == 1:
        return alone
    spread = float(means.var(ddof=1))
    excess = max(0.0, spread - float(np.mean([of.var(ddof=1) / len(of) for of in ranks])))
    apart = (means - means.mean()) * np.sqrt(excess / spread if spread else 0.0)
    shared = draws.mean(axis=1, keepdims=True)
    found = estimate_over_seeds(means.mean() + apart, shared + apart, random_state=seed)
    return dataclasses.replace(alone, low=found.low, high=found.high, sd_seeds=found.sd_seeds)


@step
def null_leakage(
    board_split: BoardSplit,
    vocabulary_settings: VisualVocabulary,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """MRR of users without any taste, by the share of pins that repeat an earlier one.

    Columns repeat_share, n_users, profile, value, low, high, estimate. There are as many users as
    in the study, at most 500.
    """
    n_users = min(SIMULATED_USERS, board_split.analysed["board"].nunique())
    rows = []
    for share in REPEATS:
        found = simulated_mrr(
            n_users, n_pins, n_test, max(train_sizes), vocabulary_settings, distance, seed,
            class_taste=0, style_taste=0, repeat_share=share,
        )  # fmt: skip
        for name, mrr in found.items():
            rows.append((share, n_users, name, mrr.value, mrr.low, mrr.high, mrr))
    columns = ["repeat_share", "n_users", "profile", "value", "low", "high", "estimate"]
    return pd.DataFrame(rows, columns=columns)


@step
def taste_worlds(
    null_leakage: pd.DataFrame,
    board_split: BoardSplit,
    vocabulary_settings: VisualVocabulary,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """MRR in simulated worlds whose users have taste in classes, in styles, in both or neither.

    Columns taste, n_users, profile, value, low, high, estimate. There are as many users as in the
    study, at most 500. Those with taste in neither are `null_leakage`'s without repeats.
    """
    n_users = min(SIMULATED_USERS, board_split.analysed["board"].nunique())
    none = null_leakage[null_leakage["repeat_share"] == 0]
    rows = []
    for taste, (class_taste, style_taste) in TASTES.items():
        if class_taste == style_taste == 0:
            found = dict(zip(none["profile"], none["estimate"], strict=True))
        else:
            found = simulated_mrr(
                n_users, n_pins, n_test, max(train_sizes), vocabulary_settings, distance, seed,
                class_taste=class_taste, style_taste=style_taste,
            )  # fmt: skip
        for name, mrr in found.items():
            rows.append((taste, n_users, name, mrr.value, mrr.low, mrr.high, mrr))
    columns = ["taste", "n_users", "profile", "value", "low", "high", "estimate"]
    return pd.DataFrame(rows, columns=columns)


@step
def taste_numbers(taste_worlds: pd.DataFrame) -> dict[str, Estimate]:
    """MRR by taste and profile: keys such as ``tastes.styles-only.image``."""
    return {
        f"tastes.{slug(row.taste)}.{slug(row.profile)}": row.estimate
        for row in taste_worlds.itertuples()
    }


@step
def taste_recovery(n_users_shown: int, class_taste: float, seed: int) -> pd.DataFrame:
    """How far the classes of users' first pins are from their true tastes.

    Columns user, pins, error (see `visprof.sources.world.taste_recovery`).
    """
    users = world.simulate_world(
        n_users_shown, max(RECOVERED_PINS), class_taste=class_taste, random_state=seed
    )
    return world.taste_recovery(users, RECOVERED_PINS)
