"""Lines decoded as one block give the same events and errors as separate lines."""

from array import array
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.events.fields import Layout
from seqbayes.events.lines import Lines
from seqbayes.events.loops import line_starts
from seqbayes.events.records import Block

PLAIN = [b'{"x": 1}', b'{"x": 2, "y": {"z": []}}', b"{}", b'{"y": "}{", "x": 0.5}']
UNUSUAL = [
    b"",
    b" ",
    b"   ",
    b" \t \r",
    b"{",
    b"}",
    b"}{",
    b"[1]",
    b"null",
    b'{"x": 1}\r',
    b' {"x": 1}',
    b'{"x": 1}{"x": 2}',
    b'{"x": 1} {"x": 2}',
    b'{"x": 1},{"x": 2}',
    b'{"y": "a}',
    b'{b"}{"x": 1}',
    b'{"y": {"x": 1}',
    b'{"x": 1}}',
    b'{"x": "1"}',
    b'{"x": null}',
    b'{"y": "\xff"}',
    b'{"x": 1e999}',
    b'{"y": ' + b"1" * 80 + b"}",
]
LAYOUT = Layout([("x", "number")])


def learned(data, cuts):
    """Return position and value of each event, and the position of each refusal."""
    splitter, events, refused = Lines(0, longest=60), [], []
    positions = sorted({0, *(c for c in cuts if c < len(data)), len(data)})
    blocks = [data[a:b] for a, b in pairwise(positions)]
    for part in [*(splitter.split(block) for block in blocks), splitter.split(b"", last=True)]:
        refused += [start for start, _, _ in part.refused]
        found, unsound = decoded(part.records, list(part.starts))
        events += found
        refused += unsound
    return events, sorted(refused)


def decoded(records, starts):
    refused = []
    events, index = LAYOUT.decode(records, lambda i, why: refused.append(starts[i]))
    values = [getattr(event.c0, "reason", event.c0) for event in events]
    return [(starts[i], value) for i, value in zip(index, values, strict=True)], refused


def one_by_one(data):
    events, refused, start = [], [], 0
    for line in data.split(b"\n"):
        if len(line) > 60:
            refused.append(start)
        elif line.strip():
            found, unsound = decoded([line], [start])
            events += found
            refused += unsound
        start += len(line) + 1
    return events, refused


@given(
    st.lists(st.sampled_from(PLAIN * 6 + UNUSUAL), max_size=12),
    st.lists(st.integers(1, 200), max_size=3),
)
def test_a_block_holds_the_same_events_as_its_lines(lines, cuts):
    data = b"\n".join(lines)
    assert learned(data, cuts) == one_by_one(data)


@pytest.mark.parametrize("irregular", UNUSUAL)
def test_two_irregular_lines_do_not_cancel_out(irregular):
    for other in UNUSUAL:
        data = b"\n".join([PLAIN[0], irregular, other, PLAIN[1], irregular, PLAIN[0], b""])
        assert learned(data, ()) == one_by_one(data)


def test_strings_have_no_newlines():
    # a block relies on this: otherwise a string could extend over two lines
    for text in (b'{"y": "}\n{"}', b'{"y}\n{": 1}', b'{"x": 1, "y": ["}\n{"]}'):
        with pytest.raises(msgspec.DecodeError, match="invalid character"):
            msgspec.json.Decoder().decode_lines(text)


def test_plain_lines_are_decoded_in_one_piece():
    part = Lines(0).split(b"\n".join([*PLAIN, b'{"x":']))
    assert isinstance(part.records, Block)
    assert part.records.whole == b"".join(line + b"\n" for line in PLAIN)
    assert list(part.records) == PLAIN
    assert [part.records[i] for i in (-1, 0)] == [PLAIN[-1], PLAIN[0]]
    assert list(part.records[1:3]) == PLAIN[1:3]
    assert part.records[2:2].whole == b""
    assert list(part.starts) == [0, 9, 34, 37]
    with pytest.raises(IndexError):
        part.records[4]


def test_line_starts_rejects_incomplete_lines():
    assert line_starts(b"", 0, 5, 10) == array("q", [5])
    for data in (b"{}", b"{}\n{}", b"{}\n{}\n{", b"\n", b"{\n", b"}\n", b"{ }\n{  }\n"):
        assert line_starts(data, len(data), 0, 3) is None, data
