"""The console: who is tightened now and why, and what people may do about it. Needs the extra ``console``."""

from ratelimit.console.access import ConsoleError, Person, Tokens
from ratelimit.console.app import Console
from ratelimit.console.shared import Publisher, SharedWatch
from ratelimit.console.watch import Watch

__all__ = ["Console", "ConsoleError", "Person", "Publisher", "SharedWatch", "Tokens", "Watch"]
