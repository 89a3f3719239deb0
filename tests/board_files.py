"""Pictures and manifests on disk, for tests of more than one module."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image


def save_picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_manifest(folder, rows, columns=("board_id", "image", "added_at", "caption")):
    pd.DataFrame(rows, columns=list(columns)).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"
