"""The tally is bounded, and says what it no longer knows exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ratelimit.decision import Cause, Decision, Reason, Tier
from ratelimit.observation import CohortRef
from ratelimit.trace import tally as module
from ratelimit.trace.distinct import Distinct
from ratelimit.trace.tally import Tally

NOBODY = Decision(allowed=True)
HELD = Decision(allowed=False, refused=True, tier=Tier.SOFT, reasons=(
    Reason(cause=Cause.COHORT, name="shape", detail="."), Reason(cause=Cause.COHORT, name="network", detail="."),
    Reason(cause=Cause.QUOTA, name="requests", detail=".")))


def test_a_request_counts_once_in_each_of_its_causes() -> None:
    """Two cohorts that refuse one request are one cause in all, and two whys of the principal."""
    tally = Tally()
    tally.add("a", HELD)
    tally.add("a", NOBODY)

    assert (tally.requests, tally.refused, tally.causes) == (2, 1, {"cohort": 1, "quota": 1})
    assert tally.principals["a"].causes == {"cohort:shape": 1, "cohort:network": 1, "quota": 1}
    assert (tally.count(), tally.count(Tier.SOFT), tally.count(Tier.HARD)) == (1, 1, 0)


def test_many_principals_fill_no_memory_and_are_counted_about() -> None:
    """At most as many are told apart as are said; those that were tightened stay; the number is right to a percent."""
    tally = Tally(most=1000)
    for number in range(20_000):
        tally.add(f"p{number}", HELD if number % 100 == 0 else NOBODY)

    assert len(tally.principals) <= 1000
    assert not tally.exact
    assert abs(tally.count() / 20_000 - 1) < 0.01
    assert tally.count(Tier.SOFT) == 200
    assert len(tally.top_principals(500)) == 200
    assert (tally.requests, tally.refused) == (20_000, 200)


def test_even_tightened_principals_fill_no_memory() -> None:
    """Where all are tightened, the least often refused are forgotten, and still counted."""
    tally = Tally(most=100)
    for number in range(5000):
        tally.add(f"p{number}", HELD)
    for _ in range(3):
        tally.add("worst", HELD)
    for number in range(5000, 5200):
        tally.add(f"p{number}", HELD)

    assert len(tally.principals) <= 100
    assert tally.top_principals(1)[0][0] == "worst"
    assert abs(tally.count(Tier.SOFT) / 5201 - 1) < 0.01


def test_many_cohorts_fill_no_memory() -> None:
    """Those with the most evidence stay."""
    tally = Tally()
    for number in range(3 * module.MOST_COHORTS):
        tally.against(CohortRef("shape", number.to_bytes(16, "big")), number / 10_000, 2)

    assert len(tally.cohorts) <= module.MOST_COHORTS
    assert tally.top_cohorts(1)[0].ref.key == (3 * module.MOST_COHORTS - 1).to_bytes(16, "big")


@given(st.sets(st.text(max_size=4), max_size=300))
def test_a_count_of_few_distinct_texts_is_near(texts: set[str]) -> None:
    """However often each comes, lone surrogates included, the count is off by one at most."""
    counted = Distinct()
    for text in [*texts, *texts]:
        counted.add(text)

    assert abs(counted.count() - len(texts)) <= 1
