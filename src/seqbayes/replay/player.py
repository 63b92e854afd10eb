"""Plays a story: its schedule, keyboard control, and line-by-line output."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Generic, Protocol

from seqbayes.console.keyboard import Keyboard
from seqbayes.console.signals import Interruption
from seqbayes.replay.story import NumberedStep, S, S_contra, Schedule, Story

KEYS = "space pauses, n steps, q quits"
PAUSED_KEYS = "paused: space resumes, n steps, q quits"

_SLICE = 0.1  # seconds between two polls of the keyboard and signals


class Output(Protocol[S_contra]):
    """The output on which a story is shown."""

    def open(self) -> None:
        """Prepare the output."""
        ...

    def show(self, step: S_contra | None, left: float, keys: str) -> None:
        """Show a step, or the opening.

        Parameters
        ----------
        step
            The step; None for the opening.
        left
            Seconds for which the step will be shown.
        keys
            Description of the keys that can be pressed.
        """
        ...

    def close(self) -> None:
        """Restore the output; called even after an error."""
        ...

    def summarise(self, step: S_contra | None, stopped: bool) -> None:
        """Show the summary after the last step."""
        ...


class Clock:
    """Waits until a step is due, and handles the keys.

    Parameters
    ----------
    schedule
        Function that returns the time at which each step is due.
    interruption
        The signals that stop the story.
    keyboard
        The keyboard; None if there is no terminal.
    now
        Function that returns a monotonic time in seconds.
    """

    def __init__(
        self,
        schedule: Schedule,
        interruption: Interruption,
        keyboard: Keyboard | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule
        self._interruption = interruption
        self._keyboard = keyboard
        self._now = now
        self._start = now()
        self._paused_at: float | None = None
        self._quit = False

    @property
    def stopped(self) -> bool:
        """Whether a signal or a key has stopped the story."""
        return self._quit or bool(self._interruption)

    @property
    def paused(self) -> bool:
        """Whether the story is paused."""
        return self._paused_at is not None

    @property
    def keys(self) -> str:
        """Description of the keys that can be pressed now."""
        if self._keyboard is None:
            return "Ctrl-C ends"
        return PAUSED_KEYS if self.paused else KEYS

    def left(self, number: int) -> float:
        """Return for how many more seconds step `number` is shown, excluding pauses."""
        now = self._now() if self._paused_at is None else self._paused_at
        return self._schedule(number) - (now - self._start)

    def wait(self, number: int, changed: Callable[[], None] = lambda: None) -> None:
        """Wait until step `number` has been shown for its time, or a key requests the next step.

        Parameters
        ----------
        number
            Number of the step.
        changed
            Called when the story is paused or resumed.
        """
        if self._keyboard is None:
            self._interruption.wait(self.left(number))
            return
        while not self.stopped:
            left = _SLICE if self.paused else self.left(number)
            key = self._keyboard.read(min(max(left, 0.0), _SLICE))
            if key in ("q", "Q"):
                self._quit = True
            elif key == " ":
                self._toggle()
                changed()
            elif key in ("n", "\n", "\r"):
                if not self.paused:
                    self._toggle()
                # shift the schedule as if step `number` had been shown for its full time
                self._start -= max(self.left(number), 0.0)
                return
            elif not key and not self.paused and self.left(number) <= 0.0:
                return

    def _toggle(self) -> None:
        """Pause, or resume the paused story."""
        now = self._now()
        if self._paused_at is None:
            self._paused_at = now
        else:
            self._start += now - self._paused_at
            self._paused_at = None


def play(
    story: Story[S],
    output: Output[S],
    schedule: Schedule,
    interruption: Interruption,
    keyboard: Keyboard | None = None,
) -> None:
    """Show a story step by step until it ends, or a signal or a key stops it."""
    last: S | None = None
    output.open()
    try:
        clock = Clock(schedule, interruption, keyboard)

        def show() -> None:
            left = clock.left(0 if last is None else last.number)
            output.show(last, math.inf if clock.paused else left, clock.keys)

        show()
        clock.wait(0, show)
        for step in story:
            if clock.stopped:
                break
            last = step
            show()
            clock.wait(step.number, show)
    finally:
        output.close()
    output.summarise(last, clock.stopped and (last is None or last.number < last.total))


class LineOutput(Generic[S]):
    """Writes a story as lines of text or JSON to standard output.

    Parameters
    ----------
    story
        The story.
    as_json
        Whether to write one JSON object per line.
    ascii_only
        Whether to write only ASCII characters.
    flush
        Whether to flush the output after each step.
    """

    def __init__(self, story: Story[S], as_json: bool, ascii_only: bool, flush: bool) -> None:
        self._story = story
        self._json = as_json
        self._ascii = ascii_only
        self._flush = flush
        self._shown: NumberedStep | None = None

    def open(self) -> None:
        """Write the opening."""
        if self._json:
            self._write([encode(self._story.opening_event())])
        else:
            self._write(f"# {line}" for line in self._story.opening_lines())

    def close(self) -> None:
        """Do nothing."""

    def show(self, step: S | None, left: float, keys: str) -> None:
        """Write a step once."""
        if step is None or step is self._shown:
            return
        self._shown = step
        story = self._story
        self._write([encode(story.step_event(step))] if self._json else story.step_lines(step))

    def summarise(self, step: S | None, stopped: bool) -> None:
        """Write the summary."""
        summary = self._story.summary(step, stopped)
        if not self._json:
            self._write(f"# {sentence}" for sentence in summary)
            return
        closing = self._story.closing_event(step)
        self._write(
            [encode({"event": "end", "interrupted": stopped, **closing, "summary": summary})]
        )

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            sys.stdout.write(f"{transliterate(line, self._ascii)}\n")
        if self._flush:
            sys.stdout.flush()


def transliterate(text: str, ascii_only: bool) -> str:
    """Return a string unchanged, or transliterated to ASCII.

    Examples
    --------
    >>> transliterate("½ × 0.6 → −1", ascii_only=True)
    '1/2 * 0.6 -> -1'
    """
    if not ascii_only:
        return text
    for sign, ascii_sign in (("×", "*"), ("÷", "/"), ("−", "-"), ("→", "->"), ("½", "1/2")):
        text = text.replace(sign, ascii_sign)
    return text.encode("ascii", "replace").decode("ascii")


def encode(event: dict[str, object]) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(event, allow_nan=False, separators=(", ", ": "))
