"""``ratelimit demo``: a real server under a real harvest, on one machine, in a minute."""
