"""Palettes: mean and spread of the colours of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from visprof.palette import picture_palettes


def save(folder, name, pixels):
    path = folder / f"{name}.png"
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def lab(rgb):
    """CIE L*a*b* of an sRGB colour under D65, from the definitions."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
    to_xyz = [
        (0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169),
        (0.019334, 0.119193, 0.950227),
    ]  # fmt: skip
    white = (0.950456, 1.0, 1.088754)
    scaled = []
    for row, whitest in zip(to_xyz, white, strict=True):
        t = sum(a * b for a, b in zip(row, linear, strict=True)) / whitest
        scaled.append(t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116)
    x, y, z = scaled
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (30, 120, 200)])
def test_one_colour_has_its_place_in_lab_and_no_spread(tmp_path, rgb):
    path = save(tmp_path, "plain", np.full((50, 80, 3), rgb))
    (palette,) = picture_palettes([path])
    np.testing.assert_allclose(palette[:3], lab([v / 255 for v in rgb]), atol=0.2)
    np.testing.assert_allclose(palette[3:], 0, atol=0.01)


def test_mean_and_spread_are_those_of_the_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3))  # the size they are compared at
    (palette,) = picture_palettes([save(tmp_path, "noise", pixels)])
    colours = np.array([lab(rgb / 255) for rgb in pixels.reshape(-1, 3)])
    np.testing.assert_allclose(palette, [*colours.mean(axis=0), *colours.std(axis=0)], atol=0.2)


def test_neither_size_nor_place_counts(tmp_path):
    coarse = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    large = coarse.repeat(3, axis=0).repeat(2, axis=1)
    paths = [save(tmp_path, "coarse", coarse), save(tmp_path, "large", large),
             save(tmp_path, "turned", coarse[::-1, ::-1])]  # fmt: skip
    palettes = picture_palettes(paths, n_workers=2)
    assert palettes.shape == (3, 6)
    assert palettes.dtype == np.float64
    np.testing.assert_allclose(palettes[1:], [palettes[0]] * 2, rtol=1e-4, atol=1e-3)


def test_no_pictures_and_bad_ones(tmp_path):
    assert picture_palettes([]).shape == (0, 6)
    with pytest.raises(ValueError, match=r"n_workers: expected .* at least 1, got 0"):
        picture_palettes([], n_workers=0)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.png"):
        picture_palettes([tmp_path / "broken.png"])
    with pytest.raises(FileNotFoundError):
        picture_palettes([tmp_path / "missing.png"])
