"""Little landscapes, drawn by rule: a scene class says *what* is seen, a style says *how*.

A painter, one function a scene class, holds everything that makes the class recognisable (shapes
and their arrangement); light and colour are the look's, see `visprof.sources.canvas`. The two draw
from separate random streams, so one seed under several styles shows one composition in several
lights. Pictures are painted at twice their size and reduced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from visprof._lazy import lazily
from visprof.sources import canvas
from visprof.sources.canvas import (
    FOLIAGE,
    LAMP,
    MEADOW,
    ROCK,
    ROOFS,
    WALLS,
    WHITE,
    Canvas,
    Look,
    mix,
    precise,
    row_of,
    spread,
    tint,
)

with lazily("nets"):
    import cv2

__all__ = ["SCENE_CLASSES", "STYLES", "draw_scene"]

OVERSAMPLING = 2
STYLES: tuple[str, ...] = tuple(canvas.STYLES)


def _coast(c: Canvas) -> None:
    c.sky(0.28, 0.45)
    headland = c.line(c.horizon - 0.10, 0.05, 3) + 0.5 * (c.unit - c.uniform(0.35, 0.6))
    c.land(np.minimum(headland, 1), c.pick(ROCK + FOLIAGE), 0.6)
    c.water(c.horizon, 0.15)
    reach, y = c.uniform(0.45, 0.75), c.unit[:, None]
    t = np.clip((y - c.horizon - 0.02) / (1 - c.horizon), 0, 1)
    edge = (
        1.02
        - reach * precise(np.power, t, 0.8)
        + 0.05 * precise(np.sin, 9 * t + c.uniform(0, 6)) * t
    )
    sand = c.shade(
        c.pick(((0.90, 0.80, 0.60), (0.84, 0.70, 0.52), (0.92, 0.88, 0.80), (0.60, 0.56, 0.52)))
    )
    speckle = 1 + 0.06 * c.texture(90, 90, 1)
    distance = c.unit[None] - edge
    inside = (y > c.horizon + 0.01).astype(np.float32)
    foam = inside * np.clip(
        1 - np.abs(distance + 0.06 * t + 0.01 * c.texture(20, 20, 1)) / (0.05 * t + 0.008), 0, 0.95
    )
    second = inside * np.clip(1 - np.abs(distance + 0.22 * t) / (0.03 * t + 0.004), 0, 0.7)
    c.blend(inside * np.clip(distance * 40 + 1.4, 0, 1), sand * 0.75)
    c.blend(inside * np.clip((distance - 0.05 * t) * 60, 0, 1), tint(speckle, sand))
    c.blend(np.maximum(foam, second * (c.texture(30, 20, 1) > -0.5)), c.shade(WHITE, 0, 1.05))
    if c.chance(0.5):
        c.palm(0.88, c.uniform(0.75, 0.95), c.uniform(0.35, 0.5), c.shade((0.20, 0.36, 0.16)))
    else:
        for _ in range(int(c.rng.integers(1, 4))):
            x, foot = c.uniform(0.72, 0.95), c.uniform(0.72, 0.95)
            c.stroke(((x, foot), (x, foot - 0.11)), c.shade((0.3, 0.25, 0.2)), 0.008)
            c.fill(
                ((x - 0.07, foot - 0.09), (x + 0.07, foot - 0.09), (x, foot - 0.15)),
                c.shade(c.pick(WALLS + ROOFS)),
            )


def _open_sea(c: Canvas) -> None:
    c.sky(0.35, 0.62)
    c.water(c.horizon, 0.1)
    for depth in np.linspace(0.9, 0.0, 7).tolist():  # swell, row by row, coming nearer
        y, near = c.horizon + (1 - c.horizon) * (1 - depth) ** 1.6 + 0.015, 1 - depth
        crest = c.line(y, 0.004 + 0.022 * near, 5 + int(6 * depth), 2, smooth=True)
        reach = 0.006 + 0.03 * near
        rows = slice(int((y - 3 * reach) * c.side), int((y + 5 * reach) * c.side))
        band = (c.unit[rows, None] - crest) / reach
        c.blend(
            0.45 * np.where(band > 0, precise(np.exp, -np.abs(band)), 0),
            c.shade((0.05, 0.12, 0.2), depth),
            rows.start,
        )
        c.blend(
            0.25 * precise(np.exp, -4 * (band + 0.3) ** 2),
            np.minimum(c.look.sky[2] + 0.1, 1),
            rows.start,
        )
    if c.chance(0.75):
        size = c.uniform(0.10, 0.32)
        c.sail(c.uniform(0.2, 0.8), c.horizon + 0.3 * size, size)
    c.birds()


def _mountain(c: Canvas) -> None:
    c.sky(0.62, 0.72)
    rock = c.pick(ROCK)
    for depth in (0.8, 0.35):
        peaks = np.full(c.side, 1.0, np.float32)
        for _ in range(int(c.rng.integers(2, 5))):
            x, height = c.uniform(0.05, 0.95), c.uniform(0.3, 0.55)
            top = c.horizon - height * (0.8 if depth > 0.5 else 1)
            peaks = np.minimum(peaks, top + np.abs(c.unit - x) * c.uniform(0.9, 1.4))
        peaks = np.minimum(peaks + c.line(0, 0.03, 10), c.horizon + 0.02)
        slope = np.gradient(cv2.GaussianBlur(peaks[None], (9, 1), 2)[0]) * c.side
        drop = c.unit[:, None] - peaks
        gully = 0.04 * c.texture(12, 30)
        lit = 0.62 + 0.53 * (slope + 8 * gully > 0).astype(np.float32)
        snowy = c.uniform(0.10, 0.22) - drop + 2.5 * gully + 0.05 * np.sign(slope)
        snowy = np.clip(30 * snowy, 0, 1) * (drop > 0)
        c.below(drop, tint(lit, c.shade(rock, depth)))
        c.blend(snowy, tint(0.75 + 0.25 * lit, c.shade(WHITE, depth * 0.7)))
    c.mist(c.horizon, 0.06, 0.25 + 0.3 * min(c.look.haze, 1))
    hills = c.line(c.horizon + 0.02, 0.04, 3, smooth=True)
    c.land(hills, c.pick(FOLIAGE), 0.3)
    c.wood(hills, 26, 0.09, 0.3)
    c.land(c.line(0.86, 0.05, 2, smooth=True), c.pick(MEADOW), 0.0, 0.25, (60, 60))


def _snow(c: Canvas) -> None:
    c.sky(0.38, 0.52)
    white = WHITE - c.rng.uniform(0, 0.08, 3).astype(np.float32)
    far = c.line(c.horizon, 0.06, 3, smooth=True)
    c.land(far, white * 0.9, 0.7, 0.03, (6, 6), 0.1)
    c.wood(far + 0.02, 14, 0.09, 0.6, snow=0.7)
    middle = c.line(c.horizon + 0.14, 0.06, 2, smooth=True)
    c.land(middle, white * 0.95, 0.3, 0.04, (5, 4), 0.18)
    c.wood(middle + 0.02, 6, 0.22, 0.2, snow=0.85)
    if c.chance(0.5):
        x, y = c.uniform(0.15, 0.65), c.horizon + 0.3
        c.box(x, y - 0.13, 0.2, 0.13, c.shade((0.42, 0.28, 0.18)))
        c.fill(
            (
                (x - 0.04, y - 0.12),
                (x + 0.24, y - 0.12),
                (x + 0.18, y - 0.23),
                (x + 0.02, y - 0.23),
            ),
            c.shade(WHITE),
        )
        c.box(x + 0.06, y - 0.09, 0.05, 0.05, LAMP)
    c.land(c.line(c.horizon + 0.30, 0.07, 2, smooth=True), white, 0.0, 0.05, (8, 3), 0.22)
    near = c.line(0.96, 0.02, 2)
    c.wood(near, int(c.rng.integers(1, 4)), 0.42, 0.0, snow=0.95)
    for x, y, r in c.rng.random((60 if c.chance(0.6) else 0, 3)):
        c.disc(x, y, 0.003 + 0.006 * r, np.minimum(c.look.light * 1.1, 1))


def _forest(c: Canvas) -> None:
    c.sky(0.5, 0.6)
    leaf = c.pick(FOLIAGE)
    bark = c.pick(((0.30, 0.22, 0.16), (0.42, 0.38, 0.34), (0.24, 0.20, 0.20)))
    crown = tint(1 + 0.5 * c.texture(20, 20, 2), c.shade(leaf, 0.8))
    gap = (c.unit[None] - c.uniform(0.35, 0.65)) ** 2 * 6 + (c.unit[:, None] - 0.45) ** 2 * 9
    c.blend(np.clip(0.25 + gap, 0, 0.95), crown)
    c.land(c.line(c.horizon + 0.1, 0.02, 5), c.pick(MEADOW + FOLIAGE) * 0.8, 0.3, 0.3, (50, 50))
    centre = c.uniform(0.4, 0.6)
    if c.chance(0.6):
        c.fill(
            (
                (centre - 0.02, c.horizon + 0.1),
                (centre + 0.02, c.horizon + 0.1),
                (centre + 0.3, 1.0),
                (centre - 0.25, 1.0),
            ),
            c.shade((0.62, 0.50, 0.36), 0.1),
        )
    for depth, count in ((0.9, 16), (0.5, 9), (0.05, 5)):
        tone = c.shade(bark, depth)
        foot = c.horizon + 0.12 + 0.32 * (1 - depth)
        for x in c.rng.uniform(-0.02, 1.02, count):
            if depth < 0.6 and abs(x - centre) < 0.14:
                continue
            w = 0.012 + 0.05 * (1 - depth) * c.uniform(0.6, 1.2)
            y, lean = foot + c.uniform(-0.03, 0.05), c.uniform(-0.02, 0.02)
            c.fill(
                ((x - w, y), (x + w, y), (x + lean + 0.6 * w, 0), (x + lean - 0.6 * w, 0)),
                tone * 0.75,
            )
            c.fill(
                ((x - w, y), (x - 0.3 * w, y), (x + lean - 0.3 * w, 0), (x + lean - 0.6 * w, 0)),
                tone * 1.25,
            )
    top = np.clip((0.30 + 0.12 * c.texture(8, 8) - c.unit[:, None]) * 20, 0, 1)
    c.blend(
        top * (c.texture(40, 40, 1) > -0.55),
        tint(1 + 0.5 * c.texture(40, 40, 1), c.shade(leaf, 0.1, 0.8)),
    )


def _lake(c: Canvas) -> None:
    c.sky(0.40, 0.52)
    c.ridges(2, c.horizon - 0.17, c.horizon - 0.09, ROCK + FOLIAGE, 3, smooth=c.chance(0.5))
    shore = c.line(c.horizon - 0.025, 0.012, 4, smooth=True)
    c.land(shore, c.pick(FOLIAGE), 0.3)
    c.wood(shore + 0.01, 24, 0.10, 0.35, firs=c.chance(0.6))
    c.water(c.horizon, 0.95)
    if c.chance(0.5):
        x, plank = c.uniform(0.3, 0.7), c.shade((0.50, 0.38, 0.27))
        c.fill(
            ((x - 0.05, c.horizon + 0.2), (x + 0.05, c.horizon + 0.2), (x + 0.2, 1), (x - 0.2, 1)),
            plank,
        )
        for t in (np.linspace(0, 1, 9)[1:] ** 1.7).tolist():
            y, half = c.horizon + 0.2 + (0.8 - c.horizon) * t, 0.05 + 0.15 * t
            c.stroke(((x - half, y), (x + half, y)), plank * 0.6, 0.006)
    else:
        x, y, s = c.uniform(0.25, 0.75), c.uniform(0.68, 0.82), c.uniform(0.08, 0.13)
        hull = c.shade(c.pick(ROOFS))
        c.fill(
            ((x - s, y), (x + s, y), (x + 0.7 * s, y + 0.3 * s), (x - 0.7 * s, y + 0.3 * s)), hull
        )
        c.fill(
            ((x - 0.7 * s, y + 0.3 * s), (x + 0.7 * s, y + 0.3 * s), (x, y + 0.55 * s)), hull * 0.4
        )


def _waterfall(c: Canvas) -> None:
    c.sky(0.22, 0.32)
    rock, leaf, x = c.pick(ROCK) * 0.8, c.pick(FOLIAGE), c.uniform(0.38, 0.62)
    lip, pool = c.horizon, c.uniform(0.76, 0.84)
    rim = c.line(lip - 0.03, 0.04, 6)
    c.land(rim, rock, 0.35, 0.45, (10, 40), 0.35)
    c.wood(rim + 0.02, 18, 0.10, 0.3, firs=c.chance(0.5))
    half = c.uniform(0.07, 0.15)
    t = np.clip((c.unit[:, None] - lip) / (pool - lip), 0, 1)
    width = half * (0.8 + 0.5 * t) + 0.012 * c.texture(12, 1)
    fall = np.clip((width - np.abs(c.unit[None] - x)) * 40, 0, 1)
    fall *= (c.unit[:, None] > lip) & (c.unit[:, None] < pool + 0.02)
    streaks = 1 + 0.28 * c.texture(3, 48, 2)
    c.blend(fall, tint(np.clip(streaks, 0.4, 1.15), c.shade(WHITE, 0.1)))
    for side in (-1, 1):  # walls that frame the fall, nearer and darker
        reach = c.uniform(0.16, 0.24)
        edge = x + side * (half + reach + 0.04 * canvas.noise_line(c.rng, c.side, 6))[:, None]
        inside = np.clip(side * (c.unit[None] - edge) * 50, 0, 1) * np.clip(
            (c.unit[:, None] - lip - 0.12) * 12, 0, 1
        )
        c.blend(inside, tint(1 + 0.4 * c.texture(14, 30), c.shade(rock * 0.7, 0.1)))
    c.water(pool, 0.4)
    across, down = (
        precise(np.exp, -(((c.unit - x) / (1.8 * half)) ** 2)),
        precise(np.exp, -(((c.unit - pool) / 0.055) ** 2)),
    )
    c.blend(0.9 * down[:, None] * across, c.shade(WHITE))
    for bx in c.rng.uniform(0, 1, 9):
        if abs(bx - x) > 1.5 * half:
            s, by, tone = c.uniform(0.05, 0.12), c.uniform(pool + 0.04, 1.0), c.shade(rock)
            c.fill(
                (
                    (bx - s, by),
                    (bx - 0.7 * s, by - 0.6 * s),
                    (bx + 0.3 * s, by - 0.7 * s),
                    (bx + s, by),
                ),
                tone * 0.7,
            )
            c.fill(
                ((bx - 0.7 * s, by - 0.6 * s), (bx + 0.3 * s, by - 0.7 * s), (bx, by - 0.35 * s)),
                tone * 1.15,
            )
    if c.chance(0.5):  # ferns in a corner
        green = c.shade(leaf)
        for angle in np.linspace(0.1, 1.5, 9).tolist():
            c.stroke(
                ((0, 1), (0.3 * np.cos(angle), 1 - 0.3 * np.sin(angle))),
                green * c.uniform(0.6, 1.1),
                0.02,
            )


def _desert(c: Canvas) -> None:
    c.sky(0.36, 0.50)
    sand = c.pick(((0.90, 0.68, 0.40), (0.82, 0.48, 0.28), (0.92, 0.82, 0.64), (0.80, 0.66, 0.52)))
    tops = (c.horizon, c.horizon + 0.10, c.horizon + 0.26)
    for depth, base in zip((0.9, 0.45, 0.0), tops, strict=True):
        peak, rise = c.uniform(0.2, 0.8), c.uniform(0.10, 0.2) * (1.1 - 0.5 * depth)
        crest = base - rise * precise(np.exp, -np.abs(c.unit - peak) * c.uniform(2.5, 4))
        crest += c.line(0.04, 0.02, 2, 1, smooth=True)
        ripples = precise(np.sin, c.unit[:, None] * c.uniform(120, 180) + 6 * c.texture(4, 4))
        ripples *= 0.05 * (1 - depth)
        y = c.unit[:, None]
        top = crest.min()
        fold = peak + (y - top) * c.uniform(0.5, 1.0) + 0.06 * precise(np.sin, 9 * (y - top))
        lee = np.clip((c.unit[None] - fold) * 60, 0, 1)
        tone = 1.08 - 0.42 * lee * precise(np.exp, -np.clip(y - crest, 0, 1) * 2.2) + ripples
        c.below(y - crest, tint(tone, c.shade(sand, depth)))
    if c.chance(0.55):  # a caravan along the middle dune
        ink, x0, size = (
            c.shade((0.25, 0.18, 0.13), 0.15),
            c.uniform(0.1, 0.4),
            c.uniform(0.045, 0.06),
        )
        for k in range(int(c.rng.integers(2, 5))):
            x, y = x0 + 1.7 * size * k, c.horizon + 0.22
            c.disc(x, y, 0.36 * size, ink)
            c.disc(x - 0.12 * size, y - 0.4 * size, 0.25 * size, ink)
            c.stroke(
                (
                    (x + 0.3 * size, y),
                    (x + 0.65 * size, y - 0.6 * size),
                    (x + 0.85 * size, y - 0.55 * size),
                ),
                ink,
                0.012,
            )
            for leg in (-0.3, -0.1, 0.15, 0.32):
                c.stroke(((x + leg * size, y), (x + leg * size, y + 0.9 * size)), ink, 0.006)
    else:
        for _ in range(int(c.rng.integers(1, 4))):
            x, foot, h = c.uniform(0.1, 0.9), c.uniform(0.72, 0.95), c.uniform(0.16, 0.28)
            green = c.shade((0.26, 0.40, 0.22))
            c.stroke(((x, foot), (x, foot - h)), green, 0.035)
            c.stroke(
                ((x, foot - 0.4 * h), (x - 0.07, foot - 0.4 * h), (x - 0.07, foot - 0.7 * h)),
                green,
                0.022,
            )
            c.stroke(
                ((x, foot - 0.5 * h), (x + 0.07, foot - 0.5 * h), (x + 0.07, foot - 0.85 * h)),
                green * 0.85,
                0.022,
            )


def _field(c: Canvas) -> None:
    c.sky(0.38, 0.52)
    c.ridges(2, c.horizon - 0.05, c.horizon - 0.02, FOLIAGE + MEADOW)
    crop = c.pick(
        (
            (0.80, 0.66, 0.28),
            (0.40, 0.56, 0.20),
            (0.52, 0.36, 0.62),
            (0.78, 0.30, 0.26),
            (0.86, 0.80, 0.30),
        )
    )
    soil = c.pick(((0.42, 0.32, 0.22), (0.34, 0.44, 0.20)))
    y, vanish = c.unit[:, None], c.uniform(0.25, 0.75)
    depth = np.clip(y - c.horizon, 1e-3, 1)
    phase = (
        c.uniform(2.0, 3.2) * (c.unit[None] - vanish) / (depth + 0.04)
    )  # rows meet at the horizon
    rows = 0.7 + 1.6 * precise(np.cos, 2 * np.pi * phase) + 0.8 * c.texture(70, 70, 1)
    ground = (y > c.horizon).astype(np.float32)
    veil = ground * precise(np.exp, -depth * 9) * (1 - np.exp(-c.look.haze))
    c.blend(np.broadcast_to(ground, rows.shape), c.shade(soil, 0.1))
    plants = tint(1 + 0.2 * c.texture(80, 60, 1), c.shade(crop, 0.1))
    c.blend(ground * np.clip(rows, 0, 1), plants)
    c.blend(np.broadcast_to(veil, rows.shape), c.look.haze_colour)
    kind, x = c.rng.integers(3), c.uniform(0.15, 0.85)
    if kind == 0:
        c.broadleaf(x, c.horizon + 0.05, c.uniform(0.22, 0.34), c.shade(c.pick(FOLIAGE)))
    elif kind == 1:
        for _ in range(5):
            depth = c.uniform(0.05, 0.4)
            bx, r = c.uniform(0.05, 0.95), 0.02 + 0.14 * depth
            c.box(
                bx - 0.9 * r,
                c.horizon + depth + 0.6 * r,
                2.6 * r,
                0.45 * r,
                c.shade((0.2, 0.17, 0.1)),
            )
            c.box(bx, c.horizon + depth - r, 1.3 * r, 2 * r, c.shade((0.62, 0.48, 0.22)))
            for ring, tone in ((1.0, 1.0), (0.65, 0.8), (0.3, 1.0)):
                c.disc(bx, c.horizon + depth, ring * r, c.shade((0.80, 0.66, 0.36), 0, tone))
    else:
        _windmill(c, x, c.horizon + 0.03, c.uniform(0.2, 0.3))


def _windmill(c: Canvas, x: float, y: float, h: float) -> None:
    wall, angle = c.shade(c.pick(WALLS)), c.uniform(0, np.pi / 2)
    c.fill(
        (
            (x - 0.2 * h, y),
            (x + 0.2 * h, y),
            (x + 0.12 * h, y - 0.8 * h),
            (x - 0.12 * h, y - 0.8 * h),
        ),
        wall,
    )
    c.fill(
        ((x - 0.14 * h, y - 0.8 * h), (x + 0.14 * h, y - 0.8 * h), (x, y - h)),
        c.shade(c.pick(ROOFS)),
    )
    for quarter in range(4):
        a = angle + quarter * np.pi / 2
        c.stroke(
            ((x, y - 0.8 * h), (x + 0.6 * h * np.cos(a), y - 0.8 * h + 0.6 * h * np.sin(a))),
            wall * 0.4,
            0.014,
        )


def _canyon(c: Canvas) -> None:
    c.sky(0.34, 0.44)
    rock = c.pick(((0.80, 0.42, 0.26), (0.84, 0.62, 0.42), (0.66, 0.48, 0.40), (0.62, 0.60, 0.55)))
    bands = np.repeat(c.rng.uniform(0.72, 1.22, 80), 4).astype(np.float32)
    centre = c.uniform(0.4, 0.6)

    def strata(line: np.ndarray, depth: float, light: np.ndarray | float) -> None:
        """Paint level beds below a rim, each column in its own light."""
        top = int(np.clip(line.min() * c.side - 1, 0, c.side - 1))
        y = c.unit[top:, None]
        level = (y + 0.012 * c.texture(3, 5)[top:]) * (130 * (0.7 + depth)) + 60 * depth
        tone = bands[np.clip(level, 0, 319).astype(np.int32)]
        tone += 0.08 * c.texture(60, 40, 1)[top:]
        c.below(y - line, tint(tone * light, c.shade(rock, depth)), top)

    mesa = c.horizon - c.uniform(0.06, 0.14) * (np.abs(c.unit - c.uniform(0.3, 0.7)) < 0.12)
    strata(mesa.astype(np.float32) + c.line(0, 0.006, 6), 1.0, 1.0)
    on_left = c.unit < centre
    light = np.where(on_left == c.chance(0.5), 0.62, 1.08).astype(np.float32)
    for depth, gap, floor in ((0.8, 0.03, 0.62), (0.45, 0.11, 0.76), (0.1, 0.24, 1.05)):
        rim = c.horizon + (depth - 0.75) * 0.3 + c.either(on_left, 0, 0.08)
        reach = np.abs(c.unit - centre) - gap * c.either(on_left, 0.8, 1.2)
        ledges = reach / (0.16 + 0.12 * (1 - depth)) + c.line(0, 0.05, 10)
        ledges = 3 * np.clip(ledges, 0, 1)
        steps = (np.floor(ledges) + np.clip((ledges % 1) * 4, 0, 1)) / 3  # cliff, ledge, cliff
        line = np.where(reach > 0, floor + (rim - floor) * np.minimum(steps, 1), np.float32(2))
        strata(line, depth, light)
    t = np.linspace(0, 1, 24)
    path = centre + 0.07 * np.sin(7 * t + c.uniform(0, 6)) * t
    banks = [np.column_stack((path + s * (0.012 + 0.10 * t), 0.62 + 0.38 * t)) for s in (-1, 1)]
    river = 0.5 * c.shade((0.2, 0.48, 0.5)) + 0.4 * c.look.sky[1]
    c.fill(np.concatenate((banks[0], banks[1][::-1])), river)
    c.birds()


def _village(c: Canvas) -> None:
    c.sky(0.34, 0.46)
    c.ridges(2, c.horizon - 0.08, c.horizon, FOLIAGE + ROCK)
    hill = c.horizon + 0.10 + 0.5 * (c.unit - c.uniform(0.35, 0.65)) ** 2
    c.land(hill, c.pick(MEADOW), 0.3, 0.2, (60, 60))
    church, size = c.uniform(0.3, 0.7), c.uniform(0.085, 0.11)
    for row, y in enumerate(np.linspace(c.horizon + 0.13, 0.90, 4)):
        scale = size * (1 + 0.32 * row)
        if row == 1:
            wall, top = c.shade(c.pick(WALLS[:2])), y - 0.30
            c.box(church, top, 0.085, 0.30, wall)
            c.box(church + 0.055, top, 0.03, 0.30, wall * 0.8)
            c.fill(
                ((church - 0.015, top), (church + 0.1, top), (church + 0.042, top - 0.20)),
                c.shade(c.pick(ROOFS)),
            )
            c.box(church + 0.03, top + 0.05, 0.025, 0.05, wall * 0.35)
        for x in np.arange(-0.05 + c.uniform(0, 0.1), 0.98, 1.55 * scale):
            if c.chance(0.78):
                c.house(
                    x,
                    y + c.uniform(-0.02, 0.02),
                    scale * c.uniform(1.0, 1.3),
                    scale * c.uniform(0.75, 1.0),
                    0.4 - 0.13 * row,
                )
            else:
                c.broadleaf(x + 0.4 * scale, y, 1.3 * scale, c.shade(c.pick(FOLIAGE), 0.3))


def _blocks(c: Canvas, foot: float, lit: float) -> None:
    """Paint two rows of tower blocks."""
    walls = ((0.66, 0.68, 0.72), (0.76, 0.70, 0.62), (0.52, 0.56, 0.64), (0.70, 0.55, 0.46))
    for depth, tall in ((0.7, (0.22, 0.46)), (0.15, (0.14, 0.42))):
        x = c.uniform(-0.08, 0.0)
        while x < 1:
            w = c.uniform(0.08, 0.15)
            c.tower_block(x, foot - c.uniform(*tall), w, foot, c.pick(walls), lit, depth)
            x += w * c.uniform(0.95, 1.35)


def _skyline_day(c: Canvas) -> None:
    c.sky(0.62, 0.72)
    _blocks(c, c.horizon + 0.06, 0.0)
    if c.chance(0.5):
        c.water(c.horizon + 0.06, 0.6)
    else:
        park = c.line(c.horizon + 0.06, 0.02, 4, smooth=True)
        c.land(park, c.pick(MEADOW + FOLIAGE), 0.1, 0.25, (60, 60))
        c.wood(park + 0.05, 12, 0.12, 0.1, firs=False)


def _skyline_night(c: Canvas) -> None:
    c.sky(0.62, 0.72, sun=c.chance(0.5))
    foot = c.horizon + 0.06
    _blocks(c, foot, c.uniform(0.5, 0.75))
    c.box(0, foot - 0.012, 1, 0.012, LAMP * 0.8)
    if c.chance(0.65):
        c.water(foot, 0.75)
    else:
        c.land(foot, (0.2, 0.2, 0.24), 0.0, 0.1)
        for x in c.rng.uniform(0, 1, 30):
            y = foot + 0.02 + (1 - foot) * c.uniform(0, 1) ** 2 * 0.9
            c.disc(
                x,
                y,
                0.006 + 0.01 * (y - foot),
                LAMP if c.chance(0.7) else np.array([0.95, 0.3, 0.2], np.float32),
            )


def _street(c: Canvas) -> None:
    c.sky(0.46, 0.54, sun=False)
    vx, vy = c.uniform(0.42, 0.58), c.horizon
    road = c.shade(c.pick(((0.34, 0.34, 0.36), (0.46, 0.43, 0.40), (0.52, 0.46, 0.40))))
    c.land(vy, (0.62, 0.60, 0.56), 0.1, 0.1, (80, 40))
    c.fill(((vx, vy), (vx, vy), (1.12, 1), (-0.12, 1)), road)

    def at(x: float, y: float, t: float) -> tuple[float, float]:  # t 0 near, 1 far
        return x + (vx - x) * t, y + (vy - y) * t

    for left in (True, False):
        x0 = -0.25 if left else 1.25
        cuts = 1 - (1 - 0.12) * 0.68 ** np.arange(6)
        for k in range(5, 0, -1):
            near, far = cuts[k - 1], cuts[k]
            wall = c.shade(c.pick(WALLS), 0.6 * far, 0.95 if left else 0.8)
            roof, foot = c.uniform(-0.9, -0.2), 0.93
            c.fill(
                (at(x0, roof, near), at(x0, roof, far), at(x0, foot, far), at(x0, foot, near)), wall
            )
            c.fill(
                (
                    at(x0, roof, near),
                    at(x0, roof, far),
                    at(x0, roof + 0.05, far),
                    at(x0, roof + 0.05, near),
                ),
                wall * 0.6,
            )
            end = at(x0, 0, far)[0]
            c.stroke(((end, at(x0, roof, far)[1]), (end, at(x0, foot, far)[1])), wall * 0.7, 0.006)
            for s in np.linspace(0.1, 0.7, 3):
                a, b = near + (far - near) * s, near + (far - near) * (s + 0.18)
                for top in np.arange(roof + 0.14, 0.55, 0.22):
                    pane = LAMP if c.chance(c.look.lamps) else wall * 0.4
                    c.fill(
                        (
                            at(x0, top, a),
                            at(x0, top, b),
                            at(x0, top + 0.12, b),
                            at(x0, top + 0.12, a),
                        ),
                        pane,
                    )
            shop = c.shade(c.pick(ROOFS + WALLS), 0.4 * far)
            c.fill(
                (at(x0, 0.62, near), at(x0, 0.62, far), at(x0, 0.68, far), at(x0, 0.68, near)), shop
            )
            c.fill(
                (at(x0, 0.70, near), at(x0, 0.70, far), at(x0, foot, far), at(x0, foot, near)),
                wall * 0.45,
            )
    for t in (0.0, 0.3, 0.52, 0.68, 0.79, 0.87):
        c.fill(
            (
                at(0.48, 1, t),
                at(0.52, 1, t),
                at(0.52, 1, t + 0.16 * (1 - t)),
                at(0.48, 1, t + 0.16 * (1 - t)),
            ),
            c.shade(WHITE),
        )
    for t in (0.72, 0.5, 0.22):
        for x in (0.08, 0.92):
            s, (px, py) = 1 - t, at(x, 1.0, t)
            ink = c.shade((0.16, 0.16, 0.18), 0.3 * t)
            c.stroke(((px, py), (px, py - 0.55 * s)), ink, 0.014 * s + 0.004)
            c.disc(px, py - 0.57 * s, 0.028 * s + 0.004, LAMP if c.look.lamps > 0.05 else ink)
    if c.chance(0.6):
        t = c.uniform(0.4, 0.6)
        (px, py), s, paint = (
            at(c.pick(((0.3,) * 3, (0.7,) * 3), 0)[0], 1.0, t),
            0.34 * (1 - t),
            c.shade(c.pick(WALLS + ROOFS)),
        )
        c.box(px - 0.5 * s, py - 0.45 * s, s, 0.4 * s, paint)
        c.fill(
            (
                (px - 0.4 * s, py - 0.44 * s),
                (px + 0.4 * s, py - 0.44 * s),
                (px + 0.3 * s, py - 0.8 * s),
                (px - 0.3 * s, py - 0.8 * s),
            ),
            paint * 0.5,
        )
        for wheel in (-0.36, 0.36):
            c.disc(px + wheel * s, py - 0.05 * s, 0.12 * s, paint * 0.15)


def _bridge(c: Canvas) -> None:
    c.sky(0.52, 0.62)
    c.ridges(2, c.horizon - 0.12, c.horizon - 0.04, FOLIAGE + ROCK)
    paint = c.pick(((0.74, 0.28, 0.18), (0.60, 0.62, 0.66), (0.42, 0.44, 0.48), (0.66, 0.58, 0.46)))
    metal = c.shade(paint, 0.1)
    deck, arches = c.horizon - c.uniform(0.02, 0.08), c.chance(0.35)
    if not arches:
        c.water(c.horizon, 0.45)
        left, right, top = c.uniform(0.16, 0.26), c.uniform(0.74, 0.84), deck - c.uniform(0.28, 0.4)
        for x0, x1, y0, y1 in (
            (left, right, top, top),
            (-0.25, left, deck, top),
            (right, 1.25, top, deck),
        ):
            t = np.linspace(0, 1, 15)
            sag = (deck - 0.03 - top) * 4 * t * (1 - t) if y0 == y1 else 0.06 * np.sin(np.pi * t)
            x, y = x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + sag
            c.stroke(np.column_stack((x, y)), metal, 0.010)
            for hx, hy in zip(x, y, strict=True):
                c.stroke(((hx, hy), (hx, deck)), metal * 0.9, 0.003)
        for x in (left, right):
            for leg in (-0.026, 0.016):
                c.box(x + leg, top - 0.02, 0.014, 1.06 * (c.horizon + 0.05 - top), metal * 0.9)
            for y in np.linspace(top + 0.02, deck - 0.06, 3):
                c.box(x - 0.026, y, 0.056, 0.014, metal * 0.8)
            c.box(x - 0.05, c.horizon + 0.03, 0.1, 0.035, c.shade((0.5, 0.48, 0.45)))
        c.box(-0.1, deck, 1.2, 0.026, metal * 0.75)
        c.box(-0.1, deck, 1.2, 0.009, metal * 1.15)
        return
    deck -= 0.16
    stone, count = c.shade(c.pick(ROCK + WALLS[:2]), 0.1), int(c.rng.integers(3, 6))
    span = 1.1 / count
    back = c.image.copy()
    c.box(-0.1, deck, 1.2, c.horizon - deck + 0.02, stone)
    hole = np.zeros((c.side, c.side), np.float32)
    for k in range(count):
        x, r = -0.05 + (k + 0.5) * span, 0.40 * span
        height = c.horizon - deck - 0.05
        s = c.side
        cv2.ellipse(
            hole,
            (round(x * s), round((c.horizon + 0.02) * s)),
            (round(r * s), round(height * s)),
            0,
            180,
            360,
            1.0,
            -1,
        )
        cv2.ellipse(
            c.image,
            (round(x * s), round((c.horizon + 0.02) * s)),
            (round((r + 0.02) * s), round((height + 0.02) * s)),
            0,
            180,
            360,
            (stone * 0.7).tolist(),
            -1,
        )
    c.blend(hole, back)
    c.box(-0.1, deck - 0.02, 1.2, 0.03, stone * 0.8)
    c.water(c.horizon + 0.02, 0.3)


def _temple(c: Canvas) -> None:
    c.sky(0.58, 0.68)
    c.ridges(2, c.horizon - 0.10, c.horizon - 0.02, FOLIAGE + ROCK)
    c.land(c.horizon + 0.02, c.pick((*MEADOW, (0.66, 0.62, 0.56))), 0.1, 0.2, (70, 50))
    x, foot, tiers = c.uniform(0.38, 0.62), c.horizon + 0.14, int(c.rng.integers(2, 6))
    c.wood(np.full(c.side, c.horizon + 0.05), 9, 0.16, 0.3, firs=c.chance(0.5))
    wall = c.shade(c.pick(((0.72, 0.24, 0.16), (0.86, 0.78, 0.66), (0.50, 0.34, 0.24))))
    roof = c.shade(c.pick((*ROOFS, (0.26, 0.36, 0.36))), 0, 0.85)
    stone, height = c.shade((0.66, 0.63, 0.58)), min(0.19, (foot - 0.16) / tiers)
    for step in range(3):
        half = 0.34 - 0.04 * step
        c.box(x - half, foot - 0.025 * (step + 1), 2 * half, 0.026, stone * (0.8 + 0.12 * step))
    c.fill(
        ((x - 0.06, foot - 0.075), (x + 0.06, foot - 0.075), (x + 0.16, 1), (x - 0.16, 1)),
        stone * 1.1,
    )
    y = foot - 0.075
    for tier in range(tiers):
        half = 0.20 * (1 - 0.13 * tier)
        body = 0.5 * height
        c.box(x - half, y - body, 2 * half, body, wall)
        for k in np.linspace(-0.85, 0.85, 6):
            c.box(x + k * half - 0.008, y - body, 0.016, body, wall * 0.55)
        if tier == 0:
            c.box(
                x - 0.035,
                y - 0.8 * body,
                0.07,
                0.8 * body,
                LAMP if c.chance(c.look.lamps) else wall * 0.25,
            )
        y -= body
        t = np.linspace(-1, 1, 21)
        eaves = y - 0.28 * height * np.abs(t) ** 3 + 0.015
        outline = np.concatenate(
            (
                np.column_stack((x + 1.65 * half * t, eaves)),
                ((x + 0.62 * half, y - 0.5 * height), (x - 0.62 * half, y - 0.5 * height)),
            )
        )
        c.fill(outline, roof)
        c.stroke(np.column_stack((x + 1.65 * half * t, eaves)), roof * 1.5, 0.008)
        y -= 0.45 * height
    c.stroke(((x, y + 0.02), (x, y - 0.09)), roof * 0.8, 0.016)
    c.disc(x, y - 0.03, 0.016, roof * 1.4)


def _lighthouse(c: Canvas) -> None:
    c.sky(0.52, 0.64)
    c.water(c.horizon, 0.15)
    x, foot, h = c.uniform(0.35, 0.65), c.horizon + c.uniform(-0.02, 0.06), c.uniform(0.36, 0.46)
    rock = c.pick(ROCK)
    cliff = (
        foot
        + 1.5 * precise(np.power, np.clip(np.abs(c.unit - x) - 0.12, 0, 1), 1.1)
        + c.line(0.0, 0.03, 10)
    )
    if c.chance(0.5):  # a headland that joins the frame
        cliff = np.where(c.unit > x, np.minimum(cliff, foot + 0.03 + c.line(0, 0.03, 6)), cliff)
    if c.look.lamps > 0.1:
        top = foot - 0.98 * h
        away = np.abs(c.unit[None] - x)
        beam = np.clip(1 - np.abs(c.unit[:, None] - top) / (0.012 + 0.10 * away), 0, 1)
        c.blend(0.5 * beam * precise(np.exp, -2 * away), LAMP)
    c.land(cliff.astype(np.float32), rock, 0.1, 0.4, (24, 24), 0.5)
    white = c.shade(WHITE)
    band = c.shade(c.pick(((0.78, 0.16, 0.14), (0.14, 0.22, 0.42), (0.14, 0.14, 0.16))))
    stripes = int(c.rng.integers(3, 7))
    foot += 0.03
    for k in range(stripes):
        a, b = k / stripes, (k + 1) / stripes
        wa, wb = 0.062 - 0.024 * a, 0.062 - 0.024 * b
        ya, yb = foot - 0.84 * h * a, foot - 0.84 * h * b
        tone = band if k % 2 else white
        c.fill(((x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)), tone)
        c.fill(((x + 0.35 * wa, ya), (x + wa, ya), (x + wb, yb), (x + 0.35 * wb, yb)), tone * 0.75)
    top = foot - 0.84 * h
    c.box(x - 0.055, top - 0.018, 0.11, 0.018, band * 0.6)
    c.box(
        x - 0.028,
        top - 0.085,
        0.056,
        0.07,
        LAMP if c.look.lamps > 0.05 else c.shade((0.75, 0.80, 0.82)),
    )
    c.fill(((x - 0.045, top - 0.08), (x + 0.045, top - 0.08), (x, top - 0.14)), band)
    if c.chance(0.5):
        c.house(x + 0.08, foot + 0.005, 0.13, 0.075)
    c.birds()


def _harbour(c: Canvas) -> None:
    c.sky(0.42, 0.52)
    c.ridges(1, c.horizon - 0.14, c.horizon - 0.1, FOLIAGE + ROCK)
    quay, x = c.horizon + 0.05, c.uniform(-0.08, 0.0)
    while x < 1:
        w, h = c.uniform(0.09, 0.14), c.uniform(0.13, 0.24)
        wall = c.shade(c.pick(WALLS), 0.25)
        c.box(x, quay - h, w, h, wall)
        c.windows(x, quay - h + 0.01, w, h - 0.05, 0.038, wall, c.look.lamps)
        c.fill(
            ((x, quay - h), (x + w, quay - h), (x + 0.5 * w, quay - h - 0.55 * w)),
            c.shade(c.pick(ROOFS), 0.25),
        )
        x += w
    c.box(0, quay - 0.015, 1, 0.035, c.shade((0.46, 0.43, 0.40), 0.1))
    c.water(quay + 0.02, 0.75)
    for depth, count in ((0.4, 4), (0.15, 3), (0.0, 2)):
        y, size = 0.98 - 0.9 * depth * (1 - quay) / 0.55, 0.26 * (1 - depth)
        for x in (np.arange(count) + c.rng.uniform(0.2, 0.8, count)) / count:
            hull = c.shade(c.pick(WALLS + ROOFS), depth)
            ink = c.shade((0.86, 0.84, 0.80), depth, 0.8)
            foot = y + c.uniform(-0.03, 0.01)
            c.fill(
                (
                    (x - 0.5 * size, foot - 0.2 * size),
                    (x + 0.58 * size, foot - 0.26 * size),
                    (x + 0.4 * size, foot),
                    (x - 0.4 * size, foot),
                ),
                hull,
            )
            c.stroke(
                ((x - 0.5 * size, foot - 0.2 * size), (x + 0.58 * size, foot - 0.26 * size)),
                c.shade(WHITE, depth),
                0.008,
            )
            c.box(
                x - 0.22 * size,
                foot - 0.38 * size,
                0.34 * size,
                0.18 * size,
                c.shade(WHITE, depth, 0.9),
            )
            c.stroke(
                ((x + 0.05 * size, foot - 0.2 * size), (x + 0.05 * size, foot - 1.5 * size)),
                ink,
                0.008,
            )
            c.stroke(
                ((x + 0.05 * size, foot - 1.5 * size), (x + 0.56 * size, foot - 0.26 * size)),
                ink,
                0.003,
            )
            c.stroke(
                ((x + 0.05 * size, foot - 1.5 * size), (x - 0.48 * size, foot - 0.2 * size)),
                ink,
                0.003,
            )


def _ruins(c: Canvas) -> None:
    c.sky(0.54, 0.64)
    c.ridges(2, c.horizon - 0.08, c.horizon, FOLIAGE + ROCK + MEADOW)
    c.land(
        c.line(c.horizon + 0.05, 0.015, 4),
        c.pick((*MEADOW, (0.74, 0.64, 0.48))),
        0.1,
        0.3,
        (60, 60),
    )
    stone = c.shade(c.pick(((0.82, 0.76, 0.66), (0.70, 0.66, 0.60), (0.80, 0.66, 0.50))))
    foot, count, w = c.horizon + 0.16, int(c.rng.integers(4, 7)), c.uniform(0.055, 0.075)
    xs = np.linspace(0.08, 0.86, count) + c.rng.uniform(-0.02, 0.02, count)
    full = c.uniform(0.36, 0.48)
    heights = full * np.where(c.rng.random(count) < 0.5, 1.0, c.rng.uniform(0.3, 0.85, count))
    first = int(c.rng.integers(0, count - 1))
    heights[first : first + 2] = full
    c.box(xs[0] - 0.05, foot, xs[-1] - xs[0] + w + 0.1, 0.03, stone * 0.85)
    c.box(xs[0] - 0.08, foot + 0.03, xs[-1] - xs[0] + w + 0.16, 0.03, stone * 0.7)
    for x, h in zip(xs, heights, strict=True):
        crown = foot - h + c.rng.uniform(-0.03, 0.03, 4) * (h < full)
        c.fill(
            np.column_stack(((x, x + w / 3, x + 2 * w / 3, x + w, x + w, x), (*crown, foot, foot))),
            stone,
        )
        c.box(x + 0.62 * w, foot - 0.94 * h, 0.38 * w, 0.94 * h, stone * 0.72)
        for flute in (0.2, 0.42):
            c.stroke(((x + flute * w, foot - 0.9 * h), (x + flute * w, foot)), stone * 0.82, 0.004)
        c.box(x - 0.012, foot - 0.025, w + 0.024, 0.025, stone * 0.95)
        if h == full:
            c.box(x - 0.016, foot - full - 0.01, w + 0.032, 0.03, stone * 1.05)
    a, b = xs[first] - 0.025, xs[first + 1] + w + 0.025
    c.fill(
        (
            (a, foot - full - 0.07),
            (b - 0.03, foot - full - 0.07),
            (b, foot - full - 0.03),
            (b, foot - full),
            (a, foot - full),
        ),
        stone * 0.9,
    )
    if c.chance(0.5):
        c.fill(
            (
                (a, foot - full - 0.07),
                (b - 0.05, foot - full - 0.07),
                ((a + b) / 2 - 0.04, foot - full - 0.15),
            ),
            stone,
        )
    for _ in range(int(c.rng.integers(4, 9))):
        x, y, s = c.uniform(0, 0.95), c.uniform(foot + 0.06, 0.97), c.uniform(0.04, 0.1)
        c.fill(
            ((x, y), (x + s, y - 0.02), (x + s, y + 0.4 * s), (x + 0.1 * s, y + 0.5 * s)),
            stone * c.uniform(0.65, 1.0),
        )
        c.fill(
            ((x, y), (x + s, y - 0.02), (x + 0.8 * s, y - 0.04), (x + 0.1 * s, y - 0.03)),
            stone * 1.1,
        )


def _northern_lights(c: Canvas) -> None:
    c.sky(0.66, 0.76, sun=False)
    y = c.unit[:, None]
    hues = np.array(((0.25, 0.95, 0.55), (0.30, 0.85, 0.80), (0.70, 0.95, 0.35)), np.float32)
    fringe = np.array(((0.75, 0.25, 0.75), (0.30, 0.35, 0.95)), np.float32)
    for _ in range(int(c.rng.integers(2, 4))):
        foot = c.line(c.uniform(0.34, 0.6), 0.16, 2, 2, smooth=True)
        rays = 0.65 + 0.5 * canvas.noise_line(c.rng, c.side, 24, 2)
        up = (foot - y) / (c.uniform(0.16, 0.28) * (0.7 + 0.5 * rays))
        veil = precise(np.exp, np.minimum(-1.1 * up, 14 * up)) * np.clip(rays, 0.1, 1.2)
        gain = 0.85 * (0.65 + 0.25 * c.look.light)
        low, high = gain * c.pick(hues), gain * c.pick(fringe)
        colour = mix(low, high, np.clip(0.55 * up, 0, 1))
        c.image += spread(veil).reshape(colour.shape) * colour
    np.clip(c.image, 0, 1, out=c.image)
    peaks = c.line(c.horizon - 0.07, 0.07, 4)
    c.land(peaks, (0.5, 0.55, 0.65), 0.4, 0.1)
    ground, shore = c.chance(0.5), c.line(c.horizon, 0.01, 5)
    c.land(shore, (0.25, 0.28, 0.33), 0.0)
    c.wood(shore + 0.01, 16, 0.12, 0.0)
    if ground:
        c.water(c.horizon + 0.02, 0.9)
    else:
        c.land(c.line(c.horizon + 0.06, 0.03, 2, smooth=True), WHITE * 0.75, 0.0, 0.05, (6, 4))
        x = c.uniform(0.2, 0.6)
        c.house(x, c.horizon + 0.16, 0.17, 0.09)
        c.box(x + 0.03, c.horizon + 0.09, 0.035, 0.035, LAMP)


_PAINTERS: dict[str, Callable[[Canvas], None]] = {
    "coast": _coast,
    "open_sea": _open_sea,
    "mountain": _mountain,
    "snow": _snow,
    "forest": _forest,
    "lake": _lake,
    "waterfall": _waterfall,
    "desert": _desert,
    "field": _field,
    "canyon": _canyon,
    "village": _village,
    "skyline_day": _skyline_day,
    "skyline_night": _skyline_night,
    "street": _street,
    "bridge": _bridge,
    "temple": _temple,
    "lighthouse": _lighthouse,
    "harbour": _harbour,
    "ruins": _ruins,
    "northern_lights": _northern_lights,
}
_NIGHT_SCENES = frozenset({"skyline_night", "northern_lights"})

SCENE_CLASSES: tuple[str, ...] = tuple(_PAINTERS)


# --------------------------------------------------------------------------------------- pictures

_GREY, _SAME = np.tile([0.299, 0.587, 0.114], (3, 1)), np.eye(3)  # of a picture's channels


def _develop(image: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Grade a (size, size, 3) picture as the look asks: contrast, colour, fade, vignette, grain."""
    size = len(image)
    pivot = 0.2 if look.night else 0.48  # or contrast would crush the dark
    grade = look.contrast * ((1 - look.saturation) * _GREY + look.saturation * _SAME)
    shift = np.full((3, 1), pivot * (1 - look.contrast))
    image = np.clip(image * look.exposure, 0, 1)
    image = np.clip(cv2.transform(image, np.hstack((grade, shift))), 0, 1).reshape(size, -1)
    image += look.fade * (row_of(look.fade_colour, size) - image)
    dark = look.vignette * 0.6 / 1.4 * _corners(size)
    image *= spread(1 - dark)
    image += spread(look.grain * rng.standard_normal((size, size), np.float32))
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).reshape(size, size, 3)


@functools.lru_cache(maxsize=4)
def _corners(size: int) -> np.ndarray:
    """Return (size, size): 0 in the middle, growing towards the corners."""
    offset = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    return precise(np.power, offset[:, None] + offset, 1.5)


def draw_scene(scene: str, style: str, seed: int | Sequence[int], size: int = 96) -> np.ndarray:
    """Draw one picture of a scene class in a style.

    Parameters
    ----------
    scene : str
        One of `SCENE_CLASSES`: what is seen.
    style : str
        One of `STYLES`: how it is seen.
    seed : int or sequence of int
        Non-negative. The picture depends on the four arguments and on nothing else; under one
        seed, styles share the composition.
    size : int
        Side of the picture in pixels, at least 16.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.

    Raises
    ------
    ValueError
        If the scene or the style is unknown, the seed negative or the size below 16.

    Examples
    --------
    >>> draw_scene("lighthouse", "rose_dusk", seed=0, size=64).shape
    (64, 64, 3)
    """
    if scene not in _PAINTERS:
        raise ValueError(f"scene={scene!r} is unknown; choose one of {', '.join(SCENE_CLASSES)}")
    if style not in canvas.STYLES:
        raise ValueError(f"style={style!r} is unknown; choose one of {', '.join(STYLES)}")
    if np.size(seed) == 0 or np.min(seed) < 0:
        raise ValueError(f"seed={seed!r} must hold non-negative integers")
    if size < 16:
        raise ValueError(f"size={size} is too small to draw a scene; pass at least 16 pixels")
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3)]
    look = Look.draw(canvas.STYLES[style], streams[0])
    if scene in _NIGHT_SCENES:
        look = look.at_night()
    picture = Canvas(look, streams[1], OVERSAMPLING * size)
    _PAINTERS[scene](picture)
    image = _frame(picture.image, streams[1], size)
    return _develop(image, look, streams[2])


def _frame(image: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Cut the picture slightly closer, perhaps mirror it, and reduce it to its final size."""
    side = len(image)
    cut = round(side * rng.uniform(0.88, 1.0))
    top, left = rng.integers(0, side - cut + 1, 2)
    image = np.clip(image[top : top + cut, left : left + cut], 0, 1)
    if rng.random() < 0.5:
        image = cv2.flip(
            image, 1
        )  # pixels in their order: NumPy takes six times as long for others
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
