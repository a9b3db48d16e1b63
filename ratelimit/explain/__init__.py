"""``ratelimit explain``: why one principal, or one cohort, stands where it does, request by request.

Two tellings: one that can be sent to whom it is about, which says what was asked and what came of it and nothing of how
that is judged; and one for operators (``--internal``), with signals, factors, evidence and cohorts in numbers.
"""
