"""Signals: behaviours watched as bets against "this is honest", each in a file of its own."""

from ratelimit.signals.affinity import Affinity
from ratelimit.signals.base import CohortSignal, PrincipalSignal
from ratelimit.signals.coverage import Coverage
from ratelimit.signals.stamina import Stamina
from ratelimit.signals.wander import Wander

__all__ = ["Affinity", "CohortSignal", "Coverage", "PrincipalSignal", "Stamina", "Wander"]
