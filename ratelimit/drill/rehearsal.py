"""One rehearsal: actors and a guard, moment by moment."""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, Protocol

from ratelimit.drill.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ratelimit.drill.acting import Actor, Ask
    from ratelimit.drill.guards import Guard
    from ratelimit.drill.ledger import Ledger
    from ratelimit.drill.stage import Stage

#: Requests between two looks at how far it is.
_LOOK = 2048


class Cast(Protocol):
    """An adversary, or a crowd."""

    def actors(self, stage: Stage) -> Iterable[Actor]:
        """Yield actors."""
        ...


def rehearse(
    casts: Iterable[tuple[Cast, Stage]], guard: Guard, ledger: Ledger, *, start: float, seconds: float,
    look: Callable[[float], bool] = lambda _: True,
) -> bool:
    """Let everybody ask for *seconds* from *start* (Unix seconds); say whether it went on to the end.

    *look* is called now and then with the share of the time that is over, 0 to 1; if it says no, that is the end.
    """
    heap: list[tuple[float, int, Actor, Ask, Stage]] = []
    for cast, stage in casts:
        for actor in cast.actors(stage):
            try:
                ask = next(actor)
            except StopIteration:
                continue
            heap.append((start + ask.after, len(heap), actor, ask, stage))
    heapify(heap)
    scene, end, left, turns = Scene(), start + seconds, _LOOK, len(heap)
    while heap and heap[0][0] < end:
        now, _, actor, ask, stage = heap[0]
        scene.take(ask, now)
        answer = guard.decide(scene)
        ledger.note(scene, ask, answer)
        stage.now = now
        try:
            ask = actor.send(answer)
        except StopIteration:
            heappop(heap)
        else:
            turns += 1
            heapreplace(heap, (now + ask.after, turns, actor, ask, stage))
        left -= 1
        if not left:
            left = _LOOK
            if not look((now - start) / seconds):
                return False
    return True
