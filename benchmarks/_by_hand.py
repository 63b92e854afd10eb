"""A handwritten loop, the peer of `stream_files.py`; it imports only what it needs."""

import csv
import gzip
import sqlite3
import sys
from pathlib import Path

import msgspec


class Sale(msgspec.Struct):
    """The fields of an event."""

    shop: str
    sold: bool


def by_hand(path: Path, store: Path) -> None:
    """Learn a Beta state for each key, and store all of them."""
    beliefs: dict[str, list[float]] = {}
    opened = gzip.open if path.suffix == ".gz" else open
    if ".csv" in path.suffixes:
        truth = {"true": True, "false": False}
        with opened(path, "rt", newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = next(rows)
            shop, sold = header.index("shop"), header.index("sold")
            for row in rows:
                beliefs.setdefault(row[shop], [1.0, 1.0])[not truth[row[sold]]] += 1.0
    else:
        decode = msgspec.json.Decoder(Sale).decode
        with opened(path, "rb") as file:
            for line in file:
                sale = decode(line)
                beliefs.setdefault(sale.shop, [1.0, 1.0])[not sale.sold] += 1.0
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE beliefs (shop TEXT PRIMARY KEY, a REAL, b REAL)")
        connection.executemany(
            "INSERT INTO beliefs VALUES (?, ?, ?)"
            " ON CONFLICT (shop) DO UPDATE SET a = excluded.a, b = excluded.b",
            ((key, a, b) for key, (a, b) in beliefs.items()),
        )
    connection.close()


if __name__ == "__main__":
    by_hand(*map(Path, sys.argv[1:]))
