"""Every registered family under each of its likelihoods: the cases that the laws are checked for.

Nothing here names a pair. A new family or likelihood in the registry is tested with its defaults
automatically; the settings below add further parameters.

SEQBAYES_LAWS names a module with settings and oracles (see tests/plugin_example/example_oracles.py)
for the classes of an installed package; the laws are then checked for these classes only.
SEQBAYES_ALL_CASES=1 checks the laws for all combinations of the settings of a family.
"""

import functools
import inspect
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
import pytest

import seqbayes as sb
import seqbayes.likelihoods
from seqbayes import registry

FAMILIES = registry.families()

PRIORS = {
    "Beta": [{"alpha": 2.0, "beta": 3.0}, {"alpha": 0.5, "beta": 0.5}],
    "Gamma": [{"shape": 2.5, "rate": 1.5}, {"shape": 0.7, "rate": 0.4}],
    "Dirichlet": [
        {"alpha": {"green": 2.0, "red": 3.5, "blue": 1.25}},
        {"alpha": {0: 0.4, 1: 0.7}},
    ],
    "DirichletProcess": [
        {"concentration": 1.3},
        {"concentration": 0.5, "atoms": {"a": 2.0, "b": 1.5}},
    ],
    "Normal": [
        {"prior_mean": 1.0, "prior_variance": 4.0, "known_variance": 2.25},
        {"prior_mean": -5.0, "prior_variance": 0.01, "known_variance": 3.0},
    ],
    "NormalInverseGamma": [
        {"prior_mean": 0.5, "kappa": 1.5, "alpha": 3.0, "beta": 2.0},
        {"prior_mean": -3.0, "kappa": 0.3, "alpha": 1.2, "beta": 0.5},
        {"prior_mean": 0.0, "kappa": 1.0, "alpha": 1.0, "beta": 1.0},
    ],
    "NormalInverseWishart": [
        {
            "prior_mean": (0.5, -1.0),
            "kappa": 1.5,
            "df": 5.5,
            "scale": ((2.0, 0.6), (0.6, 1.0)),
        },
        {"prior_mean": (-3.0,), "kappa": 0.3, "df": 2.4, "scale": ((1.0,),)},
        {
            "prior_mean": (0.0, 2.0, -4.0),
            "kappa": 2.0,
            "df": 7.0,
            "scale": ((3.0, -1.0, 0.5), (-1.0, 2.0, 0.0), (0.5, 0.0, 4.0)),
        },
    ],
    "Product": [
        {
            "fields": {
                "wait": sb.NormalInverseGamma(0.5, 1.5, 3.0, 2.0),
                "colour": sb.Dirichlet({"green": 2.0, "red": 3.5, "blue": 1.25}),
                "clicks": sb.Gamma(2.5, 1.5),
            }
        },
        {"fields": {0: sb.Beta(2.0, 3.0), 1: sb.Beta(0.5, 0.5), 2: sb.Beta(2.0, 3.0)}},
        {
            "fields": {
                "size": sb.Product({"width": sb.Normal(1.0, 4.0, 2.25), "even": sb.Beta(2.0, 3.0)}),
                "pause": sb.Gamma(2.5, 1.5, likelihood=sb.likelihoods.Exponential()),
            }
        },
    ],
}

PRIORS["Hurdle"] = [
    {
        "share": sb.Beta(2.0, 3.0),
        "amount": sb.Gamma(2.5, 1.5, likelihood=sb.likelihoods.Exponential()),
    },
    {
        "share": sb.Beta(0.5, 0.5),
        "amount": sb.Normal(1.0, 4.0, 2.25, likelihood=sb.likelihoods.LogNormal()),
    },
    {
        "share": sb.Beta(2.0, 1.0),
        "amount": sb.Gamma(9.5, 1.5, likelihood=sb.likelihoods.Pareto(2.0)),
    },
]

LIKELIHOODS = {
    sb.likelihoods.Binomial: [{"trials": 7}, {"trials": None}],
    sb.likelihoods.Geometric: [{"start": 1}, {"start": 0}],
    sb.likelihoods.NegativeBinomial: [{"successes": 3}, {"successes": 2.5}],
    sb.likelihoods.Multinomial: [{"trials": 5}, {"trials": None}],
    sb.likelihoods.Poisson: [{"exposure": 1.0}, {"exposure": 3.5}, {"exposure": None}],
    sb.likelihoods.GammaShape: [{"shape": 2.5}, {"shape": 0.4}],
    sb.likelihoods.Weibull: [{"shape": 1.7}, {"shape": 0.6}],
    sb.likelihoods.InverseGamma: [{"shape": 3.0}],
    sb.likelihoods.Pareto: [{"scale": 2.0}],
    sb.likelihoods.NormalPrecision: [{"mean": -3.0}],
    sb.likelihoods.Laplace: [{"location": 1.5}],
    sb.likelihoods.MultivariateNormal: [{}, {"features": ("x", "y")}],
}


@dataclass(frozen=True)
class Case:
    """A family with a prior, under a likelihood."""

    family: type
    prior: Mapping = field(hash=False)
    likelihood: seqbayes.likelihoods.Likelihood

    @property
    def id(self):
        if self.fields:
            inner = ", ".join(f"{name}: {case.id}" for name, case in self.fields.items())
            return f"{self.family.__name__}({inner})"
        values = ",".join(str(value) for value in self.prior.values())
        return f"{self.family.__name__}({values})-{self.likelihood!r}"

    @property
    def fields(self):
        """The cases of the fields by name, for a family with fields."""
        return {
            name: Case(type(s), {p: getattr(s, p) for p in s.parameters}, s.likelihood)
            for name, s in states_of(self.prior).items()
        }

    def named(self, x):
        """Return an observation by field, for a family with fields."""
        if isinstance(x, Mapping):
            return x
        return {"share": x != 0.0, "amount": x} if x else {"share": False}

    def new(self, xs=(), w=None, **changed):
        """Return a state of this prior that has learned `xs`, one at a time."""
        given = {} if self.fields else {"likelihood": self.likelihood}
        state = self.family(**{**self.prior, **given, **changed})
        for i, x in enumerate(xs):
            state.learn_one(x, 1.0 if w is None else w[i])
        return state

    def supports(self, operation):
        """Whether the statistic supports an operation."""
        return operation not in self.new().unsupported

    @property
    def has_flat(self):
        """Whether there is a flat prior, under which the MAP is the MLE."""
        if self.fields:
            return all(case.has_flat for case in self.fields.values())
        return hasattr(self.family, "flat")

    def flat(self, xs=()):
        """Return the state under the flat prior that has learned `xs`."""
        if self.fields:
            flat = {name: case.flat() for name, case in self.fields.items()}
            state = self.family(flat) if "fields" in self.prior else self.family(**flat)
            for x in xs:
                state.learn_one(x)
            return state
        # a prior over labels needs the labels, one over means the variance of the data
        kept = {}
        if "alpha" in self.prior and isinstance(self.prior["alpha"], Mapping):
            kept["categories"] = tuple(self.prior["alpha"])
        if "known_variance" in self.prior:
            kept["known_variance"] = self.prior["known_variance"]
        if self.dimension:
            kept["dimension"] = self.dimension
        state = self.family.flat(**kept, likelihood=self.likelihood)
        for x in xs:
            state.learn_one(x)
        return state

    @property
    def dimension(self):
        """The length of the observed vectors; 0 for other observations."""
        return len(self.prior["prior_mean"]) if self.family.display_kind == "vector" else 0

    def rng(self, salt=0):
        return np.random.default_rng([zlib.crc32(self.id.encode()), salt])

    def theta(self, rng):
        """Return a parameter value that is not extreme and not drawn from the prior."""
        draw = TRUTHS.get(self.family.__name__, _draw_prior)
        return draw(self, rng)

    def observations(self, n, salt=0, theta=None):
        """Return `n` observations given one parameter value, as plain Python values."""
        rng = self.rng(salt)
        if theta is None:
            theta = self.theta(rng)
        given = self.new().observation_parameter(theta)
        for name, (low, high) in VARIED.items():
            if getattr(self.likelihood, name, 0) is None:
                return [self._varied(name, given, rng, low, high) for _ in range(n)]
        if self.fields:
            drawn = self.likelihood.sample(given, rng, n)
            if "fields" not in self.prior:
                return plain(drawn)
            return [self.leave_out(x, rng) for x in drawn]
        return self.observed(self.likelihood.sample(given, rng, n))

    def observed(self, drawn):
        """Return draws as plain Python values, and as arguments for `learn_one`."""
        features = getattr(self.likelihood, "features", None)
        if features is None:
            return plain(drawn)
        return [dict(zip(features, row, strict=True)) for row in plain(drawn)]

    def leave_out(self, x, rng):
        """Omit every fourth field, except the first one."""
        kept = {name: v for name, v in x.items() if rng.random() < 0.75}
        first = next(iter(kept or x))
        return {
            name: self.fields[name].leave_out(v, rng) if self.fields[name].fields else v
            for name, v in (kept or {first: x[first]}).items()
        }

    def _varied(self, name, given, rng, low, high):
        # if each observation has its number of trials or its exposure
        size = int(rng.integers(low, high)) if name == "trials" else float(rng.uniform(low, high))
        drawn = type(self.likelihood)(**{name: size}).sample(given, rng)
        return drawn if isinstance(drawn, dict) else (plain(drawn), size)

    def outcomes(self, n, salt=0):
        """Return observations as values of `predictive`, and as arguments for `learn_one`."""
        rng = self.rng(salt)
        theta = self.new().observation_parameter(self.theta(rng))
        drawn = plain(self.likelihood.sample(theta, rng, n))
        if self.dimension:
            return list(zip(drawn, self.observed(drawn), strict=True))
        return [(x[0] if isinstance(x, tuple) else x, x) for x in drawn]


def states_of(prior):
    """Return the states within a prior by name."""
    named = prior.get("fields", prior)
    return {name: s for name, s in named.items() if isinstance(s, sb.State)}


VARIED = {"trials": (1, 9), "exposure": (0.3, 4.0)}
WORDS = ("a", "b", "to", "be", "or", "not")


def plain(values):
    """Return draws as Python values."""
    return values.tolist() if isinstance(values, (np.ndarray, np.generic)) else values


def _draw_prior(case, rng):
    return case.new(seed=int(rng.integers(2**31))).sample()


TRUTHS = {
    "Beta": lambda case, rng: rng.uniform(0.2, 0.8),
    "Gamma": lambda case, rng: math.exp(rng.uniform(-1.0, 1.5)),
    "Dirichlet": lambda case, rng: _shares(case.prior["alpha"], rng),
    "DirichletProcess": lambda case, rng: _shares(WORDS, rng),
    "Normal": lambda case, rng: (
        case.prior["prior_mean"] + rng.uniform(-1, 1) * case.prior["prior_variance"] ** 0.5
    ),
    "NormalInverseGamma": lambda case, rng: (
        case.prior["prior_mean"] + rng.uniform(-1.0, 1.0),
        case.prior["beta"] / case.prior["alpha"] * math.exp(rng.uniform(-1.0, 1.0)),
    ),
    "NormalInverseWishart": lambda case, rng: (
        [m + rng.uniform(-1.0, 1.0) for m in case.prior["prior_mean"]],
        (np.array(case.prior["scale"]) / case.prior["df"] * math.exp(rng.uniform(-1, 1))).tolist(),
    ),
    "Product": lambda case, rng: {name: c.theta(rng) for name, c in case.fields.items()},
    "Hurdle": lambda case, rng: {name: c.theta(rng) for name, c in case.fields.items()},
}


def _shares(labels, rng):
    return dict(zip(labels, rng.dirichlet(np.full(len(labels), 3.0)).tolist(), strict=True))


_PLUGIN = import_module(os.environ["SEQBAYES_LAWS"]) if "SEQBAYES_LAWS" in os.environ else None


def extend(settings, name):
    """Add what the module of SEQBAYES_LAWS declares under a name to these settings."""
    settings.update(getattr(_PLUGIN, name, {}))


for _settings, _name in ((PRIORS, "PRIORS"), (LIKELIHOODS, "LIKELIHOODS"), (TRUTHS, "TRUTHS")):
    extend(_settings, _name)


def is_built_in(case):
    """Whether the family and the likelihood of a case belong to this package."""
    modules = (case.family.__module__, type(case.likelihood).__module__)
    return all(module.startswith("seqbayes.") for module in modules)


def is_tested(case):
    """Whether a case belongs to this package, or to the one that SEQBAYES_LAWS selects."""
    return is_built_in(case) is (_PLUGIN is None)


def _all_cases():
    """Yield all combinations, each with whether it is one of those that have every setting."""
    for name, family in FAMILIES.items():
        if issubclass(family, sb.Product):  # its likelihood is that of its fields
            yield from ((Case(family, p, family(**p).likelihood), True) for p in PRIORS[name])
            continue
        priors = PRIORS.get(name, [{}])
        given = [
            (kind, each) for kind in family.likelihoods for each in LIKELIHOODS.get(kind, [{}])
        ]
        for i, (kind, parameters) in enumerate(given):
            for j, prior in enumerate(priors):
                case = Case(family, prior, kind(**parameters))
                if len(parameters.get("features", "." * case.dimension)) == case.dimension:
                    # a diagonal of the table of priors and likelihoods has each row and column
                    chosen = (i - j) % min(len(given), len(priors)) == 0
                    yield case, chosen or case.dimension > 0


_CASES = [(case, chosen) for case, chosen in _all_cases() if is_tested(case)]
CASES = [case for case, chosen in _CASES if chosen or "SEQBAYES_ALL_CASES" in os.environ]
"""Every prior of a family, and every likelihood under it."""

CAN_UNLEARN = [case for case in CASES if case.supports("unlearn")]
CAN_SCALE = [case for case in CASES if case.supports("scale")]
"""Cases whose statistic supports the operation."""

ONE_CASE_PER_LIKELIHOOD = list(
    {(case.family, case.likelihood): case for case, _ in reversed(_CASES)}.values()
)
"""The first case of every combination of a family and a likelihood."""


def each_of(cases):
    """Return a decorator that checks a law for these cases, those of a family in one test.

    Thousands of tests that take a millisecond each would spend most of the time in pytest.
    """
    families = {}
    for case in cases:
        families.setdefault(case.family.__name__, []).append(case)

    def decorate(law):
        @functools.wraps(law)
        def check(family, **others):
            skipped = []
            for case in families[family]:
                try:
                    law(case=case, **others)
                except pytest.skip.Exception as reason:
                    skipped.append(reason)
                except Exception as error:
                    error.add_note(f"in the case {case.id}")
                    raise
            if len(skipped) == len(families[family]):
                raise skipped[0]

        signature = inspect.signature(law)
        parameters = [
            each.replace(name="family") if each.name == "case" else each
            for each in signature.parameters.values()
        ]
        check.__signature__ = signature.replace(parameters=parameters)
        return pytest.mark.parametrize("family", families)(check)

    return decorate


def agree(law, case, suspects, got, wanted, rel=1e-10, absolute=0.0):
    """Assert that numbers, or containers of numbers, agree; name the suspects if they do not."""
    where = _difference(got, wanted, rel, absolute, "")
    assert where is None, (
        f"{law} fails for {case if isinstance(case, str) else case.id}{where}\n"
        f"     got {got!r}\n  wanted {wanted!r}\nsuspects: {suspects}"
    )


def _difference(got, wanted, rel, absolute, path):
    if wanted is None or got is None or isinstance(wanted, (str, type)):
        return None if got is wanted or got == wanted else f" at {path or 'the top'}"
    if isinstance(wanted, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(wanted):
            return f" at {path or 'the top'}: other labels"
        pairs = [(got[k], wanted[k], k) for k in wanted]
    elif isinstance(wanted, (tuple, list)) or np.ndim(wanted) != 0:
        if len(got) != len(wanted):
            return f" at {path or 'the top'}: other length"
        pairs = list(zip(got, wanted, range(len(wanted)), strict=True))
    elif math.isclose(got, wanted, rel_tol=rel, abs_tol=absolute):
        return None
    else:
        off = abs(got - wanted) / abs(wanted) if wanted else abs(got)
        return f"{' at ' + path if path else ''}: off by {off:.2g}, allowed {rel:g}"
    found = (_difference(g, w, rel, absolute, f"{path}[{k!r}]") for g, w, k in pairs)
    return next((where for where in found if where), None)


def components(value):
    """Return the components of an estimate by name: of mappings and named tuples, also nested."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if not isinstance(value, dict):
        return {"": value}
    return {
        (name, path) if path != "" else name: leaf
        for name, inner in value.items()
        for path, leaf in components(inner).items()
    }


def entries(value, like):
    """Return an estimate by number: `components`, and the entries of arrays by position.

    `like` is an estimate of single numbers, or arrays of them; additional dimensions of `value`,
    such as the ends of intervals and the number of draws, stay together. Of symmetric matrices,
    the lower triangle is returned.
    """
    found, shapes = components(value), components(like)
    numbers = {}
    for path, leaf in found.items():
        shape = np.shape(shapes[path])
        for place in np.ndindex(shape):
            name = (path, place) if place else path
            if place == tuple(sorted(place, reverse=True)):
                numbers[name] = _at(leaf, place)
    return numbers


def _at(leaf, place):
    if not place:
        return leaf
    if isinstance(leaf, tuple):
        return tuple(_at(part, place) for part in leaf)
    return leaf[(..., *place)]


def rebuilt(numbers, like):
    """Return the estimate with these `entries`."""
    whole = {path: np.empty(np.shape(leaf)) for path, leaf in components(like).items()}
    for name, number in numbers.items():
        path, place = name if name not in whole else (name, ())
        whole[path][place] = whole[path][place[::-1]] = number
    return type(like)(**whole)
