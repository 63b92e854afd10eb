"""The fields that beliefs read from an event, decoded once for all of them."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from seqbayes.console.text import printable
from seqbayes.errors import ObservationError
from seqbayes.stream.block import Block
from seqbayes.stream.source import Batch
from seqbayes.watch.columns import parse_boolean, parse_number, parse_text

_STRICT: dict[str, Any] = {
    "number": float,
    "boolean": bool | float,
    "text": str | int,
    "time": float | datetime.datetime,
    "pair": tuple[float, float],
    "counts": dict[str, float],
    "any": Any,
    "feature": Any,
    "label": Any,
}
"""How a kind of field is decoded from JSON at full speed; what does not fit is looked at again."""

LONGEST_INTEGER = 4096
"""Most bits of an integer; Python spells no more than 4,300 digits."""

Slot = tuple[str, str]
"""A field by its name, and the kind of what is read from it."""

Refuse = Callable[[int, str], None]


class Misfit:
    """What stands where a value was of no use, with the reason."""

    __slots__ = ("reason",)
    __hash__ = None  # type: ignore[assignment]  # so that it is no label either

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Layout:
    """Decodes records into events that have an attribute for every slot.

    A field that an event does not have is UNSET there, a null is None, and a value that does not
    fit is a `Misfit`.

    Parameters
    ----------
    slots
        What is read, by all beliefs together.
    text
        Whether decoded records hold cells of text, which are parsed.

    Examples
    --------
    >>> layout = Layout([("sold", "boolean"), ("shop", "text")])
    >>> batch = Batch([b'{"sold": true, "shop": "north"}', b'{"sold":'], None, [0, 1])
    >>> events, index = layout.decode(batch, lambda i, reason: print(i, reason))
    1 Input data was truncated
    >>> (events[0].c0, events[0].c1), index
    ((True, 'north'), [0])
    """

    def __init__(self, slots: Iterable[Slot], text: bool = False) -> None:
        self.slots = list(dict.fromkeys(slots))
        self.text = text
        names = list(dict.fromkeys(name for name, _ in self.slots))
        event = msgspec.defstruct(
            "Event",
            [
                (f"c{i}", _STRICT[kind] | None | UnsetType, _field(name, f"c{i}", self.slots))
                for i, (name, kind) in enumerate(self.slots)
            ],
            gc=False,
        )
        loose = msgspec.defstruct(
            "Loose",
            [(f"c{i}", Any, msgspec.field(default=UNSET, name=n)) for i, n in enumerate(names)],
        )
        self._event = event
        self._decode_loose = msgspec.json.Decoder(loose).decode
        self._places = [names.index(name) for name, _ in self.slots]
        self._names = names
        # a field that is read as two kinds has no one type
        self._strict = len(names) == len(self.slots)
        decoder = msgspec.json.Decoder(event)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines

    def attribute(self, slot: Slot) -> str:
        """Return the attribute of an event that holds the slot."""
        return f"c{self.slots.index(slot)}"

    def decode(self, batch: Batch, refuse: Refuse) -> tuple[list[Any], Sequence[int]]:
        """Return the events of a batch, and the index of each in it.

        What cannot be decoded at all is refused, with its index and the reason.
        """
        records: Sequence[Any] = batch.records
        if self._strict and records:
            try:
                events = self._decode_all(records)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                events = []
            if len(events) == len(records):
                return events, range(len(records))
        events, index = [], []
        for i, record in enumerate(records):
            try:
                events.append(self._read(record))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                refuse(i, explain(error))
                continue
            index.append(i)
        return events, index

    def _decode_all(self, records: Sequence[Any]) -> list[Any]:
        """Return the events; as many as there are records only if all of these are sound."""
        if isinstance(records, Block):
            return self._decode_lines(records.whole)
        if isinstance(records[0], (bytes, bytearray, memoryview)):
            return list(map(self._decode, records))
        return []

    def _read(self, record: Any) -> Any:
        if isinstance(record, Mapping):
            values = [record.get(name, UNSET) for name in self._names]
        else:
            if self._strict:
                try:
                    return self._decode(record)
                except msgspec.ValidationError:
                    pass
            values = msgspec.structs.astuple(self._decode_loose(record))  # type: ignore[assignment]
        text = self.text and isinstance(record, Mapping)
        cells = [
            coerce(values[place], kind, text)
            for place, (_, kind) in zip(self._places, self.slots, strict=True)
        ]
        return self._event(*cells)


def _field(name: str, attribute: str, slots: Sequence[Slot]) -> Any:
    # two attributes cannot have one name; where they would, this type decodes nothing anyway
    shared = sum(name == other for other, _ in slots) > 1
    return msgspec.field(default=UNSET, name=attribute if shared else name)


def write_record(record: Mapping[Any, Any]) -> bytes:
    r"""Return a record as JSON; what JSON has no form for as Python spells it, to be read by eye.

    Examples
    --------
    >>> write_record({"shop": "north"}), write_record({"shop": "\ud800"})
    (b'{"shop":"north"}', b"{'shop': '\\ud800'}")
    """
    try:
        return msgspec.json.encode(record, enc_hook=str)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        cells = (f"{_spell(name, ascii)}: {_spell(value, ascii)}" for name, value in record.items())
        return f"{{{', '.join(cells)}}}".encode()


def _spell(value: Any, spell: Callable[[Any], str] = repr) -> str:
    try:
        return spell(value)
    except ValueError:  # of an integer of thousands of digits
        return f"<{type(value).__name__}>"


def explain(error: Exception) -> str:
    """Return why a record could not be decoded."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return printable(str(error), 200)


def coerce(value: Any, kind: str, text: bool = False) -> Any:
    """Return a value as its kind has it; a `Misfit` where it does not fit.

    Parameters
    ----------
    value
        What a decoded record holds.
    kind
        "number", "boolean", "text", "time", "pair", "counts", or "any"; of an estimator, "feature",
        which is a number where a cell of text reads as one, or "label", which stays a text.
    text
        Whether a string is a cell of text, to be parsed.

    Examples
    --------
    >>> coerce(3, "text"), coerce("0.5", "number", text=True)
    ('3', 0.5)
    >>> coerce("0.5", "feature", text=True), coerce("0.5", "label", text=True)
    (0.5, '0.5')
    >>> coerce("0.5", "number").reason
    "expected a number, got '0.5'"
    """
    if value is None or value is UNSET:
        return value
    try:
        return _COERCE[kind](value, text)
    except ObservationError as error:
        return Misfit(str(error))


def _number(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_number(value)
    if isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool):
        return _storable(value)
    raise _unfit("a number", value)


def _boolean(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_boolean(value)
    return value if isinstance(value, bool) else _number(value, text)


def _text(value: Any, text: bool) -> Any:
    if isinstance(value, str):
        return parse_text(_storable(value)) if text else _storable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(float(value))
    if isinstance(value, (numbers.Integral, Decimal, datetime.date)):
        return str(_storable(value))
    raise _unfit("a text", value)


def _time(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            if not text:
                raise _unfit("a time as RFC 3339 has it", value) from None
    return _number(value, text)


def _pair(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return tuple(_number(each, False) for each in value)
    raise _unfit("two numbers", value)


def _counts(value: Any, text: bool) -> Any:
    if isinstance(value, Mapping):
        return {_text(label, False): _number(count, False) for label, count in value.items()}
    raise _unfit("an object of counts", value)


def _any(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)):
        for each in value:
            _any(each, text)
    return _storable(value)


def _storable(value: Any) -> Any:
    """Return a value if it can be written down.

    Raises
    ------
    ObservationError
        If it is an integer of thousands of digits, which no state could tell of, or a text with
        half of a character.
    """
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ObservationError(f"expected a text, got {value[:60]!a}") from None
    elif isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        raise ObservationError(f"expected a number below 2**{LONGEST_INTEGER}")
    return value


def _feature(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.date):
        return str(value)
    if not (text and isinstance(value, str)):
        return _any(value, text)
    try:
        return parse_number(value)
    except ObservationError:
        return _storable(value)


def _label(value: Any, text: bool) -> Any:
    if isinstance(value, (str, datetime.date)):
        return _text(value, text)
    return _any(value, text)


def _unfit(expected: str, value: Any) -> ObservationError:
    return ObservationError(f"expected {expected}, got {printable(_spell(value))}")


_COERCE: dict[str, Callable[[Any, bool], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "time": _time,
    "pair": _pair,
    "counts": _counts,
    "any": _any,
    "feature": _feature,
    "label": _label,
}


def seconds(value: Any, unit: float = 1.0) -> Any:
    """Return a time as seconds since 1970; one without a zone is UTC.

    Parameters
    ----------
    value
        A number of units, a `datetime`, or whatever stands for a missing time, which is returned.
    unit
        Seconds in a unit.

    Examples
    --------
    >>> seconds(datetime.datetime(2024, 1, 1)), seconds(1704067200000, 1e-3)
    (1704067200.0, 1704067200.0)
    """
    if type(value) is float and unit == 1.0:
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.UTC)
        return value.timestamp()
    if isinstance(value, (numbers.Real, Decimal)):
        try:
            return float(value) * unit
        except (OverflowError, ValueError):  # over 1e308; a signalling decimal
            return Misfit(f"expected a time, got {printable(repr(value))}")
    return value
