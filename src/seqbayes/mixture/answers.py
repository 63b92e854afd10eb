"""What a mixture answers, however it learns: its components, and whose an observation is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.mixture.buffering import Buffer
from seqbayes.mixture.durable import Durable
from seqbayes.mixture.settings import Settings
from seqbayes.mixture.working import Working
from seqbayes.state import State


class Answers(Durable):
    """A clusterer whose clusters are states: those at work, or what the buffer says so far."""

    _names: tuple[Any, ...]
    _settings: Settings
    _buffer: Buffer
    _working: Working | None

    def _present(self) -> Working:
        """Return the components at work, or what the buffer says of them so far."""
        return self._working or self._buffer.provisional()

    def _is_blank(self) -> bool:
        """Whether nothing was learned, and no start given."""
        return self._working is None and not len(self._buffer)

    def _has_no_scale(self) -> bool:
        """Whether the priors wait for the scale of the first observation."""
        return self._buffer.priors is None and self._is_blank()

    def _check(self, x: Any) -> None:
        """Refuse what the components cannot have made."""
        if self._working is None:
            self._buffer.check([x])
        else:
            self._working.reader.read(x)

    def _check_many(self, xs: Any) -> None:
        """Refuse observations of which the components cannot have made one."""
        if self._working is None:
            self._buffer.check(xs)
        else:
            self._working.rows(xs)

    def _speaking(self, x: Any) -> Working:
        """Return the components at work, or refuse to say anything of `x` yet."""
        self._check(x)
        if self._has_no_scale():
            raise PriorError(
                f"a {type(self).__name__} without priors has no density before it has seen anything"
            )
        return self._present()

    @property
    def names(self) -> tuple[Any, ...]:
        """The components' names: identity survives learning, from the start on.

        Until it has `started` names mean nothing. `ranking` orders them for display.
        """
        return self._names

    @property
    def started(self) -> bool:
        """Whether the components learn one observation at a time.

        Before, they are a fit to what the buffer collects for their start, made anew as it grows.

        Examples
        --------
        >>> from seqbayes.mixture import Mixture
        >>> mixture = Mixture(2, seed=1)
        >>> mixture.learn_one(0.0)
        >>> mixture.started
        False
        """
        return self._working is not None

    @property
    def n_samples(self) -> float:
        """Total weight of what was seen."""
        if self._working is None:
            return math.fsum(w for _, w in self._buffer)
        return float(self._working.engine.n)

    @property
    def components(self) -> tuple[State, ...]:
        """The components: states that have learned what EM expects each of them to have made."""
        if self._is_blank():
            return self._buffer.priors or ()
        working = self._present()
        return working.states(working.served())

    @property
    def weights(self) -> tuple[float, ...]:
        """Shares of the components."""
        if self._is_blank():
            return self._buffer.first_weights()
        return tuple(self._present().served().weights.tolist())

    @property
    def parameters(self) -> tuple[Any, ...] | None:
        """Parameter of every component; None while nothing was learned and no start given."""
        if self._is_blank():
            return None
        working = self._present()
        return working.parameters(working.served())

    @property
    def ranking(self) -> tuple[int, ...]:
        """Places of the components for display: the largest share first, ties as named."""
        weights = self.weights
        return tuple(sorted(range(len(weights)), key=lambda k: -weights[k]))

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability of every component to have made the observation.

        While the buffer fills, it is that of a fit to what is in it; before anything was learned,
        that of the priors.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._has_no_scale():
            self._check(x)
            shares = list(self._buffer.first_weights())
        else:
            working = self._present()
            served = working.served()
            served.reader.read(x)
            shares, _ = served.expect()
        return dict(zip(self.names, shares, strict=True))

    def predict_one(self, x: Any) -> Any:
        """Return the component that most probably made the observation."""
        shares = self.predict_proba_one(x)
        return max(shares, key=shares.__getitem__)

    def log_density(self, x: Any) -> float:
        """Return the log density of an observation under the present parameters.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If the priors come from the data, and there was none yet.
        """
        served = self._speaking(x).served()
        served.reader.read(x)
        return float(served.expect()[1])

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | all that was seen), every component's parameter integrated out.

        Where the shape of covariances is restricted there is no such integral in closed form, and
        the density under the present parameters is returned.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If the priors come from the data, and there was none yet.
        """
        if self._settings.covariance != "full":
            return self.log_density(x)
        return self._speaking(x).log_predictive(x)

    def score_one(self, x: Any) -> float:
        """Return the surprise at an observation, ``-log_predictive(x)``: high is anomalous.

        It is 0 before the first observation where the priors come from the data.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._has_no_scale():
            self._check(x)
            return 0.0
        return -self.log_predictive(x)

    def __str__(self) -> str:
        weights, parameters, kind = self.weights, self.parameters, type(self).__name__
        if parameters is None:
            return f"{kind} of {len(self.names)}, nothing learned"
        return "\n".join(
            f"{weights[k]:.3f} {self.names[k]}: {_brief(parameters[k])}" for k in self.ranking
        )


def _brief(parameter: Any) -> str:
    if isinstance(parameter, float):
        return f"{parameter:.6g}"
    if isinstance(parameter, Mapping):
        return ", ".join(f"{name} {_brief(value)}" for name, value in parameter.items())
    if isinstance(parameter, tuple):
        names = getattr(parameter, "_fields", range(len(parameter)))
        return ", ".join(f"{n} {_brief(v)}" for n, v in zip(names, parameter, strict=True))
    return np.array2string(np.asarray(parameter), precision=4, separator=", ").replace("\n", "")
