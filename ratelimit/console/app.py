"""The console, as an ASGI application."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from datetime import timedelta
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ratelimit.console import charts
from ratelimit.console.access import ConsoleError, Host, Person, Tokens
from ratelimit.console.session import Sessions, fields_of, same_site
from ratelimit.console.watch import Watch
from ratelimit.interventions import InterventionError
from ratelimit.live import LivePolicies
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from ratelimit.interventions import Interventions
    from ratelimit.stores import Store

_log = logging.getLogger("ratelimit")

_RELOADED = {"yes": "Reloaded.", "no": "They stay: the new ones failed, and the log says why."}

_STANDS = {None: "not shown", True: "up", False: "away"}

# Seconds between two looks at what others decided.
_NEWS = 0.1

#: Rows of a page.
_PAGE = 50

# Nothing is loaded from elsewhere, framed, or run that is not our own file.
_HEADERS = [(name.encode(), value.encode()) for name, value in {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}.items()]


class Console:
    """Shows who is tightened now and why, and lets operators act: mount it beside the guarded application.

        console = Console(Tokens(operators={"ada": os.environ["ADA_TOKEN"]}), interventions=interventions)
        app = Starlette(routes=[
            Mount("/console", console),
            Mount("/", RateLimitMiddleware(model, policy, interventions=interventions, on_decision=console.watch)),
        ])

    access         who may look and act: ``Tokens``, or your own authentication, a sync or async function of the
                   starlette ``Request`` that returns a ``Person`` or ``None``. There is no console without one.
    watch          what it shows; ``None``: one of its own, to be given to the middleware as ``on_decision``.
    policy, store  what is in force, and where accounts are kept, to be shown; ``LivePolicies`` can be reloaded.
    interventions  what operators act by; without it they only look.
    secret         signs sessions, 16 bytes or more, the same for all workers; ``None``: drawn, for this process alone.
    every          seconds between two looks of a page that is open.

    It must not lie behind the middleware, or operators spend budgets. Raises: ConsoleError.
    """

    def __init__(
        self, access: Tokens | Host, *, watch: Watch | None = None,
        policy: Policy | Sequence[Policy] | LivePolicies | None = None, store: Store | None = None,
        interventions: Interventions | None = None, secret: bytes | None = None, every: float = 1.0,
    ) -> None:
        problems = []
        given: object = access
        if not callable(given) and not isinstance(given, Tokens):
            problems.append(f"access: must be Tokens or a function of the request, got {access!r}")
        if secret is not None and len(secret) < 16:
            problems.append(f"secret: must have 16 bytes or more, got {len(secret)}")
        if not (isfinite(every) and every >= 0.1):
            problems.append(f"every: must be at least 0.1 s, got {every!r}")
        if problems:
            raise ConsoleError(f"Console: {'; '.join(problems)}")
        self._access, self._interventions, self._store, self._every = access, interventions, store, every
        self._policy = policy
        self._following: asyncio.Task[None] | None = None
        self.watch = watch or Watch()
        self._sessions = Sessions(secret or secrets.token_bytes(32))
        self._pages = Environment(
            loader=PackageLoader("ratelimit.console", "pages"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True)
        self._pages.globals["when"] = charts.when
        self._app = Starlette(routes=[
            Mount("/assets", StaticFiles(directory=Path(__file__).parent / "assets")),
            Route("/", self._guarded(self._now)),
            Route("/live", self._guarded(self._live)),
            Route("/principals", self._guarded(self._principals)),
            Route("/principals/{name:path}", self._guarded(self._principal)),
            Route("/cohorts", self._guarded(self._cohorts)),
            Route("/cohorts/{name:path}", self._guarded(self._cohort)),
            Route("/interventions", self._guarded(self._list)),
            Route("/policies", self._guarded(self._shown)),
            Route("/act", self._guarded(self._act, acts=True), methods=["POST"]),
            Route("/reload", self._guarded(self._reload, acts=True), methods=["POST"]),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
        ])

    def __repr__(self) -> str:
        return f"Console({self._access!r}, {self.watch!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        if self.watch.follows and (self._following is None or self._following.done()):
            self._following = asyncio.get_running_loop().create_task(self._follow())
        await self._app(scope, receive, secured)

    async def _follow(self) -> None:
        """Keep up with what others decide, whether or not anybody looks."""
        while True:  # noqa: ASYNC110 (what is new is heard by a thread)
            await asyncio.sleep(0 if self.watch.catch_up() else _NEWS)

    def _guarded(self, page: Callable[..., Any], *, acts: bool = False) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            session, name = self._sessions.of(request)
            person = await self._who(request, name)
            if person is None:
                if isinstance(self._access, Tokens) and not acts and page != self._live:
                    return RedirectResponse(f"{_base(request)}/login", 303)
                return self._render(request, "login.html", None, "", status=401, tokens=False)
            fresh = not session
            if acts:
                fields = await fields_of(request)
                if not (same_site(request) and self._sessions.belongs(fields.get("csrf", ""), session)):
                    return self._render(request, "base.html", person, session, status=403,
                                        wrong="This form was not made for you, or is too old: load the page again.")
                if not person.operator:
                    return self._render(request, "base.html", person, session, status=403,
                                        wrong="Readers only look.")
                response: Response = await page(request, person, session, fields)
                return response
            opened = Response() if fresh else None
            if opened is not None:  # the host's own authentication knows no session of ours
                session = self._sessions.begin(opened, request, "")
            response = await page(request, person, session)
            if opened is not None:
                response.raw_headers.extend(row for row in opened.raw_headers if row[0] == b"set-cookie")
            return response

        return answer

    async def _who(self, request: Request, name: str) -> Person | None:
        if isinstance(self._access, Tokens):
            return self._access.holder(name)
        found = self._access(request)
        return await found if inspect.isawaitable(found) else found

    async def _login(self, request: Request) -> Response:
        tokens = self._access if isinstance(self._access, Tokens) else None
        if request.method == "GET" or tokens is None:
            return self._render(request, "login.html", None, "", tokens=tokens is not None)
        person = tokens.enter((await fields_of(request)).get("token", "")) if same_site(request) else None
        if person is None:
            _log.warning("console: a wrong token, from %s", request.client.host if request.client else "somewhere")
            await asyncio.sleep(0.5)
            return self._render(request, "login.html", None, "", status=401, tokens=True,
                                wrong="That token is not known.")
        response = RedirectResponse(f"{_base(request)}/", 303)
        self._sessions.begin(response, request, tokens.ticket(person))
        return response

    async def _logout(self, request: Request) -> Response:
        session, _ = self._sessions.of(request)
        response = RedirectResponse(f"{_base(request)}/login", 303)
        if same_site(request) and self._sessions.belongs((await fields_of(request)).get("csrf", ""), session):
            self._sessions.end(response, request)
        return response

    async def _now(self, request: Request, person: Person, session: str) -> Response:
        return self._render(request, "now.html", person, session, **self._current())

    async def _live(self, request: Request, person: Person, session: str) -> Response:
        page = self._pages.get_template("live.html")

        async def events() -> AsyncIterator[bytes]:
            version, stood = -1, ()
            yield b"retry: 2000\n\n"
            while not await request.is_disconnected():
                counts = self._standing()
                if (version, stood) != (self.watch.version, counts):
                    version, stood = self.watch.version, counts
                    told = page.render(base=_base(request), person=person, csrf=self._sessions.form(session),
                                       can_act=self._interventions is not None, **self._current())
                    yield b"data: " + msgspec.json.encode(told) + b"\n\n"
                else:
                    yield b":\n\n"
                await asyncio.sleep(self._every)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _principals(self, request: Request, person: Person, session: str) -> Response:
        query = request.query_params.get("q", "").strip().lower()
        found = list(self.watch.search(query)) if query else None
        rows, total = (self.watch.tightened(), self.watch.counts[1]) if found is None else (found, len(found))
        return self._render(request, "principals.html", person, session, query=query, **_paged(request, rows, total))

    async def _principal(self, request: Request, person: Person, session: str) -> Response:
        name = request.path_params["name"]
        one = self.watch.find(name)
        chart = "" if one is None else charts.line(one.line, self._marks(one.policy))
        return self._render(request, "principal.html", person, session, name=name, one=one, chart=chart,
                            intervention=self._of(name))

    async def _cohorts(self, request: Request, person: Person, session: str) -> Response:
        rows = self.watch.bodies()
        return self._render(request, "cohorts.html", person, session, **_paged(request, rows, len(rows)))

    async def _cohort(self, request: Request, person: Person, session: str) -> Response:
        name = request.path_params["name"]
        one = self.watch.body(name)
        members = [] if one is None else sorted(one.members.items(), key=lambda row: (-row[1][0], row[0]))
        chart = "" if one is None else charts.line(one.line, self._marks(""))
        return self._render(request, "cohort.html", person, session, name=name, one=one, chart=chart,
                            intervention=self._of(name), **_paged(request, members, len(members)))

    async def _list(self, request: Request, person: Person, session: str) -> Response:
        return self._render(request, "interventions.html", person, session, rows=self._standing())

    async def _shown(self, request: Request, person: Person, session: str) -> Response:
        said = _RELOADED.get(request.query_params.get("said", ""), "")
        return self._render(request, "policies.html", person, session, policies=self._policies(),
                            live=isinstance(self._policy, LivePolicies), said=said)

    async def _act(self, request: Request, person: Person, session: str, fields: dict[str, str]) -> Response:
        subject, kind, reason = (fields.get(name, "") for name in ("subject", "kind", "reason"))
        try:
            await asyncio.to_thread(self._intervene, subject, kind, reason, person.name, fields.get("hours", ""))
        except InterventionError as error:
            return self._render(request, "base.html", person, session, status=422, wrong=str(error))
        return RedirectResponse(f"{_base(request)}/interventions", 303)

    def _intervene(self, subject: str, kind: str, reason: str, by: str, hours: str) -> None:
        if self._interventions is None:
            raise InterventionError("this console has no interventions: give it some")
        if kind == "lift":
            self._interventions.lift(subject, reason=reason, by=by)
            return
        try:
            lasts = timedelta(hours=float(hours))
        except (ValueError, OverflowError) as error:
            raise InterventionError(f"hours: must be a number, got {hours[:40]!r}") from error
        kind, _, tier = kind.partition("-")
        # Whatever kind was sent: add() says what is wrong with it.
        self._interventions.add(kind, subject, reason=reason, by=by, lasts=lasts, tier=tier)  # type: ignore[arg-type]

    async def _reload(self, request: Request, person: Person, *_: object) -> Response:
        done = isinstance(self._policy, LivePolicies) and await asyncio.to_thread(self._policy.reload)
        _log.warning("console: %s reloaded the policies: %s", person.name, "done" if done else "they stay")
        return RedirectResponse(f"{_base(request)}/policies?said={'yes' if done else 'no'}", 303)

    def _current(self) -> dict[str, Any]:
        known, tight, bodies = self.watch.counts
        health = getattr(self._store, "health", None)
        up = self.watch.up if health is None else health().up
        return {"tight": tight, "known": known, "bodies": bodies, "store": _STANDS[up],
                "cohorts": self.watch.bodies(10),
                "principals": list(islice(self.watch.tightened(), 20)), "interventions": self._standing(),
                "chart": charts.bars(self.watch.minutes())}

    def _standing(self) -> tuple[Any, ...]:
        return () if self._interventions is None else tuple(self._interventions)

    def _of(self, subject: str) -> Any:
        return None if self._interventions is None else self._interventions.of(subject)

    def _policies(self) -> Sequence[Policy]:
        policy = self._policy
        if isinstance(policy, LivePolicies):
            return policy.current
        return () if policy is None else (policy,) if isinstance(policy, Policy) else policy

    def _marks(self, name: str) -> list[tuple[str, float]]:
        """Return the steps of the ladder of the policy of that name, else of the first."""
        policies = self._policies()
        found = next((one for one in policies if one.name == name), next(iter(policies), None))
        if found is None:
            return []
        return [(step, getattr(found.ladder, step)) for step in ("watch", "soft", "hard")]

    def _render(
        self, request: Request, page: str, person: Person | None, session: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        given = {"said": "", "wrong": "", "can_act": self._interventions is not None} | values
        text = self._pages.get_template(page).render(
            base=_base(request), person=person, csrf=self._sessions.form(session) if session else "", **given)
        return HTMLResponse(text, status)


def _base(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _paged(request: Request, rows: Iterable[Any], total: int) -> dict[str, Any]:
    given = request.query_params.get("page", "1")
    number = min(int(given), 1_000_000) if given.isascii() and given.isdigit() and len(given) < 8 else 1
    number = max(1, number)
    begin = (number - 1) * _PAGE
    return {"rows": list(islice(rows, begin, begin + _PAGE)), "total": total, "number": number,
            "more": begin + _PAGE < total}
