"""Requests that schemathesis makes from an application's own OpenAPI, good ones and bad, over real HTTP.

For more of them: ``python tests/fuzz/described.py`` in one terminal, and in another
``st run http://127.0.0.1:8000/openapi.json -c not_a_server_error --max-examples 10000``.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

SERVER = Path(__file__).parent / "described.py"
ROOT = SERVER.parent.parent.parent


async def test_nothing_made_from_the_schema_is_answered_by_a_5xx(tmp_path: Path) -> None:
    """Hundreds of requests to six endpoints, and not one server error."""
    environment = os.environ | {"PORT": "0", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVER), stdout=PIPE, stderr=STDOUT, env=environment, cwd=tmp_path)
    try:
        async with asyncio.timeout(120):
            assert server.stdout is not None
            while not (found := re.search(rb"http://127\.0\.0\.1:\d+", line := await server.stdout.readline())):
                assert line, "the server did not start"
            drained = asyncio.create_task(server.stdout.read())
            tester = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).parent / "st"), "run", f"{found.group().decode()}/openapi.json",
                "--checks", "not_a_server_error", "--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "1",
                stdout=PIPE, stderr=STDOUT, env=environment, cwd=tmp_path)
            said = (await tester.communicate())[0].decode()
    finally:
        server.terminate()
        await server.wait()
    await drained

    made = re.search(r"(\d+) generated, (\d+) passed", said)
    assert tester.returncode == 0, said
    assert made is not None, said
    assert made[1] == made[2]
    assert int(made[1]) > 200
