"""How many instructions a decision takes, counted by callgrind: a regression is seen without noise.

    python tests/benchmarks/instructions.py            # print them
    python tests/benchmarks/instructions.py --check    # and end with 1 if one is 10 % over its baseline
    python tests/benchmarks/instructions.py --write    # make this the baseline: instructions.json

One Python runs under callgrind, makes a few hundred decisions of each kind, and has the counters dumped before and
after. So that a baseline holds on other processors and builds, it is in units of a yardstick that is counted alike,
rounds of plain Python and numpy; and it is of one version of Python and one of numpy, and is not held against others.
Needs valgrind.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from load import Words, bare, drive

from ratelimit import APIKey, Budget, ManualClock, MemoryStore, Policy, RateLimitMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

VALGRIND = shutil.which("valgrind")
BASELINE = Path(__file__).with_suffix(".json")

#: By how much a count may be over its baseline.
MOST = 0.10

# Principals, the bodies of each (more than a profile knows again), and how often all are sent before it counts.
_WHO, _BODIES, _WARM = 20, 12, 2

# Decisions that are counted.
_MANY = _WHO * _BODIES


def yardstick(many: int) -> None:
    """Do what any decision is made of: calls, dictionaries, floats, and small arrays."""
    table, weights = dict.fromkeys(range(1000), 1.0), np.ones(4096, np.float32)
    some = np.arange(0, 4096, 64, dtype=np.intp)
    for number in range(many):
        total = 0.0
        for at in range(40):
            total = max(total, table[at] + number)
        table[number % 1000] = min(total, 9.0)
        weights[some] += float(weights.take(some).dot(weights.take(some)) > 0.0)


def decisions(policy: Policy, *, apart: float) -> Callable[[int], None]:
    """Return what makes so many requests of 20 principals, *apart* seconds from one to the next."""
    clock, words, sent = ManualClock(), Words(), itertools.count()
    app = RateLimitMiddleware(bare, policy, identify=APIKey(),
                              store=MemoryStore(clock=clock, secret=b"the secret of a benchmark"))
    bodies = [(who, words.body(1000, who)) for _ in range(_BODIES) for who in range(_WHO)]

    async def run(many: int) -> None:
        for at in itertools.islice(sent, many):
            await drive(app, [bodies[at % len(bodies)]])
            clock.advance(apart)

    return lambda many: asyncio.run(run(many))


def kinds() -> dict[str, Callable[[int], None]]:
    """Return what is counted, by name."""
    budget = (Budget(quota=600, window=timedelta(hours=1), burst=60),)
    return {
        "yardstick": yardstick,
        "budget only": decisions(Policy(budgets=budget, signals=(), cohort_signals=(), cohorts=()), apart=1.0),
        "default": decisions(Policy(budgets=budget), apart=1.0),
        "default, refused": decisions(Policy(budgets=(Budget(quota=1, window=timedelta(days=1), burst=1),)), apart=0.1),
    }


def perform() -> None:
    """Do each kind, as the Python that is counted, and have the counters dumped round each."""
    dump = ["callgrind_control", "--dump", str(os.getpid())]
    for do in kinds().values():
        do(_MANY * _WARM)
        subprocess.run(dump, check=True, capture_output=True)
        do(_MANY)
        subprocess.run(dump, check=True, capture_output=True)


def measured() -> dict[str, Any]:
    """Return thousands of instructions and yardsticks each, and what they hold for."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [str(VALGRIND), "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable, __file__,
             "--perform"],
            check=True, env=os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        # Every second dump is of a kind, in turn.
        each = {kind: _total(Path(folder) / f"out.{2 * number + 2}") / _MANY for number, kind in enumerate(kinds())}
    return {
        "python": ".".join(map(str, sys.version_info[:2])), "numpy": ".".join(np.__version__.split(".")[:2]),
        "thousands": {kind: round(count / 1000, 1) for kind, count in each.items()},
        "yardsticks": {kind: round(count / each["yardstick"], 3) for kind, count in each.items()},
    }


def _total(dump: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def main() -> int:
    """Count, print, and compare or write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--perform", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.perform:
        perform()
        return 0
    if VALGRIND is None:
        print("valgrind is not installed: no instruction was counted")
        return 0 if chosen.check else 1
    found = measured()
    before = json.loads(BASELINE.read_text("utf-8")) if BASELINE.exists() else {"yardsticks": {}}
    alike = all(before.get(what) == found[what] for what in ("python", "numpy"))
    worse = []
    for kind, yardsticks in found["yardsticks"].items():
        was = before["yardsticks"].get(kind)
        over = yardsticks / was - 1 if was and alike else 0.0
        print(f"{kind:18} {found['thousands'][kind]:9.1f} thousand instructions  {yardsticks:8.3f} yardsticks"
              + (f"  {over:+.1%}" if was and alike else ""))
        if over > MOST:
            worse.append(kind)
    if chosen.write:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    elif not alike:
        print(f"the baseline is of Python {before.get('python')} and numpy {before.get('numpy')}: not compared")
    elif worse and chosen.check:
        print(f"more than {MOST:.0%} over the baseline: {', '.join(worse)}; make it cheaper, or say why and --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
