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
    for name, function in (("identify", identify), ("on_decision", on_decision)):
        if function is not None and not callable(function):
            yield f"{name}: must be callable or None, got {function!r}"
    if inspect.iscoroutinefunction(on_decision):
        yield f"on_decision: must not be async, got {on_decision!r}; start a task in it if you must wait for something"
    missing = [name for name in ("charge", "fold", "adjust", "secret", "clock", "lexicon") if not hasattr(store, name)]
    if store is not None and missing:
        yield f"store: must be a Store or None, got {store!r}, which has no {', '.join(missing)}"


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
