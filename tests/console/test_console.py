"""The console over real sockets: who may look and act, what it shows, and that strangers' names are text."""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING, Any

import html5lib
import httpx
import pytest
from msgspec import structs
from playwright.async_api import async_playwright, expect
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from uvicorn import Config, Server

from ratelimit import (
    Budget,
    Decision,
    Interventions,
    LivePolicies,
    MemoryStore,
    Policy,
    Principal,
    RateLimitMiddleware,
    Request,
    Tier,
)
from ratelimit.clock import ManualClock
from ratelimit.console import Console, ConsoleError, Person, Tokens, Watch
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "console.py"
ADA, NOC = "a" * 43, "n" * 43
NASTY = "<script>alert(1)</script>"
FEW = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=30),))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


async def model(request: Any) -> JSONResponse:
    """Answer."""
    return JSONResponse({"choices": []})


class Site:
    """A guarded model with a console beside it, at *url*."""

    def __init__(self, access: Any = None, **options: Any) -> None:
        self.clock = ManualClock(1_760_000_000.0)
        self.store, self.interventions = MemoryStore(clock=self.clock), Interventions()
        self.console = Console(access or Tokens(operators={"ada": ADA}, readers={"noc": NOC}), store=self.store,
                               interventions=self.interventions, every=0.1, **{"policy": FEW, **options})
        guarded = RateLimitMiddleware(
            Starlette(routes=[Route("/v1/chat/completions", model, methods=["POST"])]), FEW, store=self.store,
            interventions=self.interventions, on_decision=self.console.watch,
            identify=lambda request: Principal(id=str(request.header("x-name"))))
        self.app = Starlette(routes=[Mount("/console", self.console), Mount("/", guarded)])
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        """Serve it on a free port."""
        server = Server(Config(self.app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve())
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.02)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.should_exit = True
            await task

    async def ask(self, who: str = "ann") -> int:
        """Send a chat."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.url}/v1/chat/completions", headers={"x-name": who}, json={
                "messages": [{"role": "user", "content": "hi"}]})
        return answer.status_code

    @asynccontextmanager
    async def person(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        """Enter with *token*."""
        async with httpx.AsyncClient(base_url=f"{self.url}/console", follow_redirects=True) as client:
            entered = await client.post("/login", data={"token": token})
            assert entered.status_code == 200, entered.text
            yield client


def told(name: str, tier: Tier = Tier.SOFT, *, cohort: str = "shape:0123456789abcdef", evidence: float = 4.0,
         refused: bool = False) -> tuple[Decision, Request]:
    """Return a decision about *name*, and its request."""
    request = Request(path="/", reading=Reading(dialect="plain", prompts=(Prompt(text="hi"),)))
    return Decision(allowed=not refused, refused=refused, tier=tier, principal=name, evidence={"wander": evidence},
                    cohorts={cohort: evidence}), request


def form_of(page: str) -> str:
    """Return the token of the forms of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_it_is_closed_without_a_token() -> None:
    """Each page asks to enter, and shows nothing; a wrong token does not open it, nor does a forged session."""
    async with Site().running() as site, httpx.AsyncClient(base_url=f"{site.url}/console") as client:
        for path in ("/", "/principals", "/cohorts", "/interventions", "/policies", "/principals/x", "/cohorts/x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
        assert (await client.get("/live")).status_code == 401
        for path in ("/act", "/reload"):
            assert (await client.post(path)).status_code == 401
        assert (await client.post("/login", data={"token": "b" * 43})).status_code == 401
        assert (await client.post("/login", data={"token": ""})).status_code == 401
        client.cookies.set("ratelimit-console", "WyJ4IiwiYWRhIl0.aaaa.bbbb")
        assert (await client.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/login", 200), ("/nothing", 404), ("/assets/console.js", 200)])
async def test_every_answer_forbids_what_others_could_bring(path: str, status: int) -> None:
    """No script, style, frame or form of another site; nothing kept; and the cookie is not for scripts."""
    async with Site().running() as site, site.person(ADA) as client:
        answer = await client.get(path)
        cookie = (await client.post("/login", data={"token": ADA}, follow_redirects=False)).headers["set-cookie"]

    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert "path=/console" in cookie.lower()


async def test_actions_are_signed_and_can_be_undone() -> None:
    """An operator blocks, with a reason and for a while; it counts at once; lifting it ends it."""
    async with Site().running() as site, site.person(ADA) as client:
        assert await site.ask() == 200
        [name] = [seen.name for seen in site.console.watch.search("")]
        page = (await client.get(f"/principals/{name}")).text
        fields = {"csrf": form_of(page), "subject": name, "kind": "block", "reason": "abuse & <b>", "hours": "2"}
        done = await client.post("/act", data=fields)
        [one] = site.interventions
        refused = await site.ask()
        lifted = await client.post("/act", data=fields | {"kind": "lift", "reason": "a mistake"})
        assert done.status_code == lifted.status_code == 200
        assert (one.kind, one.by, one.reason, round(one.until - one.at)) == ("block", "ada", "abuse & <b>", 7200)
        assert "abuse &amp; &lt;b&gt;" in done.text
        assert refused == 429
        assert await site.ask() == 200
        assert not list(site.interventions)

        for kind, tier in (("hold-soft", "soft"), ("hold-hard", "hard"), ("pardon", ""), ("exempt", "")):
            await client.post("/act", data=fields | {"kind": kind})
            [one] = site.interventions
            assert (one.kind, one.tier) == (kind.partition("-")[0], tier)
        cohort = fields | {"kind": "dissolve", "subject": "shape:0123456789abcdef"}
        await client.post("/act", data=cohort)
        assert site.interventions.dissolved() == ("0123456789abcdef",)


@pytest.mark.parametrize(("changes", "said"), [
    ({"hours": "x"}, "hours: must be a number"), ({"hours": "inf"}, "hours: must be a number"),
    ({"hours": "nan"}, "hours: must be a number"), ({"hours": "-1"}, "lasts: must be positive"),
    ({"reason": " "}, "reason: must not be empty"), ({"kind": "nonsense"}, "kind: must be one of"),
    ({"subject": "ann"}, "subject: must be the 32"), ({"kind": "lift"}, "nothing counts for"),
    ({"kind": "hold"}, "tier: must be soft or hard"),
])
async def test_what_is_wrong_is_told_and_nothing_counts(changes: dict[str, str], said: str) -> None:
    """With what, and the mend."""
    async with Site().running() as site, site.person(ADA) as client:
        fields = {"csrf": form_of((await client.get("/")).text), "subject": "0" * 32, "kind": "block", "reason": "x",
                  "hours": "1"}
        answer = await client.post("/act", data=fields | changes)

    assert answer.status_code == 422
    assert said in answer.text
    assert not list(site.interventions)


async def test_readers_and_other_sites_cannot_act() -> None:
    """Not with a reader's form, another session's, none, nor from a page of another host."""
    async with Site().running() as site, site.person(ADA) as ada, site.person(NOC) as noc, site.person(ADA) as again:
        fields = {"subject": "0" * 32, "kind": "block", "reason": "x", "hours": "1"}
        forms = [form_of((await client.get("/")).text) for client in (ada, noc, again)]
        tried = [
            await noc.post("/act", data=fields | {"csrf": forms[1]}),
            await noc.post("/act", data=fields | {"csrf": forms[0]}),
            await ada.post("/act", data=fields | {"csrf": forms[2]}),
            await ada.post("/act", data=fields),
            await ada.post("/act", data=fields | {"csrf": forms[0]}, headers={"origin": "https://evil.example"}),
            await ada.post("/act", data=fields | {"csrf": forms[0]}, headers={"sec-fetch-site": "cross-site"}),
            await ada.post("/act", data=fields | {"csrf": forms[0], "reason": "x" * 9000}),
            await noc.post("/reload", data={"csrf": forms[1]}),
        ]
        assert [answer.status_code for answer in tried] == [403] * 8
        assert not list(site.interventions)
        assert 'name="kind"' not in (await noc.get(f"/principals/{'0' * 32}")).text
        await ada.post("/logout", data={"csrf": forms[0]})
        assert str((await ada.get("/")).url).endswith("/login")


async def test_strangers_names_are_text() -> None:
    """Whatever a cohort or principal is called, and whatever is asked for, it makes no element."""
    async with Site().running() as site, site.person(ADA) as client:
        site.console.watch(*told(NASTY, cohort=f'"><img src=x onerror=alert(1)>:{NASTY}'))
        for path in ("/", "/principals", "/cohorts", f"/principals/{NASTY.replace('/', '%2F')}", "/principals/%3Cb%3E",
                     "/cohorts/%3Cscript%3E", "/principals?q=%22%3E%3Cscript%3E", "/cohorts?page=%3Cb%3E"):
            text = (await client.get(path)).text
            tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
            scripts = [one for one in tree.iter("script") if one.attrib.get("src") != "/console/assets/console.js"]
            assert not scripts, path
            assert not list(tree.iter("img")), path
            assert not list(tree.iter("b")), path


async def test_the_hosts_own_authentication_does() -> None:
    """Sync or async, it says who looks; without a person nothing is shown; forms are still tied to a session."""
    def who(request: Any) -> Person | None:
        name = request.headers.get("x-user")
        return None if name is None else Person(name, operator=name == "ada")

    async def later(request: Any) -> Person | None:
        return who(request)

    for access in (who, later):
        async with Site(access).running() as site, httpx.AsyncClient(base_url=f"{site.url}/console") as client:
            assert (await client.get("/")).status_code == 401
            fields = {"subject": "0" * 32, "kind": "block", "reason": "x", "hours": "1"}
            page = await client.get("/", headers={"x-user": "ada"})
            bare = await client.post("/act", data=fields, headers={"x-user": "ada"})
            done = await client.post("/act", data=fields | {"csrf": form_of(page.text)}, headers={"x-user": "ada"})
            assert (page.status_code, bare.status_code, done.status_code) == (200, 403, 303)
            assert [one.by for one in site.interventions] == ["ada"]


async def test_policies_are_shown_and_reloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an operator; what fails is said, and the old ones stay."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "console_limits.py").write_text("from ratelimit import Policy\npolicy = Policy(name='one')\n")
    live = LivePolicies("console_limits:policy")
    async with Site(policy=live).running() as site, site.person(ADA) as client:
        page = (await client.get("/policies")).text
        assert live.current[0].version in page
        (tmp_path / "console_limits.py").write_text("from ratelimit import Policy\npolicy = Policy(name='another')\n")
        done = (await client.post("/reload", data={"csrf": form_of(page)})).text
        (tmp_path / "console_limits.py").write_text("nonsense")
        failed = (await client.post("/reload", data={"csrf": form_of(page)})).text

    assert "Reloaded." in done
    assert "another" in done
    assert "They stay" in failed
    assert live.current[0].name == "another"


async def test_a_crowd_is_searched_and_paged() -> None:
    """Fifty a page, the latest first; by the beginning of a hash."""
    async with Site().running() as site, site.person(NOC) as client:
        for number in range(120):
            site.console.watch(*told(f"{number:032x}"))
        first, last = [(await client.get(f"/principals?page={page}")).text for page in (1, 3)]
        found = (await client.get(f"/principals?q={117:032x}")).text
        body = (await client.get("/cohorts/shape:0123456789abcdef")).text

    assert first.count('<th scope="row">') == 50
    assert last.count('<th scope="row">') == 20
    assert first.index(f"{119:032x}") < first.index(f"{118:032x}")
    assert found.count('<th scope="row">') == 1
    assert "120 members" in body
    assert "evenness of 1.00" in body


def test_an_audit_is_told_apart() -> None:
    """What only would have been refused went on, and was harvested."""
    watch = Watch()
    decision, request = told("a" * 32, refused=True)
    watch(structs.replace(decision, allowed=True, mode="audit"), request)
    watch(decision, request)
    seen, body = watch.find("a" * 32), watch.body("shape:0123456789abcdef")

    assert seen is not None
    assert body is not None
    assert (seen.requests, seen.refused, seen.prompts, body.harvested) == (2, 2, 1, 1)


async def test_a_session_ends_with_its_token() -> None:
    """Though the secret is the same: a token that was replaced opens nothing, and leaves nothing open."""
    async with Site(secret=b"s" * 32).running() as site, site.person(ADA) as client:
        assert (await client.get("/policies")).url.path == "/console/policies"
        other = Site(Tokens(operators={"ada": "A" * 43}, readers={"noc": NOC}), secret=b"s" * 32)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(other.app), base_url=site.url) as to:
            to.cookies.update(client.cookies)
            replaced = await to.get("/console/policies")

    assert (replaced.status_code, replaced.headers["location"]) == (303, "/console/login")


def test_the_watch_is_bounded_and_keeps_no_text() -> None:
    """Principals, cohorts, members, lines and stories, whatever comes."""
    clock = ManualClock(1_760_000_000.0)
    watch = Watch(principals=50, cohorts=10, clock=clock)
    for number in range(5000):
        tier = Tier.SOFT if number % 2 else Tier.CLEAR
        clock.advance(61.0)
        watch(*told(f"{number % 3:032x}", tier, evidence=number % 7))
        watch(*told(f"{number:032x}", cohort="shape:" + "1" * 16))
        watch(*told(f"{number:032x}", cohort=f"shape:{number:016x}"))
    seen, body = watch.find(f"{1:032x}"), watch.body("shape:" + "1" * 16)

    assert watch.counts == (50, len(list(watch.tightened())), 10)
    assert len(watch.bodies()) == 10
    assert body is not None
    assert len(body.members) == 2000
    assert len(body.line) <= 240
    assert seen is None or len(seen.story) <= 60
    assert len(watch.minutes()) == 60
    assert all(one.tier >= Tier.SOFT for one in watch.tightened())


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Tokens(operators={"ada": ADA}, readers={"noc": ADA}), "two have the same token"),
    (Tokens, "there is none"),
    (lambda: Tokens(operators={"ada": "short"}), "must have 22 characters or more, got 5"),
    (lambda: Tokens(operators={"ada": ADA}, readers={"ada": NOC}), "is there twice"),
    (lambda: Tokens(operators={" ": ADA}), "must not be empty"),
    (lambda: Console(None), "access: must be Tokens or a function"),  # type: ignore[arg-type]
    (lambda: Console(Tokens(readers={"noc": NOC}), secret=b"x"), "secret: must have 16 bytes"),
    (lambda: Console(Tokens(readers={"noc": NOC}), every=0.0), "every: must be at least"),
])
def test_no_console_is_opened_carelessly(make: Any, said: str) -> None:
    """What is wrong is told, with the mend."""
    with pytest.raises(ConsoleError, match=said):
        make()


async def test_the_example_opens_to_its_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is guarded, and shows what was asked."""
    monkeypatch.setenv("CONSOLE_TOKEN", ADA)
    monkeypatch.chdir(tmp_path)
    app = run_path(str(EXAMPLE))["app"]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://host", follow_redirects=True) as to:
        answer = await to.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})
        page = await to.post("/console/login", data={"token": ADA})

    assert answer.status_code == 200
    assert "<strong>1</strong> principals seen" in page.text


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on PATH")
async def test_a_browser_sees_it_live_acts_and_undoes(tmp_path: Path) -> None:
    """In Chromium, by keyboard where it matters: live figures, a block and its undo, and no request elsewhere."""
    async with Site().running() as site, async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for size, scheme in (({"width": 1200, "height": 900}, "light"), ({"width": 380, "height": 800}, "dark")):
            context = await browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            page = await context.new_page()
            asked, faults = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
            page.on("console", lambda line, faults=faults: line.type == "error" and faults.append(line.text))
            await page.goto(f"{site.url}/console/")
            await page.get_by_label("Token").fill("b" * 43)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("alert")).to_have_text("That token is not known.")
            faults.clear()  # the browser notes a 401
            await page.get_by_label("Token").fill(ADA)
            await page.keyboard.press("Enter")
            await expect(page.locator("#live-state")).to_have_text("Live.")
            other = await context.new_page()
            await other.goto(f"data:text/html,<form method=post action='{site.url}/console/act'><input name=kind "
                             f"value=block><input name=subject value={'0' * 32}><input name=reason value=x><input "
                             "name=hours value=1><button>Win a prize</button></form>")
            await other.get_by_role("button").click()
            await expect(other.get_by_role("heading", name="Enter")).to_be_visible()
            await other.close()
            assert not list(site.interventions)
            name = f"{size['width']:032x}"
            site.console.watch(*told(name))
            site.console.watch(*told(NASTY))
            await expect(page.get_by_role("link", name=name)).to_be_visible()
            await page.get_by_role("link", name=name).focus()
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
            await expect(page.get_by_role("img")).to_be_visible()
            await page.wait_for_load_state()  # the style sheet too
            wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            await page.get_by_label("Block").check()
            await page.get_by_label("Why").fill("abuse")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("row", name=re.compile(name))).to_contain_text("block")
            assert [one.subject for one in site.interventions] == [name]
            await page.get_by_label("Why").fill("a mistake")
            await page.get_by_role("button", name="Lift").click()
            await expect(page.get_by_role("row", name=re.compile(name))).to_have_count(0)
            assert not list(site.interventions)
            assert wide <= 0
            assert (paper == "rgb(253, 253, 252)") is (scheme == "light")
            assert all(url.startswith(site.url) for url in asked)
            assert not faults
            await page.screenshot(path=tmp_path / f"{scheme}.png")
            await context.close()
        await browser.close()




@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on PATH")
async def test_a_browser_watches_a_harvest_being_tightened(writer: Any) -> None:
    """Over sockets, forty accounts walk through a template: the open page shows them, and their cohort's page why."""
    opening = "Solve the following task and write out all of your reasoning: "
    async with Site().running() as site, async_playwright() as play, httpx.AsyncClient() as client:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"{site.url}/console/")
        await page.get_by_label("Token").fill(ADA)
        await page.keyboard.press("Enter")
        await expect(page.locator("#live-state")).to_have_text("Live.")
        assert await page.locator(".tiles strong").first.inner_text() == "0"
        walk, refused = writer(1), 0
        for number in range(2000):
            site.clock.advance(60.0)
            body = {"messages": [{"role": "user", "content": opening + walk.harvest()}]}
            answer = await client.post(f"{site.url}/v1/chat/completions", headers={"x-name": f"key-{number % 40}"},
                                       json=body)
            refused += answer.status_code == 429
            if refused == 40:
                break
        await expect(page.locator(".tiles strong").first).not_to_have_text("0")
        await page.get_by_role("link", name=re.compile("^(shape|template):")).first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Cohort")
        await expect(page.get_by_text("40 members", exact=False).first).to_be_visible()
        await expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("Evidence from"))
        cohort = page.url
        await page.get_by_role("region", name="Members").get_by_role("link").first.click()
        for place, label, kind in (
            (page.url, "Pardon", "pardon"), (page.url, "Exempt", "exempt"), (page.url, "Hold at soft", "hold soft"),
            (page.url, "Hold at hard", "hold hard"), (page.url, "Block", "block"), (cohort, "Dissolve", "dissolve"),
        ):
            await page.goto(place)
            await page.get_by_label(label).check()
            await page.get_by_label("Why").fill("to see it")
            await page.get_by_role("button", name="Do it").click()
            await expect(page.get_by_role("row", name=re.compile("to see it"))).to_contain_text(kind)
            assert len(list(site.interventions)) == 1
            await page.get_by_label("Why").fill("seen")
            await page.get_by_role("button", name="Lift").click()
            await expect(page.get_by_role("row", name=re.compile("to see it"))).to_have_count(0)
            assert not list(site.interventions)
        await browser.close()

    assert refused == 40
