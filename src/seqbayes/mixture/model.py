"""A mixture over any conjugate states, learned by EM."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seqbayes.elicit import check_proportions
from seqbayes.errors import ObservationError, PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture.items import Items, itemise
from seqbayes.mixture.seeding import seed_assignment
from seqbayes.mixture.trace import Iteration, Trace
from seqbayes.state import State

Array = npt.NDArray[np.float64]


class Mixture:
    """Observations made by one of several components, nobody says which.

    The E-step gives every component its responsibility for every observation; the M-step is the
    components' own weighted learning, and their priors make it MAP-EM.

    Parameters
    ----------
    components
        The components' priors, states of any families over the same observations: a sequence, or a
        mapping from name to state. They are cloned, never changed.
    weights
        Shares of the components: a sequence that sums to 1 is held fixed; a `Dirichlet` over the
        names is a prior from which they are learned. By default a flat one.
    start
        Parameter of every component to begin with; by default they come from the data.
    seed
        Seed of the start from the data.

    Raises
    ------
    PriorError
        If there are fewer than two components, or the weights or the start do not fit them.

    References
    ----------
    .. [1] Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
       data via the EM algorithm.
    .. [2] Do, C. B. and Batzoglou, S. (2008). What is the expectation maximization algorithm?
       Nature Biotechnology 26, 897-899.

    Examples
    --------
    Five sets of ten tosses, each with one of two coins, and nobody noted which:

    >>> from seqbayes import Beta, Binomial
    >>> from seqbayes.mixture import Mixture
    >>> coin = Beta(likelihood=Binomial(trials=10))
    >>> coins = Mixture({"A": coin, "B": coin}, weights=(0.5, 0.5), start=(0.6, 0.5))
    >>> trace = coins.fit([5, 9, 8, 4, 7], iterations=10, tol=0)
    >>> [round(theta, 2) for theta in trace[1].parameters]
    [0.71, 0.58]
    >>> [round(theta, 2) for theta in coins.parameters]
    [0.8, 0.52]
    >>> coins.predict_one(9)
    'A'
    """

    def __init__(
        self,
        components: Mapping[Any, State] | Sequence[State],
        weights: Sequence[float] | Dirichlet | None = None,
        start: Sequence[Any] | None = None,
        seed: int | None = None,
    ) -> None:
        named = components if isinstance(components, Mapping) else dict(enumerate(components))
        if len(named) < 2 or not all(isinstance(state, State) for state in named.values()):
            raise PriorError(f"expected at least two states, got {components!r}")
        self.names = tuple(named)
        self.components: tuple[State, ...] = tuple(state.clone() for state in named.values())
        self.seed = seed
        self._weight_prior, self.weights = self._check_weights(weights)
        if start is not None and len(start) != len(named):
            raise PriorError(f"expected {len(named)} parameters to start from, got {start!r}")
        self.start = None if start is None else tuple(start)
        self.parameters: tuple[Any, ...] | None = self.start

    def _check_weights(
        self, weights: Sequence[float] | Dirichlet | None
    ) -> tuple[Dirichlet | None, tuple[float, ...]]:
        """Return the prior of learned weights, None of fixed ones, and the weights at first."""
        equal = (1.0 / len(self.names),) * len(self.names)
        if weights is None:
            return Dirichlet.flat(self.names), equal
        if isinstance(weights, Dirichlet):
            if weights.categories != self.names:
                raise PriorError(
                    f"expected weights of {self.names}, got a Dirichlet over {weights.categories}"
                )
            return weights.clone(), equal
        if len(weights) != len(self.names):
            raise PriorError(f"expected {len(self.names)} weights, got {weights!r}")
        shares = check_proportions(dict(zip(self.names, weights, strict=True)))
        return None, tuple(shares.values())

    def fit(self, data: Iterable[Any], iterations: int = 1000, tol: float = 1e-9) -> Trace:
        """Learn from data at hand by EM, from the start anew.

        Parameters
        ----------
        data
            Observations, all of which every component can have made.
        iterations
            The most M-steps to take.
        tol
            Stop when the log posterior gains less than this per observation. With 0 all
            iterations are taken.

        Returns
        -------
        Trace
            Responsibilities, expected counts, parameters and log likelihood of every iteration.

        Raises
        ------
        ObservationError
            If there are no observations, or one is outside a component's support.
        PriorError
            If a component collapses onto a point, which a proper prior prevents.
        """
        data = list(data)
        if not data:
            raise ObservationError("expected observations, got none")
        items = [itemise(component, data) for component in self.components]
        if self.start is None:
            vectors = items[0].vectors
            rng = np.random.default_rng(self.seed)
            self._maximise(data, seed_assignment(vectors, len(self.names), rng))
        else:
            self.parameters = self.start
        steps = [self._expect(items)]
        converged = False
        while len(steps) <= iterations and not converged:
            self._maximise(data, steps[-1].responsibilities)
            steps.append(self._expect(items))
            gain = steps[-1].log_posterior - steps[-2].log_posterior
            converged = tol > 0.0 and gain < tol * len(data)
        return Trace(self.names, tuple(steps), converged)

    def _expect(self, items: Sequence[Items]) -> Iteration:
        """Take the E-step under the present parameters."""
        assert self.parameters is not None
        columns = [
            math.log(weight) + component.log_likelihood(theta, item.statistic) + item.log_base
            if weight > 0.0
            else np.full(len(item.log_base), -math.inf)
            for weight, component, theta, item in zip(
                self.weights, self.components, self._natural(), items, strict=True
            )
        ]
        responsibilities, log_sums = normalise(np.stack(columns, axis=1))
        counts = tuple(
            type(item.statistic)(*(r @ part for part in item.statistic))
            if isinstance(item.statistic, tuple)
            else r @ item.statistic
            for r, item in zip(responsibilities.T, items, strict=True)
        )
        return Iteration(
            self.parameters,
            self.weights,
            responsibilities,
            counts,
            math.fsum(log_sums),
            self._log_prior(),
        )

    def _natural(self) -> list[Any]:
        assert self.parameters is not None
        return [
            component.observation_parameter(theta)
            for component, theta in zip(self.components, self.parameters, strict=True)
        ]

    def _log_prior(self) -> float:
        assert self.parameters is not None
        total = 0.0
        for component, theta in zip(self.components, self.parameters, strict=True):
            if component.is_proper(component.prior):
                total += component.belief(component.prior).logpdf(theta)
        if self._weight_prior is not None:
            prior = self._weight_prior.belief(self._weight_prior.prior)
            total += prior.logpdf(np.array(self.weights))
        return total

    def _maximise(self, data: Sequence[Any], responsibilities: Array) -> None:
        """Take the M-step: every component learns the data, weighted by its responsibilities."""
        fresh = []
        for component, r in zip(self.components, responsibilities.T, strict=True):
            learner = component.clone()
            learner.learn_many(data, r)
            fresh.append(learner)
        parameters = tuple(
            _point(learner, name) for learner, name in zip(fresh, self.names, strict=True)
        )
        if self._weight_prior is not None:
            shares = self._weight_prior.clone()
            shares.learn_many(list(self.names), responsibilities.sum(axis=0))
            self.weights = tuple((shares.map or shares.mean).values())
        self.components = tuple(fresh)
        self.parameters = parameters

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability of every component to have made the observation.

        Raises
        ------
        PriorError
            If nothing was learned and no start was given.
        ObservationError
            If `x` is outside a component's support.
        """
        if self.parameters is None:
            raise PriorError("the mixture has learned nothing: fit it, or give it a start")
        items = [itemise(component, [x]) for component in self.components]
        shares = self._expect(items).responsibilities[0]
        return dict(zip(self.names, shares.tolist(), strict=True))

    def predict_one(self, x: Any) -> Any:
        """Return the component that most probably made the observation."""
        shares = self.predict_proba_one(x)
        return max(shares, key=shares.__getitem__)

    def clone(self) -> Self:
        """Return a new mixture with the same priors and start, and nothing learned."""
        weights: Any = self.weights if self._weight_prior is None else self._weight_prior
        named = dict(zip(self.names, self.components, strict=True))
        return type(self)(named, weights, self.start, self.seed)

    def __str__(self) -> str:
        parts = (
            f"{weight:.3f} {name}: {component}"
            for weight, name, component in zip(
                self.weights, self.names, self.components, strict=True
            )
        )
        return "\n".join(parts)


def normalise(logs: Array) -> tuple[Array, Array]:
    """Return rows of log weights as probabilities, and the log of each row's sum."""
    top = logs.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(logs - top)
    sums = shares.sum(axis=1, keepdims=True)
    return shares / sums, (top + np.log(sums))[:, 0]


def _point(learner: State, name: Any) -> Any:
    """Return the component's parameter: its posterior mode, or the mean where there is none."""
    estimate = learner.map
    if estimate is None:
        estimate = learner.mean
    if estimate is None:
        raise PriorError(
            f"component {name!r} collapsed: {learner} has neither mode nor mean;"
            " a proper prior keeps it from that"
        )
    return estimate
