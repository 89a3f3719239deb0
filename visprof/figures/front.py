"""Figures of the front page: boards in a row, the scorecard as a picture, the test of the title.

They are HTML with drawings in it, so that words wrap, colours follow the page's, and claims link to
their chapters.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from visprof.figures.interactive import HTMLFigure
from visprof.figures.mosaics import tile_uri
from visprof.figures.names import squeezed
from visprof.results.claims import Margin
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, UNANSWERABLE

__all__ = ["board_row", "scorecard_picture", "title_test"]

_CLASSES = {
    HOLDS: "holds", DOES_NOT_HOLD: "fails", NOT_RESOLVED: "open", UNANSWERABLE: "none"
}  # fmt: skip
_WIDTH, _HEIGHT, _HALF = 90, 14, 41  # of a cell's drawing; half of the line that it draws on


def board_row(
    boards: Sequence[str],
    images: Sequence[Sequence[str]],
    findings: Sequence[str],
    caption: str = "",
    size: int = 64,
) -> HTMLFigure:
    """Figure 1 in a row: pictures of some boards, each with what was found of it.

    Parameters
    ----------
    boards : sequence of length n
        Their names.
    images : sequence of length n
        Picture files of each; of data without pictures, none.
    findings : sequence of length n
        A line each.
    caption : str
        Text below; HTML.
    size : int
        Side of a picture in pixels; each adds about 1 kB to the page.

    Returns
    -------
    HTMLFigure
        Its table has the columns board, finding.
    """
    shown = []
    for board, own, finding in zip(boards, images, findings, strict=True):
        name = html.escape(squeezed(str(board)))
        pictures = "".join(f'<img src="{tile_uri(image, size)}" alt="">' for image in own)
        shown.append(
            f'<div class="front-board"><div class="pictures" role="img" aria-label="{len(own)} '
            f'pictures of the board {name}">{pictures}</div>'
            f"<p><strong>{name}</strong> {html.escape(finding)}</p></div>"
        )
    return HTMLFigure(
        f'<figure class="front front-boards" id="fig-front-boards"><div>{"".join(shown)}</div>'
        f"<figcaption>{caption}</figcaption></figure>",
        pd.DataFrame({"board": list(boards), "finding": list(findings)}),
    )


def scorecard_picture(cards: Mapping[str, pd.DataFrame], caption: str = "") -> HTMLFigure:
    """The scorecard as a picture: by claim and study, an interval against what it must exceed.

    Each cell has a scale of its own, on which the line is the bound of the condition that decides,
    and the end of the interval that is farther from it lies at the edge: differences in mean
    average precision and shares of pairs are not comparable, but on which side they lie is.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard.scorecard` by the name of its study.
    caption : str
        Text below; HTML.

    Returns
    -------
    HTMLFigure
        Its table has a row a claim and study: columns claim, study, verdict, margin, low, high (how
        far the number and the ends of its interval lie beyond the bound; NaN where nothing can be
        drawn).
    """
    first = next(iter(cards.values()))
    head = "".join(
        f'<th scope="col">{html.escape(name)}<br><span>{(card["verdict"] == HOLDS).sum()} of '
        f"{len(card)} hold</span></th>"
        for name, card in cards.items()
    )
    rows, numbers, before = [], [], ""
    for place, claim in enumerate(first.itertuples()):
        cells = []
        for study, card in cards.items():
            row = card.iloc[place]
            margin = row["margin"] or Margin(np.nan, np.nan, np.nan)
            numbers.append((claim.claim, study, row["verdict"], *margin))
            told = html.escape(f"{row['verdict']}: {row['ours']}")
            kind = _CLASSES[row["verdict"]]
            cells.append(f'<td class="{kind}">{_interval(row["margin"], kind, told)}</td>')
        link = f'<a href="{claim.chapter}.html">{html.escape(claim.short)}</a>'
        begins = ' class="begins"' if claim.chapter != before else ""
        before = claim.chapter
        rows.append(
            f'<tr{begins}><th scope="row" title="{html.escape(claim.claim)}">{link}</th>'
            f"{''.join(cells)}</tr>"
        )
    return HTMLFigure(
        '<figure class="front front-scorecard" id="fig-front-scorecard"><table>'
        f'<thead><tr><th scope="col">claim</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"</table><figcaption>{caption}</figcaption></figure>",
        pd.DataFrame(numbers, columns=["claim", "study", "verdict", "margin", "low", "high"]),
    )


def _interval(margin: Margin | None, kind: str, told: str) -> str:
    """An interval and its middle against the line in the middle of a cell."""
    middle, height = _WIDTH / 2, _HEIGHT / 2
    drawn = ""
    if margin is not None and kind != "none":
        scale = max(map(abs, margin)) or 1.0
        at, low, high = (middle + _HALF * end / scale for end in margin)
        drawn = (
            f'<path class="arm" d="M{low:.1f} {height}H{high:.1f}"/>'
            f'<circle class="dot" cx="{at:.1f}" cy="{height}" r="3.4"/>'
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}"><title>{told}'
        f'</title><path class="line" d="M{middle} 0V{_HEIGHT}"/>{drawn}</svg>'
    )


def title_test(values: Mapping[str, float], random: float, finding: str) -> HTMLFigure:
    """The test of the paper's title, as bars of mean reciprocal rank on one scale.

    Parameters
    ----------
    values : mapping of str to float
        Mean reciprocal rank by profile, of users who differ in style alone.
    random : float
        Of a random ranking, drawn as a bar of its own.
    finding : str
        What it says; text.

    Returns
    -------
    HTMLFigure
        Its table has the columns profile, value.
    """
    bars = {**values, "chance": random}
    longest = max(bars.values())
    drawn = "".join(
        f"<div{' class=chance' if name == 'chance' else ''}><dt>{html.escape(name)}</dt>"
        f'<dd><i style="width:{100 * value / longest:.1f}%"></i>{value:.3f}</dd></div>'
        for name, value in bars.items()
    )
    return HTMLFigure(
        f'<figure class="front front-title" id="fig-front-title"><p>{html.escape(finding)}</p>'
        f"<dl>{drawn}</dl></figure>",
        pd.DataFrame({"profile": list(bars), "value": list(bars.values())}),
    )
