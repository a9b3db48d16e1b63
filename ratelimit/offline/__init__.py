"""Deciding without a server, in simulated time: what ``ratelimit replay`` and ``ratelimit drill`` share."""
