"""The README does what it says: its Python runs as it stands, and the refusal that it shows is the one that comes.

- Every ``python`` block runs in a process of its own.
- The block that begins with ``# app.py`` is an application. The block called ``http`` is what the first request beyond
  its burst is answered; digits in waits may differ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ratelimit import Policy
from ratelimit.demo.serve import serving

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
REFUSALS = [text for language, text in BLOCKS if language == "http"]

#: What a server adds of its own.
SERVERS_OWN = {"date", "server", "content-length"}


def _application() -> str:
    (code,) = (code for code in PYTHON if code.startswith("# app.py\n"))
    return str(code)


def _without_waits(text: str) -> str:
    return re.sub(r"(retry-after(?:-ms)?: |reset-requests: |\bt=|\bin |\bafter )\d+", r"\1N", text)


@pytest.mark.parametrize("code", PYTHON, ids=range(1, len(PYTHON) + 1))
def test_a_python_block_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    """Pasted into a file of its own, a block runs to its end and complains of nothing."""
    script = tmp_path / "pasted.py"
    script.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_application_is_short() -> None:
    """The first application has twelve lines at most, its name not counted."""
    lines = [line for line in _application().splitlines()[1:] if line.strip()]

    assert len(lines) <= 12


@pytest.mark.parametrize("shown", REFUSALS, ids=range(1, len(REFUSALS) + 1))
async def test_the_refusal_shown_is_the_one_that_comes(shown: str) -> None:
    """Status, headers and body of the first request beyond the burst are those of the README, but for the waits."""
    namespace: dict[str, object] = {}
    exec(compile(_application(), "app.py", "exec"), namespace)  # noqa: S102 (our own README)
    burst = Policy().budgets[0].burst
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    async with (
        serving(namespace["app"]) as url,  # type: ignore[arg-type]  # what the README calls app
        httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer sk-1"}) as http,
    ):
        *answered, refused = [await http.post("/v1/chat/completions", json=body) for _ in range(burst + 1)]
    head, _, said = shown.partition("\n\n")
    status, *headers = head.splitlines()
    came = [f"{name}: {value}" for name, value in refused.headers.items() if name not in SERVERS_OWN]

    assert {response.status_code for response in answered} == {200}
    assert status == f"HTTP/1.1 {refused.status_code} {refused.reason_phrase}"
    assert sorted(map(_without_waits, headers)) == sorted(map(_without_waits, came))
    assert json.loads(_without_waits(said)) == json.loads(_without_waits(refused.text))
