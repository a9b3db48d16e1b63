"""A websocket on its way to the application and back: each message that carries a prompt is decided."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ratelimit.dialects import Dialect, usage_in
from ratelimit.edge.scope import STATE, request_of
from ratelimit.edge.upload import End, Upload
from ratelimit.edge.visit import Visit
from ratelimit.outcome import Outcome
from ratelimit.prompt import Reading, Unreadable
from ratelimit.tokens import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Message, Receive, Scope, Send

    from ratelimit.decision import Decision
    from ratelimit.dialects import Ear, Refusal
    from ratelimit.edge.bill import Bill
    from ratelimit.edge.desk import Desk
    from ratelimit.edge.gate import Gate
    from ratelimit.policy import Policy
    from ratelimit.responses import Reply
    from ratelimit.stores import Fold

#: Refusals in a row after which the socket is closed: the client does not listen to them.
MOST_REFUSED = 64

#: Charged messages whose response is awaited; of more, an early one counts as estimated.
MOST_BILLS = 64

#: Why a socket is closed: what is sent breaks a policy, or there will be room later (RFC 6455, and its registry).
_POLICY, _LATER = 1008, 1013

_DONE = ('"response.done"', '"response.completed"', '"response.incomplete"', '"response.failed"')


class Socket:
    """One websocket. Messages that are no prompts pass untouched, and so does all that the application sends.

    A refusal is an error event in the protocol's form, and the message is withheld from the application; the socket
    stays open, unless the client goes on regardless.

    It takes one slot of ``Concurrency`` from a prompt to the end of the response to it, and several prompts before one
    response (items of a conversation) take that one.

    policies  those that cover its path, each with the dialect that it hears there.
    """

    def __init__(
        self, policies: Sequence[tuple[Policy, Dialect]], gate: Gate, desk: Desk, *, scope: Scope, path: str,
        receive: Receive, send: Send,
    ) -> None:
        self._gate, self._desk = gate, desk
        self._ears: list[tuple[Dialect, Ear]] = []
        self._policies = [(policy, dialect, self._ear(dialect)) for policy, dialect in policies]
        self._hearing: Ear | None = None  # which heard the prompt that is being decided
        self._scope, self._path, self._receive, self._send = scope, path, receive, send
        self._pending: deque[Message] = deque()
        self._bills: deque[Bill] = deque()
        self._folds: list[Fold] = []
        self._refused = self._closed = 0
        self._answers = False

    async def receive(self) -> Message:
        """Return the next message that is for the application."""
        while not self._closed:
            message = self._pending.popleft() if self._pending else await self._receive()
            visit = self._visit(message)
            if visit is None or await self._admits(visit, message):
                return message
        return {"type": "websocket.disconnect", "code": self._closed, "reason": ""}

    async def send(self, message: Message) -> None:
        """Pass a message of the application's on, and only then look at it."""
        if self._closed:  # it has not noticed yet
            return
        await self._send(message)
        if message["type"] == "websocket.send":
            self._answers = True
            if (text := message.get("text")) is not None:
                for _, ear in self._ears:
                    ear.answered(text)
            for fold in self._folds:
                self._desk.learn(fold, 200)
            self._folds.clear()
            if self._bills:
                self._hear_answer(message)
        elif message["type"] == "websocket.close":
            # An application that closes without a word did not want to know who asks.
            self._settle(Outcome.BROKEN if self._answers else Outcome.UNKNOWN)

    def end(self) -> None:
        """Close what is open, the application having returned or raised."""
        self._settle(Outcome.BROKEN if self._answers else Outcome.LEFT)

    def _visit(self, message: Message) -> Visit | None:
        """Return the prompt that *message* carries, and the policy that governs it; ``None``: it passes."""
        text = message.get("text")
        data = text.encode("utf-8", "surrogatepass") if text is not None else message.get("bytes")
        if message["type"] != "websocket.receive" or data is None:
            return None
        heard = [(ear, ear.hear(data)) for _, ear in self._ears]
        for policy, dialect, ear in self._policies:
            found = next(found for listens, found in heard if listens is ear)
            if found is None:
                continue
            reading = found.reading
            if len(data) > policy.body_bytes:
                reading = Reading(dialect=dialect.name, problem=Unreadable.TOO_LARGE, call=reading.call,
                                  detail="the message is longer than is read here; send a shorter one")
            request = request_of(self._scope, self._path, reading)
            if self._desk.agrees(policy, request):
                body = _anonymous(data, reading.call) + found.besides
                upload = Upload(messages=deque(), body=body, end=End.WHOLE)
                self._hearing = ear
                return Visit(
                    policy=policy, dialect=_AsEvents(dialect), request=request, upload=upload, receive=self._receive,
                    accept="", in_flight=not any(bill.seated for bill in self._bills),
                )
        return None

    def _ear(self, dialect: Dialect) -> Ear:
        """Return what listens in *dialect*: one for all policies under which it is spoken."""
        for known, ear in self._ears:
            if known is dialect or known == dialect:
                return ear
        self._ears.append((dialect, dialect.ear()))
        return self._ears[-1][1]

    async def _admits(self, visit: Visit, message: Message) -> bool:
        try:
            settled = await self._gate.settle(visit)
        except BaseException:
            self._pending.appendleft(message)  # who stops waiting for a message has not received it
            raise
        finally:
            self._pending.extend(visit.upload.messages)
        if settled is None:  # the other end hung up while the message was held
            return False
        self._scope.setdefault("state", {})[STATE] = settled.decision
        self._desk.announce(settled.decision, visit.request)
        if settled.reply is not None:
            await self._refuse(settled.decision, settled.reply)
            return False
        if self._hearing is not None:
            self._hearing.passed()
        self._refused, self._answers = 0, False
        if settled.fold is not None:
            self._folds.append(settled.fold)
        if settled.bill is not None:
            self._bills.append(settled.bill)
            if len(self._bills) > MOST_BILLS:
                early = next(bill for bill in self._bills if not bill.seated)  # the slot stays with the socket
                self._bills.remove(early)
                early.close(Outcome.BROKEN)
        return True

    async def _refuse(self, decision: Decision, reply: Reply) -> None:
        self._refused += 1
        await self._send({"type": "websocket.send", "text": reply.body.decode("utf-8", "replace")})
        if self._refused >= MOST_REFUSED:
            self._closed = _POLICY if decision.behavioural else _LATER
            await self._send({"type": "websocket.close", "code": self._closed, "reason": "Too many refused messages."})

    def _hear_answer(self, message: Message) -> None:
        text = message.get("text") or ""
        if not any(mark in text for mark in _DONE):
            return
        usage = usage_in(text.encode("utf-8", "surrogatepass"))
        while self._bills:  # several items may be asked before one response, whose usage is that of all of them
            self._bills.pop().close(Outcome.ANSWERED, usage)
            usage = None if usage is None else Usage()

    def _settle(self, outcome: Outcome) -> None:
        while self._bills:
            self._bills.pop().close(outcome)


def _anonymous(data: bytes, call: str) -> bytes:
    """Return *data* without the ids by which its sender knows it: sent again under another, it is the same."""
    for name in msgspec.json.decode(call, type=dict[str, str]).values() if call else ():
        data = data.replace(msgspec.json.encode(name), b"")
    return data


class _AsEvents(Dialect):
    """A *dialect* whose errors are events."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def name(self) -> str:
        return self._dialect.name

    def claims(self, path: str) -> bool:
        return self._dialect.claims(path)

    def read(self, body: bytes) -> Reading:
        return self._dialect.read(body)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        return "application/json", self._dialect.event_error(refusal)
