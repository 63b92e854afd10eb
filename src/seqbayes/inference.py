"""Predictions of observations, and terms of Bayes' rule, from the posterior of a state."""

from __future__ import annotations

from typing import Any, Self

from seqbayes.distributions import Distribution
from seqbayes.estimates import Estimates
from seqbayes.explanation import Explanation, check_value, default_value
from seqbayes.typevars import E, H, I, X


class Inference(Estimates[H, E, I, X]):
    """Estimates and predictions that follow from the formulas of a family."""

    @property
    def predictive(self) -> Distribution:
        """The distribution of the next observation."""
        return self.likelihood.predictive(self.proper_posterior())

    def predict_one(self, x: Any = None) -> X | None:
        """Predict the next observation: the most probable label, or the mean if it is a number.

        Before any data, the prediction comes from the prior. It is None if the mean does not exist,
        for example while the posterior is improper. `x` is part of River's interface and is
        ignored.
        """
        if not self.is_proper(self.posterior):
            return None
        predicted: X | None
        if self.likelihood.labelled:
            probabilities = self.predict_proba_one()
            predicted = max(probabilities, key=probabilities.__getitem__, default=None)
        else:
            predicted = self.predictive.mean
        return predicted

    def predict_proba_one(self, x: Any = None) -> dict[Any, float]:
        """Return the predictive probability of every label.

        Raises
        ------
        NotImplementedError
            If the observations are not labels.
        """
        return self.likelihood.labels(self.proper_posterior())

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), the log predictive density.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        """
        one = self.observe(x)
        return self.log_probability(self.proper_posterior(), one)

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood of the data; None under an improper prior."""
        prior = self.prior
        return self.log_probability(prior, self.statistics) if self.is_proper(prior) else None

    def explain(self, x: Any, at: E | None = None, log: bool = False) -> Explanation[H, E]:
        """Return the terms of Bayes' rule for one observation, without learning it.

        Parameters
        ----------
        x
            The observation.
        at
            The parameter value at which the densities are evaluated; by default the mean after `x`,
            or the mode if that mean is not finite.
        log
            Whether to return logarithms, which do not underflow.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        PriorError
            If `at` is outside the range of the parameter, or the posterior is improper.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> step = Beta(2, 2).explain(True)
        >>> print(step)
        prior 1.44 × likelihood 0.6 ÷ evidence 0.5 = posterior 1.728
        """
        one = self.observe(x)
        before = self.proper_posterior()
        after = self.combine(before, one.value)
        if at is None:
            at = default_value(self.belief(after))
        else:
            check_value(self.belief(before), at)
        parameter = self.observation_parameter(at)
        step = Explanation(
            x,
            at,
            prior=self.belief(before).logpdf(at),
            likelihood=float(self.log_likelihood(parameter, one.value) + one.log_base),
            evidence=self.log_probability(before, one),
            posterior=self.belief(after).logpdf(at),
            before=before,
            after=after,
            log=True,
        )
        return step if log else step.exponentiated()

    @property
    def expected(self) -> Distribution | None:
        """The distribution of the expected value of an observation, a function of the parameter.

        The value is None while the posterior is improper, if the expected value is infinite, or if
        its distribution is not available under the likelihood.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> from seqbayes.likelihoods import Exponential
        >>> Gamma(3, 20, likelihood=Exponential()).expected
        InverseGamma(shape=3.0, scale=20.0)
        """
        posterior: Any = self.posterior
        if not self.is_proper(posterior):
            return None
        found: Distribution | None = self.likelihood.expectation(posterior)
        return found

    def reason_against(self, p: float | None) -> str:
        """Return why the mean (None) or the p-quantile of observations is not available."""
        posterior: Any = self.posterior
        return str(self.likelihood.reason_against(posterior, p))

    def surprise(self, *arguments: Any) -> float:
        """Return the negative log predictive probability of an observation."""
        return -float(self.log_predictive(arguments[0]))

    # River's duck types.

    @property
    def name(self) -> str:
        """The name of the state as an aggregate, for River's feature extraction."""
        return type(self).__name__.lower()

    def get(self) -> Any:
        """Return the expected next observation, the state's value as a River statistic.

        The result is None if no expected value exists. For labels, the result contains the mean
        shares.
        """
        posterior = self.posterior
        return self.likelihood.predictive(posterior).mean if self.is_proper(posterior) else None

    def __call__(self, theta: Any) -> Any:
        """Return the posterior density at `theta`."""
        return self.pdf(theta)

    def __gt__(self, other: Self) -> bool:
        """Whether the posterior mean is higher; River ranks bandit arms with this comparison."""
        if not isinstance(other, Inference):
            return NotImplemented
        mine: Any = self.mean
        theirs: Any = other.mean
        return mine is not None and (theirs is None or bool(mine > theirs))
