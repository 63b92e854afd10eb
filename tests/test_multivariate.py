"""Mean vectors and covariance matrices: agreement with scalars in one dimension, and accuracy."""

import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.stats as st
from hypothesis import given
from hypothesis import strategies as some

import seqbayes as sb
from cases import agree
from seqbayes import NormalInverseGamma, NormalInverseWishart
from seqbayes.distributions import Covariance
from seqbayes.likelihoods import MultivariateNormal

WHO = "NormalInverseWishart"


def pair():
    """Return the same belief about a vector of one dimension, and about a number."""
    vector = NormalInverseWishart([1.5], 0.75, 3.5, [[2.5]])
    number = NormalInverseGamma(1.5, 0.75, 1.75, 1.25)
    rng = np.random.default_rng(5)
    for x, w in zip(rng.normal(-2.0, 3.0, 12).tolist(), rng.uniform(0.2, 2.0, 12), strict=True):
        vector.learn_one([x], w)
        number.learn_one(x, w)
    return vector, number


def test_one_dimension_is_normal_inverse_gamma():
    vector, number = pair()
    assert vector.log_evidence == pytest.approx(number.log_evidence, rel=1e-13)
    assert vector.log_predictive([0.3]) == pytest.approx(number.log_predictive(0.3), rel=1e-13)
    for question in ("mean", "var", "map", "mle"):
        mine, theirs = getattr(vector, question), getattr(number, question)
        assert np.ravel(mine.mean)[0] == pytest.approx(theirs.mean, rel=1e-13)
        assert mine.covariance[0, 0] == pytest.approx(theirs.variance, rel=1e-13)
    for kind in ("equal-tailed", "hdi"):
        mine, theirs = vector.interval(0.9, kind), number.interval(0.9, kind)
        assert [end[0] for end in mine.mean] == pytest.approx(theirs.mean, rel=1e-10)
        assert [end[0, 0] for end in mine.covariance] == pytest.approx(theirs.variance, rel=1e-10)
    assert vector.logpdf(([0.1], [[2.0]])) == pytest.approx(number.logpdf((0.1, 2.0)), rel=1e-13)
    mine, theirs = vector.predictive, number.predictive
    for x in (-4.0, 0.0, 7.5):
        assert mine.logp([x]) == pytest.approx(theirs.logp(x), rel=1e-13)
        assert mine.sf([x])[0] == pytest.approx(theirs.sf(x), rel=1e-12)


def test_the_evidence_agrees_with_scipy():
    """At any parameter, p(x) = p(x | theta) p(theta) / p(theta | x), each by scipy."""
    prior_mean, scale = np.array([0.5, -1.0]), np.array([[2.0, 0.6], [0.6, 1.0]])
    state = NormalInverseWishart(prior_mean, 1.5, 5.5, scale)
    xs = np.random.default_rng(2).normal(size=(9, 2))
    state.learn_many(xs)
    mean, covariance = np.array([0.2, 0.4]), np.array([[1.5, -0.3], [-0.3, 0.7]])

    def log_prior(m, kappa, df, matrix):
        normal = st.multivariate_normal(m, covariance / kappa).logpdf(mean)
        return normal + st.invwishart(df, matrix).logpdf(covariance)

    after = state.posterior
    wanted = (
        st.multivariate_normal(mean, covariance).logpdf(xs).sum()
        + log_prior(prior_mean, 1.5, 5.5, scale)
        - log_prior(after.mean, after.kappa, after.df, after.scale)
    )
    assert state.log_evidence == pytest.approx(wanted, rel=1e-12)


@given(some.integers(0, 2**31), some.sampled_from([1e9, -1e6, 0.0]))
def test_scatter_is_accurate(seed, centre):
    """Mean 1e9, deviations of 1e-3: the scatter to 1e-9 by exact fractions, unlearning or not."""
    rng = np.random.default_rng(seed)
    xs = (centre + 1e-3 * rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3))).tolist()
    state = NormalInverseWishart([0.0, 0.0, 0.0])
    state.learn_many(xs[:25])
    for x in xs[25:]:
        state.learn_one(x)
    for x in xs[:15]:
        state.unlearn_one(x)
    kept = [[Fraction(v) for v in x] for x in xs[15:]]
    means = [sum(column) / len(kept) for column in zip(*kept, strict=True)]
    got = state.statistics.value
    largest = np.sqrt(np.diagonal(got.squares))
    for i in range(3):
        assert got.mean[i] == pytest.approx(float(means[i]), rel=1e-15)
        for j in range(3):
            exact = sum((x[i] - means[i]) * (x[j] - means[j]) for x in kept)
            # near zero a covariance has the digits of the variances
            assert got.squares[i, j] == pytest.approx(
                float(exact), rel=1e-9, abs=1e-9 * largest[i] * largest[j]
            )


def exact_evidence(prior_mean, kappa, df, scale, xs):
    """Return the log evidence to 60 digits, by the determinants of the textbook."""
    with mpmath.workdps(60):
        n, d = np.shape(xs)
        table = mpmath.matrix(np.asarray(xs).tolist())
        ones = mpmath.ones(n, 1)
        means = (ones.T * table) / n
        before, gap = mpmath.matrix(scale), means - mpmath.matrix([list(prior_mean)])
        apart = table - ones * means
        after = before + apart.T * apart + (gap.T * gap) * (mpmath.mpf(kappa) * n / (kappa + n))

        def log_z(k, nu, matrix):
            gammas = sum(mpmath.loggamma((nu - i) / mpmath.mpf(2)) for i in range(d))
            return gammas - (nu * mpmath.log(mpmath.det(matrix)) + d * mpmath.log(k)) / 2

        base = mpmath.log(mpmath.pi) * n * d / 2
        return log_z(kappa + n, df + n, after) - log_z(kappa, df, before) - base


@pytest.mark.parametrize("deviation", [1.0, 1e-3])
@pytest.mark.parametrize("centre", [0.0, 1e3, 1e6, 1e9])
def test_data_far_from_the_prior_mean(centre, deviation):
    """The posterior's scale is nearly singular: the information of the prior is kept."""
    rng = np.random.default_rng(4)
    *xs, x = centre + deviation * rng.normal(size=(21, 3)) @ rng.normal(size=(3, 3))
    prior = ([0.0, 1.0, -2.0], 1.5, 5.5, [[2.0, 0.6, 0.0], [0.6, 1.0, 0.1], [0.0, 0.1, 3.0]])
    state = NormalInverseWishart(*prior, seed=4)
    state.learn_many(xs)
    wanted = exact_evidence(*prior, xs)
    assert state.log_evidence == pytest.approx(float(wanted), rel=1e-12)
    step = float(exact_evidence(*prior, [*xs, x]) - wanted)
    # the posterior mean is rounded: to 1e-7 at 1e9
    allowed = 1e-10 + 1e-15 * centre
    assert state.log_predictive(x) == pytest.approx(step, abs=allowed)
    assert state.predictive.logp(x) == pytest.approx(step, abs=allowed)
    assert state.explain(x).evidence == pytest.approx(np.exp(step), rel=allowed)
    copied = pickle.loads(pickle.dumps(state.posterior))
    np.testing.assert_array_equal(copied.factor, state.posterior.factor)
    if deviation < 1.0:
        return
    low, high = state.interval(0.9).covariance
    assert np.all(low < high)
    drawn = state.sample(300).covariance
    below = np.mean(drawn < high, axis=0)  # 95 % of draws, and four standard errors less
    assert np.all(below > 0.9)


def test_a_strong_prior_keeps_the_contribution_of_few_data():
    prior = ([0.0, 1.0], 1e12, 1e12, [[1e12, 3e11], [3e11, 2e12]])
    xs = np.random.default_rng(6).normal(size=(3, 2))
    state = NormalInverseWishart(*prior)
    state.learn_many(xs)
    assert state.log_evidence == pytest.approx(float(exact_evidence(*prior, xs)), rel=1e-12)


def test_the_factor_is_that_of_the_scale():
    rng = np.random.default_rng(9)
    state = NormalInverseWishart([0.0, 0.0, 1e5])
    state.learn_many(rng.normal(size=(9, 3)))
    near, after = state.prior, state.posterior
    assert near.factor == pytest.approx(np.eye(3))
    assert after.factor @ after.factor.T == pytest.approx(after.scale, rel=1e-12, abs=1e-4)
    part = state.predictive.marginal([2, 0])
    whole = state.predictive
    assert part.var == pytest.approx(whole.var[np.ix_([2, 0], [2, 0])])
    assert part.logp([3.0, 1.0]) == pytest.approx(
        st.multivariate_t(part.loc, part.scale, part.df).logpdf([3.0, 1.0]), abs=1e-8
    )


def test_units_do_not_matter():
    rng = np.random.default_rng(8)
    xs = rng.normal(size=(30, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    units = np.array([1e-9, 1e7])
    plain = NormalInverseWishart([0.0, 0.0], 1.0, 4.0)
    scaled = NormalInverseWishart([0.0, 0.0], 1.0, 4.0, np.diag(units**2))
    plain.learn_many(xs)
    scaled.learn_many(xs * units)
    agree("MLE", WHO, "units", scaled.mle.covariance / np.outer(units, units), plain.mle.covariance)
    off = 30 * np.log(units).sum()
    assert scaled.log_evidence == pytest.approx(plain.log_evidence - off, rel=1e-12)


def test_named_features_are_the_vector_in_their_order():
    named = NormalInverseWishart([0, 1], likelihood=MultivariateNormal(features=("x", "y")))
    plain = NormalInverseWishart([0, 1])
    for x, y in ((1.0, 2.0), (3, -4.5), (0.25, 7)):
        named.learn_one({"y": y, "x": x})
        plain.learn_one((x, y))
    assert named.log_evidence == plain.log_evidence
    agree("posterior", WHO, "features", named.posterior, plain.posterior, 0.0)


def test_data_on_a_line_have_no_covariance():
    state = NormalInverseWishart.flat(2)
    for i in range(10):
        state.learn_one([0.1 * i, 0.3 * i - 7.0])
    assert state.mle is None
    assert state.map is None
    state.learn_one([0.0, 0.0])
    assert state.mle is not None


@pytest.mark.parametrize("df", [3.5, 8.0, 200.0])
def test_a_covariance_is_computed_from_its_marginal(df):
    """Tails and moments of an entry off the diagonal against draws of the whole matrix."""
    scale = np.array([[2.0, 0.9], [0.9, 1.0]])
    entry = Covariance(df, scale)
    draws = st.invwishart.rvs(df, scale, 500, np.random.default_rng(3))[:, 0, 1]
    assert st.kstest(draws, entry.cdf).pvalue > 1e-4
    for q in (1e-6, 0.2, 0.5, 0.999):
        assert entry.cdf(entry.ppf(q)) == pytest.approx(q, rel=1e-8)
        assert entry.sf(entry.isf(q)) == pytest.approx(q, rel=1e-8)


def test_merging_other_dimensions_is_refused():
    with pytest.raises(sb.MergeError, match="2 and 3"):
        NormalInverseWishart([0, 0]).merge(NormalInverseWishart([0, 0, 0]))
    with pytest.raises(sb.PriorError, match="2 feature names"):
        NormalInverseWishart([0, 0], likelihood=MultivariateNormal(features=("x",)))
