"""Invalid input is refused with a reason, before anything changes."""

import decimal
import fractions
import math
import re

import numpy as np
import pandas as pd
import pytest

import seqbayes as sb
from cases import CASES, ONE_CASE_PER_LIKELIHOOD, each_of
from seqbayes import ObservationError, PriorError

every = each_of(CASES)
first = each_of(ONE_CASE_PER_LIKELIHOOD)


class Deceiver:
    """An object that claims to be a number and is not."""

    def __float__(self):
        return 1.0

    def __index__(self):
        return 1


class Saboteur(float):
    """A float that raises an error on every operation."""

    def __float__(self):
        raise RuntimeError("sabotage")

    def __lt__(self, other):
        raise RuntimeError("sabotage")

    __gt__ = __le__ = __ge__ = __lt__


class Unhashable(str):
    __hash__ = None


INVALID_NUMBERS = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "numpy nan": np.float64("nan"),
    "numpy inf": np.float32("inf"),
    "huge": 10**400,
    "huge fraction": fractions.Fraction(10**400),
    "decimal nan": decimal.Decimal("NaN"),
    "signalling nan": decimal.Decimal("sNaN"),
    "infinite decimal": decimal.Decimal("Infinity"),
}
INVALID_OBJECTS = {
    "None": None,
    "text": "1",
    "bytes": b"1",
    "complex": 1 + 0j,
    "numpy complex": np.complex128(1),
    "empty": (),
    "list": [1.0],
    "triple": (1, 2, 3),
    "mapping": {"x": 1},
    "set": {1},
    "object": object(),
    "deceiver": Deceiver(),
    "type": float,
    "array": np.array([1.0, 2.0]),
    "array of text": np.array("1"),
    "date": np.datetime64("2020-01-01"),
    "span": np.timedelta64(1, "s"),
    "missing": pd.NA,
    "missing time": pd.NaT,
    "ellipsis": ...,
}
GARBAGE = {**INVALID_NUMBERS, **INVALID_OBJECTS}
MISSING = {
    "None": None,
    "nan": math.nan,
    "decimal nan": decimal.Decimal("NaN"),
    "signalling nan": decimal.Decimal("sNaN"),
    "missing": pd.NA,
    "missing time": pd.NaT,
    "list": ["a"],
    "set": {"a"},
    "mapping": {"a": 1},
    "array": np.array(["a"]),
    "unhashable": Unhashable("a"),
    "a time difference without a unit": np.timedelta64(3),
}

OUTSIDE = {
    sb.likelihoods.Bernoulli: [2, -1, 0.5],
    sb.likelihoods.Binomial: [8, -1, 2.5],
    sb.likelihoods.Geometric: [-1, 1.5],
    sb.likelihoods.NegativeBinomial: [-1, 1.5],
    sb.likelihoods.Poisson: [-1, 0.5],
    sb.likelihoods.Exponential: [-1e-300],
    sb.likelihoods.GammaShape: [-1.0, 0.0],
    sb.likelihoods.Weibull: [-1.0, 0.0],
    sb.likelihoods.InverseGamma: [-1.0, 0.0],
    sb.likelihoods.Pareto: [1.999, -3.0],
    sb.likelihoods.Rayleigh: [-1.0, 0.0],
    sb.likelihoods.Maxwell: [-1.0, 0.0],
    sb.likelihoods.LogNormal: [0.0, -1.0],
    sb.likelihoods.Multinomial: [{"nothing": 1}, {}],
}


def refused(case):
    """Return the inputs that `case` must reject, by name."""
    if case.family is sb.DirichletProcess:
        return MISSING
    bad = dict(GARBAGE)
    if case.fields and case.likelihood.observation_fields:
        good = case.new().predictive.sample(rng=case.rng())
        bad |= {"no field": {}, "unknown field": {**good, "strange": 1}, "one": [1]}
        for name, inner in case.fields.items():
            for what, x in refused(inner).items():
                bad[f"{what} as {name}"] = {**good, name: x}
        return bad
    if case.dimension:
        return refused_vectors(case, bad)
    labels = list(case.prior.get("alpha", [])) if case.family is sb.Dirichlet else []
    if isinstance(case.likelihood, sb.likelihoods.Categorical):
        return {k: v for k, v in bad.items() if not is_among(v, labels)}
    for i, x in enumerate(OUTSIDE.get(type(case.likelihood), [])):
        if x == {} and case.likelihood.trials is None:
            continue  # no trials, no successes: an observation of nothing
        bad[f"outside {i}"] = x
    if labels:
        bad |= {f"count {name}": {labels[0]: x} for name, x in GARBAGE.items()}
        bad |= {"negative": {labels[0]: -1, labels[1]: 6}, "half": {labels[0]: 4.5, labels[1]: 0.5}}
    for name in ("trials", "exposure"):
        if getattr(case.likelihood, name, 0) is None and not labels:
            del bad["array"]  # a pair
            bad |= {f"{name} {k}": (1, x) for k, x in GARBAGE.items()}
            bad |= {f"first {k}": (x, 2) for k, x in GARBAGE.items()}
            bad |= {"too many": (3, 2), "negative": (1, -2)} if name == "trials" else {"0": (1, 0)}
    return bad


def refused_vectors(case, bad):
    (good,) = case.observations(1, salt=99)
    names = list(good) if isinstance(good, dict) else range(case.dimension)
    for kind in ("list", "triple", "array"):
        if len(bad[kind]) == case.dimension:
            del bad[kind]
    for name in names:
        for what, number in (
            INVALID_NUMBERS | {k: INVALID_OBJECTS[k] for k in COORDINATES}
        ).items():
            spoilt = dict(good) if isinstance(good, dict) else list(good)
            spoilt[name] = number
            bad[f"{what} as {name}"] = spoilt
    if isinstance(good, dict):
        bad |= {"nothing": {}, "unknown feature": {**good, "z": 1.0}, "one feature": {"x": 1.0}}
    else:
        bad |= {"short": good[1:], "long": [*good, 1.0], "nested": [good], "set": set(good)}
    return bad


COORDINATES = ("None", "text", "bytes", "complex", "list", "object", "deceiver", "missing", "date")


def is_among(x, labels):
    try:
        return x in labels
    except (TypeError, ValueError, decimal.InvalidOperation):
        return False


@every
def test_refused_observations_change_nothing(case):
    xs = case.observations(4, salt=100)
    state, same = case.new(xs), case.new(xs)
    for name, x in refused(case).items():
        for verb in ("learn_one", "update", "unlearn_one", "revert", "log_predictive", "explain"):
            with pytest.raises(ObservationError) as caught:
                getattr(state, verb)(x)
            assert re.search("expected|unknown", str(caught.value)), (verb, name, str(caught.value))
            assert len(str(caught.value)) < 500
        assert state == same, f"{case.id}: refusing {name} changed {state.statistics!r}"


@every
def test_refused_batches_change_nothing(case):
    """If one item is invalid, none is learned."""
    xs = case.observations(5, salt=101)
    state, same = case.new(xs), case.new(xs)
    for name, x in refused(case).items():
        for place in (0, 2, 5):
            with pytest.raises(ObservationError) as caught:
                state.learn_many([*xs[:place], x, *xs[place:]])
            assert len(str(caught.value)) < 500, name
        assert state == same, f"{case.id}: refusing a batch with {name} changed the state"


@every
def test_refused_batches_with_weights_change_nothing(case):
    xs = case.observations(3, salt=102)
    state, same = case.new(xs), case.new(xs)
    for x in refused(case).values():
        with pytest.raises(ObservationError):
            state.learn_many([*xs, x], w=[1.0, 2.0, 0.5, 1.5])
    assert state == same


@first
def test_batches_must_be_sequences(case):
    state = case.new()
    for xs in (None, 3, 1.5, object(), len):
        with pytest.raises(ObservationError):
            state.learn_many(xs)
    if not case.family.__name__.startswith("Dirichlet"):
        for xs in ("101", b"101", np.ones((2, 2, 2)), [[1.0], [1.0, 2.0]], np.float64(1.0)):
            with pytest.raises(ObservationError):
                state.learn_many(xs)
    assert state == case.new()


BAD_WEIGHTS = {**GARBAGE, "negative": -1.0, "barely negative": -5e-324}


@every
def test_refused_weights_change_nothing(case):
    xs = case.observations(4, salt=103)
    state, same = case.new(xs), case.new(xs)
    for name, w in BAD_WEIGHTS.items():
        for verb in ("learn_one", "update", "unlearn_one", "revert"):
            with pytest.raises(ObservationError, match="weight"):
                getattr(state, verb)(xs[0], w)
        with pytest.raises(ObservationError):
            state.learn_many(xs, w=[1.0, w, 1.0, 1.0])
        if w is not None:
            with pytest.raises(ObservationError):
                state.learn_many(xs, w=w)
        assert state == same, f"{case.id}: refusing the weight {name} changed the state"
    for w in ([], [1.0], [1.0] * 5, [[1.0] * 4], np.ones((4, 1)), "1111", {0: 1.0}):
        with pytest.raises(ObservationError):
            state.learn_many(xs, w=w)
    assert state == same


@every
def test_values_that_are_too_large_are_refused(case):
    """Observations whose sums overflow are refused and change nothing."""
    x = case.observations(1, salt=104)[0]
    state = case.new()
    before = state.to_dict()
    for _ in range(40):
        try:
            state.learn_one(x, 1e307)
        except ObservationError:
            break
        before = state.to_dict()
    else:
        pytest.fail(f"{case.id}: a weight over 1e308 was learned: {state.statistics!r}")
    assert state.to_dict() == before
    assert math.isfinite(state.n_samples)
    with pytest.raises(ObservationError):
        state.learn_many([x] * 40, w=1e307)
    assert state.to_dict() == before


@first
def test_observations_that_raise_change_nothing(case):
    """An error raised by an object may propagate, but nothing is partly learned."""
    xs = case.observations(3, salt=105)
    state, same = case.new(xs), case.new(xs)
    if case.fields and case.likelihood.observation_fields:
        name = list(case.fields)[-1]
        bad = [{**xs[0], name: Saboteur(math.nan)}, {**xs[0], name: Saboteur(-math.inf)}]
    elif case.likelihood.labelled or case.family is sb.Dirichlet:
        bad = [Unhashable("x")]
    else:
        bad = [Saboteur(math.nan), Saboteur(-math.inf)]
    for x in bad:
        for verb in (state.learn_one, state.unlearn_one, lambda x: state.learn_many([*xs, x])):
            with pytest.raises((ObservationError, RuntimeError)):
                verb(x)
        assert state == same


def test_an_error_names_the_value_and_what_was_expected():
    with pytest.raises(ObservationError, match=r"expected .*, got -3 \(int\)"):
        sb.Gamma().learn_one(-3)
    with pytest.raises(ObservationError, match="expected True, False, 1 or 0, got 'yes'"):
        sb.Beta().learn_one("yes")
    with pytest.raises(ObservationError, match=r"got nan at position 2"):
        sb.Normal().learn_many([1.0, 2.0, math.nan])
    with pytest.raises(ObservationError, match=r"got '2' \(str\) at position 1"):
        sb.Normal().learn_many([1.0, "2"])
    with pytest.raises(ObservationError, match=r"'purple'.*'red', 'blue'"):
        sb.Dirichlet.flat(["red", "blue"]).learn_one("purple")
    with pytest.raises(ObservationError, match="-7"):
        sb.Gamma(likelihood=sb.likelihoods.Laplace(1.0)).learn_many([1.0, -7 * 10**400])
    with pytest.raises(ObservationError, match="got -inf at position 1"):
        sb.Gamma(likelihood=sb.likelihoods.Laplace(1.0)).learn_many([1.0, -math.inf])
    with pytest.raises(ObservationError, match="expected 2 weights, got 3"):
        sb.Beta().learn_many([True, False], w=[1, 2, 3])


def test_masked_and_missing_values_are_refused():
    state = sb.Normal()
    for xs in (
        np.ma.array([1.0, 2.0], mask=[False, True]),
        pd.array([1.0, None], dtype="Float64"),
        pd.Series([1.0, None]),
        np.array(["2020-01-01"], dtype="datetime64[ns]"),
        np.array([1], dtype="timedelta64[ns]"),
    ):
        with pytest.raises(ObservationError):
            state.learn_many(xs)
    assert state == sb.Normal()


def test_numbers_of_every_type_are_learned():
    kinds = [
        np.float32,
        np.float16,
        np.longdouble,
        np.int8,
        np.uint64,
        int,
        float,
        fractions.Fraction,
        decimal.Decimal,
        np.array,
    ]
    state = sb.Normal()
    for kind in kinds:
        state.learn_one(kind(3))
    assert state.n_samples == len(kinds)
    assert state.mle == 3.0
    trials = sb.Beta()
    for x in (True, np.True_, 1, 1.0, np.int64(1), np.float32(1)):
        trials.learn_one(x, np.float32(1))
    assert trials.posterior == (7.0, 1.0)


PRIORS = [(case.family, name) for case in ONE_CASE_PER_LIKELIHOOD for name in case.prior]


@pytest.mark.parametrize(("family", "name"), sorted(set(PRIORS), key=str))
def test_invalid_hyperparameters_raise_prior_error(family, name):
    bad = (
        dict(INVALID_NUMBERS)
        if family is not sb.Normal
        else {k: INVALID_NUMBERS[k] for k in ("nan", "huge")}
    )
    bad |= INVALID_OBJECTS
    others = {}
    if family is sb.NormalInverseWishart:
        others = {} if name == "prior_mean" else {"prior_mean": [0.0, 1.0]}
        bad |= {
            "ragged": [[1.0], [1.0, 2.0]],
            "text in it": ["1", "2"],
            "nan in it": [math.nan, 1.0],
        }
        for vector in ("list", "triple", "array") if name == "prior_mean" else ():
            del bad[vector]
        if name == "scale":
            del bad["None"]
            bad |= {
                "not symmetric": [[1.0, 0.5], [0.4, 1.0]],
                "indefinite": [[1.0, 2.0], [2.0, 1.0]],
            }
    if family is sb.NormalInverseWishart and name == "df":
        bad |= {"too few": -4.1}
        del bad["None"]
    if name in ("atoms", "share"):
        del bad["None"]
    if name == "share":
        others = {"amount": sb.Normal()}
    dirichlet = family in (sb.Dirichlet, sb.DirichletProcess)
    for label, value in bad.items():
        if label in ("empty", "mapping", "list", "triple", "array") and dirichlet:
            continue  # valid: Dirichlet families accept a sequence or mapping of concentrations
        with pytest.raises(PriorError):
            family(**{name: value, **others})
    for label, value in GARBAGE.items():
        if name in ("alpha", "atoms") and dirichlet:
            with pytest.raises(PriorError):
                family(**{name: {"a": 1.0, "b": value}})
            with pytest.raises(PriorError):
                family(**{name: {"a": 1.0, "b": -1.0}})
            if label in ("nan", "decimal nan", "None", "missing time"):
                with pytest.raises(PriorError):
                    family(**{name: {"a": 1.0, value: 1.0}})


@pytest.mark.parametrize(
    ("family", "arguments"),
    [
        (sb.Beta, {"alpha": -0.1}),
        (sb.Gamma, {"rate": -1}),
        (sb.Normal, {"prior_variance": 0.0}),
        (sb.Normal, {"known_variance": 0.0}),
        (sb.Normal, {"known_variance": math.inf}),
        (sb.Normal, {"prior_variance": -math.inf}),
        (sb.NormalInverseGamma, {"kappa": -1.0}),
        (sb.NormalInverseGamma, {"alpha": -1.6}),
        (sb.NormalInverseGamma, {"beta": -1.0}),
        (sb.DirichletProcess, {"concentration": 0.0}),
        (sb.DirichletProcess, {"atoms": {"a": 0.0}}),
        (sb.Dirichlet, {"alpha": {"a": 1.0}}),
        (sb.Dirichlet, {"alpha": []}),
        (sb.Beta, {"likelihood": sb.likelihoods.Poisson()}),
        (sb.Beta, {"likelihood": sb.likelihoods.Bernoulli}),
        (sb.Beta, {"likelihood": "Bernoulli"}),
        (sb.Gamma, {"likelihood": sb.likelihoods.Categorical()}),
        (sb.Beta, {"seed": "7"}),
        (sb.Beta, {"seed": -1}),
        (sb.Beta, {"seed": 1.5}),
    ],
)
def test_invalid_constructor_arguments_raise_prior_error(family, arguments):
    with pytest.raises(PriorError):
        family(**arguments)


LIKELIHOODS = [
    (sb.likelihoods.Binomial, "trials"),
    (sb.likelihoods.Multinomial, "trials"),
    (sb.likelihoods.NegativeBinomial, "successes"),
    (sb.likelihoods.Geometric, "start"),
    (sb.likelihoods.Poisson, "exposure"),
    (sb.likelihoods.GammaShape, "shape"),
    (sb.likelihoods.Weibull, "shape"),
    (sb.likelihoods.InverseGamma, "shape"),
    (sb.likelihoods.NormalPrecision, "mean"),
    (sb.likelihoods.Laplace, "location"),
    (sb.likelihoods.Pareto, "scale"),
]


@pytest.mark.parametrize(("kind", "name"), LIKELIHOODS)
def test_parameters_of_likelihoods_are_checked(kind, name):
    optional = getattr(kind(), name) is None or name == "exposure"
    for text, value in GARBAGE.items():
        if not (optional and value is None):
            with pytest.raises(PriorError):
                kind(**{name: value})
        assert text
    if name not in ("mean", "location"):
        for value in (-1, -0.5, 0 if name != "start" else 2):
            with pytest.raises(PriorError):
                kind(**{name: value})
    if name in ("trials", "start"):
        with pytest.raises(PriorError):
            kind(**{name: 0.5})


@pytest.mark.parametrize("family", [sb.Normal, sb.NormalInverseGamma])
@pytest.mark.parametrize("w", [1e300, 1e305])
def test_weights_whose_products_overflow_are_refused(family, w):
    belief = family()
    with pytest.raises(ObservationError, match="weight is too large"):
        belief.learn_many([2.0, 3.0], w)
    with pytest.raises(ObservationError, match="weight is too large"):
        belief.learn_one(2.0, w)
    assert belief == family()
    belief.learn_many([2.0, 3.0], 1e280)
    assert belief.mean == pytest.approx(2.5) if family is sb.Normal else belief.mean[0] == 2.5


def test_labels_lose_the_types_of_numpy():
    belief = sb.DirichletProcess(atoms={np.str_("known"): 1.0})
    for label in (np.str_("new"), np.int64(3), np.float64(0.5), np.bytes_(b"raw"), "plain"):
        belief.learn_one(label)
    assert repr(list(belief.posterior.atoms)) == "['known', 'new', 3, 0.5, b'raw', 'plain']"
    assert repr(sb.Dirichlet({np.str_("a"): 1.0, np.int64(2): 1.0}).categories) == "('a', 2)"
