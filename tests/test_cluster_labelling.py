"""Names of groups: the paper's statistic put to terms, and none where nothing is distinctive."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from visprof.cluster_labelling import (
    PRIOR_PINS,
    class_counts,
    distinctive_terms,
    least_z,
    word_counts,
)


def oracle(counts, holding, sizes, terms, level, min_purity):
    """Each z by Eqs. 4-6 as they are printed, one group and term at a time."""
    counts = [[float(of) for of in row] for row in counts]
    total = [sum(row[k] for row in counts) for k in range(len(terms))]
    used = [k for k in range(len(terms)) if total[k] > 0]
    alpha, least = PRIOR_PINS / sum(total), norm.isf(level / len(used))
    rows = []
    for group, own in enumerate(counts):
        found = []
        for k in used:
            logits, variance = [], 0.0
            for y in (own, [total[j] - own[j] for j in range(len(terms))]):
                inside = y[k] + alpha * total[k]
                logits.append(math.log(inside / (sum(y) + PRIOR_PINS - inside)))
                variance += 1 / inside
            z = (logits[0] - logits[1]) / math.sqrt(variance)
            purity = holding[group][k] / sizes[group]
            if z >= least and purity >= min_purity:
                found.append((group, terms[k], z, purity))
        rows += sorted(found, key=lambda row: -row[2])
    return rows


@given(st.integers(2, 6), st.integers(2, 8), st.integers(0, 10_000), st.sampled_from([0.05, 0.9]))
def test_names_are_those_of_the_equations(n_groups, n_terms, seed, level):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.4, 20, (n_groups, n_terms))).astype(float) + 0.25
    sizes = np.ceil(counts.sum(axis=1))
    holding = np.minimum(np.ceil(counts), sizes[:, None])
    terms = [f"term {k}" for k in range(n_terms)]
    found = distinctive_terms(counts, holding, sizes, terms, level=level, min_purity=0.2)
    expected = oracle(counts, holding, sizes, terms, level, 0.2)
    assert found[["group", "term"]].values.tolist() == [list(row[:2]) for row in expected]
    assert found["z"].to_numpy() == pytest.approx([row[2] for row in expected])
    assert found["purity"].to_numpy() == pytest.approx([row[3] for row in expected])
    assert ((found["others"] >= 0) & (found["others"] <= 1)).all()


@given(st.integers(0, 10_000))
def test_the_order_of_groups_and_terms_plays_no_part(seed):
    rng = np.random.default_rng(seed)
    counts = rng.gamma(0.3, 30, (4, 6))
    sizes = np.ceil(counts.sum(axis=1))
    terms = np.array(list("abcdef"))
    rows, columns = rng.permutation(4), rng.permutation(6)
    found = distinctive_terms(counts, np.floor(counts), sizes, terms)
    turned = counts[rows][:, columns]
    again = distinctive_terms(turned, np.floor(turned), sizes[rows], terms[columns])
    named = {(group, term): z for group, term, z in found[["group", "term", "z"]].to_numpy()}
    same = {(rows[group], term): z for group, term, z in again[["group", "term", "z"]].to_numpy()}
    assert same == pytest.approx(named)


def test_groups_that_are_alike_are_seldom_named():
    """Pictures dealt to groups at random: a name for at most one group in twenty."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(20, 0.5))
    named = 0
    for _ in range(200):
        classes = rng.choice(20, 600, p=shares)
        groups = rng.integers(0, 30, 600)
        _, counts, holding, sizes = class_counts(groups, np.eye(20)[classes])
        found = distinctive_terms(counts, holding, sizes, [*"abcdefghijklmnopqrst"], min_purity=0)
        named += found["group"].nunique()
    assert 0 < named / (200 * 30) <= 0.05


def test_what_few_of_a_group_hold_is_no_name():
    counts = np.array([[40.0, 160.0], [1.0, 799.0]])
    args = counts, counts, [200, 800], ["rare", "usual"]
    assert "rare" not in distinctive_terms(*args, min_purity=0.25)["term"].tolist()
    found = distinctive_terms(*args, min_purity=0.2).iloc[0]
    assert (found["group"], found["term"], found["purity"]) == (0, "rare", 0.2)
    assert found["others"] == 1 / 800


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        (np.zeros((2, 3)), [4, 4]),  # nobody holds any term
        (np.array([[3.0, 1.0, 2.0]]), [6]),  # there is no other group
        (np.array([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), [5, 2]),  # one term, one group
        (np.zeros((2, 0)), [4, 4]),
        (np.zeros((0, 3)), []),
    ],
)
def test_where_nothing_can_be_compared_there_is_no_name(counts, sizes):
    terms = [f"term {k}" for k in range(counts.shape[1])]
    found = distinctive_terms(counts, counts, sizes, terms)
    assert found.empty
    assert list(found.columns) == ["group", "term", "z", "purity", "others"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"counts": [1.0, 2.0]}, "expected shapes"),
        ({"terms": ["a"]}, "expected shapes"),
        ({"sizes": [4.0]}, "expected shapes"),
        ({"counts": [[1.0, -2.0], [1.0, 1.0]]}, "counts: expected finite numbers, none negative"),
        ({"sizes": [np.nan, 4]}, "sizes: expected finite"),
        ({"sizes": [4, 1]}, "more pictures of group 1 hold a term than it has"),
        ({"min_purity": 1.5}, "min_purity"),
        ({"level": 0}, "level"),
        ({"prior_pins": 0}, "prior_pins"),
    ],
)
def test_bad_input_is_named(change, told):
    good = {"counts": [[3, 1], [1, 2]], "holding": [[3, 1], [1, 2]], "sizes": [4, 3]}
    with pytest.raises(ValueError, match=told):
        distinctive_terms(**{**good, "terms": ["a", "b"], **change})


def test_the_least_z_is_bonferronis():
    assert least_z(100, 0.05) == pytest.approx(norm.isf(0.0005))
    with pytest.raises(ValueError, match="n_compared"):
        least_z(0)


# --- counts ---------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000))
def test_counts_of_classes_are_sums_over_pictures(n, n_classes, n_groups, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, n)
    p = rng.dirichlet(np.ones(n_classes), n)
    names, counts, holding, sizes = class_counts(groups, p)
    assert names.tolist() == sorted(set(groups.tolist()))
    for row, name in enumerate(names):
        own = [pin for pin in range(n) if groups[pin] == name]
        assert counts[row] == pytest.approx([sum(p[i, k] for i in own) for k in range(n_classes)])
        likeliest = [int(p[i].argmax()) for i in own]
        assert holding[row].tolist() == [likeliest.count(k) for k in range(n_classes)]
        assert sizes[row] == len(own)


@pytest.mark.parametrize("p", [[[0.5, np.nan]], [[0.5, -0.5]], [0.5], [[0.5], [0.5]]])
def test_bad_probabilities_are_refused(p):
    with pytest.raises(ValueError, match=r"probabilities|groups"):
        class_counts(["a"], p)


CAPTIONS = ["A beach, a beach", "the Beach", "beach sun", "IMG_2041", "sun", ""]
GROUPS = ["x", "x", "x", "x", "y", "y"]


def test_a_caption_counts_a_word_once():
    names, terms, counts, sizes = word_counts(GROUPS, CAPTIONS, left_out=frozenset({"the"}))
    assert names.tolist() == ["x", "y"]
    assert terms == ["", "beach", "sun"]
    assert counts.tolist() == [[1, 3, 1], [1, 0, 1]]
    assert sizes.tolist() == [4, 2]


def test_a_word_of_one_owner_alone_does_not_count():
    owners = ["ann", "ann", "ben", "ben", "ben", "ben"]
    _, terms, counts, _ = word_counts(GROUPS, CAPTIONS, owners, frozenset({"the"}))
    assert (terms, counts.tolist()) == (["", "beach", "sun"], [[1, 3, 0], [1, 0, 0]])
    _, _, counts, _ = word_counts(GROUPS, CAPTIONS, owners, frozenset({"the"}), min_owners=1)
    assert counts.tolist() == [[1, 3, 1], [1, 0, 1]]


def test_captions_without_a_word_count_and_are_no_name():
    groups = np.repeat([0, 1], 40)
    _, terms, counts, sizes = word_counts(groups, ["mill"] * 40 + [""] * 40)
    assert distinctive_terms(counts, counts, sizes, terms)["term"].tolist() == ["mill"]


def test_owners_and_groups_are_one_a_caption():
    with pytest.raises(ValueError, match="groups"):
        word_counts(["x"], CAPTIONS)
    with pytest.raises(ValueError, match="owners"):
        word_counts(GROUPS, CAPTIONS, ["ann"])
