"""Nulls, fitted to what principals' bets came to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratelimit.calibrate.crowds import FULL
from ratelimit.calibrate.recording import CLOSE, unpacked
from ratelimit.calibrate.shrink import DRAWS, crowd, quantile, rates, tail
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.signals.affinity import CAREFUL, factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratelimit.calibrate.crowds import Counted
    from ratelimit.signals import CohortSignal, PrincipalSignal

    Numbers = NDArray[np.float64]

#: The weight of principals, in whole ones, below which a signal keeps its null: a quantile of a few is no quantile.
LEAST = 30.0

#: Bets from which a principal speaks of one signal at all.
_BETS = 5

# What r may be, in steps of two percent.
_COMES_BACK = np.geomspace(0.005, 0.95, 265)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """Signals with nulls of their own traffic.

    signals, cohort_signals  as in ``Policy``.
    weights                  by signal, the weight of the principals that spoke of it, in whole ones.
    kept                     signals that keep the null that they had, as too few spoke of them.
    """

    signals: tuple[PrincipalSignal, ...]
    cohort_signals: tuple[CohortSignal, ...]
    weights: dict[str, float]
    kept: tuple[str, ...]


def fit(
    counted: Sequence[Counted], signals: Sequence[PrincipalSignal], cohort_signals: Sequence[CohortSignal], alpha: float
) -> Fitted:
    """Return *signals* with the nulls inside which all but a share *alpha* of such a crowd lie, by its ``tail``."""
    weights: dict[str, float] = {}
    fitted = tuple(_fitted(signal, counted, alpha, weights) for signal in signals)
    cohorts = tuple(
        _affinity(signal, counted, alpha, weights) if isinstance(signal, Affinity) else signal
        for signal in cohort_signals
    )
    return Fitted(signals=fitted, cohort_signals=cohorts, weights=weights,
                  kept=tuple(name for name, weight in weights.items() if weight < LEAST))


def _fitted(
    signal: PrincipalSignal, counted: Sequence[Counted], alpha: float, weights: dict[str, float]
) -> PrincipalSignal:
    if isinstance(signal, Wander | Stamina):
        return _rate(signal, counted, alpha, weights)
    return _coverage(signal, counted, alpha, weights) if isinstance(signal, Coverage) else signal


def _columns(rows: Sequence[tuple[float, float, float]]) -> tuple[Numbers, Numbers, Numbers]:
    """Return the columns (against, bets, weights) of rows (against, bets, share of a body)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2] * table[:, 1] / (table[:, 1] + FULL)


def _rate(signal: Wander | Stamina, counted: Sequence[Counted], alpha: float, weights: dict[str, float]) -> (
        Wander | Stamina):
    """Fit p0: the rate that all but *alpha* stay below, by the tail. p1 keeps its place between p0 and one."""
    rows = [(sum(told), len(told), one.share) for one in counted
            if len(told := one.book.rates.get(signal.name, b"")) >= _BETS]
    against, bets, weight = _columns(rows)
    weights[signal.name] = float(weight.sum())
    if weights[signal.name] < LEAST:
        return signal
    null = float(np.clip(tail(rates(against, bets, weight), weight, 1 - alpha), 0.05, 0.97))
    place = (signal.p1 - signal.p0) / (1 - signal.p0)
    return replace(signal, p0=round(null, 3), p1=round(null + place * (1 - null), 3))


def _coverage(signal: Coverage, counted: Sequence[Counted], alpha: float, weights: dict[str, float]) -> Coverage:
    """Fit the two edges of each row that enough principals reached; the others keep theirs."""
    fitted, most = list(signal.honest), 0.0
    for number, (volume, _, _) in enumerate(signal.honest):
        rows = []
        for one in counted:
            cells = np.asarray(one.book.cells)
            there = cells[cells >> 1 == number]
            if len(there) >= _BETS:
                rows.append((float((there & 1).sum()), float(len(there)), one.share))
        against, bets, weight = _columns(rows)
        most = max(most, float(weight.sum()))
        if weight.sum() >= LEAST:
            drawn = rates(against, bets, weight)
            edges = [float(np.clip(tail(drawn, weight, share), 0.002, 0.995)) for share in (alpha, 1 - alpha)]
            fitted[number] = (volume, round(edges[0], 4), round(edges[1], 4))
    weights["coverage"] = most
    return replace(signal, honest=tuple(fitted))


def _affinity(signal: Affinity, counted: Sequence[Counted], alpha: float, weights: dict[str, float]) -> Affinity:
    """Fit r, the largest at which a principal's bets are fair: the crowd's tail at *alpha*, and its median.

    That is measured where all 8 prompts of one's own are known. With fewer, both are in the proportion that they had
    in the *signal*: everybody has few bets there, and what they came to is chance. A principal's split of outcomes is
    drawn from a Dirichlet of its own bets and the crowd's.
    """
    tables = [_table(one) for one in counted]
    shares = np.array([one.share for one in counted])
    counts = np.array([table[-1, :4] for table in tables]).reshape(-1, 4)
    bets = counts.sum(axis=1)
    enough = bets >= _BETS
    weight = (shares * bets / (bets + FULL))[enough]
    weights[signal.name] = float(weight.sum())
    if weights[signal.name] < LEAST:
        return signal
    strangers = round(sum(table[-1, 4] for table in tables) / bets.sum())
    counts, bets = counts[enough], bets[enough]
    heavy = crowd(counts[:, 0] + counts[:, 1], bets, weight)[1]
    split = (weight[:, None] * counts / bets[:, None]).sum(axis=0) / weight.sum()
    random = np.random.default_rng(0)
    gammas = random.gamma((counts + heavy * split)[:, None, :] + 1e-6, 1.0, (len(counts), DRAWS, 4))
    drawn = _fair(gammas / gammas.sum(axis=2, keepdims=True), 8, strangers)
    least, middle = tail(drawn, weight, alpha), quantile(drawn, weight, 0.5)
    careful = tuple(round(float(np.clip(least * r / signal.careful[-1], 0.001, 0.95)), 4) for r in signal.careful)
    typical = tuple(round(float(np.clip(middle * r / signal.typical[-1], 0.01, 0.95)), 4) for r in signal.typical)
    return replace(signal, careful=careful, typical=typical)


def _table(one: Counted) -> Numbers:
    """Return a row for each m: how often each outcome came, and the sum of N."""
    table = np.zeros((len(CAREFUL), 5))
    for bets in one.book.affinity.values():
        for bet in bets:
            own, strangers, outcome = unpacked(bet)
            table[own - 1, outcome] += 1
            table[own - 1, 4] += strangers
    return table


def _fair(outcomes: Numbers, own: int, strangers: int) -> Numbers:
    """Return the largest r at which bets of these *outcomes* (shares, the last axis) expect at most one.

    Between two r that are tried it is where the line between their expectations meets one.
    """
    prices = np.exp(np.array([factors(own, strangers, float(r)) for r in _COMES_BACK]))
    prices[:, CLOSE] = 1.0
    found: Numbers = np.full(outcomes.shape[:-1], _COMES_BACK[0])
    before = outcomes @ prices[0]
    for at in range(1, len(prices)):
        expected = outcomes @ prices[at]
        crosses = (before <= 1.0) & (expected > 1.0)
        part = np.divide(1.0 - before, expected - before, where=crosses, out=np.zeros_like(before))
        found[crosses] = (_COMES_BACK[at - 1] + (_COMES_BACK[at] - _COMES_BACK[at - 1]) * part)[crosses]
        found[expected <= 1.0] = _COMES_BACK[at]
        before = expected
    return found
