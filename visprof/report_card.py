"""The report card of a board: one page that needs no network, from what chapter 9 computes."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from visprof import boards, sentences, tables
from visprof.book.single_page import single_page
from visprof.checks import listed
from visprof.figures.mosaics import tile_uri
from visprof.files import write_whole
from visprof.sources.collect import board_folder
from visprof.study import Study

__all__ = ["Card", "card_page", "write_cards"]

SIDE = 88  # of a picture in pixels
N_STRIP = 8  # pictures that show a board


class Card(NamedTuple):
    """A card that was written: its board, its file, the file's bytes, and the seconds it took."""

    board: str
    path: Path
    size: int
    seconds: float


STYLE = """\
:root { --own: #0072b2; --others: #b34700; --card: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --own: #56b4e9; --others: #f0a56b; --card: #1c2129; }
}
body { max-width: 64rem; }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
p, li { max-width: 44rem; overflow-wrap: anywhere; }
.muted { font-size: 0.9rem; }
.items { display: grid; gap: 0.8rem; margin: 1rem 0; padding: 0; list-style: none; }
.items > li {
  max-width: none; padding: 0.8rem; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card);
}
.items p { margin: 0.2rem 0; font-variant-numeric: tabular-nums; }
.sides { display: grid; gap: 0.6rem; grid-template-columns: 1fr; }
.pictures { display: flex; flex-wrap: wrap; gap: 4px; margin: 0.3rem 0 0; }
.pictures img {
  width: min(60px, (100% - 5 * 4px) / 6); height: auto; aspect-ratio: 1; border-radius: 4px;
}
svg { display: block; width: 100%; max-width: 30rem; height: 22px; }
.own { fill: var(--own); } .whisker { stroke: var(--text); stroke-width: 2; }
.others { stroke: var(--others); stroke-width: 3; }
@media (min-width: 48rem) {
  .sides { grid-template-columns: 1fr 1fr; }
  .pictures img { width: min(68px, (100% - 5 * 4px) / 6); }
}
@media print { .items > li { break-inside: avoid; } }
"""
BODY = """\
{% macro pictures(images, told) %}{% if images %}\
<div class="pictures" role="img" aria-label="{{ told }}">\
{% for image in images %}<img src="{{ image }}" alt="" width="68" height="68">{% endfor %}</div>\
{% endif %}{% endmacro %}
<h1>{{ board }}</h1>
<p class="muted">{{ about }}</p>
{{ pictures(strip, "Pictures of this board, in time order") }}
<h2>What it is made of</h2>
<p>{{ words }}</p>
<p>{{ clusters_told }}</p>
<ol class="items">
{% for item in clusters %}<li>
<h3>{{ item.name }}</h3>
<p>{{ item.told }}</p>
<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">\
<rect class="own" x="0" y="2" width="{{ item.value }}" height="6"/>\
<line class="whisker" x1="{{ item.low }}" x2="{{ item.high }}" y1="5" y2="5" \
vector-effect="non-scaling-stroke"/>\
<line class="others" x1="{{ item.others }}" x2="{{ item.others }}" y1="0" y2="10" \
vector-effect="non-scaling-stroke"/></svg>
<div class="sides"><div>{{ pictures(item.own, "Pictures of this board in the cluster") }}</div>\
<div>{{ pictures(item.theirs, "Pictures of other boards in the cluster") }}</div></div>
</li>
{% endfor %}</ol>
{% if clusters %}<p class="muted">Bar: this board's share; line in it: its 95% interval; upright \
line: others' share. Left, or above: this board's pictures; right, or below: others'. Beside a \
name stand its z-score and its purity, the share of the cluster that the name is true of.</p>\
{% endif %}
<h2>How it changed</h2>
<p>{{ change_told }}</p>
{% if changes %}<ul class="items">
{% for item in changes %}<li>
<h3>{{ item.name }}</h3>
<p>{{ item.told }}</p>
{{ pictures(item.images, item.shown) }}
</li>
{% endfor %}</ul>{% endif %}
<h2>Whose is most alike</h2>
<p>{{ alike_told }}</p>
{{ pictures(nearest, "Pictures of the board that is most alike") }}
<h2>How findable it is</h2>
<p>{{ found[0] }}</p>
{% if found[1:] %}<ul>{% for line in found[1:] %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
<h2>What the files alone would tell</h2>
<p>{{ facts[0] }}</p>
{% if facts[1:] %}<ul>{% for line in facts[1:] %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
<p class="muted">Made by visprof, with the preset {{ preset }}. Clusters group pictures that the \
network finds alike; the book's chapter "Your boards" says how. This page holds small copies of \
pictures, and asks no network for anything.</p>
"""


def write_cards(
    study: Study, chosen: Sequence[str] | None = None, out: str | Path = "_build/cards"
) -> Iterator[Card]:
    """Write the report cards of boards, each into a file of its own.

    Parameters
    ----------
    study : Study
        Of no board in particular.
    chosen : sequence of str, optional
        Names of boards; by default all that the study analyses.
    out : path
        Folder of the cards. A file there is whole, or as it was.

    Yields
    ------
    Card
        In the order of `chosen`.

    Raises
    ------
    ValueError
        If a board is unknown (the known ones are listed), has too few pictures, or is background.
    OSError
        If a file cannot be written.
    """
    found = [_analysed(study, name) for name in chosen] if chosen is not None else _boards(study)
    for board in found:
        start = time.perf_counter()
        path = Path(out) / f"{board_folder(board)}.html"
        page = card_page(study, board).encode("utf-8")
        write_whole(path, page)
        yield Card(board, path, len(page), time.perf_counter() - start)


def _boards(study: Study) -> list[str]:
    return sorted(map(str, study["board_split"].analysed["board"].unique()))


def _analysed(study: Study, asked: str) -> str:
    """The board of a name, if it can be analysed."""
    name, known = boards.board_name(asked), _boards(study)
    if name in known:
        return name
    n_pins = int((study["pins"].readable["board"] == name).sum())
    if 0 < n_pins < study.min_pins:
        raise ValueError(
            f"the board {name!r} has {n_pins} picture(s) that can be read, and a card needs "
            f"{study.min_pins}: add pictures, or lower it with -p min_pins={max(2, n_pins)}"
        )
    if n_pins:
        raise ValueError(
            f"the board {name!r} is not analysed: it is background, or has no pin since "
            f"{study.active_since}; pass -p background_source=all, or -p active_since=1900-01-01"
        )
    near = difflib.get_close_matches(name.casefold(), map(str.casefold, known), 1)
    hint = next((f" (did you mean {one}?)" for one in known if one.casefold() in near), "")
    raise ValueError(f"there is no board {name!r}{hint}; there are {listed(known, 20)}")


def card_page(study: Study, board: str) -> str:
    """Make the page of an analysed board.

    Parameters
    ----------
    study : Study
    board : str
        One of those that the study analyses.

    Returns
    -------
    str
        HTML with its pictures inside; texts are text, whatever they hold.
    """
    made: dict[str, Any] = {"own_board": board}
    for step in ("own_clusters", "similar_boards", "board_change", "own_numbers"):
        made[step] = study.compute(step, made)  # cards of one study share what they rest on
    split, names = study["board_split"], study["cluster_names"]
    change, alike = made["board_change"], made["similar_boards"]
    leading = tables.leading_clusters(made["own_clusters"], study.n_shown, names)
    widest = max(leading[["high", "others"]].max(axis=None), 1e-9) if len(leading) else 1.0
    clusters = [
        {
            "name": row.name,
            "told": sentences.card_share(row.value, row.low, row.high, row.others),
            "own": _pictures(row.own_images),
            "theirs": _pictures(row.other_images),
            **{of: f"{100 * getattr(row, of) / widest:.2f}"
               for of in ("value", "low", "high", "others")},
        }
        for row in leading.itertuples(index=False)
    ]  # fmt: skip
    changes = []
    if change.times == "known":
        for row in tables.with_names(change.clusters, names).itertuples(index=False):
            changes.append({
                "name": row.name,
                "told": sentences.card_shift(row),
                "images": _pictures(row.images),
                "shown": f"{'Late' if row.z > 0 else 'Early'} pictures in the cluster",
            })  # fmt: skip
    own = split.analysed[split.analysed["board"] == board]
    nearest = split.analysed[split.analysed["board"] == alike["user"][0]]
    return single_page(
        f"{board}: report card",
        STYLE,
        BODY,
        board=board,
        about=sentences.card_about(len(own), len(alike), change, study.backbone),
        strip=_pictures(_spread(own["image"])),
        words=sentences.board_in_words(study["board_names"], board)["in_words"],
        clusters_told=sentences.card_clusters(made["own_clusters"]),
        clusters=clusters,
        change_told=sentences.card_change(change),
        changes=changes,
        alike_told=sentences.card_alike(alike, made["own_numbers"]["yours.shared"].value),
        nearest=_pictures(_spread(nearest["image"])),
        found=sentences.card_found(study["identification"], board),
        facts=sentences.card_facts(study["identification"], board),
        preset=study.preset,
    )


def _spread(images: pd.Series) -> list[str]:
    """Some of a board's pictures, from first to last."""
    places = np.linspace(0, len(images) - 1, min(N_STRIP, len(images))).round().astype(int)
    return images.iloc[places].tolist()


def _pictures(images: Sequence[str]) -> list[str]:
    return [tile_uri(image, SIDE) for image in images if image]
