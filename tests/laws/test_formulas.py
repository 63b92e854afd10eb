"""The formulas of a family are pure functions: of arrays of hyperparameters or of single ones."""

import math

import mpmath as mp
import numpy as np
import pytest

import seqbayes as sb
from cases import CASES, agree, components, each_of, extend

every = each_of(CASES)
# families with labels have dicts instead of arrays
ARRAYS = [case for case in CASES if case.family is not sb.DirichletProcess]
with_arrays = each_of(ARRAYS)


def stack(values):
    """Return one tuple of arrays from many tuples of numbers; labels are the same in all."""
    first = values[0]
    if isinstance(first, np.ndarray):
        return np.stack(values)
    if isinstance(first, dict):
        return {name: stack([value[name] for value in values]) for name in first}
    if type(first) is tuple:
        return tuple(np.array(column, float) for column in zip(*values, strict=True))
    fields = [
        column[0]
        if name in ("categories", "families")
        else stack(column)
        if isinstance(column[0], dict)
        else np.stack([np.asarray(v, float) for v in column])
        for name, *column in zip(first._fields, *values, strict=True)
    ]
    return type(first)(*fields)


def beliefs(case):
    """Return hyperparameters and sufficient statistics, five of each."""
    states = [case.new(case.observations(n, salt=70 + n)) for n in (0, 1, 2, 8, 30)]
    seen = [case.new(case.observations(n, salt=80 + n)) for n in (1, 4, 1, 0, 12)]
    return [state.posterior for state in states], [state.statistics.value for state in seen]


@with_arrays
@pytest.mark.parametrize("formula", ["combine", "log_marginal"])
def test_formulas_of_two_parameters_accept_arrays(case, formula):
    hyperparameters, statistics = beliefs(case)
    function = getattr(case.family, formula)
    at_once = function(stack(hyperparameters), stack(statistics))
    one_by_one = [function(h, s) for h, s in zip(hyperparameters, statistics, strict=True)]
    wanted = stack(one_by_one) if formula == "combine" else np.array(one_by_one)
    law = f"{formula} of arrays equals that of each element"
    if formula == "combine":
        at_once, wanted = components(at_once), components(wanted)
        for path, want in [p for p in wanted.items() if not isinstance(p[1], tuple)]:
            got = np.broadcast_to(at_once[path], np.shape(want))
            agree(f"{law} ({path})", case, formula, got.ravel(), want.ravel(), 1e-13, 1e-15)
    else:
        agree(law, case, formula, at_once, wanted, 1e-12, 1e-13)


@with_arrays
def test_one_belief_and_many_statistics(case):
    """Hyperparameters of one belief broadcast against statistics of many."""
    hyperparameters, statistics = beliefs(case)
    got = case.family.log_marginal(hyperparameters[3], stack(statistics))
    wanted = [case.family.log_marginal(hyperparameters[3], s) for s in statistics]
    agree("log_marginal broadcasts", case, "log_marginal", got, wanted, 1e-12, 1e-13)


@with_arrays
def test_log_z_accepts_arrays(case):
    hyperparameters, _ = beliefs(case)
    got = case.family.log_z(stack(hyperparameters))
    agree("log_z of arrays", case, "log_z", got, [case.family.log_z(h) for h in hyperparameters])


@with_arrays
def test_summaries_accept_arrays(case):
    hyperparameters, _ = beliefs(case)
    many = case.family.belief(stack(hyperparameters))
    ones = [case.family.belief(h) for h in hyperparameters]
    for name in ("mean", "var"):
        got = components(getattr(many, name))
        wanted = [components(getattr(one, name)) for one in ones]
        for k, values in got.items():
            none = np.full(np.shape(values)[1:], math.nan)
            want = [none if w[k] is None else w[k] for w in wanted]
            np.testing.assert_allclose(values, want, rtol=1e-12, err_msg=f"{case.id} {name} {k}")


@every
def test_log_marginal_is_a_ratio_of_log_z(case):
    """Except for factors of the data alone, the evidence is Z(after) / Z(before)."""
    hyperparameters, statistics = beliefs(case)
    if case.family is sb.DirichletProcess:
        hyperparameters = [h._replace(atoms={**h.atoms, "z": 1.0}) for h in hyperparameters]
        statistics = [
            {k: v for k, v in s.items() if k in hyperparameters[4].atoms} for s in statistics
        ]
        hyperparameters = hyperparameters[4:] * 5
    for before, seen in zip(hyperparameters, statistics, strict=True):
        after = case.family.combine(before, seen)
        ratio = case.family.log_z(after) - case.family.log_z(before)
        ratio += data_only_factor(case.family, before, seen)
        marginal = case.family.log_marginal(before, seen)
        agree(
            "log_marginal = log ratio of Z",
            case,
            "log_z, log_marginal",
            marginal,
            ratio,
            1e-9,
            1e-9,
        )


def data_only_factor(family, before, seen):
    """Return the factors of the log evidence that depend on the data alone."""
    if issubclass(family, sb.Product):
        fields = zip(before.fields, before.families, strict=True)
        return sum(data_only_factor(f, before.fields[k], seen.fields[k]) for k, f in fields)
    if family is sb.NormalInverseWishart:
        return -0.5 * len(before.mean) * seen.n * math.log(math.tau)
    if family is sb.NormalInverseGamma:
        return -0.5 * seen.n * math.log(math.tau)
    if family is sb.Normal:
        # what is left of the exponent when the squares are completed
        left = seen.squares + before.known_variance * gap(before, seen)
        scale = seen.n * math.log(math.tau * before.known_variance)
        return -0.5 * (scale + left / before.known_variance)
    return 0.0


def gap(before, seen):
    if seen.n == 0.0:
        return 0.0
    spread = before.variance + before.known_variance / seen.n
    return (seen.mean - before.mean) ** 2 / spread


LOG_Z = {
    "Beta": lambda h: mp.log(mp.beta(h.alpha, h.beta)),
    "Gamma": lambda h: mp.log(
        mp.quad(lambda t: t ** (h.shape - 1) * mp.exp(-h.rate * t), [0, h.shape / h.rate, mp.inf])
    ),
    "Normal": lambda h: mp.log(
        mp.quad(
            lambda t: mp.exp(-((t - h.mean) ** 2) / (2 * mp.mpf(h.variance))),
            [-mp.inf, h.mean, mp.inf],
        )
    ),
    # the mean integrates to sqrt(2 pi v / kappa)
    "NormalInverseGamma": lambda h: mp.log(
        mp.quad(
            lambda v: (
                v ** (-mp.mpf(h.alpha) - 1.5)
                * mp.exp(-h.beta / v)
                * mp.sqrt(2 * mp.pi * v / h.kappa)
            ),
            [0, h.beta / h.alpha, 10 * h.beta / h.alpha, mp.inf],
        )
    ),
    # the mean integrates to sqrt(|2 pi covariance / kappa|)
    "NormalInverseWishart": lambda h: (
        mp.mpf(len(h.mean)) / 2 * (mp.log(2 * mp.pi / h.kappa) + h.df * mp.log(2))
        - h.df / mp.mpf(2) * mp.log(mp.det(mp.matrix(np.asarray(h.scale).tolist())))
        + sum(mp.loggamma((mp.mpf(h.df) - i) / 2) for i in range(len(h.mean)))
        + len(h.mean) * (len(h.mean) - 1) / mp.mpf(4) * mp.log(mp.pi)
    ),
    "Dirichlet": lambda h: sum(mp.loggamma(a) for a in h.alpha) - mp.loggamma(sum(h.alpha)),
    "DirichletProcess": lambda h: (
        sum(mp.loggamma(a) for a in [*h.atoms.values(), h.concentration])
        - mp.loggamma(sum(h.atoms.values()) + h.concentration)
    ),
    "Product": lambda h: sum(
        LOG_Z[family.__name__](inner)
        for inner, family in zip(h.fields.values(), h.families, strict=True)
    ),
}
LOG_Z["Hurdle"] = LOG_Z["Product"]
extend(LOG_Z, "LOG_Z")


@pytest.mark.parametrize(
    "case", list({case.id.split("-")[0]: case for case in CASES}.values()), ids=lambda case: case.id
)
def test_log_z_by_mpmath(case):
    for n in (0, 3):
        h = case.new(case.observations(n, salt=90)).posterior
        with mp.workdps(25):
            wanted = float(LOG_Z[case.family.__name__](h))
        agree("log_z", case, "log_z", float(case.family.log_z(h)), wanted, 1e-9, 1e-10)
