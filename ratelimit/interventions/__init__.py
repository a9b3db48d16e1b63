"""What people decide over the engine's head: for a reason, in somebody's name, and for a while."""

from ratelimit.interventions.current import Interventions
from ratelimit.interventions.values import Intervention, InterventionError, Kind

__all__ = ["Intervention", "InterventionError", "Interventions", "Kind"]
