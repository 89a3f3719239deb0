"""Figures to try: a page draws them anew from the numbers that it carries, by the same equations.

What draws them is ``book/_static/explorables.js``; each stands below a figure that does without.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof._lazy import lazily
from visprof.figures.interactive import HTMLFigure, carried_later, script_json
from visprof.figures.mosaics import packed, tile_uri
from visprof.figures.names import squeezed
from visprof.intervals import Estimate
from visprof.rank_scores import random_mrr
from visprof.ties import exceeds

with lazily():
    from visprof.logodds import pair_users, pairwise_max_z

__all__ = ["compare_users", "explore_pairs", "explore_power", "explore_ranks", "guess_boards"]

_PAGE = """
<figure class="explorable" id="{name}" data-kind="{kind}" aria-label="{alt}">
<script type="application/json">{data}</script>{later}
<p class="still">{still}</p>
<figcaption>{caption}</figcaption>
</figure>
"""

_STILL = "This figure can be tried with other settings in the book's HTML, with JavaScript."


def explore_pairs(
    counts: Mapping[str, ArrayLike],
    background: ArrayLike,
    sizes: ArrayLike,
    alpha: float,
    variance: str,
    threshold: float,
    caption: str = "",
) -> HTMLFigure:
    """Figure 5 to try: other priors, cut-offs, variances and numbers of pins.

    The page has the counts in single precision, and works out Eqs. 4 to 7 itself. Those of all
    pins are shown at first; those of fewer are carried apart, for when they are asked for.

    Parameters
    ----------
    counts : mapping of str to array-like of shape (n_sizes, n_users, k)
        Counts y by the number of pins: of the users, the first, and of what chance makes of the
        same pins, one or more ("pins dealt", say).
    background : array-like of shape (k,)
        Counts g of the background.
    sizes : array-like of shape (n_sizes,)
        First pins of each user, increasing; the last number stands for all.
    alpha, variance, threshold
        Of the study: what is shown at first.
    caption : str
        Text below; HTML.

    Returns
    -------
    HTMLFigure
        Its table has the share of pairs with Z above the threshold: columns series, n_pins, share.

    Raises
    ------
    ValueError
        As :func:`visprof.logodds.pairwise_max_z`.

    Examples
    --------
    >>> y = {"users": [[[3.0, 1.0], [1.0, 3.0]]], "pins dealt": [[[2.0, 2.0], [2.0, 2.0]]]}
    >>> figure = explore_pairs(y, [5.0, 5.0], [4], 0.1, "two-term", 1.0)
    >>> figure.numbers["share"].tolist()
    [1.0, 0.0]
    """
    z = {
        (name, int(size)): pairwise_max_z(of, background, alpha, variance)
        for name, by_size in counts.items()
        for size, of in zip(sizes, by_size, strict=True)
    }
    numbers = pd.DataFrame(
        [(*key, float(exceeds(of, threshold).mean())) for key, of in z.items()],
        columns=["series", "n_pins", "share"],
    )
    # the right end of the axis has room for what a lighter prior gives
    largest = max(4.0, *(float(np.ceil(1.5 * np.quantile(of, 0.99))) for of in z.values()))
    data = {
        "series": list(counts),
        "counts": [packed(np.asarray(of)[-1], "<f4") for of in counts.values()],
        "background": np.asarray(background, float).tolist(),
        "sizes": np.asarray(sizes).tolist(),
        "alphas": [alpha * 10 ** (step / 4) for step in range(-8, 9)],
        "thresholds": sorted({threshold, *(np.arange(round(largest * 10) + 1) / 10).tolist()}),
        "settings": {"alpha": alpha, "threshold": threshold, "variance": variance},
    }
    later = {"counts": [packed(np.asarray(of)[:-1], "<f4") for of in counts.values()]}
    alt = "Figure 5 with settings to choose: two rising curves, of users and of pins dealt."
    return _explorable("explore-pairs", "pairs", data, alt, caption, numbers, later)


def explore_ranks(
    ranks: pd.DataFrame, table: pd.DataFrame, n_users: int, caption: str = ""
) -> HTMLFigure:
    """Figure 6 to try: fewer candidates, other profiles and numbers of training pins.

    The page has how often each rank is reached, and works out the expected reciprocal rank among
    fewer users itself, as :func:`visprof.rank_scores.subset_reciprocal_ranks` does.

    Parameters
    ----------
    ranks : DataFrame
        Columns profile, n_train, rank (whole, or in the middle of two), times (of users and seeds).
    table : DataFrame
        Columns profile, n_train, value, low, high: the MRR among all users, in the order of the
        list of profiles.
    n_users : int
        Users who are ranked.
    caption : str
        Text below; HTML.

    Returns
    -------
    HTMLFigure
        Its table has the columns profile, n_train, value, low, high.

    Examples
    --------
    >>> ranks = pd.DataFrame({"profile": "image", "n_train": 10, "rank": [1, 2.5], "times": [2, 1]})
    >>> table = pd.DataFrame({"profile": ["image"], "n_train": [10], "value": [0.8]})
    >>> explore_ranks(ranks, table.assign(low=0.5, high=1.0), n_users=3).numbers["value"].tolist()
    [0.8]
    """
    columns = ["profile", "n_train", "value", "low", "high"]
    numbers = table[columns].reset_index(drop=True)
    reached = dict(list(ranks.groupby(["profile", "n_train"])))
    own = [reached[key] for key in zip(numbers["profile"], numbers["n_train"], strict=True)]
    data = {
        "n_users": n_users,
        "table": numbers.to_dict("list"),
        "twice": [packed(2 * rows["rank"], "<u4") for rows in own],
        "times": [packed(rows["times"], "<u4") for rows in own],
    }
    alt = "Figure 6 with settings to choose: mean reciprocal rank by training pins, by profile."
    return _explorable("explore-ranks", "ranks", data, alt, caption, numbers)


def compare_users(
    users: Sequence[object],
    counts: ArrayLike,
    background: ArrayLike,
    alpha: float,
    variance: str,
    p_values: ArrayLike,
    images: Sequence[Sequence[str]],
    caption: str = "",
    size: int = 80,
    names: Sequence[str] = (),
) -> HTMLFigure:
    """Any two users side by side: the clusters in which they differ most, z, and a p-value.

    Parameters
    ----------
    users : sequence of length n
        Their names.
    counts, background : array-like of shape (n, k), (k,)
        Counts y and g.
    alpha, variance
        Of the study.
    p_values : array-like of shape (n, n)
        Of a test of each pair; NaN where there was none.
    images : sequence of length k
        Pictures of each cluster; none, or empty names, where there are no pictures.
    caption : str
        Text below; HTML.
    size : int
        Side of a picture in pixels. Each picture adds about 2 kB to the page.
    names : sequence of length k, optional
        Of the clusters, in words; shown beside their pictures.

    Returns
    -------
    HTMLFigure
        Its table has a row a pair: columns user_i, user_j, max_z, p.

    Raises
    ------
    ValueError
        If there are not as many names as clusters; and as :func:`visprof.logodds.pairwise_max_z`.
    """
    if len(names) not in (0, len(images)):
        raise ValueError(
            f"names: expected one for each of {len(images)} clusters, got {len(names)}"
        )
    max_z = pairwise_max_z(counts, background, alpha, variance)
    shown = np.array([squeezed(str(user)) for user in users], dtype=object)
    i, j = pair_users(np.arange(len(max_z)), len(shown)).T
    p = np.asarray(p_values, float)[i, j]
    numbers = pd.DataFrame({"user_i": shown[i], "user_j": shown[j], "max_z": max_z, "p": p})
    most = int(np.argmax(max_z))
    data = {
        "users": shown.tolist(),
        "names": [squeezed(name) for name in names],
        "counts": packed(counts, "<f4"),
        "background": np.asarray(background, float).tolist(),
        "alpha": alpha,
        "variance": variance,
        "p": [None if np.isnan(one) else one for one in p.tolist()],
        "pictures": [[tile_uri(image, size) for image in of if image] for of in images],
        "settings": {"a": int(i[most]), "b": int(j[most])},
    }
    alt = "Two users to choose: pictures of the clusters in which they differ most, z and p."
    return _explorable("compare-users", "users", data, alt, caption, numbers)


def explore_power(
    table: pd.DataFrame | list[dict[str, Any]],
    titles: Mapping[str, str],
    level: float,
    caption: str = "",
) -> HTMLFigure:
    """Power and error of each rule to try: by the numbers of pins and clusters, and by taste.

    Parameters
    ----------
    table : DataFrame, or its records
        Columns rule, taste, n_clusters, n_pins (increasing), value, low, high; taste 0 is the
        error.
    titles : mapping of str to str
        Name of each rule that is shown.
    level : float
        Level of the tests, drawn as a line.
    caption : str
        Text below; HTML.

    Returns
    -------
    HTMLFigure
        Its table has the columns of `table`.
    """
    columns = ["rule", "taste", "n_clusters", "n_pins", "value", "low", "high"]
    numbers = pd.DataFrame(table)[columns].reset_index(drop=True)
    data = {"table": numbers.to_dict("list"), "titles": dict(titles), "level": level}
    alt = "Power with settings to choose: pairs found different by pins, clusters, taste, rule."
    return _explorable("explore-power", "power", data, alt, caption, numbers)


def guess_boards(
    rounds: pd.DataFrame, mrr: Estimate, first: Estimate, caption: str = "", size: int = 96
) -> HTMLFigure:
    """Rounds of a game: whose pictures are these? The reader's MRR beside the profile's.

    The reader guesses until the guess is right: the number of guesses is the rank.

    Parameters
    ----------
    rounds : DataFrame
        Columns round, board, own (whether it is the one sought), order (of the profile's guesses,
        from 1), images (of the board), asked (images that are asked about), one row a board; those
        of a round stand together.
    mrr, first : Estimate
        The profile's mean reciprocal rank, and how often it is right at once, over many rounds.
    caption, size
        As for `compare_users`.

    Returns
    -------
    HTMLFigure
        Its table has the columns round, board, own, order.
    """
    places: dict[str, int] = {}  # of pictures, each carried once

    def placed(images: list[str]) -> list[int]:
        return [places.setdefault(image, len(places)) for image in images]

    data: dict[str, Any] = {
        "rounds": [
            {
                "asked": placed(rows["asked"].iloc[0]),
                "boards": [placed(images) for images in rows["images"]],
                "own": int(np.argmax(rows["own"])),
                "order": rows["order"].tolist(),
            }
            for _, rows in rounds.groupby("round", sort=False)
        ],
        "profile": [f"{mrr:.3f}", f"{first:.1%}"],
        "random": random_mrr(int(rounds.groupby("round").size().iloc[0])),
    }
    data["pictures"] = [tile_uri(image, size) for image in places]
    alt = "Whose pictures are these? Rounds of guessing among a few boards, by their pictures."
    numbers = rounds[["round", "board", "own", "order"]].reset_index(drop=True)
    return _explorable("guess-boards", "guesses", data, alt, caption, numbers)


def _explorable(
    name: str,
    kind: str,
    data: Mapping[str, Any],
    alt: str,
    caption: str,
    numbers: pd.DataFrame,
    later: Mapping[str, Any] | None = None,
) -> HTMLFigure:
    return HTMLFigure(
        _PAGE.format(
            name=name,
            kind=kind,
            alt=html.escape(alt),
            data=script_json(data),
            later=carried_later(name, later) if later else "",
            still=_STILL,
            caption=caption,
        ),
        numbers,
    )
