"""Tools for tests of ASGI applications and middleware."""

from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.conversation import Conversation, converse
from ratelimit.testing.exchange import Exchange, drive

__all__ = ["Conversation", "Exchange", "ProtocolChecker", "ProtocolViolation", "converse", "drive"]
