"""Tools for tests of ASGI applications and middleware."""

from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.exchange import Exchange, drive

__all__ = ["Exchange", "ProtocolChecker", "ProtocolViolation", "drive"]
