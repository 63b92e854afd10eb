"""Rows read from bytes give the same cells, values and refusals as rows of the csv module."""

import csv
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.events import cells as cells_module
from seqbayes.events import rows
from seqbayes.events.fields import Layout
from seqbayes.events.records import Cells, PlainCells
from seqbayes.events.rows import CsvRows

CELLS = [
    *("", " ", "\t", "a", "A b", "é", "\u00a0", "\u2003x", "\x1c", "0", "1", "true", "True", "no"),
    *("false", "yes", "-0", "+5", "5.", ".5", ".", "-", "1e3", "1E999", "-inf", "nan", "1_000"),
    *("1.5.2", "٣", "0.1", "123456789012345", "1234567890123456", "0.000000000000001", " 2 "),
    *(
        "1.7976931348623157e308",
        "2024-05-01",
        "a\rb",
        '"',
        '""',
        '"a"',
        '"a,b"',
        '"a\nb"',
        '"a""b"',
    ),
    *('a"b', '"a"b', ' "a"', '"\r"', '"1"', '""""', "\0", "\ud800"),
]
KINDS = ["text", "number", "boolean", "time", "any", "feature", "label"]


def read(data, cuts, longest, delimiter=","):
    """Return the cells and values of each row, and the refused input, read in blocks."""
    splitter, found, refused = CsvRows(0, longest, delimiter), [], []
    ends = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    parts = [splitter.split(data[a:b]) for a, b in pairwise(ends)]
    for part in [*parts, splitter.split(b"", last=True)]:
        refused += part.refused
        assert len(part.records) == len(part.starts)
        if len(part.records):
            values = decoded(part.records)
            again = [decoded(part.records[i : i + 1])[0] for i in range(len(part.records))]
            assert again == values
            found += zip(part.starts, part.records, values, strict=True)
    return found, refused


def decoded(records):
    names = [name for name in records.header if name.isalpha()]
    layout = Layout([(name, kind) for kind in KINDS for name in names], text=True)
    events, index = layout.decode(records, lambda i, why: pytest.fail(why))
    assert list(index) == list(range(len(records)))
    attributes = [layout.attribute(slot) for slot in layout.slots]
    return [[shown(getattr(event, each)) for each in attributes] for event in events]


def shown(value):
    return getattr(value, "reason", f"{type(value).__name__} {value!r}")


@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=3), max_size=8),
    st.lists(
        st.sampled_from(["\n", "\r\n", "\n", "\n\n", "\r\r\n", " \n"]), min_size=8, max_size=8
    ),
    st.lists(st.integers(1, 80)),
    st.sampled_from([",", "\t", ";", "1", " "]),
    st.sampled_from([10, 1000]),
)
def test_hostile_rows_are_the_same_without_the_fast_method(cells, ends, cuts, delimiter, longest):
    text = "".join(delimiter.join(row) + end for row, end in zip(cells, ends, strict=False))
    data = f"a{delimiter}b\n{text}".encode(errors="surrogatepass")
    found = read(data, cuts, longest, delimiter)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "row_starts", lambda *_: None)
        assert read(data, cuts, longest, delimiter) == found


@given(st.lists(st.lists(st.sampled_from(CELLS[:22]), min_size=3, max_size=3), min_size=2))
def test_plain_cells_agree_with_the_csv_module(cells):
    cells = [[f"{cell}x" for cell in row] for row in cells]
    data = "a,b,c\n" + "".join(",".join(row) + "\n" for row in cells)
    part = CsvRows(0).split(data.encode())
    assert list(part.records.rows) == list(csv.reader(data.split("\n")[1:-1]))
    assert part.records == Cells(["a", "b", "c"], cells)


@given(st.from_regex(r"-?[0-9]{0,17}(\.[0-9]{0,17})?", fullmatch=True))
def test_numbers_are_rounded_like_those_of_python(text):
    part = CsvRows(0).split(f"x,y\n{text},\n".encode())
    ((value,),) = part.records.read([(0, "number")])
    try:
        expected = float(text)
    except ValueError:
        assert not isinstance(value, float)
    else:
        assert (value, math.copysign(1.0, value)) == (expected, math.copysign(1.0, expected))


@pytest.mark.skipif(
    cells_module.__file__.endswith(".py"), reason="the fast method needs compiled modules"
)
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a,b\n1,2\n", True),
        ('a,b\r\n"1, 2",3\r\n,\r\n', True),
        ("a,b\n1,é\n", True),
        ("a,b\n1\n", False),
        ("a,b\n1,2,3\n", False),
        ('a,b\n"1""2",3\n', False),
        ("a,b\n\n1,2\n", False),
    ],
)
def test_only_plain_rows_are_read_from_bytes(text, plain):
    assert isinstance(CsvRows(0).split(text.encode()).records, PlainCells) is plain
