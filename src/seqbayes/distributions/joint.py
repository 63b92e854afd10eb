"""Joint distributions of several parameters."""

from __future__ import annotations

from typing import Any

from seqbayes.numerics.elementary import exponential


class Joint:
    """A joint distribution; tails and quantiles are those of each parameter.

    A subclass supplies the marginals, through `_at` and `_quantiles`, and the log joint density.
    """

    def _at(self, method: str, theta: Any) -> Any:
        """Return the results of a method of the marginals, each at its value in `theta`."""
        raise NotImplementedError

    def _quantiles(self, method: str, q: Any, log: bool) -> Any:
        """Return the results of a method of the marginals at a probability."""
        raise NotImplementedError

    def logpdf(self, theta: Any) -> Any:
        """Return the log joint density."""
        raise NotImplementedError

    def pdf(self, theta: Any) -> Any:
        """Return the joint density."""
        return exponential(self.logpdf(theta))

    def cdf(self, theta: Any) -> Any:
        """Return the probability, for each parameter, that it is at most the given value."""
        return self._at("cdf", theta)

    def sf(self, theta: Any) -> Any:
        """Return the probability, for each parameter, that it is above the given value."""
        return self._at("sf", theta)

    def logcdf(self, theta: Any) -> Any:
        """Return the log probability, for each parameter, that it is at most the given value."""
        return self._at("logcdf", theta)

    def logsf(self, theta: Any) -> Any:
        """Return the log probability, for each parameter, that it is above the given value."""
        return self._at("logsf", theta)

    def ppf(self, q: Any, log: bool = False) -> Any:
        """Return the quantile of each parameter."""
        return self._quantiles("ppf", q, log)

    def isf(self, q: Any, log: bool = False) -> Any:
        """Return the upper quantile of each parameter."""
        return self._quantiles("isf", q, log)
