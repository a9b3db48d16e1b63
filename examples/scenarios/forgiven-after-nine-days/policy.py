"""The default policy."""

from ratelimit import Policy

policy = Policy()
