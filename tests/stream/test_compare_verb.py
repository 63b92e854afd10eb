"""`seqbayes compare`: keys of a belief in a store."""

import json
import math

import pytest
from memory import Listed

from seqbayes import Beta, Dirichlet, Gamma, Hurdle, Normal, NormalInverseGamma, Product, cli
from seqbayes.compare import compare, decide, sample_ratio
from seqbayes.console.screen import make_console
from seqbayes.events.display import Display
from seqbayes.likelihoods import Binomial, Exponential, LogNormal
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.verbs.comparison_text import sentence, tables, to_dict

REVENUE = Hurdle(NormalInverseGamma(likelihood=LogNormal()))


def learn(path, events, *beliefs):
    records = [json.dumps(event).encode() for event in events]
    with Pipeline(Listed(records), list(beliefs), open_store(path)) as pipeline:
        list(pipeline)


@pytest.fixture
def store(tmp_path):
    path = str(tmp_path / "beliefs.db")
    counts = {"A": (80, 1000), "B": (130, 1000), "C\x1b[31m": (1, 3)}
    events = [
        {"k": k, "x": i < sold, "colour": "red" if i < sold else "blue", "s": 1.0 + (k == "A")}
        for k, (sold, n) in counts.items()
        for i in range(n)
    ]
    learn(
        path,
        events,
        Belief("conversion", Beta(1, 1), field="x", by="k"),
        Belief("colour", Dirichlet({"red": 1, "blue": 1}), field="colour", by="k"),
        Belief("rate", Gamma(1, 1, likelihood=Exponential()), field="s", by="k"),
        Belief("all", Beta(1, 1), field="x"),
        Belief("plan", Beta(1, 1), field="x", by="k", display=Display(planned={"A": 2, "B": 1})),
        Belief("both", Product({"x": Beta(1, 1)}), by="k"),
    )
    return path


def output(capsys, *words):
    status = cli.main(["compare", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_json_output_equals_the_result_of_the_function(store, capsys):
    status, out, err = output(capsys, store, "conversion", "--control", "A", "--top", "2", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    expected = compare({"A": Beta(81, 921), "B": Beta(131, 871)}, control="A")
    assert found["best"] == "B"
    assert found["verdict"] == expected.verdict == "best"
    assert found["keys"]["B"]["p_best"] == expected.p_best["B"]
    (difference,) = found["differences"]
    assert (difference["key"], difference["reference"]) == ("B", "A")
    assert difference["interval"] == pytest.approx(expected.differences["B"].interval, rel=1e-12)


def test_text_is_safe_to_print_and_ends_with_a_sentence(store, capsys):
    status, out, err = output(capsys, store, "conversion", "--control", "A")
    assert (status, err) == (0, "")
    assert "\x1b[31m" not in out
    assert "less A" in out
    verdict, test = out.rstrip().splitlines()[-2:]
    assert verdict.startswith("undecided: P(best) of ")
    assert test.startswith("anytime-valid test at alpha 0.05: too early, about ")


def test_json_has_the_sequential_test_and_the_guarantees(store, capsys):
    arguments = ("conversion", "--top", "2", "--alpha", "0.1", "--effect", "0.3", "--json")
    found = json.loads(output(capsys, store, *arguments)[1])
    states = {"A": Beta(likelihood=Binomial()), "B": Beta(likelihood=Binomial())}
    states["A"].learn_one((80, 1000))
    states["B"].learn_one((130, 1000))
    expected = decide(states, alpha=0.1, effect=0.3)
    gate = found["gate"]
    assert gate["guarantee"] == found["guarantees"]["decision"] == "anytime-valid"
    assert (gate["alpha"], gate["best"]) == (0.1, expected.best)
    e_values = {(each["key"], each["reference"]): each["e_value"] for each in gate["e_values"]}
    pairs = {(a, b): expected.e_values[a][b] for a, b in (("A", "B"), ("B", "A"))}
    assert e_values == pytest.approx(pairs, rel=1e-9)  # the order of keys changes the rounding
    assert found["guarantees"]["p_best"] == "exact"
    assert found["guarantees"]["verdict"] == "none"


def test_lower_is_better(store, capsys):
    status, out, _ = output(capsys, store, "rate", "--better", "lower", "--top", "2", "--json")
    assert status == 0
    assert json.loads(out)["best"] == "A"  # events of A take twice as long


def test_the_configuration_of_the_belief_is_the_default(tmp_path, capsys):
    path = str(tmp_path / "configured.db")
    events = [{"k": k, "s": s} for k in "abc" for s in (1.0, 2.0 + ord(k), 3.0)]
    display = Display(better="lower", control="b", equivalence=0.5)
    prior = Normal(0.0, 100.0, known_variance=1.0, likelihood=LogNormal())
    learn(path, events, Belief("time", prior, field="s", by="k", display=display))
    found = json.loads(output(capsys, path, "time", "--json")[1])
    assert (found["better"], found["best"]) == ("lower", "a")
    difference = found["differences"][0]
    assert difference["reference"] == "b"
    given = ("--better", "higher", "--control", "c", "--equivalence", str(math.log1p(0.5)))
    changed = json.loads(output(capsys, path, "time", *given, "--json")[1])
    assert (changed["better"], changed["best"]) == ("higher", "c")
    assert {each["reference"] for each in changed["differences"]} == {"c"}
    # of logarithms, the configured equivalence is relative
    same = json.loads(output(capsys, path, "time", *given[4:], "--json")[1])
    assert same["differences"][0]["p_equivalent"] == difference["p_equivalent"]


def test_shares_of_a_label(store, capsys):
    status, out, _ = output(capsys, store, "colour", "--label", "red", "--top", "2", "--json")
    assert status == 0
    expected = compare({"A": Beta(81, 921), "B": Beta(131, 871)})
    assert json.loads(out)["keys"]["A"]["p_best"] == pytest.approx(expected.p_best["A"], rel=1e-12)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["none"], 1, "has no belief 'none'"),
        (["all"], 1, "fewer than two keys"),
        (["conversion", "--control", "Z"], 1, "has no key 'Z'"),
        (["conversion", "--level", "2"], 2, "level between 0 and 1"),
        (["colour"], 2, "share of one"),
        (["colour", "--label", "green"], 2, "no information"),
        (["both"], 2, "about one number"),
    ],
)
def test_invalid_comparisons_are_rejected_with_the_reason(store, capsys, words, status, message):
    found, out, err = output(capsys, store, *words)
    assert (found, out) == (status, "")
    assert message in err


def test_a_missing_store_is_reported(tmp_path, capsys):
    status, out, err = output(capsys, tmp_path / "none.db", "conversion")
    assert (status, out) == (4, "")
    assert "none.db" in err


def test_sentences():
    best = compare({"A": Beta(80, 920), "B": Beta(130, 870)}, control="B", better="lower")
    assert sentence(best).startswith("A is probably best: P(best) 99.99 %, 0.05 below B (0.0233")
    alike = compare({"A": Beta(5000, 5000), "B": Beta(5001, 4999)}, equivalence=0.05)
    assert sentence(alike).startswith("equivalent")
    far = compare({"A": Beta(10, 1000), "B": Beta(500, 1000)})
    assert "P(best) > 99.99 %" in sentence(far) or "P(best) 100.00 %" in sentence(far)


def test_infinite_means_are_replaced_by_medians(capsys):
    paid = {"A": [3.0, 4.0, 2.5, 3.5] * 20, "B": [5.0, 7.0, 4.5, 6.0] * 20}
    shops = {name: Hurdle(NormalInverseGamma(likelihood=LogNormal())) for name in paid}
    for name, amounts in paid.items():
        shops[name].learn_many([0.0] * 20 + amounts)
    found = compare(shops)
    keys, _ = tables(found)
    make_console().print(keys)
    printed = capsys.readouterr().out
    assert "median" in printed
    assert f"{shops['A'].expected.ppf(0.5):.4g}" in printed
    low, high = sorted(map(abs, found.differences["A"].interval))
    assert sentence(found).endswith(
        f"{low:.4g} to {high:.4g} above A, loss at most 0 with probability 97.5 %"
    )
    assert to_dict(found)["keys"]["A"]["median"] == found.median["A"]


@pytest.mark.parametrize("options", [(), ("--quantity", "mean")])
def test_revenues_have_a_sequential_test(options, tmp_path, capsys):
    path = str(tmp_path / "revenues.db")
    events = [
        {"k": k, "paid": 9.0 + i % 7 if i < paid else 0.0}
        for k, paid in (("A", 50), ("B", 150))
        for i in range(1000)
    ]
    learn(path, events, Belief("revenue", REVENUE, field="paid", by="k"))
    status, out, err = output(capsys, path, "revenue", *options)
    assert (status, err) == (0, "")
    assert "anytime-valid test at alpha 0.05: B is best" in " ".join(out.split())
    gate = json.loads(output(capsys, path, "revenue", *options, "--json")[1])["gate"]
    assert (gate["guarantee"], gate["best"], gate["reason"]) == ("anytime-valid", "B", "")
    assert gate["p_value"] <= 0.05


def test_the_planned_ratio_of_keys_is_tested(store, capsys):
    planned = ("--planned", "A=2", "--planned", "B=1")
    status, out, err = output(capsys, store, "conversion", *planned)
    assert (status, err) == (0, "")
    expected = sample_ratio({"A": 1000, "B": 1000}, {"A": 2, "B": 1})
    text = " ".join(out.split())
    assert "observations sample ratio mismatch (p = " in text
    assert "(66.67 % planned)" in text
    found = json.loads(output(capsys, store, "conversion", *planned, "--json")[1])["sample_ratio"]
    assert found["mismatch"] is expected.mismatch is True
    assert found["p_value"] == expected.p_value
    assert found["keys"]["A"] == {"n": 1000, "observed": 0.5, "planned": 2 / 3}
    configured = json.loads(output(capsys, store, "plan", "--json")[1])["sample_ratio"]
    assert configured == found
    equal = ("--planned", "A=1", "--planned", "B=1", "--json")
    found = json.loads(output(capsys, store, "conversion", *equal)[1])["sample_ratio"]
    assert (found["mismatch"], found["p_value"]) == (False, 1.0)


def test_an_invalid_planned_ratio_is_refused(store, capsys):
    for wrong in ("A", "A=x", "A=0", "A=-1"):
        with pytest.raises(SystemExit):
            cli.main(["compare", store, "conversion", "--planned", wrong])
        assert "expected KEY=WEIGHT" in capsys.readouterr().err
    status, _, err = output(capsys, store, "conversion", "--planned", "A=1")
    assert status == 2
    assert "two or more variants" in err
