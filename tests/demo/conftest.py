"""Shared by the demo's tests: a small schedule."""

from __future__ import annotations

import pytest

from ratelimit.demo.calls import Schedule
from ratelimit.demo.campaign import campaign
from ratelimit.demo.people import honest


@pytest.fixture(scope="session")
def schedule() -> Schedule:
    """Two seconds of honest people and a campaign over five accounts."""
    return Schedule([*honest(1, seconds=2.0), *campaign(1, seconds=2.0, accounts=5)])
