"""A log with a campaign in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ratelimit import Policy, Principal, Request
from ratelimit.audit import EvidenceLog
from ratelimit.testing import Play

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = b"the key of the tests, long enough"


@pytest.fixture
def evidence() -> Callable[[Path], str]:
    """Give what writes a log of a small campaign into a folder, and returns its cohort."""
    return campaign


def campaign(folder: Path) -> str:
    """Write it."""
    with Play(Policy()) as play:
        log = EvidenceLog(folder, key=KEY, clock=play.clock, rotate=8192)
        accounts = [Principal(id=f"a{number}", links={"network": "as1"}) for number in range(8)]
        for account in accounts:
            play.ask(account, "Solve the task and write all steps: first")
        (cohort,) = play.suspect_cohorts(accounts[0], 5.0, kinds=("template",), own=2.0,
                                         text="Solve the task and write all steps: second")
        for number in range(60):
            play.wait(30)
            log(play.ask(accounts[number % 8], f"Solve the task and write all steps: {number}"), Request())
            if number % 15 == 0:
                log.flush()
        log.record("intervention", {"subject": cohort, "what": "block", "by": "ops"})
        log.close()
    return cohort
