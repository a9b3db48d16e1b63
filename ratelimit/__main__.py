"""``python -m ratelimit``: the command ``ratelimit``."""

from __future__ import annotations

import sys

from ratelimit.cli import main

if __name__ == "__main__":
    sys.exit(main())
