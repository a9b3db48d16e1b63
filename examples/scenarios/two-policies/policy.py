"""Embeddings have a policy of their own: the first that governs a path counts."""

from datetime import timedelta

from ratelimit import Budget, Policy

policies = (
    Policy(name="embeddings", paths=("*/embeddings",), budgets=(
        Budget(quota=6000, window=timedelta(hours=1), burst=100),)),
    Policy(name="everything-else", budgets=(Budget(quota=60, window=timedelta(hours=1), burst=2),)),
)
