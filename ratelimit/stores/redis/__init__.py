"""Profiles and budgets in Redis or Valkey: one budget over many processes and machines. Needs the extra ``redis``."""

from ratelimit.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
