"""Signals: behaviours watched as bets against "this is honest", each in a file of its own."""

from ratelimit.signals.affinity import Affinity
from ratelimit.signals.base import CohortSignal, PrincipalSignal
from ratelimit.signals.coverage import Coverage

__all__ = ["Affinity", "CohortSignal", "Coverage", "PrincipalSignal"]
