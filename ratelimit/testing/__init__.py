"""Tools for tests: of policies (laws, assertions), of stores and signals, of ASGI applications and middleware."""

from ratelimit.testing import laws, strategies, traces
from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.assertions import (
    assert_forgives_within,
    assert_harvest_at_most,
    assert_honest_loss_at_most,
    assert_tightens_within,
)
from ratelimit.testing.broken import LawBrokenError
from ratelimit.testing.checking import check_policy
from ratelimit.testing.conversation import Conversation, converse
from ratelimit.testing.exchange import Exchange, drive
from ratelimit.testing.laws import Passes
from ratelimit.testing.machine import Unreliable, policy_machine
from ratelimit.testing.play import MakeStore, Play
from ratelimit.testing.runs import Size
from ratelimit.testing.signals import BadSignalError, check_signal
from ratelimit.testing.steps import Ask, Step, Suspect, SuspectCohorts, Wait
from ratelimit.testing.stores import StoreMismatchError, check_store

__all__ = [
    "Ask",
    "BadSignalError",
    "Conversation",
    "Exchange",
    "LawBrokenError",
    "MakeStore",
    "Passes",
    "Play",
    "ProtocolChecker",
    "ProtocolViolation",
    "Size",
    "Step",
    "StoreMismatchError",
    "Suspect",
    "SuspectCohorts",
    "Unreliable",
    "Wait",
    "assert_forgives_within",
    "assert_harvest_at_most",
    "assert_honest_loss_at_most",
    "assert_tightens_within",
    "check_policy",
    "check_signal",
    "check_store",
    "converse",
    "drive",
    "laws",
    "policy_machine",
    "strategies",
    "traces",
]
