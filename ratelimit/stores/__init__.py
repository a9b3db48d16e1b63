"""Where profiles and budgets live."""

from ratelimit.stores.base import Charged, CohortFold, Fold, Store
from ratelimit.stores.memory import MemoryStore

__all__ = ["Charged", "CohortFold", "Fold", "MemoryStore", "Store"]
