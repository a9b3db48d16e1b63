"""Two at once, one a minute."""

from datetime import timedelta

from ratelimit import Budget, Policy

policy = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=2),))
