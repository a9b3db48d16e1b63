"""How cost grows: a request against live principals, history, cohort size and policies; and bytes of each principal.

    python tests/benchmarks/growth.py                                # some minutes, and 4 GB for a million principals
    python tests/benchmarks/growth.py --principals 1000,10000        # less
    python tests/benchmarks/growth.py --json figures.json --plot growth.svg

Times are microseconds over the bare application, medians over rounds, bodies of 1 KB, in process, the default policy.
Within one comparison rounds take turns. Bytes are what the process grew by (resident), with every principal learned so
many times, divided by the principals: all that is kept for them counts, cohorts too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from load import Words, bare, drive

from ratelimit import APIKey, MemoryStore, Policy, Principal, RateLimitMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

# Requests of a round, and how many different bodies there are to draw from.
_BATCH, _TEXTS = 200, 2000


def guarded(policies: Policy | list[Policy] | None = None, *, store: MemoryStore | None = None, **how: Any) -> Any:
    """Return the bare application behind the middleware, in whose store there is room for all."""
    return RateLimitMiddleware(bare, policies or Policy(), identify=how.get("identify", APIKey()),
                               store=store or MemoryStore(principals=2_000_000, cohorts=1_000_000))


@cache
def texts() -> list[bytes]:
    """Return the bodies that there are to draw from."""
    words = Words(2)
    return [words.body(1000, number) for number in range(_TEXTS)]


def requests(rng: Random, many: int, who: int) -> Iterator[tuple[int, bytes]]:
    """Yield *many* requests, of *who* principals in turn."""
    for number in range(many):
        yield number % who, texts()[rng.randrange(_TEXTS)]


async def compared(apps: dict[int, Any], principals: dict[int, int], rounds: int) -> dict[int, float]:
    """Return the median of microseconds of a request, by what differs; over the bare application."""
    rng, took = Random(2), dict[int, list[float]]()
    base = []
    for _ in range(rounds):
        some = [(rng.randrange(10**9), rng.choice(texts())) for _ in range(_BATCH)]
        base.append(await drive(bare, some))
        for key, app in apps.items():
            gc.collect(0)
            took.setdefault(key, []).append(await drive(app, [(who % principals[key], body) for who, body in some]))
    return {key: statistics.median(times) - statistics.median(base) for key, times in took.items()}


async def by_principals(sizes: list[int], rounds: int) -> dict[int, float]:
    """Against how many principals are known, each of three requests."""
    apps = {}
    for size in sizes:
        apps[size] = guarded()
        await drive_all(apps[size], 3 * size, size)
    return await compared(apps, {size: size for size in sizes}, rounds)


async def by_history(lengths: list[int], rounds: int) -> dict[int, float]:
    """Against how many requests each of a hundred principals made before."""
    apps = {}
    for length in lengths:
        apps[length] = guarded()
        await drive_all(apps[length], 100 * length, 100)
    return await compared(apps, dict.fromkeys(lengths, 100), rounds)


async def by_cohort(sizes: list[int], rounds: int) -> dict[int, float]:
    """Against how many members one cohort has: all share a network, and those that ask are the same thousand."""
    async def linked(request: Any) -> Principal:
        return Principal(id=str(request.header("authorization")), links={"network": "as64500"})

    apps = {}
    for size in sizes:
        apps[size] = guarded(identify=linked)
        await drive_all(apps[size], 2 * size, size)
    return await compared(apps, dict.fromkeys(sizes, min(sizes)), rounds)


async def by_policies(numbers: list[int], rounds: int) -> dict[int, float]:
    """Against how many policies are tried until the last of them governs."""
    apps = {}
    for number in numbers:
        others = [replace(Policy(), name=f"p{at}", paths=(f"/elsewhere/{at}/*",)) for at in range(number - 1)]
        apps[number] = guarded([*others, Policy()])
        await drive_all(apps[number], 2000, 1000)
    return await compared(apps, dict.fromkeys(numbers, 1000), rounds)


async def drive_all(app: Any, many: int, who: int) -> None:
    """Send *many* requests, a few at a time: the requests themselves are not to stay in memory."""
    rng, some = Random(3), list[tuple[int, bytes]]()
    for one in requests(rng, many, who):
        some.append(one)
        if len(some) == 1000:
            await drive(app, some)
            some.clear()
    if some:
        await drive(app, some)


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


async def weighed(principals: int, each: int) -> dict[str, float]:
    """Return bytes of each of so many principals, learned *each* times, and of each cohort that there is then."""
    store = MemoryStore(principals=2_000_000, cohorts=1_000_000)
    app = guarded(store=store)
    await drive_all(app, 100, 10)
    before = resident()
    await drive_all(app, principals * each, principals)
    grown = resident() - before
    health = store.health()
    return {"principals": health.principals, "cohorts": health.cohorts, "each": each,
            "bytes a principal": grown / max(1, health.principals)}


def weigh(principals: int, each: int) -> dict[str, float]:
    """Weigh them in a process of their own: what another has freed hides what this one takes."""
    done = subprocess.run([sys.executable, __file__, "--weigh", str(principals), str(each)], check=True,
                          capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def plot(report: dict[str, Any], file: str) -> None:
    """Draw the figures, a panel each."""
    import matplotlib as mpl  # noqa: PLC0415 (an extra, and slow to import)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    panels = [name for name in report if name.startswith("us")]
    figure, axes = plt.subplots(1, len(panels) + 1, figsize=(4 * (len(panels) + 1), 3.4), layout="constrained")
    for axis, name in zip(axes, panels, strict=False):
        figures = report[name]
        axis.plot([int(key) for key in figures], list(figures.values()), marker="o")
        axis.set(xscale="log", ylim=(0, None), title=name.partition(" by ")[2], ylabel="us over bare")
    last = axes[-1]
    for each in sorted({row["each"] for row in report["memory"]}):
        rows = [row for row in report["memory"] if row["each"] == each]
        last.plot([row["principals"] for row in rows], [row["bytes a principal"] for row in rows], marker="o",
                  label=f"{each} requests each")
    last.set(xscale="log", ylim=(0, None), title="memory", ylabel="bytes a principal")
    last.legend()
    figure.savefig(file)


def numbers(text: str) -> list[int]:
    """Read numbers with commas between."""
    return [int(number) for number in text.split(",")]


async def main() -> tuple[dict[str, Any], Any]:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--principals", type=numbers, default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--history", type=numbers, default=[2, 20, 200])
    parser.add_argument("--cohort", type=numbers, default=[1000, 10_000, 100_000])
    parser.add_argument("--policies", type=numbers, default=[1, 10, 100])
    parser.add_argument("--each", type=numbers, default=[1, 3, 10], help="requests of each principal that is weighed")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE", help="needs matplotlib, of the extra 'report'")
    parser.add_argument("--weigh", nargs=2, type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.weigh:
        print(json.dumps(await weighed(*chosen.weigh)))
        return {}, chosen
    report: dict[str, Any] = {"memory": [
        weigh(size, each) for size in chosen.principals if size >= max(chosen.principals) / 10 for each in chosen.each
    ]}
    report["us by live principals"] = await by_principals(chosen.principals, chosen.rounds)
    report["us by requests before"] = await by_history(chosen.history, chosen.rounds)
    report["us by members of a cohort"] = await by_cohort(chosen.cohort, chosen.rounds)
    report["us by policies"] = await by_policies(chosen.policies, chosen.rounds)
    for name, figures in report.items():
        print(f"\n{name}")
        if name == "memory":
            for row in figures:
                print(f"  {row['principals']:>9,} principals of {row['each']:>2} requests, {row['cohorts']:>8,} "
                      f"cohorts: {row['bytes a principal']:7,.0f} bytes each")
            continue
        first = next(iter(figures.values()))
        for key, took in figures.items():
            print(f"  {key:>9,}  {took:7.1f} us over bare   x {took / first:.2f}")
    return report, chosen


if __name__ == "__main__":
    measured, asked = asyncio.run(main())
    if asked.json:
        Path(asked.json).write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
    if asked.plot:
        plot(measured, asked.plot)
