"""Steps: what one user's taste consists of, category by category and style by style."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.steps.data import BoardSplit
from visprof.steps.fusion import cell_counts, session_icc
from visprof.steps.pin_categories import PinCategories
from visprof.steps.registry import step

with lazily():
    from visprof.hierarchy import HierarchicalProfile, session_weights

__all__ = ["fusion_taste", "style_names"]

N_EXAMPLES = 6  # pictures shown of a style
N_SHOWN = 3  # categories
FEWEST_PINS = 5  # of a style whose colours are told
CLEAR = 0.3  # of the spread of pins: a difference that is told
# what more, and less, of each column of `visprof.palette.picture_palettes` is
COLOURS = (
    ("lighter", "darker"), ("redder", "greener"), ("yellower", "bluer"),
    ("more contrast", "less contrast"), ("more red and green", "less red and green"),
    ("more yellow and blue", "less yellow and blue"),
)  # fmt: skip


@step
def style_names(
    pin_styles: np.ndarray,
    pin_categories: PinCategories,
    board_split: BoardSplit,
    pin_truth: pd.DataFrame | None,
    palettes: np.ndarray | None,
    n_style_clusters: int,
) -> pd.DataFrame:
    """Styles in words: columns style (from 1), name, share, truth and purity.

    The name says in which colours a style's analysed pins differ most from others of their
    category: two at most, by the difference of means in units of the spread of all. `share` is of
    the background's pins, `truth` the commonest true style where it is known, `purity` how many
    pins of the style have it.
    """
    styles, categories = (board_split.arrays(of) for of in (pin_styles, pin_categories.codes))
    left = None
    if palettes is not None:
        means = pd.DataFrame(palettes).groupby(categories.analysed).transform("mean")
        left = palettes - means.to_numpy()
        spread = left.std(axis=0)
        left = left / np.where(spread > 0, spread, 1)
    rows = []
    for style in range(n_style_clusters):
        own, truth, purity = styles.analysed == style, "", np.nan
        words = []
        if left is not None and own.sum() >= FEWEST_PINS:
            shift = left[own].mean(axis=0)
            order = np.argsort(-np.abs(shift), kind="stable")[:2]
            words = [COLOURS[of][int(shift[of] < 0)] for of in order if abs(shift[of]) >= CLEAR]
        if pin_truth is not None and (pin_styles == style).any():
            known = pin_truth["style"][pin_styles == style].value_counts(normalize=True)
            known = known.sort_index().sort_values(ascending=False, kind="stable")
            truth, purity = str(known.index[0]), float(known.iloc[0])
        rows.append({
            "style": style + 1, "name": " and ".join(words) or f"style {style + 1}",
            "share": float(np.mean(styles.background == style)), "truth": truth, "purity": purity,
        })  # fmt: skip
    return pd.DataFrame(rows)


@step
def fusion_taste(
    own_board: str,
    pin_categories: PinCategories,
    pin_styles: np.ndarray,
    style_names: pd.DataFrame,
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    n_style_clusters: int,
) -> pd.DataFrame:
    """What one user's taste consists of, at both levels.

    Of the categories that the user has the most of, beyond what all have, the style likewise; only
    of those that the user has pins of.
    Columns category, pins (the user's own of it), own and everyone (share of it in the profile and
    in the population), style, own_style, everyone_style (share of the style among its pins),
    own_images, other_images (of the category and style; empty where there is no picture).
    """
    n_categories = len(pin_categories.names)
    n_cells = n_categories * n_style_clusters
    cells = board_split.arrays(pin_categories.codes * n_style_clusters + pin_styles)
    boards = board_split.analysed["board"].to_numpy()
    weights = None
    if pin_sessions is not None:
        icc = session_icc(cells.analysed, boards, pin_sessions)
        weights = session_weights(boards, pin_sessions, icc)
    owners = board_split.background["board"].to_numpy()
    others = owners != own_board
    profile = HierarchicalProfile(n_categories).fit(
        cell_counts(owners[others], cells.background[others], n_cells)
    )
    mine = boards == own_board
    counts = cell_counts(
        boards[mine], cells.analysed[mine], n_cells, None if weights is None else weights[mine]
    )
    own, everyone = (
        profile.transform(of).reshape(n_categories, -1) for of in (counts, np.zeros_like(counts))
    )
    excess = own.sum(axis=1) - everyone.sum(axis=1)
    names = style_names["name"].to_list()
    images = board_split.arrays(np.array(board_split.images, dtype=object))
    rows = []
    own_pins = np.bincount(cells.analysed[mine] // n_style_clusters, minlength=n_categories)
    order = np.argsort(-excess, kind="stable")
    for category in order[own_pins[order] > 0][:N_SHOWN]:
        of_own, of_all = (of[category] / of[category].sum() for of in (own, everyone))
        style = int(np.argmax(of_own - of_all))
        cell = category * n_style_clusters + style
        rows.append({
            "category": pin_categories.names[category],
            "pins": int(own_pins[category]),
            "own": own[category].sum(), "everyone": everyone[category].sum(),
            "style": names[style], "own_style": of_own[style], "everyone_style": of_all[style],
            "own_images": _first(images.analysed[mine & (cells.analysed == cell)]),
            "other_images": _first(images.background[others & (cells.background == cell)]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _first(images: np.ndarray) -> list[str]:
    return [image for image in images.tolist() if image][:N_EXAMPLES]
