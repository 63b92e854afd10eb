"""Rows of JSON Lines and CSV files, read by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seqbayes.bulk.dialects import Column, literal, quoted
from seqbayes.bulk.relation import NUMBER, DuckRelation

MAX_LINE_BYTES = 16 << 20
"""Maximum number of bytes of a JSON line."""


class JsonRelation(DuckRelation):
    """The fields of a JSON Lines file. `doubtful` yields row numbers without records.

    Parameters
    ----------
    path
        The file, which may be compressed.
    names
        The fields that are read.
    """

    def __init__(self, path: str, names: Sequence[str]) -> None:
        paths = ", ".join(literal(f'$."{name}"') for name in names)
        # lines in which a name occurs twice are doubtful: DuckDB uses the first field, streams the
        # last
        single = " AND ".join(
            f"LENGTH(json) - LENGTH(REPLACE(json, {literal(quoted(name))}, ''))"
            f" = {len(quoted(name))}"
            for name in names
        )
        fields = ", ".join(f"sb_e[{i}] AS {quoted(name)}" for i, name in enumerate(names, 1))
        super().__init__(
            f"SELECT {fields}, sb_single FROM"
            f" (SELECT json_extract(json, [{paths}]) AS sb_e, ({single}) AS sb_single FROM"
            f" read_json_objects({literal(path)}, format = 'newline_delimited',"
            f" ignore_errors = true, maximum_object_size = {MAX_LINE_BYTES}))"
        )
        self.certain = "sb_single"
        self.columns = {name: Column(quoted(name), "json") for name in names}

    def doubtful(self, inner: str, condition: str) -> Iterator[tuple[Any, Any]]:
        """Yield the position of each row for which a condition is not true, paired with None."""
        return numbers(self, inner, condition)


class CsvRelation(DuckRelation):
    """The cells of a CSV file. `doubtful` yields row numbers without records.

    Parameters
    ----------
    path
        The file, which may be compressed.
    header
        The names of the columns.
    delimiter
        The delimiter of cells.
    """

    def __init__(self, path: str, header: Sequence[str], delimiter: str) -> None:
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
        super().__init__(
            f"SELECT * FROM read_csv({literal(path)}, columns = {{{columns}}}, header = true,"
            f" delim = {literal(delimiter)}, quote = '\"', escape = '\"', auto_detect = false,"
            " strict_mode = true, null_padding = false)"
        )
        self.columns = {name: Column(quoted(name), "cell") for name in header}

    def doubtful(self, inner: str, condition: str) -> Iterator[tuple[Any, Any]]:
        """Yield the position of each row for which a condition is not true, paired with None."""
        return numbers(self, inner, condition)


def numbers(relation: DuckRelation, inner: str, condition: str) -> Iterator[tuple[Any, Any]]:
    """Yield, in order and paired with None, the numbers of rows where a condition is not true."""
    sql = (
        f"SELECT {NUMBER} FROM (SELECT *, {inner} FROM {relation.numbered}) AS sb_all"
        f" WHERE NOT COALESCE({condition}, FALSE) ORDER BY {NUMBER}"
    )
    for record in relation.records(sql):
        yield record[NUMBER], None
