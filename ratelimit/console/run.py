"""The console alone: ``ratelimit console``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

from ratelimit.discovery import load
from ratelimit.errors import DiscoveryError
from ratelimit.interventions import Interventions
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The environment variables that hold tokens.
OPERATOR, READER = "RATELIMIT_CONSOLE_OPERATOR", "RATELIMIT_CONSOLE_READER"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was given."""

    store: str
    prefix: str
    policy: str | None
    host: str
    port: int


def run(options: Options) -> int:
    """Serve the console until it is stopped; return the exit code."""
    try:
        import uvicorn  # noqa: PLC0415 (extras, as are those that the next ones need)

        from ratelimit.console.access import ConsoleError, Tokens  # noqa: PLC0415 (see above)
        from ratelimit.console.app import Console  # noqa: PLC0415 (see above)
        from ratelimit.console.shared import SharedWatch  # noqa: PLC0415 (see above)

        tokens = Tokens(operators=_token("operator", OPERATOR), readers=_token("reader", READER))
        policies: Sequence[Policy] = (Policy(),) if options.policy is None else load(options.policy, said="--policy")
        watch = SharedWatch(options.store, prefix=options.prefix)
        console = Console(tokens, watch=watch, policy=policies,
                          interventions=Interventions(options.store, prefix=options.prefix))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"uvicorn", "jinja2", "itsdangerous", "redis"}:
            raise
        return _wrong(f"needs {missing}: pip install 'behavioral-ratelimit[console,redis]' uvicorn")
    except ConsoleError as error:
        return _wrong(f"{error}; here they come from the environment variables {OPERATOR} and {READER}")
    except (DiscoveryError, ValueError) as error:
        return _wrong(str(error))
    watch.catch_up()  # the thread begins to follow at once, and not with the first page
    uvicorn.run(console, host=options.host, port=options.port, log_level="info", lifespan="off",
                timeout_graceful_shutdown=2)  # a page that is open would keep it
    return 0


def _token(name: str, variable: str) -> dict[str, str]:
    token = os.environ.get(variable)
    return {} if not token else {name: token}


def _wrong(sentence: str) -> int:
    print(f"ratelimit console: {sentence}", file=sys.stderr)  # noqa: T201 (a command prints)
    return 2
