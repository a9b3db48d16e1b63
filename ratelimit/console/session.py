"""Sessions and forms that nobody else can make: signed cookies, and what ties a form to one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

COOKIE = "ratelimit-console"

#: Seconds after which one has to enter again.
_LASTS = 8 * 3600

#: Bytes of a form.
_MOST = 8192


class Sessions:
    """Signs and reads cookies and forms by *secret*."""

    def __init__(self, secret: bytes) -> None:
        self._cookies = URLSafeTimedSerializer(secret, salt="cookie")
        self._forms = URLSafeTimedSerializer(secret, salt="form")

    def begin(self, response: Response, request: Request, name: str) -> str:
        """Give the browser a session of *name*, and return its id."""
        session = secrets.token_urlsafe(16)
        response.set_cookie(
            COOKIE, self._cookies.dumps([session, name]), max_age=_LASTS, path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https", httponly=True, samesite="strict")
        return session

    def end(self, response: Response, request: Request) -> None:
        """Take the session from the browser."""
        response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/", httponly=True, samesite="strict")

    def of(self, request: Request) -> tuple[str, str]:
        """Return the id and the name of the session that *request* comes with; empty without a valid one."""
        try:
            session, name = self._cookies.loads(request.cookies.get(COOKIE, ""), max_age=_LASTS)
        except (BadSignature, ValueError, TypeError):
            return "", ""
        return str(session), str(name)

    def form(self, session: str) -> str:
        """Return what a form of *session* must carry."""
        return str(self._forms.dumps(session))

    def belongs(self, token: str, session: str) -> bool:
        """Say whether a form's *token* was given to *session*."""
        try:
            told = str(self._forms.loads(token, max_age=_LASTS))
        except (BadSignature, ValueError):
            return False
        return bool(session) and secrets.compare_digest(told.encode(), session.encode())


def same_site(request: Request) -> bool:
    """Say whether *request* was sent by a page of this host, as far as the browser tells."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def fields_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, each once; none of one that is too large or no form."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST:
            return {}
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode("utf-8"), max_num_fields=20).items()}
    except ValueError:
        return {}
