"""Evidence and predictive: chain rule, Bayes' law, normalisation, and quadrature as the oracle."""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.stats as st

import seqbayes as sb
from cases import CASES, agree, each_of, entries
from oracles import grid_of, has_grid, log_density, urn

every = each_of(CASES)
with_grid = each_of([case for case in CASES if has_grid(case)])


@functools.cache
def grid(case):
    return grid_of(case)


def is_open(case):
    return case.family is sb.DirichletProcess


@every
def test_chain_rule(case):
    """The evidence is the product of one-step predictive probabilities."""
    state = case.new()
    steps = []
    for x in case.observations(30):
        steps.append(state.log_predictive(x))
        state.learn_one(x)
    agree("chain rule", case, "log_marginal, log_base", state.log_evidence, math.fsum(steps))


@every
def test_predictive_is_a_ratio_of_evidences(case):
    *seen, x = case.observations(8, salt=1)
    before, after = case.new(seen), case.new([*seen, x])
    ratio = after.log_evidence - before.log_evidence
    agree("predictive = ratio of evidences", case, "log_marginal", before.log_predictive(x), ratio)


@every
def test_predictive_and_log_predictive_agree(case):
    state = case.new(case.observations(6, salt=2))
    for outcome, x in case.outcomes(12, salt=3):
        if is_open(case) and x not in state.categories:
            continue
        got, wanted = state.predictive.logp(outcome), state.log_predictive(x)
        agree(f"predictive.logp({outcome!r}) = log_predictive", case, "predictive", got, wanted)
        agree("p = exp(logp)", case, "predictive.p", state.predictive.p(outcome), math.exp(got))


@every
def test_evidence_of_no_data_is_one(case):
    assert case.new().log_evidence == 0.0


@every
def test_any_order(case):
    xs = case.observations(40, salt=4)
    one, other = case.new(xs), case.new(reversed(xs))
    agree("any order", case, "statistics", other.posterior[0], one.posterior[0])
    agree("any order (evidence)", case, "statistics", other.log_evidence, one.log_evidence)
    agree("any order (mean)", case, "statistics", other.mean, one.mean)
    agree("any order (MLE)", case, "statistics", other.mle, one.mle)


@with_grid
def test_evidence_by_quadrature(case):
    xs = case.observations(4, salt=5)
    wanted = grid(case).log_evidence(case, xs)
    suspects = "log_marginal, the accumulator's statistic or log base measure"
    assert grid(case).log_sum() == pytest.approx(0.0, abs=1e-9), "the oracle's prior"
    agree("evidence = quadrature", case, suspects, case.new(xs).log_evidence, wanted, 1e-9, 1e-9)


@with_grid
def test_weighted_evidence_by_quadrature(case):
    xs, w = case.observations(3, salt=6), [0.5, 2.0, 1.25]
    wanted = grid(case).log_evidence(case, xs, w)
    got = case.new(xs, w).log_evidence
    agree("weighted evidence", case, "_add, log_base", got, wanted, 1e-9, 1e-9)


@with_grid
def test_moments_by_quadrature(case):
    xs = case.observations(4, salt=7)
    state, nodes = case.new(xs), grid(case).posterior(case, xs)
    means = {k: float((w * v).sum()) for k, (v, w) in nodes.items()}
    spread = {k: float((w * (v - means[k]) ** 2).sum()) for k, (v, w) in nodes.items()}
    agree(
        "mean = quadrature",
        case,
        "combine, belief.mean",
        entries(state.mean, state.mean),
        means,
        1e-8,
    )
    if has_light_tails(state):
        agree(
            "variance = quadrature",
            case,
            "belief.var",
            entries(state.var, state.mean),
            spread,
            1e-8,
        )


def has_light_tails(state):
    """Whether the fourth moments converge fast enough on a grid."""
    if isinstance(state, sb.NormalInverseWishart):
        return state.posterior.df > 8.0
    return not isinstance(state, sb.NormalInverseGamma) or state.posterior.alpha > 4.0


@with_grid
def test_tails_by_quadrature(case):
    """P(parameter <= its median) by quadrature, for each component."""
    xs = case.observations(4, salt=8)
    state = case.new(xs)
    medians = entries(state.ppf(0.5), state.mean)
    for name, (values, weights) in grid(case).posterior(case, xs).items():
        below = float(weights[values <= medians[name]].sum())
        at_most = weights.max() * 1500  # a bound within the grid divides it only between cells
        agree("ppf = quadrature", case, "ppf, marginals", below, 0.5, absolute=max(at_most, 0.02))


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.family in (sb.Dirichlet, sb.DirichletProcess)],
    ids=lambda c: c.id,
)
def test_evidence_by_urn(case):
    xs = case.observations(12, salt=9)
    if isinstance(xs[0], dict):
        labels = [label for x in xs for label, k in x.items() for _ in range(k)]
        ways = math.fsum(
            math.log(math.factorial(sum(x.values())))
            - math.fsum(math.log(math.factorial(k)) for k in x.values())
            for x in xs
        )
    else:
        labels, ways = xs, 0.0
    exact = urn(case.prior, labels)
    wanted = math.log(exact.numerator) - math.log(exact.denominator) + ways
    agree("evidence = urn", case, "log_marginal", case.new(xs).log_evidence, wanted)


@every
def test_bayes_law(case):
    """prior * likelihood / evidence = posterior, at parameter values of any kind."""
    rng = case.rng(10)
    xs = case.observations(9, salt=11)
    state = case.new(xs[:5])
    for x in [*xs[5:], "new"] if is_open(case) else xs[5:]:
        theta = state.sample() if is_open(case) else case.theta(rng)
        step = state.explain(x, at=theta)
        product = step.prior * step.likelihood / step.evidence
        agree(
            "Bayes' law", case, "log_likelihood, log_marginal, pdf", product, step.posterior, 1e-9
        )
        if not is_open(case):
            wanted = math.exp(log_density(case, theta, x))
            agree("likelihood", case, "log_likelihood, log_base", step.likelihood, wanted)
        agree("evidence", case, "explain", math.log(step.evidence), state.log_predictive(x))
        assert step.at == theta
        assert step.x == x
        state.learn_one(x)
        agree("posterior after", case, "combine", state.posterior[0], step.after[0], 1e-12)


@every
def test_bayes_law_by_default(case):
    """By default, `explain` uses a parameter value with positive density."""
    for seen in ([], case.observations(3, salt=12)):
        state = case.new(seen)
        x = case.observations(1, salt=13)[0]
        step = state.explain(x)
        product = step.prior * step.likelihood / step.evidence
        assert product > 0.0
        agree("Bayes' law at the default value", case, "explain", product, step.posterior, 1e-9)


@every
def test_explaining_does_not_learn(case):
    xs = case.observations(6, salt=14)
    state, same = case.new(xs), case.new(xs)
    state.explain(xs[0])
    state.log_predictive(xs[1])
    assert state == same


@every
def test_predictive_sums_to_one(case):
    predictive = case.new(case.observations(5, salt=15)).predictive
    agree("predictive sums to 1", case, "predictive", total_probability(predictive), 1.0, 1e-7)


def total_probability(predictive):
    if isinstance(predictive, sb.predictive.Product):
        return math.prod(map(total_probability, predictive.fields.values()))
    if isinstance(predictive, sb.predictive.Hurdle):
        return predictive.p(0.0) + predictive.positive * total_probability(predictive.amount)
    if isinstance(predictive, sb.distributions.MultivariateT):
        return math.prod(map(total_probability, predictive.marginals))
    if isinstance(predictive, sb.predictive.DirichletMultinomial):
        return math.fsum(predictive.p(x) for x in compositions(predictive))
    if hasattr(predictive, "probabilities"):
        return math.fsum(predictive.probabilities.values()) + predictive.unseen
    _, masses = nodes_and_masses(predictive)
    return float(masses.sum())


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.family is sb.Product], ids=lambda case: case.id
)
def test_predictive_of_fields_is_a_product(case):
    """Joint probabilities are products over the given fields."""
    state = case.new(case.observations(6, salt=18))
    for x in case.observations(8, salt=19):
        each = [state.marginal(name).predictive.logp(value) for name, value in x.items()]
        agree("product of fields", case, "predictive", state.predictive.logp(x), math.fsum(each))
        part = state.predictive.marginal(list(x))
        agree("marginal", case, "predictive.marginal", part.logp(x), math.fsum(each))


def compositions(predictive):
    labels = list(predictive.alpha)
    for counts in itertools.product(range(predictive.trials + 1), repeat=len(labels)):
        if sum(counts) == predictive.trials:
            yield dict(zip(labels, counts, strict=True))


NODES = np.polynomial.legendre.leggauss(120)


def nodes_and_masses(predictive):
    """Return values between far quantiles, with the probabilities that a sum over them uses."""
    if predictive.discrete:
        k = np.arange(int(predictive.support[0]), 5000)
        return k.astype(float), predictive.p(k)
    levels = [1e-14, 1e-9, 1e-5, 1e-2, 0.1]
    knots = [*map(predictive.ppf, levels), predictive.ppf(0.5), *map(predictive.isf, levels[::-1])]
    # the density may have a kink at its mode
    if predictive.mode is not None and knots[0] < predictive.mode < knots[-1]:
        knots = sorted({*knots, predictive.mode})
    # positive observations may range over many orders of magnitude
    positive = predictive.support[0] >= 0.0
    ends = np.log(knots) if positive else np.array(knots)
    half = np.diff(ends)[:, np.newaxis] / 2.0
    nodes, weights = NODES
    u = (ends[:-1, np.newaxis] + half * (nodes + 1.0)).ravel()
    x = np.exp(u) if positive else u
    return x, predictive.p(x) * (x if positive else 1.0) * (half * weights).ravel()


@every
def test_predict_one(case):
    """Labels are predicted by the mode, numbers by the mean of the predictive."""
    check_prediction(case, case.new(case.observations(12, salt=16)))


def check_prediction(case, state):
    predicted = state.predict_one()
    if case.family is sb.Product:
        for name, inner in case.fields.items():
            assert predicted[name] == state.marginal(name).predict_one()
            check_prediction(inner, state.marginal(name))
        return
    if not case.likelihood.labelled:
        agree("predict_one = mean", case, "predictive.mean", predicted, state.predictive.mean)
        return
    shares = state.predict_proba_one()
    assert shares[predicted] == max(shares.values())
    rest = state.unseen if is_open(case) else 0.0
    agree("labels sum to 1", case, "labels", math.fsum(shares.values()) + rest, 1.0)
    for label, share in shares.items():
        agree("predict_proba", case, "labels", share, math.exp(state.log_predictive(label)))


@every
def test_predictive_moments_by_sum_or_quadrature(case):
    check_moments(case, case.new(case.observations(12, salt=17)).predictive)


def check_vectors(case, predictive):
    """The joint density is that of SciPy; moments are those of the coordinates."""
    peer = st.multivariate_t(predictive.loc, predictive.scale, predictive.df)
    points = predictive.sample(20, case.rng(20))
    agree("density", case, "MultivariateT", predictive.logp(points), peer.logpdf(points), 1e-10)
    for i, field in enumerate(predictive.marginals):
        wanted = predictive.marginal([i]).logp(points[:, [i]])
        agree("marginal", case, "marginals", field.logp(points[:, i]), wanted, 1e-10)
        for value, number in ((predictive.mean[i], field.mean), (predictive.var[i, i], field.var)):
            agree("moments of a coordinate", case, "mean, var", value, number)


def check_moments(case, predictive):
    if isinstance(predictive, sb.predictive.Hurdle):
        check_moments(case.fields["amount"], predictive.amount)
        p, mean, var = predictive.positive, predictive.amount.mean, predictive.amount.var
        agree("mean", case, "Hurdle.mean", predictive.mean, p * mean)
        if math.isfinite(var):
            wanted = p * (var + mean**2) - (p * mean) ** 2
            agree("variance", case, "Hurdle.var", predictive.var, wanted)
        return
    if case.fields:
        for name, inner in case.fields.items():
            field = predictive.marginal(name)
            check_moments(inner, field)
            if not inner.likelihood.labelled or inner.family is sb.Beta:
                assert predictive.mean[name] == field.mean
                assert predictive.var[name] == field.var
        return
    if case.likelihood.labelled and not isinstance(case.likelihood, sb.likelihoods.Bernoulli):
        with pytest.raises(NotImplementedError, match="labels"):
            _ = predictive.mean
        return
    if isinstance(case.likelihood, sb.likelihoods.Multinomial):
        xs = list(compositions(predictive))
        for label in xs[0]:
            first, second = (sum(predictive.p(x) * x[label] ** m for x in xs) for m in (1, 2))
            agree("mean", case, "DirichletMultinomial.mean", predictive.mean[label], first)
            spread = second - first**2
            agree("variance", case, "DirichletMultinomial.var", predictive.var[label], spread, 1e-9)
        return
    if case.dimension:
        check_vectors(case, predictive)
        return
    mean, var = predictive.mean, predictive.var
    if mean is None or not math.isfinite(mean) or not math.isfinite(var):
        return
    nodes, masses = nodes_and_masses(predictive)
    first = float((masses * nodes).sum())
    agree("mean", case, "predictive.mean", mean, first, 1e-5, 1e-5 * var**0.5)
    spread = float((masses * (nodes - first) ** 2).sum())
    agree("variance", case, "predictive.var", var, spread, 1e-4)
