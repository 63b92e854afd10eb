"""``watch``: learn beliefs from events in a file or on standard input, and show them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.checks import check_level
from seqbayes.console.plain import describe
from seqbayes.console.signals import Interruption, interruptible
from seqbayes.console.status import NO_RESULT
from seqbayes.console.streams import can_draw
from seqbayes.console.suggestions import did_you_mean
from seqbayes.console.summary import View
from seqbayes.console.text import count_of, printable
from seqbayes.errors import SeqbayesError
from seqbayes.events.belief import Belief
from seqbayes.events.derived import raw_slots
from seqbayes.events.fields import similar_name
from seqbayes.events.records import Cells
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.source import Batch, Source
from seqbayes.stream.sources.file import File
from seqbayes.stream.stores import DeadLetter, MemoryStore
from seqbayes.stream.watch_options import add_arguments as add_arguments
from seqbayes.stream.watch_options import declare, open_input, print_error

if TYPE_CHECKING:
    from seqbayes.console.keyboard import Keyboard
    from seqbayes.console.live import LiveScreen, Screen

SHOWN = 5
"""Maximum number of malformed records to show with their reasons."""
REMEMBERED = 100
"""Number of objects whose field names are kept for the message about an unknown field."""
PATIENCE = 1000
"""A notice is shown after this many objects without the field."""
PROGRESS_EVERY = 10.0
"""Seconds between two lines with ``--progress``."""


def command(args: argparse.Namespace) -> int:
    """Learn the events, and print the beliefs.

    Returns
    -------
    int
        0; 1 if no event could be used; 128 plus the signal number if a signal stopped the command.

    Raises
    ------
    SeqbayesError
        If an option is invalid, or a column is missing.
    OSError
        If the input cannot be read.
    """
    check_level(args.level, args.interval)
    belief = declare(args)
    with interruptible() as interruption, open_input(args) as source:
        return _Watch(args, belief, source).run(interruption)


_ARRAY = "the input is a JSON array, not one object per line: convert it first (jq -c '.[]')"


_SPREAD = (
    "the input has JSON objects that span several lines, not one object per line: convert it first"
    " (jq -c .)"
)


class _Watch(Collector):
    """One run of the command: observes the pipeline, and prints beliefs and rejected events."""

    def __init__(self, args: argparse.Namespace, belief: Belief, source: Source) -> None:
        self._args = args
        self._belief = belief
        self._source = source
        self._prior: Any = belief.state
        self._view = View(args.level, args.interval, args.top)
        self._started = self._reported = time.monotonic()
        self._warned: set[str] = set()
        self._malformed = 0
        # the first malformed records, with their line numbers
        self._first: list[tuple[int, DeadLetter]] = []
        # the malformed records of the current batch, with their positions
        self._recent: list[tuple[int, DeadLetter]] = []
        self._began = self._quit = False
        self._token: Any = None
        self._objects = 0
        self._fields: dict[str, None] = {}

    def run(self, interruption: Interruption) -> int:
        """Learn until the source ends or a signal arrives, then print the beliefs."""
        store = MemoryStore(retain=False)
        with Pipeline(
            self._source, [self._belief], store, collectors=[self], most_dead_letters=sys.maxsize
        ) as pipeline:
            return self._run(pipeline, interruption)

    def _run(self, pipeline: Pipeline, interruption: Interruption) -> int:
        from seqbayes.console.keyboard import open_keyboard

        self._table = pipeline.tables[self._belief.name]
        typed = self._args.file == "-" and sys.stdin.isatty()  # the live table would hide the input
        live = can_draw() and not typed
        screen = None if self._args.json and not live else self._screen()
        if live and screen is not None:
            from seqbayes.console.live import LiveScreen

            picture = LiveScreen(screen, self._args.every)
            with picture, open_keyboard() or nullcontext() as keyboard:
                self._consume_live(pipeline, interruption, picture, keyboard)
        else:
            for _ in pipeline:
                self._report()
                if interruption:
                    break
        try:
            if not (interruption or self._quit):
                self._check_fields()
            if self._table.used:
                self._answer(screen, live)
        finally:
            for text in [*self._losses(), *self._cut_line(interruption)]:
                print_error(text)
        if interruption:
            return interruption.status
        if not self._table.used:
            print_error("no event could be used" if self._began else "the input is empty")
            return NO_RESULT
        return 0

    def _consume_live(
        self,
        pipeline: Pipeline,
        interruption: Interruption,
        picture: LiveScreen,
        keyboard: Keyboard | None,
    ) -> None:
        """Read to the end, or until a signal or the key q arrives; the space bar pauses."""
        for _ in pipeline:
            picture.tick(self._notice())
            key = keyboard.read(0.0) if keyboard is not None else ""
            if key == " " and keyboard is not None:
                picture.tick("paused: the space bar resumes, q quits", due=True)
                key = ""
                while not (key in (" ", "q") or interruption or keyboard.ended):
                    key = keyboard.read(0.1)
            self._quit = key == "q"
            if interruption or self._quit:
                break

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Check that the input has the fields of the belief, and count its lines."""
        if batch is None:
            return
        self._token = batch.token
        header = isinstance(batch.records, Cells) and bool(batch.records.header)
        self._began = self._began or header or len(batch.records) + len(batch.refused) > 0
        self._remember(batch)
        if self._table.used:
            return
        if isinstance(batch.records, Cells):
            if not header:
                return
            self._check_header(batch.records.header)
        elif self._table.counts.absent and self._objects < REMEMBERED:
            raw: Sequence[Any] = batch.records
            for record in raw[: REMEMBERED - self._objects]:
                self._objects += 1
                with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                    names = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
                    self._fields.update(dict.fromkeys(names))

    def refused(self, pipeline: Pipeline, batch: Batch, letter: DeadLetter) -> None:
        """Count a malformed record, and keep the first records with their line numbers."""
        self._malformed += 1
        if len(self._first) < SHOWN:
            self._recent.append((msgspec.json.decode(letter.position), letter))

    def _remember(self, batch: Batch) -> None:
        """Keep the first malformed records of a batch, with their line numbers."""
        if self._recent:
            self._recent.sort(key=lambda item: item[0])
            for position, letter in self._recent[: SHOWN - len(self._first)]:
                line = position if batch.line_of is None else batch.line_of(position)
                self._first.append((line, letter))
            self._recent.clear()

    def _check_header(self, header: Sequence[str]) -> None:
        derived = self._belief.derived
        read = [slot for slot in self._belief.slots if slot[0] not in derived]
        for name, kind in (*read, *raw_slots(derived)):
            if kind not in ("number", "boolean", "text", "any"):
                raise SeqbayesError(
                    f"a CSV cell cannot hold a {kind}: name the columns, each with its own --value"
                )
            if name not in header:
                raise SeqbayesError(_unknown(name, header, "column"))

    def _unknown_field(self, patience: int = 1) -> str:
        """Return a message for a field that was missing from at least `patience` objects."""
        table = self._table
        if table.used or table.counts.incomplete < patience:
            return ""
        for name, times in table.counts.absent.items():
            if times == table.counts.incomplete:
                parts = self._belief.derived.get(name)
                names = (name,) if parts is None else parts.names
                unknown = next((each for each in names if each not in self._fields), name)
                return _unknown(unknown, list(self._fields), "field")
        return ""

    def _check_fields(self) -> None:
        message = self._unknown_field()
        if message:
            raise SeqbayesError(message)
        if self._begins_with(b"[") and not (self._table.used or self._table.counts.incomplete):
            raise SeqbayesError(_ARRAY)
        if self._begins_with(b"{\n") and not (self._table.used or self._table.counts.incomplete):
            raise SeqbayesError(_SPREAD)

    def _begins_with(self, start: bytes) -> bool:
        """Whether the first line is malformed and begins with these bytes."""
        return any(
            line == 1 and (each.raw.strip() + b"\n").startswith(start) for line, each in self._first
        )

    def _answer(self, screen: Screen | None, live: bool) -> None:
        """Print the beliefs, as a table or as JSON lines."""
        if self._args.json or screen is None:
            for key, state in self._table.states.items():
                texts = key if isinstance(key, tuple) else (key,)
                named = dict(zip(self._belief.by, texts, strict=True))
                line = msgspec.json.encode(describe(named, state, self._view))
                sys.stdout.buffer.write(line + b"\n")
        else:
            elapsed = max(time.monotonic() - self._started, 1e-9)
            screen.console.print(screen.picture(self._table.used / elapsed if live else None))
        sys.stdout.flush()

    def _screen(self) -> Screen:
        from seqbayes.console.live import Screen
        from seqbayes.console.screen import make_console

        states = self._table.states
        return Screen(states, self._counts, self._prior, self._view, make_console())

    def _counts(self) -> tuple[int, dict[str, int]]:
        table = self._table
        return table.used, {
            "malformed": self._malformed,
            "incomplete": table.counts.incomplete,
            "beyond --max-keys": table.counts.over_limit,
        }

    def _notice(self) -> str:
        """Return a notice to show while events are read."""
        if unknown := self._unknown_field(PATIENCE):
            return f"so far {unknown}"
        if self._table.counts.over_limit:
            return (
                f"--max-keys {self._args.max_keys:,} is reached:"
                " events with new keys or labels are skipped"
            )
        return ""

    def _report(self) -> None:
        """Print a progress line on standard error."""
        notice = self._notice()
        if notice and notice not in self._warned:
            self._warned.add(notice)
            print_error(notice)
        now = time.monotonic()
        if self._args.progress and now >= self._reported + PROGRESS_EVERY:
            self._reported = now
            rate = self._table.used / (now - self._started)
            events = count_of(self._table.used, "event")
            print_error(f"{events} ({rate:,.0f}/s), {self._malformed:,} malformed")

    def _losses(self) -> list[str]:
        """Return the numbers of skipped records and events, with the reasons, as lines of text."""
        table, lines = self._table, []
        if self._malformed:
            lines.append(f"skipped {count_of(self._malformed, 'malformed line')}:")
            for number, letter in self._first:
                start = printable(letter.raw[:200].decode(errors="backslashreplace"))
                reason = printable(letter.reason, 200)
                lines.append(f"  line {number:,}: {reason}" + (f" in {start}" if start else ""))
            rest = self._malformed - len(self._first)
            lines += [f"  and {rest:,} more"] if rest else []
            lines += [_ARRAY] if self._begins_with(b"[") and table.used else []
        if table.counts.incomplete:
            columns = ", ".join(
                f"{name!r} ({count_of(n, 'event')})" for name, n in table.counts.missing.items()
            )
            events = count_of(table.counts.incomplete, "incomplete event")
            lines.append(f"skipped {events}; missing fields: {columns}")
        if table.counts.over_limit:
            lines.append(
                f"skipped {count_of(table.counts.over_limit, 'event')}: the limit of"
                f" {self._args.max_keys:,} keys or labels (--max-keys) was reached"
            )
        return lines

    def _cut_line(self, interruption: Interruption) -> list[str]:
        """Return a message about an incomplete last line, which was not read."""
        if interruption or self._quit:
            return []
        if not isinstance(self._source, File) or not self._source.has_lines:
            return []
        if self._args.file.endswith((".gz", ".zst")):
            return []
        offset = 0 if self._token is None else self._token["offset"]
        rest = os.path.getsize(self._args.file) - offset
        return [f"skipped the incomplete last line: {rest:,} bytes"] if rest > 0 else []


def _unknown(name: str, existing: Sequence[str], kind: str) -> str:
    """Return the message for a column or field that the input does not have."""
    shown = ", ".join(printable(each, 40) for each in existing[:20]) or "none"
    more = f", … ({len(existing)} in all)" if len(existing) > 20 else ""
    hint = ""
    if (similar := similar_name(name, existing)) is not None:
        hint = f" (did you mean {similar!r}?)"
    elif near := did_you_mean(name, existing):
        hint = f" ({near.removeprefix(': ')})"
    elif len(existing) == 1 and kind == "column":
        likely = next((each for each in ";\t|," if each in existing[0]), None)
        hint = "" if likely is None else f" (should it be --delimiter {likely!r}?)"
    return f"the input has no {kind} {name!r}; its {kind}s are: {shown}{more}{hint}"
