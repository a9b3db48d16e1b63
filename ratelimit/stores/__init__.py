"""Where profiles and budgets live."""

from ratelimit.stores.base import Adjustment, Charged, CohortFold, Fold, Store
from ratelimit.stores.health import Health
from ratelimit.stores.memory import MemoryStore

__all__ = ["Adjustment", "Charged", "CohortFold", "Fold", "Health", "MemoryStore", "Store"]
