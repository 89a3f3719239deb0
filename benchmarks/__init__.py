"""Speed and memory of visprof beside its peers; see README.md."""

import visprof  # noqa: F401  (before torch, as in the command: it tells OpenMP's threads how to wait)
