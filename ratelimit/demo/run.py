"""The demo, put together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from rich.console import Console

from ratelimit.clock import SystemClock
from ratelimit.demo.calls import Schedule
from ratelimit.demo.campaign import campaign
from ratelimit.demo.drive import Driver
from ratelimit.demo.people import honest
from ratelimit.demo.serve import serving
from ratelimit.demo.site import GUARDS, create_site
from ratelimit.demo.summary import introduction, sentences, table
from ratelimit.demo.tally import Tally
from ratelimit.demo.view import LiveView, PlainView, View

#: The exit code after Ctrl-C, as shells count it: 128 and the number of the signal.
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen.

    seconds   how long the load is meant to take; a slow machine may take twice that.
    accounts  API keys of the campaign.
    seed      everything that is asked, by whom and when, follows from it.
    port      where to listen on 127.0.0.1; 0: any port that is free.
    """

    seconds: float = 50.0
    accounts: int = 120
    seed: int = 1
    port: int = 0


def run(options: Options, console: Console | None = None) -> int:
    """Run the demo, print what came of it, and return the exit code: 0, or ``INTERRUPTED`` after Ctrl-C.

    Raises: OSError, if the port is taken.
    """
    demo, code = _Demo(options, console or Console()), 0
    try:
        asyncio.run(demo.run())
    except KeyboardInterrupt:
        code = INTERRUPTED
        demo.say("Stopped. So far:")
    demo.conclude()
    return code


class _Demo:
    """One run: what is going to be sent, who sends it and who counts."""

    def __init__(self, options: Options, console: Console) -> None:
        seed, seconds = options.seed, options.seconds
        self._options, self._console = options, console
        self._schedule = Schedule(
            [*honest(seed, seconds=seconds), *campaign(seed, seconds=seconds, accounts=options.accounts)]
        )
        self._tally = Tally([guard.title for guard in GUARDS], self._schedule.groups)
        self._driver = Driver(self._schedule, GUARDS, self._tally, seconds=seconds)

    @property
    def _view(self) -> View:
        if self._console.is_terminal:
            return LiveView(self._console)
        return PlainView(self._console, every=min(5.0, self._options.seconds / 5))

    async def run(self) -> None:
        """Serve, send and show until everything is sent."""
        site = create_site(self._schedule, self._tally, seed=self._options.seed, now=SystemClock().now())
        async with serving(site, port=self._options.port) as url, asyncio.TaskGroup() as tasks:
            self.say(introduction(url, self._schedule))
            watching = tasks.create_task(self._view.show(self._tally, self._driver, len(self._schedule.calls)))
            await self._driver.run(url)
            watching.cancel()

    def conclude(self) -> None:
        """Print what came of it."""
        self._console.print(table(self._tally))
        planned, seed = len(self._schedule.calls), self._options.seed
        for sentence in sentences(self._tally, took=self._driver.took, planned=planned, seed=seed):
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Print *sentence* as it is, on one line."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)
