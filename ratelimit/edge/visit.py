"""One request at the edge, and what is to be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Cause, Decision, Reason

if TYPE_CHECKING:
    from starlette.types import Receive

    from ratelimit.dialects import Dialect
    from ratelimit.edge.bill import Bill
    from ratelimit.edge.upload import Upload
    from ratelimit.headers import Header
    from ratelimit.policy import Policy
    from ratelimit.request import Request
    from ratelimit.responses import Reply
    from ratelimit.stores import Fold


#: What says that the other end hung up.
GONE = frozenset({"http.disconnect", "websocket.disconnect"})


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and the policy that it falls under.

    policy     the one that won.
    dialect    what is spoken at the request's path, and answered in.
    request    as the core sees it, its body read.
    upload     what was read of the body, to be replayed.
    receive    where the rest of it, and the hanging up, come from.
    accept     the Accept header.
    in_flight  whether it counts among the requests in flight.
    """

    policy: Policy
    dialect: Dialect
    request: Request
    upload: Upload
    receive: Receive
    accept: str
    in_flight: bool = True

    @property
    def call(self) -> str:
        """The id by which the caller knows the request, as JSON, if its dialect has such ids."""
        return "" if self.request.single else self.request.reading.call

    @property
    def hung_up(self) -> bool:
        """Whether the other end is known to have gone."""
        return any(message["type"] in GONE for message in self.upload.messages)

    def refused(self, cause: Cause, name: str, detail: str, *, principal: str = "") -> Decision:
        """Return a decision against this request that took no charge; in audit mode it goes on even so."""
        return Decision(
            allowed=self.policy.mode == "audit",
            refused=True,
            policy=self.policy.name,
            version=self.policy.version,
            mode=self.policy.mode,
            principal=principal,
            reasons=(Reason(cause=cause, name=name, detail=detail),),
        )

    def exempted(self) -> Decision:
        """Return the decision that lets this request through uncharged and unobserved."""
        return Decision(allowed=True, policy=self.policy.name, version=self.policy.version, mode=self.policy.mode,
                        exempt=True)

    def undecided(self, name: str, *, principal: str) -> Decision:
        """Return the decision that lets this request through although the store failed: *name* says how."""
        reason = Reason(cause=Cause.UNAVAILABLE, name=name, detail="The store failed, and the policy lets pass.")
        return Decision(allowed=True, policy=self.policy.name, version=self.policy.version, mode=self.policy.mode,
                        principal=principal, reasons=(reason,))

    def settled(self, decision: Decision, reply: Reply) -> Settled:
        """Return what to do after *decision*: answer *reply*, unless it lets the request go on."""
        return Settled(decision=decision, reply=None if decision.allowed else reply)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about one request.

    decision  what was decided.
    reply     what to answer; ``None``: the request goes on to the application.
    fold      what to learn once the application has answered; ``None``: nothing.
    headers   what to append to the application's.
    bill      what was charged, to be closed whatever happens; ``None``: nothing was.
    """

    decision: Decision
    reply: Reply | None = None
    fold: Fold | None = None
    headers: tuple[Header, ...] = ()
    bill: Bill | None = None
