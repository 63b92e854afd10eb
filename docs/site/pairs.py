"""The table of conjugate pairs, from the registry."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import verified

from seqbayes import Beta, Gamma, registry
from seqbayes.likelihoods import Bernoulli, Exponential, Poisson


class Example(NamedTuple):
    """Arguments of a family, an observation, and the update of each hyperparameter.

    The updates are Python expressions in the hyperparameters, the observation `x` and the parameters
    of the likelihood (`known`); a test evaluates them.
    """

    prior: dict[str, Any]
    known: dict[str, Any]
    x: Any
    update: dict[str, str]


_BETA = {"alpha": 2.0, "beta": 3.0}
_GAMMA = {"shape": 3.0, "rate": 2.0}
_NORMAL = {"prior_mean": 1.0, "prior_variance": 4.0, "known_variance": 2.25}
_INVERSE_GAMMA = {"prior_mean": 0.5, "kappa": 1.5, "alpha": 3.0, "beta": 2.0}


def _gamma(x: float, shape: str, rate: str, /, **known: Any) -> Example:
    return Example(_GAMMA, known, x, {"shape": f"shape + {shape}", "rate": f"rate + {rate}"})


def _beta(x: int, alpha: str, beta: str, /, **known: Any) -> Example:
    return Example(_BETA, known, x, {"alpha": f"alpha + {alpha}", "beta": f"beta + {beta}"})


def _normal(z: str) -> dict[str, str]:
    precision = "(1 / variance + 1 / known_variance)"
    return {
        "mean": f"(mean / variance + {z} / known_variance) / {precision}",
        "variance": f"1 / {precision}",
        "known_variance": "known_variance",
    }


def _normal_inverse_gamma(z: str) -> dict[str, str]:
    return {
        "mean": f"(kappa * mean + {z}) / (kappa + 1)",
        "kappa": "kappa + 1",
        "alpha": "alpha + 1 / 2",
        "beta": f"beta + kappa * ({z} - mean)**2 / (2 * (kappa + 1))",
    }


EXAMPLES: dict[tuple[str, str], Example] = {
    ("Beta", "Bernoulli"): _beta(1, "x", "1 - x"),
    ("Beta", "Binomial"): _beta(7, "x", "known.trials - x", trials=10),
    ("Beta", "Geometric"): _beta(4, "1", "x - known.start"),
    ("Beta", "NegativeBinomial"): _beta(4, "known.successes", "x", successes=3),
    ("Gamma", "Poisson"): _gamma(5, "x", "known.exposure", exposure=1.5),
    ("Gamma", "Exponential"): _gamma(1.5, "1", "x"),
    ("Gamma", "GammaShape"): _gamma(1.5, "known.shape", "x", shape=2.5),
    ("Gamma", "Weibull"): _gamma(1.5, "1", "x**known.shape", shape=1.7),
    ("Gamma", "InverseGamma"): _gamma(1.5, "known.shape", "1 / x", shape=2.5),
    ("Gamma", "Pareto"): _gamma(3.5, "1", "log(x / known.scale)", scale=2.0),
    ("Gamma", "NormalPrecision"): _gamma(1.5, "1 / 2", "(x - known.mean)**2 / 2", mean=-0.5),
    ("Gamma", "Laplace"): _gamma(1.5, "1", "abs(x - known.location)", location=0.25),
    ("Gamma", "Rayleigh"): _gamma(1.5, "1", "x**2 / 2"),
    ("Gamma", "Maxwell"): _gamma(1.5, "3 / 2", "x**2 / 2"),
    ("Normal", "Normal"): Example(_NORMAL, {}, 3.0, _normal("x")),
    ("Normal", "LogNormal"): Example(_NORMAL, {}, 3.0, _normal("log(x)")),
    ("NormalInverseGamma", "Normal"): Example(_INVERSE_GAMMA, {}, 3.0, _normal_inverse_gamma("x")),
    ("NormalInverseGamma", "LogNormal"): Example(
        _INVERSE_GAMMA, {}, 3.0, _normal_inverse_gamma("log(x)")
    ),
    ("NormalInverseWishart", "MultivariateNormal"): Example(
        {"prior_mean": (0.5, -1.0), "kappa": 1.5, "df": 5.5, "scale": ((2.0, 0.6), (0.6, 1.0))},
        {},
        (1.0, 2.0),
        {
            "mean": "(kappa * mean + x) / (kappa + 1)",
            "kappa": "kappa + 1",
            "df": "df + 1",
            "scale": "scale + kappa / (kappa + 1) * outer(x - mean, x - mean)",
        },
    ),
    ("Dirichlet", "Categorical"): Example(
        {"alpha": {0: 2.0, 1: 3.5, 2: 1.25}}, {}, 1, {"alpha": "alpha + (label == x)"}
    ),
    ("Dirichlet", "Multinomial"): Example(
        {"alpha": {0: 2.0, 1: 3.5, 2: 1.25}}, {}, {0: 1, 1: 3, 2: 0}, {"alpha": "alpha + x[label]"}
    ),
    ("DirichletProcess", "Categorical"): Example(
        {"concentration": 0.5, "atoms": {0: 2.0, 1: 1.5}},
        {},
        1,
        {"concentration": "concentration", "atoms": "atoms + (label == x)"},
    ),
    ("Hurdle", "Hurdle"): Example(
        {"amount": Gamma(3, 2, likelihood=Exponential()), "share": Beta(2, 3)},
        {"fields": {"share": Bernoulli(), "amount": Exponential()}},
        1.5,
        {
            "share": "the Beta update, with success if x is not zero",
            "amount": "the update of the amount's family, if x is not zero",
        },
    ),
    ("Product", "Fields"): Example(
        {"fields": {"sold": Beta(2, 3), "clicks": Gamma(3, 2)}},
        {"fields": {"sold": Bernoulli(), "clicks": Poisson()}},
        {"sold": True, "clicks": 4},
        {"fields": "the update of each field that is given"},
    ),
}
"""An example of each built-in pair, keyed by the names of family and likelihood."""

PRIORS = ("flat", "jeffreys", "from_mean", "from_interval", "from_proportions")
"""Methods that construct named priors."""


def state(family: str, likelihood: str) -> Any:
    """Return the example of a pair, with its prior and without data."""
    example = EXAMPLES[family, likelihood]
    words = dict(example.prior)
    if family not in ("Hurdle", "Product"):  # whose likelihood follows from their parts
        words["likelihood"] = registry.find_likelihood(likelihood)(**example.known)
    return registry.find_family(family)(**words)


def first_sentence(documented: Any) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def shown(value: Any) -> str:
    """Return an observation as code."""
    return f"`{value!r}`"


def picture(prior: Any) -> str:
    """Return the densities before and after the example's observation as SVG, if there is one.

    Parameters
    ----------
    prior
        A state without data, and the state after one observation.
    """
    before, after = prior
    if not isinstance(before.mean, float):
        return ""
    low = min(float(each.ppf(0.002)) for each in prior)
    high = max(float(each.ppf(0.998)) for each in prior)
    grid = [low + (high - low) * i / 80 for i in range(81)]
    curves = [[float(each.pdf(x)) for x in grid] for each in prior]
    top = max(max(curve) for curve in curves)
    paths = "".join(
        f'<path class="{kind}" d="M'
        + " ".join(f"{2 * i:.0f},{58 - 54 * y / top:.1f}" for i, y in enumerate(curve))
        + '"/>'
        for kind, curve in zip(("prior", "posterior"), curves, strict=True)
    )
    label = f"Density before and after the observation, from {low:.3g} to {high:.3g}"
    return (
        f'<svg class="pair" viewBox="0 0 160 60" role="img" aria-label="{label}">'
        f'<path class="axis" d="M0,58 160,58"/>{paths}</svg>'
    )


def updates(family: str, likelihood: str) -> list[str]:
    """Return the updates as lines of code, without those that change nothing."""
    update = EXAMPLES[family, likelihood].update
    if family in ("Hurdle", "Product"):
        return [f"{name}: {text}" for name, text in update.items()]
    lines = [f"{name} ← {text}" for name, text in update.items() if text != name]
    return [f"`{line.replace('known.', '')}`" for line in lines]


def section(family: str, likelihood: str) -> str:
    """Return the section of a pair."""
    example = EXAMPLES[family, likelihood]
    before, after = state(family, likelihood), state(family, likelihood)
    after.learn_one(example.x)
    kind = registry.find_likelihood(likelihood)
    predictive = type(before.predictive)
    given = ", ".join(f"{name} = {value}" for name, value in example.known.items())
    known = f" ({given})" if given and family not in ("Hurdle", "Product") else ""
    return "\n".join(
        [
            f"### {family}: {likelihood}",
            "",
            first_sentence(kind),
            "",
            picture((before, after)),
            "",
            "| property | value |",
            "| --- | --- |",
            f"| update by x | {'<br>'.join(updates(family, likelihood))} |",
            f"| predictive | `{predictive.__name__}`: {first_sentence(predictive)} |",
            f"| example | {shown(example.x)}{known} |",
            f"| result | `{after}` |",
            f"| verified range | {verified.ranges(family, likelihood)} |",
            "",
        ]
    )


def own(classes: Mapping[str, type]) -> dict[str, type]:
    """Return the classes of this package, without those that a program has registered."""
    found = {}
    for name, kind in classes.items():
        module = sys.modules[kind.__module__]
        # the module of a class that is defined in a doctest does not contain the class
        if module.__name__.startswith("seqbayes.") and vars(module).get(kind.__name__) is kind:
            found[name] = kind
    return found


def page() -> str:
    """Return the page."""
    lines = [
        "# Conjugate pairs",
        "",
        "Generated from the registry, with the version of this documentation. `←` gives the",
        "hyperparameters after one observation x, from those before it; names without an arrow are",
        "parameters of the likelihood, which are known. The pictures show the density of the",
        "parameter before the example's observation (dashed, green) and after it (orange).",
        "",
        "**Verified range**: the hyperparameters, degrees of freedom and counts for which the functions are compared with",
        "independent values at 40 digits and have relative errors below 1e-10; [the page about accuracy](../accuracy.md) also has",
        "the levels and tails. Ordinary parameters are those of the laws that the tests check for every pair.",
        "",
        "| family | likelihoods | named priors | verified range |",
        "| --- | --- | --- | --- |",
    ]
    families = own(registry.families(plugins=False))
    kinds = {
        name: list(own(registry.likelihoods_of(family, plugins=False)))
        for name, family in families.items()
    }
    for name, family in families.items():
        links = ", ".join(f"[{each}](#{name.lower()}-{each.lower()})" for each in kinds[name])
        priors = (
            ", ".join(f"`{each}`" for each in PRIORS if hasattr(family, each))
            or "those of its parts"
        )
        limits = verified.summary(name)
        lines.append(f"| [`{name}`](#{name.lower()}) | {links} | {priors} | {limits} |")
    for name, family in families.items():
        lines += ["", f"## {name}", "", first_sentence(family), ""]
        lines += [section(name, each) for each in kinds[name]]
    return "\n".join(lines) + "\n"
