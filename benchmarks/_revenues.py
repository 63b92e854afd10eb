"""Simulated experiments about revenue per visitor, for benchmarks/compare.py."""

import math

import numpy as np

from seqbayes import Gamma, Hurdle, Normal
from seqbayes.compare import evidence as ev
from seqbayes.compare import plan
from seqbayes.compare.revenue import Revenue
from seqbayes.likelihoods import Exponential, LogNormal

ALPHA = 0.05
LOOKS = 25
GAP = 1.25
"""Ratio of the shares, and inverse ratio of the mean amounts, without a difference in revenue."""
RATES = (0.001, 0.01, 0.05, 0.2, 0.5)
VISITORS = 20_000
NULLS = 1_000
RUNS = 200
LIFTS = ((1.2, 1.0), (1.0, 1.2), (1.1, 1.1))


class Arm:
    """The sums of an arm, whose amounts have the given mean."""

    def __init__(self, rng, kind, rate, mean, spread):
        self.rng, self.kind, self.rate, self.mean, self.spread = rng, kind, rate, mean, spread
        self.n = self.paid = self.total = self.squares = 0.0

    def learn(self, visitors):
        """Draw visitors; `spread` is the shape of gamma, and the deviation of log amounts."""
        paid = self.rng.binomial(visitors, self.rate)
        self.n, self.paid = self.n + visitors, self.paid + paid
        if self.kind == "scale":
            self.total += self.rng.gamma(self.spread * paid, self.mean / self.spread)
            return
        logs = self.rng.normal(math.log(self.mean) - self.spread**2 / 2, self.spread, paid)
        self.total += logs.sum()
        self.squares += (logs**2).sum()

    def revenue(self):
        """Return the data as the test reads them."""
        if self.kind == "scale":
            shapes = self.spread * self.paid
            return Revenue(self.n, self.paid, shapes, self.total, self.kind, 1.0)
        mean = self.total / max(self.paid, 1.0)
        within = max(self.squares - self.total * mean, 0.0) if self.paid > 1.0 else 0.0
        known = self.spread**2 if self.kind == "normal" else 0.0
        return Revenue(self.n, self.paid, mean, within, self.kind, known)


def stop(arms, visitors, count=LOOKS):
    """Return after how many visitors of both arms the test decides, or infinity."""
    limit, prior = ev.log_limit("hurdle", 2, ALPHA), ev.effect_prior(0.2)
    looks = np.unique(np.geomspace(visitors / 200, visitors / 2, count).astype(int))
    for size in np.diff(looks, prepend=0).tolist():
        first = arms[0].rng.binomial(2 * size, 0.5)  # visitors are assigned at random
        for arm, visitors in zip(arms, (first, 2 * size - first), strict=True):
            arm.learn(visitors)
        found = ev.log_e_values("hurdle", *(arm.revenue() for arm in arms), prior)
        if found.max() >= limit:
            return arms[0].n + arms[1].n
    return math.inf


AMOUNTS = (
    ("exponential", "scale", (1.0, 1.0)),
    ("gamma of shape 4", "scale", (4.0, 4.0)),
    ("log-normal, known variance", "normal", (1.0, 1.0)),
    ("log-normal, unknown variances", "student", (0.8, 1.2)),
)


def false_stops():
    """Yield the lines about experiments without a difference in revenue."""
    count = NULLS * len(RATES) * len(AMOUNTS)
    yield f"\nRevenue per visitor: {NULLS:,} experiments for each cell, {count:,} in total. The"
    yield f"second arm has {GAP:g} times fewer purchases, and {GAP:g} times larger amounts. The"
    yield "standard deviations of the logarithms are 0.8 and 1.2 if they are unknown. Visitors are"
    yield "assigned at random. The test is checked"
    yield f"{LOOKS} times until {VISITORS:,} visitors of both arms; alpha = {ALPHA:g}.\n"
    yield "| rate of the first arm | " + " | ".join(name for name, _, _ in AMOUNTS) + " |"
    yield "| ---: |" + " ---: |" * len(AMOUNTS)
    yield from map(_false_stops_at, RATES)


def _false_stops_at(rate):
    """Return the row of a rate."""
    rng, cells = np.random.default_rng(round(1000 * rate)), []
    for _, kind, spreads in AMOUNTS:
        wrong = 0
        for _ in range(NULLS):
            first = Arm(rng, kind, rate, 20.0, spreads[0])
            second = Arm(rng, kind, rate / GAP, 20.0 * GAP, spreads[1])
            wrong += stop([first, second], VISITORS) < math.inf
        cells.append(f"{100 * wrong / NULLS:.2f} %")
    return f"| {rate:g} | {' | '.join(cells)} |"


def welch(rates, means, variations):
    """Return the visitors of both arms of a fixed-sample z test of revenue with power 80 %."""
    moments = [
        (p * m, p * m * m * (1.0 + v) - (p * m) ** 2)
        for p, m, v in zip(rates, means, variations, strict=True)
    ]
    (a, first), (b, second) = moments
    return 2.0 * (1.959964 + 0.841621) ** 2 * (first + second) / (a - b) ** 2


def sizes():
    """Yield the lines about sample sizes."""
    rng = np.random.default_rng(6)
    yield "\nRevenue per visitor: visitors of both arms until the test decides, if 5 % of visitors"
    yield f"buy in one arm, and more of them, for larger amounts, in the other ({RUNS} runs). The"
    yield "logarithms of log-normal amounts have standard deviation 1. The peer is a z test of the"
    yield "average revenue (Welch), level 5 % and power 80 %, with a sample size fixed in advance;"
    yield "the ratio is that of the 80 % quantile to it.\n"
    yield "| distribution | share | amounts | median | 80 % quantile | planned | Welch | ratio |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    states = {
        "scale": Hurdle(Gamma(1, 1, likelihood=Exponential())),
        "normal": Hurdle(Normal(known_variance=1.0, likelihood=LogNormal())),
    }
    for name, kind, _ in AMOUNTS:
        if "shape" in name:
            continue
        for more, larger in LIFTS:
            rates, means = (0.05 * more, 0.05), (20.0 * larger, 20.0)
            variation = 1.0 if kind == "scale" else math.expm1(1.0)
            fixed = welch(rates, means, (variation, variation))
            found = [
                stop(
                    [Arm(rng, kind, p, m, 1.0) for p, m in zip(rates, means, strict=True)],
                    12 * fixed,
                    80,
                )
                for _ in range(RUNS)
            ]
            late = float(np.quantile(found, 0.8))
            planned = ""
            if kind in states:
                planned = (
                    f"{plan(states[kind], dict(enumerate(zip(rates, means, strict=True)))):,.0f}"
                )
            yield (
                f"| {name} | x {more:g} | x {larger:g} | {np.median(found):,.0f} | {late:,.0f} |"
                f" {planned} | {fixed:,.0f} | {late / fixed:.2f} |"
            )
