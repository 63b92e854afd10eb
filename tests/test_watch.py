"""`seqbayes watch` learns the same as the states, from every format of events."""

import csv
import gzip
import json
import math

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cases import CASES
from seqbayes import Beta, DirichletProcess, NormalInverseGamma
from seqbayes.cli import main
from seqbayes.console.plain import describe, plain
from seqbayes.console.summary import View
from seqbayes.events import spec
from seqbayes.events.belief import Belief
from seqbayes.events.fields import Layout
from seqbayes.events.lines import Lines
from seqbayes.events.rows import CsvRows
from seqbayes.likelihoods import LabelLikelihood
from seqbayes.stream.table import KeyedStates

READ = [
    case for case in CASES if case.family in spec.families().values() and case.likelihood.columnar
]


def options(case):
    """Return the options for a prior and a likelihood."""
    likelihood = case.likelihood
    args = ["--state", spec.option_name(case.family.__name__)]
    args += ["--likelihood", spec.option_name(type(likelihood).__name__)]
    for name, value in likelihood.parameters().items():
        args += [f"--{name}={value}"]
    pairs = {}
    for name, value in case.prior.items():
        if isinstance(value, dict):
            pairs |= {f"{name}.{label}": weight for label, weight in value.items()}
        else:
            pairs[name] = value
    return [*args, "--prior", ",".join(f"{name}={value!r}" for name, value in pairs.items())]


def as_text(value):
    """Return a value with its labels as text."""
    if isinstance(value, dict):
        return {str(label): each for label, each in value.items()}
    return str(value)


def train(case, xs):
    """Return a state that learned `xs` one at a time, with labels as text."""
    if not isinstance(case.likelihood, LabelLikelihood):
        return case.new(xs)
    prior = {k: as_text(v) if isinstance(v, dict) else v for k, v in case.prior.items()}
    state = case.family(**prior, likelihood=case.likelihood)
    for x in xs:
        state.learn_one(as_text(x))
    return state


def as_values(state, level=0.95, kind="equal-tailed"):
    """Return the JSON line of a state, without its key."""
    output = describe({}, state, View(level, kind))
    del output["key"]
    return json.loads(json.dumps(output))


def watch(capsys, *args):
    """Run the command; return its status, its JSON lines and its messages."""
    status = main(["watch", *map(str, args)])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def write(tmp_path):
    def write(text, name="events.jsonl"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def jsonl(*events):
    return "".join(json.dumps(event) + "\n" for event in events)


@pytest.mark.parametrize("case", READ, ids=lambda case: case.id)
def test_json_lines_of_every_case_are_learned_like_the_state(case, capsys, write):
    xs, others = case.observations(30), case.observations(11, salt=1)
    events = [{"x": x, "who": "a"} for x in xs] + [{"who": "b", "x": x} for x in others]
    path = write(jsonl(*events))
    status, output, err = watch(capsys, path, *options(case), "--value=x", "--by=who", "--json")
    assert (status, err) == (0, "")
    assert [line.pop("key") for line in output] == [{"who": "a"}, {"who": "b"}]
    assert output == [as_values(train(case, learned)) for learned in (xs, others)]


@pytest.mark.parametrize("state", ["hurdle", "product", "Normal-Inverse-Wishart"])
def test_states_that_only_a_configuration_can_declare_are_refused(state, capsys, write):
    status, output, err = watch(capsys, write(jsonl({"x": 1})), "--state", state, "--value=x")
    assert (status, output) == (2, [])
    assert f"no state '{state}': expected one of beta, " in err
    assert "declare it in a configuration file" in err


@pytest.mark.parametrize("case", READ, ids=lambda case: case.id)
def test_csv_of_every_case_is_learned_like_the_state(case, capsys, write, tmp_path):
    xs = case.observations(25)
    if isinstance(xs[0], dict):
        columns = list(case.prior["alpha"])
        rows = [[x.get(label, 0) for label in columns] for x in xs]
    elif isinstance(xs[0], tuple):
        columns, rows = ["count", "size"], xs
    else:
        columns, rows = ["x"], [[str(x).lower() if x in (True, False) else x] for x in xs]
    with (tmp_path / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", *columns], *([i, *row] for i, row in enumerate(rows))])
    values = [f"--value={column}" for column in columns]
    status, [output], err = watch(
        capsys, tmp_path / "events.csv", *options(case), *values, "--json"
    )
    assert (status, err, output.pop("key")) == (0, "", {})
    assert output == as_values(train(case, xs))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@given(data=st.data())
def test_malformed_lines_never_change_a_belief(form, data):
    good = data.draw(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from("ab")), max_size=8))
    bad = data.draw(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), max_size=8))
    if form == "csv":
        bad = [line.replace(b'"', b"") for line in bad]  # a quoted cell may contain line breaks
        lines = [b"x,who", *(f"{x!r},{who}".encode() for x, who in good)]
    else:
        lines = [json.dumps({"x": x, "who": who}).encode() for x, who in good]
    expected, _ = _feed(form, lines)
    mixed = list(lines)
    for line in bad:
        place = data.draw(st.integers(1 if form == "csv" else 0, len(mixed)))
        mixed.insert(place, line)
    got, refused = _feed(form, mixed)
    assert got.used >= expected.used
    if got.used == expected.used:
        assert got.states == expected.states
        blank = sum(not line.strip() for line in bad)
        assert refused >= len(bad) - blank


def _feed(form, lines):
    belief = Belief("b", NormalInverseGamma(), field="x", by="who")
    layout = Layout(belief.slots)
    table = KeyedStates(belief, layout)
    malformed = []
    part = (CsvRows if form == "csv" else Lines)(0).split(b"\n".join([b"", *lines]), last=True)
    events, index = layout.decode(part.records, lambda *why: malformed.append(why))
    table.learn(events, index, lambda *why: malformed.append(why))
    return table, len(malformed) + len(part.refused)


def test_malformed_lines_are_counted_with_their_numbers_and_reasons(capsys, write):
    lines = [
        b'\xef\xbb\xbf{"n": 1}\r',
        b"",
        b'{"n": "12abc"}',
        b'{"n": 2}',
        b'{"n": true}',
        b'{"n": NaN}',
        b'{"n": 1e999}',
        b"\x00\x01",
        b"[" * 5000,
        b'{"n": -1}',
        b'{"n": null}',
        b"{}",
        b'{"n": 3}',
    ]
    status, [output], err = watch(
        capsys, write(b"\n".join(lines)), "--state=gamma", "--value=n", "--json"
    )
    assert status == 0
    assert output["posterior"] == {"shape": 7.0, "rate": 4.0}
    assert "skipped 7 malformed lines" in err
    assert [int(line.split(":")[0].split()[1]) for line in err.splitlines()[1:6]] == [3, 5, 6, 7, 8]
    assert "and 2 more" in err
    assert "skipped 2 incomplete events; missing fields: 'n' (2 events)" in err


def test_csv_cells_are_read_strictly(capsys, write):
    cells = ["1", " 2 ", "12abc", "1_0", "１", "nan", "inf", "0x1", "", " ", "true", "-1", "2.0"]
    path = write("n,note\n" + "".join(f"{cell},x\n" for cell in cells), "events.csv")
    status, [output], err = watch(capsys, path, "--state=gamma", "--value=n", "--json")
    assert status == 0
    assert output["posterior"] == {"shape": 6.0, "rate": 4.0}
    assert "8 malformed lines" in err
    assert "line 4: field 'n': expected a number, got '12abc'" in err
    assert "missing fields: 'n' (2 events)" in err


def test_csv_booleans(capsys, write):
    cells = ["true", "TRUE", "Yes", "1", "false", "No", "0", "2", "y", "1.0"]
    path = write("c\n" + "\n".join(cells), "events.csv")
    _, [output], err = watch(capsys, path, "--state=beta", "--value=c", "--json")
    assert output["posterior"] == {"alpha": 5.0, "beta": 4.0}
    assert "3 malformed lines" in err


def test_non_string_labels_and_keys_are_formatted_as_json(capsys, write):
    path = write(
        jsonl(*({"c": c, "k": k} for c, k in [("red", 1), (3, "1"), (True, 1), (3, True)]))
    )
    args = ["--state=dirichlet", "--categories=red,3,true", "--value=c", "--by=k", "--json"]
    _, output, err = watch(capsys, path, *args)
    assert err == ""
    assert [line["key"]["k"] for line in output] == ["1", "true"]
    assert output[0]["posterior"] == {"alpha": {"red": 2.0, "3": 2.0, "true": 2.0}}


def test_several_keys_and_weights(capsys, write):
    events = [
        {"a": "x", "b": "y", "n": 2, "w": 0.5},
        {"a": "x", "b": "z", "n": 1, "w": 2},
        {"a": "x", "b": "y", "n": 4, "w": -1},
        {"a": "x", "b": "y", "n": 4, "w": 1},
    ]
    args = ["--state=gamma", "--value=n", "--by=a", "--by=b", "--weight=w", "--json"]
    _, output, err = watch(capsys, write(jsonl(*events)), *args)
    assert [line["key"] for line in output] == [{"a": "x", "b": "y"}, {"a": "x", "b": "z"}]
    assert [line["posterior"] for line in output] == [
        {"shape": 6.0, "rate": 2.5},
        {"shape": 3.0, "rate": 3.0},
    ]
    assert "line 3: expected a finite weight >= 0, got -1.0" in err


def test_two_value_columns_default_to_a_count_and_exposure_pair(capsys, write):
    path = write(jsonl({"n": 3, "hours": 2}, {"n": 4, "hours": 0.5}))
    args = ["--value=n", "--value=hours", "--json"]
    _, [output], _ = watch(capsys, path, "--state=gamma", *args)
    assert output["posterior"] == {"shape": 8.0, "rate": 3.5}
    status, _, err = watch(capsys, path, "--state=gamma", "--exposure=2", *args)
    assert status == 2
    assert "an observation of Poisson has one --value column, not 2" in err


@pytest.mark.parametrize("kind", ["hdi", "equal-tailed"])
def test_level_and_kind_of_the_interval(capsys, write, kind):
    path = write(jsonl({"c": True}, {"c": True}, {"c": 0}))
    args = ["--state=beta", "--value=c", "--level=0.5", f"--interval={kind}", "--json"]
    _, [output], _ = watch(capsys, path, *args)
    assert output["interval"] == list(Beta(3, 2).interval(0.5, kind))


def test_events_over_the_limit_of_keys_or_labels_are_skipped_and_counted(capsys, write):
    path = write(jsonl(*({"c": c, "k": k} for c, k in zip("abcabd", "xxxyxx", strict=True))))
    args = ["--value=c", "--json", "--max-keys=2"]
    _, output, err = watch(capsys, path, "--state=dirichlet-process", *args)
    assert output[0]["posterior"]["atoms"] == {"a": 2.0, "b": 2.0}
    assert "skipped 2 events: the limit of 2 keys or labels" in err
    args = ["--state=dirichlet", "--categories=a,b,c,d", "--by=k", "--max-keys=1", "--json"]
    _, output, err = watch(capsys, path, *args, "--value=c")
    assert [line["key"] for line in output] == [{"k": "x"}]
    assert output[0]["n"] == 5
    assert "skipped 1 event" in err


def test_an_invalid_first_event_does_not_create_a_key(capsys, write):
    path = write(jsonl({"n": -1, "k": "bad"}, {"n": 1, "k": "good"}, {"n": 1, "k": "x" * 1001}))
    _, output, err = watch(capsys, path, "--state=gamma", "--value=n", "--by=k", "--json")
    assert [line["key"]["k"] for line in output] == ["good"]
    assert "2 malformed" in err


def test_a_missing_estimate_is_null_and_infinity_is_a_string():
    improper = NormalInverseGamma.jeffreys()
    improper.learn_one(1.0)
    output = describe({}, improper, View())
    assert (output["mean"], output["interval"], output["map"], output["log_evidence"]) == (
        None,
    ) * 4
    assert plain(NormalInverseGamma().mean) == {"mean": None, "variance": "inf"}
    assert plain({"a": math.nan}) == {"a": None}
    assert describe({}, DirichletProcess(), View())["mle"] is None


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--state=bta"], "no state 'bta': expected one of beta, "),
        (["--state=beta", "--prior=alpha=x"], "expected a number as alpha, got 'x'"),
        (["--state=beta", "--prior=alpha=1,gamma=2"], "no 'gamma': expected alpha or beta"),
        (["--state=beta", "--prior=alpha=1,alpha=2"], "'alpha' is given twice"),
        (["--state=beta", "--prior=alpha=-1"], "expected alpha >= 0, got -1"),
        (["--state=beta", "--prior=flt"], "no prior 'flt': expected flat, jeffreys, haldane"),
        (["--state=beta", "--prior=from-mean:strength=2"], "needs mean"),
        (["--state=beta", "--prior={"], "cannot read prior"),
        (["--state=beta", "--likelihood=poisson"], "no likelihood 'poisson': expected bernoulli,"),
        (["--state=beta", "--trials=3"], "bernoulli has no parameter 'trials'"),
        (["--state=beta", "--likelihood=binomial", "--trials=2.5"], "whole number of trials"),
        (["--state=beta", "--categories=a,b"], "--categories cannot be combined with beta"),
        (
            ["--state=beta", "--value=y"],
            "an observation of Bernoulli has one --value column, not 2",
        ),
        (["--state=beta", "--by=x"], "column 'x' is requested 2 times"),
        (["--state=beta", "--level=1"], "expected a level between 0 and 1, got 1.0"),
        (["--state=beta", "--delimiter=ab"], "expected one character as delimiter"),
        (["--state=dirichlet"], "needs its categories: --categories red,green"),
        (["--state=dirichlet", "--categories=a,b,a"], "category 'a' is given twice"),
        (["--state=dirichlet", "--categories=a"], "at least two categories"),
        (["--state=normal", "--by=who", "--by=where"], "no field 'who'; its fields are: x, z"),
    ],
)
def test_a_usage_error_prints_one_line_and_has_status_2(args, message, capsys, write):
    path = write(jsonl({"x": 1, "z": 2}))
    status, output, err = watch(capsys, path, "--value=x", *args)
    assert (status, output) == (2, [])
    assert err.startswith("seqbayes watch: ")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("prior", "parameters"),
    [
        ("flat:known_variance=4", (0.0, math.inf, 4.0)),
        ("jeffreys", (0.0, math.inf, 1.0)),
        ("prior_mean=85,prior_variance=1600,known_variance=1e2", (85.0, 1600.0, 100.0)),
        ("from-mean:mean=5,strength=4,known_variance=2", (5.0, 0.5, 2.0)),
        ('{"prior_mean": -3}', (-3.0, 1.0, 1.0)),
        (None, (0.0, 1.0, 1.0)),
    ],
)
def test_priors_by_name(prior, parameters):
    family = spec.families()["normal"]
    state = spec.make_prior(family, prior, spec.make_likelihood(family, None, {}))
    assert state.prior == parameters


def test_labels_with_commas_need_json():
    family = spec.families()["dirichlet"]
    likelihood = spec.make_likelihood(family, "Categorical", {})
    state = spec.make_prior(family, '{"a,b": 2, "c=d": 1}', likelihood)
    assert state.alpha == {"a,b": 2.0, "c=d": 1.0}


def test_every_constructor_of_every_family_is_offered():
    offered = {name: set(spec.constructors(family)) for name, family in spec.families().items()}
    assert all(
        {"flat", "jeffreys"} <= offered[name]
        for name in offered
        if name not in ("dirichlet-process", "hurdle")
    )
    assert "from-interval" in offered["gamma"]
    assert "from-normal-gamma" in offered["normal-inverse-gamma"]


@pytest.mark.parametrize(
    ("text", "name", "status", "message"),
    [
        ("", "e.jsonl", 1, "the input is empty"),
        ("\n\n", "e.jsonl", 1, "the input is empty"),
        ("x\n", "e.csv", 1, "no event could be used"),
        ("nonsense\n", "e.jsonl", 1, "no event could be used"),
        ('{"x": null}\n', "e.jsonl", 1, "no event could be used"),
        ("y,z\n1,2\n", "e.csv", 2, "no column 'x'; its columns are: y, z"),
        ("x;z\n1;2\n", "e.csv", 2, "should it be --delimiter ';'?"),
        ("x,x\n1,2\n", "e.csv", 2, "several columns named 'x'"),
        ('{"y": 1}\n{"z": 1}\n', "e.jsonl", 2, "no field 'x'; its fields are: y, z"),
        ('[{"x": 1},\n{"x": 2}]\n', "e.json", 2, "a JSON array"),
        ('{\n  "x": 1\n}\n', "e.json", 2, "JSON objects that span several lines"),
        (b"\xff\xfex\x00", "e.txt", 2, "UTF-16"),
        ("x".encode("utf-32"), "e.txt", 2, "UTF-32"),
        (b"\x1f\x8b\x08", "e.txt", 2, "compressed"),
    ],
)
def test_input_without_events(text, name, status, message, capsys, write):
    got, output, err = watch(capsys, write(text, name), "--state=gamma", "--value=x", "--json")
    assert (got, output) == (status, [])
    assert message in err


def test_files_that_cannot_be_read(capsys, tmp_path):
    for path, message in ((tmp_path / "none", "no such file"), (tmp_path, "is a directory")):
        status, _, err = watch(capsys, path, "--state=beta", "--value=x")
        assert status == 2
        assert str(path) in err
        assert message in err


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("name", ["x", "x.gz", "x.zst", "x.{form}.gz", "x.{form}.zst", "x.log.gz"])
def test_compressed_files_of_any_name_are_read_in_their_format(name, form, tmp_path, capsys):
    rows = [{"k": "a", "x": True}, {"k": "b", "x": False}] * 500
    text = "\n" + ("k,x\n" if form == "csv" else "")
    for row in rows:
        text += f"{row['k']},{row['x']}\n" if form == "csv" else f"{json.dumps(row)}\n"
    data, name = text.encode(), name.format(form=form)
    if name.endswith(".gz"):
        data = gzip.compress(data[:99]) + gzip.compress(data[99:])
    elif name.endswith(".zst"):
        data = zstandard.compress(data[:99]) + zstandard.compress(data[99:])
    (tmp_path / name).write_bytes(data)
    words = ["watch", "--state=beta", "--value=x", "--by=k", "--json"]
    assert main([*words, str(tmp_path / name)]) == 0
    found = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(each["key"]["k"], each["n"]) for each in found] == [("a", 500), ("b", 500)]
