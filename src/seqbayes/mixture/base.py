"""Base classes of mixtures: copies, JSON and pickles, and answers about components."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from river import base

from seqbayes import serialization
from seqbayes.errors import MergeError, PriorError
from seqbayes.mixture.background import FIRST_SHARE
from seqbayes.mixture.background import NAME as BACKGROUND
from seqbayes.mixture.buffer import Buffer
from seqbayes.mixture.bulk import BulkAnswers
from seqbayes.mixture.em import EMModel
from seqbayes.mixture.rows import MAX_WEIGHT, as_observations, as_weight
from seqbayes.mixture.settings import STEPS, Settings, as_count
from seqbayes.model import Model, Summary
from seqbayes.state import State
from seqbayes.statistics import arrays


class StreamClusterer(base.Clusterer, Model):
    """A clusterer that learns from a stream, and can be copied, stored and merged."""

    _given: dict[str, Any]

    def check(self, x: Any) -> None:
        """Refuse an observation that is outside the support."""
        raise NotImplementedError

    def check_many(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support."""
        raise NotImplementedError

    def _learn(self, x: Any, w: float) -> None:
        """Learn an observation that was checked, with a weight above 0."""
        raise NotImplementedError

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation, in the form that the components' states take. A mapping of features
            may lack some of them; None in a sequence, or NaN in an array, is a missing value.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component, or `w` is invalid. Nothing changes then.
        PriorError
            If a component's prior is improper.
        """
        weight = as_weight(w)
        self.check(x)
        if weight > 0.0:
            self._learn(x, weight)

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Learn many observations in order; none of them is learned if one is invalid.

        Parameters
        ----------
        xs
            Observations: an array (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is invalid.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs), MAX_WEIGHT)
        self.check_many(xs)
        for i, x in enumerate(as_observations(xs)):
            weight = 1.0 if weights is None else float(weights[i])
            if weight > 0.0:
                self._learn(x, weight)

    def learned(self) -> dict[str, Any]:
        """Return everything learned as plain values."""
        raise NotImplementedError

    def load_learned(self, learned: Mapping[str, Any]) -> None:
        """Restore the result of `learned` in a new clusterer."""
        raise NotImplementedError

    def is_like(self, other: Self) -> bool:
        """Whether both have the same priors and settings."""
        raise NotImplementedError

    def merge(self, other: Self) -> None:
        """Add what another clusterer has learned."""
        raise NotImplementedError

    def _check_like(self, other: Any) -> None:
        """Refuse to merge clusterers with different priors or settings.

        Raises
        ------
        MergeError
            If they differ.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge a {type(other).__name__} into a {type(self).__name__}")
        if not self.is_like(other):
            raise MergeError("the mixtures differ in their priors, or in their settings")

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        total = self.clone(include_attributes=True)
        total.merge(other)
        return total

    def _get_params(self) -> dict[str, Any]:
        return dict(self._given)

    def __repr__(self) -> str:
        """Return the constructor call; attributes of these names may have learned values."""
        given = (f"{k}={v!r}" for k, v in self._given.items() if v is not None and v is not False)
        return f"{type(self).__name__}({', '.join(given)})"

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new clusterer with the same parameters, which has learned nothing.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy what was learned as well.
        """
        cloned = type(self)(**{**self._given, **(new_params or {})})
        if include_attributes:
            cloned.load_learned(self.learned())
        return cloned

    @staticmethod
    def encode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter as JSON values.

        Raises
        ------
        PriorError
            If the step is not one of the named step sizes.
        """
        if name == "components" and as_count(value) is None:
            named = value.items() if isinstance(value, Mapping) else enumerate(value)
            return [[serialization.encode(key), state.to_dict()] for key, state in named]
        if name == "step" and value is not None:
            if isinstance(value, (int, float)):
                return float(value)
            if type(value) not in STEPS.values():
                raise PriorError(f"a step has a JSON form if it is one of {', '.join(STEPS)}")
            fields = {field: getattr(value, field) for field in value.__slots__}
            return [type(value).__name__, fields]
        if isinstance(value, State):
            return value.to_dict()
        return serialization.encode(int(value) if isinstance(value, np.integer) else value)

    @staticmethod
    def decode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter from JSON values.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        try:
            if name == "components" and as_count(value) is None:
                return {serialization.decode(key): State.from_dict(state) for key, state in value}
            if name == "step" and isinstance(value, (list, tuple)):
                kind, fields = value
                return STEPS[kind](**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read {name} of the mixture: {error}") from None
        if isinstance(value, Mapping) and "family" in value:
            return State.from_dict(value)
        return serialization.decode(value)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a versioned dictionary of JSON values.

        Raises
        ------
        PriorError
            If the step is not one of the named step sizes.
        """
        encoded = {name: self.encode_parameter(name, v) for name, v in self._given.items()}
        return {
            "seqbayes": serialization.VERSION,
            "model": type(self).__name__,
            "parameters": encoded,
            **self.learned(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the clusterer that a document of `to_dict` describes.

        Raises
        ------
        PriorError
            If the dictionary does not describe one, or has a newer version.
        """
        serialization.Document(data)
        name, model = cls.__name__, data.get("model")
        if model != name or not isinstance(data.get("parameters"), Mapping):
            raise PriorError(f"expected a dictionary of a {name}, got model {model!r}")
        try:
            parameters = data["parameters"].items()
            found = cls(**{name: cls.decode_parameter(name, value) for name, value in parameters})
            found.load_learned(data)
        except PriorError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read the {name}: {error}") from None
        return found

    def __copy__(self) -> Self:
        return self.clone(include_attributes=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self._given, self.learned())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.is_like(other) and self.learned() == other.learned()

    __hash__ = None  # type: ignore[assignment]  # it changes as it learns


def _unpickle(
    kind: type[StreamClusterer], given: dict[str, Any], learned: dict[str, Any]
) -> StreamClusterer:
    found = kind(**given)
    found.load_learned(learned)
    return found


class BaseMixture(BulkAnswers, StreamClusterer):
    """A mixture: its model after the start, and a fit to the buffer before."""

    _names: tuple[Any, ...]
    _settings: Settings
    _buffer: Buffer
    _model: EMModel | None

    def present(self) -> EMModel:
        """Return the model after the start, or a fit to the buffer before."""
        return self._model or self._buffer.provisional()

    def _is_blank(self) -> bool:
        """Whether nothing was learned, and no start was given."""
        return self._model is None and not len(self._buffer)

    def _has_no_scale(self) -> bool:
        """Whether default priors need a first observation for their scale."""
        return self._buffer.priors is None and self._is_blank()

    def check(self, x: Any) -> None:
        """Refuse an observation that is outside the support of a component."""
        if self._model is None:
            self._buffer.check([x])
        else:
            self._model.row(x)

    def check_many(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support of a component."""
        if self._model is None:
            self._buffer.check(xs)
        else:
            self._model.rows(xs)

    def _model_for(self, x: Any) -> EMModel:
        """Return the model for the density of an observation; refuse if there is no scale yet."""
        if self._model is not None:
            return self._model
        self.check(x)
        return self.present_or_refuse()

    def present_or_refuse(self) -> EMModel:
        """Return the present model; refuse if default priors have no scale yet."""
        if self._has_no_scale():
            kind = type(self).__name__
            raise PriorError(f"a {kind} without priors has no density before the first observation")
        return self.present()

    @property
    def has_predictive(self) -> bool:
        """Whether `log_predictive` integrates the components' parameters out."""
        return self._settings.covariance == "full"

    display_kind = "mixture"

    def summary(self) -> Summary:
        """Return the weights of the components, once they do not change names."""
        if not self.started:
            return Summary(None, None)
        weights = zip(self.names, self.weights, strict=True)
        shares = {str(name): weight for name, weight in weights}
        if self._settings.background:
            shares[BACKGROUND] = self.background_weight
        return Summary(shares, None)

    def surprise(self, *arguments: Any) -> float | None:
        """Return minus the log predictive density of an observation; None before any data."""
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
        """The components' names, which do not change once the mixture has `started`.

        Before that, components may exchange their names. `ranking` orders them for display.
        """
        return self._names

    @property
    def labels(self) -> tuple[Any, ...]:
        """The names of the components, and of the background if there is one."""
        return (*self.names, BACKGROUND) if self._settings.background else self.names

    @property
    def started(self) -> bool:
        """Whether the components learn one observation at a time.

        Before, predictions use a fit to the buffer, which is repeated as the buffer grows.

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
        """How many observations are in the buffer; 0 once the mixture has `started`."""
        return len(self._buffer)

    @property
    def buffer_size(self) -> int:
        """How many observations the buffer collects before the mixture starts."""
        return self._buffer.size

    @property
    def n_samples(self) -> float:
        """Total weight of the observations."""
        if self._model is None:
            return math.fsum(w for _, w in self._buffer)
        return float(self._model.engine.n)

    @property
    def components(self) -> tuple[State, ...]:
        """The components as states, with the statistics that EM expects."""
        if self._is_blank():
            return self._buffer.priors or ()
        model = self.present()
        return model.states(model.predicting())

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the components."""
        if self._is_blank():
            return self._buffer.first_weights()
        return tuple(self.present().predicting().weights[: len(self.names)].tolist())

    @property
    def background_weight(self) -> float:
        """Weight of the background; 0 without one."""
        if not self._settings.background:
            return 0.0
        return FIRST_SHARE if self._is_blank() else float(self.present().predicting().weights[-1])

    @property
    def parameters(self) -> tuple[Any, ...] | None:
        """Parameter of every component; None if nothing was learned and no start was given."""
        if self._is_blank():
            return None
        model = self.present()
        return model.parameters(model.predicting())

    @property
    def ranking(self) -> tuple[int, ...]:
        """Positions of the components for display: by decreasing weight, ties in order."""
        weights = self.weights
        return tuple(sorted(range(len(weights)), key=lambda k: -weights[k]))

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability that the observation comes from each component or the background.

        While the buffer fills, it is that of a fit to the buffer; before the first observation, of
        the priors.

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
            shares, _ = self.present().predicting().responsibilities(x)
        return dict(zip(self.labels, shares, strict=True))

    def predict_one(self, x: Any) -> Any:
        """Return the name of the component that the observation most probably comes from."""
        shares = self.predict_proba_one(x)
        return max(shares, key=shares.__getitem__)

    def log_density(self, x: Any) -> float:
        """Return the log density of an observation under the present parameters.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If default priors have no first observation for their scale yet.
        """
        return float(self._model_for(x).predicting().responsibilities(x)[1])

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), with the components' parameters integrated out.

        If the shape of covariances is restricted, the integral has no closed form, and the density
        under the present parameters is returned.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If default priors have no first observation for their scale yet.
        """
        if not self.has_predictive:
            return self.log_density(x)
        return self._model_for(x).log_predictive(x)

    def score_one(self, x: Any) -> float:
        """Return the surprise of an observation, ``-log_predictive(x)``; high is anomalous.

        It is 0 while default priors have no first observation for their scale.

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
