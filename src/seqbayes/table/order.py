"""The order in which keys were last observed."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


class Order:
    """The position of the last observation of every row.

    Examples
    --------
    >>> order = Order()
    >>> order.touch([0, 1, 0], 2)
    >>> order.rows()
    array([1, 0])
    """

    def __init__(self) -> None:
        self._last: Array = np.zeros(0, np.int64)
        self._count = self._n = 0

    @classmethod
    def of(cls, last: Array) -> Order:
        """Return the order given by these positions."""
        order = cls()
        order.touch(np.argsort(last, kind="stable"), len(last))
        return order

    def touch(self, rows: Any, n_rows: int) -> None:
        """Move these rows to the end, in this order; new rows are appended first."""
        if n_rows > len(self._last):
            grown = np.zeros(max(n_rows, 2 * len(self._last)), np.int64)
            grown[: len(self._last)] = self._last
            self._last = grown
        # if a row occurs several times, its last position counts
        self._last[rows] = np.arange(self._count + 1, self._count + 1 + len(rows))
        self._count += len(rows)
        self._n = n_rows

    def last(self, n: int) -> Array:
        """Return the positions of the first n rows."""
        return self._last[:n]

    def rows(self) -> Array:
        """Return the rows, least recently observed first."""
        return np.argsort(self._last[: self._n], kind="stable")

    def take(self, rows: Array) -> Order:
        """Return the order of some rows."""
        return Order.of(self._last[rows])
