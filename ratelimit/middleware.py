"""The ASGI middleware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ratelimit.decision import Cause, Decision
from ratelimit.dialects import read_body
from ratelimit.discovery import discover
from ratelimit.edge.answer import answer
from ratelimit.edge.arguments import problems
from ratelimit.edge.complaints import Complaints
from ratelimit.edge.desk import Desk
from ratelimit.edge.gate import Gate
from ratelimit.edge.overruled import Overruled, plain
from ratelimit.edge.passage import Passage
from ratelimit.edge.rules import Rules
from ratelimit.edge.scope import STATE, declared_length, request_of, route_path, told_by
from ratelimit.edge.socket import Socket
from ratelimit.edge.upload import End, Upload, read_upload, replayed
from ratelimit.edge.visit import Settled, Visit
from ratelimit.engine import Engine
from ratelimit.errors import refuse_invalid
from ratelimit.identify import DEFAULT_IDENTIFY, Resolver
from ratelimit.live import LivePolicies
from ratelimit.policy import Policy
from ratelimit.request import Request
from ratelimit.responses import slow_reply
from ratelimit.stores import MemoryStore, Store

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ratelimit.dialects import Dialect
    from ratelimit.interventions import Interventions
    from ratelimit.prompt import Reading

OnDecision = Callable[[Decision, Request], object]


class RateLimitMiddleware:
    """Keeps behavioural budgets in front of an ASGI application.

        app = RateLimitMiddleware(app)                        # the default policy, or what RATELIMIT_POLICY names
        app = RateLimitMiddleware(app, Policy(mode="audit"))  # decide, and let everything pass, byte for byte

    app          the application.
    policy       one policy, or several of which the first counts that governs the request and whose ``when`` agrees;
                 a request that none governs passes untouched. ``None``: what the environment names by
                 ``RATELIMIT_POLICY=package.module:name``, else ``Policy()``. ``LivePolicies`` may change while it runs.
    identify     says who asks, by a sync or async function of the ``Request``. Where it says ``None``, all unnamed
                 requests of the peer's network (its /24, or its /64) share one budget. Where it raises, the answer is
                 503; audit mode lets pass.
    store        where profiles and budgets live; ``None``: a ``MemoryStore`` of this process. While it fails,
                 the policy's ``on_store_error`` rules; audit mode lets pass. ``stores.redis.RedisStore`` is shared by
                 several processes.
    on_decision  a function, or several, called with the ``Decision`` and the ``Request`` once each is decided, before
                 it goes on; what they raise is logged, and changes nothing.

    interventions
                 what people have decided over its head, by ``ratelimit intervene`` or by hand; ``None``: nothing.

    The decision is in ``scope["state"]["ratelimit"]`` before the application runs. Responses are never buffered.
    Nothing is learned from a request that the application answers 401 or 403, or does not answer; what an answer turns
    out not to have cost is given back (see ``Outcome``). Websockets are listened to where prompts are sent over them,
    OpenAI's Realtime and responses: a message that is refused is answered by an error event, and withheld. All other
    websockets, and lifespan, pass through untouched.

    Runs on asyncio, in as many event loops as you like, one at a time.

    Raises: an ``ExceptionGroup`` of PolicyError with all that is wrong with the arguments; DiscoveryError.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: Policy | Sequence[Policy] | LivePolicies | None = None,
        *,
        identify: Resolver | None = None,
        store: Store | None = None,
        on_decision: OnDecision | Sequence[OnDecision] | None = None,
        interventions: Interventions | None = None,
    ) -> None:
        self._live = policy if isinstance(policy, LivePolicies) else None
        if isinstance(policy, LivePolicies):
            policy = policy.current
        policies = discover() if policy is None else (policy,) if isinstance(policy, Policy) else policy
        refuse_invalid("RateLimitMiddleware", list(problems(app, policies, identify, store, on_decision)))
        self._app = app
        self._identify = identify or DEFAULT_IDENTIFY
        self._store: Store = MemoryStore() if store is None else store
        self._complaints, self._interventions = Complaints(), interventions
        listeners = () if on_decision is None else (on_decision,) if callable(on_decision) else on_decision
        self._desk = Desk(self._store, listeners, self._complaints)
        self._generation = 0 if self._live is None else self._live.generation
        self._rules = self._made(tuple(policies))

    def __repr__(self) -> str:
        names = ", ".join(policy.name for policy in self._rules.policies)
        return f"RateLimitMiddleware(policies=({names}), store={self._store!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        rules, path = self._in_force(), route_path(scope)
        route = rules.routes.of(scope["method"].upper(), path)
        if not route.policies:
            await self._app(scope, receive, send)
            return
        told = told_by(scope)
        upload = await read_upload(
            receive, bound=route.body_bytes, declared=declared_length(told), timeout=route.read_timeout
        )
        if upload.end is End.GONE:
            return
        visit = self._visit(route.policies, scope, path, told=told, upload=upload, receive=receive)
        if visit is None:
            await self._app(scope, replayed(upload.messages, receive), send)
            return
        settled = _too_slow(visit) if upload.end is End.SLOW else await rules.gate.settle(visit)
        if settled is not None:
            await self._respond(visit, settled, scope, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a lifespan pass, and listen to a websocket at whose path prompts are sent as messages."""
        heard = []
        if scope["type"] == "websocket":
            rules, path = self._in_force(), route_path(scope)
            heard = [(policy, dialect) for policy in rules.policies
                     if policy.covers(path) and (dialect := policy.dialect_for(path)).hears]
        if not heard:
            await self._app(scope, receive, send)
            return
        socket = Socket(heard, rules.gate, self._desk, scope=scope, path=path, receive=receive, send=send)
        try:
            await self._app(scope, socket.receive, socket.send)
        finally:
            socket.end()

    def _in_force(self) -> Rules:
        """Return the rules that a new request falls under."""
        live = self._live
        if live is not None and live.generation != self._generation:
            self._generation = live.generation
            self._rules = self._made(live.current)
        return self._rules

    def _made(self, policies: tuple[Policy, ...]) -> Rules:
        engine, overruled = self._engine(policies), None
        if self._interventions is not None:
            plainly = tuple(plain(policy) for policy in policies)
            plain_gate = Gate(plainly, self._engine(plainly), self._store, self._identify, self._complaints)
            overruled = Overruled(self._interventions, policies, engine, plain_gate, self._store.clock)
        return Rules(policies, Gate(policies, engine, self._store, self._identify, self._complaints,
                                    overruled=overruled))

    def _engine(self, policies: tuple[Policy, ...]) -> Engine:
        return Engine(policies, secret=self._store.secret, lexicon=self._store.lexicon)

    def _visit(
        self, policies: Sequence[tuple[Policy, Dialect]], scope: Scope, path: str, *, told: dict[bytes, str],
        upload: Upload, receive: Receive,
    ) -> Visit | None:
        for policy, dialect in policies:
            # Where its headers say that it is packed, it may read in several ways, and so ask several prompts.
            single = dialect.single and b"content-encoding" not in told and b"x-body-compressed" not in told
            read = partial(_reading, policy, dialect, told, upload.body, whole=upload.end is End.WHOLE)
            request = request_of(scope, path, read, single=single)
            if self._desk.agrees(policy, request):
                return Visit(
                    policy=policy, dialect=dialect, request=request, upload=upload, receive=receive,
                    accept=told.get(b"accept", ""),
                )
        return None

    async def _respond(self, visit: Visit, settled: Settled, scope: Scope, send: Send) -> None:
        scope.setdefault("state", {})[STATE] = settled.decision
        self._desk.announce(settled.decision, visit.request)
        if settled.reply is not None:
            await answer(settled.reply, scope, visit.receive, send, end=visit.upload.end)
            return
        visit.upload.release()
        if settled.bill is None:
            await self._app(scope, replayed(visit.upload.messages, visit.receive), send)
            return
        passage = Passage(
            visit.upload.messages, visit.receive, send, headers=settled.headers,
            on_start=partial(self._desk.learn, settled.fold), bill=settled.bill,
        )
        try:
            await self._app(scope, passage.receive, passage.send)
        except BaseException as error:
            passage.end(error)
            raise
        passage.end()


def _reading(policy: Policy, dialect: Dialect, told: dict[bytes, str], body: bytes, *, whole: bool) -> Reading:
    return read_body(
        dialect,
        body,
        content_type=told.get(b"content-type"),
        content_encoding=told.get(b"content-encoding"),
        x_body_compressed=told.get(b"x-body-compressed"),
        complete=whole and len(body) <= policy.body_bytes,
        most=policy.body_bytes,
    )


def _too_slow(visit: Visit) -> Settled:
    decision = visit.refused(Cause.UNREADABLE, "slow", "The body did not arrive within read_timeout.")
    return visit.settled(decision, slow_reply(visit.dialect, visit.accept))
