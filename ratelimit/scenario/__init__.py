"""Scenarios: a folder with a policy, a trace and what is expected; run by a command, and collected by pytest."""

from ratelimit.scenario.expect import ScenarioError
from ratelimit.scenario.play import Check, Outcome, run_scenario

__all__ = ["Check", "Outcome", "ScenarioError", "run_scenario"]
