"""Records of JSON Lines and CSV, in blocks of any size, and the reasons of refusals."""

import csv
import datetime
import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.console.text import printable
from seqbayes.errors import ObservationError, SourceError
from seqbayes.events.fields import Layout
from seqbayes.events.lines import Lines
from seqbayes.events.rows import MAX_ROW_LINES, CsvRows, Sniffed, find_format
from seqbayes.events.values import coerce, parse_column, parse_number

BOM = b"\xef\xbb\xbf"


def split(splitter, data, cuts=()):
    """Return records, their lines, and line and reason of each refusal."""
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    blocks = [data[a:b] for a, b in pairwise(places)]
    found, refused = [], []
    for part in [*(splitter.split(block) for block in blocks), splitter.split(b"", last=True)]:
        records = [r if isinstance(r, bytes) else tuple(r.values()) for r in part.records]
        found += zip(map(part.line_of, part.starts), records, strict=True)
        refused += [(part.line_of(start), reason) for start, _, reason in part.refused]
    return found, refused


cuts = st.lists(st.integers(1, 200), max_size=8)
text = st.binary(max_size=60).map(lambda b: bytes(b"\n"[0] if c % 5 == 0 else c for c in b))


@given(text, cuts)
def test_lines_are_numbered_in_blocks_of_any_size(data, cuts):
    data = b"{}\n" + data
    expected = [(i, line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    assert split(Lines(0), data, cuts) == (expected, [])


@given(text, cuts, st.integers(2, 12))
def test_long_lines_are_rejected_with_their_numbers(data, cuts, longest):
    data = b"{}\n" + data
    expected = [(i, line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip() or line]
    found, refused = split(Lines(0, longest), data, cuts)
    assert found == [e for e in expected if e[1].strip() and len(e[1]) <= longest]
    assert [n for n, _ in refused] == [n for n, line in expected if len(line) > longest]


cells = st.text(st.sampled_from("ab ,\"\n;é'"), max_size=6)


@given(st.lists(st.tuples(cells, cells, cells), max_size=6), cuts, st.sampled_from(["\n", "\r\n"]))
def test_csv_reads_what_csv_writes(rows, cuts, end):
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end).writerows([("b", "x", "a"), *rows])
    found, refused = split(CsvRows(0), stream.getvalue().encode(), cuts)
    line, expected = 2, []
    for row in rows:  # every row is numbered by its first line
        expected.append((line, row))
        line += 1 + sum(cell.count("\n") for cell in row)
    assert (found, refused) == (expected, [])


@given(st.binary(max_size=200), cuts)
def test_any_bytes_are_read_or_rejected(data, cuts):
    found, refused = split(CsvRows(0), b"a,b\n" + data, cuts)
    assert all(len(row) == 2 for _, row in found)
    assert all(reason.isprintable() for _, reason in refused)
    found, refused = split(Lines(0), b"{}\n" + data, cuts)
    layout = Layout([("a", "number"), ("b", "text")])
    events, index = layout.decode([line for _, line in found], lambda i, why: refused.append(why))
    written = [line for line in data.split(b"\n") if line.strip()]
    assert len(events) + len(refused) == len(written) + 1


@pytest.mark.parametrize("start", [b"", BOM])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2,3", "expected 2 cells, got 3"),
        (b"1", "expected 2 cells, got 1"),
        (b"\xff,1", "not UTF-8"),
        (b'"\xff",1', "not UTF-8"),
        (b"\x00,1", "a NUL byte"),
        (b'"1"x,2', "',' expected after '\"'"),
        (b'"a\rb",1,2', "expected 2 cells, got 3"),
        (b"a\rb,1", "a carriage return within the row (rows end with \\n or \\r\\n)"),
        (b'"a,1', "a quote is never closed"),
    ],
)
def test_invalid_rows(line, reason, start, end):
    data = start + end.join([b"a,b", line, b"1,2", b""])
    assert split(CsvRows(0), data) == ([(3, ("1", "2"))], [(2, reason)])


def test_a_stray_quote_invalidates_only_its_line():
    data = b'a,b\n1,x\n2,"open\n3,x\n4,"whole"\n5,"two\nlines"\n6,x\n"7" 8,x\n9,5" pipe\n10,"never'
    found, refused = split(CsvRows(0), data)
    assert [(line, row[0]) for line, row in found] == [
        (2, "1"),
        (4, "3"),
        (5, "4"),
        (6, "5"),
        (8, "6"),
        (10, "9"),
    ]
    assert [line for line, _ in refused] == [3, 9, 11]
    assert refused[-1][1] == "a quote is never closed"


def test_an_unclosed_quote_is_limited_to_a_number_of_lines():
    lines = [b"a,b", b'0,"open', *(b"%d,x" % i for i in range(MAX_ROW_LINES + 500))]
    found, refused = split(CsvRows(0), b"\n".join(lines))
    assert [line for line, _ in refused] == [2]
    assert len(found) == MAX_ROW_LINES + 500


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-be"), "UTF-16"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\x28\xb5\x2f\xfd\x00", "compressed"),
        (b"a,b\r1,2\r", "carriage return alone"),
        (b"a,a\n1,2\n", "several columns named 'a'"),
        (b'a,"b\n1,2\n', "cannot read the CSV header: a quote is never closed"),
        (b"\xff,b\n1,2\n", "cannot read the CSV header: not UTF-8"),
    ],
)
def test_inputs_that_cannot_be_read(data, message):
    with pytest.raises(SourceError, match=message):
        split(CsvRows(0), data)


@pytest.mark.parametrize(
    ("start", "form"),
    [(b'  {"a"', "jsonl"), (b"[", "jsonl"), (b"a,b", "csv"), (BOM + b"{", "jsonl"), (BOM, None)],
)
def test_the_format_is_detected(start, form):
    assert find_format(start) == form


@given(cuts)
def test_a_format_is_detected_in_blocks_of_any_size(cuts):
    assert split(Sniffed(), b"\n \n{}\n1\n", cuts) == ([(3, b"{}"), (4, b"1")], [])
    assert split(Sniffed(), b"\n \na,b\n1,2\n", cuts) == ([(4, ("1", "2"))], [])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (rb'{"k": "\ud800"}', "a string with a lone surrogate, half of a character"),
        (rb'{"k": "a\ud800b"}', "a string with a lone surrogate, half of a character"),
        (rb'{"k": "\udc00"}', "a string with a lone surrogate, half of a character"),
        (rb'{"k": "\ud83d\ude00\ud83d"}', "a string with a lone surrogate, half of a character"),
        (b'{"k": "\xff"}', "not UTF-8"),
        ('{"k": 1}'.encode("utf-16"), "not UTF-8: it looks like UTF-16 or binary data"),
        (b'{"k": 1e400}', "a number is too large: expected at most 1.8e308"),
        (b'{"k": "a"', "the JSON object is incomplete"),
        (b'{"z":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_records_that_cannot_be_decoded(record, reason):
    refused = []
    events, _ = Layout([("k", "text")]).decode([record], lambda i, why: refused.append(why))
    assert (events, refused) == ([], [reason])


def test_a_lone_surrogate_at_the_end_of_a_file_is_not_an_incomplete_line():
    lines = Lines(0)
    lines.split(rb'{"k": "\ud800"}')
    assert not lines.is_cut_short
    lines = Lines(0)
    lines.split(rb'{"k": "\ud83d')
    assert lines.is_cut_short


@pytest.mark.parametrize(
    ("value", "kind", "text", "reason"),
    [
        ("12abc", "number", True, "expected a number, got '12abc'"),
        ("1" + 400 * "0", "number", True, "is too large: expected at most 1.8e308"),
        ("1e400", "number", True, "the number 1e400 is too large"),
        (10**400, "number", False, "is too large: expected at most 1.8e308"),
        ("5", "number", False, "got the string '5': remove its quotation marks"),
        ("1710054000", "time", False, "got the string '1710054000': remove its quotation marks"),
        ("yes", "boolean", False, "expected true, false, 1 or 0 without quotation marks"),
        ("maybe", "boolean", True, "expected true, false, yes, no, 1 or 0, got 'maybe'"),
        ("noon", "time", False, "expected a time in RFC 3339, got 'noon'"),
        ("\ud800", "text", False, "a string with a lone surrogate"),
        ({}, "text", False, "expected a string, got {}"),
    ],
)
def test_invalid_values(value, kind, text, reason):
    assert reason in coerce(value, kind, text).reason


numbers = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=4),
    st.sampled_from(["", " ", " 1 ", "1_0", "１", "0x1", "nan", "inf", "-inf", "1e400", "true"]),
)


@given(st.lists(numbers, max_size=5), st.sampled_from(["number", "boolean", "text", "time"]))
def test_a_column_is_parsed_like_its_cells(cells, kind):
    def shown(value):
        return getattr(value, "reason", repr(value))

    alone = [shown(coerce(cell, kind, text=True)) for cell in cells]
    assert [shown(value) for value in parse_column(cells, kind)] == alone


@given(st.floats(allow_nan=False))
def test_numbers_are_parsed_exactly(number):
    assert parse_number(f" {number!r}") == number


def test_a_time_is_the_same_text_in_every_zone():
    zone = datetime.timezone(datetime.timedelta(hours=9))
    time = datetime.datetime(2024, 5, 1, 6, tzinfo=zone)
    for each in (time, time.astimezone(datetime.UTC)):
        assert coerce(each, "text") == "2024-04-30 21:00:00+00:00"
    assert coerce(time.replace(tzinfo=None), "text") == "2024-05-01 06:00:00"
    first = datetime.datetime.min.replace(tzinfo=zone)  # UTC would be in the year before
    assert coerce(first, "text") == "0001-01-01 00:00:00+09:00"
    assert coerce(time.date(), "text") == "2024-05-01"


def test_underscores_are_not_digits():
    for cell in ("1_0", "１", "0x1", "1e", "--1"):
        with pytest.raises(ObservationError, match="expected a number"):
            parse_number(cell)


@pytest.mark.parametrize(
    ("value", "key"),
    [(1, "1"), (1.0, "1"), (1e3, "1000"), ("1.0", "1.0"), (2**70, str(2**70)), (True, "true")],
)
def test_keys_have_one_format(value, key):
    (event,), _ = Layout([("k", "text")]).decode([json.dumps({"k": value}).encode()], print)
    assert str(event.c0) == key


@given(st.text(max_size=100))
def test_printed_text_contains_no_control_characters(value):
    assert printable(value).isprintable()
