"""Tools for tests: of policies (laws, assertions), of stores and signals, of ASGI applications and middleware.

What needs Hypothesis, and the drill, is imported when it is first used: the rest is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ratelimit.testing.asgi import ProtocolChecker, ProtocolViolation
from ratelimit.testing.broken import LawBrokenError
from ratelimit.testing.conversation import Conversation, converse
from ratelimit.testing.exchange import Exchange, drive
from ratelimit.testing.play import MakeStore, Play
from ratelimit.testing.steps import Ask, Step, Suspect, SuspectCohorts, Wait
from ratelimit.testing.stores import StoreMismatchError, check_store

if TYPE_CHECKING:
    from ratelimit.testing import laws, strategies, traces
    from ratelimit.testing.assertions import (
        assert_forgives_within,
        assert_harvest_at_most,
        assert_honest_loss_at_most,
        assert_tightens_within,
    )
    from ratelimit.testing.checking import check_policy
    from ratelimit.testing.laws import Passes
    from ratelimit.testing.machine import Unreliable, policy_machine
    from ratelimit.testing.runs import Size
    from ratelimit.testing.signals import BadSignalError, check_signal

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

_LATER = {
    "BadSignalError": "signals", "Passes": "laws", "Size": "runs", "Unreliable": "machine",
    "assert_forgives_within": "assertions", "assert_harvest_at_most": "assertions",
    "assert_honest_loss_at_most": "assertions", "assert_tightens_within": "assertions", "check_policy": "checking",
    "check_signal": "signals", "policy_machine": "machine",
}
_MODULES = frozenset({"laws", "strategies", "traces"})

if not TYPE_CHECKING:  # or a type checker would believe that any name is here

    def __getattr__(name: str) -> object:
        """Return what is imported when it is first used (PEP 562)."""
        if name in _MODULES:
            return import_module(f"ratelimit.testing.{name}")
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"ratelimit.testing.{_LATER[name]}"), name)
