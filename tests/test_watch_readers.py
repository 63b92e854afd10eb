"""Lines, whatever the chunks they come in, and CSV as its readers and writers have it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes import DirichletProcess
from seqbayes.console.text import printable
from seqbayes.errors import SeqbayesError
from seqbayes.events.columns import choose_columns
from seqbayes.watch.lines import Lines
from seqbayes.watch.readers import MOST_LINES, Csv, JsonLines, find_form

COLUMNS = choose_columns(DirichletProcess().likelihood, ["a"], ["b"], None)


class Sink:
    """Keeps what a reader hands on."""

    def __init__(self):
        self.rows = []
        self.refused = []

    def take(self, number, row):
        self.rows.append((number, *row))

    def refuse(self, number, reason, line=None):
        self.refused.append((number, reason))


def chunks(data, sizes):
    """A `read` that returns at most so many bytes at a time, in turn."""
    stream = io.BytesIO(data)
    turn = iter(sizes)
    return lambda size: stream.read(min(size, next(turn, 7)))


def read_lines(data, sizes, **limits):
    refused = []
    batches = Lines(chunks(data, sizes), lambda *line: refused.append(line), **limits)
    numbered = [(first + i, line) for first, lines in batches for i, line in enumerate(lines)]
    return numbered, refused


def read_csv(data, sizes=(), columns=COLUMNS):
    sink = Sink()
    reader = Csv(columns, sink)
    for first, lines in Lines(chunks(data, sizes), sink.refuse):
        reader.feed(first, lines)
    reader.finish()
    return sink


sizes = st.lists(st.integers(1, 20), max_size=30)
text = st.binary(max_size=60).map(lambda b: bytes(b"\n"[0] if c % 5 == 0 else c for c in b))


@given(text, sizes)
def test_lines_do_not_depend_on_chunks(data, sizes):
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    numbered, refused = read_lines(data, sizes)
    assert numbered == list(enumerate(expected, 1))
    assert refused == []


@given(text, sizes, st.integers(1, 12))
def test_long_lines_are_refused_by_number_and_the_rest_is_kept(data, sizes, longest):
    expected = list(enumerate(data.split(b"\n"), 1))
    if expected[-1][1] == b"":
        expected.pop()
    numbered, refused = read_lines(data, sizes, longest=longest)
    got = {number for number, _ in numbered} | {number for number, _ in refused}
    assert got == {number for number, _ in expected}
    # a line within one chunk costs no memory that would have to be bounded
    assert all(len(dict(expected)[number]) > longest for number, _ in refused)
    assert numbered == [line for line in expected if line[0] not in dict(refused)]


def test_a_long_line_is_not_held():
    served = 0

    def read(size):
        nonlocal served
        served += 1
        return b"x" * 1000 if served <= 500 else b""

    reader = Lines(read, lambda *line: None, longest=5000)
    held = 0
    for _ in reader:
        held = max(held, sum(map(len, reader._pieces)))
        assert not (reader._skipping and reader._pieces)
    assert served == 501
    assert held == 5000


def test_waiting_gives_the_caller_its_turn():
    answers = iter([False, False, True, True])
    batches = Lines(io.BytesIO(b"a\n").read, print, ready=lambda: next(answers))
    assert list(batches) == [(1, []), (1, []), (1, [b"a"])]


cells = st.text(st.sampled_from("ab ,\"\n;é'"), max_size=6)


@given(st.lists(st.tuples(cells, cells, cells), max_size=6), sizes, st.sampled_from(["\n", "\r\n"]))
def test_csv_reads_what_csv_writes(rows, sizes, end):
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=end)
    writer.writerows([("b", "x", "a"), *rows])
    sink = read_csv(stream.getvalue().encode(), sizes)
    expected = [tuple(row[i] if row[i].strip() else None for i in (2, 0)) for row in rows]
    assert [row[1:] for row in sink.rows] == expected
    assert sink.refused == []
    # every record is numbered by its first line
    line = 2
    for row, (number, *_) in zip(rows, sink.rows, strict=True):
        assert number == line
        line += 1 + sum(cell.count("\n") for cell in row)


@given(st.binary(max_size=200), sizes)
def test_any_bytes_are_read_or_refused(data, sizes):
    sink = read_csv(b"a,b\n" + data, sizes)
    assert all(len(row) == 3 for row in sink.rows)
    plain = Sink()
    reader = JsonLines(COLUMNS, plain)
    for first, lines in Lines(chunks(data, sizes), plain.refuse):
        reader.feed(first, lines)
    written = [line for line in data.split(b"\n") if line.strip()]
    assert len(plain.rows) + len(plain.refused) == len(written)


@given(st.binary(max_size=80))
def test_a_header_without_the_columns_is_refused_in_words(data):
    with pytest.raises(SeqbayesError) as refusal:
        read_csv(b"c," + data + b"\nd,e\nf,g\n")
    assert str(refusal.value).isprintable()


def test_a_stray_quote_costs_its_line_alone():
    data = b'a,b\n1,x\n2,"open\n3,x\n4,"whole"\n5,"two\nlines"\n6,x\n"7" 8,x\n9,5" pipe\n10,"never'
    sink = read_csv(data)
    assert [row[:2] for row in sink.rows] == [
        (2, "1"),
        (4, "3"),
        (5, "4"),
        (6, "5"),
        (8, "6"),
        (10, "9"),
    ]
    assert [number for number, _ in sink.refused] == [3, 9, 11]
    assert sink.refused[-1][1] == "a quote is never closed"


def test_an_open_quote_is_given_up_after_many_lines():
    lines = [b"a,b", b'0,"open', *(b"%d,x" % i for i in range(MOST_LINES + 500))]
    sink = read_csv(b"\n".join(lines))
    assert [number for number, _ in sink.refused] == [2]
    assert len(sink.rows) == MOST_LINES + 500


def test_a_large_open_quote_is_given_up():
    filler = b"1," + b"x" * 9000
    sink = read_csv(b'a,b\n0,"open\n' + b"\n".join([filler] * 300))
    assert [number for number, _ in sink.refused] == [2]
    assert len(sink.rows) == 300


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
    ],
)
def test_csv_lines_that_are_no_records(line, reason):
    sink = read_csv(b"a,b\n" + line + b"\n1,2\n")
    assert sink.refused == [(2, reason)]
    assert sink.rows == [(3, "1", "2")]


def test_an_unknown_json_field_is_told_early_and_at_the_end():
    sink = Sink()
    reader = JsonLines(COLUMNS, sink)
    reader.feed(1, [b'{"a": 1, "c": 2}', b'{"d": {"e": 1}}'])
    assert reader.unknown(2) == "the input has no field 'b'; its fields are: a, c, d"
    assert reader.unknown(3) == ""
    with pytest.raises(SeqbayesError, match="no field 'b'"):
        reader.finish()
    reader.feed(3, [b'{"b": null}'])
    assert reader.unknown() == ""
    reader.finish()


def test_columns_of_any_name_are_read():
    columns = choose_columns(DirichletProcess().likelihood, ["a b.c"], ["", "日本"], None)
    sink = Sink()
    JsonLines(columns, sink).feed(1, ['{"": "x", "日本": 1.5, "a b.c": "y"}'.encode()])
    assert sink.rows == [(1, "y", "x", "1.5")]


@pytest.mark.parametrize(
    ("name", "start", "form"),
    [
        ("-", b'  {"a"', "jsonl"),
        ("-", b"[", "jsonl"),
        ("-", b"a,b", "csv"),
        ("log.NDJSON", b"a,b", "jsonl"),
        ("log.tsv", b"{", "csv"),
        ("log.txt", b"\xef\xbb\xbf", "csv"),
    ],
)
def test_the_form_is_found(name, start, form):
    assert find_form(name, start) == form


@given(st.text(max_size=100))
def test_what_is_printed_moves_no_cursor(value):
    assert printable(value).isprintable()
