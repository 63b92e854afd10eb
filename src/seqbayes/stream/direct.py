"""Learns plain records in arrays, without a Python object for each event, key or observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.errors import UnsupportedError
from seqbayes.events.belief import Belief
from seqbayes.events.field_arrays import MAX_FIELDS, FieldArrays
from seqbayes.events.fields import Layout
from seqbayes.events.records import Block, PlainCells
from seqbayes.stream.table import KeyedStates
from seqbayes.table.keys import ArrowTexts

_NUMERIC = ("number", "boolean")


class DirectLearning:
    """Learns the first records of a batch in arrays, as far as they are plain.

    The results are the same as without direct learning. It applies if every belief learns a number
    or a truth value and has at most one key field, but no conditions, weights or times.

    Parameters
    ----------
    layout
        The layout of the events.
    tables
        The states of each belief, keyed by name.
    """

    def __init__(self, layout: Layout, tables: Mapping[str, KeyedStates]) -> None:
        self._tables, self._slots = tables, layout.slots
        self._applies = (
            layout.is_direct
            and len(layout.slots) <= MAX_FIELDS
            and all(is_numeric(table.belief) for table in tables.values())
        )

    def learn(self, records: Sequence[Any]) -> dict[str, int]:
        """Learn plain records, and return how many of the first ones each belief has learned."""
        done = dict.fromkeys(self._tables, 0)
        usable = [
            name
            for name, table in self._tables.items()
            if table.columns is not None and table.observer is None
        ]
        if self._applies and usable and isinstance(records, (Block, PlainCells)) and len(records):
            fields, n = records.read_arrays(self._slots)
            for name in usable if n else ():
                if self._learn(self._tables[name], fields, n):
                    done[name] = n
        return done

    def _learn(self, table: KeyedStates, fields: FieldArrays, n: int) -> bool:
        """Learn the first n values of a belief; return whether it was possible."""
        belief, texts = table.belief, None
        for name in belief.by:
            texts = ArrowTexts(*fields.texts(self._slots.index((name, "text")), n))
        xs = fields.numbers(self._slots.index(belief.values[0]), n)
        assert table.columns is not None
        learned = table.columns.learn_arrays(texts, xs, belief.max_keys)
        table.used += n if learned else 0
        return learned


def is_numeric(belief: Belief) -> bool:
    """Whether a belief reads nothing but a number or truth value and at most one key field.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet
    >>> is_numeric(Belief("sold", Beta(), field="sold", by="shop"))
    True
    >>> is_numeric(Belief("color", Dirichlet.flat(["red", "blue"]), field="color"))
    False
    """
    special = belief.mapped or belief.where or belief.weight is not None or belief.time is not None
    if special or len(belief.by) > 1 or len(belief.values) != 1:
        return False
    if belief.values[0][1] not in _NUMERIC:
        return False
    try:
        belief.likelihood.read_many([])
    except UnsupportedError:  # a likelihood of another package may read single observations only
        return False
    return True
