"""``ratelimit calibrate``: nulls fitted to an operator's own traffic.

A null says what the least favourable honest principal does; the promise to honest people holds for those inside it. The
trace is decided once, by the signals as they are, and what their bets came to is written down, principal by principal.
Then a null is the edge that all but a share alpha of such a crowd stay inside of: the exchangeable unit is the
principal. Short histories are drawn towards the crowd; campaigns inside the traffic are kept from dragging it, and
where the edge lies is told by the crowd's middle and not by its outermost few (``shrink.tail``). What is promised is
tried: on principals that the nulls were not fitted to, by whether their bets would tighten them (``promise``).
"""
