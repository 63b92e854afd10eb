"""Numbers of the lessons, calculated in Python: `python tests/lesson_vectors.py` writes them.

The pages calculate the same numbers in JavaScript. The vectors are committed, so that a change of
either side is noticed.
"""

import json
import math
import re
from fractions import Fraction
from itertools import islice
from pathlib import Path

from seqbayes import distributions
from seqbayes.console.palette import LETTER
from seqbayes.dashboard.server.bundle import bundle
from seqbayes.datasets import COLOURS, factory_mixes
from seqbayes.families import Beta
from seqbayes.pages.build import page_files
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.mms import CandyStory, Prior

FILE = Path(__file__).with_name("lesson_vectors.json")

TOLERANCE = 1e-12

CALCULATE = """
const [numerics, candies, em] = [m0, m1, m2];
const GREEN = 2;
function candy({ alpha, letters, steps }) {
  const story = new candies.CandyStory(alpha, candies.readBag(letters).bag, given.mixes);
  const found = steps.map(({ k }) => {
    const [a, b] = story.share(GREEN, k);
    const next = story.prediction(k);
    const before = candies.roundedShares(...story.share(GREEN, 0));
    return {
      k,
      hits: story.steps[k].hits,
      next: next.colour,
      probability: next.probability,
      log_evidence: story.steps[k].logEvidence,
      factors: story.steps[k].factors,
      rivals: story.rivals(k),
      estimates: story.estimates(k).map((one) => [one.mle, one.map, one.mean, one.low, one.high]),
      mode: candies.betaMode(a, b),
      rule: [numerics.betaDensity(0.16, a, b), a / (a + b), numerics.betaDensity(0.16, a + 1, b)],
      eleven: story.elevenShares(before, GREEN, k),
    };
  });
  return { alpha, letters, steps: found };
}
function coin({ start, prior, learn_weights, sets: text, path: expected }) {
  const { sets } = em.readSets(text);
  const path = em.runEm(sets, start, expected.length - 1, prior, learn_weights);
  const known = em.counted(sets).map(({ heads, tosses }) => em.divide(heads, tosses, prior));
  const states = path.map((one) => ({
    thetas: one.thetas,
    weights: one.weights,
    log_likelihood: one.logLikelihood,
    log_posterior: one.logPosterior,
    shares: one.rows.map(({ posterior }) => posterior[0]),
  }));
  return { start, prior, learn_weights, sets: text, known, path: states };
}
const beta = ({ a, b, x }) => ({
  a, b, x, density: numerics.betaDensity(x, a, b), below: numerics.betaBelow(x, a, b),
});
const calculated = JSON.stringify({
  mixes: given.mixes,
  candies: given.candies.map(candy),
  coins: given.coins.map(coin),
  beta: given.beta.map(beta),
});
"""


CANDIES = [
    ("park", None, 1, (0, 1, 2, 17, 57, 500, 1400)),
    ("uniform", None, 1, (0, 1, 30, 120)),
    ("jeffreys", None, 7, (0, 1, 9, 60)),
    ("green=.4,red=.3,blue=.1,brown=.1,orange=.05,yellow=.05", 0.5, 3, (0, 1, 2, 40)),
    ("green=.4,red=.6", 2500.0, 2, (0, 3, 100)),
]
"""Prior, strength, seed and numbers of candies."""

COINS = [
    {"start": (0.6, 0.5), "prior": "flat", "learn_weights": False},
    {"start": (0.6, 0.5), "prior": "beta22", "learn_weights": False},
    {"start": (0.9, 0.1), "prior": "beta22", "learn_weights": True},
    {"start": (0.5, 0.5), "prior": "flat", "learn_weights": True},
]

BETAS = [
    *((a, b, x) for a, b in ((1, 1), (2, 5), (0.5, 0.5)) for x in (0.001, 0.3, 0.77)),
    (0.5, 2.5, 1e-6),
    (3.0, 0.7, 0.999),
    (41.0, 63.0, 0.41),
    (523.0, 2199.0, 0.18),
    (523.0, 2199.0, 0.3),
    (1.0, 2625.0, 0.0004),
    (2e4, 3e4, 0.401),
]


def beta_vector(a, b, x):
    """Return density and probability; the tests of distributions verify them with mpmath."""
    belief = distributions.Beta(a, b)
    return {"density": belief.pdf(x), "below": belief.cdf(x)}


def eleven(alpha, rest, hits, misses):
    """Return the probabilities of eleven shares, with a rounded Beta prior."""
    belief = distributions.Beta(alpha, rest)
    logs = []
    for i in range(11):
        low, high = max(0.0, (2 * i - 1) / 20), min(1.0, (2 * i + 1) / 20)
        if low < belief.mean:
            prior = belief.cdf(high) - belief.cdf(low)
        else:
            prior = belief.sf(low) - belief.sf(high)
        impossible = (i == 0 and hits > 0) or (i == 10 and misses > 0) or prior == 0.0
        log = -math.inf if impossible else math.log(prior)
        if not impossible and 0 < i < 10:
            log += hits * math.log(i / 10) + misses * math.log1p(-i / 10)
        logs.append(log)
    weights = [math.exp(log - max(logs)) for log in logs]
    return [weight / math.fsum(weights) for weight in weights]


def candy_vectors(prior, strength, seed, steps):
    """Return the beliefs of the story after some candies."""
    parsed = Prior.parse(prior, strength)
    story = CandyStory(parsed, seed)
    events = [story.opening_event(), *map(story.step_event, islice(story, max(steps)))]
    green = COLOURS.index("green")
    alpha = list(parsed.alpha.values())
    found = []
    for k in steps:
        event, belief = events[k], events[k]["belief"]
        n = belief["seen"]["green"]
        a = belief["alpha"]["green"]
        b = math.fsum(belief["alpha"].values()) - a
        rule = Beta(a, b).explain(True, at=0.16)
        found.append(
            {
                "k": k,
                "hits": event.get("hits", 0),
                "next": COLOURS.index(belief["next"]["colour"]),
                "probability": belief["next"]["probability"],
                "log_evidence": belief["log_evidence"],
                "factors": [mix["log_bayes_factor"] for mix in belief["mixes"].values()],
                "rivals": [
                    *(mix["probability"] for mix in belief["mixes"].values()),
                    belief["some_other_mix"],
                ],
                "estimates": [
                    [belief[name][colour] for name in ("mle", "map", "mean")]
                    + belief["interval"][colour]
                    for colour in COLOURS
                ],
                "mode": Beta(a, b).map,
                "rule": [rule.prior, rule.evidence, rule.posterior],
                "eleven": eleven(alpha[green], math.fsum(alpha) - alpha[green], n, k - n),
            }
        )
    letters = "".join(LETTER[colour] for bag in story.contents for colour in bag)
    return {"alpha": alpha, "letters": letters[: max(steps)], "steps": found}


def coin_vectors(start, prior, learn_weights):
    """Return the states of EM."""
    story = CoinStory(6, start, prior, learn_weights)
    *_, last = story
    return {
        "start": list(start),
        "prior": story.opening.hyperparameters[0],
        "learn_weights": learn_weights,
        "sets": ",".join(f"{each.known_coin}{each.sequence}" for each in story.opening.sets),
        "known": list(story.opening.known),
        "path": [
            {
                "thetas": list(state.thetas),
                "weights": list(state.weights),
                "log_likelihood": state.log_likelihood,
                "log_posterior": state.log_posterior,
                "shares": list(state.shares),
            }
            for state in last.path
        ],
    }


def vectors():
    """Return all vectors, and the shares of the mixes."""
    sixth = float(Fraction(1, 6))
    mixes = [[mix.shares[colour] for colour in COLOURS] for mix in factory_mixes().values()]
    return {
        "mixes": [*mixes, [sixth] * 6],
        "candies": [candy_vectors(*case) for case in CANDIES],
        "coins": [coin_vectors(**case) for case in COINS],
        "beta": [{"a": a, "b": b, "x": x, **beta_vector(a, b, x)} for a, b, x in BETAS],
    }


def differences(found, expected, path=""):
    """Yield the places where numbers differ by more than the tolerance, or other values at all."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        for key, value in expected.items():
            yield from differences(found[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from differences(one, other, f"{path}[{i}]")
    elif isinstance(expected, float) and isinstance(found, int | float):
        # a logarithm near 0 is compared by its absolute error
        if abs(found - expected) > TOLERANCE * max(abs(expected), 1e-300 if expected else 1e-15):
            yield f"{path}: {found!r}, expected {expected!r}"
    elif found != expected:
        yield f"{path}: {found!r}, expected {expected!r}"


def program():
    """Return JavaScript that calculates the committed vectors as `calculated`, a JSON text."""
    folder = page_files() / "js"
    numerics = bundle(folder / "numerics.js")
    shared = numerics.rpartition("export")[0]
    candies = bundle(folder / "candies.js").replace(shared, "")
    em = bundle(folder / "em.js").replace(shared, "").replace("const m1 =", "const m2 =")
    code = "".join(
        re.sub(r"^export \{.*\n", "", part, flags=re.MULTILINE) for part in (numerics, candies, em)
    )
    return f"{code}const given = {FILE.read_text('utf-8')};\n{CALCULATE}"


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
