"""Rates of principals with short histories, drawn towards the crowd; quantiles and tails of what they may be."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: What each principal's rate may be is drawn so often.
DRAWS = 1000

# How many bets a crowd may weigh against those of one principal.
_LEAST, _MOST = 2.0, 200.0


def crowd(against: Numbers, bets: Numbers, weights: Numbers) -> tuple[float, float]:
    """Return the crowd's rate, and how many bets it weighs in each principal's, by the method of moments.

    The variance of principals' rates beyond that of chance is what their own rates tell; where there is little of it,
    the crowd weighs much.

        v = sum w (k/n - m)^2 / sum w - m (1 - m) mean(1/n)        crowd's bets = m (1 - m) / v - 1

    Source: the beta-binomial of Kleinman 1973.
    """
    weight = weights / weights.sum()
    mean = float(np.clip((weight * against / bets).sum(), 1e-4, 1 - 1e-4))
    spread = float((weight * (against / bets - mean) ** 2).sum())
    chance = mean * (1 - mean) * float((weight / bets).sum())
    extra = max(1e-9, spread - chance)
    return mean, float(np.clip(mean * (1 - mean) / extra - 1, _LEAST, _MOST))


def rates(against: Numbers, bets: Numbers, weights: Numbers, *, seed: int = 0) -> Numbers:
    """Return draws of what each principal's rate may be, a row a principal: beta, from its own bets and the crowd's."""
    mean, heavy = crowd(against, bets, weights)
    drawn: Numbers = np.random.default_rng(seed).beta(
        (heavy * mean + against)[:, None], (heavy * (1 - mean) + bets - against)[:, None], (len(bets), DRAWS)
    )
    return drawn


def quantile(values: Numbers, weights: Numbers, share: float) -> float:
    """Return what a *share* of *values*, a row a principal of one of the *weights*, lies below.

    >>> round(quantile(np.array([[1.0], [2.0], [3.0]]), np.ones(3), 0.5), 1)
    2.0
    """
    flat = values.ravel()
    order = np.argsort(flat, kind="stable")
    heavy = np.repeat(weights, values.shape[1])[order]
    reached = (np.cumsum(heavy) - heavy / 2) / heavy.sum()
    return float(np.interp(share, reached, flat[order]))


def tail(values: Numbers, weights: Numbers, share: float) -> float:
    """Return what a small or large *share* of *values*, each above 0 and below 1, lies below, by a logit-normal tail.

        logit q(share) = logit q(1/2) + (logit q(far) - logit q(1/2)) z(share) / z(far)

    with *far* the quartile on the other side, z the normal quantile, and q as in ``quantile``: log odds are taken to
    lie alike on both sides of their median. The outermost few are where a campaign that nobody found hides, and they
    differ from week to week; the middle, and the side that a campaign is not on, are the crowd's own. Where a quantile
    moves to wherever a minority stands, this moves by about three times its share of the crowd, in log odds.

    Source: estimation by quantiles (Aitchison and Brown 1957, for the log-normal).

    >>> crowd = 1 / (1 + np.exp(-np.linspace(-3, 3, 10001)[:, None]))
    >>> round(tail(crowd, np.ones(10001), 0.25), 3) == round(quantile(crowd, np.ones(10001), 0.25), 3)
    True
    """
    normal, far = NormalDist(), 0.75 if share < 0.5 else 0.25
    middle, quarter = (_logit(quantile(values, weights, at)) for at in (0.5, far))
    reach = normal.inv_cdf(share) / normal.inv_cdf(far)
    return 1.0 / (1.0 + math.exp(-(middle + (quarter - middle) * reach)))


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))
