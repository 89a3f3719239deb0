"""What the painters of little landscapes share: styles, the looks drawn from them, and a canvas.

A `Style` is a distribution over looks; a `Look` holds everything that a taste may prefer within a
scene class (palette, light, haze, clouds, contrast, grain, ...); a `Canvas` knows how to paint air,
land, water and things in that look, from back to front, in unit coordinates (x to the right, y
down).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from visprof._lazy import lazily
from visprof._quantile import quantiles

with lazily("nets"):
    import cv2

__all__ = [
    "FOLIAGE",
    "LAMP",
    "MEADOW",
    "ROCK",
    "ROOFS",
    "STYLES",
    "WALLS",
    "WHITE",
    "Canvas",
    "Look",
    "Style",
    "mix",
    "noise_line",
    "row_of",
    "spread",
    "tint",
]

Colour = tuple[float, float, float] | np.ndarray
Range = tuple[float, float]

SUBPIXEL_BITS = 4
LAMP = np.array([1.0, 0.84, 0.48], np.float32)
NIGHT_SKY = np.array([0.02, 0.04, 0.12], np.float32)
WHITE = np.array([0.96, 0.96, 0.97], np.float32)
ROCK = ((0.45, 0.42, 0.40), (0.52, 0.43, 0.36), (0.36, 0.38, 0.42))
NEEDLES = ((0.18, 0.34, 0.22), (0.22, 0.38, 0.20), (0.16, 0.28, 0.26))
FOLIAGE = ((0.24, 0.42, 0.16), (0.40, 0.54, 0.20), (0.66, 0.42, 0.14), (0.20, 0.34, 0.22))
MEADOW = ((0.42, 0.55, 0.22), (0.62, 0.58, 0.28), (0.70, 0.58, 0.34), (0.34, 0.46, 0.30))
SEA = ((0.10, 0.30, 0.46), (0.12, 0.46, 0.50), (0.24, 0.34, 0.38), (0.16, 0.24, 0.42))
WALLS = (
    (0.90, 0.86, 0.78),
    (0.86, 0.62, 0.46),
    (0.80, 0.74, 0.52),
    (0.58, 0.68, 0.74),
    (0.78, 0.42, 0.38),
)
ROOFS = ((0.62, 0.27, 0.18), (0.36, 0.32, 0.34), (0.48, 0.33, 0.22))


# --------------------------------------------------------------------------------------- styles


@dataclass(frozen=True)
class Style:
    """Distribution over looks: colours to choose from and ranges to draw from uniformly."""

    skies: tuple[tuple[Colour, Colour, Colour], ...]  # zenith, middle, horizon
    light: Colour  # colour of the light that falls on the land
    haze_colour: Colour
    haze: Range = (0.1, 0.3)
    clouds: Range = (0.1, 0.5)  # share of the sky
    sun_height: Range = (0.3, 0.8)  # above the horizon, share of the sky
    sun_glow: Range = (0.2, 0.4)
    lamps: Range = (0.0, 0.0)  # share of lit windows
    horizon: Range = (-0.05, 0.05)  # shift of the horizon, share of the height
    exposure: Range = (0.95, 1.05)
    contrast: Range = (1.0, 1.1)
    saturation: Range = (0.9, 1.1)
    fade: Range = (0.0, 0.02)  # how far black is lifted
    fade_colour: Colour = (0.5, 0.5, 0.5)
    vignette: Range = (0.0, 0.15)
    grain: Range = (0.002, 0.008)


STYLES: dict[str, Style] = {
    "golden_hour": Style(
        skies=(
            ((0.36, 0.46, 0.62), (0.95, 0.72, 0.45), (1.00, 0.87, 0.56)),
            ((0.58, 0.42, 0.46), (0.98, 0.60, 0.32), (1.00, 0.82, 0.42)),
            ((0.80, 0.55, 0.30), (0.98, 0.74, 0.38), (1.00, 0.90, 0.62)),
        ),
        light=(1.18, 0.88, 0.56),
        haze_colour=(1.0, 0.76, 0.46),
        haze=(0.25, 0.55),
        sun_height=(0.08, 0.3),
        sun_glow=(0.6, 0.9),
        lamps=(0.0, 0.15),
        saturation=(1.1, 1.3),
        vignette=(0.05, 0.25),
    ),
    "blue_hour": Style(
        skies=(
            ((0.07, 0.12, 0.34), (0.20, 0.34, 0.64), (0.50, 0.60, 0.80)),
            ((0.10, 0.17, 0.40), (0.27, 0.40, 0.68), (0.82, 0.66, 0.66)),
        ),
        light=(0.40, 0.56, 0.92),
        haze_colour=(0.36, 0.48, 0.76),
        haze=(0.2, 0.5),
        sun_height=(0.4, 0.8),
        sun_glow=(0.0, 0.1),
        lamps=(0.45, 0.8),
        exposure=(0.9, 1.05),
        saturation=(1.0, 1.2),
        vignette=(0.05, 0.2),
    ),
    "pastel_mist": Style(
        skies=(
            ((0.78, 0.84, 0.94), (0.93, 0.87, 0.92), (0.99, 0.92, 0.89)),
            ((0.76, 0.89, 0.90), (0.89, 0.94, 0.91), (1.00, 0.95, 0.88)),
            ((0.86, 0.81, 0.94), (0.95, 0.86, 0.91), (1.00, 0.93, 0.86)),
        ),
        light=(1.08, 1.02, 1.04),
        haze_colour=(0.96, 0.91, 0.92),
        haze=(0.9, 1.6),
        clouds=(0.0, 0.2),
        sun_glow=(0.1, 0.3),
        horizon=(0.0, 0.1),
        exposure=(1.0, 1.08),
        contrast=(0.68, 0.8),
        saturation=(0.7, 0.95),
        fade=(0.10, 0.18),
        fade_colour=(1.0, 0.95, 0.97),
        vignette=(0.0, 0.0),
        grain=(0.0, 0.008),
    ),
    "vivid_noon": Style(
        skies=(
            ((0.08, 0.38, 0.86), (0.28, 0.60, 0.95), (0.68, 0.86, 0.98)),
            ((0.04, 0.46, 0.78), (0.24, 0.70, 0.90), (0.72, 0.92, 0.94)),
        ),
        light=(1.12, 1.08, 1.0),
        haze_colour=(0.72, 0.86, 0.98),
        haze=(0.03, 0.15),
        clouds=(0.15, 0.5),
        sun_height=(0.6, 0.95),
        sun_glow=(0.1, 0.3),
        contrast=(1.15, 1.3),
        saturation=(1.35, 1.6),
        grain=(0.0, 0.006),
    ),
    "muted_film": Style(
        skies=(
            ((0.62, 0.67, 0.66), (0.75, 0.76, 0.70), (0.86, 0.82, 0.72)),
            ((0.56, 0.62, 0.64), (0.72, 0.72, 0.68), (0.80, 0.76, 0.68)),
        ),
        light=(0.94, 0.92, 0.80),
        haze_colour=(0.80, 0.78, 0.68),
        haze=(0.2, 0.5),
        clouds=(0.2, 0.7),
        sun_glow=(0.0, 0.2),
        contrast=(0.78, 0.9),
        saturation=(0.4, 0.6),
        fade=(0.14, 0.24),
        fade_colour=(0.62, 0.62, 0.46),
        vignette=(0.1, 0.3),
        grain=(0.012, 0.022),
    ),
    "moody_storm": Style(
        skies=(
            ((0.12, 0.14, 0.17), (0.28, 0.31, 0.34), (0.52, 0.54, 0.54)),
            ((0.10, 0.13, 0.15), (0.22, 0.28, 0.29), (0.56, 0.54, 0.46)),
        ),
        light=(0.70, 0.75, 0.76),
        haze_colour=(0.42, 0.46, 0.48),
        haze=(0.3, 0.7),
        clouds=(0.6, 0.95),
        sun_glow=(0.0, 0.1),
        lamps=(0.1, 0.4),
        horizon=(0.0, 0.12),
        exposure=(1.0, 1.15),
        contrast=(1.1, 1.25),
        saturation=(0.5, 0.75),
        vignette=(0.35, 0.6),
        grain=(0.006, 0.016),
    ),
    "monochrome": Style(
        skies=(
            ((0.30, 0.30, 0.31), (0.58, 0.58, 0.58), (0.88, 0.87, 0.86)),
            ((0.72, 0.72, 0.72), (0.80, 0.80, 0.80), (0.90, 0.90, 0.89)),
            ((0.14, 0.14, 0.15), (0.34, 0.34, 0.35), (0.66, 0.66, 0.65)),
        ),
        light=(1.0, 0.98, 0.95),
        haze_colour=(0.82, 0.82, 0.81),
        haze=(0.1, 0.4),
        clouds=(0.1, 0.8),
        sun_glow=(0.1, 0.5),
        horizon=(-0.1, 0.1),
        contrast=(1.2, 1.5),
        saturation=(0.0, 0.04),
        vignette=(0.1, 0.4),
        grain=(0.008, 0.018),
    ),
    "rose_dusk": Style(
        skies=(
            ((0.24, 0.16, 0.44), (0.72, 0.36, 0.60), (1.00, 0.62, 0.58)),
            ((0.36, 0.26, 0.56), (0.86, 0.48, 0.66), (1.00, 0.74, 0.70)),
        ),
        light=(0.96, 0.60, 0.84),
        haze_colour=(0.88, 0.50, 0.66),
        haze=(0.25, 0.6),
        clouds=(0.2, 0.6),
        sun_height=(0.05, 0.25),
        sun_glow=(0.4, 0.7),
        lamps=(0.2, 0.5),
        saturation=(1.1, 1.35),
        vignette=(0.05, 0.25),
    ),
}


_RANGES = tuple(field.name for field in fields(Style) if field.type == "Range")


@dataclass(frozen=True)
class Look:
    """One draw from a style: how one picture is lit, coloured and developed."""

    sky: np.ndarray  # (3, 3): zenith, middle, horizon
    light: np.ndarray
    haze_colour: np.ndarray
    fade_colour: np.ndarray
    haze: float
    clouds: float
    sun_height: float
    sun_glow: float
    lamps: float
    horizon: float
    exposure: float
    contrast: float
    saturation: float
    fade: float
    vignette: float
    grain: float
    night: bool = False

    @classmethod
    def draw(cls, style: Style, rng: np.random.Generator) -> Look:
        """Draw a look; colours get a small jitter of their own."""
        sky = np.array(style.skies[rng.integers(len(style.skies))], np.float32)
        jitter = rng.uniform(-0.04, 0.04, (2, 3)).astype(np.float32)
        ends = np.array([getattr(style, name) for name in _RANGES]).T
        return cls(
            sky=np.clip(sky + jitter[0], 0, 1),
            light=np.asarray(style.light, np.float32) + jitter[1],
            haze_colour=np.asarray(style.haze_colour, np.float32),
            fade_colour=np.asarray(style.fade_colour, np.float32),
            **dict(zip(_RANGES, rng.uniform(*ends).tolist(), strict=True)),
        )

    def at_night(self) -> Look:
        """Return the same look after dark: its colours, dimmed, under a dark sky."""
        return replace(
            self,
            sky=0.36 * self.sky * np.array([[0.35], [0.6], [1.0]], np.float32) + NIGHT_SKY,
            light=0.42 * self.light + 0.3 * NIGHT_SKY,
            haze_colour=0.30 * self.haze_colour + NIGHT_SKY,
            haze=0.5 * self.haze,
            clouds=0.35 * self.clouds,
            night=True,
        )


# --------------------------------------------------------------------------------------- canvas


def noise_line(
    rng: np.random.Generator, n: int, knots: int, octaves: int = 4, smooth: bool = False
) -> np.ndarray:
    """Return (n,) 1-d fractal noise in about [-1, 1], jagged or smooth."""
    left, share, weight = _interpolation(n, knots, octaves, smooth)
    values = rng.uniform(-1, 1, left[-1, -1] + 2).astype(np.float32)
    start = values[left]
    return (weight * (start + share * (values[left + 1] - start))).sum(axis=0)


@functools.lru_cache(maxsize=256)
def _interpolation(
    n: int, knots: int, octaves: int, smooth: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, (octaves, n) each: the knot left of every point, the share of the right one, weight.

    Octave k has ``knots * 2**k + 1`` knots; those of all octaves stand in one row.
    """
    counts = knots * 2 ** np.arange(octaves)
    at = np.linspace(0, 1, n) * counts[:, None]
    left = np.minimum(at.astype(int), counts[:, None] - 1)
    share = at - left
    if smooth:  # cosine easing between knots
        share = (1 - np.cos(np.pi * share)) / 2
    first = np.cumsum(counts + 1) - (counts + 1)
    weight = 0.5 ** np.arange(octaves) / (2 - 2.0 ** (1 - octaves))
    return left + first[:, None], share.astype(np.float32), weight.astype(np.float32)[:, None]


def precise(function: Callable[..., np.ndarray], x: np.ndarray, *more: float) -> np.ndarray:
    """Return a function of single precision, rounded from double.

    NumPy's own of single precision differ in the last place from processor to processor, which
    shows as another pixel in one picture of some hundreds.
    """
    return function(x.astype(np.float64), *more).astype(x.dtype)


def tint(tone: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return (rows, columns, 3): a colour in the brightness `tone`, (rows, columns) of float32."""
    tinted = spread(tone)
    tinted *= row_of(colour, tone.shape[1])
    return tinted.reshape(*tone.shape, 3)


def mix(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return (rows, columns, 3): from one colour to another by `share`, (rows, columns)."""
    mixed = tint(share, other - one).reshape(len(share), -1)
    mixed += row_of(one, share.shape[1])
    return mixed.reshape(*share.shape, 3)


# NumPy is several times slower where the last axis is as short as the three channels of a colour.
# Hence full frames are mixed in the shape (rows, 3 * columns).


def spread(tone: np.ndarray) -> np.ndarray:
    """Repeat each of (rows, columns) values for three channels: (rows, 3 * columns)."""
    tone = np.ascontiguousarray(tone, np.float32)
    return cv2.cvtColor(tone, cv2.COLOR_GRAY2RGB).reshape(len(tone), -1)


def row_of(colour: np.ndarray, columns: int) -> np.ndarray:
    """Repeat a colour (3,) along a row of pixels: (3 * columns,)."""
    row = np.empty((columns, 3), np.float32)
    row[:] = colour
    return row.ravel()


class Canvas:
    """A picture in the making: unit coordinates, a look, a random stream for the composition.

    Attributes
    ----------
    image : ndarray of float32, shape (side, side, 3)
        RGB, 0 to 1.
    horizon : float
        Height of the horizon, set by `sky`.
    """

    def __init__(self, look: Look, rng: np.random.Generator, side: int) -> None:
        self.look = look
        self.rng = rng
        self.side = side
        self.image = np.zeros((side, side, 3), np.float32)
        self.unit = (np.arange(side, dtype=np.float32) + 0.5) / side
        self.horizon = 0.5
        self.sun_x = 0.5

    # ---- draws

    def uniform(self, one: float, other: float) -> float:
        """Draw between two values, in either order: a high horizon may leave no room below."""
        return one + (other - one) * float(self.rng.random())

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, colours: Sequence[Colour], jitter: float = 0.05) -> np.ndarray:
        """Choose one colour and vary it a little."""
        colour = np.asarray(colours[self.rng.integers(len(colours))], np.float32)
        varied = colour + self.rng.uniform(-jitter, jitter, 3)
        return np.minimum(np.maximum(varied, 0), 1).astype(np.float32)  # np.clip takes longer

    def either(self, first: np.ndarray, low: float, high: float) -> np.ndarray:
        """Draw two values, and return one where `first` holds and the other elsewhere."""
        return np.where(first, *self.rng.uniform(low, high, 2)).astype(np.float32)

    def line(
        self, base: float, height: float, knots: int, octaves: int = 4, smooth: bool = False
    ) -> np.ndarray:
        """Return an outline, (side,) values of y around `base`."""
        return np.float32(base) + height * noise_line(self.rng, self.side, knots, octaves, smooth)

    def texture(self, rows: int, columns: int, octaves: int = 2) -> np.ndarray:
        """Return (side, side) noise in about [-1, 1]; few columns and many rows give streaks."""
        total = np.zeros((1, 1), np.float32)
        for octave in range(octaves):
            shape = (min(rows << octave, self.side), min(columns << octave, self.side))
            grid = self.rng.random(shape, np.float32)
            grid *= 2 / 2**octave
            grid -= 1 / 2**octave
            total = grid + cv2.resize(total, shape[::-1]) if octave else grid
        return cv2.resize(total, (self.side, self.side))

    # ---- colour

    def shade(self, colour: Colour, depth: float = 0.0, light: float = 1.0) -> np.ndarray:
        """Light a surface colour and fade it into the haze with distance (0 near, 1 far)."""
        lit = np.asarray(colour, np.float32) * self.look.light * np.float32(light)
        veil = np.float32(1 - np.exp(-self.look.haze * depth))
        return lit + veil * (self.look.haze_colour - lit)

    def blend(self, alpha: np.ndarray, colour: np.ndarray, top: int = 0) -> None:
        """Mix a colour, (3,) or (rows, side, 3), into the rows from `top` on by `alpha`."""
        pixels = self.image[top : top + len(alpha)].reshape(len(alpha), -1)
        if np.ndim(colour) == 1:
            change = row_of(colour, self.side) - pixels
        else:
            change = colour.reshape(pixels.shape) - pixels
        change *= spread(alpha)
        pixels += change

    def below(self, drop: np.ndarray, colour: np.ndarray, top: int = 0) -> None:
        """Paint what lies below an outline, `drop` being the depth (rows, side) below it."""
        self.blend(np.clip(drop * self.side + 0.5, 0, 1), colour, top)

    # ---- shapes (colours are already shaded)

    def fill(self, points: Sequence[tuple[float, float]] | np.ndarray, colour: np.ndarray) -> None:
        """Fill a polygon."""
        scale = self.side * 2**SUBPIXEL_BITS
        corners = np.rint(np.asarray(points) * scale).astype(np.int32)
        cv2.fillPoly(self.image, [corners], colour.tolist(), shift=SUBPIXEL_BITS)

    def box(self, x: float, y: float, w: float, h: float, colour: np.ndarray) -> None:
        """Fill the rectangle whose top left corner is (x, y)."""
        self.fill(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), colour)

    def disc(self, x: float, y: float, r: float, colour: np.ndarray) -> None:
        scale = self.side * 2**SUBPIXEL_BITS
        cv2.circle(
            self.image,
            (round(x * scale), round(y * scale)),
            round(r * scale),
            colour.tolist(),
            -1,
            shift=SUBPIXEL_BITS,
        )

    def stroke(
        self,
        points: Sequence[tuple[float, float]] | np.ndarray,
        colour: np.ndarray,
        width: float = 0.006,
    ) -> None:
        """Draw a polyline."""
        scale = self.side * 2**SUBPIXEL_BITS
        corners = np.rint(np.asarray(points) * scale).astype(np.int32)
        cv2.polylines(
            self.image,
            [corners],
            False,
            colour.tolist(),
            max(1, round(width * self.side)),
            shift=SUBPIXEL_BITS,
        )

    # ---- air

    def sky(self, low: float, high: float, sun: bool = True) -> None:
        """Paint the sky and set the horizon somewhere in [low, high], moved by the style."""
        self.horizon = float(np.clip(self.uniform(low, high) + self.look.horizon, 0.15, 0.85))
        stops = (0.0, 0.6 * self.horizon, self.horizon)
        column = np.empty((self.side, 3), np.float32)
        for channel in range(3):
            column[:, channel] = np.interp(self.unit, stops, self.look.sky[:, channel])
        frame = (self.side, self.side)
        self.image = cv2.resize(column[:, None], frame, interpolation=cv2.INTER_NEAREST)
        self.sun_x = self.uniform(0.15, 0.85)
        if self.look.night:
            self.stars()
        if sun:
            self.sun()
        self.clouds()

    def sun(self) -> None:
        """Paint the sun, or the moon at night, and its glow."""
        night, sun_y = self.look.night, self.horizon * (1 - self.look.sun_height)
        radius = self.uniform(0.025, 0.05)
        shine = np.minimum(self.look.sky[2] + 0.35, 1)
        glow = self.look.sun_glow * (0.3 if night else 1)
        down, across = (
            precise(np.exp, -((self.unit - at) ** 2) / 0.04) for at in (sun_y, self.sun_x)
        )
        self.blend(glow * down[:, None] * across, shine)
        if self.look.sun_glow > 0.15 or night:
            self.disc(self.sun_x, sun_y, radius, np.minimum(shine + 0.1, 1))

    def stars(self, count: int = 70) -> None:
        bright = self.rng.uniform(0.4, 1.0, count)
        rows = (self.rng.random(count) * self.horizon * self.side).astype(int)
        columns = self.rng.integers(0, self.side, count)
        self.image[rows, columns] = bright[:, None]

    def clouds(self) -> None:
        """Paint clouds, flat or heaped, over the share of the sky that the look asks for."""
        rows = int(self.horizon * self.side)
        noise = self.texture(int(self.rng.integers(5, 9)), int(self.rng.integers(2, 5)), 4)[:rows]
        (cover,) = quantiles(noise[::4, ::4], [1 - self.look.clouds])
        alpha = np.clip((noise - cover) * 1.8, 0, 0.85)
        bright = self.look.sky[2] * 0.6 + 0.4 * self.look.sky.mean() + 0.12
        if self.look.night:
            bright = self.look.sky[2] * 1.2
        dark = self.look.sky[0] * 0.55 + 0.30 * self.look.sky[2]
        thick = np.clip((noise - cover) * 0.9, 0, 1) * (1 if self.look.clouds > 0.55 else 0.35)
        self.blend(alpha, mix(np.minimum(bright, 1), dark, thick))

    def mist(self, y: float, height: float, strength: float) -> None:
        """Lay a band of haze around the height y."""
        alpha = strength * precise(np.exp, -(((self.unit - y) / height) ** 2))
        self.blend(np.broadcast_to(alpha[:, None], (self.side, self.side)), self.look.haze_colour)

    # ---- land and water

    def land(
        self,
        line: np.ndarray | float,
        colour: Colour,
        depth: float = 0.0,
        rough: float = 0.15,
        grain: tuple[int, int] = (40, 24),
        shadow: float = 0.25,
    ) -> None:
        """Fill everything below an outline with a textured surface that darkens towards us."""
        line = np.broadcast_to(np.asarray(line, np.float32), (self.side,))
        top = int(np.clip((line.min() - 0.01) * self.side, 0, self.side - 1))
        drop = self.unit[top:, None] - line
        tone = 1 - shadow * np.clip(2 * drop, 0, 1)
        tone += rough * (1 - 0.6 * depth) * self.texture(*grain)[top:]
        self.below(drop, tint(tone, self.shade(colour, depth)), top)

    def ridges(
        self,
        count: int,
        top: float,
        bottom: float,
        colours: Sequence[Colour],
        knots: int = 3,
        smooth: bool = True,
    ) -> None:
        """Paint `count` rows of hills from far (top) to near (bottom)."""
        colour = self.pick(colours)
        for depth, y in zip(
            np.linspace(1, 0.25, count), np.linspace(top, bottom, count), strict=True
        ):
            height = 0.04 + 0.05 * (1 - depth)
            self.land(self.line(y, height, knots, smooth=smooth), colour, float(depth))

    def water(self, top: float, calm: float = 0.5, colour: np.ndarray | None = None) -> None:
        """Fill from `top` to the bottom with water that mirrors what stands above it.

        `calm` 1 is a mirror, 0 is a rough sea in its own colour.
        """
        colour = self.shade(self.pick(SEA) if colour is None else colour, 0.2)
        row = int(top * self.side)
        rows = np.arange(row, self.side)
        jitter = self.rng.uniform(-1, 1, len(rows)) * (1 + 0.06 * (rows - row)) * (2.2 - 2 * calm)
        mirror = np.clip(2 * row - 1 - rows + jitter, 0, max(row - 1, 0)).astype(int)
        deep = np.linspace(0.25, 0.75, len(rows), dtype=np.float32)[:, None] * (1.25 - calm)
        waves = self.texture(70, 6, 2)[row:] * (0.08 + 0.16 * (1 - calm))
        part = self.image[mirror].reshape(len(rows), -1)
        part *= 0.92 * (1 - deep)
        part += deep * row_of(colour, self.side)
        part *= spread(1 + waves)
        self.image[row:] = part.reshape(-1, self.side, 3)
        self.glint(top)

    def glint(self, top: float) -> None:
        """Lay the path of light under the sun on water that begins at `top`."""
        strength = self.look.sun_glow * 0.9
        row = int(top * self.side)
        spread = 0.03 + 0.18 * (self.unit[row:, None] - top)
        alpha = precise(np.exp, -(((self.unit[None] - self.sun_x) / spread) ** 2))
        alpha *= strength * (self.texture(80, 16, 1)[row:] > 0.1)
        self.blend(alpha, np.minimum(self.look.sky[2] + 0.2, 1), row)

    # ---- things

    def conifers(
        self, x: np.ndarray, y: np.ndarray, h: np.ndarray, colours: np.ndarray, snow: float = 0.0
    ) -> None:
        """Draw firs, one after the other, whose feet stand at (x, y): (n,), and colours (n, 3)."""
        left, top = x - 0.02 * h, y - 0.15 * h
        right, bottom = left + 0.04 * h, top + 0.15 * h
        shapes = [self._corners((left, top), (right, top), (right, bottom), (left, bottom))]
        tones = [(colours * 0.5).tolist()]
        white = self.shade(WHITE)
        for layer in range(3):
            foot, half = y - h * (0.1 + 0.25 * layer), h * (0.24 - 0.06 * layer)
            tip = foot - 0.42 * h
            tone = colours * (0.8 + 0.12 * layer)
            shapes.append(self._corners((x - half, foot), (x + half, foot), (x, tip)))
            tones.append(tone.tolist())
            if snow:
                shapes.append(
                    self._corners(
                        (x - 0.7 * half, foot - 0.1 * h),
                        (x, tip),
                        (x + 0.5 * half, foot - 0.16 * h),
                        (x - 0.1 * half, foot - 0.07 * h),
                    )
                )
                tones.append((tone + snow * (white - tone)).tolist())
        draw = cv2.fillPoly
        for tree in range(len(x)):
            for corners, tone in zip(shapes, tones, strict=True):
                draw(self.image, [corners[tree]], tone[tree], shift=SUBPIXEL_BITS)

    def _corners(self, *points: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Corners of polygons, (n, k, 2), from the n x and y of each of k."""
        stacked = np.stack([np.column_stack(of) for of in points], axis=1)
        return np.rint(stacked * (self.side * 2**SUBPIXEL_BITS)).astype(np.int32)

    def broadleaf(self, x: float, y: float, h: float, colour: np.ndarray) -> None:
        """Draw a round tree whose foot stands at (x, y)."""
        self.box(x - 0.04 * h, y - 0.5 * h, 0.08 * h, 0.5 * h, self.shade((0.30, 0.22, 0.16)))
        for dx, dy, r, tone in (
            (-0.16, 0.55, 0.20, 0.75),
            (0.16, 0.56, 0.20, 0.8),
            (0.0, 0.62, 0.27, 0.9),
            (-0.06, 0.76, 0.2, 1.1),
            (0.08, 0.7, 0.13, 1.2),
        ):
            self.disc(x + dx * h, y - dy * h, r * h, colour * tone)

    def palm(self, x: float, y: float, h: float, colour: np.ndarray) -> None:
        """Draw a leaning palm whose foot stands at (x, y)."""
        bend = self.uniform(-0.3, 0.3) * h
        t = np.linspace(0, 1, 8)
        self.stroke(
            np.column_stack((x + bend * t**2, y - h * t)), self.shade((0.34, 0.25, 0.17)), 0.018
        )
        for angle in np.linspace(-0.3, np.pi + 0.3, 8):
            reach = 0.42 * h * t
            drop = 0.5 * h * t**2 * 0.6
            self.stroke(
                np.column_stack(
                    (x + bend + reach * np.cos(angle), y - h - reach * np.sin(angle) * 0.6 + drop)
                ),
                colour,
                0.014,
            )

    def wood(
        self,
        line: np.ndarray,
        count: int,
        h: float,
        depth: float = 0.3,
        firs: bool = True,
        snow: float = 0.0,
    ) -> None:
        """Plant a row of trees along an outline."""
        colour = self.shade(self.pick(NEEDLES if firs else FOLIAGE), depth, 0.85)
        x = np.sort(self.rng.uniform(0, 1, count))
        y = line[np.minimum((x * self.side).astype(int), self.side - 1)].astype(float) + 0.01
        drawn = self.rng.random((count, 2))
        sizes = h * (0.7 + (1.25 - 0.7) * drawn[:, 0])
        tones = colour * (0.8 + (1.15 - 0.8) * drawn[:, 1:]).astype(np.float32)
        if firs:
            self.conifers(x, y, sizes, tones, snow)
        else:
            for tree in zip(x.tolist(), y.tolist(), sizes.tolist(), tones, strict=True):
                self.broadleaf(*tree)

    def windows(
        self, x: float, y: float, w: float, h: float, pitch: float, wall: np.ndarray, lit: float
    ) -> None:
        """Cover a facade with a grid of windows, a share of them lit."""
        step = max(3, round(pitch * self.side))
        top, left = max(round(y * self.side), 0), max(round(x * self.side), 0)
        part = self.image[top : round((y + h) * self.side), left : round((x + w) * self.side)]
        rows, columns = (part.shape[0] - 1) // step, (part.shape[1] - 1) // step
        if rows < 1 or columns < 1:
            return
        margin = (part.shape[1] - columns * step + 1) // 2
        part = part[1 : 1 + rows * step, margin : margin + columns * step]
        glow = self.rng.random((rows, columns, 1)) < lit
        tone = np.where(glow, LAMP * self.rng.uniform(0.75, 1.05, (rows, columns, 1)), wall * 0.5)
        cells = part.reshape(rows, step, columns, step, 3)[:, 1:, :, 1:]
        cells[:] = tone[:, None, :, None, :]

    def tower_block(
        self,
        x: float,
        y: float,
        w: float,
        foot: float,
        colour: np.ndarray,
        lit: float,
        depth: float,
    ) -> None:
        """Draw an office building from its roof y to its foot, with a roof of its own."""
        wall = self.shade(colour, depth)
        self.box(x, y, w, foot - y, wall)
        self.box(x + 0.72 * w, y, 0.28 * w, foot - y, wall * 0.75)
        self.windows(x, y, w, foot - y, self.uniform(0.02, 0.03), wall, lit)
        kind = self.rng.integers(4)
        if kind == 0:
            self.stroke(((x + w / 2, y), (x + w / 2, y - 0.08)), wall * 0.7, 0.008)
        elif kind == 1:
            self.fill(((x, y), (x + w, y), (x + w / 2, y - 0.9 * w)), wall * 0.85)
        elif kind == 2:
            self.box(x + 0.2 * w, y - 0.03, 0.6 * w, 0.03, wall * 0.85)

    def house(self, x: float, y: float, w: float, h: float, depth: float = 0.0) -> None:
        """Draw a house with a pitched roof; (x, y) is the foot of its left wall."""
        wall, roof = self.shade(self.pick(WALLS), depth), self.shade(self.pick(ROOFS), depth)
        self.box(x, y - h, w, h, wall)
        self.box(x + 0.65 * w, y - h, 0.35 * w, h, wall * 0.8)
        peak = 0.55 * h
        self.fill(
            (
                (x - 0.08 * w, y - h),
                (x + 1.08 * w, y - h),
                (x + 0.85 * w, y - h - peak),
                (x + 0.15 * w, y - h - peak),
            ),
            roof,
        )
        for k in range(3):
            lit = self.chance(self.look.lamps)
            self.box(
                x + (0.12 + 0.3 * k) * w,
                y - 0.75 * h,
                0.16 * w,
                0.3 * h,
                LAMP if lit else wall * 0.35,
            )
        self.box(x + 0.42 * w, y - 0.36 * h, 0.16 * w, 0.36 * h, roof * 0.6)

    def sail(self, x: float, y: float, h: float, depth: float = 0.1) -> None:
        """Draw a sailing boat whose hull floats at (x, y)."""
        hull, cloth = self.shade(self.pick(WALLS), depth, 0.6), self.shade(WHITE, depth)
        self.fill(
            (
                (x - 0.3 * h, y - 0.12 * h),
                (x + 0.36 * h, y - 0.12 * h),
                (x + 0.24 * h, y + 0.02 * h),
                (x - 0.22 * h, y + 0.02 * h),
            ),
            hull,
        )
        self.fill(((x, y - h), (x, y - 0.16 * h), (x + 0.34 * h, y - 0.16 * h)), cloth)
        self.fill(
            (
                (x - 0.03 * h, y - 0.9 * h),
                (x - 0.03 * h, y - 0.16 * h),
                (x - 0.25 * h, y - 0.16 * h),
            ),
            cloth * 0.85,
        )

    def birds(self) -> None:
        """Scatter a few gulls over the sky."""
        ink = self.shade((0.2, 0.2, 0.22), 0.3)
        for _ in range(int(self.rng.integers(2, 6))):
            x, y, s = (
                self.uniform(0.1, 0.9),
                self.uniform(0.08, 0.8 * self.horizon),
                self.uniform(0.015, 0.03),
            )
            self.stroke(((x - s, y - 0.5 * s), (x, y), (x + s, y - 0.5 * s)), ink, 0.008)
