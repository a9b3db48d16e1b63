"""Two at once; the monitor is not counted."""

from datetime import timedelta

from ratelimit import Budget, Policy

policy = Policy(
    budgets=(Budget(quota=60, window=timedelta(hours=1), burst=2),),
    exempt=lambda _, principal: principal.id == "monitor",
)
