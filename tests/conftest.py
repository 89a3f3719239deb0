"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import visprof  # noqa: F401  (before torch, for which it sets how threads wait)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs, boards and weights; kept outside the repository."""
    default = ROOT.parent / "shared"
    data = Path(os.environ.get("VISPROF_SHARED", default)) / "data"
    if not data.is_dir():
        pytest.skip(f"no real data at {data}; set VISPROF_SHARED to the folder that holds data/")
    return data
