"""Forecasts by a mixture at one point in a stream, and trials, which compare two mixtures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.mixture.em.documents import assign, copy_parameters, finite, load_parameter
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.split_merge import ProcessPrior
from seqbayes.state import State

RENEW_AFTER = 1.01
"""A forecast is renewed when the number of observations has grown by this factor."""

DECISIVE_LEAD = 5.0
"""Lead in log score that decides a trial: a Bayes factor of about 150."""

TOLERATED_LOSS = 2.0
"""Maximum loss in log score with which fewer components win at the end of a trial."""

TRIAL_RENEW_AFTER = 1.05
"""The forecasts of a trial are renewed when its age has grown by this factor."""


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
    log_density : callable
        Returns the log predictive density of an observation. Like `log_likelihood`, it raises an
        `ObservationError` if the observation is outside the support of a component.
    log_likelihood : callable
        Returns the log density of an observation under the parameters of the forecast.
    """

    # methods of the engines themselves, because they are called for every observation
    log_density: Callable[[Any], float]
    log_likelihood: Callable[[Any], float]

    def __init__(self, source: EMModel) -> None:
        self._copy_priors(source)
        self.renew(source)

    def _copy_priors(self, source: EMModel) -> None:
        self._model = EMModel(source.priors, source.settings, source.ignore_unknown)
        full = source.settings.covariance == "full"
        self._predictive = predictive = self._model.make_predictive() if full else None
        self.component: State = self._model.priors[0]
        self.log_density = self.log_likelihood = self._model.engine.log_density
        if predictive is not None and predictive.compiled:
            self.log_density = predictive.engine.log_predictive
        elif predictive is not None:
            self.log_density = predictive.log_density

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


class Trial:
    """A challenger with a different number of components, which learns alongside the current model.

    Both models forecast every observation before they learn it, and their log scores are compared.

    Parameters
    ----------
    prior
        The prior of both models.
    current, challenger
        The models.
    names
        Names of the challenger's components.
    key
        The change: the name of a component to split; the names of two components to merge; or twice
        the name of a component to remove.
    least, length
        Minimum number of observations before a challenger with fewer components can win, and number
        of observations at which the trial ends.
    """

    def __init__(
        self,
        prior: ProcessPrior,
        current: EMModel,
        challenger: EMModel,
        names: tuple[int, ...],
        key: tuple[int, ...],
        least: float,
        length: float,
    ) -> None:
        self._prior = prior
        self.challenger, self.names, self.key = challenger, names, key
        self.least, self.length = least, length
        self.age = self.due = self.lead = 0.0
        self._forecasts = Forecast(current), Forecast(challenger)

    @property
    def grows(self) -> bool:
        """Whether the challenger has one more component than the current model."""
        return len(self.key) == 1

    def learn(self, current: EMModel, x: Any, w: float, new: float) -> None:
        """Score both forecasts of an observation, and let the challenger learn it.

        Parameters
        ----------
        current
            The current model, which has not learned the observation yet.
        x, w
            The observation and its weight.
        new
            The log density of the observation under a new component.
        """
        models = current, self.challenger
        if self.age >= self.due:
            for forecast, model in zip(self._forecasts, models, strict=True):
                forecast.renew(model)
            self.due = TRIAL_RENEW_AFTER * self.age
        logs = [
            self._prior.log_density(forecast.log_density(x), new, model)
            for forecast, model in zip(self._forecasts, models, strict=True)
        ]
        self.lead += w * (logs[1] - logs[0])
        self.challenger.engine.learn(x, w)
        self.age += w

    @property
    def outcome(self) -> bool | None:
        """Whether the challenger has won; None while the trial continues.

        A challenger with more components wins as soon as it leads clearly. One with fewer
        components wins if it is not clearly behind after a minimum time, because the missing
        component may be rare.
        """
        if self.lead >= DECISIVE_LEAD and (self.grows or self.age >= self.least):
            return True
        if self.lead <= -DECISIVE_LEAD:
            return False
        if self.age < self.length:
            return None
        return not self.grows and self.lead >= -TOLERATED_LOSS

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as plain numbers and lists."""
        return {
            "names": list(self.names),
            "key": list(self.key),
            "numbers": [self.least, self.length, self.age, self.due, self.lead],
            "challenger": self.challenger.to_dict(),
            "forecasts": [forecast.to_dict() for forecast in self._forecasts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], prior: ProcessPrior, current: EMModel) -> Trial:
        """Create a trial from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        try:
            names, key = tuple(map(int, data["names"])), tuple(map(int, data["key"]))
            least, length, age, due, lead = finite(data["numbers"]).tolist()
            challenger = prior.new_model(current.priors[0], len(names))
            challenger.load(data["challenger"])
            trial = cls(prior, current, challenger, names, key, least, length)
            trial.age, trial.due, trial.lead = age, due, lead
            first, second = data["forecasts"]
            trial._forecasts = (
                Forecast.from_dict(first, current),
                Forecast.from_dict(second, challenger),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read a comparison of forecasts: {error}") from None
        return trial
