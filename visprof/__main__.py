"""``python -m visprof``: the command ``visprof``, where it is not on the path."""

import sys

from visprof.cli import main

if __name__ == "__main__":
    sys.exit(main())
