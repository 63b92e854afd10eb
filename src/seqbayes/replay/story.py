"""The protocol of a story: events that can be printed, written as JSON, and drawn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from seqbayes.console.palette import Signs

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Schedule = Callable[[int], float]
"""Maps the number of a step (0 is the opening) to the time in seconds when the next step is due."""


class NumberedStep(Protocol):
    """A step of a story."""

    @property
    def number(self) -> int:
        """The number of the step, from 1."""
        ...

    @property
    def total(self) -> int:
        """The number of steps of the story."""
        ...


S = TypeVar("S", bound=NumberedStep)
S_contra = TypeVar("S_contra", bound=NumberedStep, contravariant=True)


class StoryScreen(Protocol[S_contra]):
    """A story drawn in a terminal of any size."""

    def draw(
        self, step: S_contra | None, width: int, height: int, keys: str = ""
    ) -> RenderableType:
        """Return the screen after a step, or before the first step.

        Parameters
        ----------
        step
            The step; None before the first step.
        width, height
            Size of the terminal.
        keys
            Description of the keys that can be pressed, shown if it fits.
        """
        ...

    def table(self, step: S_contra, width: int) -> list[Text]:
        """Return the lines that remain on the terminal after the story."""
        ...


class Story(ABC, Generic[S]):
    """A sequence of immutable steps.

    Iterating over a story yields its steps; each iteration starts again.

    Attributes
    ----------
    name : str
        Name of the story on the command line.
    total : int
        Number of steps.
    """

    name: ClassVar[str]
    total: int

    @abstractmethod
    def __iter__(self) -> Iterator[S]: ...

    @property
    @abstractmethod
    def schedule(self) -> Schedule:
        """The default schedule."""

    @abstractmethod
    def opening_lines(self) -> Iterable[str]:
        """Return the lines printed before the first step."""

    @abstractmethod
    def step_lines(self, step: S) -> Iterable[str]:
        """Return the lines of a step; a line that starts a new part begins with ``#``."""

    @abstractmethod
    def opening_event(self) -> dict[str, Any]:
        """Return the event before the first step as JSON values."""

    @abstractmethod
    def step_event(self, step: S) -> dict[str, Any]:
        """Return a step as JSON values."""

    @abstractmethod
    def closing_event(self, step: S | None) -> dict[str, Any]:
        """Return, as JSON values, the state after the last step that was shown, or None."""

    @abstractmethod
    def summary(self, step: S | None, stopped: bool) -> list[str]:
        """Return the results in sentences.

        Parameters
        ----------
        step
            The last step shown; None if none was shown.
        stopped
            Whether the story was stopped after this step.
        """

    @abstractmethod
    def screen(self, signs: Signs) -> StoryScreen[S]:
        """Return a screen that draws the story with this character set."""


def even(speed: float) -> Schedule:
    """Return a schedule with `speed` steps per second; 0 or infinity means as fast as possible.

    Examples
    --------
    >>> even(4.0)(10)
    2.75
    """
    each = 0.0 if speed == 0.0 or math.isinf(speed) else 1.0 / speed
    return lambda number: each * (number + 1)
