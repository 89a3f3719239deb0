"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

import visprof  # noqa: F401  (before torch, for which it sets how threads wait)

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile("visprof", deadline=None)  # a machine that is slow or busy is no failure
settings.load_profile("visprof")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs, boards and weights; kept outside the repository."""
    default = ROOT.parent / "shared"
    data = Path(os.environ.get("VISPROF_SHARED", default)) / "data"
    if not data.is_dir():
        pytest.skip(f"no real data at {data}; set VISPROF_SHARED to the folder that holds data/")
    return data


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A disk that takes no file of more than some bytes, while a block runs."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def dead_process() -> int:
    """Number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
