"""Whether the answers of a comparison contradict each other, for generated comparisons."""

import itertools
import math

import numpy as np

from seqbayes.compare import compare
from seqbayes.errors import PriorError

QUANTITIES = (None, "mean", 0.5, 0.9)
NEAR = 1e-6
"""Distance of a probability from a limit at which rounding decides the side."""


def generated(case, rng, quantity, arms=None):
    """Return a random comparison of states of a case; None if its number cannot be compared."""
    k = arms or int(rng.integers(2, 11))
    n = int(10.0 ** rng.uniform(0.5, 2.3))
    same = rng.random() < 0.3
    theta = case.theta(rng)
    states = {}
    for arm in range(k):
        xs = case.observations(n, int(rng.integers(1 << 30)), theta if same else None)
        states[f"arm {arm}"] = state = case.new()
        state.learn_many(xs)
    label = None
    if states["arm 0"].display_kind == "labels" and not isinstance(quantity, float):
        label = str(next(iter(states["arm 0"].label_weights()[0])))
    asked = {
        "better": ("higher", "lower")[int(rng.integers(2))],
        "control": (None, "arm 1")[int(rng.integers(2))],
        "equivalence": (None, float(10.0 ** rng.uniform(-2.0, 0.5)))[int(rng.integers(2))],
        "level": float(rng.choice([0.8, 0.95, 0.99])),
    }
    try:
        return compare(states, label=label, quantity=quantity, **asked), asked["equivalence"]
    except PriorError:
        return None


def contradictions(found, equivalence):
    """Yield the contradictions between the answers of a comparison."""
    if not math.isclose(math.fsum(found.p_best.values()) + found.p_tie, 1.0, abs_tol=1e-8):
        yield "probabilities do not add up to 1"
    if found.p_best[found.best] != max(found.p_best.values()):
        yield "best has not the largest P(best)"
    for a, others in found.p_better.items():
        for b, p in others.items():
            if found.p_best[a] > p * (1.0 + 1e-9) + 1e-12:
                yield f"P({a} is best) is larger than P({a} is better than {b})"
            if p + found.p_better[b][a] > 1.0 + 1e-9:
                yield f"P({a} < {b}) and P({a} > {b}) exceed 1"
    for each in found.differences.values():
        yield from _of_difference(found, each, equivalence)
    yield from _of_losses(found)
    yield from _of_verdict(found)


def _of_difference(found, each, equivalence):
    sign = 1.0 if found.better == "higher" else -1.0
    sure = (1.0 + found.level) / 2.0
    above, below = each.p_better, found.p_better[each.reference][each.name]
    for name, interval in (("difference", each.interval), ("ratio", each.lift_interval)):
        if interval is None:
            continue
        low, high = sorted(sign * end for end in interval)
        if (low > 0.0) != (above > sure) and abs(above - sure) > NEAR:
            yield f"the interval of the {name} contradicts P(better) {above}: {interval}"
        if (high < 0.0) != (below > sure) and abs(below - sure) > NEAR:
            yield f"the interval of the {name} contradicts P(worse) {below}: {interval}"
    if equivalence is not None:
        low, high = each.interval
        within = -equivalence < low and high < equivalence
        if within and each.p_equivalent < found.level - NEAR:
            yield f"the interval {each.interval} is equivalent, P(equivalent) is not"


def _of_losses(found):
    sign = 1.0 if found.better == "higher" else -1.0
    finite = [name for name in found.names if math.isfinite(found.loss[name])]
    if min(found.loss.values()) < 0.0:
        yield "a loss is negative"
    tail = (1.0 - found.level) / 2.0
    discrete = any(each.discrete or each.zero for each in found.numbers.values())
    for name, (low, high) in found.loss_interval.items():
        p = found.p_best[name]
        if not 0.0 <= low <= high:
            yield f"the interval of the loss of {name} is {(low, high)}"
        if (low > 0.0 and p > tail + NEAR) or (high > 0.0 and p > 1.0 - tail + NEAR):
            yield f"the loss of {name} is above 0, but P(best) is {p}"
        if not discrete and p < tail - NEAR and low == 0.0:
            yield f"the loss of {name} is 0, but P(best) is {p}"
    for a, b in itertools.pairwise(finite):
        if None in (found.mean[a], found.mean[b]):
            continue
        gap = found.loss[a] - found.loss[b] - sign * (found.mean[b] - found.mean[a])
        size = max(abs(found.mean[a]), abs(found.mean[b]), found.loss[a], found.loss[b])
        if abs(gap) > 1e-6 * size + 1e-12:
            yield f"losses {found.loss} do not differ by the means {found.mean}"


def _of_verdict(found):
    best, sure = found.best, (1.0 + found.level) / 2.0
    alike = [each.p_equivalent for each in found.differences.values()]
    if found.verdict == "equivalent" and not all(p >= found.level for p in alike):
        yield "the verdict is equivalent, but not every difference"
    if found.verdict != "best":
        return
    if found.p_best[best] < sure or found.loss[best] != np.nanmin(list(found.loss.values())):
        yield "the verdict is best, but not P(best) or the loss"
    for each in found.differences.values():
        if best not in (each.name, each.reference):
            continue
        if each.interval[0] <= 0.0 <= each.interval[1] and found.p_best[best] > sure + NEAR:
            yield f"the verdict is best, but the interval {each.interval} contains 0"
        if each.p_equivalent is not None and each.p_equivalent >= found.level:
            yield "the verdict is best, but it is equivalent to another"
