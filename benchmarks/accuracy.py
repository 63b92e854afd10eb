"""Accuracy of every function of the distributions, next to other libraries on the same cases.

Run ``python benchmarks/accuracy.py`` to write accuracy.md. The oracle (accuracy_oracle.py) is
mpmath: closed forms in log gamma functions of 40 digits, and tails by quadrature of the density.
Errors are relative; those of logarithms and entropies are absolute over max(1, |value|), and those
of the ends of HDIs are relative to their width. Cases are drawn with a fixed seed, log-uniformly
over the ordinary and over the hard range.
"""

import importlib.util
import math
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import accuracy_oracle as exact
import mpmath as mp
import numpy as np
from accuracy_cases import FAMILIES, PAIRS

import seqbayes as sb
from seqbayes import likelihoods

ORDINARY, HARD = (0.5, 1e3), (1e-3, 1e15)
"""Ranges of shapes, degrees of freedom and counts."""

LEVELS = {ORDINARY: 1e-6, HARD: 1e-300}
"""Smallest levels of quantiles and tails."""

LOGARITHMS = (
    "logpdf",
    "logpmf",
    "logcdf",
    "logsf",
    "entropy",
    "log_predictive",
    "log_evidence",
    "explain(log=True)",
)
SMALLEST = mp.mpf("1e-290")
"""Smaller densities and probabilities are not representable as normal floats."""


def error(name, got, wanted, scale=None):
    """Error as defined above; infinite if the answer is not finite."""
    got = math.nan if got is None else float(got)
    if not math.isfinite(got):
        return math.inf
    gap = abs(mp.mpf(got) - wanted)
    if name in LOGARITHMS:
        scale = max(1, abs(wanted))
    elif name == "kl" and abs(wanted) < 1e-10:
        scale = 1
    return float(gap / abs(wanted if scale is None else scale)) if wanted else float(gap)


def answer(each, name, *arguments, **named):
    """Return the answer of a library; nan if it raises an error, None without the function."""
    function = getattr(each, name, None)
    if function is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*arguments, **named) if callable(function) else function
        except Exception:
            return math.nan


def compare(libraries, name, wanted, *arguments):
    """Yield (function, library, error) of every library that has the function."""
    for library, each in libraries.items():
        got = answer(each, name, *arguments)
        if got is not None:
            yield name, library, error(name, got, wanted)


def shapes(bounds, rng):
    """Return a function that draws shapes."""
    low, high = map(math.log10, bounds)
    return lambda: float(10 ** rng.uniform(low, high))


def numbers(values):
    return tuple(mp.mpf(float(v)) for v in values)


def family_errors(family, bounds, n, rng):
    """Yield (function, library, error) for `n` random cases of a distribution of parameters."""
    shape = shapes(bounds, rng)
    for _ in range(n):
        parameters = family.draw(shape, rng)
        p = numbers(parameters)
        ours = family.ours(*parameters)
        libraries = {"seqbayes": ours, "scipy": family.scipys(*parameters)}
        if family.river is not None:
            libraries["River"] = family.river(parameters)
        yield from tail_errors(family, p, libraries, LEVELS[bounds], rng)
        yield from interval_errors(family, p, ours, rng)
        mean, var = family.moments(p)
        yield from moment_errors(ours, libraries["scipy"], mean, var)
        yield from compare(
            {name: libraries[name] for name in ("seqbayes", "scipy")}, "entropy", family.entropy(p)
        )
        if family.kl is not None:
            others = [float(v * 10 ** rng.uniform(-1, 1)) for v in parameters]
            wanted = family.kl(p, numbers(others))
            yield "kl", "seqbayes", error("kl", ours.kl(family.ours(*others)), wanted)


def moment_errors(ours, scipys, mean, var):
    for name, wanted in (("mean", mean), ("var", var)):
        if wanted is not None:
            yield name, "seqbayes", error(name, getattr(ours, name), wanted)
            yield name, "scipy", error(name, answer(scipys, name), wanted)


def tail_errors(family, p, libraries, least, rng):
    """Yield errors of densities, tails and quantiles at one random level, on one random side."""
    level, upper = float(10 ** -rng.uniform(0.31, -math.log10(least))), bool(rng.random() < 0.5)
    ours, quantile = libraries["seqbayes"], "isf" if upper else "ppf"
    x = float(getattr(ours, quantile)(level))
    if ours.support[0] < x < ours.support[1] and 1e-290 < abs(x) < 1e290:
        lower, above = family.tails(p, mp.mpf(x))
        density = family.logpdf(p, mp.mpf(x))
        yield from compare(libraries, "logpdf", density, x)
        yield from compare(libraries, "logcdf", lower, x)
        yield from compare(libraries, "logsf", above, x)
        for name, value in (("pdf", density), ("cdf", lower), ("sf", above)):
            if mp.exp(value) > SMALLEST:
                yield from compare(libraries, name, mp.exp(value), x)
        wanted = exact.quantile(family.tails, family.logpdf, p, x, mp.log(level), upper)
        yield from compare(libraries, quantile, wanted, level)
    deep = -float(10 ** rng.uniform(0, 5))
    x = float(getattr(ours, quantile)(deep, log=True))
    if ours.support[0] < x < ours.support[1] and 1e-290 < abs(x) < 1e290:
        wanted = exact.quantile(family.tails, family.logpdf, p, x, mp.mpf(deep), upper)
        yield f"{quantile}(log=True)", "seqbayes", error(quantile, x, wanted)


def interval_errors(family, p, ours, rng):
    """Yield errors of equal-tailed and of shortest intervals."""
    level = float(rng.choice([1e-6, 0.1, 0.5, 0.95, 1 - 1e-6]))
    for kind in ("equal-tailed", "hdi"):
        low, high = ours.interval(level, kind=kind)
        inside = ours.support[0] < low < high < ours.support[1]
        if not (inside and 1e-290 < abs(low) < 1e290 and 1e-290 < abs(high) < 1e290):
            continue
        if kind == "hdi":
            if level < 1e-3 and (high - low) < 1e-9 * abs(high):
                continue  # neighbouring floats
            ends = exact.highest_density(family.tails, family.logpdf, p, mp.mpf(low), high, level)
            scale = max(high - low, 1e-5 * abs(high))
        else:
            tail = mp.log((1 - mp.mpf(level)) / 2)
            ends = [
                exact.quantile(family.tails, family.logpdf, p, x, tail, upper)
                for x, upper in ((low, False), (high, True))
            ]
            scale = None
        for got, wanted in zip((low, high), ends, strict=True):
            yield f'interval(kind="{kind}")', "seqbayes", error("", got, wanted, scale)


PEERS = {"scipy"} | ({"conjugate-models"} if importlib.util.find_spec("conjugate") else set())
"""Installed libraries whose predictive distributions are measured too."""


def pair_errors(pair, bounds, n, rng):
    """Yield (function, library, error) for `n` random cases of a prior with a likelihood."""
    shape = shapes(bounds, rng)

    def count():
        return int(10 ** rng.uniform(0.3, math.log10(bounds[1])))

    for _ in range(n):
        parameters = (shape(), shape() if pair.prior is sb.Beta else 10 ** rng.uniform(-3, 3))
        p, state = numbers(parameters), pair.new(parameters)
        xs = [pair.draw(parameters, count, rng) for _ in range(3)]
        x = pair.draw(parameters, count, rng)
        wanted = pair.evidence(p, [x])
        yield "log_predictive", "seqbayes", error(LOGARITHMS[0], state.log_predictive(x), wanted)
        yield from explanation_errors(pair, p, state, x, wanted)
        libraries = {"seqbayes": state.predictive if pair.tails else None}
        for library, make in (("scipy", pair.scipys), ("conjugate-models", pair.conjugate)):
            if make is not None and library in PEERS:
                libraries[library] = make(parameters)
        if libraries["seqbayes"] is not None:
            yield from predictive_errors(pair, p, libraries, x, wanted, LEVELS[bounds])
            yield from deep_quantile_errors(pair, p, libraries["seqbayes"], rng)
        state.learn_many(xs)
        wanted = pair.evidence(p, xs)
        yield "log_evidence", "seqbayes", error(LOGARITHMS[0], state.log_evidence, wanted)


def explanation_errors(pair, p, state, x, evidence):
    """Yield the worst error of the four terms of Bayes' rule."""
    step = state.explain(x, log=True)
    at, after = mp.mpf(step.at), list(p)
    for i, v in enumerate(pair.terms(x)[:2]):
        after[i] += v
    density = exact.beta_logpdf if pair.prior is sb.Beta else exact.gamma_logpdf
    if not 1e-290 < at < 1 - (pair.prior is sb.Beta) * 1e-3 + 1e290 * (pair.prior is not sb.Beta):
        return
    prior, posterior = density(p, at), density(after, at)
    terms = (prior, step.prior), (evidence, step.evidence), (posterior, step.posterior)
    worst = max(error(LOGARITHMS[0], got, wanted) for wanted, got in terms)
    yield "explain(log=True)", "seqbayes", worst


def predictive_errors(pair, p, libraries, x, log_density, least):
    """Yield errors of the predictive distribution at an observation."""
    mass = "pmf" if libraries["seqbayes"].discrete else "pdf"
    lower, above = pair.tails(p, mp.mpf(x))
    logs = ("log" + mass, log_density), ("logcdf", lower), ("logsf", above)
    for name, value in logs:
        yield from compare(libraries, name, value, x)
        if mp.exp(value) > max(SMALLEST, least):
            yield from compare(libraries, name[3:], mp.exp(value), x)
    quantile, tail = ("isf", above) if above < lower else ("ppf", lower)
    if mass == "pdf" and mp.exp(tail) > max(SMALLEST, least):
        level = float(mp.exp(tail))
        wanted = mp.mpf(x)
        wanted += (mp.log(level) - tail) * mp.exp(tail - log_density) * (-1) ** (above < lower)
        yield from compare(libraries, quantile, wanted, level)
    elif (
        mass == "pmf" and tail > mp.log(max(SMALLEST, least)) and mp.exp(log_density - tail) > 1e-9
    ):
        # between two whole numbers, so that rounding does not matter
        half = mp.exp(log_density) / 2
        level = mp.exp(tail) + (half if quantile == "isf" else -half)
        yield from compare(libraries, quantile, mp.mpf(x), float(level))


def deep_quantile_errors(pair, p, ours, rng):
    """Yield errors of a quantile of the predictive distribution at a log level."""
    level, upper = mp.mpf(-float(10 ** rng.uniform(0, 4))), bool(rng.random() < 0.5)
    name = "isf" if upper else "ppf"
    x = getattr(ours, name)(float(level), log=True)
    if not 1e-290 < abs(x) < 1e290:
        return
    low, log_tail = ours.support[0], lambda x: pair.tails(p, mp.mpf(x))[1 if upper else 0]
    if ours.discrete and x < 2**52:  # the smallest whole number whose tail is beyond the level
        above = log_tail(x - 1) > level if upper else log_tail(x - 1) < level
        right = above if x > low else True
        right &= log_tail(x) <= level if upper else log_tail(x) >= level
        yield f"{name}(log=True)", "seqbayes", 0.0 if right else math.inf
    elif not ours.discrete and abs(x - low) > 1e-6 * abs(x):
        wanted = exact.quantile(
            pair.tails, lambda p, x: pair.evidence(p, [x]), p, mp.mpf(x), level, upper
        )
        yield f"{name}(log=True)", "seqbayes", error(name, x, wanted)


STUDENT = next(each for each in FAMILIES if each.name == "StudentT")
NORMAL = next(each for each in FAMILIES if each.name == "Normal")


def before_data_errors(bounds, n, rng):
    """Yield (family, function, library, error) of predictive distributions before any data.

    Their location is the prior mean, a float.
    """
    shape = shapes(bounds, rng)
    for _ in range(n):
        mean, kappa, alpha, beta = float(rng.normal()), shape(), shape(), shape()
        k, a, b = numbers((kappa, alpha, beta))
        ours = sb.NormalInverseGamma(mean, kappa, alpha, beta).predictive
        p = 2 * a, mp.mpf(mean), b * (k + 1) / (a * k)
        for found in tail_errors(STUDENT, p, {"seqbayes": ours}, LEVELS[bounds], rng):
            yield "NormalInverseGamma without data", *found
        for function, wanted in zip(("mean", "var"), exact.student_moments(p), strict=True):
            if wanted is not None:
                got = error("", getattr(ours, function), wanted)
                yield "NormalInverseGamma without data", function, "seqbayes", got
        ours, p = sb.Normal(mean, beta, alpha).predictive, (mp.mpf(mean), a + b)
        for found in tail_errors(NORMAL, p, {"seqbayes": ours}, LEVELS[bounds], rng):
            yield "Normal without data", *found
        for function, wanted in zip(("mean", "var"), p, strict=True):
            got = error("", getattr(ours, function), wanted)
            yield "Normal without data", function, "seqbayes", got


def normal_errors(bounds, n, rng):
    """Yield (family, function, library, error) of Normal data with unknown mean, or variance too.

    The hard range has means up to 1e12 standard deviations from 0 and from the prior mean.
    """
    shape, far = shapes(bounds, rng), 3.0 if bounds == ORDINARY else 12.0
    for _ in range(n):
        sd = float(10 ** rng.uniform(-6, 6))
        centre = sd * 10 ** rng.uniform(0, far)
        xs = [float(v) for v in rng.normal(centre, sd, 8)]
        kappa, alpha, beta = shape(), shape(), float(sd * sd * 10 ** rng.uniform(-2, 2))
        mean = float(centre + sd * rng.normal()) if rng.random() < 0.5 else 0.0
        p, data = numbers((mean, kappa, alpha, beta)), [mp.mpf(v) for v in xs]
        name, state = "NormalInverseGamma", sb.NormalInverseGamma(mean, kappa, alpha, beta)
        wanted = exact.normal_inverse_gamma_evidence(p, data[:1])
        yield (
            name,
            "log_predictive",
            "seqbayes",
            error("logpdf", state.log_predictive(xs[0]), wanted),
        )
        yield (
            name,
            "entropy",
            "seqbayes",
            error("entropy", state.entropy(), exact.normal_inverse_gamma_entropy(p)),
        )
        other = sb.NormalInverseGamma(mean + sd, 2.0 * kappa, 0.5 * alpha, 3.0 * beta)
        wanted = exact.normal_inverse_gamma_kl(p, numbers(other.prior))
        yield name, "kl", "seqbayes", error("kl", state.kl(other), wanted)
        state.learn_many(xs)
        wanted = exact.normal_inverse_gamma_evidence(p, data)
        yield name, "log_evidence", "seqbayes", error("logpdf", state.log_evidence, wanted)
        known = sb.Normal(mean, beta, sd * sd)
        known.learn_many(xs)
        variance = mp.mpf(sd * sd)
        wanted, (at, spread) = exact.normal_evidence(numbers((mean, beta)), variance, data)
        yield "Normal", "log_evidence", "seqbayes", error("logpdf", known.log_evidence, wanted)
        wanted = exact.normal_logpdf((at, spread + variance), data[0])
        got = known.log_predictive(xs[0])
        yield "Normal", "log_predictive", "seqbayes", error("logpdf", got, wanted)
        _, k, a, b = after = exact.normal_inverse_gamma_after(p, data)
        student = 2 * a, after[0], b * (k + 1) / (a * k)
        x, ours = xs[0] + 2.0 * sd, state.predictive
        lower, above = exact.student_tails(student, mp.mpf(x))
        density = exact.student_logpdf(student, mp.mpf(x))
        yield name, "log_predictive", "seqbayes", error("logpdf", state.log_predictive(x), density)
        if bounds == HARD:
            continue  # the location of a predictive is a float
        values = ("logpdf", density), ("logcdf", lower), ("logsf", above)
        for function, value in values:
            yield name, function, "seqbayes", error(function, getattr(ours, function)(x), value)
        for function, value in zip(("mean", "var"), exact.student_moments(student), strict=True):
            if value is not None:
                yield name, function, "seqbayes", error("", getattr(ours, function), value)


def dirichlet_errors(bounds, n, rng):
    """Yield (family, function, library, error) of shares and labels."""
    shape, name = shapes(bounds, rng), "Dirichlet, Multinomial"
    for _ in range(n):
        alpha, other = ([shape() for _ in range(4)] for _ in range(2))
        p = numbers(alpha)
        labels = "abcd"
        state = sb.Dirichlet(
            dict(zip(labels, alpha, strict=True)), likelihood=likelihoods.Multinomial()
        )
        belief = sb.Dirichlet(dict(zip(labels, other, strict=True)))
        plain = sb.Dirichlet(dict(zip(labels, alpha, strict=True)))
        total = sum(p)
        for i, label in enumerate(labels):
            moments = exact.beta_moments((p[i], total - p[i]))
            for function, wanted in zip(("mean", "var"), moments, strict=True):
                got = getattr(plain, function)[label]
                yield "Dirichlet", function, "seqbayes", error("", got, wanted)
        entropy, kl = exact.dirichlet_entropy(p), exact.dirichlet_kl(p, numbers(other))
        yield "Dirichlet", "entropy", "seqbayes", error("entropy", plain.entropy(), entropy)
        yield "Dirichlet", "kl", "seqbayes", error("kl", plain.kl(belief), kl)
        counts = [int(shape()) for _ in labels]
        after = [a + k for a, k in zip(p, counts, strict=True)]
        wanted = exact.log_beta(*after) - exact.log_beta(*p) + mp.loggamma(sum(counts) + 1)
        wanted -= sum(mp.loggamma(mp.mpf(k) + 1) for k in counts)
        x = dict(zip(labels, counts, strict=True))
        got = state.log_predictive(x)
        yield name, "log_predictive", "seqbayes", error("logpdf", got, wanted)
        state.learn_one(x)
        yield name, "log_evidence", "seqbayes", error("logpdf", state.log_evidence, wanted)


def worst_errors(n, seed=1):
    """Return the worst error by (family, function), range and library, over `n` cases of each."""
    worst = {}
    with mp.workdps(40):
        for bounds in (ORDINARY, HARD):
            rng = np.random.default_rng(seed)
            found = [
                (family.name, *each)
                for family in FAMILIES
                for each in family_errors(family, bounds, n, rng)
            ]
            found += dirichlet_errors(bounds, n, rng)
            for pair in PAIRS:
                found += [(pair.name, *each) for each in pair_errors(pair, bounds, n, rng)]
            found += normal_errors(bounds, n, rng)
            found += before_data_errors(bounds, n, rng)
            for family, name, library, size in found:
                key = (family, name), bounds, library
                worst[key] = max(size, worst.get(key, 0.0))
    return worst


def table(worst):
    """Return the errors as a Markdown table."""
    libraries = ["seqbayes", "scipy", "River", "conjugate-models"]
    head = [f"{library}, {kind}" for kind in ("ordinary", "hard") for library in libraries]
    lines = [
        "| family | function | " + " | ".join(head) + " |",
        "|---|---|" + "---|" * len(head),
    ]
    for family, name in dict.fromkeys(key for key, _, _ in worst):
        cells = []
        for bounds in (ORDINARY, HARD):
            for library in libraries:
                size = worst.get(((family, name), bounds, library))
                cells.append("" if size is None else "fails" if size > 1e3 else f"{size:.0e}")
        lines.append(f"| {family} | `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    if "conjugate-models" not in PEERS:
        sys.exit("install conjugate-models, which is compared")
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    low, high = HARD
    Path(__file__).with_suffix(".md").write_text(
        "# Accuracy\n\n"
        f"Written by `python benchmarks/accuracy.py`: the worst error of {n} random cases per row. "
        f"Ordinary: shapes, degrees of freedom and counts from "
        f"{ORDINARY[0]:g} to {ORDINARY[1]:g}, levels down to {LEVELS[ORDINARY]:g}, Normal data up "
        f"to 1000 standard deviations from 0. Hard: from {low:g} to {high:g}, levels down to "
        f"{LEVELS[HARD]:g}, Normal data up to 1e12 standard deviations from 0. Errors are "
        "relative; those of logarithms and entropies are absolute over max(1, |value|), those of "
        "HDIs relative to their width. The oracle is mpmath with 40 "
        'digits. "fails" means an error above 1000, a result that is not a number, or an '
        "exception. An empty cell means that a library does not have the function. "
        "conjugate-models uses scipy's distributions for parameters; its predictive "
        "distributions are listed.\n\n" + table(worst_errors(n)) + "\n"
    )


if __name__ == "__main__":
    main()
