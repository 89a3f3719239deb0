"""Steps: what categories, and styles within them, say of a user's later pins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visprof import boards, profiles
from visprof._lazy import lazily
from visprof.blocks import slices
from visprof.intervals import Estimate, mean_over_seeds
from visprof.rank_scores import holm, random_mrr, randomisation_test
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.pin_categories import PinCategories
from visprof.steps.pin_parts import as_codes
from visprof.steps.profile_kinds import drawn_pins
from visprof.steps.registry import step
from visprof.steps.user_ranking import by_user, slug, with_most_pins
from visprof.ties import TIE

with lazily():
    from visprof import variation
    from visprof._style_deals import StyleDeals
    from visprof.hierarchy import (
        Bits,
        HierarchicalProfile,
        rank_by_score,
        session_weights,
    )
    from visprof.vocabulary import VisualVocabulary, count_distinct

__all__ = [
    "BASELINES",
    "BITS",
    "MODELS",
    "FusionScores",
    "cell_counts",
    "fused",
    "fusion_numbers",
    "fusion_scores",
    "fusion_table",
    "intra_pvalue",
    "pin_styles",
    "session_icc",
    "style_clusters",
    "told",
]  # fmt: skip

# what ranks users: by the bits of `visprof.hierarchy.Bits` of this name
MODELS = {
    "fusion": "fusion", "categories": "inter", "styles within categories": "intra",
    "styles alone": "styles", "flat cells": "flat",
}  # fmt: skip
BITS = ("fusion", "inter", "intra", "styles", "interaction", "flat")
BASELINES = ("image", "mean embedding", "whitened", "within-class residual", "file facts")
UNTEMPERED = "fusion, sessions ignored"
MOST_DEALS = 199
DEALS_AT_ONCE = 20  # of styles, whose bits are computed together
STYLE_COMPONENTS = 20  # principal components that styles are clustered in


# --- styles of pins


@step
def pin_styles(
    pin_embedding: PinArrays,
    pin_categories: PinCategories,
    board_split: BoardSplit,
    n_style_clusters: int,
    start: int,
) -> np.ndarray:
    """Style of each pin by number, the background's first (see `style_clusters`)."""
    return style_clusters(
        pin_embedding.stacked(), pin_categories.codes, len(board_split.background),
        n_style_clusters, start,
    )  # fmt: skip


def style_clusters(
    embedded: NDArray,
    categories: NDArray,
    n_background: int,
    n_styles: int,
    random_state: int,
) -> NDArray[np.int64]:
    """Clusters of what is left of embeddings within categories, learned on the background.

    Less the mean of their category over the background, which comes first, embeddings are taken in
    its principal components, each of unit variance, and go wholly to the nearest centre. A category
    that the background lacks has the mean of all. Where the background does not vary within
    categories, there is one style.
    """
    embedded = np.float64(embedded)
    of_background = embedded[:n_background]
    means = np.tile(of_background.mean(axis=0), (categories.max() + 1, 1))
    there, sums = profiles.user_profiles(of_background, categories[:n_background], counts=True)
    means[there] = sums / np.bincount(categories[:n_background])[there, None]
    left = embedded - means[categories]
    if np.abs(left[:n_background]).max() <= TIE * np.abs(of_background).max():
        return np.zeros(len(left), np.int64)
    n_styles = count_distinct(left[:n_background], n_styles)
    left = profiles.whiten(left, left[:n_background], STYLE_COMPONENTS)
    learnt = left[:n_background]
    n_styles = count_distinct(learnt, n_styles)
    centres = VisualVocabulary(n_styles, bandwidth=0, random_state=random_state).fit(learnt)
    return centres.transform(left).argmax(axis=1)


def cell_counts(
    users: NDArray, cells: NDArray, n_cells: int, weights: NDArray | None = None
) -> NDArray[np.float64]:
    """Pins of each user, sorted, by cell, (n_users, n_cells); each pin counts its weight."""
    names, codes = np.unique(users, return_inverse=True)
    found = np.bincount(codes * n_cells + cells, weights, len(names) * n_cells)
    return found.reshape(len(names), n_cells).astype(np.float64)


# --- sessions


def session_icc(cells: NDArray, users: NDArray, sessions: NDArray | None) -> float:
    """How alike pins of one session are beyond their user's, 0 to 1; 0 without sessions.

    The intraclass correlation of cells, from `visprof.variation.variance_shares`. It is 1, so that
    a session counts as one pin, where fewer than two users have two effective sessions, or all
    their pins are of one cell.
    """
    if sessions is None:
        return 0.0
    sizes = pd.Series(users).groupby([users, sessions]).size()
    effective = sizes.groupby(level=0).sum() ** 2 / (sizes**2).groupby(level=0).sum()
    known = effective.index[effective >= 2]
    if len(known) < 2 or len(np.unique(cells[np.isin(users, known)])) == 1:
        return 1.0
    if (sizes < 2).all():  # no session has two pins
        return 0.0
    shares = variation.variance_shares(np.eye(cells.max() + 1)[cells], users, sessions)
    within_user = shares.session + shares.pin
    return float(np.clip(shares.session / within_user, 0, 1)) if within_user > 0 else 1.0


@dataclass(frozen=True)
class _Counts:
    """Counts of users by cell: the background's, and those of training and test pins.

    Weights are of the pins that are evidence; test pins, which are to be told, count whole.
    """

    background: NDArray
    train: NDArray
    test: NDArray


# --- the study's boards


@dataclass(frozen=True)
class FusionScores:
    """Of one seed: bits a pin and reciprocal ranks by model, and how alike sessions' pins are.

    `bits` goes by the names `BITS` and holds a value a user, `untempered` is the same without
    sessions; `ranks` goes by model. `p_value` is of intra bits.
    """

    users: np.ndarray
    bits: dict[str, np.ndarray]
    untempered: dict[str, np.ndarray]
    ranks: dict[str, np.ndarray]
    icc: float
    p_value: float


def bits_by_name(bits: Bits) -> dict[str, np.ndarray]:
    """Values of each of `BITS`."""
    return {name: getattr(bits, name) for name in BITS}


def fused(
    background: NDArray, train: NDArray, test: NDArray, n_categories: int
) -> tuple[Bits, Bits]:
    """Bits of users' own test pins, and evidence of all pairs, by a population that is given."""
    profile = HierarchicalProfile(n_categories).fit(background)
    return profile.bits(train, test), profile.evidence(train, test)


@dataclass(frozen=True)
class _Sample:
    """The pins of chapter 6, of the largest training size, with their sessions, if any."""

    rows: NDArray
    users: NDArray
    first: NDArray
    last: NDArray
    sessions: NDArray | None


def _sampled(
    board_split: BoardSplit,
    pin_sessions: NDArray | None,
    n_pins: int,
    n_test: int,
    n_train: int,
    seed: int,
) -> _Sample:
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    rows = sample.index.to_numpy()
    return _Sample(
        rows, sample["board"].to_numpy(), *boards.split_pins(sample, n_train, n_test),
        None if pin_sessions is None else pin_sessions[rows],
    )  # fmt: skip


def _counted(
    cells: PinArrays, n_cells: int, sample: _Sample, board_split: BoardSplit, rule: str, icc: float
) -> _Counts:
    owners, weights, of_background = board_split.background["board"].to_numpy(), None, None
    users, first, last = sample.users, sample.first, sample.last
    if sample.sessions is not None:
        weights = session_weights(users[first], sample.sessions[first], icc)
        found = boards.sessions(owners, board_split.background["time"].to_numpy(), rule)
        of_background = session_weights(owners, found, icc)
    of = cells.analysed[sample.rows]
    return _Counts(
        cell_counts(owners, cells.background, n_cells, of_background),
        cell_counts(users[first], of[first], n_cells, weights),
        cell_counts(users[last], of[last], n_cells),
    )


@dataclass(frozen=True)
class Told:
    """What training pins tell of test pins: bits of own ones, and evidence of all pairs.

    `cells` are of the sampled pins, and counts weigh sessions by `icc`.
    """

    sample: _Sample
    cells: NDArray
    icc: float
    counts: _Counts
    bits: Bits
    evidence: Bits


def told(
    categories: PinCategories,
    styles: NDArray,
    board_split: BoardSplit,
    pin_sessions: NDArray | None,
    session_rule: str,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    n_styles: int,
    seed: int,
    icc: float | None = None,
) -> Told:
    """What users' first pins, the most that there are, tell of their last ones.

    Pins, and so users and splits, are those of chapter 6. Where background boards are analysed,
    too, each user's last pins are scored by a population without that user. How alike pins of a
    session are (`icc`) is estimated unless it is given.
    """
    n_categories = len(categories.names)
    cells = board_split.arrays(categories.codes * n_styles + styles)
    sample = _sampled(board_split, pin_sessions, n_pins, n_test, max(train_sizes), seed)
    if icc is None:
        icc = session_icc(cells.analysed, board_split.analysed["board"].to_numpy(), pin_sessions)
    n_cells = n_categories * n_styles
    counts = _counted(cells, n_cells, sample, board_split, session_rule, icc)
    owners = np.unique(board_split.background["board"].to_numpy())
    bits, evidence = _told(counts, owners, np.unique(sample.users), n_categories)
    return Told(sample, cells.analysed[sample.rows], icc, counts, bits, evidence)


@step
def fusion_scores(
    pin_categories: PinCategories,
    pin_styles: np.ndarray,
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    session_rule: str,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    n_permutations: int,
    n_style_clusters: int,
    seed: int,
) -> FusionScores:
    """Bits and ranks of users' last pins by their first ones (see `told`)."""
    arguments = (
        pin_categories, pin_styles, board_split, pin_sessions, session_rule, n_pins, n_test,
        train_sizes, n_style_clusters, seed,
    )  # fmt: skip
    found = told(*arguments)
    plain = told(*arguments, icc=0.0) if found.icc > 0 else found
    sample, evidence = found.sample, found.evidence
    ranks = {name: 1 / rank_by_score(getattr(evidence, of)).middle for name, of in MODELS.items()}
    weights = np.ones(len(sample.rows))
    if sample.sessions is not None:
        ranks[UNTEMPERED] = 1 / rank_by_score(plain.evidence.fusion).middle
        first = sample.first
        weights[first] = session_weights(sample.users[first], sample.sessions[first], found.icc)
    p_value = intra_pvalue(
        HierarchicalProfile(len(pin_categories.names)).fit(found.counts.background), found.cells,
        sample.users, sample.first, sample.last, sample.sessions, weights,
        min(MOST_DEALS, n_permutations), seed,
    )  # fmt: skip
    return FusionScores(
        np.unique(sample.users), bits_by_name(found.bits), bits_by_name(plain.bits), ranks,
        found.icc, p_value,
    )  # fmt: skip


def _told(counts: _Counts, owners: NDArray, users: NDArray, n_categories: int) -> tuple[Bits, Bits]:
    """Bits and evidence; each user's test pins by a background that the user is not of."""
    if not np.isin(users, owners).any():
        return fused(counts.background, counts.train, counts.test, n_categories)
    own, columns = [], []
    for place, user in enumerate(users):
        profile = HierarchicalProfile(n_categories).fit(counts.background[owners != user])
        test = counts.test[[place]]
        own.append(profile.bits(counts.train[[place]], test))
        columns.append(profile.evidence(counts.train, test))
    parts = ("inter", "intra", "styles", "flat")
    return (
        Bits(*(np.concatenate([getattr(of, part) for of in own]) for part in parts)),
        Bits(*(np.hstack([getattr(of, part) for of in columns]) for part in parts)),
    )


def intra_pvalue(
    profile: HierarchicalProfile,
    cells: NDArray,
    users: NDArray,
    first: NDArray,
    last: NDArray,
    sessions: NDArray | None,
    weights: NDArray,
    n_deals: int,
    random_state: int,
) -> float:
    """p-value of the mean intra bits: styles are dealt within categories over users.

    Whole sessions' pins of a category stay together (see `visprof.hierarchy.deal_styles`). Where
    the population was learned from the same users, it was from what they were before the deal, and
    the p-value is only near.
    """
    n_cells = profile.n_features_in_
    n_styles = n_cells // profile.n_categories
    categories, styles = np.divmod(cells, n_styles)
    blocks = None
    if sessions is not None:  # the same name with two users means two sessions
        blocks = as_codes(users) * (np.max(sessions) + 1) + sessions
    n_users = len(np.unique(users[first]))
    # test pins, which are to be told, count whole
    parts = [(of, as_codes(users[of]), w) for of, w in ((first, weights[first]), (last, None))]

    def mean_bits(dealt: list[NDArray]) -> NDArray:
        """Of each of some deals of styles, at once."""
        of = categories * n_styles + np.array(dealt)
        train, test = (
            np.concatenate([
                np.bincount(owners * n_cells + cells, weight, n_users * n_cells)
                for cells in of[:, part]
            ]).reshape(-1, n_cells)
            for part, owners, weight in parts
        )  # fmt: skip
        return profile.level_bits(train, test)[1].reshape(len(dealt), -1).mean(axis=1)

    rng = np.random.default_rng(random_state)
    observed = float(mean_bits([styles])[0]) - 1e-12  # equal deals may differ in rounding
    deals, reached = StyleDeals(categories, blocks), 0
    for block in slices(n_deals, DEALS_AT_ONCE):
        dealt = [deals.deal(styles, rng) for _ in range(block.start, block.stop)]
        reached += int((mean_bits(dealt) >= observed).sum())
    return (1 + reached) / (1 + n_deals)


# --- numbers


@step
def fusion_table(
    every_fusion_scores: list[FusionScores],
    every_reciprocal_ranks: list[pd.DataFrame],
    seed: int,
) -> pd.DataFrame:
    """MRR by model and baseline: columns profile, value, low, high, lead, p, p_holm, estimate.

    `lead` is what fusion has more, paired by user, with a p-value, and one that is adjusted for
    the number of the others. All are ranked on the same pins, with the most training pins.
    """
    names, ranks = _ranks(every_fusion_scores, every_reciprocal_ranks)
    found = mean_over_seeds(ranks, "users", random_state=seed)
    leads = mean_over_seeds(ranks[..., :1] - ranks[..., 1:], "users", random_state=seed)
    usual = ranks.mean(axis=0)
    fusion = np.repeat(usual[:, :1], len(names) - 1, axis=1)
    chances = randomisation_test(fusion, usual[:, 1:], random_state=seed)
    return pd.DataFrame({
        "profile": names,
        "value": [of.value for of in found],
        "low": [of.low for of in found],
        "high": [of.high for of in found],
        "lead": [None, *leads],
        "p": [np.nan, *chances],
        "p_holm": [np.nan, *holm(chances)],
        "estimate": found,
    })  # fmt: skip


def _ranks(
    every_fusion_scores: list[FusionScores], every_reciprocal_ranks: list[pd.DataFrame]
) -> tuple[list[str], np.ndarray]:
    """Names of models and baselines, fusion first, and reciprocal ranks (S, n, m)."""
    names = list(every_fusion_scores[0].ranks)
    models = [np.column_stack([of.ranks[name] for name in names]) for of in every_fusion_scores]
    keys, ranks = by_user(with_most_pins(every_reciprocal_ranks), "reciprocal_rank")
    there = {name: place for place, (name, _) in enumerate(keys)}
    others = [name for name in BASELINES if name in there]
    baselines = ranks[..., [there[name] for name in others]]
    return names + others, np.concatenate([np.stack(models), baselines], axis=2)


@step
def fusion_numbers(
    every_fusion_scores: list[FusionScores], fusion_table: pd.DataFrame, seed: int
) -> dict[str, Estimate]:
    """Bits a pin and MRR by model: keys such as ``fusion.bits.intra`` and ``fusion.mrr.fusion``.

    ``fusion.bits.untempered.intra`` is that of pins that count whole, and
    ``fusion.mrr.fusion-image`` what fusion has more than a baseline, with ``.p`` and ``.p.holm``.
    ``fusion.bits.intra.p`` is the p-value of the deal of styles: twice the median over seeds, which
    is one however they depend on each other (Rueger 1978).
    """
    n, unit = len(every_fusion_scores[0].users), "users"
    numbers = {"fusion.mrr.random": Estimate(random_mrr(n), n=n, unit=unit)}
    for prefix, part in (("", "bits"), ("untempered.", "untempered")):
        values = [
            np.column_stack([getattr(of, part)[name] for name in BITS])
            for of in every_fusion_scores
        ]
        for name, found in zip(BITS, mean_over_seeds(values, unit, random_state=seed), strict=True):
            numbers[f"fusion.bits.{prefix}{name}"] = found
    gains = [(of.bits["fusion"] - of.bits["flat"])[:, None] for of in every_fusion_scores]
    (numbers["fusion.bits.fusion-flat"],) = mean_over_seeds(gains, unit, random_state=seed)
    p_values = [of.p_value for of in every_fusion_scores]
    p_value = p_values[0] if len(p_values) == 1 else min(1.0, 2 * float(np.median(p_values)))
    numbers["fusion.bits.intra.p"] = Estimate(p_value, n=n, unit=unit)
    numbers["fusion.icc"] = Estimate(float(np.mean([of.icc for of in every_fusion_scores])))
    for row in fusion_table.itertuples():
        numbers[f"fusion.mrr.{slug(row.profile)}"] = row.estimate
        if row.profile != "fusion":
            key = f"fusion.mrr.fusion-{slug(row.profile)}"
            numbers[key] = row.lead
            numbers[f"{key}.p"] = Estimate(float(row.p), n=n, unit=unit)
            numbers[f"{key}.p.holm"] = Estimate(float(row.p_holm), n=n, unit=unit)
    return numbers
