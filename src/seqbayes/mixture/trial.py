"""A mixture with one component more or fewer, on trial against the one that is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.mixture import document
from seqbayes.mixture.forecasting import Forecast
from seqbayes.mixture.revising import Prior
from seqbayes.mixture.working import Working

WON = 5.0
"""Lead in log score at which a challenger has won, and arrears at which it has lost: 150 to 1."""

EVEN = 2.0
"""Arrears that are none where a challenger has fewer components, when its time is over."""

GROWTH = 1.05
"""Forecasts of a trial are made anew when it has grown so much: what is new moves fast."""


class Trial:
    """A challenger that learns beside the components that are served; both forecast what comes.

    Parameters
    ----------
    prior
        What both have as a prior.
    champion, challenger
        Components at work.
    names
        Those of the challenger's components.
    key
        What was changed: the name of a component that was split, the names of two that are one, or
        twice the name of one that is left out.
    least, length
        Observations before which a challenger with fewer components cannot win, and after which the
        trial is over.
    """

    def __init__(
        self,
        prior: Prior,
        champion: Working,
        challenger: Working,
        names: tuple[int, ...],
        key: tuple[int, ...],
        least: float,
        length: float,
    ) -> None:
        self._prior = prior
        self.challenger, self.names, self.key = challenger, names, key
        self.least, self.length = least, length
        self.age = self.due = self.lead = 0.0
        self._forecasts = Forecast(champion), Forecast(challenger)

    @property
    def grows(self) -> bool:
        """Whether the challenger has one component more."""
        return len(self.key) == 1

    def learn(self, champion: Working, x: Any, w: float, unborn: float) -> None:
        """Score both forecasts of an observation; let the challenger learn it.

        Parameters
        ----------
        champion
            The components that are served, which have not learned it yet.
        x, w
            The observation and its weight.
        unborn
            Its log density if a component made it that is not born.
        """
        sides = champion, self.challenger
        if self.age >= self.due:
            for forecast, working in zip(self._forecasts, sides, strict=True):
                forecast.renew(working)
            self.due = GROWTH * self.age
        logs = [
            self._prior.log_density(forecast.log_density(x), unborn, working)
            for forecast, working in zip(self._forecasts, sides, strict=True)
        ]
        self.lead += w * (logs[1] - logs[0])
        self.challenger.engine.learn(x, w)
        self.age += w

    @property
    def outcome(self) -> bool | None:
        """Whether the challenger has won; None while the trial goes on.

        One that has more components must be clearly better, whenever that is. One that has fewer
        must not be clearly worse, and for some time: what it lacks may only be rare.
        """
        if self.lead >= WON and (self.grows or self.age >= self.least):
            return True
        if self.lead <= -WON:
            return False
        if self.age < self.length:
            return None
        return not self.grows and self.lead >= -EVEN

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain numbers and lists."""
        return {
            "names": list(self.names),
            "key": list(self.key),
            "numbers": [self.least, self.length, self.age, self.due, self.lead],
            "challenger": document.learned(self.challenger),
            "forecasts": [forecast.to_dict() for forecast in self._forecasts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], prior: Prior, champion: Working) -> Trial:
        """Return the trial that `to_dict` described.

        Raises
        ------
        PriorError
            If the document describes none.
        """
        try:
            names, key = tuple(map(int, data["names"])), tuple(map(int, data["key"]))
            least, length, age, due, lead = document.finite(data["numbers"]).tolist()
            challenger = prior.working(champion.priors[0], len(names))
            document.restore(challenger, data["challenger"])
            trial = cls(prior, champion, challenger, names, key, least, length)
            trial.age, trial.due, trial.lead = age, due, lead
            first, second = data["forecasts"]
            trial._forecasts = (
                Forecast.from_dict(first, champion),
                Forecast.from_dict(second, challenger),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read a trial: {error}") from None
        return trial
