"""Every public name of ``ratelimit.testing``, used as its documentation says. Never run: a type checker reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit import Clock, MemoryStore, Policy, Wander
from ratelimit.drill import ADVERSARIES, CROWDS
from ratelimit.testing import (
    Ask,
    BadSignalError,
    LawBrokenError,
    MakeStore,
    Passes,
    Play,
    ProtocolChecker,
    Size,
    Step,
    Suspect,
    SuspectCohorts,
    Unreliable,
    Wait,
    assert_forgives_within,
    assert_harvest_at_most,
    assert_honest_loss_at_most,
    assert_tightens_within,
    check_policy,
    check_signal,
    drive,
    laws,
    policy_machine,
    strategies,
    traces,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from starlette.types import ASGIApp


def small(clock: Clock, secret: bytes) -> MemoryStore:
    """Make a store with room for two."""
    return MemoryStore(clock=clock, secret=secret, principals=2)


def proved(policy: Policy) -> str:
    """Try everything."""
    store: MakeStore = small
    steps: list[Step] = [Suspect("ann", 4.0), SuspectCohorts("ann", 4.0), Wait(60.0), Ask("ann", "Hello", times=2)]
    size = Size(accounts=25, days=4)
    try:
        check_policy(policy, store=store, profile="quick")
        laws.bounded(policy, store=store, profile="thorough")
        laws.forgiving.on(policy, steps, store=store)
        laws.honest_promise(policy, alpha=0.05)
        laws.pass_through.on(policy, [Passes((b"a",), (b"b", b"c"))])
        check_signal(Wander(), alpha=0.01)
    except (LawBrokenError, BadSignalError) as error:
        return str(error)
    assert_harvest_at_most(policy, ADVERSARIES["hydra"], share=0.05, crowds=[CROWDS["chat"]], size=size)
    assert_tightens_within(policy, ADVERSARIES["hydra"], requests=500, size=size)
    assert_honest_loss_at_most(policy, CROWDS["chat"], share=0.001, campaign=ADVERSARIES["hydra"])
    assert_forgives_within(policy, after=timedelta(days=7))
    with Play(policy, store) as play:
        play.suspect_cohorts("ann", 4.0, kinds=("shape",), own=1.0)
        return play.ask("ann", "Hello", system="Be brief.").policy


def drawn(app: ASGIApp) -> list[SearchStrategy[object]]:
    """Draw everything."""
    machine = policy_machine(Policy(), store=small, workers=2)
    checked, unreliable = ProtocolChecker(app), Unreliable(MemoryStore())
    unreliable.down = True
    return [
        strategies.principals(verified=True), strategies.texts(), strategies.prompts(), strategies.bodies("gemini"),
        strategies.cuts(b"body"), strategies.requests(), strategies.policies(), traces.honest_traces("bot"),
        traces.campaign_traces("shards", most=9), traces.mixed_traces(campaigns=("bare",)),
    ] if [machine, checked, drive] else []
