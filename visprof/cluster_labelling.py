r"""Names for groups of pictures: what sets a cluster, or a board, apart from the rest, in words.

Differential cluster labelling: a term (a class of scenes that a network knows, a word of captions)
is a name of a group where the group has more of it than all other pictures have. How much more is
told by the statistic that tells two users apart, the log-odds with an informative Dirichlet prior
(:func:`visprof.logodds.log_odds_z`): y_i are the group's counts of terms, y_j those of the rest,
and the prior is what all have. So a rare term that a small group holds by chance has a small z, and
one that everyone holds has none.

The largest of many z is large by chance. The z of a name must be above the quantile of the normal
distribution that the largest z of a group exceeds with a probability of at most `level`, were the
group like the others (Bonferroni, over terms); a group without such a term has no name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups, check_number, check_whole
from visprof.words import words

with lazily():
    from scipy.stats import norm

    from visprof.logodds import log_odds_z

__all__ = ["class_counts", "distinctive_terms", "least_z", "word_counts"]

PRIOR_PINS = 20.0  # that the prior weighs as much as
LEVEL = 0.05  # chance that a group is given a name where all are alike
NO_WORD = ""  # what a caption without a word counts as: then the others' words can be compared
MIN_PURITY = 0.25  # what fewer pictures of a group hold does not stand for the group


def distinctive_terms(
    counts: ArrayLike,
    holding: ArrayLike,
    sizes: ArrayLike,
    terms: Sequence[str],
    prior_pins: float = PRIOR_PINS,
    level: float = LEVEL,
    min_purity: float = MIN_PURITY,
) -> pd.DataFrame:
    """Terms that each group has more of than the other groups, the most distinctive first.

    Parameters
    ----------
    counts : array-like of shape (m, t)
        How often each of m groups has each of t terms; they need not be whole (sums of
        probabilities). Every picture is of one group.
    holding : array-like of shape (m, t)
        Pictures of the group that hold the term.
    sizes : array-like of shape (m,)
        Pictures of each group.
    terms : sequence of str, length t
        `NO_WORD` counts, and is no name.
    prior_pins : float, default=20
        How many counts the prior weighs as much as; see :func:`visprof.logodds.prior_weight`.
    level : float, default=0.05
        Chance that any term of a group is taken for distinctive, were all groups alike.
    min_purity : float, default=0.25
        Least share of the group's pictures that hold a term.

    Returns
    -------
    DataFrame
        Columns group (row of `counts`), term, z, purity (share of the group's pictures that hold
        it), others (the same of all other pictures). Groups are in order, and of each the largest z
        comes first; a group without a distinctive term has no row.

    Raises
    ------
    TypeError
        If a parameter is no number.
    ValueError
        If shapes do not match, a count is negative or not finite, a picture holds what is not
        counted, or a parameter is out of range.

    Examples
    --------
    >>> counts = [[30, 2, 8], [1, 25, 9], [12, 10, 11]]
    >>> found = distinctive_terms(counts, counts, [40, 35, 33], ["sea", "hill", "sun"])
    >>> found[["group", "term"]].values.tolist()
    [[0, 'sea'], [1, 'hill']]
    >>> found["purity"].round(2).tolist()
    [0.75, 0.71]
    """
    y, held, n = (np.asarray(of, dtype=np.float64) for of in (counts, holding, sizes))
    if y.ndim != 2 or held.shape != y.shape or n.shape != y.shape[:1] or len(terms) != y.shape[1]:
        raise ValueError(
            "counts, holding, sizes, terms: expected shapes (m, t), (m, t), (m,), (t,), got "
            f"{y.shape}, {held.shape}, {n.shape}, ({len(terms)},)"
        )
    for name, of in (("counts", y), ("holding", held), ("sizes", n)):
        if not np.isfinite(of).all() or (of < 0).any():
            raise ValueError(f"{name}: expected finite numbers, none negative")
    if (held > n[:, None]).any():
        row = int(np.argmax((held > n[:, None]).any(axis=1)))
        raise ValueError(f"holding: more pictures of group {row} hold a term than it has")
    min_purity = check_number(min_purity, "min_purity", least=0, most=1)
    used = np.flatnonzero(y.sum(axis=0) > 0)
    least = least_z(max(len(used), 1), level)
    total, rows = y[:, used].sum(axis=0), []
    for group, own in enumerate(y[:, used]):
        rest = total - own
        if not own.any() or not rest.any() or len(used) < 2:
            continue  # there is nothing to compare
        z = log_odds_z(own, rest, total, prior_pins=prior_pins)
        others = max(n.sum() - n[group], 1)
        for place in np.argsort(-z.round(9), kind="stable"):  # rounding decides no tie
            term = used[place]
            purity = held[group, term] / max(n[group], 1)
            if z[place] < least:
                break
            if purity >= min_purity and terms[term] != NO_WORD:
                elsewhere = (held[:, term].sum() - held[group, term]) / others
                rows.append((group, str(terms[term]), float(z[place]), purity, elsewhere))
    columns = ["group", "term", "z", "purity", "others"]
    return pd.DataFrame(rows, columns=columns).astype({"group": int, "term": object})


def least_z(n_compared: int, level: float = LEVEL) -> float:
    """Value that the largest of some z exceeds with a probability of at most `level`.

    Parameters
    ----------
    n_compared : int
        How many z there are.
    level : float, default=0.05

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If a parameter is no number, or out of range.

    Examples
    --------
    >>> round(least_z(1), 2), round(least_z(2000), 2)
    (1.64, 4.06)
    """
    n_compared = check_whole(n_compared, "n_compared", 1)
    level = check_number(level, "level", above=0, below=1)
    return float(norm.isf(level / n_compared))


def class_counts(
    groups: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Counts of classes by group, from the probabilities that a classifier gives them.

    Parameters
    ----------
    groups : array-like of shape (n,)
        Group of each picture.
    probabilities : array-like of shape (n, t)
        Of each picture's classes.

    Returns
    -------
    names : ndarray of shape (m,)
        The groups, sorted.
    counts : ndarray of shape (m, t)
        Sums of probabilities: how many pictures of the class are to be expected.
    holding : ndarray of shape (m, t)
        Pictures whose likeliest class it is.
    sizes : ndarray of shape (m,)
        Pictures of each group.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, a group is missing, or a probability is negative or not finite.

    Examples
    --------
    >>> class_counts(["b", "a", "b"], [[0.75, 0.25], [0.5, 0.5], [0.5, 0.5]])[1].tolist()
    [[0.5, 0.5], [1.25, 0.75]]
    """
    p = np.asarray(probabilities)
    if p.ndim != 2 or not np.isfinite(p).all() or (p < 0).any():
        raise ValueError(
            f"probabilities: expected finite ones of shape (n, t), none negative, got {p.shape}"
        )
    names, of_pins = np.unique(check_groups(groups, len(p), "groups"), return_inverse=True)
    counts, holding = np.zeros((2, len(names), p.shape[1]))
    np.add.at(counts, of_pins, p)
    np.add.at(holding, (of_pins, p.argmax(axis=1)), 1)
    return names, counts, holding, np.bincount(of_pins).astype(float)


def word_counts(
    groups: ArrayLike,
    captions: Sequence[str],
    owners: ArrayLike | None = None,
    left_out: frozenset[str] = frozenset(),
    min_owners: int = 2,
) -> tuple[NDArray, list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Captions of each group that hold each word (see :func:`visprof.words.words`).

    Parameters
    ----------
    groups : array-like of shape (n,)
        Group of each picture.
    captions : sequence of str, length n
    owners : array-like of shape (n,), optional
        Who wrote them. A word counts in a group only if `min_owners` of them use it there: that of
        one alone (the name of a folder, say) tells of the owner. By default all count.
    left_out : frozenset of str
        Words that name nothing: articles and the like.
    min_owners : int, default=2

    Returns
    -------
    names : ndarray of shape (m,)
        The groups, sorted.
    terms : list of str
        The words, sorted; captions without any count as `NO_WORD`, which names nothing.
    counts : ndarray of shape (m, t)
        Each caption counts a word once.
    sizes : ndarray of shape (m,)
        Pictures of each group, with or without a caption.

    Raises
    ------
    TypeError, ValueError
        If lengths do not match, or a group or owner is missing.

    Examples
    --------
    >>> names, terms, counts, _ = word_counts([0, 0, 1], ["a beach", "beach, sun", "sun"])
    >>> terms, counts.tolist()
    (['beach', 'sun'], [[2.0, 1.0], [0.0, 1.0]])
    """
    names, of_pins = np.unique(check_groups(groups, len(captions), "groups"), return_inverse=True)
    told = [frozenset(words(caption)) - left_out for caption in captions]
    told = [own or {NO_WORD} for own in told]
    terms = sorted(frozenset[str]().union(*told))
    place = {term: number for number, term in enumerate(terms)}
    counts = np.zeros((len(names), len(terms)))
    for group, own in zip(of_pins, told, strict=True):
        for term in own:
            counts[group, place[term]] += 1
    if owners is not None:
        wrote = check_groups(owners, len(captions), "owners")
        users = {
            (group, term, owner)
            for group, own, owner in zip(of_pins, told, wrote.tolist(), strict=True)
            for term in own
        }
        n_owners = Counter((group, term) for group, term, _ in users)
        for (group, term), n in n_owners.items():
            if n < min_owners and term != NO_WORD:
                counts[group, place[term]] = 0
    return names, terms, counts, np.bincount(of_pins).astype(float)
