"""What every public function of profiles, ranks, clusters and tables asks of its arguments.

A table of functions and valid arguments; what is wrong is put into them one by one.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from visprof import (
    accounts,
    alike,
    boards,
    bow,
    datasheet,
    dirichlet,
    duplicates,
    hierarchy,
    hybrid,
    intervals,
    palette,
    pins_saved,
    prediction,
    profiles,
    rank_scores,
    scene_groups,
    scenes,
    siamese,
    siamese_training,
    transfer,
    vocabulary,
)
from visprof.sources import pin_bank, platforms, vectors, world

N = 24  # rows of all arguments
RNG = np.random.default_rng(0)
SHARES = RNG.dirichlet(np.ones(5), size=N)
USERS = np.repeat(["u0", "u1", "u2"], 8)
RANKS = RNG.integers(1, 20, size=N).astype(float)
CLUSTERS = np.arange(N) // 2 % 7
PINS = pd.DataFrame(
    {
        "board": USERS,
        "image": [f"{i}.jpg" for i in range(N)],
        "time": pd.date_range("2015-01-01", periods=N, tz="UTC"),
        "caption": "a tall tree",
        "licence": "CC0",
        "time_source": ["exif", "file"] * (N // 2),
    }
)
FUNNEL = boards.filter_boards(PINS, 1)[1]
UNREADABLE = PINS[:2].assign(reason="cannot be decoded")
SCENES = pd.DataFrame({"image": PINS["image"], "label": USERS})
WORLD = world.simulate_world(3, 8)
SIGNATURES = duplicates.picture_signatures([])
PAIRS, SIMILAR = scenes.sample_pairs(USERS, 4, 4)
COUNTS = RNG.integers(0, 5, size=(N, 4)) + np.eye(4, dtype=int)[np.arange(N) % 4]
ON_SECOND = np.arange(N) % 8 >= 2
BETWEEN = accounts.two_platforms(SHARES, USERS, ON_SECOND, np.arange(N), (0, 1, 3), 2)


@dataclass(frozen=True)
class Case:
    """A function, arguments that are valid, and what they are."""

    call: Callable[..., Any]
    arguments: dict[str, Any]
    groups: tuple[str, ...] = ()  # labels, users, sessions: one a row
    floats: tuple[str, ...] = ()  # arrays of finite numbers
    counts: tuple[str, ...] = ()  # of things
    numbers: tuple[str, ...] = ()  # finite and in a range
    tables: dict[str, str] = field(default_factory=dict)  # and the column of their groups
    columns: tuple[str, ...] = ()  # others of these, of which no value may be missing

    def __call__(self, **changes: object) -> object:
        return self.call(**(self.arguments | changes))


def vocabulary_words(X, **parameters):
    return vocabulary.VisualVocabulary(random_state=0, **parameters).fit_transform(X)


def of_a_picture(function):
    """As a function of all but the pictures, of which there is one."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)

    def of_all_else(**parameters):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.png"
            Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC).save(path)
            return function([path], **parameters)

    return of_all_else


def words_in_picture(images, **parameters):
    return bow.BagOfVisualWords(**parameters).fit_transform(images)


def model():
    return siamese.SiameseEmbedding(None, 5, 3)


def trained(features, **options):
    """Log and outputs of a short training."""
    embedded = model()
    inputs = siamese_training.array_inputs(features)
    log = siamese_training.train_siamese(embedded, inputs, progress=False, **options)
    return log, siamese.siamese_outputs(embedded, features)


def last_layer_trained(features, **options):
    """The same of a layer that sees fewer pictures than it has features."""
    embedded = siamese.SiameseEmbedding(None, 30, 3)
    log = siamese_training.train_last_layer(embedded, features, progress=False, **options)
    return log, siamese.siamese_outputs(embedded, features)


def statistics(features):
    output_norm = siamese.calibrate(model(), features).output_norm
    return output_norm.running_mean.numpy(), output_norm.running_var.numpy()


def written(function, **arguments):
    """What a function writes, by name."""
    with tempfile.TemporaryDirectory() as folder:
        function(folder=folder, size=16, **{"n_jobs": 1} | arguments)
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def of_pins(function):
    """As a function of the table of a world's pins."""
    return lambda pins, **arguments: function(
        world=dataclasses.replace(WORLD, pins=pins), **arguments
    )


def described(pins, funnel, unreadable, clusters):
    found = datasheet.describe(pins, funnel, unreadable, clusters)
    return *(getattr(found, part.name) for part in dataclasses.fields(found)), (
        datasheet.known_problems(found)
    )


def profile_of_levels(X, **parameters):
    found = hierarchy.HierarchicalProfile(**parameters).fit(X)
    return found.strength_, found.style_strengths_, found.transform(X)


def bits_of_levels(train, test):
    found = hierarchy.HierarchicalProfile(2).fit(COUNTS)
    return *dataclasses.astuple(found.bits(train, test)), found.evidence(train, test).flat


def own_and_transferred(own, transferred, **sampling):
    return pins_saved.pins_saved_estimate({0: own / 2, 3: own}, transferred, **sampling).low


def parts(function):
    """As a function whose result is a tuple."""
    return lambda *args, **given: dataclasses.astuple(function(*args, **given))


SAMPLING = {"n_resamples": 20}
TRAINING = {
    "pairs": PAIRS, "similar": SIMILAR, "margin": 1.0, "lr_last": 0.1, "momentum": 0.9,
    "batch_size": 6, "n_iterations": 3, "log_every": 2, "similar_share": 0.5, "lr_rest": 0.0,
}  # fmt: skip
OF_TRAINING = {
    "groups": ("similar",), "floats": ("features",),
    "counts": ("batch_size", "n_iterations", "log_every"),
    "numbers": ("margin", "lr_last", "lr_rest", "momentum", "similar_share"),
}  # fmt: skip
CASES = {
    "rank_users": Case(
        lambda **given: dataclasses.astuple(prediction.rank_users(**given)),
        {"train": SHARES, "test": SHARES[::-1], "others": SHARES[:5]},
        floats=("train", "test", "others"),
    ),
    "reciprocal_ranks": Case(
        prediction.reciprocal_ranks, {"train": SHARES, "test": SHARES[::-1], "distance": "cosine"},
        floats=("train", "test"),
    ),
    "whitened_profiles": Case(
        prediction.whitened_profiles,
        {"pins": SHARES, "users": USERS, "background": SHARES[::-1], "n_components": 2},
        groups=("users",), floats=("pins", "background"), counts=("n_components",),
    ),
    "preference_auc": Case(
        prediction.preference_auc,
        {"profiles": SHARES[:7], "pictures": SHARES, "users": CLUSTERS, "strata": USERS},
        groups=("users", "strata"), floats=("profiles", "pictures"),
    ),
    "sessions": Case(
        lambda users, rule: boards.sessions(users, PINS["time"], rule),
        {"users": USERS, "rule": "day"}, groups=("users",),
    ),
    "distance_points": Case(
        profiles.distance_points,
        {"profiles": SHARES, "distance": "hellinger", "name": "profiles"}, floats=("profiles",),
    ),
    "join_profiles": Case(
        lambda train, test: profiles.join_profiles([(train, test), (test, train)]),
        {"train": SHARES, "test": SHARES[::-1]}, floats=("train", "test"),
    ),
    "regress_out": Case(
        profiles.regress_out,
        {"pins": SHARES, "facts": SHARES[::-1, :2], "background": SHARES[::-1],
         "background_facts": SHARES[:, :2]},
        floats=("pins", "facts", "background", "background_facts"),
    ),
    "whiten": Case(
        profiles.whiten, {"pins": SHARES, "background": SHARES[::-1], "n_components": 2},
        floats=("pins", "background"), counts=("n_components",),
    ),
    "rank_scores": Case(
        rank_scores.rank_scores, {"ranks": RANKS, **SAMPLING}, floats=("ranks",),
        counts=("n_resamples",),
    ),
    "mean_reciprocal_rank": Case(
        rank_scores.mean_reciprocal_rank, {"rr": 1 / RANKS, **SAMPLING}, floats=("rr",),
        counts=("n_resamples",),
    ),
    "mrr_difference": Case(
        rank_scores.mrr_difference, {"rr_a": 1 / RANKS, "rr_b": 1 / RANKS[::-1], **SAMPLING},
        floats=("rr_a", "rr_b"), counts=("n_resamples",),
    ),
    "holm": Case(rank_scores.holm, {"p_values": 1 / RANKS}, floats=("p_values",)),
    "nested_choice": Case(
        rank_scores.nested_choice, {"rr": np.column_stack([1 / RANKS, 1 / RANKS[::-1]])},
        floats=("rr",),
    ),
    "nearest_first": Case(
        vocabulary.nearest_first, {"pictures": SHARES, "centre": SHARES[2]},
        floats=("pictures", "centre"),
    ),
    "randomisation_test": Case(
        rank_scores.randomisation_test,
        {"rr_a": 1 / RANKS, "rr_b": 1 / RANKS[::-1], "n_permutations": 20},
        floats=("rr_a", "rr_b"), counts=("n_permutations",),
    ),
    "random_mrr": Case(rank_scores.random_mrr, {"n": 3}, counts=("n",)),
    "reciprocal_rank_bounds": Case(
        rank_scores.reciprocal_rank_bounds, {"ranks": RANKS, "most": N, "n": N},
        counts=("most", "n"),
    ),
    "subset_reciprocal_ranks": Case(
        rank_scores.subset_reciprocal_ranks, {"ranks": RANKS, "size": 5}, floats=("ranks",),
        counts=("size",),
    ),
    "split_pins": Case(
        boards.split_pins, {"pins": PINS, "n_train": 3, "n_test": 2, "keep_batches": True},
        counts=("n_train", "n_test"), tables={"pins": "board"}, columns=("time",),
    ),
    "resample_counts": Case(
        intervals.resample_counts, {"n": 4, "n_resamples": 3, "random_state": 0},
        counts=("n_resamples",),
    ),
    "VisualVocabulary": Case(
        vocabulary_words, {"X": SHARES, "n_clusters": 3, "max_iter": 5, "bandwidth": 0.1},
        floats=("X",), counts=("n_clusters", "max_iter"), numbers=("bandwidth",),
    ),
    "count_distinct": Case(
        vocabulary.count_distinct, {"X": SHARES, "most": 30}, floats=("X",), counts=("most",)
    ),
    "assignment_entropy": Case(
        vocabulary.assignment_entropy, {"assignments": SHARES}, floats=("assignments",)
    ),
    "match_clusters": Case(
        vocabulary.match_clusters, {"labels": CLUSTERS, "others": USERS},
        groups=("labels", "others"),
    ),
    "resampled_profiles": Case(
        alike.resampled_profiles, {"assignments": SHARES, "n_resamples": 9},
        floats=("assignments",), counts=("n_resamples",),
    ),
    "most_alike": Case(
        alike.most_alike,
        {"assignments": SHARES, "users": USERS, "user": "u1", "n_resamples": 9},
        groups=("users",), floats=("assignments",), counts=("n_resamples",),
    ),
    "picture_signatures": Case(
        lambda **given: len(duplicates.picture_signatures(**given)),
        {"images": [], "n_workers": 2}, counts=("n_workers",),
    ),
    "duplicate_links": Case(
        duplicates.duplicate_links,
        {"signatures": SIGNATURES, "max_distance": 4, "min_correlation": 0.9},
        counts=("max_distance",), numbers=("min_correlation",),
    ),
    "duplicate_clusters": Case(
        duplicates.duplicate_clusters,
        {"signatures": SIGNATURES, "max_distance": 4, "min_correlation": 0.9},
        counts=("max_distance",), numbers=("min_correlation",),
    ),
    "duplicate_summary": Case(
        duplicates.duplicate_summary, {"pins": PINS, "clusters": CLUSTERS},
        groups=("clusters",), tables={"pins": "board"},
    ),
    "drop_duplicates": Case(
        lambda **given: duplicates.drop_duplicates(**given, across=True).reset_index(drop=True),
        {"pins": PINS, "clusters": CLUSTERS},
        groups=("clusters",), tables={"pins": "board"}, columns=("time",),
    ),
    "picture_palettes": Case(
        palette.picture_palettes, {"images": [], "n_workers": 2}, counts=("n_workers",)
    ),
    "BagOfVisualWords": Case(
        of_a_picture(words_in_picture),
        {"n_words": 4, "max_descriptors": 90, "max_side": 150, "n_workers": 1},
        counts=("n_words", "max_descriptors", "max_side", "n_workers"),
    ),
    "sift_descriptors": Case(
        of_a_picture(lambda images, **given: bow.sift_descriptors(images, **given)[0]),
        {"max_side": 150, "n_workers": 1}, counts=("max_side", "n_workers"),
    ),
    "SiameseEmbedding": Case(
        lambda **given: siamese.SiameseEmbedding(None, **given).last.weight.detach().numpy(),
        {"in_features": 3, "n_outputs": 2}, counts=("in_features", "n_outputs"),
    ),
    "array_inputs": Case(
        lambda features: siamese_training.array_inputs(features)(np.arange(N)).numpy(),
        {"features": SHARES}, floats=("features",),
    ),
    "image_inputs": Case(
        lambda n_workers: callable(siamese_training.image_inputs([], None, n_workers)),
        {"n_workers": 2}, counts=("n_workers",),
    ),
    "calibrate": Case(statistics, {"features": SHARES}, floats=("features",)),
    "contrastive_loss": Case(
        lambda **given: siamese.contrastive_loss(**given).numpy(),
        {"x": SHARES, "y": SHARES[::-1].copy(), "similar": np.arange(N) % 2, "margin": 1.0},
        groups=("similar",), floats=("x", "y"), numbers=("margin",),
    ),
    "siamese_outputs": Case(
        lambda **given: siamese.siamese_outputs(model(), **given),
        {"features": SHARES, "batch_size": 5}, floats=("features",), counts=("batch_size",),
    ),
    "train_siamese": Case(trained, {"features": SHARES, **TRAINING}, **OF_TRAINING),
    "train_last_layer": Case(
        last_layer_trained, {"features": RNG.normal(size=(N, 30)), **TRAINING}, **OF_TRAINING
    ),
    "first_scenes": Case(
        scenes.first_scenes, {"scenes": SCENES, "n_per_class": 2}, counts=("n_per_class",),
        tables={"scenes": "label"}, columns=("image",),
    ),
    "split_scenes": Case(
        scenes.split_scenes, {"scenes": SCENES, "test_share": 0.4}, numbers=("test_share",),
        tables={"scenes": "label"}, columns=("image",),
    ),
    "sample_pairs": Case(
        scenes.sample_pairs, {"labels": USERS, "n_similar": 3, "n_dissimilar": 3},
        groups=("labels",), counts=("n_similar", "n_dissimilar"),
    ),
    "describe": Case(
        described,
        {"pins": PINS, "funnel": FUNNEL, "unreadable": UNREADABLE, "clusters": CLUSTERS},
        groups=("clusters",), tables={"pins": "board"}, columns=("time", "caption"),
    ),
    "time_resolution": Case(
        datasheet.time_resolution, {"pins": PINS}, tables={"pins": "board"}, columns=("time",)
    ),
    "caption_quality": Case(
        datasheet.caption_quality, {"pins": PINS}, tables={"pins": "board"}, columns=("caption",)
    ),
    "licence_table": Case(datasheet.licence_table, {"pins": PINS}, tables={"pins": "board"}),
    "filter_boards": Case(
        boards.filter_boards, {"pins": PINS, "min_pins": 3, "active_since": "2015-01-10"},
        counts=("min_pins",), tables={"pins": "board"}, columns=("image", "time"),
    ),
    "background_split": Case(
        boards.background_split, {"pins": PINS, "kept": PINS, "n_background": 1},
        counts=("n_background",), tables={"pins": "board", "kept": "board"},
    ),
    "sample_pins": Case(
        boards.sample_pins, {"pins": PINS, "n": 3}, counts=("n",), tables={"pins": "board"}
    ),
    "hybrid_embedding": Case(
        hybrid.hybrid_embedding, {"outputs": SHARES, "siamese": SHARES**2, "scale_blocks": True},
        floats=("outputs", "siamese"),
    ),
    "simulate_embeddings": Case(
        lambda **given: dataclasses.astuple(vectors.simulate_embeddings(**given)),
        {
            "n_users": 2, "n_pins": 3, "n_dims": 4, "n_classes": 3, "n_styles": 2,
            "class_taste": 1.0, "style_taste": 1.0, "class_spread": 1.0, "style_spread": 1.0,
            "decay": 1.0, "session_length": 2.0, "repeat_share": 0.1, "n_categories": 2,
            "carry_over": 0.5, "styled_classes": 2, "random_state": 1,
        },
        counts=(
            "n_users", "n_pins", "n_dims", "n_classes", "n_styles", "n_categories",
            "styled_classes", "random_state",
        ),
        numbers=(
            "class_taste", "style_taste", "class_spread", "style_spread", "decay",
            "session_length", "repeat_share", "carry_over",
        ),
    ),
    "scene_groups": Case(scene_groups.scene_groups, {"classes": USERS}, groups=("classes",)),
    "two_platforms": Case(
        lambda **given: dataclasses.astuple(accounts.two_platforms(**given, sizes=(0, 1, 3))),
        {
            "pins": SHARES, "users": USERS, "second": ON_SECOND, "order": np.arange(N),
            "sessions": CLUSTERS, "n_held": 2,
        },
        groups=("users", "order", "sessions"), floats=("pins",), counts=("n_held",),
    ),
    "posterior_mean": Case(
        transfer.posterior_mean,
        {"own": SHARES, "prior": SHARES[::-1], "n_effective": RANKS, "kappa": 1 / RANKS},
        floats=("own", "prior", "n_effective"),
    ),
    "fit_alignment": Case(
        parts(transfer.fit_alignment),
        {"source": SHARES, "target": SHARES[::-1], "kind": "ridge", "penalty": 0.1},
        floats=("source", "target"), numbers=("penalty",),
    ),
    "cross_fit": Case(
        parts(transfer.cross_fit),
        {"between": BETWEEN, "kind": "none", "n_folds": 3, "random_state": 1},
        counts=("n_folds", "random_state"),
    ),
    "cold_start_scores": Case(
        transfer.cold_start_scores,
        {"between": BETWEEN, "fitted": transfer.cross_fit(BETWEEN, "none", 3)},
    ),
    "shuffled_sources": Case(
        transfer.shuffled_sources, {"n_users": 4, "n_shuffles": 3, "random_state": 1},
        counts=("n_users", "n_shuffles", "random_state"),
    ),
    "transfer_pvalue": Case(
        transfer.transfer_pvalue,
        {"between": BETWEEN, "kind": "none", "n_permutations": 9, "n_folds": 3, "random_state": 1},
        counts=("n_permutations", "n_folds", "random_state"),
    ),
    "pins_saved": Case(
        lambda curve, level, sizes: pins_saved.pins_saved(curve, level, np.asarray(sizes)),
        {"curve": SHARES, "level": SHARES[:, 2], "sizes": np.arange(5)},
        floats=("curve", "level"),
    ),
    "pins_saved_estimate": Case(
        own_and_transferred,
        {"own": SHARES, "transferred": SHARES[::-1], "n_resamples": 9, "random_state": 1},
        floats=("own", "transferred"), counts=("n_resamples", "random_state"),
    ),
    "log_probability": Case(
        dirichlet.log_probability, {"counts": COUNTS, "alpha": SHARES[:, :4]},
        floats=("counts", "alpha"),
    ),
    "fit_strength": Case(
        lambda counts, shares: dirichlet.fit_strength([counts], [shares]),
        {"counts": COUNTS, "shares": np.array([0.1, 0.2, 0.3, 0.4])}, floats=("counts", "shares"),
    ),
    "fit_dirichlet_multinomial": Case(
        parts(dirichlet.fit_dirichlet_multinomial), {"counts": COUNTS, "smoothing": 0.5},
        floats=("counts",), numbers=("smoothing",),
    ),
    "count_chances": Case(
        dirichlet.count_chances, {"n_pins": 3, "alpha": 1.0, "strength": 2.5},
        counts=("n_pins",), numbers=("alpha", "strength"),
    ),
    "expected_log_probability": Case(
        dirichlet.expected_log_probability, {"alpha": RANKS, "n_pins": 3},
        floats=("alpha",), counts=("n_pins",),
    ),
    "check_counts": Case(
        dirichlet.check_counts, {"counts": COUNTS, "name": "counts"}, floats=("counts",)
    ),
    "check_parameters": Case(
        dirichlet.check_parameters, {"alpha": SHARES, "name": "alpha"}, floats=("alpha",)
    ),
    "HierarchicalProfile": Case(
        profile_of_levels, {"X": COUNTS, "n_categories": 2, "smoothing": 0.5, "min_users": 3},
        floats=("X",), counts=("n_categories", "min_users"), numbers=("smoothing",),
    ),
    "bits": Case(
        bits_of_levels, {"train": COUNTS, "test": COUNTS[::-1]}, floats=("train", "test")
    ),
    "rank_by_score": Case(
        parts(hierarchy.rank_by_score), {"scores": RNG.normal(size=(N, N))}, floats=("scores",)
    ),
    "expected_bits": Case(
        hierarchy.expected_bits, {"alpha": RANKS, "style_alpha": SHARES, "n_train": 2},
        floats=("alpha", "style_alpha"), counts=("n_train",),
    ),
    "session_weights": Case(
        hierarchy.session_weights, {"users": USERS, "sessions": CLUSTERS, "icc": 0.5},
        groups=("users", "sessions"), numbers=("icc",),
    ),
    "deal_styles": Case(
        hierarchy.deal_styles,
        {"categories": USERS, "styles": CLUSTERS, "blocks": np.arange(N) // 2, "random_state": 1},
        groups=("categories", "styles", "blocks"), counts=("random_state",),
    ),
    "simulate_platforms": Case(
        lambda **given: dataclasses.astuple(platforms.simulate_platforms(**given)),
        {
            "n_users": 2, "n_pins": (2, 3), "n_dims": 4, "n_classes": 3, "n_styles": 2,
            "class_taste": 1.0, "style_taste": 1.0, "class_spread": 1.0, "style_spread": 1.0,
            "decay": 1.0, "common": 0.5, "popularity": 1.0, "offset": 1.0, "user_offset": 1.0,
            "session_lengths": (2.0, 1.0), "random_state": 1,
        },
        counts=("n_users", "n_dims", "n_classes", "n_styles", "random_state"),
        numbers=(
            "class_taste", "style_taste", "class_spread", "style_spread", "decay", "common",
            "popularity", "offset", "user_offset",
        ),
    ),
    "simulate_counts": Case(
        vectors.simulate_counts,
        {
            "n_users": 2, "n_pins": 3, "n_clusters": 4, "taste": 1.0, "concentration": 1.0,
            "own_share": 0.5, "random_state": 1,
        },
        counts=("n_users", "n_pins", "n_clusters", "random_state"),
        numbers=("taste", "concentration", "own_share"),
    ),
    "draw_users": Case(
        lambda **given: pin_bank.draw_users(pin_bank.pin_bank(50, 0), **given),
        {"n_users": 2, "n_pins": 3, "taste": 1.0, "session_length": 2.0, "random_state": 1},
        counts=("n_users", "n_pins", "random_state"), numbers=("taste", "session_length"),
    ),
    "simulate_world": Case(
        lambda **given: world.simulate_world(**given).pins,
        {
            "n_users": 2, "n_pins": 3, "class_taste": 1.0, "style_taste": 1.0, "drift": 0.1,
            "session_length": 2.0, "repeat_share": 0.1, "shared_share": 0.1, "caption_words": 0.5,
            "random_state": 1,
        },
        counts=("n_users", "n_pins", "random_state"),
        numbers=(
            "class_taste", "style_taste", "drift", "session_length", "repeat_share",
            "shared_share", "caption_words",
        ),
    ),
    "taste_recovery": Case(
        of_pins(lambda n_pins, **given: world.taste_recovery(**given, n_pins=[n_pins])),
        {"pins": WORLD.pins, "n_pins": 4}, counts=("n_pins",), tables={"pins": "board"},
        columns=("scene",),
    ),
    "write_world": Case(
        of_pins(lambda **given: written(world.write_world, **given)),
        {"pins": WORLD.pins, "n_jobs": 1}, counts=("n_jobs",), tables={"pins": "board"},
        columns=("image", "time", "caption", "scene", "style", "seed"),
    ),
    "write_scenes": Case(
        lambda **given: written(world.write_scenes, **given),
        {"n_per_class": 1, "random_state": 1, "n_jobs": 1},
        counts=("n_per_class", "random_state", "n_jobs"),
    ),
}  # fmt: skip

STRICT_MODULES = (accounts, dirichlet, hierarchy, pins_saved, transfer)
STRICT = [name for name in CASES if any(name in of.__all__ for of in STRICT_MODULES)] + ["bits"]
COVERED = {
    **dict.fromkeys([prediction, rank_scores, vocabulary, alike, duplicates, palette, bow], ()),
    **dict.fromkeys([siamese, siamese_training, world], ()),
    **dict.fromkeys([*STRICT_MODULES, platforms, scene_groups], ()),
    vectors: (), scenes: ("read_scenes", "read_split"),
    datasheet: (
        "board_quantiles", "known_problems",  # of its own tables: below
        "content_digest",  # of files, with those of `visprof.verify`
    ),
}  # fmt: skip


def test_every_public_function_is_in_the_table():
    for module, others in COVERED.items():
        public = {
            name for name in module.__all__
            if isinstance(getattr(module, name), FunctionType)
            and getattr(module, name).__module__ == module.__name__
        }  # fmt: skip
        assert public - set(others) <= set(CASES), module.__name__


def each(kind: str, of: Iterable[str] = CASES) -> pytest.MarkDecorator:
    """Every case with each of its arguments of a kind."""
    pairs = [(name, argument) for name in of for argument in getattr(CASES[name], kind)]
    return pytest.mark.parametrize(("name", "argument"), pairs)


@pytest.mark.parametrize("name", CASES)
def test_valid_arguments_are_welcome_and_give_the_same_twice(name):
    assert_same(CASES[name](), CASES[name]())


@each("groups")
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_group_is_named_by_row(name, argument, missing):
    groups = np.array(CASES[name].arguments[argument], dtype=object)
    groups[3] = missing
    with pytest.raises(ValueError, match=rf"{argument}: 1 of {len(groups)} .*row\(s\) 3;"):
        CASES[name](**{argument: groups})


@each("groups")
def test_groups_of_several_kinds_and_of_another_number_are_named(name, argument):
    groups = np.array(CASES[name].arguments[argument], dtype=object)
    mixed = groups.copy()
    mixed[3] = 7.5 if isinstance(groups[0], str) else "seven"
    with pytest.raises(TypeError, match=f"{argument}: values of several kinds"):
        CASES[name](**{argument: mixed})
    if argument not in ("labels", "classes"):  # of any number
        names = "|".join(CASES[name].groups)  # the first may say how many there are
        with pytest.raises(ValueError, match=f"({names}): expected|{argument}"):
            CASES[name](**{argument: groups[:-1]})


@each("groups")
def test_groups_may_be_a_column_of_any_index_or_categories(name, argument):
    groups = CASES[name].arguments[argument]
    expected = CASES[name]()
    names = np.unique(groups).tolist()
    for given in (
        pd.Series(groups, index=np.arange(len(groups))[::-1]),
        pd.Categorical(groups, categories=[*names, 2 * names[-1]]),  # one is not there
    ):
        assert_same(CASES[name](**{argument: given}), expected)


@each("floats")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_value_that_is_not_finite_is_refused(name, argument, value, dtype):
    array = np.array(CASES[name].arguments[argument], dtype=dtype)
    array[(3, 1)[: array.ndim]] = value
    with pytest.raises(ValueError, match=rf"{argument}|^Input|^Negative|train|test"):
        CASES[name](**{argument: array})


@each("floats")
def test_an_array_may_be_a_table_of_any_index(name, argument):
    array = CASES[name].arguments[argument]
    index = np.arange(len(array))[::-1]
    table = (pd.Series if array.ndim == 1 else pd.DataFrame)(array, index=index)
    if name in ("contrastive_loss", "array_inputs"):
        table = np.array(table)  # torch takes arrays
    assert_same(CASES[name](**{argument: table}), CASES[name]())


OF_COUNTS = ("counts", "X", "train", "test")  # of pins, whole ones


@each("floats")
def test_numbers_may_be_of_any_type(name, argument):
    case = CASES[name]
    array = case.arguments[argument]
    if name in ("contrastive_loss", "array_inputs"):
        return  # torch takes arrays
    types = [object] if array.dtype.kind == "f" else [object, np.uint8, np.float16, np.float64]
    for of in types:
        assert_same(case(**{argument: array.astype(of)}), case())


@each("floats", of=STRICT)
def test_masked_values_words_and_complex_numbers_are_no_numbers(name, argument):
    array = CASES[name].arguments[argument]
    masked = np.ma.masked_array(array)
    masked[(3, 1)[: array.ndim]] = np.ma.masked
    for wrong in (masked, np.full(array.shape, "a word"), array + 1j):
        with pytest.raises((TypeError, ValueError)):
            CASES[name](**{argument: wrong})


@each("counts")
@pytest.mark.parametrize("value", [2.5, 3.0, "3", True, -1, np.nan])
def test_a_number_of_things_is_whole_and_not_negative(name, argument, value):
    with pytest.raises((TypeError, ValueError), match=f"{argument}: expected a whole number"):
        CASES[name](**{argument: value})


@each("numbers")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.5])
def test_a_number_is_finite_and_in_range(name, argument, value):
    with pytest.raises(ValueError, match=argument):
        CASES[name](**{argument: value})


ODD_INDICES = {
    "shuffled": lambda n: np.random.default_rng(1).permutation(n),
    "all equal": lambda n: np.zeros(n, int),
    "texts": lambda n: [f"row {i}" for i in range(n)][::-1],
    "named as columns": lambda n: pd.MultiIndex.from_arrays(
        [[i % 3 for i in range(n)], ["x"] * n], names=["board", "label"]
    ),
    "one name": lambda n: pd.Index(np.arange(n) + 5, name="board"),
}


@each("tables")
@pytest.mark.parametrize("index", ODD_INDICES)
def test_the_index_of_a_table_does_not_matter(name, argument, index):
    table = CASES[name].arguments[argument]
    odd = table.set_axis(ODD_INDICES[index](len(table)), axis=0)
    assert_same(CASES[name](**{argument: odd}), CASES[name]())


@each("tables")
def test_groups_of_a_table_may_be_categories_that_are_not_all_there(name, argument):
    table, group = CASES[name].arguments[argument], CASES[name].tables[argument]
    categories = pd.Categorical(table[group], categories=[*sorted(set(table[group])), "unused"])
    assert_same(CASES[name](**{argument: table.assign(**{group: categories})}), CASES[name]())


@each("tables")
def test_missing_values_of_a_table_are_named_by_row(name, argument):
    case = CASES[name]
    for column in (case.tables[argument], *case.columns):
        table = case.arguments[argument].set_axis(ODD_INDICES["all equal"](N), axis=0)
        values = table[column].astype(object).to_numpy().copy()
        values[5] = None
        wrong = table.assign(**{column: values})
        with pytest.raises(ValueError, match=rf"{column}: 1 of {N} .* row\(s\) 5;"):
            case(**{argument: wrong})
        with pytest.raises(ValueError, match=rf"no column\(s\) {column};"):
            case(**{argument: table.drop(columns=column)})


@each("tables")
def test_groups_of_several_kinds_and_empty_tables_are_named(name, argument):
    case = CASES[name]
    table, group = case.arguments[argument], case.tables[argument]
    mixed = table[group].astype(object).to_numpy().copy()
    mixed[4] = 4
    with pytest.raises(TypeError, match=f"{group}: values of several kinds"):
        case(**{argument: table.assign(**{group: mixed})})
    with pytest.raises(ValueError, match=r"the table is empty|at least one pin|of shape \(0,\)"):
        case(**{argument: table[:0]})


@pytest.mark.parametrize("index", ODD_INDICES)
def test_the_datasheets_own_tables_may_have_any_index(index):
    def odd(table):
        return table.set_axis(ODD_INDICES[index](len(table)), axis=0)

    of_boards = datasheet.time_resolution(PINS)
    assert_same(datasheet.board_quantiles(odd(of_boards)), datasheet.board_quantiles(of_boards))
    sheet = datasheet.describe(PINS, FUNNEL, UNREADABLE)
    parts = {
        part: odd(getattr(sheet, part))
        for part in ("counts", "funnel", "boards", "captions", "left_out")
    }
    shuffled = dataclasses.replace(sheet, **parts)
    assert datasheet.known_problems(shuffled) == datasheet.known_problems(sheet)


@pytest.mark.parametrize("pair", [[0.5, 1], [0, -1], [0, 1, 2]])
@pytest.mark.parametrize("name", ["train_siamese", "train_last_layer"])
def test_pairs_of_a_training_are_positions(name, pair):
    with pytest.raises((TypeError, ValueError), match="pairs"):
        CASES[name](pairs=np.array([pair] * 3), similar=[0, 1, 1])


def test_numbers_too_large_together_are_refused_not_made_infinite():
    huge = np.full((4, 2), 1e30)
    with pytest.raises(ValueError, match="loss: 1 of 1 values are not finite"):
        siamese.contrastive_loss(*torch.tensor(np.array([huge, -huge]), dtype=torch.float32),
                                 [1, 1, 0, 0], 1.0)  # fmt: skip
    with pytest.raises(ValueError, match="statistics of the outputs"):
        siamese.calibrate(model(), np.where(np.eye(5), 1.7e308, -1.7e308))
    with pytest.raises(ValueError, match="strength of taste"):
        world.simulate_world(2, 3, class_taste=1e308)
    with pytest.raises(ValueError, match="class_spread and style_spread"):
        vectors.simulate_embeddings(2, 2, 2, class_spread=1e39)
    with pytest.raises(ValueError, match="concentration=1e\\+308"):
        vectors.simulate_counts(2, 2, 4, concentration=1e308)
    with pytest.raises(ValueError, match="test, in units of the spread of train"):
        profiles.join_profiles([(SHARES * 1e-200, SHARES * 1e200)])


def assert_same(found: Any, expected: Any) -> None:
    """Assert that two results are equal, part by part."""
    assert type(found) is type(expected)
    if isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_categorical=False)
    elif isinstance(found, dict):
        assert list(found) == list(expected)
        assert_same(tuple(found.values()), tuple(expected.values()))
    elif isinstance(found, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(found, expected)
