"""The base class of mixtures: answers about components and about single observations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.families import Dirichlet
from seqbayes.figures.samples import Samples
from seqbayes.mixture.buffer import Buffer
from seqbayes.mixture.clusterer import StreamClusterer
from seqbayes.mixture.components.background import FIRST_SHARE
from seqbayes.mixture.components.background import NAME as BACKGROUND
from seqbayes.mixture.em.bulk import BulkPredictions, mixture_samples
from seqbayes.mixture.em.component_model import BACKGROUND_CONCENTRATION
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import Settings
from seqbayes.model import Summary
from seqbayes.state import State


class BaseMixture(BulkPredictions, StreamClusterer):
    """Base class of mixtures, which start with a fit to a buffer of observations."""

    _names: tuple[Any, ...]
    _settings: Settings
    _buffer: Buffer
    _model: EMModel | None
    seed: int | None

    def spread_start(self) -> None:
        """Distribute the work of the start over the last third of the buffer's observations."""
        self._buffer.spread = True

    def current_model(self) -> EMModel:
        """Return the current model, which before the start is a fit to the buffer."""
        return self._model or self._buffer.provisional()

    def _is_blank(self) -> bool:
        """Whether nothing was learned and no start was given."""
        return self._model is None and not len(self._buffer)

    def _has_no_scale(self) -> bool:
        """Whether default priors need an observation to determine their scale."""
        return self._buffer.priors is None and self._is_blank()

    def check(self, x: Any) -> None:
        """Raise an error if an observation is outside the support of a component."""
        if self._model is None:
            self._buffer.check([x])
        else:
            self._model.engine.check(x)

    def check_many(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support of a component."""
        if self._model is None:
            self._buffer.check(xs)
        else:
            self._model.rows(xs)

    def _model_for(self, x: Any) -> EMModel:
        """Return the model that evaluates an observation; raise an error if it has no scale."""
        if self._model is not None:
            return self._model
        self.check(x)
        return self.scaled_model()

    def scaled_model(self) -> EMModel:
        """Return the current model; raise an error if default priors have no scale yet."""
        if self._has_no_scale():
            kind = type(self).__name__
            raise PriorError(f"a {kind} without priors has no density before the first observation")
        return self.current_model()

    @property
    def has_predictive(self) -> bool:
        """Whether `log_predictive` integrates over the components' parameters."""
        return self._settings.covariance == "full"

    display_kind = "mixture"

    df: float | str | None = None
    """Degrees of freedom of components with Student's t distribution, or "learned"."""

    is_ordered: bool = False
    """Whether the stream was found to be sorted or in blocks, which `Mixture` detects."""

    def summary(self) -> Summary:
        """Return the weights of the components; empty until their names are final."""
        if not self.started:
            return Summary(None, None)
        weights = zip(self.names, self.weights, strict=True)
        shares = {str(name): weight for name, weight in weights}
        if self._settings.background:
            shares[BACKGROUND] = self.background_weight
        return Summary(shares, None)

    def surprise(self, *arguments: Any) -> float | None:
        """Return the negative log predictive density of an observation; None before any data."""
        return -float(self.log_predictive(arguments[0])) if self.n_samples else None

    def forecasts(self, x: Any) -> dict[str, Any]:
        """Return the most probable component, the log density, and the responsibilities.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        return {
            "prediction": self.predict_one(x),
            "log_predictive": self.log_predictive(x),
            "probabilities": self.predict_proba_one(x),
        }

    @property
    def names(self) -> tuple[Any, ...]:
        """The components' names; they do not change after the mixture has `started`.

        Before the start, the names of components may be swapped. `ranking` gives their order for
        display.
        """
        return self._names

    @property
    def labels(self) -> tuple[Any, ...]:
        """The names of the components, and of the background if there is one."""
        return (*self.names, BACKGROUND) if self._settings.background else self.names

    @property
    def started(self) -> bool:
        """Whether the components learn one observation at a time.

        Before the start, predictions use a fit to the buffer; the fit is repeated as the buffer
        grows.

        Examples
        --------
        >>> from seqbayes.mixture import Mixture
        >>> mixture = Mixture(2, seed=1)
        >>> mixture.learn_one(0.0)
        >>> mixture.started
        False
        """
        return self._model is not None

    @property
    def priors(self) -> tuple[State, ...] | None:
        """The priors that were given; None if they are derived from the data."""
        return self._buffer.priors

    @property
    def has_default_priors(self) -> bool:
        """Whether the priors are derived from the data."""
        return self._buffer.priors is None

    @property
    def n_buffered(self) -> int:
        """Number of observations in the buffer; 0 after the mixture has `started`."""
        return len(self._buffer)

    @property
    def buffer_size(self) -> int:
        """Number of observations that the buffer collects before the mixture starts."""
        return self._buffer.size

    @property
    def n_samples(self) -> float:
        """Total weight of the observations."""
        if self._model is None:
            return math.fsum(w for _, w in self._buffer)
        return float(self._model.engine.n)

    @property
    def components(self) -> tuple[State, ...]:
        """The components as states, with the expected statistics of EM.

        With Student's t distribution, the states describe the normal distribution given a latent
        scale of 1; see `parameters` and `predictives`.
        """
        if self._is_blank():
            return self._buffer.priors or ()
        model = self.current_model()
        return model.states(model.predicting())

    @property
    def predictives(self) -> tuple[Distribution | None, ...]:
        """The predictive distribution of the next observation of every component.

        The value for an improper component is None. The result is empty while default priors have
        no scale, and approximate for components with Student's t distribution.
        """
        if self._has_no_scale():
            return ()
        model = self.current_model()
        return model.distributions(model.predicting())

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the components."""
        if self._is_blank():
            return self._buffer.first_weights()
        return tuple(self.current_model().predicting().weights[: len(self.names)].tolist())

    @property
    def background_weight(self) -> float:
        """Weight of the background; 0 if there is no background."""
        if not self._settings.background:
            return 0.0
        return (
            FIRST_SHARE
            if self._is_blank()
            else float(self.current_model().predicting().weights[-1])
        )

    @property
    def parameters(self) -> tuple[Any, ...] | None:
        """Parameter of every component; None if nothing was learned and no start was given."""
        if self._is_blank():
            return None
        model = self.current_model()
        return model.parameters(model.predicting())

    def weight_concentrations(self) -> dict[str, float] | None:
        """Return the hyperparameters of the Dirichlet posterior of the weights, keyed by label.

        The values are the hyperparameters of the prior, plus the expected number of observations
        of each component. If the weights are fixed, the result is None.
        """
        prior = self._settings.weights
        if not isinstance(prior, Dirichlet):
            return None
        engine = self.scaled_model().predicting()
        concentrations = prior.prior.alpha.tolist()
        if self._settings.background:
            concentrations.append(BACKGROUND_CONCENTRATION)
        counts = engine.memory * np.asarray(engine.live)
        return dict(zip(map(str, self.labels), (concentrations + counts).tolist(), strict=True))

    def samples(self, chains: int, draws: int) -> Samples:
        """Return samples of the weights, the components and the next observation.

        The responsibilities are taken as known, so that the uncertainty about which component an
        observation belongs to is not included. No observation is drawn from the background.

        Raises
        ------
        PriorError
            If nothing was learned and default priors have no scale, or a posterior is improper.
        UnsupportedError
            If the covariances are restricted, or the components are Student's t distributions.
        """
        if self.df is not None:
            raise UnsupportedError(
                "a mixture with df has no samples of its parameters: use `sample` for observations"
            )
        if not self.has_predictive:
            raise UnsupportedError(
                f"a mixture with covariance={self._settings.covariance!r} has no samples of its"
                " parameters: use covariance='full', or `sample` for observations"
            )
        self.scaled_model()
        names = [str(name) for name in self.names]
        return mixture_samples(
            dict(zip(names, self.components, strict=True)),
            dict(zip(names, self.weights, strict=True)),
            self.weight_concentrations(),
            np.random.default_rng(self.seed),
            (chains, draws),
        )

    @property
    def ranking(self) -> tuple[int, ...]:
        """Indices of the components for display: by decreasing weight; ties keep their order."""
        weights = self.weights
        return tuple(sorted(range(len(weights)), key=lambda k: -weights[k]))

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability that the observation comes from each component or the background.

        While the buffer fills, a fit to the buffer is used; before the first observation, the
        priors are used.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._has_no_scale():
            self.check(x)
            shares = list(self._buffer.first_weights())
            shares += [FIRST_SHARE] * self._settings.background
        else:
            shares, _ = self.current_model().predicting().responsibilities(x)
        return dict(zip(self.labels, shares, strict=True))

    def predict_one(self, x: Any) -> Any:
        """Return the name of the component that the observation most probably comes from."""
        model = self._model
        if model is None:
            if self._has_no_scale():
                probabilities = self.predict_proba_one(x)
                return max(probabilities, key=probabilities.__getitem__)
            model = self.current_model()
        return self.labels[model.predicting().most_probable(x)]

    def log_density(self, x: Any) -> float:
        """Return the log density of an observation under the current parameters.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If default priors have no scale before the first observation.
        """
        return self._model_for(x).predicting().log_density(x)

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), with the components' parameters marginalised.

        The result is an approximation for components with Student's t distribution. If the shape of
        covariances is restricted, the integral has no closed form, and the density under the
        current parameters is returned.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If default priors have no scale before the first observation.
        """
        if self._settings.covariance != "full":
            return self.log_density(x)
        return (self._model or self._model_for(x)).log_predictive(x)

    def score_one(self, x: Any) -> float:
        """Return the surprise of an observation, ``-log_predictive(x)``: high if it is anomalous.

        The surprise is 0 while default priors have no scale.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._has_no_scale():
            self.check(x)
            return 0.0
        return -self.log_predictive(x)

    def __str__(self) -> str:
        weights, parameters, kind = self.weights, self.parameters, type(self).__name__
        if parameters is None:
            return f"{kind} of {len(self.names)}, nothing learned"
        lines = [f"{weights[k]:.3f} {self.names[k]}: {_brief(parameters[k])}" for k in self.ranking]
        if self._settings.background:
            lines.append(f"{self.background_weight:.3f} {BACKGROUND}")
        return "\n".join(lines)


def _brief(parameter: Any) -> str:
    if isinstance(parameter, float):
        return f"{parameter:.6g}"
    if isinstance(parameter, Mapping):
        return ", ".join(f"{name} {_brief(value)}" for name, value in parameter.items())
    if isinstance(parameter, tuple):
        names = getattr(parameter, "_fields", range(len(parameter)))
        return ", ".join(f"{n} {_brief(v)}" for n, v in zip(names, parameter, strict=True))
    return np.array2string(np.asarray(parameter), precision=4, separator=", ").replace("\n", "")
