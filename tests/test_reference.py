"""Published and independently computed figures, each with its source.

Expected values come from the sources named, or from mpmath, exact fractions or quadrature here.
"""

import json
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.special as sc

import seqbayes as sb
from oracles import urn
from seqbayes import PriorError

# M&M: "What is the relation between MLE, MAP and EM", Cross Validated 235070.
SUBJECTIVE = {"green": 0.40, "red": 0.25, "yellow": 0.15, "blue": 0.20}
AS_PUBLISHED = {"red": 0.30, "green": 0.20, "blue": 0.25, "yellow": 0.35}
# J. Madison, "M&M's Color Distribution Analysis" (2007): 48 bags, 2620 candies.
MADISON = {"blue": 481, "brown": 371, "green": 483, "orange": 544, "red": 372, "yellow": 369}
MIXES = {
    # name: (blue, brown, green, orange, red, yellow), log Bayes factor against Dirichlet(1, ..., 1)
    "Cleveland": ((0.207, 0.124, 0.198, 0.205, 0.131, 0.135), 6.169),
    "Mars 2008": ((0.24, 0.13, 0.16, 0.20, 0.13, 0.14), -10.938),
    "uniform": ((1 / 6,) * 6, -16.854),
    "Hackettstown": ((0.25, 0.125, 0.125, 0.25, 0.125, 0.125), -60.105),
}


class TestCandies:
    """The M&M story (Cross Validated 235070) and counts of real candies."""

    def test_subjective_prior(self):
        state = sb.Dirichlet.from_proportions(SUBJECTIVE, strength=100)
        assert state.mean == pytest.approx(SUBJECTIVE, rel=1e-14)
        assert state.alpha == pytest.approx({k: 100 * p for k, p in SUBJECTIVE.items()}, rel=1e-14)

    def test_published_proportions_sum_to_110_percent(self):
        for family in (sb.Dirichlet, sb.DirichletProcess):
            with pytest.raises(PriorError, match=r"sum to 1\.10"):
                family.from_proportions(AS_PUBLISHED, strength=100)

    def test_three_candies_one_at_a_time(self):
        """The posterior after one candy is the prior of the next; the end is one batch."""
        nightly = sb.Dirichlet.from_proportions(SUBJECTIVE, strength=20)
        batch = sb.Dirichlet.from_proportions(SUBJECTIVE, strength=20)
        evidence = 0.0
        for candy in ("red", "blue", "red"):
            nightly.learn_one(candy)
            evidence += nightly.log_evidence
            nightly.rollover()
        batch.learn_many(["red", "blue", "red"])
        assert nightly.mean == pytest.approx(batch.mean, rel=1e-14)
        # by the urn: 5/20 * 4/21 * 6/22
        assert math.exp(evidence) == pytest.approx(5 / 20 * 4 / 21 * 6 / 22, rel=1e-13)

    def test_priors_wash_out(self):
        rng = np.random.default_rng(235070)
        stream = rng.choice(list(SUBJECTIVE), 3000, p=list(SUBJECTIVE.values())).tolist()
        one = sb.Dirichlet({"green": 1, "red": 30, "yellow": 1, "blue": 1})
        other = sb.Dirichlet({"green": 30, "red": 1, "yellow": 1, "blue": 1})
        distances = []
        for start in range(0, 3000, 300):
            for state in (one, other):
                state.learn_many(stream[start : start + 300])
            distances.append(sum(abs(one.mean[k] - other.mean[k]) for k in SUBJECTIVE) / 2)
        # two priors worth 33 that differ by 29 in two shares: 29 / (33 + n) for all data
        assert distances == pytest.approx([29 / (33 + n) for n in range(300, 3001, 300)], rel=1e-9)

    def test_map_under_an_exponential_prior(self):
        """Poisson count with prior Exponential(beta): MLE = mean, MAP = sum / (n + beta)."""
        bags = [26, 24, 29, 21, 26, 30]
        state = sb.Gamma(1, 26)
        state.learn_many(bags)
        assert state.posterior == (1 + sum(bags), 26 + len(bags))
        assert state.mle == pytest.approx(sum(bags) / len(bags), rel=1e-15)
        assert state.map == pytest.approx(sum(bags) / (len(bags) + 26), rel=1e-15)

    def test_madison(self):
        state = sb.Dirichlet.flat(MADISON)
        state.learn_many([colour for colour, n in MADISON.items() for _ in range(n)])
        assert state.posterior.alpha.tolist() == [482, 372, 484, 545, 373, 370]
        assert state.log_evidence == pytest.approx(-4677.555657, abs=5e-7)
        exact = mp.log(mp.factorial(5)) + sum(mp.loggamma(n + 1) for n in MADISON.values())
        exact -= mp.loggamma(2620 + 6)
        assert state.log_evidence == pytest.approx(float(exact), rel=1e-13)

    @pytest.mark.parametrize("mix", MIXES)
    def test_madison_against_fixed_mixes(self, mix):
        shares, wanted = MIXES[mix]
        state = sb.Dirichlet.flat(MADISON, likelihood=sb.likelihoods.Multinomial())
        state.learn_one(MADISON)
        ways = state.observe(MADISON).log_base
        fixed = math.fsum(n * math.log(p) for n, p in zip(MADISON.values(), shares, strict=True))
        assert fixed - (state.log_evidence - ways) == pytest.approx(wanted, abs=6e-4)

    def test_red_of_madison(self):
        red = sb.Beta(likelihood=sb.likelihoods.Binomial())
        red.learn_one((372, 2620))
        assert red.posterior == (373, 2249)
        # 2253 = 2620 - 372 + 5: the marginal of Dirichlet(1, ..., 1) on six colours
        marginal = sb.Beta(1, 5, likelihood=sb.likelihoods.Binomial())
        marginal.learn_one((372, 2620))
        assert marginal.posterior == (373, 2253)
        assert marginal.interval() == pytest.approx((0.12895, 0.15564), abs=1e-5)
        inverse = [sc.betaincinv(373, 2253, q) for q in (0.025, 0.975)]
        assert marginal.interval() == pytest.approx(inverse, rel=1e-12)
        six = sb.Dirichlet.flat(MADISON, likelihood=sb.likelihoods.Multinomial())
        six.learn_one(MADISON)
        assert six.interval()["red"] == pytest.approx(marginal.interval(), rel=1e-10)

    def test_two_bags(self):
        """Downey, Think Bayes: a bag of 1994 and one of 1996; a yellow and a green: 20/27.

        The alternative hypothesis is green from 1994.
        """
        bag94 = {"brown": 30, "yellow": 20, "red": 20, "green": 10, "orange": 10, "tan": 10}
        bag96 = {"blue": 24, "green": 20, "orange": 16, "yellow": 14, "red": 13, "brown": 13}
        # a bag of known shares is a Dirichlet of infinite strength
        sure94, sure96 = (
            sb.Dirichlet({k: n * 1e13 for k, n in bag.items()}) for bag in (bag94, bag96)
        )
        logs = [
            sure94.log_predictive("yellow") + sure96.log_predictive("green"),
            sure96.log_predictive("yellow") + sure94.log_predictive("green"),
        ]
        # the prior odds are 1
        assert 1 / (1 + math.exp(logs[1] - logs[0])) == pytest.approx(20 / 27, rel=1e-12)


class TestFrequentismAndBayesianism:
    """J. VanderPlas, "Frequentism and Bayesianism" (2014); bdhammel on MLE and MAP."""

    def test_photons(self):
        """50 fluxes that sum to 49,952, Jeffreys' prior: 999.05 +- 4.47."""
        counts = [999] * 48 + [1000] * 2
        assert sum(counts) == 49952
        flux = sb.Gamma.jeffreys()
        flux.learn_many(counts)
        assert round(flux.mean, 2) == 999.05
        assert round(flux.var**0.5, 2) == 4.47
        assert flux.mean == pytest.approx(49952.5 / 50, rel=1e-15)

    def test_alice_and_bob(self):
        """5 : 3, first to 6: Bob wins with 1/11, not (3/8)**3 = .0527."""
        bob = sb.Beta()
        bob.learn_many([True] * 3 + [False] * 5)
        wins = sb.Beta(*bob.posterior, likelihood=sb.likelihoods.Binomial(trials=3))
        assert wins.predictive.p(3) == pytest.approx(float(Fraction(1, 11)), rel=1e-13)
        assert bob.mle**3 == pytest.approx(0.0527, abs=5e-5)
        chain = math.exp(sum(log_probability_of_win(bob) for _ in range(3)))
        assert chain == pytest.approx(1 / 11, rel=1e-13)

    def test_three_measurements(self):
        """D with sigma = 10 under a flat prior: 95 % [90.299, 112.931]."""
        state = sb.Normal.flat(known_variance=100.0)
        state.learn_many([116.24345364, 93.88243586, 94.71828248])
        assert state.interval() == pytest.approx((90.299, 112.931), abs=5e-4)

    def test_truncated_exponential(self):
        """D = 10, 12, 15: 95 % credible region [9.001423, 10] (Jaynes 1976).

        The location of an exponential with known scale has no conjugate prior here; its posterior,
        density 3 exp(3 theta) below the least observation, equals the posterior of the distance
        below the smallest observation, which is exponential.
        """
        grid = np.linspace(0.0, 10.0, 2_000_001)
        density = np.exp(3.0 * (grid - 10.0))
        mass = np.cumsum(density[::-1])
        low = grid[::-1][np.searchsorted(mass, 0.95 * mass[-1])]
        assert low == pytest.approx(9.001423, abs=2e-5)
        gap = sb.distributions.Gamma(1.0, 3.0)
        nearest, farthest = gap.interval(0.95, "hdi")
        assert nearest == 0.0
        assert 10.0 - farthest == pytest.approx(9.001423, abs=5e-7)

    def test_apple(self):
        """Prior N(85, 40**2), 100 weighings that average 69.62, sigma 10: 69.62961 +- .99969."""
        apple = sb.Normal(85, 40**2, known_variance=10**2)
        apple.learn_one(69.62, 100)
        assert apple.mean == pytest.approx(69.62961, abs=5e-6)
        assert apple.var**0.5 == pytest.approx(0.99969, abs=5e-6)
        worth = Fraction(100, 1600)
        exact = (85 * worth + 100 * Fraction("69.62")) / (100 + worth)
        assert apple.mean == pytest.approx(float(exact), rel=1e-15)

    def test_cookie_cats(self):
        """Day-7 retention: P(gate_30 > gate_40) = .99922, log Bayes factor of two rates -.03."""
        data = {30: (8502, 44700), 40: (8279, 45489)}
        gates = {gate: sb.Beta(likelihood=sb.likelihoods.Binomial()) for gate in data}
        for gate, (kept, players) in data.items():
            gates[gate].learn_one((kept, players))
        low, high = gates[30].interval(1 - 1e-13)
        higher, error = scipy.integrate.quad(
            lambda p: gates[30].pdf(p) * gates[40].cdf(p), low, high, epsabs=1e-12, limit=200
        )
        assert error < 1e-9
        assert higher == pytest.approx(0.99922, abs=5e-6)
        pooled = gates[30] + gates[40]
        factor = gates[30].log_evidence + gates[40].log_evidence - pooled.log_evidence
        assert factor == pytest.approx(-0.03, abs=5e-3)
        exact = sum(mp.log(mp.beta(k + 1, n - k + 1)) for k, n in data.values())
        exact -= mp.log(mp.beta(8502 + 8279 + 1, 44700 + 45489 - 8502 - 8279 + 1))
        assert factor == pytest.approx(float(exact), abs=1e-8)


def log_probability_of_win(bob):
    """Return the log probability that Bob wins the next round, and learn that he does."""
    log_p = bob.log_predictive(True)
    bob.learn_one(True)
    return log_p


class TestKnownBugsOfOtherLibraries:
    """Known errors of other libraries: wrong rules, cancellation, and priors counted twice."""

    def test_exponential_is_not_poisson(self):
        state = sb.Gamma(3, 2, likelihood=sb.likelihoods.Exponential())
        # Lomax with shape 3 and scale 2
        lomax = [3 / 2 * (1 + x / 2) ** -4 for x in (0.1, 1.0, 3.0)]
        densities = [state.predictive.pdf(x) for x in (0.1, 1.0, 3.0)]
        assert densities == pytest.approx([1.234, 0.2963, 0.0384], abs=5e-4)
        assert densities == pytest.approx(lomax, rel=1e-13)
        state.learn_many([0.5, 1, 2])
        assert state.posterior == (6.0, 5.5)
        assert round(state.mean, 4) == 1.0909

    def test_geometric_sums_to_one(self):
        predictive = sb.Beta(2, 3, likelihood=sb.likelihoods.Geometric()).predictive
        pmf = [predictive.pmf(x) for x in (1, 2, 3)]
        assert pmf == pytest.approx([0.4, 0.2, 0.114286], abs=5e-7)
        exact = [Fraction(2, 5), Fraction(1, 5), Fraction(4, 35)]
        assert pmf == pytest.approx([float(p) for p in exact], rel=1e-13)
        assert sum(predictive.pmf(np.arange(1, 1000))) + predictive.sf(999) == pytest.approx(1)
        assert predictive.pmf(0) == 0.0

    def test_exposure_scales_only_the_rate(self):
        alpha, beta = 2.5, 1.5
        state = sb.Gamma(alpha, beta, likelihood=sb.likelihoods.Poisson(exposure=3))
        for x in range(8):
            wanted = mp.quad(
                lambda t, x=x: (
                    (3 * t) ** x
                    * mp.exp(-3 * t)
                    / mp.factorial(x)
                    * mp.mpf(beta) ** alpha
                    * t ** (alpha - 1)
                    * mp.exp(-beta * t)
                    / mp.gamma(alpha)
                ),
                [0, 1, 4, mp.inf],
            )
            assert state.predictive.pmf(x) == pytest.approx(float(wanted), rel=1e-10)
        state.learn_one(7)
        assert state.posterior == (9.5, 4.5)

    def test_variance_of_large_numbers(self):
        """Mean 1e9, variance 1e-3, n = 1000: the posterior scale is exact to 1e-9."""
        rng = np.random.default_rng(1)
        xs = (1e9 + rng.normal(0.0, 1e-3**0.5, 1000)).tolist()
        exact = [Fraction(x) for x in xs]
        mean = sum(exact) / 1000
        squares = sum((x - mean) ** 2 for x in exact)
        for learn in (one_by_one, sb.NormalInverseGamma.learn_many):
            state = sb.NormalInverseGamma(1e9, 1e-3, 2.0, 1e-3)
            learn(state, xs)
            kappa = Fraction(1e-3)
            beta = Fraction(1e-3) + squares / 2
            beta += kappa * 1000 / (kappa + 1000) * (mean - 10**9) ** 2 / 2
            assert state.posterior.beta == pytest.approx(float(beta), rel=1e-9)
            assert state.mle.variance == pytest.approx(float(squares / 1000), rel=1e-9)
            assert state.posterior.beta > 0.0

    def test_predictive_at_counts_of_1e15(self):
        state = sb.Beta(3e15, 1e15)
        assert state.predictive.p(True) == 0.75
        assert math.exp(state.log_predictive(True)) == pytest.approx(0.75, rel=1e-15)
        assert state.predict_proba_one() == {True: 0.75, False: 0.25}
        extreme = sb.Beta(1e15, 1.0)
        assert extreme.log_predictive(False) == pytest.approx(math.log(1 / (1e15 + 1)), rel=1e-15)

    def test_density_at_counts_of_1e8(self):
        n = 10**8
        with mp.workdps(40):
            exact = float(2 * (n - 1) * mp.log(mp.mpf(1) / 2) - mp.log(mp.beta(n, n)))
        assert sb.Beta(n, n).logpdf(0.5) == pytest.approx(exact, rel=1e-9)
        assert sb.Beta(n, n).pdf(0.5) == pytest.approx(math.exp(exact), rel=1e-8)

    def test_a_density_with_two_peaks_has_no_mode(self):
        assert sb.Beta.jeffreys().map is None
        assert sb.Beta.jeffreys().mode is None
        assert sb.Dirichlet.jeffreys(["a", "b"]).map is None

    def test_merging_counts_the_prior_once(self):
        one, other = sb.Beta(2, 3), sb.Beta(2, 3)
        one.learn_many([True, True])
        other.learn_many([False])
        assert (one + other).posterior == (4.0, 4.0)
        assert sum([other], one).posterior == (4.0, 4.0)

    def test_dirichlet_process_by_the_urn(self):
        """The evidence is Blackwell and MacQueen's urn, 1973; exact fractions."""
        labels = "abacabadabacaba"
        state = sb.DirichletProcess(concentration=0.75)
        state.learn_many(labels)
        exact = urn({"concentration": 0.75}, labels)
        assert state.log_evidence == pytest.approx(
            math.log(exact.numerator) - math.log(exact.denominator), rel=1e-13
        )
        assert state.unseen == pytest.approx(0.75 / 15.75, rel=1e-15)
        assert state.predict_proba_one() == pytest.approx(
            {"a": 8 / 15.75, "b": 4 / 15.75, "c": 2 / 15.75, "d": 1 / 15.75}, rel=1e-15
        )

    def test_hypergeometric_draws_leave_a_beta_binomial(self):
        """Of 20, 5 drawn and 2 of them marked: 8 marked under BetaBinomial(20, 2, 3).

        The other 15 are the next ones of an exchangeable sequence: BetaBinomial(15, 4, 6).
        Oracle: the hypergeometric likelihood over every number of marked ones, in fractions.
        """
        for (alpha, beta), wanted in {(2, 3): 8.0, (1, 1): 8.428571}.items():
            drawn = sb.Beta(alpha, beta, likelihood=sb.likelihoods.Binomial(trials=5))
            drawn.learn_one(2)
            left = sb.Beta(
                *drawn.posterior, likelihood=sb.likelihoods.Binomial(trials=15)
            ).predictive
            assert 2 + left.mean == pytest.approx(wanted, abs=5e-7)
            before = sb.Beta(alpha, beta, likelihood=sb.likelihoods.Binomial(trials=20)).predictive
            prior = [
                math.comb(20, k)
                * Fraction(math.factorial(alpha + k - 1) * math.factorial(beta + 19 - k))
                for k in range(21)
            ]
            assert [before.pmf(k) for k in range(21)] == pytest.approx(
                [float(p / sum(prior)) for p in prior], rel=1e-12
            )
            marked = [p * math.comb(k, 2) * math.comb(20 - k, 3) for k, p in enumerate(prior)]
            exact = [float(p / sum(marked)) for p in marked]
            assert [left.pmf(k - 2) for k in range(2, 18)] == pytest.approx(exact[2:18], rel=1e-12)

    def test_a_probability_near_one_is_not_shown_as_certain(self):
        """P(B > A) at 1 - 1.1e-8 is distinguished from 1 by its complement."""
        a, b = sb.Beta(100, 900), sb.Beta(200, 800)
        low, high = 0.0, 1.0
        rest, _ = scipy.integrate.quad(
            lambda p: b.pdf(p) * a.sf(p), low, high, points=[0.1, 0.15, 0.2], epsabs=0, limit=500
        )
        # P(B < A) for whole parameters: a finite sum of positive terms
        exact = mp.fsum(
            mp.beta(200 + i, 1700) / ((900 + i) * mp.beta(1 + i, 900) * mp.beta(200, 800))
            for i in range(100)
        )
        assert 0.0 < rest < 1e-8
        assert rest == pytest.approx(float(exact), rel=1e-7)

    def test_normal_intervals_of_jeffreys_are_students(self):
        """Under Jeffreys' prior the interval of the mean is Student's (Gelman et al., 3.2)."""
        xs = [9.8, 10.4, 10.1, 9.9, 10.6]
        state = sb.NormalInverseGamma.jeffreys()
        state.learn_many(xs)
        mean, sd = np.mean(xs), np.std(xs, ddof=1)
        half = sc.stdtrit(4, 0.975) * sd / 5**0.5
        assert state.interval().mean == pytest.approx((mean - half, mean + half), rel=1e-12)


def one_by_one(state, xs):
    for x in xs:
        state.learn_one(x)


def test_documents_of_this_version_are_read():
    """A document as written by version 1 of the form; later versions must still read it."""
    document = json.loads(
        '{"seqbayes": 1, "family": "Gamma", "prior": {"shape": 1.0, "rate": 26.0},'
        ' "likelihood": ["Poisson", {"pairs": [["exposure", 1.0]]}],'
        ' "statistics": [3.0, 0.0, 78.0, 0.0, 3.0, 0.0, -183.77, 0.0], "seed": null}'
    )
    state = sb.State.from_dict(document)
    assert isinstance(state, sb.Gamma)
    assert state.posterior == (79.0, 29.0)
    assert state.n_samples == 3.0


def test_a_nearly_impossible_failure() -> None:
    """The exact share beta / (alpha + beta), not 1 minus the share of alpha."""
    belief = sb.Beta(1e15, 1)
    assert belief.predictive.p(0) == pytest.approx(1 / (1e15 + 1), rel=1e-15)
    assert belief.predict_proba_one()[False] == belief.predictive.p(0)
