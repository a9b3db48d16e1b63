"""Values fail at construction, all problems at once, each with what, where and the mend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ratelimit.budget import Budget
from ratelimit.cohort import ByCreation, ByLink, ByOpening, ByTemplate
from ratelimit.decision import Tier
from ratelimit.errors import PolicyError
from ratelimit.evidence import Ladder
from ratelimit.policy import Policy
from ratelimit.presumption import Caution, Presumption
from ratelimit.principal import Principal
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.stores import MemoryStore
from ratelimit.trust import Trust

DAY = 86_400.0


def problems(make: object, /, **fields: object) -> list[str]:
    """Return the messages of everything that is wrong with a value."""
    with pytest.raises(ExceptionGroup) as caught:
        make(**fields)  # type: ignore[operator]
    assert all(isinstance(error, PolicyError) for error in caught.value.exceptions)
    return [str(error) for error in caught.value.exceptions]


def test_a_budget_names_every_field_that_is_wrong() -> None:
    """All five problems of one budget are told at once."""
    found = problems(Budget, quota=0, window=timedelta(0), burst=-1, cost=float("nan"), name="a b")

    assert [message.split(":")[0] for message in found] == [
        "Budget.quota", "Budget.window", "Budget.burst", "Budget.cost", "Budget.name"
    ]


@pytest.mark.parametrize(
    ("make", "fields", "where"),
    [
        (Budget, {"quota": True, "window": timedelta(1)}, "Budget.quota"),
        (Budget, {"quota": 1.5, "window": timedelta(1)}, "Budget.quota"),
        (Budget, {"quota": 1, "window": 60}, "Budget.window"),
        (Principal, {"id": ""}, "Principal.id"),
        (Principal, {"id": "a", "since": datetime(2026, 1, 1)}, "Principal.since"),  # noqa: DTZ001 (naive on purpose)
        (Principal, {"id": "a", "trust": 1.5}, "Principal.trust"),
        (Principal, {"id": "a", "links": {"network": 7}}, "Principal.links"),
        (Trust, {"verified": 2.0}, "Trust.verified"),
        (Trust, {"trusted_at": 0.0}, "Trust.trusted_at"),
        (Ladder, {"soft": 7.0, "hard": 6.0}, "Ladder.watch"),
        (Ladder, {"hard_refill": 0.0}, "Ladder.soft_refill"),
        (Ladder, {"fade": 0.0}, "Ladder.fade"),
        (Ladder, {"form": "hope"}, "Ladder.form"),
        (Affinity, {"careful": (0.1, 0.2)}, "Affinity.careful"),
        (Affinity, {"least": 9}, "Affinity.least"),
        (Affinity, {"public": 1.5}, "Affinity.public"),
        (Presumption, {"cleared": 0.5}, "Presumption.floor"),
        (Presumption, {"young": 5.0}, "Presumption.young"),
        (Presumption, {"carried_by": 0}, "Presumption.carried_by"),
        (Caution, {"patience": -1.0}, "Caution.patience"),
        (Caution, {"volume": 0.0}, "Caution.volume"),
        (Caution, {"settling": timedelta(hours=-1)}, "Caution.settling"),
        (Presumption, {"guests_per_day": 0}, "Presumption.guests_per_day"),
        (Presumption, {"settled_after": timedelta(0)}, "Presumption.settled_after"),
        (Wander, {"p0": 0.9}, "Wander.p0"),
        (Stamina, {"prompts": 0}, "Stamina.prompts"),
        (Ladder, {"tight_burst": 0}, "Ladder.tight_burst"),
        (ByTemplate, {"words": 0}, "ByTemplate.words"),
        (ByOpening, {"words": 0}, "ByOpening.words"),
        (ByCreation, {"within": timedelta(0)}, "ByCreation.within"),
        (ByCreation, {"link": ""}, "ByCreation.link"),
        (Coverage, {"side": "tall"}, "Coverage.side"),
        (Coverage, {"side": "wide", "honest": ((9, 0.5, 0.2),)}, "Coverage.honest"),
        (ByLink, {"kinds": ()}, "ByLink.kinds"),
        (MemoryStore, {"principals": 0}, "MemoryStore.principals"),
        (MemoryStore, {"secret": b"short"}, "MemoryStore.secret"),
        (Policy, {"budgets": ()}, "Policy('default').budgets"),
        (Policy, {"budgets": [Budget(quota=1, window=timedelta(1))]}, "Policy('default').budgets"),
        (Policy, {"budgets": (Budget(quota=1, window=timedelta(1)),) * 2}, "Policy('default').budgets"),
        (Policy, {"mode": "shadow"}, "Policy('default').mode"),
        (Policy, {"paths": "/v1"}, "Policy('default').paths"),
        (Policy, {"when": "always"}, "Policy('default').when"),
        (Policy, {"body_bytes": 0}, "Policy('default').body_bytes"),
        (Policy, {"name": "two words"}, "Policy('two words').name"),
    ],
)
def test_a_bad_field_is_named_with_the_mend(make: object, fields: dict[str, object], where: str) -> None:
    """The message begins with the path to the field and says what it got."""
    (message,) = problems(make, **fields)

    assert message.startswith(where)
    assert ": must " in message or ": two " in message


def test_a_budget_left_alone_bursts_to_a_tenth() -> None:
    """The default burst is a tenth of the quota and at least one."""
    assert Budget(quota=600, window=timedelta(hours=1)).burst == 60
    assert Budget(quota=3, window=timedelta(hours=1)).burst == 1


def test_trust_grows_with_age_and_verification() -> None:
    """A newcomer has none, an old account all, a verified one all, and a date in the future none."""
    trust = Trust()

    assert trust.of(Principal(id="a", since=100 * DAY), now=100 * DAY) == 0.0
    assert trust.of(Principal(id="a", since=0), now=100 * DAY) == 1.0
    assert trust.of(Principal(id="a", since=10**12), now=0) == 0.0
    assert trust.of(Principal(id="a", verified=True), now=0) == 1.0
    assert trust.of(Principal(id="a", trust=0.3, verified=True), now=0) == 0.3
    assert trust.of(Principal(id="a", since=datetime.fromtimestamp(0, UTC)), now=100 * DAY) == 1.0


def test_a_crowd_of_young_accounts_adds_next_to_nothing() -> None:
    """25,000 accounts of five days add less trust than forty old ones."""
    trust = Trust()

    assert 25_000 * trust.of(Principal(id="a", since=0.0), now=5 * DAY) < 40


def test_tiers_read_as_the_trace_format_writes_them() -> None:
    """A tier's text is its name in lower case."""
    assert [str(tier) for tier in Tier] == ["clear", "watch", "soft", "hard"]


def test_a_policy_governs_by_method_and_path() -> None:
    """Patterns cross slashes, methods must match."""
    policy = Policy(paths=("/v1/*", "/chat"))

    assert policy.governs("POST", "/v1/chat/completions")
    assert policy.governs("POST", "/chat")
    assert not policy.governs("GET", "/chat")
    assert not policy.governs("POST", "/healthz")
