"""Memory of a process: what is freed is kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from visprof import machine

PAGES = 2**26 // 4096
# an older one keeps no blocks that are so large
KEEPS = platform.libc_ver()[0] == "glibc" and not machine._OLD_GLIBC
COUNTED = """
import resource, sys
import numpy as np
from visprof.machine import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(2):  # the first has its memory paged in
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(2**26, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that a fresh process has paged in for five arrays after five others, all freed."""
    told = subprocess.run([sys.executable, "-c", COUNTED, how], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


@pytest.mark.skipif(not KEEPS, reason="another C library than glibc, or one before 2.36")
def test_memory_that_is_freed_is_not_paged_in_again():
    assert faults("kept") < PAGES / 100


def test_another_c_library_is_left_as_it_is(monkeypatch):
    asked = []
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: asked.append(name) or object())
    machine.keep_freed_memory.__wrapped__()
    assert asked == [None]
