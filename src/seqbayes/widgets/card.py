"""A card that shows a belief while it learns."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from seqbayes.checks import check_level
from seqbayes.errors import PriorError
from seqbayes.figures.html import page
from seqbayes.figures.shown import Tabular


class LiveCard(anywidget.AnyWidget):
    """Show a belief in a notebook, and update the picture whenever the belief learns.

    A slider below the picture changes the level of the credible interval.

    Parameters
    ----------
    belief
        A state, a mixture or an estimator; or a table or a comparison, neither of which can learn
        through the card.
    level
        Probability of the credible interval, from 0.5 to 0.99.

    Attributes
    ----------
    html
        The picture and the table, as HTML.

    Raises
    ------
    PriorError
        If the level is invalid.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> card = LiveCard(Beta(1, 1))
    >>> card.learn_one(True)
    >>> card.belief.posterior, "Beta(2, 1)" in card.html
    (BetaHyperparameters(alpha=2.0, beta=1.0), True)
    """

    _esm = Path(__file__).parent / "card.js"

    html = traitlets.Unicode().tag(sync=True)
    level = traitlets.Float(0.95).tag(sync=True)

    def __init__(self, belief: Tabular, level: float = 0.95) -> None:
        self.belief: Any = belief
        super().__init__(level=level)
        self.refresh()

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Learn an observation and show the result.

        Raises
        ------
        ObservationError
            If the observation is invalid.
        """
        self.belief.learn_one(x, w)
        self.refresh()

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Learn many observations and show the result.

        Raises
        ------
        ObservationError
            If an observation is invalid. In this case, none is learned.
        """
        self.belief.learn_many(xs, w)
        self.refresh()

    def follow(self, xs: Iterable[Any], every: float = 0.1) -> None:
        """Learn observations one at a time, as they arrive.

        Parameters
        ----------
        xs
            The observations.
        every
            Minimum number of seconds between two pictures.

        Raises
        ------
        ObservationError
            If an observation is invalid. The observations before it are learned and shown.
        """
        shown = time.monotonic()
        try:
            for x in xs:
                self.belief.learn_one(x)
                if time.monotonic() - shown >= every:
                    self.refresh()
                    shown = time.monotonic()
        finally:
            self.refresh()

    def refresh(self) -> None:
        """Show the present belief; needed only if the belief has learned without this card."""
        panels, columns = self.belief.figure_panels(self.level), self.belief.as_columns(self.level)
        self.html = page(str(self.belief), panels, columns)

    @traitlets.validate("level")
    def _check_level(self, proposal: Any) -> float:
        level = proposal["value"]
        check_level(level, "equal-tailed")
        if not 0.5 <= level <= 0.99:
            raise PriorError(f"expected a level from 0.5 to 0.99, got {level!r}")
        return float(level)

    @traitlets.observe("level")
    def _level_changed(self, change: Any) -> None:
        self.refresh()
