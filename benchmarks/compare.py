"""Comparisons and the sequential test: time, consistency, false stops and sample sizes.

Run ``python benchmarks/compare.py`` to write compare.md (half an hour), or with titles of sections,
such as ``python benchmarks/compare.py Time Consistency``, to write only these. Needs
bayesian-testing and sequential-analysis from PyPI; without them their columns are empty.
"""

import math
import os
import re
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import _revenues
import numpy as np
from _shared import machine, ratio

from seqbayes import Beta, Gamma, Hurdle, NormalInverseGamma
from seqbayes import distributions as d
from seqbayes.compare import compare, compare_many, p_best, plan
from seqbayes.compare import evidence as ev
from seqbayes.likelihoods import LogNormal

TESTS = Path(__file__).parents[1] / "tests"
ROUNDS = 40
CASES = 10_000
KINDS = ("number", "normal", "labels", "hurdle")
"""Kinds of beliefs about one number."""
NULLS = 4_000
"""Experiments without a difference at each of the rates."""
RATES = (0.001, 0.01, 0.05, 0.2, 0.5)
VISITORS = 20_000
ALPHA = 0.05
DESIGNS = ((0.1, 0.13), (0.3, 0.33), (0.5, 0.6))
RUNS = 1_000
PEER_RUNS = 60


def rounds_of(actions, rounds=ROUNDS):
    """Return the process times of each action in each round, in ms; None without the package."""
    times = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            if action is not None:
                begin = time.process_time()
                action()
                times[name].append(1e3 * (time.process_time() - begin))
    return times


def peer(experiment, arms):
    """Return the evaluation of an experiment of bayesian-testing; None without the package."""
    if not find_spec("bayesian_testing"):
        return None
    from bayesian_testing import experiments

    test = getattr(experiments, experiment)()
    for i, numbers in enumerate(arms):
        test.add_variant_data_agg(f"arm {i}", *numbers)
    return lambda: test.evaluate(sim_count=20_000, seed=1)


def revenues(rng, arms, paid):
    """Return hurdle states of 1,000 visitors, and the sums of their amounts' logarithms."""
    states, sums = [], []
    for i in range(arms):
        amounts = rng.lognormal(3.0 + 0.02 * i, 1.0, paid)
        state = Hurdle(NormalInverseGamma(likelihood=LogNormal()))
        state.learn_many([0.0] * (1000 - paid) + amounts.tolist())
        logs = np.log(amounts)
        states.append(state)
        sums.append((1000, paid, amounts.sum(), logs.sum(), (logs**2).sum()))
    return states, sums


def timing():
    """Yield the name, own times and peer's times of each comparison."""
    rng = np.random.default_rng(1)
    counts = [int(rng.binomial(1000, 0.05 + 0.002 * i)) for i in range(10)]
    arms = [Beta(1 + s, 1001 - s) for s in counts]
    sold = rng.binomial(1000, 0.05, (2, 1000))
    many = {i: d.Beta(1.0 + row, 1001.0 - row) for i, row in enumerate(sold)}
    waits = []
    for i in range(10):
        waits.append(NormalInverseGamma(likelihood=LogNormal()))
        waits[-1].learn_many(rng.lognormal(0.02 * i, 1.0, 100))
    few = [Beta(1 + i % 3, 3 + i % 4) for i in range(10)]
    rates = [Gamma(0.5 + i % 4, 1.0) for i in range(10)]
    sizes = [NormalInverseGamma() for _ in range(10)]
    for i, state in enumerate(sizes):
        state.learn_many(rng.normal(0.02 * i, 1.0, 100))
    binary = peer("BinaryDataTest", [(1000, s) for s in counts])
    cases = [
        ("shares", lambda: compare(arms), binary),
        ("shares, with a region of equivalence", lambda: compare(arms, equivalence=0.01), binary),
        ("shares, P(best) alone", lambda: p_best(arms), binary),
        ("shares after 2 to 7 visitors", lambda: compare(few), peer(
            "BinaryDataTest", [(2 + i % 3 + i % 4, i % 3) for i in range(10)]
        )),
        ("rates after 0 to 3 events", lambda: compare(rates), peer(
            "PoissonDataTest", [(1, i % 4) for i in range(10)]
        )),
        ("means of 100 log-normal observations", lambda: compare(waits, quantity="mean"), None),
        ("90 % quantiles of 100 normal observations", lambda: compare(sizes, quantity=0.9), None),
        ("1,000 comparisons of two shares", lambda: compare_many(many), None),
    ]  # fmt: skip
    for number in (2, 3, 8, 50):
        shops, sums = revenues(rng, 2, number)
        name = f"two revenues per visitor, {number} log-normal amounts each"
        cases.append((name, lambda shops=shops: compare(shops), peer(
            "DeltaLognormalDataTest", sums
        )))  # fmt: skip
        if number == 50:
            name = "two 97 % quantiles of revenues, 50 log-normal amounts each"
            cases.append((name, lambda shops=shops: compare(shops, quantity=0.97), None))
    for name, own, other in cases:
        times = rounds_of({"own": own, "peer": other})
        yield name, times["own"], times["peer"]


def time_rows():
    """Yield the rows of the table of times."""
    for name, own, other in timing():
        cells = ("", "")
        if other:
            cells = f"{statistics.median(other):.1f} ms", f"{ratio(own, other):.2f}"
        middle = statistics.median(own)
        yield f"| {name} | {min(own):.1f} ms | {middle:.1f} ms | {' | '.join(cells)} |"


def contradictions():
    """Return the number of generated comparisons, and in how many answers contradict each other."""
    sys.path[:0] = [str(TESTS), str(TESTS / "compare")]
    import consistency

    import cases

    rng = np.random.default_rng(2)
    compared = [case for case in cases.ONE_CASE_PER_LIKELIHOOD if case.family.display_kind in KINDS]
    made = wrong = turn = 0
    while made < CASES:
        case = compared[turn % len(compared)]
        turn += 1
        quantity = consistency.QUANTITIES[int(rng.integers(len(consistency.QUANTITIES)))]
        found = consistency.generated(case, rng, quantity)
        if found is not None:
            made += 1
            wrong += any(consistency.contradictions(*found))
    return made, wrong, len(compared)


def block_sizes(n):
    """Return the sizes of successive blocks of an arm, as `Gate` closes them."""
    sizes, closed, size = [], 0, 0
    while closed + size < n:
        size += 1
        if size >= max(1.0, 0.02 * (closed + size)):
            sizes.append(size)
            closed, size = closed + size, 0
    return sizes


def stops(rng, rates, runs, visitors, effect=0.2):
    """Return after how many visitors of alternating arms each experiment stops, or infinity."""
    prior = ev.effect_prior(effect)
    effects = np.stack([prior.effects, -prior.effects])
    factors, live = np.zeros((runs, *effects.shape)), np.arange(runs)
    stopped, n, tables = np.full(runs, math.inf), 0, {}
    for size in block_sizes(visitors // 2):
        if size not in tables:
            tables[size] = np.stack(
                [ev.log_hypergeometric_mean(size, size, s, effects) for s in range(2 * size + 1)]
            )
        a, b = (rng.binomial(size, rate, len(live)) for rate in rates)
        n += 2 * size
        factors += effects * a[:, None, None] - tables[size][a + b]
        over = (ev.log_sum(factors + prior.log_weights) >= math.log(2 / ALPHA)).any(axis=1)
        stopped[live[over]] = n
        live, factors = live[~over], factors[~over]
        if not len(live):
            break
    return stopped


def peer_stops(rng, rates, runs, visitors):
    """Return the same of the GROW test of sequential-analysis; None without the package."""
    if not find_spec("sequential_analysis"):
        return None
    from sequential_analysis.procedures import TwoProportionTest

    test, found = TwoProportionTest(ALPHA), []
    for _ in range(runs):
        state, n = test.initial_state(), 0
        while state.decision is None and n < visitors:
            for arm in (1, 0):
                y = int(rng.random() < rates[1 - arm])
                state, _ = test.step(state, {"arm": arm, "y": y})
                n += 1
        found.append(n if state.decision is not None else math.inf)
    return np.array(found)


def time_section():
    """Yield the lines about times."""
    yield f"{machine(('bayesian-testing', 'sequential-analysis'))}.\n"
    yield "All quantities of ten arms, unless stated otherwise. The peer is bayesian-testing, which"
    yield "computes P(best) and the expected loss from 20,000 draws. Process times of"
    yield f"{ROUNDS} rounds; the ratio is the median of the ratios within a round."
    if os.getloadavg()[0] > os.cpu_count():
        yield "Other processes used all cores meanwhile: the times are too long, but the ratios are"
        yield "comparable."
    yield "\n| comparison of | shortest | median | median of the peer | ratio |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    yield from time_rows()


def consistency_section():
    """Yield the lines about contradictions."""
    made, wrong, pairs = contradictions()
    yield f"Contradictions between verdict, P(best), intervals and losses in {made:,} generated"
    yield f"comparisons of 2 to 10 arms, of all {pairs} families and likelihoods about one number,"
    yield "of the parameter, the mean, the median and the 90 % quantile of observations, with and"
    yield f"without a control and a region of equivalence, higher or lower is better: {wrong}."


def stops_section():
    """Yield the lines about experiments without a difference."""
    yield f"{NULLS:,} experiments without a difference at each rate, checked after every block"
    yield f"until {VISITORS:,} visitors; alpha = {ALPHA:g}.\n"
    yield "| rate | stopped wrongly |"
    yield "| ---: | ---: |"
    rng = np.random.default_rng(3)
    for rate in RATES:
        wrong = np.isfinite(stops(rng, (rate, rate), NULLS, VISITORS)).mean()
        yield f"| {rate:g} | {100 * wrong:.2f} % |"
    yield from _revenues.false_stops()


def sizes_section():
    """Yield the lines about sample sizes."""
    rng = np.random.default_rng(4)
    yield "Visitors of both arms until the test decides, at the same guarantee as the GROW test of"
    yield f"sequential-analysis ({RUNS:,} and {PEER_RUNS} runs). `effect` is the default, or the"
    yield "true difference of log odds. Planned: `plan` for a probability of 80 %, and how many"
    yield "experiments have been decided by then.\n"
    yield "| rates | median | median, true effect | median of GROW | ratio | ratio, true effect |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    lines = []
    for rates in DESIGNS:
        planned = plan(Beta(), dict(enumerate(rates)))
        own = stops(rng, rates, RUNS, 4 * int(planned))
        log_odds = np.log(np.array(rates) / (1 - np.array(rates)))
        tuned = stops(rng, rates, RUNS, 4 * int(planned), float(log_odds[1] - log_odds[0]))
        peer = peer_stops(rng, rates, PEER_RUNS, 4 * int(planned))
        a, b = np.median(own), np.median(tuned)
        cells = ("", "", "")
        if peer is not None:
            c = np.median(peer)
            cells = f"{c:,.0f}", f"{a / c:.2f}", f"{b / c:.2f}"
        yield f"| {rates[0]:g} and {rates[1]:g} | {a:,.0f} | {b:,.0f} | {' | '.join(cells)} |"
        decided = 100 * (own <= planned).mean()
        lines.append(f"| {rates[0]:g} and {rates[1]:g} | {planned:,.0f} | {decided:.0f} % |")
    yield "\n| rates | planned | decided by then |"
    yield "| --- | ---: | ---: |"
    yield from lines
    yield from _revenues.sizes()


SECTIONS = {
    "Time": time_section,
    "Consistency": consistency_section,
    "False stops": stops_section,
    "Sample sizes": sizes_section,
}


def report(recorded, chosen):
    """Return the text of compare.md, with new results of the chosen sections."""
    found = dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)*)", recorded, re.M))
    text = "# Comparisons and the sequential test\n\nWritten by `python benchmarks/compare.py`.\n"
    for title, lines in SECTIONS.items():
        body = "\n".join(lines()) if title in chosen else found[title].strip()
        text += f"\n## {title}\n\n{body}\n"
    return text


if __name__ == "__main__":
    file = Path(__file__).with_suffix(".md")
    text = report(file.read_text(), sys.argv[1:] or list(SECTIONS))
    file.write_text(text)
    print(text)
