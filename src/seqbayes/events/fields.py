"""Event fields, decoded once for all beliefs that read them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from seqbayes.console.text import printable
from seqbayes.events.derived import Derivation, Slot, raw_slots
from seqbayes.events.expressions import Expression
from seqbayes.events.lines import replace_surrogates
from seqbayes.events.records import Block, Cells
from seqbayes.events.values import LONE_SURROGATE, InvalidValue, coerce, format_value

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
"""JSON types of the kinds of fields; a slower method decodes records that do not match them."""

Refuse = Callable[[int, str], None]


class Layout:
    """Decodes records into events that have an attribute for every slot.

    A missing field becomes UNSET, a null becomes None, and a value of another kind becomes an
    `InvalidValue`.

    Parameters
    ----------
    slots
        The fields that all beliefs read.
    text
        Whether the values of mappings are strings that must be parsed, as in CSV rows.
    derived
        Expressions of the derived fields, keyed by name.

    Examples
    --------
    >>> layout = Layout([("sold", "boolean"), ("shop", "text")])
    >>> records = [b'{"sold": true, "shop": "north"}', b'{"sold":']
    >>> events, index = layout.decode(records, lambda i, reason: print(i, reason))
    1 the JSON object is incomplete
    >>> (events[0].c0, events[0].c1), index
    ((True, 'north'), [0])
    """

    def __init__(
        self,
        slots: Iterable[Slot],
        text: bool = False,
        derived: Mapping[str, Expression] | None = None,
    ) -> None:
        derived = derived or {}
        wanted = list(dict.fromkeys(slots))
        computed = [slot for slot in wanted if slot[0] in derived]
        read = [slot for slot in wanted if slot[0] not in derived]
        self.slots = list(dict.fromkeys([*read, *raw_slots(derived)]))
        self.text = text
        names = list(dict.fromkeys(name for name, _ in self.slots))
        self._computed = {slot: f"d{i}" for i, slot in enumerate(computed)}
        event = msgspec.defstruct(
            "Event",
            [
                (f"c{i}", _STRICT[kind] | None | UnsetType, _field(name, f"c{i}", self.slots))
                for i, (name, kind) in enumerate(self.slots)
            ]
            + [
                # a field of this name in an event overwrites the value
                (each, Any, msgspec.field(default=UNSET, name=f"seqbayes.derived.{each}"))
                for each in self._computed.values()
            ],
            gc=False,
        )
        loose = msgspec.defstruct(
            "Loose",
            [(f"c{i}", Any, msgspec.field(default=UNSET, name=n)) for i, n in enumerate(names)],
        )
        self._event = event
        self._decode_loose = msgspec.json.Decoder(loose).decode
        self._name_indices = [names.index(name) for name, _ in self.slots]
        self._names = names
        # a field that is read as two kinds has no single type
        self._strict = len(names) == len(self.slots)
        decoder = msgspec.json.Decoder(event)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines
        self._derivation = Derivation(derived, computed, self._attribute) if computed else None

    @property
    def is_direct(self) -> bool:
        """Whether each field is read from records as one kind."""
        return self._strict and self._derivation is None

    def attribute(self, slot: Slot) -> str:
        """Return the name of the event attribute that holds a slot."""
        return self._attribute(slot, slot in self._computed)

    def _attribute(self, slot: Slot, computed: bool) -> str:
        return self._computed[slot] if computed else f"c{self.slots.index(slot)}"

    def decode(self, records: Sequence[Any], refuse: Refuse) -> tuple[list[Any], Sequence[int]]:
        """Return the events in `records`, and the index of the record of each event.

        `refuse` is called with the index of each record that cannot be decoded, and the reason.
        """
        events, index = self._decode_records(records, refuse)
        if self._derivation is not None:
            self._derivation.compute(events, self.text or isinstance(records, Cells))
        return events, index

    def _decode_records(
        self, records: Sequence[Any], refuse: Refuse
    ) -> tuple[list[Any], Sequence[int]]:
        if isinstance(records, Cells):
            return self._parse(records), range(len(records))
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
                refuse(i, explain(error, record))
                continue
            index.append(i)
        return events, index

    def _decode_all(self, records: Sequence[Any]) -> list[Any]:
        """Return the decoded events; fewer events than records if a record is invalid."""
        if isinstance(records, Block):
            return self._decode_lines(records.whole)
        if isinstance(records[0], (bytes, bytearray, memoryview)):
            return list(map(self._decode, records))
        return []

    def _parse(self, records: Cells) -> list[Any]:
        """Return the events in CSV rows, parsed column by column."""
        header = records.header
        found = [(header.index(name), kind) for name, kind in self.slots if name in header]
        values = iter(records.read(found))
        columns = [
            next(values) if name in header else [_absent(name, header)] * len(records)
            for name, _ in self.slots
        ]
        return list(map(self._event, *columns))

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
            coerce(values[i], kind, text)
            for i, (_, kind) in zip(self._name_indices, self.slots, strict=True)
        ]
        return self._event(*cells)


def _absent(name: str, header: Sequence[str]) -> Any:
    """Return the placeholder for the cells of a column that is missing from the header."""
    similar = similar_name(name, header)
    if similar is None:
        return UNSET
    return InvalidValue(f"the column is missing; did you mean {similar!r}?")


def similar_name(name: str, header: Sequence[str]) -> str | None:
    """Return the first column whose name matches, ignoring case and whitespace around it, or None.

    Examples
    --------
    >>> similar_name("x", ["k", " x"])
    ' x'
    """
    return next((n for n in header if n.strip().lower() == name.strip().lower()), None)


def _field(name: str, attribute: str, slots: Sequence[Slot]) -> Any:
    # two attributes cannot share an encoded name; such a type is never used for decoding
    shared = sum(name == other for other, _ in slots) > 1
    return msgspec.field(default=UNSET, name=attribute if shared else name)


def write_record(record: Mapping[Any, Any]) -> bytes:
    r"""Return a record as JSON, or as Python's repr if JSON cannot represent a value.

    Examples
    --------
    >>> write_record({"shop": "north"}), write_record({"shop": "\ud800"})
    (b'{"shop":"north"}', b"{'shop': '\\ud800'}")
    """
    try:
        return msgspec.json.encode(record, enc_hook=str)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        pairs = record.items()
        cells = (f"{format_value(k, ascii)}: {format_value(v, ascii)}" for k, v in pairs)
        return f"{{{', '.join(cells)}}}".encode()


def explain(error: Exception, record: Any = None) -> str:
    r"""Return the reason why a record could not be decoded.

    Parameters
    ----------
    error
        The decoder's error.
    record
        The record.

    Examples
    --------
    >>> explain(ValueError("Number out of range"))
    'a number is too large: expected at most 1.8e308'
    """
    text = str(error)
    if isinstance(error, UnicodeDecodeError) or "Invalid UTF-8" in text:  # version-dependent
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(record, (bytes, bytearray, memoryview)):
        data = bytes(record)
        if b"\0" in data[:4]:
            return "not UTF-8: it looks like UTF-16 or binary data"
        if ("surrogate" in text or "truncated" in text) and replace_surrogates(data) != data:
            return LONE_SURROGATE
        if not data.strip():
            return "the record is empty"
    if "truncated" in text:
        return "the JSON object is incomplete"
    if "out of range" in text:
        return "a number is too large: expected at most 1.8e308"
    return printable(text, 200)
