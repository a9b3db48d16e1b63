"""What a store in Redis is made with."""

from __future__ import annotations

from datetime import timedelta

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def client_of(at: str | Redis | RedisCluster, timeout: float) -> Redis | RedisCluster:
    """Return the client of a URL, or the one that was given; it tries everything once.

    Once connected it waits as long as it is let: all that is asked here has a time-out of its own, and redis-py's costs
    a task for each call.
    """
    if not isinstance(at, str):
        return at
    return Redis.from_url(at, socket_timeout=None, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0))


def problems(
    at: object, secret: object, prefix: str, remembered: int, backlog: int, **durations: timedelta
) -> list[str]:
    """Return all that is wrong with the arguments of a ``RedisStore``."""
    found = []
    if not isinstance(at, str | Redis | RedisCluster):
        found.append(f"at: must be a URL or a client of redis.asyncio, got {at!r}")
    if not isinstance(secret, bytes) or len(secret) < 16:
        found.append("secret: must be 16 bytes or more, the same for all workers; draw one by secrets.token_bytes "
                     "and hand it to each, as you do with other secrets")
    if not prefix or set(prefix) & set("{}"):
        found.append(f"prefix: must not be empty nor hold braces, got {prefix!r}")
    found.extend(f"{name}: must be a positive timedelta, got {value!r}"
                 for name, value in durations.items() if value <= timedelta(0))
    found.extend(f"{name}: must be at least 1, got {value!r}"
                 for name, value in (("remembered", remembered), ("backlog", backlog)) if value < 1)
    return found
