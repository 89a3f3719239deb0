"""Latent visual interests of people who collect pictures: the paper's method and its statistics."""

import os

__version__ = "0.1.0"

# Read by OpenMP when torch loads it, so before any import of torch. Threads that wait actively
# for each other make small steps ten times slower wherever another process wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
