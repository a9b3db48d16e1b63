"""``ratelimit calibrate``: nulls fitted to an operator's own traffic.

A null says what the least favourable honest principal does; the promise to honest people holds for those inside it. The
trace is decided once, by the signals as they are, and what their bets came to is written down, principal by principal.
Then a null is what all but a share alpha of the principals stay inside of: the exchangeable unit is the
principal. Short histories are drawn towards the crowd, and campaigns inside the traffic are kept from dragging it.
"""
