"""What it takes to show a story, and how it is written as lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from seqbayes.console.palette import Signs
from seqbayes.console.signals import Interruption
from seqbayes.replay.pace import Clock, Pace, even

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


class Numbered(Protocol):
    """A step: which of how many, counted from 1."""

    @property
    def number(self) -> int:
        """Its place in the story."""
        ...

    @property
    def total(self) -> int:
        """The number of the last one."""
        ...


S = TypeVar("S", bound=Numbered)
S_contra = TypeVar("S_contra", bound=Numbered, contravariant=True)


class Lines(Protocol[S_contra]):
    """A story as lines of text."""

    def opening(self) -> Iterable[str]:
        """Return what is said before the first step."""
        ...

    def step(self, step: S_contra, /) -> Iterable[str]:
        """Return the lines of one step."""
        ...

    def closing(self, step: S_contra | None, stopped: bool, /) -> Iterable[str]:
        """Return what is said after the last step shown, None if there was none."""
        ...


class Screen(Protocol[S_contra]):
    """A story as pictures of any size."""

    def draw(self, step: S_contra | None, width: int, height: int, /) -> RenderableType:
        """Return the screen after a step, or before the first."""
        ...

    def table(self, step: S_contra, width: int, /) -> list[Text]:
        """Return the figures that stay on the terminal afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Tale(Generic[S]):
    """A story and every way to show it.

    Attributes
    ----------
    steps : iterable
        What happens, one event at a time.
    plain : callable
        Gives the story in words, and takes whether they may only be ASCII.
    json : callable
        Gives the story as JSON.
    screen : callable
        Gives the story as pictures, and takes the signs to draw them with.
    verdict : callable
        Gives what was learned, in sentences, up to a step and whether it was stopped there.
    pace : Pace
        How fast it is drawn, unless told.
    """

    steps: Iterable[S]
    plain: Callable[[bool], Lines[S]]
    json: Callable[[], Lines[S]]
    screen: Callable[[Signs], Screen[S]]
    verdict: Callable[[S | None, bool], list[str]]
    pace: Pace


def can_draw() -> bool:
    """Return whether standard output is a terminal that moves its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


def ascii_only() -> bool:
    """Return whether standard output lacks the signs of Unicode."""
    return not (sys.stdout.encoding or "ascii").lower().startswith("utf")


def write(
    steps: Iterable[S], form: Lines[S], pace: Pace | None, interruption: Interruption
) -> None:
    """Write every step as lines; at a given pace each as soon as it happens."""
    clock = Clock(pace or even(0.0), interruption)
    watched = pace is not None or sys.stdout.isatty()
    last: S | None = None
    _put(form.opening(), watched)
    clock.hold(0)
    for step in steps:
        if interruption:
            break
        _put(form.step(step), watched)
        last = step
        clock.hold(step.number)
    _put(form.closing(last, was_stopped(last, interruption)), watched)


def was_stopped(last: Numbered | None, interruption: Interruption) -> bool:
    """Return whether an interruption came before the end."""
    return bool(interruption) and (last is None or last.number < last.total)


def _put(lines: Iterable[str], flush: bool) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    if flush:
        sys.stdout.flush()


def spell(text: str, in_ascii: bool) -> str:
    """Return a text as it is, or with signs that ASCII lacks spelled in ASCII.

    Examples
    --------
    >>> spell("½ × 0.6 → −1", in_ascii=True)
    '1/2 * 0.6 -> -1'
    """
    if not in_ascii:
        return text
    for sign, ascii_sign in (("×", "*"), ("÷", "/"), ("−", "-"), ("→", "->"), ("½", "1/2")):
        text = text.replace(sign, ascii_sign)
    return text.encode("ascii", "replace").decode("ascii")


def dump(**event: Any) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(event, allow_nan=False, separators=(", ", ": "))
