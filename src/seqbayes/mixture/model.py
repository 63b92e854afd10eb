"""A mixture over any conjugate states, learned by EM: from data at hand, or one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from seqbayes import serialization
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture import document, fitting, merging
from seqbayes.mixture.answers import Answers
from seqbayes.mixture.buffering import Buffer, check_proper
from seqbayes.mixture.rows import HEAVIEST, as_weight
from seqbayes.mixture.settings import check_buffer, check_settings, name_components
from seqbayes.mixture.trace import Trace
from seqbayes.mixture.working import Working
from seqbayes.state import State
from seqbayes.statistics import arrays, read_weight


class Mixture(Answers):
    """Observations made by one of several components, nobody says which.

    The E-step gives every component its responsibility for an observation; the M-step is the
    components' own weighted learning, and their priors make it MAP-EM. `fit` goes over data at hand
    again and again; `learn_one` sees every observation of a stream once: a stochastic approximation
    of the statistics that EM expects.

    Parameters
    ----------
    components
        The components' priors, states of any families over the same observations: a sequence, or a
        mapping from name to state. They are cloned, never changed. Or a number: so many Normal
        components over numbers, vectors or mappings of numbers, with vague priors of the scale of
        the first observations.
    weights
        Shares of the components: a sequence that sums to 1 is held fixed; a `Dirichlet` over the
        names is a prior from which they are learned. By default a flat one.
    start
        Parameter of every component to begin with; by default they come from the data.
    seed
        Seed of the start from the data.
    covariance
        Shape of Normal components' covariances: "full", "diagonal", "spherical" or "tied" (full,
        and common to all).
    step
        How far statistics move toward observation n: a callable of n; by default ``Power(0.6)``. A
        number is a step that stays, for streams that drift, as does `HalfLife`.
    average
        Whether the average of the statistics' path is served (Polyak and Ruppert); by default where
        the step does not stay.
    buffer
        How many observations a start from the data is made from, and kept until then; by default
        400 per component.
    burn_in
        Observations before the first M-step where `start` is given; by default ten per component.

    Attributes
    ----------
    names : tuple
        The components' names: identity survives learning. `ranking` orders them for display.

    Raises
    ------
    PriorError
        If there are no components, or the other parameters do not fit them.

    Notes
    -----
    A feature that is absent from a mapping was not seen: it is marginalised out, and what it would
    have been is expected from the others. Nothing is refused half: an observation that a component
    cannot have made changes nothing.

    References
    ----------
    .. [1] Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
       data via the EM algorithm.
    .. [2] Do, C. B. and Batzoglou, S. (2008). What is the expectation maximization algorithm?
       Nature Biotechnology 26, 897-899.
    .. [3] Cappé, O. and Moulines, E. (2009). On-line expectation-maximization algorithm for latent
       data models. Journal of the Royal Statistical Society B 71, 593-613.
    .. [4] Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by
       averaging. SIAM Journal on Control and Optimization 30, 838-855.

    Examples
    --------
    Five sets of ten tosses, each with one of two coins, and nobody noted which:

    >>> from seqbayes import Beta
    >>> from seqbayes.likelihoods import Binomial
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

    A stream, one observation at a time:

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> waits = Mixture(2, seed=1)
    >>> for short in rng.random(5000) < 0.3:
    ...     waits.learn_one({"wait": rng.normal(54, 6) if short else rng.normal(80, 6)})
    >>> [f"{waits.weights[k]:.1f}: {waits.parameters[k].mean[0]:.0f}" for k in waits.ranking]
    ['0.7: 80', '0.3: 54']
    """

    def __init__(
        self,
        components: int | Mapping[Any, State] | Sequence[State],
        weights: Sequence[float] | Dirichlet | None = None,
        start: Sequence[Any] | None = None,
        seed: int | None = None,
        *,
        covariance: str = "full",
        step: float | Callable[[float], float] | None = None,
        average: bool | None = None,
        buffer: int | None = None,
        burn_in: int | None = None,
    ) -> None:
        named = name_components(components)
        self._names = tuple(named)
        priors = None if isinstance(components, int) else tuple(s.clone() for s in named.values())
        self._given: dict[str, Any] = {
            "components": components if priors is None else dict(zip(named, priors, strict=True)),
            "weights": weights,
            "start": None if start is None else tuple(start),
            "seed": seed,
            "covariance": covariance,
            "step": step,
            "average": average,
            "buffer": buffer,
            "burn_in": burn_in,
        }
        self.start, self.seed, self.covariance = self._given["start"], seed, covariance
        self.step, self.average, self.buffer, self.burn_in = step, average, buffer, burn_in
        if start is not None and len(start) != len(named):
            raise PriorError(f"expected {len(named)} parameters to start from, got {start!r}")
        if start is not None and priors is None:
            raise PriorError("a start needs the components' priors: give states, not their number")
        self._settings = check_settings(self._given, self.names)
        self._working: Working | None = None
        self._improper = not all(s.is_proper(s.prior) for s in priors or ())
        size = check_buffer(buffer, len(self.names))
        self._buffer = Buffer(self.names, priors, self._settings, seed, size)
        if start is not None:
            self._begin()

    def _begin(self) -> None:
        """Begin from the start that was given."""
        self._working = self._buffer.working()
        self._working.begin(self._given["start"])

    # Learning.

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Absorb one observation.

        Parameters
        ----------
        x
            The observation, as the components' states take it; or a mapping of features, from
            which those that were not seen are absent.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If a component cannot have made `x`, or `w` is no weight. The mixture is then unchanged.
        PriorError
            If a component's prior is improper: online EM needs proper ones.
        """
        if self._working is None:
            self._fill(x, w)
        else:
            if self._improper:
                check_proper(self._working.priors)
            self._working.engine.learn(x, w)

    def _fill(self, x: Any, w: Any) -> None:
        """Keep an observation; begin when enough are kept."""
        self._buffer.add(x, as_weight(w))
        if self._buffer.is_full:
            self._working = self._buffer.begin()

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Absorb many observations in their order, as one by one; none if one is refused.

        Parameters
        ----------
        xs
            Observations: an array (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is refused; it names the first one.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs), HEAVIEST)
        weights = np.ones(len(xs)) if weights is None else weights
        first = 0
        if self._working is None:
            self._buffer.check(xs)
            while first < len(xs) and self._working is None:
                x = xs[first]
                self._fill(x.tolist() if isinstance(x, np.ndarray) else x, weights[first])
                first += 1
        if first < len(xs):
            assert self._working is not None
            check_proper(self._working.priors)
            self._working.engine.take_all(self._working.rows(xs[first:]), weights[first:])

    def fit(self, data: Iterable[Any], iterations: int = 1000, tol: float = 1e-9) -> Trace:
        """Learn from data at hand by EM, from the start anew.

        Parameters
        ----------
        data
            Observations, all of which every component can have made.
        iterations
            The most M-steps to take.
        tol
            Stop when the log posterior changes by less than this per observation. With 0 all
            iterations are taken. It never falls but where a component's posterior has no mode in
            its inside, as with Beta(½, ½): the mean stands in for it then.

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
        data = arrays.items(data)
        if len(data) == 0:
            raise ObservationError("expected observations, got none")
        working = self._buffer.working(data)
        start, seed = self._given["start"], self._given["seed"]
        table = working.rows(data)
        trace = fitting.fit(working, self.names, table, start, seed, iterations, tol)
        working.engine.settled(working.engine.n)
        self._working = working
        self._buffer.clear()
        return trace

    def merge(self, other: Self) -> None:
        """Absorb what another mixture has learned; the common priors count once.

        Components are matched so that the evidence for their having learned the same is greatest,
        and keep this mixture's names. Statistics are added; what one of them has still in its
        buffer is learned.

        Raises
        ------
        MergeError
            If the other mixture has other priors or settings, or has learned from observations of
            another kind.
        """
        self._check_like(other)
        self._check_same_kind(other)
        if other._working is None:
            for x, w in other._buffer:
                self.learn_one(x, w)
        elif self._working is None:
            kept = list(self._buffer)
            self._take(other.to_dict()["learned"], other._working.priors)
            for x, w in kept:
                self.learn_one(x, w)
        else:
            merging.merge(self._working, other._working)

    def _check_same_kind(self, other: Self) -> None:
        """Refuse to merge what has learned from other observations.

        Raises
        ------
        MergeError
            If it has.
        """
        mine, theirs = self._working, other._working
        if mine is not None and theirs is not None:
            if not merging.read_alike(mine, theirs):
                raise MergeError("they have learned from observations of different features")
            return
        judge, buffer = (other, self._buffer) if mine is None else (self, other._buffer)
        try:
            judge._check_many([x for x, _ in buffer])
        except ObservationError as error:
            raise MergeError(f"they have learned from different observations: {error}") from None

    # Copies and durable forms.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"components": 2}

    def _is_like(self, other: Self) -> bool:
        return merging.alike(self, other)

    def _learned(self) -> dict[str, Any]:
        if self._working is None:
            return {"buffer": [[serialization.encode(x), w] for x, w in self._buffer]}
        return {"learned": self._working_document()}

    def _working_document(self) -> dict[str, Any]:
        assert self._working is not None
        priors = None
        if self._buffer.priors is None:
            priors = [state.to_dict() for state in self._working.priors]
        return {"priors": priors, **document.learned(self._working)}

    def _restore(self, seen: Mapping[str, Any]) -> None:
        if "learned" in seen:
            described = seen["learned"].get("priors")
            priors = self._buffer.priors
            if described is not None:
                priors = tuple(State.from_dict(each) for each in described)
            self._take(seen["learned"], priors)
            return
        for x, w in seen["buffer"]:
            self._fill(serialization.decode(x), read_weight(w))

    def _take(self, learned: Mapping[str, Any], priors: Sequence[State] | None) -> None:
        if priors is None or len(priors) != len(self.names):
            raise PriorError("the document names no priors of the components")
        working = Working(priors, self._settings, lenient=self._buffer.priors is None)
        document.restore(working, learned)
        self._working = working
        self._buffer.clear()
