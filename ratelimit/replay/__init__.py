"""``ratelimit replay``: recorded traffic, decided again in its own time.

A trace is what a gateway logs, one JSON object a line; what is not in parentheses a line must have:

    at          when the request came, Unix seconds
    principal   the id of who sent it
    path        as the application sees it
    body        the request's body: JSON, or a string for any other text, or null for none
    (since)     when the principal was created, Unix seconds or null
    (verified)  whether it is known who it is
    (links)     what it may share with others: {"network": "as64500", "payment": "card-1"}
    (method, status, headers, user_agent)
    (usage)     the usage that the answer reported, as its API words it

One decision a line answers it, line N for line N; for a line that could not be read, ``at`` and ``principal`` are null:

    {"at", "principal", "allowed", "tier", "evidence": {signal: log10}, "cohorts": [..], "reasons": [..], "retry_after"}

Whatever the mode of a policy, what is decided is what enforcing would do. Requests of principals that the application
did not know (status 401 or 403) are decided and not learned; what was answered 5xx or 429 is not charged; requests in
flight are not counted, as a trace does not tell how long each took. Requests that no policy governs are allowed.
"""
