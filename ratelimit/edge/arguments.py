"""What can be wrong with the arguments of the middleware."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from ratelimit.policy import Policy


def problems(
    app: object, policies: object, identify: object, store: object, on_decision: object
) -> Iterator[str]:
    """Yield all that is wrong with the middleware's arguments, the environment's policy already in place."""
    if not callable(app):
        yield f"app: must be an ASGI application, got {app!r}"
    yield from _policy_problems(policies)
    if identify is not None and not callable(identify):
        yield f"identify: must be callable or None, got {identify!r}"
    yield from _listener_problems(on_decision)
    missing = [name for name in ("charge", "fold", "adjust", "secret", "clock", "lexicon") if not hasattr(store, name)]
    if store is not None and missing:
        yield f"store: must be a Store or None, got {store!r}, which has no {', '.join(missing)}"


def _listener_problems(on_decision: object) -> Iterator[str]:
    listeners: Sequence[object] = () if on_decision is None else (on_decision,)
    if isinstance(on_decision, Sequence) and not isinstance(on_decision, str):
        listeners = on_decision
    for index, listener in enumerate(listeners):
        name = "on_decision" if listener is on_decision else f"on_decision[{index}]"
        if not callable(listener):
            expected = "callable, a sequence of such, or None" if listener is on_decision else "callable"
            yield f"{name}: must be {expected}, got {listener!r}"
        if inspect.iscoroutinefunction(listener):
            yield f"{name}: must not be async, got {listener!r}; start a task in it if you must wait for something"


def _policy_problems(policies: object) -> Iterator[str]:
    if not isinstance(policies, Sequence) or isinstance(policies, str):
        yield f"policy: must be a Policy, a sequence of them or None, got {policies!r}"
        return
    if not policies:
        yield "policy: must not be empty; leave it out for the default"
    names: set[str] = set()
    for index, policy in enumerate(policies):
        if not isinstance(policy, Policy):
            yield f"policy[{index}]: must be a Policy, got {policy!r}"
        elif policy.name in names:
            yield f"policy[{index}]: another is called {policy.name!r}; give each a name of its own"
        else:
            names.add(policy.name)
