"""Expressions over the fields of an event: values, missing values, errors, and their use."""

import json
import math
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes import Beta, NormalInverseGamma
from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief, layout_of
from seqbayes.events.derived import derive
from seqbayes.events.expressions import Expression, is_expression
from seqbayes.events.fields import Layout
from seqbayes.events.reader import Reader
from seqbayes.events.records import Cells
from seqbayes.events.values import InvalidValue

UNSET = msgspec.UNSET


def value(text, event=None, *, cells=False):
    """Return the value of an expression for an event."""
    expression = Expression(text)
    values = [(event or {}).get(name, UNSET) for name in expression.names]
    return expression.evaluate(values, cells)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("(1 + 2) * -3", -9),
        ("-x", -4),
        ("x / 3", 4 / 3),
        ("big - small", 1),
        ("log(e)", 1.0),
        ("log10(1000) + log2(8) + sqrt(4) + abs(-1) + exp(0)", 10.0),
        ("max(x, 2, 7) - min(x, 9)", 3),
        ("floor(2.7) + round(2.7)", 5),
        ("bucket(x, 3)", 3),
        ("bucket(-0.1, 2)", -2),
        ("bucket(0.3, 0.1)", 0.2),  # the double 0.3 is below 3/10
        ("bucket(0.30000000000000005, 0.1)", 0.3),
        ("bucket(x, [1, 4, 10])", "4 to 10"),
        ("bucket(0, [1, 4, 10])", "below 1"),
        ("bucket(10, [1, 4, 10])", "10 or more"),
        ("x > 3 and x <= 4", True),
        ("x = 4 and x == 4.0 and x != 5", True),
        ("not x > 3 or path ~ '^/api'", True),
        ("path ~ 'api/v[0-9]+$'", False),
        ("x ~ '^4$'", True),
        ("x in [200, 4, 'a']", True),
        ("x not in [200, 4]", False),
        ("path in ['/api', \"/api/x\"]", True),
        ("path < 'b'", True),
        ("ok = true and not (ok = false)", True),
        ("ok = 1", False),
        ("nothing = null and gone = null and x != null", True),
        ("`user agent` = 'curl'", True),
        ("gone in [null, 3]", True),
        ("false and nothing > 3", False),
        ("true or nothing > 3", True),
        ("2 < 3 and 'a' = \"a\"", True),
        ("1e3 % = 3", None),
    ],
)
def test_values(text, expected):
    event = {
        "x": 4,
        "e": math.e,
        "path": "/api/x",
        "ok": True,
        "nothing": None,
        "user agent": "curl",
        "big": 2**62 + 1,
        "small": 2**62,
    }
    if expected is None:
        assert value(text, event) is False  # 1e3 % is 10
    else:
        found = value(text, event)
        assert found == expected
        assert type(found) is type(expected) or not isinstance(expected, (bool, str))


@pytest.mark.parametrize("text", ["x + 1", "log(x)", "x > 3", "not x", "x ~ 'a'", "x in [1]",
                                  "bucket(x, 2)", "x > 1 and true", "false or x = 3"])  # fmt: skip
@pytest.mark.parametrize("missing", [None, UNSET, InvalidValue("wrong")])
def test_missing_and_invalid_values_make_the_result_missing_or_invalid(text, missing):
    assert value(text, {"x": missing}) is missing


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x / 0", "/: division by zero"),
        ("log(x - x)", "log: not defined"),
        ("sqrt(-x)", "sqrt: not defined"),
        ("exp(1000)", "exp: the result is not finite"),
        ("1e308 * 10", r"\*: the result is not finite"),
        ("word + 1", "expected a number, got 'two'"),
        ("ok + 1", "expected a number, got True"),
        ("word > 1", "expected a number, got 'two'"),
        ("not word", "expected true, false"),
    ],
)
def test_invalid_results_state_the_reason(text, reason):
    found = value(text, {"x": 4, "word": "two", "ok": True})
    assert type(found) is InvalidValue
    assert re.search(reason, found.reason)


def test_cells_of_text_are_numbers_where_a_number_is_needed():
    row = {"a": "10", "b": " 9 ", "word": "two", "yes": "yes", "blank": " "}
    for text, expected in (
        ("a / 4", 2.5),
        ("a > b", True),
        ("word > a", True),
        ("a = 10 and a in [10]", True),
        ("a = '10'", True),
        ("yes = true and not (yes = false)", True),
        ("blank = null", True),
        ("a ~ '^1'", True),
    ):
        assert value(text, row, cells=True) == expected, text
    assert value("blank + 1", row, cells=True) is None
    assert "expected a number, got 'two'" in value("word + 1", row, cells=True).reason
    assert value("a > b", {"a": "10", "b": "9"}) is False  # texts of JSON remain texts


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("bytes / / 3", "expected a field, a value or a function at column 9, got '/'"),
        ("lgo(x)", "unknown function at column 1, got 'lgo' in .*: did you mean 'log'"),
        ("log(x, 2, 3)", "expected one argument at column 1"),
        ("max(x)", "expected 2 arguments or more"),
        ("x ~ y", "expected a regular expression in quotation marks at column 5"),
        ("x ~ '['", "expected a regular expression .* at column 5"),
        ("x in 3", r"expected '\[' at column 6"),
        ("x in [y]", "expected a number, or a string"),
        ("bucket(x, 0)", "expected a width above 0 at column 11"),
        ("bucket(x, [3, 2])", "expected numbers in ascending order at column 11"),
        ("(x + 1", r"expected '\)' at its end"),
        ("x y", "expected an operator or the end at column 3"),
        ("x.__class__", r"expected a name, a number or an operator at column 2, got '\.'"),
        ("and", "expected a field"),
        ("(" * 60 + "x" + ")" * 60, "at most 50 nested"),
        ("-" * 60 + "x", "at most 50 nested"),
        ("", "at its end"),
    ],
)
def test_errors_name_their_column(text, error):
    with pytest.raises(PriorError, match=error):
        Expression(text)


@given(st.text(alphabet="xy 12.()[]'\"<>=~+-*/,`andornotinlogbucket", max_size=30))
def test_any_text_is_parsed_or_refused(text):
    try:
        expression = Expression(text)
    except PriorError:
        return
    expression.evaluate([3.0] * len(expression.names), False)


def test_names_of_fields_are_not_expressions():
    plain = ["x", "sepal-length", "petal length (cm)", "speed (km / h)", "a.b", "a/b", "path~"]
    assert not any(map(is_expression, plain))
    written = ["a / b", "log(x)", "a ~ 'b'", "not ok", "(a)", "`a b`", "x in [1]", "a = 1"]
    assert all(map(is_expression, written))


def test_derived_fields_can_need_each_other_but_not_themselves():
    given_ = {"a": "b + 1", "b": "c / 2", "c": "c * 2", "d": "e", "e": "d"}
    found = derive(["a"], given_)
    assert set(found) == {"a", "b", "c"}
    layout = Layout([("a", "number"), ("c", "number")], derived=found)
    (event,), _ = layout.decode([b'{"c": 3}'], print)
    assert getattr(event, layout.attribute(("a", "number"))) == 4.0
    assert getattr(event, layout.attribute(("c", "number"))) == 6.0
    with pytest.raises(PriorError, match="depends on itself: d, e, d"):
        derive(["d"], given_)


ROWS = [
    {"bytes": 10, "seconds": 4, "status": 200, "shop": "north"},
    {"bytes": 10, "seconds": 0, "status": 200, "shop": "north"},
    {"seconds": 4, "status": 200, "shop": "south"},
    {"bytes": "x", "seconds": 4, "status": 404, "shop": "south"},
]


@pytest.mark.parametrize("cells", [False, True])
def test_a_belief_reads_derived_fields(cells):
    belief = Belief(
        "b",
        NormalInverseGamma(),
        field="bytes / seconds",
        by=["shop", "busy"],
        where="status in [200, 204] and shop ~ '^n|^s'",
        derive={"busy": "seconds > 3"},
    )
    layout = layout_of([belief], cells)
    if cells:
        names = list(ROWS[0])
        records = Cells(names, [[str(row.get(name, "")) for name in names] for row in ROWS])
    else:
        records = [json.dumps(row).encode() for row in ROWS]
    reader = Reader(belief, layout)
    events, index = reader.select(*layout.decode(records, print))
    assert list(index) == [0, 1, 2]
    assert reader.keys(events) == [("north", "true"), ("north", "false"), ("south", "true")]
    first, second, third = reader.values(events)
    assert first == 2.5
    assert second.reason == "/: division by zero"
    assert third in (None, UNSET)


def test_events_do_not_set_derived_fields():
    belief = Belief("b", Beta(), field="x > 1")
    layout = layout_of([belief])
    record = b'{"x": 3, "x > 1": false, "seqbayes.derived.d0": false}'
    (event,), _ = layout.decode([record], print)
    assert list(Reader(belief, layout).values([event])) == [True]


def test_two_beliefs_cannot_derive_a_field_differently():
    beliefs = [Belief(n, Beta(), field="y", derive={"y": text}) for n, text in ("ab", "ac")]
    with pytest.raises(PriorError, match="derive the field 'y' differently"):
        layout_of(beliefs)
    plain = Belief("p", Beta(), field="y")
    with pytest.raises(PriorError, match="read from the event by another"):
        layout_of([beliefs[0], plain])
