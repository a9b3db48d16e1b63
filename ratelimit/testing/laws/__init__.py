"""The laws: what holds of every policy. Call one with a policy to try it; ``check_policy`` tries them all."""

from ratelimit.testing.laws.again import replay, retry_idempotent
from ratelimit.testing.laws.budgets import bounded, never_looser, steady
from ratelimit.testing.laws.crowds import frame_proof, isolated, split_proof
from ratelimit.testing.laws.evidence import forgiving, monotone
from ratelimit.testing.laws.law import PROFILES, Law
from ratelimit.testing.laws.passing import Guard, Passes, pass_through
from ratelimit.testing.laws.people import honest_promise

#: All of them, quick ones first.
ALL = (
    steady, forgiving, monotone, split_proof, frame_proof, isolated, retry_idempotent, replay, bounded, never_looser,
    pass_through, honest_promise,
)

__all__ = [
    "ALL",
    "PROFILES",
    "Guard",
    "Law",
    "Passes",
    "bounded",
    "forgiving",
    "frame_proof",
    "honest_promise",
    "isolated",
    "monotone",
    "never_looser",
    "pass_through",
    "replay",
    "retry_idempotent",
    "split_proof",
    "steady",
]
