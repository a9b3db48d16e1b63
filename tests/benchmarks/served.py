"""What a request costs under uvicorn: one worker each, driven by wrk, over sockets of loopback.

    python tests/benchmarks/served.py             # some two minutes; needs wrk, and the extras "bench" and "demo"
    python tests/benchmarks/served.py --rounds 12 --connections 64 --json figures.json

Every system is a server process of its own; they are driven in turns, each for some seconds. Bodies of 1 KB, a thousand
keys. Printed are medians over the rounds, with quartiles: requests a second, and how much longer one request takes the
server than the bare application does (microseconds, from requests a second: one worker does one thing at a time).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).parent))

from load import PATH, Words
from side_by_side import systems

WRK = shutil.which("wrk")

#: Served, in the names that side_by_side.py has for them.
SERVED = ("bare", "limits, fixed window", "routed", "slowapi, headers", "ours, a budget only", "ours, the default")

#: Each key has bodies of its own: many keys that ask one another's prompts are tightened, and rightly.
_KEYS, _BODIES = 1000, 8

_SCRIPT = """
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  local key = math.random(%d)
  wrk.headers["Authorization"] = string.format("Bearer sk-%%06d", key)
  return wrk.format(nil, "%s", nil, bodies[(key - 1) * %d + math.random(%d)])
end
"""


def serve(name: str, port: int) -> None:
    """Serve one system until the process is ended."""
    app = systems(10**6, 10**5)[name][0]
    uvicorn.run(app, port=port, log_level="error", access_log=False, lifespan="off")


def started(name: str, closing: ExitStack) -> int:
    """Start a server of one system, and return its port once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "--serve", name, str(port)])
    closing.callback(process.wait, 10)
    closing.callback(process.terminate)
    for _ in range(1200):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.05)
    raise AssertionError(f"{name} did not start")


def driven(port: int, script: Path, connections: int, seconds: float) -> float:
    """Return requests a second."""
    done = subprocess.run([str(WRK), "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(script),
                           f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate is not None, done.stdout
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(rate[1])


def measured(rounds: int, connections: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return quartiles of requests a second, and microseconds over the bare application, by system."""
    words = Words()
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        bodies, script = folder / "bodies", folder / "post.lua"
        bodies.write_bytes(b"\n".join(words.body(1000, who) for who in range(_KEYS) for _ in range(_BODIES)))
        script.write_text(_SCRIPT % (bodies, _KEYS, PATH, _BODIES, _BODIES))
        ports = {name: started(name, closing) for name in SERVED}
        for port in ports.values():
            driven(port, script, connections, 1)
        rates: dict[str, list[float]] = {name: [] for name in SERVED}
        for _ in range(rounds):
            for name, port in ports.items():
                rates[name].append(driven(port, script, connections, seconds))
    found = {}
    for name, seen in rates.items():
        low, middle, high = statistics.quantiles(seen, n=4)
        base = statistics.median(rates["routed" if name.startswith("slowapi") else "bare"])
        found[name] = {"median": middle, "low": low, "high": high, "us over bare": 1e6 / middle - 1e6 / base}
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    chosen: Any = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve[0], int(chosen.serve[1]))
        return
    if WRK is None:
        sys.exit("wrk is not installed")
    found = measured(chosen.rounds, chosen.connections, chosen.seconds)
    for name, one in found.items():
        print(f"{name:22} {one['median']:8,.0f} requests/s ({one['low']:,.0f} to {one['high']:,.0f})"
              f"   {one['us over bare']:7.0f} us over bare")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
