"""What a pull request that changes a limit must pass."""

from datetime import timedelta

from my_limits import policy

from ratelimit.drill import ADVERSARIES, CROWDS
from ratelimit.testing import (
    Size,
    assert_forgives_within,
    assert_harvest_at_most,
    assert_honest_loss_at_most,
    check_policy,
    laws,
    policy_machine,
)

SMALL = Size(accounts=25, days=4)


def test_the_laws() -> None:
    """All of them, on a few traces each."""
    check_policy(policy, profile="quick")


def test_trusted_customers_cannot_be_framed() -> None:
    """One of them, on more."""
    laws.frame_proof(policy, profile="ci")


def test_the_harvest_we_fear_gets_little() -> None:
    """A fifth at most, of one that is this small."""
    assert_harvest_at_most(policy, ADVERSARIES["hydra"], share=0.2, crowds=[CROWDS["chat"]], size=SMALL)


def test_chat_users_lose_nothing() -> None:
    """One request in a hundred at most: they come in bursts, and the budget is small."""
    assert_honest_loss_at_most(policy, CROWDS["chat"], share=0.01, size=SMALL)


def test_who_was_tightened_is_forgiven() -> None:
    """Within a week."""
    assert_forgives_within(policy, after=timedelta(days=7))


TestWhateverHappens = policy_machine(policy, examples=5, steps=12).TestCase
