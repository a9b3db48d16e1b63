"""Tools for tests: of policies (laws, assertions), of stores and signals, of ASGI applications and middleware."""

from ratelimit.testing import laws
from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.broken import LawBrokenError
from ratelimit.testing.checking import check_policy
from ratelimit.testing.conversation import Conversation, converse
from ratelimit.testing.exchange import Exchange, drive
from ratelimit.testing.play import MakeStore, Play
from ratelimit.testing.steps import Ask, Step, Suspect, SuspectCohorts, Wait
from ratelimit.testing.stores import StoreMismatchError, check_store

__all__ = [
    "Ask",
    "Conversation",
    "Exchange",
    "LawBrokenError",
    "MakeStore",
    "Play",
    "ProtocolChecker",
    "ProtocolViolation",
    "Step",
    "StoreMismatchError",
    "Suspect",
    "SuspectCohorts",
    "Wait",
    "check_policy",
    "check_store",
    "converse",
    "drive",
    "laws",
]
