"""Tools for tests of ASGI applications and middleware, and of stores."""

from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.conversation import Conversation, converse
from ratelimit.testing.exchange import Exchange, drive
from ratelimit.testing.stores import StoreMismatchError, check_store

__all__ = [
    "Conversation",
    "Exchange",
    "ProtocolChecker",
    "ProtocolViolation",
    "StoreMismatchError",
    "check_store",
    "converse",
    "drive",
]
