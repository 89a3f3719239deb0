"""Steps: categories and styles in worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visprof._lazy import lazily
from visprof.intervals import Estimate, mean_over_seeds
from visprof.shares import wilson_interval
from visprof.sources import vectors
from visprof.steps.data import BoardSplit
from visprof.steps.fusion import (
    MODELS,
    bits_by_name,
    cell_counts,
    fused,
    intra_pvalue,
    session_icc,
    style_clusters,
)
from visprof.steps.profile_kinds import mean_profiles
from visprof.steps.registry import step
from visprof.steps.simulated_users import SIMULATED_USERS
from visprof.steps.user_ranking import slug

with lazily():
    from sklearn.base import clone

    from visprof.hierarchy import HierarchicalProfile, expected_bits, rank_by_score, session_weights
    from visprof.prediction import rank_users, whitened_profiles
    from visprof.vocabulary import VisualVocabulary

__all__ = [
    "FUSION_TASTES", "KNOWN_STRENGTHS", "LEVELS", "LEVEL_SESSIONS", "POWER_STRENGTHS",
    "POWER_USERS", "fusion_level", "fusion_power", "fusion_recovery", "fusion_world_numbers",
    "fusion_worlds",
]  # fmt: skip

# taste in classes, taste in styles, and in how many classes that is
FUSION_TASTES = {
    "neither": (0.0, 0.0, None),
    "classes only": (1.0, 0.0, None),
    "styles only": (0.0, 1.0, None),
    "both": (1.0, 1.0, None),
    "styles in one class": (1.0, 1.0, 1),
}
N_CLASSES = 5
N_DIMS = 64
N_BACKGROUND = 60  # users of each world whose tastes the population's are learned from
KNOWN_STRENGTHS = (1.0, 4.0, 16.0)  # of tastes at both levels, in pins: strong, middling, weak
LEVELS = (4, 4)  # categories, and styles of each, of the worlds of known strength
N_KNOWN_USERS = 40  # of background, and as many whose bits are measured
POWER_STRENGTHS = (4.0, 16.0, 64.0)
POWER_USERS = (10, 20, 40, 80, 160)  # the first of each world's
LEVEL_SESSIONS = (1, 5)  # pins of a session in the worlds without a taste in styles
DEALS = 19  # as few as a level of 5 % allows


# --- tastes in classes, in styles, or in the styles of one class


@step
def fusion_worlds(
    board_split: BoardSplit,
    vocabulary_settings: VisualVocabulary,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    n_style_clusters: int,
    n_components: int,
    seed: int,
) -> pd.DataFrame:
    """MRR and bits by what users of simulated embeddings have taste in.

    Columns taste, measure ("MRR" or "bits"), model, n_users, value, low, high, estimate. A model
    "fusion less categories" and the like is a difference, paired by user. There are as many users
    as in the study in each world, and worlds until they hold 500 in all, at most four.
    """
    n_users = min(SIMULATED_USERS, board_split.analysed["board"].nunique())
    rows = []
    for taste, (class_taste, style_taste, styled_classes) in FUSION_TASTES.items():
        of_worlds: list[pd.DataFrame] = []
        for number in range(min(4, -(-SIMULATED_USERS // n_users))):
            world = vectors.simulate_embeddings(
                N_BACKGROUND + n_users, n_pins, N_DIMS, n_classes=N_CLASSES,
                class_taste=class_taste, style_taste=style_taste, styled_classes=styled_classes,
                random_state=1000 * seed + number,
            )  # fmt: skip
            words = clone(vocabulary_settings).set_params(random_state=seed + number)
            of_worlds.append(
                _of_world(
                    world, n_pins, n_test, max(train_sizes), words, distance, n_style_clusters,
                    n_components, seed + number,
                )
            )  # fmt: skip
        found = pd.concat(of_worlds, ignore_index=True)
        estimates = mean_over_seeds(found.to_numpy()[None], "users", random_state=seed)
        for (measure, model), of in zip(found.columns, estimates, strict=True):
            rows.append((taste, measure, model, len(found), of.value, of.low, of.high, of))
    columns = ["taste", "measure", "model", "n_users", "value", "low", "high", "estimate"]
    return pd.DataFrame(rows, columns=columns)


def _of_world(
    world: vectors.VectorWorld,
    n_pins: int,
    n_test: int,
    n_train: int,
    words: VisualVocabulary,
    distance: str,
    n_styles: int,
    n_components: int,
    seed: int,
) -> pd.DataFrame:
    """Reciprocal ranks and bits of each user of a world: columns (measure, model)."""
    cut = N_BACKGROUND * n_pins
    styles = style_clusters(world.vectors, world.labels, cut, n_styles, seed)
    cells, n_cells = world.labels * n_styles + styles, N_CLASSES * n_styles
    place = np.tile(np.arange(n_pins), len(world.users) // n_pins)
    first, last = place < n_train, place >= n_pins - n_test
    first[:cut] = last[:cut] = False
    counted = [cell_counts(world.users[of], cells[of], n_cells) for of in (first, last)]
    learnt = cell_counts(world.users[:cut], cells[:cut], n_cells)
    bits, evidence = fused(learnt, *counted, N_CLASSES)
    found = {
        ("MRR", name): 1 / rank_by_score(getattr(evidence, of)).middle
        for name, of in MODELS.items()
    }
    background = np.float64(world.vectors[:cut])
    words.fit(background)
    pairs = {}
    for which, of in (("train", first), ("test", last)):
        pins, users = np.float64(world.vectors[of]), world.users[of]
        pairs[which] = {
            "image": mean_profiles(words.transform(pins), users),
            "mean embedding": mean_profiles(pins, users),
            "whitened": whitened_profiles(pins, users, background, min(n_components, N_DIMS)),
        }
    for name in pairs["train"]:
        by = "cosine" if name == "whitened" else distance if name == "image" else "euclidean"
        found["MRR", name] = 1 / rank_users(pairs["train"][name], pairs["test"][name], by).middle
    for part in ("categories", "styles within categories"):
        found["MRR", f"fusion less {part}"] = found["MRR", "fusion"] - found["MRR", part]
    for name, values in bits_by_name(bits).items():
        found["bits", name] = values
    return pd.DataFrame(found)


# --- worlds of the model itself, of known strength


def _draw_users(
    rng: np.random.Generator, n_users: int, sizes: tuple[int, ...], strength: float
) -> list[NDArray]:
    """Counts of users by cell, an array for each number of pins: all of the same tastes."""
    n_categories, n_styles = LEVELS
    found = [np.empty((n_users, n_categories * n_styles), int) for _ in sizes]
    of_categories, of_styles = (np.full(n, strength / n) for n in LEVELS)
    for user in range(n_users):
        taste = rng.dirichlet(of_categories)
        looks = rng.dirichlet(of_styles, n_categories)
        for counts, size in zip(found, sizes, strict=True):
            counts[user] = rng.multinomial(rng.multinomial(size, taste), looks).ravel()
    return found


def _expected(strength: float, n_train: int) -> tuple[float, float]:
    """Inter and intra bits of users of `_draw_users`, exactly."""
    n_categories, n_styles = LEVELS
    alpha, styles = np.full(n_categories, strength / n_categories), np.full(LEVELS, 1 / n_styles)
    return expected_bits(alpha, strength * styles, n_train)


@step
def fusion_recovery(
    n_pins: int, n_test: int, train_sizes: tuple[int, ...], n_known_worlds: int, seed: int
) -> pd.DataFrame:
    """Bits a pin of worlds drawn from the model itself, beside what is exactly expected.

    Columns strength (of tastes at both levels, known), part ("inter" or "intra"), truth (by
    `visprof.hierarchy.expected_bits`), mean (over worlds of what is estimated), bias, covered (the
    share of worlds whose 95 % interval holds the truth), low, high (its interval), recovered (the
    median over worlds of the strength that was fitted) and n_worlds.
    """
    n_train = max(train_sizes)
    found: dict[float, list[list[Estimate]]] = {strength: [] for strength in KNOWN_STRENGTHS}
    fitted: dict[float, list[tuple[float, float]]] = {strength: [] for strength in KNOWN_STRENGTHS}
    for world in range(n_known_worlds):  # those of one number have the same bootstrap draws
        for number, strength in enumerate(KNOWN_STRENGTHS):
            rng = np.random.default_rng([seed, number, world])
            (background,) = _draw_users(rng, N_KNOWN_USERS, (n_pins,), strength)
            train, test = _draw_users(rng, N_KNOWN_USERS, (n_train, n_test), strength)
            profile = HierarchicalProfile(LEVELS[0]).fit(background)
            values = np.column_stack(profile.level_bits(train, test))
            found[strength].append(mean_over_seeds(values[None], "users", 1000, world))
            fitted[strength].append((profile.strength_, profile.shared_strength_))
    rows = []
    for strength in KNOWN_STRENGTHS:
        truths = _expected(strength, n_train)
        for place, (part, truth) in enumerate(zip(("inter", "intra"), truths, strict=True)):
            of = [estimates[place] for estimates in found[strength]]
            mean = float(np.mean([one.value for one in of]))
            covered = float(np.mean([one.low <= truth <= one.high for one in of]))
            rows.append((
                strength, part, truth, mean, mean - truth, covered,
                *wilson_interval(covered, n_known_worlds),
                float(np.median([of[place] for of in fitted[strength]])), n_known_worlds,
            ))  # fmt: skip
    columns = [
        "strength", "part", "truth", "mean", "bias", "covered", "low", "high", "recovered",
        "n_worlds",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


@step
def fusion_power(
    n_pins: int, n_test: int, train_sizes: tuple[int, ...], n_known_worlds: int, seed: int
) -> pd.DataFrame:
    """In how many worlds so many users are enough to see what styles within categories tell.

    Columns strength (of tastes at both levels), truth (bits a pin of intra, exactly expected),
    n_users, found (share of worlds whose 95 % interval of intra bits is above 0), low, high (its
    interval) and n_worlds.
    """
    n_train = max(train_sizes)
    above = np.zeros((len(POWER_STRENGTHS), len(POWER_USERS)))
    for world in range(n_known_worlds):  # those of one number have the same bootstrap draws
        for number, strength in enumerate(POWER_STRENGTHS):
            rng = np.random.default_rng([seed, 1, number, world])
            (background,) = _draw_users(rng, N_KNOWN_USERS, (n_pins,), strength)
            counts = _draw_users(rng, max(POWER_USERS), (n_train, n_test), strength)
            _, intra = HierarchicalProfile(LEVELS[0]).fit(background).level_bits(*counts)
            for place, n_users in enumerate(POWER_USERS):
                (of,) = mean_over_seeds(intra[None, :n_users, None], "users", 500, world)
                above[number, place] += of.low > 0
    rows = []
    for strength, found in zip(POWER_STRENGTHS, above / n_known_worlds, strict=True):
        _, truth = _expected(strength, n_train)
        for n_users, share in zip(POWER_USERS, found, strict=True):
            rows.append((
                strength, truth, n_users, share, *wilson_interval(share, n_known_worlds),
                n_known_worlds,
            ))  # fmt: skip
    columns = ["strength", "truth", "n_users", "found", "low", "high", "n_worlds"]
    return pd.DataFrame(rows, columns=columns)


# --- worlds without a taste in styles


@step
def fusion_level(
    n_pins: int, n_test: int, train_sizes: tuple[int, ...], n_known_worlds: int, seed: int
) -> pd.DataFrame:
    """What is found of styles where users have taste in categories alone, by pins of a session.

    Columns session_pins, rejected (share of worlds with a p-value of at most 5 % by the deal of
    styles), low, high (its interval), bits, bits_low, bits_high (mean intra bits over worlds, with
    sessions as `visprof.hierarchy.session_weights` weighs them), untempered (the same where each
    pin counts whole) and n_worlds. A session's pins have one category and one style.
    """
    n_categories, n_styles = LEVELS
    n_cells, n_train = n_categories * n_styles, max(train_sizes)
    rows = []
    for session_pins in LEVEL_SESSIONS:
        p_values, tempered, plain = [], [], []
        for world in range(n_known_worlds):
            rng = np.random.default_rng([seed, session_pins, world])
            tastes = rng.dirichlet(np.ones(n_categories), 2 * N_KNOWN_USERS)
            looks = rng.dirichlet(np.full(n_styles, 2.0), n_categories)  # everyone's
            users = np.repeat(np.arange(2 * N_KNOWN_USERS), n_pins)
            sessions = np.tile(np.arange(n_pins) // session_pins, 2 * N_KNOWN_USERS)
            cells = _session_cells(rng, tastes, looks, sessions[:n_pins])
            learnt = users < N_KNOWN_USERS
            place = np.tile(np.arange(n_pins), 2 * N_KNOWN_USERS)[~learnt]
            first, last = place < n_train, place >= n_pins - n_test
            own, given, of = users[~learnt], cells[~learnt], sessions[~learnt]
            known = of if session_pins > 1 else None
            icc = session_icc(given, own, known)
            found = []
            for correlation in dict.fromkeys((icc, 0.0)):
                weights = session_weights(users, sessions, correlation)
                profile = HierarchicalProfile(n_categories).fit(
                    cell_counts(users[learnt], cells[learnt], n_cells, weights[learnt])
                )
                train = cell_counts(own[first], given[first], n_cells, weights[~learnt][first])
                test = cell_counts(own[last], given[last], n_cells)
                _, intra = profile.level_bits(train, test)
                found.append((profile, weights, float(intra.mean())))
            (profile, weights, mean), untempered = found[0], found[-1][2]
            tempered.append(mean)
            plain.append(untempered)
            p_values.append(
                intra_pvalue(
                    profile, given, own, first, last, known, weights[~learnt], DEALS,
                    int(rng.integers(2**31)),
                )
            )  # fmt: skip
        rejected = float(np.mean(np.array(p_values) <= 0.05))
        (bits,) = mean_over_seeds(np.array(tempered)[None, :, None], "worlds", random_state=seed)
        rows.append((
            session_pins, rejected, *wilson_interval(rejected, n_known_worlds), bits.value,
            bits.low, bits.high, float(np.mean(plain)), n_known_worlds,
        ))  # fmt: skip
    columns = [
        "session_pins", "rejected", "low", "high", "bits", "bits_low", "bits_high", "untempered",
        "n_worlds",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _session_cells(
    rng: np.random.Generator, tastes: NDArray, looks: NDArray, sessions: NDArray
) -> NDArray[np.int64]:
    """Cell of each pin of users, one after the other; those of a session have the same."""
    n_sessions = sessions.max() + 1
    by_taste = np.cumsum(tastes, axis=1)[:, None, :-1]
    categories = (rng.random((len(tastes), n_sessions))[..., None] >= by_taste).sum(axis=2)
    by_look = np.cumsum(looks, axis=1)[categories, :-1]
    styles = (rng.random(categories.shape)[..., None] >= by_look).sum(axis=2)
    return (categories * looks.shape[1] + styles)[:, sessions].ravel()


@step
def fusion_world_numbers(
    fusion_worlds: pd.DataFrame,
    fusion_recovery: pd.DataFrame,
    fusion_power: pd.DataFrame,
    fusion_level: pd.DataFrame,
) -> dict[str, Estimate]:
    """Known worlds in numbers: keys such as ``fusion.world.both.mrr.fusion``.

    ``fusion.known.4.intra.covered`` is the coverage at a known strength, ``.bias`` the bias;
    ``fusion.power.16.40`` the share of worlds of a known strength in which so many users are
    enough; and ``fusion.level.1`` the level of the deal with sessions of so many pins.
    """
    numbers = {
        f"fusion.world.{slug(row.taste)}.{row.measure.lower()}.{slug(row.model)}": row.estimate
        for row in fusion_worlds.itertuples()
    }
    for row in fusion_recovery.itertuples():
        key, n = f"fusion.known.{row.strength:g}.{row.part}", row.n_worlds
        numbers[f"{key}.covered"] = Estimate(row.covered, row.low, row.high, n, "worlds")
        numbers[f"{key}.bias"] = Estimate(row.bias, n=n, unit="worlds")
    for row in fusion_power.itertuples():
        of = Estimate(row.found, row.low, row.high, row.n_worlds, "worlds")
        numbers[f"fusion.power.{row.strength:g}.{row.n_users}"] = of
    for row in fusion_level.itertuples():
        key, n = f"fusion.level.{row.session_pins}", row.n_worlds
        numbers[key] = Estimate(row.rejected, row.low, row.high, n, "worlds")
        numbers[f"{key}.bits"] = Estimate(row.bits, row.bits_low, row.bits_high, n, "worlds")
    return numbers
