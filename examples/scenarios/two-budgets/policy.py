"""Three at once and sixty an hour, and no more than eight a day."""

from datetime import timedelta

from ratelimit import Budget, Policy

policy = Policy(budgets=(
    Budget(name="hourly", quota=120, window=timedelta(hours=1), burst=3),
    Budget(name="daily", quota=8, window=timedelta(days=1), burst=8),
))
