"""The policies of this page."""

from datetime import timedelta

from ratelimit import Budget, Policy, Trust

few = (Budget(quota=30, window=timedelta(minutes=1), burst=5),)

policy = Policy(budgets=few)

#: Somebody shortened the time after which an account is trusted, so that support had fewer complaints.
hurried = Policy(budgets=few, trust=Trust(mature_after=timedelta(seconds=30)))
