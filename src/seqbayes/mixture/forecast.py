"""Forecasts: the predictive density of a mixture, fixed at one point of the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.mixture.documents import assign, copy_parameters, load_parameter
from seqbayes.mixture.em import EMModel
from seqbayes.state import State

RENEW_AFTER = 1.01
"""Growth of the number of observations after which a forecast is renewed."""


class Forecast:
    """The predictive density of a model at the time when the forecast was created or renewed.

    Parameters
    ----------
    source
        The model.

    Attributes
    ----------
    component : State
        The prior of the first component.
    """

    def __init__(self, source: EMModel) -> None:
        self._copy_priors(source)
        self.renew(source)

    def _copy_priors(self, source: EMModel) -> None:
        self._model = EMModel(source.priors, source.settings, source.ignore_unknown)
        full = source.settings.covariance == "full"
        self._predictive = self._model.make_predictive() if full else None
        self.component: State = self._model.priors[0]

    def renew(self, source: EMModel) -> None:
        """Use the current parameters and statistics of a model."""
        if source.priors is not self._model.priors:
            self._copy_priors(source)
        latest, engine = source.predicting(), self._model.engine
        engine.copy_statistics(latest)
        copy_parameters(latest, engine)
        self._update()

    def _update(self) -> None:
        if self._predictive is not None:
            self._predictive.update(self._model.engine, after_m_step=False)

    def log_density(self, x: Any) -> float:
        """Return the log predictive density of an observation.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        if self._predictive is None:
            return self.log_likelihood(x)
        return self._predictive.log_density(x)

    def log_likelihood(self, x: Any) -> float:
        """Return the log density of an observation under the parameters of the forecast.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        return self._model.engine.log_density(x)

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast as plain numbers and lists."""
        engine = self._model.engine
        return {
            "priors": [state.to_dict() for state in self._model.priors],
            "weights": engine.weights.tolist(),
            "memory": engine.memory,
            "kernels": [[leaf.live.tolist(), leaf.parameter_vector] for leaf in engine.leaves()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], like: EMModel) -> Forecast:
        """Create a forecast from the output of `to_dict`, with the settings of a model.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        try:
            priors = tuple(State.from_dict(each) for each in data["priors"])
            forecast = cls(EMModel(priors, like.settings, like.ignore_unknown))
            engine = forecast._model.engine
            assign(engine.weights, data["weights"])
            engine.memory = float(data["memory"])
            for leaf, (live, numbers) in zip(engine.leaves(), data["kernels"], strict=True):
                assign(leaf.live, leaf.upgrade(live))
                load_parameter(leaf, numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read a forecast: {error}") from None
        forecast._update()
        return forecast
