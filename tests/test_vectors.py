"""Users without pictures: embeddings and counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from visprof.sources.vectors import simulate_counts, simulate_embeddings

# of the world of `test_without_styled_classes_a_world_is_what_it_was`, as it was before there were
LABELS = [2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
STYLES = [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0]
VECTORS = [
    "0x1.39b5e80000000p-3", "-0x1.f8fa880000000p-3", "-0x1.0021f60000000p-2",
    "0x1.3a1ffe0000000p-1", "0x1.b9f22c0000000p-4", "0x1.9c44b40000000p-2",
]  # fmt: skip


def _class_share(world, n_users: int) -> np.ndarray:
    """Count classes by user in a plain loop."""
    share = np.zeros_like(world.class_taste)
    for user, label in zip(world.users, world.labels, strict=True):
        share[user, label] += 1
    return share * n_users / len(world.users)


class TestSimulateEmbeddings:
    def test_shapes_and_types(self):
        world = simulate_embeddings(5, 7, 12, n_classes=4, n_styles=3)
        assert world.vectors.shape == (35, 12)
        assert world.vectors.dtype == np.float32
        assert world.users.tolist() == [u for u in range(5) for _ in range(7)]
        assert world.class_taste.shape == (5, 4)
        assert world.style_taste.shape == (5, 3)
        assert set(world.labels) <= set(range(4))
        assert set(world.styles) <= set(range(3))

    @settings(max_examples=20)
    @given(
        class_taste=st.floats(0, 5),
        style_taste=st.floats(0, 5),
        session_length=st.floats(1, 30),
        repeat_share=st.floats(0, 1),
        decay=st.floats(0, 3),
        n_pins=st.integers(1, 30),
    )
    def test_tastes_are_distributions_and_vectors_finite(self, n_pins, **parameters):
        world = simulate_embeddings(3, n_pins, 6, **parameters)
        for taste in (world.class_taste, world.style_taste):
            assert (taste >= 0).all()
            np.testing.assert_allclose(taste.sum(axis=1), 1)
        assert np.isfinite(world.vectors).all()

    def test_first_users_are_the_same_however_many_follow(self):
        few, many, other = (
            simulate_embeddings(n, 8, 5, repeat_share=0.3, random_state=seed)
            for n, seed in ((2, 4), (6, 4), (2, 5))
        )
        np.testing.assert_array_equal(few.vectors, many.vectors[:16])
        np.testing.assert_array_equal(few.class_taste, many.class_taste[:2])
        assert not np.array_equal(few.vectors, other.vectors)

    def test_null_world_has_one_taste(self):
        world = simulate_embeddings(200, 300, 2, class_taste=0, style_taste=0)
        for taste in (world.class_taste, world.style_taste):
            np.testing.assert_array_equal(taste, np.tile(taste[0], (200, 1)))
        # users' counts scatter as draws from one distribution do
        assert chi2_contingency(_class_share(world, 200) * 300).pvalue > 0.001

    def test_strength_spreads_the_tastes(self):
        spreads = [
            simulate_embeddings(50, 1, 1, class_taste=s).class_taste.std(axis=0).mean()
            for s in (0.0, 0.5, 1.0, 2.0)
        ]
        assert (np.diff(spreads) > 0.005).all()

    def test_pins_follow_the_tastes(self):
        world = simulate_embeddings(3, 20_000, 1)
        np.testing.assert_allclose(_class_share(world, 3), world.class_taste, atol=0.015)

    @pytest.mark.parametrize("decay", [0.0, 1.0])
    def test_vectors_are_centres_plus_noise_of_the_stated_variance(self, decay):
        world = simulate_embeddings(
            20, 2_000, 4, n_classes=2, n_styles=2, class_spread=3, style_spread=2, decay=decay
        )
        kinds = world.labels * 2 + world.styles
        means = np.array([world.vectors[kinds == k].mean(axis=0) for k in range(4)])
        # the style moves both classes alike
        np.testing.assert_allclose(means[1] - means[0], means[3] - means[2], atol=0.06)
        weights = np.arange(1, 5.0) ** -decay
        noise = (world.vectors - means[kinds]).var(axis=0)
        np.testing.assert_allclose(noise, weights / weights.sum(), rtol=0.05)

    def test_categories_are_runs_of_classes_and_change_nothing_if_all_carries_over(self):
        plain = simulate_embeddings(6, 40, 5, n_classes=7, session_length=3, repeat_share=0.2)
        world = simulate_embeddings(
            6, 40, 5, n_classes=7, session_length=3, repeat_share=0.2, n_categories=3
        )
        for name in ("vectors", "labels", "styles", "sessions", "class_taste"):
            np.testing.assert_array_equal(getattr(world, name), getattr(plain, name))
        assert not plain.categories.any()
        np.testing.assert_array_equal(plain.category_taste[:, 0], plain.style_taste)
        of_class = dict(zip(world.labels.tolist(), world.categories.tolist(), strict=True))
        assert {label: label * 3 // 7 for label in of_class} == of_class

    def test_tastes_of_categories_change_styles_and_nothing_else(self):
        worlds = [
            simulate_embeddings(4, 4000, 2, n_classes=4, n_categories=2, carry_over=rho)
            for rho in (1.0, 0.0)
        ]
        for name in ("labels", "class_taste", "users", "sessions", "categories"):
            np.testing.assert_array_equal(getattr(worlds[0], name), getattr(worlds[1], name))
        own = worlds[1]
        for user in range(4):
            for category in range(2):
                rows = (own.users == user) & (own.categories == category)
                shares = np.bincount(own.styles[rows], minlength=8) / rows.sum()
                np.testing.assert_allclose(shares, own.category_taste[user, category], atol=0.06)
        assert np.abs(np.diff(own.category_taste, axis=1)).max(axis=(1, 2)).min() > 0.05
        np.testing.assert_allclose(own.style_taste, own.category_taste.mean(axis=1))

    def test_sessions_are_numbered_and_of_one_kind(self):
        world = simulate_embeddings(3, 200, 2, session_length=4)
        for user in range(3):
            rows = world.users == user
            steps = np.diff(world.sessions[rows])
            assert world.sessions[rows][0] == 0
            assert set(steps) == {0, 1}
            kinds = world.labels[rows] * 10 + world.styles[rows]
            assert not np.diff(kinds)[steps == 0].any()

    def test_more_categories_than_classes_are_refused(self):
        with pytest.raises(ValueError, match="n_categories=4 is more than n_classes=3"):
            simulate_embeddings(2, 2, 2, n_classes=3, n_categories=4)

    def test_no_spread_leaves_no_trace_of_the_class(self):
        world = simulate_embeddings(5, 4_000, 3, n_classes=2, class_spread=0, style_spread=0)
        means = [world.vectors[world.labels == k].mean(axis=0) for k in (0, 1)]
        np.testing.assert_allclose(*means, atol=0.04)

    def test_sessions_share_class_and_style(self):
        world = simulate_embeddings(1, 6_000, 1, session_length=6)
        kinds = world.labels * 100 + world.styles
        assert 6_000 / (1 + (np.diff(kinds) != 0).sum()) == pytest.approx(6, rel=0.12)

    def test_repeats_are_earlier_pins_of_the_user(self):
        world = simulate_embeddings(4, 50, 6, repeat_share=0.4)
        for user in range(4):
            rows, first = np.unique(world.vectors[world.users == user], axis=0, return_index=True)
            assert len(rows) == 30
            assert first.min() == 0
        _, index, inverse = np.unique(world.vectors, axis=0, return_index=True, return_inverse=True)
        np.testing.assert_array_equal(world.labels, world.labels[index][inverse])
        np.testing.assert_array_equal(world.users, world.users[index][inverse])

    def test_styles_are_a_matter_of_taste_in_the_first_classes_alone(self):
        world = simulate_embeddings(40, 2_000, 1, n_classes=3, n_styles=2, styled_classes=1)
        users = np.repeat(np.arange(40), 2_000)
        for label in range(3):
            of = world.labels == label
            counts = np.zeros((40, 2))
            np.add.at(counts, (users[of], world.styles[of]), 1)
            different = chi2_contingency(counts).pvalue
            assert different < 1e-6 if label == 0 else different > 0.001
        shares = counts[:, 0].sum() / counts.sum()  # of the last class: the population's
        null = simulate_embeddings(40, 2_000, 1, n_classes=3, n_styles=2, style_taste=0)
        assert shares == pytest.approx(null.style_taste[0, 0], abs=0.01)

    @pytest.mark.parametrize("repeat_share", [0.0, 0.3])
    def test_where_all_classes_or_none_are_asked_for_classes_stay_as_they_are(self, repeat_share):
        arguments = {"n_classes": 3, "repeat_share": repeat_share, "random_state": 1}
        plain = simulate_embeddings(4, 60, 3, **arguments)
        for styled_classes in (0, 1, 3):
            world = simulate_embeddings(4, 60, 3, **arguments, styled_classes=styled_classes)
            if not repeat_share:
                np.testing.assert_array_equal(world.labels, plain.labels)
            np.testing.assert_array_equal(world.class_taste, plain.class_taste)
            np.testing.assert_array_equal(world.style_taste, plain.style_taste)
            if styled_classes == 3 and not repeat_share:
                np.testing.assert_array_equal(world.styles, plain.styles)

    def test_without_styled_classes_a_world_is_what_it_was(self):
        """Bit by bit: published numbers rest on it."""
        world = simulate_embeddings(
            2, 6, 3, n_classes=3, n_styles=2, session_length=2.0, repeat_share=0.2, random_state=7
        )
        assert world.labels.tolist() == LABELS
        assert world.styles.tolist() == STYLES
        assert [value.hex() for value in world.vectors[:2].astype(float).ravel()] == VECTORS

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_users", 0), ("n_pins", 0), ("n_dims", 0), ("n_classes", 0), ("n_styles", 0),
            ("class_taste", -1), ("style_taste", float("nan")), ("class_spread", -1),
            ("style_spread", -0.5), ("decay", -1), ("session_length", 0), ("repeat_share", 1.1),
            ("random_state", -1), ("n_categories", 0), ("carry_over", 1.5), ("styled_classes", -1),
        ],
    )  # fmt: skip
    def test_bad_input_names_the_parameter(self, name, value):
        with pytest.raises(ValueError, match=f"{name}: .* got {value}"):
            simulate_embeddings(**{"n_users": 2, "n_pins": 2, "n_dims": 2, name: value})


class TestSimulateCounts:
    @given(
        n_users=st.integers(1, 5),
        n_pins=st.integers(1, 50),
        n_clusters=st.integers(2, 30),
        taste=st.floats(0, 10),
        concentration=st.floats(0.01, 100),
        own_share=st.floats(0, 1),
    )
    def test_rows_hold_the_pins(self, n_users, n_pins, n_clusters, **parameters):
        counts = simulate_counts(n_users, n_pins, n_clusters, **parameters)
        assert counts.shape == (n_users, n_clusters)
        assert counts.dtype == np.float32
        assert (counts >= 0).all()
        np.testing.assert_allclose(counts.sum(axis=1), n_pins, rtol=1e-5)

    def test_first_users_are_the_same_however_many_follow(self):
        few, many, other = (
            simulate_counts(n, 50, random_state=seed) for n, seed in ((3, 1), (9, 1), (3, 2))
        )
        np.testing.assert_array_equal(few, many[:3])
        assert not np.array_equal(few, other)

    def test_null_users_draw_from_one_profile(self):
        null, world = (
            simulate_counts(300, 400, 20, taste=taste, concentration=20) for taste in (0, 0.3)
        )
        assert chi2_contingency(null).pvalue > 0.001
        assert chi2_contingency(world).pvalue < 1e-6

    def test_strength_spreads_the_profiles(self):
        spreads = [
            simulate_counts(100, 1_000, 30, taste=taste).std(axis=0).mean()
            for taste in (0.0, 0.5, 1.0, 2.0)
        ]
        assert (np.diff(spreads) > 3).all()

    def test_concentration_evens_the_clusters(self):
        sizes = [
            simulate_counts(50, 200, 40, taste=0, concentration=c).mean(axis=0).std()
            for c in (0.1, 1, 10)
        ]
        assert sizes[0] > 1.5 * sizes[1] > 1.5**2 * sizes[2]

    @pytest.mark.parametrize("own_share", [0.0, 0.4, 1.0])
    def test_own_share_is_what_single_assignments_add_up_to(self, own_share):
        hard = simulate_counts(3, 25, 6)
        soft = simulate_counts(3, 25, 6, own_share=own_share)
        expected = np.zeros_like(soft)
        for user, row in enumerate(hard.astype(int)):
            for cluster, count in enumerate(row):
                for _ in range(count):
                    assignment = np.full(6, (1 - own_share) / 5)
                    assignment[cluster] = own_share
                    expected[user] += assignment
        np.testing.assert_allclose(soft, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_users", 0), ("n_pins", 0), ("n_clusters", 1), ("taste", -1),
            ("concentration", 0), ("own_share", 1.5), ("random_state", -1),
        ],
    )  # fmt: skip
    def test_bad_input_names_the_parameter(self, name, value):
        with pytest.raises(ValueError, match=f"{name}: .* got {value}"):
            simulate_counts(**{name: value})
