"""A mixture of conjugate states, learned by EM from given data or from a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from seqbayes import serialization
from seqbayes.checks import check_count
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture.buffer import Buffer
from seqbayes.mixture.components.default_prior import (
    dump_default_prior,
    load_default_prior,
)
from seqbayes.mixture.em import split_merge
from seqbayes.mixture.em.documents import finite
from seqbayes.mixture.em.loop import EMModel, Trace
from seqbayes.mixture.em.settings import (
    BUFFER,
    check_buffer,
    check_combination,
    check_settings,
    name_components,
)
from seqbayes.mixture.em.start import seed_best
from seqbayes.mixture.streaming import REFIT_AFTER, StreamingMixture
from seqbayes.model import TableForm
from seqbayes.state import State
from seqbayes.statistics import arrays, read_weight

N_INIT = 30
"""Number of random starts equivalent to the default search of `Mixture.fit`."""


class Mixture(StreamingMixture):
    """A mixture model: each observation comes from one of several components.

    The E-step computes the responsibility of every component for an observation; in the M-step, the
    components learn with these weights. The components' priors make this MAP-EM. `fit` iterates
    over given data; `learn_one` uses every observation of a stream once, by stochastic
    approximation of the expected statistics.

    Parameters
    ----------
    components
        The components' priors: states of any families with the same observations, as a sequence or
        a mapping from name to state. They are cloned, never changed. Alternatively, the number of
        components, for numbers, vectors or mappings. In this case, priors are vague and at the
        scale of the first observations. Components are Normal, or, if a feature has text values,
        products of a normal distribution for every number and category shares for every other
        feature.
    weights
        Weights of the components: a sequence that sums to 1 for fixed weights, or a `Dirichlet`
        over the names as the prior on learned weights. The default is a flat Dirichlet prior.
    start
        Initial parameter of every component; by default, it is derived from the data.
    seed
        Seed for the start from the data.
    covariance
        Shape of the covariances of Normal components: "full", "diagonal" (or "diag"), "spherical"
        or "tied" (full, and common to all).
    step
        Step size of online EM, a function of the number of observations; by default ``Power(0.6)``.
        A number is a constant step size, for streams with drift, like `HalfLife`.
    average
        Whether predictions use the average of the statistics over time (Polyak and Ruppert); by
        default true unless the step size is constant.
    buffer
        Number of observations to collect for a start from the data; by default 400 per component.
    burn_in
        Number of observations before the first M-step if `start` is given; by default ten per
        component.
    background
        Whether to add a background density for observations that fit no component, such as
        measurement errors. The background is not a component, and has the label "background" in
        predictions.
    df
        Degrees of freedom, > 0, of components with Student's t distribution, for clusters with
        heavy tails; or "learned" if each component learns its degrees of freedom. By default,
        components are Normal.

    Attributes
    ----------
    names : tuple
        The components' names; learning does not change them. `ranking` orders them for display.
    is_ordered : bool
        Whether the stream was found to be sorted or in blocks, in which case a warning is issued.

    Raises
    ------
    PriorError
        If there are no components, or another parameter is invalid.

    Notes
    -----
    A feature that is absent from a mapping is a missing value, as are None in a sequence and NaN in
    an array. Missing values are marginalised out in the E-step, and replaced by their expectations
    in the M-step. An observation outside the support of a component changes nothing.

    Several threads may learn at the same time.

    The background is a multivariate Cauchy density at the mean of the data without outliers. The
    scale of every feature is three standard deviations of the data without outliers. After the
    start, only its weight changes. If z is the vector of distances from the mean in units of these
    scales, the density of d features decreases as ``(1 + |z|**2) ** (-(d + 1) / 2)``. Observations
    that it explains do not influence the components.

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
    Five sets of ten tosses, each made with one of two coins; which one was not recorded:

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

    table_form = TableForm(("components", "weights", "seed", "df"), states=("components",))

    @classmethod
    def table_errors(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the errors of a table; see `Model.table_errors`."""
        if values.get("weights") is not None and values.get("components"):
            try:
                cls(len(values["components"]), values["weights"])
            except (TypeError, ValueError) as error:
                yield "weights", str(error)
        if values.get("df") is not None:
            try:
                cls(1, df=values["df"])
            except (TypeError, ValueError) as error:
                yield "df", str(error)

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Self:
        """Return the mixture that a table of components describes; see `Model.from_table`."""
        weights, seed, df = (values.get(name) for name in ("weights", "seed", "df"))
        return cls(values.get("components", {}), weights, seed=seed, df=df)

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
        background: bool = False,
        df: float | str | None = None,
    ) -> None:
        named = name_components(components)
        self._names = tuple(named)
        priors = tuple(s.clone() for s in named.values() if s is not None) or None
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
            "background": background,
            "df": df,
        }
        self.start, self.seed, self.covariance = self._given["start"], seed, covariance
        self.step, self.average, self.buffer, self.burn_in = step, average, buffer, burn_in
        self.background, self.df = background, df
        self._settings = check_settings(self._given, self.names)._replace(robust=start is None)
        check_combination(start, len(named), priors, background, df)
        self.likelihood = None if priors is None else priors[0].likelihood
        size = check_buffer(buffer, len(named), BUFFER * len(named))
        self._begin(Buffer(self.names, priors, self._settings, seed, size))
        if start is not None:
            model = self._buffer.new_model()
            model.start_from(self._given["start"])
            self._start(model)

    def in_words(self) -> str:
        """Return the names of the components as text."""
        return f"Mixture of {', '.join(map(str, self.names))}"

    def fit(
        self,
        data: Iterable[Any],
        iterations: int = 1000,
        tol: float = 1e-9,
        *,
        n_init: int | None = None,
        keep_responsibilities: bool = False,
    ) -> Trace:
        """Discard everything learned before, and fit the mixture to the given data by EM.

        Parameters
        ----------
        data
            Observations in the support of every component.
        iterations
            Maximum number of M-steps. With 0, the initial parameters are returned.
        tol
            Stop when the log posterior changes by less than this per observation. With 0, all
            iterations are run. The log posterior never decreases, except if a component's posterior
            has no interior mode, as with Beta(½, ½), so that its mean is used instead.
        n_init
            Number of random starts drawn with `seed`. After EM and a local search, the result with
            the highest log posterior is used. The default is a search equivalent to 30 starts,
            which depends only on the data, not on `seed` or the order of the data.
        keep_responsibilities
            Whether the trace contains the responsibilities of every iteration (n × K numbers each),
            instead of only those of the last.

        Returns
        -------
        Trace
            Expected counts, parameters and log likelihood of every iteration. The last one agrees
            with `parameters` and `weights`.

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
        if self._buffer.priors is None:
            self._buffer.check_new(data)
        model = self._buffer.new_model(data)
        rows, start = model.rows(data), self._given["start"]
        if start is None:
            rng = None if n_init is None else np.random.default_rng(self.seed)
            starts = N_INIT if n_init is None else check_count("n_init", n_init)
            seed_best(model, rows, np.ones(len(rows)), rng, starts)
            model.check_collapsed(self.names)
        else:
            model.start_from(start)
        trace = model.fit(rows, self.names, iterations, tol, keep_responsibilities)
        self._refit_from = REFIT_AFTER * len(rows)
        with self._lock:
            self._start(model)
        return trace

    def merge(self, other: Self) -> None:
        """Add the data of another mixture; the common priors are counted once.

        Components are paired so as to maximise the evidence that the members of each pair are
        equal; pairs keep the names from this mixture. Statistics are added; observations in a
        buffer are learned.

        Raises
        ------
        MergeError
            If the other mixture has other priors or settings, or has learned from a different kind
            of observations.
        """
        self._check_like(other)
        self._check_same_kind(other)
        if other._model is None:
            for x, w in list(other._buffer):
                self.learn_one(x, w)
        elif self._model is None:
            kept = list(self._buffer)
            self._load_model(other.to_dict()["learned"], other._model.priors)
            for x, w in kept:
                self.learn_one(x, w)
        else:
            split_merge.merge(self._model, other._model)

    def _check_same_kind(self, other: Self) -> None:
        """Raise an error if another mixture has learned from a different kind of observations.

        Raises
        ------
        MergeError
            If the kinds of observations differ.
        """
        mine, theirs = self._model, other._model
        if mine is not None and theirs is not None:
            if not mine.reads_like(theirs):
                raise MergeError("they have learned from observations of different features")
            return
        judge, buffer = (other, self._buffer) if mine is None else (self, other._buffer)
        try:
            judge.check_many([x for x, _ in buffer])
        except ObservationError as error:
            raise MergeError(f"they have learned from different observations: {error}") from None

    # Copies and JSON.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"components": 2}

    def is_like(self, other: Mixture) -> bool:
        """Whether another mixture has the same names, priors and settings."""
        return (
            self.names == other.names
            and self._settings == other._settings
            and self._buffer.priors == other._buffer.priors
        )

    def learned(self) -> dict[str, Any]:
        """Return, as plain values, everything that was learned."""
        buffer = {"buffer": [[serialization.encode(x), w] for x, w in self._buffer]}
        if self._model is None:
            return buffer
        priors = None
        if self._buffer.priors is None:
            priors = dump_default_prior(self._model.priors[0])
        refit = [self._refit_from, float(self.is_ordered), float(self._started_constant)]
        learned = {"learned": {"priors": priors, "refit": refit, **self._model.to_dict()}}
        return {**learned, **buffer} if self._is_collecting else learned

    def load_learned(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned, in a new clusterer."""
        if "learned" in learned:
            written, priors = learned["learned"].get("priors"), self._buffer.priors
            if written is not None:
                priors = self._read_priors(written)
            self._load_model(learned["learned"], priors)
            if "buffer" not in learned:
                return
            self._is_collecting, self._learn_started = True, None
            for x, w in learned["buffer"]:
                self._buffer.add(serialization.decode(x), read_weight(w))
            return
        for x, w in learned["buffer"]:
            self._fill(serialization.decode(x), read_weight(w))

    def _read_priors(self, written: Any) -> tuple[State, ...]:
        """Return default priors from a document; earlier versions stored one for each component."""
        if isinstance(written[0], Mapping) and len(written) > 1:
            return tuple(State.from_dict(each) for each in written)
        return (load_default_prior(written),) * len(self.names)

    def _load_model(self, learned: Mapping[str, Any], priors: Sequence[State] | None) -> None:
        if priors is None or len(priors) != len(self.names):
            raise PriorError("the document has no priors for the components")
        model = EMModel(priors, self._settings, ignore_unknown=self._buffer.priors is None)
        model.load(learned)
        numbers = finite(learned.get("refit", [0.0, 0.0, 0.0])).tolist()
        self._refit_from, self.is_ordered = numbers[0], bool(numbers[1])
        self._started_constant = bool(numbers[2])
        self._weighs_uniformly = model.engine.uniform
        self._start(model)
