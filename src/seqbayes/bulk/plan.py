"""The SQL for several selections from the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seqbayes.bulk.relation import Relation
from seqbayes.bulk.selection import Selection, SelectionQuery
from seqbayes.bulk.sums import Aggregated, aggregate_rows


class Plan:
    """The SQL for several selections from the same rows.

    A row is aggregated if it is certain to be accepted by every belief that selects it. All other
    rows are `doubtful`.

    Parameters
    ----------
    relation
        The rows.
    selections
        The selections.
    within
        The condition that selects the rows to read; it is never NULL.
    """

    def __init__(
        self, relation: Relation, selections: Sequence[Selection], within: str = "TRUE"
    ) -> None:
        self.relation, self._within = relation, within
        self.unconditional = not any(each.where for each in selections)
        self._parts = [
            SelectionQuery(relation, each, f"sb{i}_" if i else "sb_")
            for i, each in enumerate(selections)
        ]
        self._items = ", ".join(item for part in self._parts for item in part.items)
        self.size = len(self._parts)
        self._certain = " AND ".join(
            [each for each in (relation.certain, *(p.certain for p in self._parts)) if each]
        )

    def doubtful(self) -> Iterator[tuple[Any, Any]]:
        """Yield the number and the record of each row that is not aggregated."""
        condition = f"(NOT ({self._within}) OR ({self._certain}))"
        return self.relation.doubtful(self._items, condition)

    def count(self) -> int:
        """Return the number of rows to read."""
        sql = f"SELECT COUNT(*) AS n FROM {self.relation.table} WHERE {self._within}"
        (n,) = self.relation.select(sql)["n"]
        return int(n)

    def aggregate(self, i: int) -> Aggregated:
        """Return the statistics of a selection.

        Raises
        ------
        ObservationError
            If a sum overflows.
        """
        part = self._parts[i]
        conditions = [self._within, self._certain, part.chosen]
        where = " AND ".join(each for each in conditions if each != "TRUE")
        rows = f"(SELECT *, {self._items} FROM {self.relation.table}) AS sb_all WHERE {where}"
        return aggregate_rows(self.relation, part, rows)


def aggregate(relation: Relation, selection: Selection) -> tuple[Aggregated, Plan]:
    """Return the statistics of one selection, and its plan."""
    plan = Plan(relation, [selection])
    return plan.aggregate(0), plan
