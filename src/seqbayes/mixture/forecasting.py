"""What a mixture says of the next observations, and how well it was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.mixture.document import put
from seqbayes.mixture.predictive import Predictive
from seqbayes.mixture.working import Working
from seqbayes.state import State

GROWTH = 1.01
"""A forecast is made anew when what was seen has grown so much: it misses a hundredth at most."""


class Forecast:
    """The predictive density of a mixture as it stood when the forecast was made.

    Parameters
    ----------
    source
        The components at work.
    """

    def __init__(self, source: Working) -> None:
        self._assemble(source)
        self.renew(source)

    def _assemble(self, source: Working) -> None:
        self._working = Working(source.priors, source.settings, source.lenient)
        self._predictive = None
        if source.settings.covariance == "full":
            self._predictive = Predictive(source.priors)

    @property
    def component(self) -> State:
        """The prior of the first component."""
        return self._working.priors[0]

    def renew(self, source: Working) -> None:
        """Say what the components at work say now."""
        if source.priors is not self._working.priors:
            self._assemble(source)
        served, engine = source.served(), self._working.engine
        engine.weights[:], engine.memory = served.weights, served.memory
        for mine, theirs in zip(self._working.leaves(), Working.leaves_of(served), strict=True):
            mine.live[:] = theirs.live
            mine.take_point(theirs.point)
        self._update()

    def _update(self) -> None:
        if self._predictive is not None:
            self._predictive.update(self._working.engine)

    def log_density(self, x: Any) -> float:
        """Return the log predictive density of an observation.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        if self._predictive is None:
            return self.log_likelihood(x)
        self._working.reader.read(x)
        return self._predictive.log_density(self._working.row.tolist(), x)

    def log_likelihood(self, x: Any) -> float:
        """Return the log density of an observation under the parameters of that moment.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        self._working.reader.read(x)
        return float(self._working.engine.expect()[1])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain numbers and lists."""
        engine = self._working.engine
        return {
            "priors": [state.to_dict() for state in self._working.priors],
            "weights": engine.weights.tolist(),
            "memory": engine.memory,
            "kernels": [[leaf.live.tolist(), leaf.point] for leaf in self._working.leaves()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], like: Working) -> Forecast:
        """Return the forecast that `to_dict` described, of a mixture like the one at work.

        Raises
        ------
        PriorError
            If the document describes none.
        """
        try:
            priors = tuple(State.from_dict(each) for each in data["priors"])
            forecast = cls(Working(priors, like.settings, like.lenient))
            engine = forecast._working.engine
            put(engine.weights, data["weights"])
            engine.memory = float(data["memory"])
            pairs = zip(forecast._working.leaves(), data["kernels"], strict=True)
            for leaf, (live, point) in pairs:
                put(leaf.live, live)
                if len(point) != len(leaf.point):
                    raise ValueError(f"expected {len(leaf.point)} numbers, got {len(point)}")
                leaf.take_point([float(v) for v in point])
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read a forecast: {error}") from None
        forecast._update()
        return forecast
