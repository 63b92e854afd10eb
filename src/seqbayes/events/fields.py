"""The fields that beliefs read from an event, decoded once for all of them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from seqbayes.console.text import printable
from seqbayes.events.records import Block
from seqbayes.events.values import coerce, spell_value

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

Slot = tuple[str, str]
"""A field by its name, and the kind of what is read from it."""

Refuse = Callable[[int, str], None]


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
    >>> records = [b'{"sold": true, "shop": "north"}', b'{"sold":']
    >>> events, index = layout.decode(records, lambda i, reason: print(i, reason))
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

    def decode(self, records: Sequence[Any], refuse: Refuse) -> tuple[list[Any], Sequence[int]]:
        """Return the events that records hold, and the index of the record of each.

        What cannot be decoded at all is refused, with its index and the reason.
        """
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
        pairs = record.items()
        cells = (f"{spell_value(k, ascii)}: {spell_value(v, ascii)}" for k, v in pairs)
        return f"{{{', '.join(cells)}}}".encode()


def explain(error: Exception) -> str:
    """Return why a record could not be decoded."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return printable(str(error), 200)
