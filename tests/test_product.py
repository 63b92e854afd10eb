"""Products of states: behaviour that the laws do not cover."""

import copy
import json
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from river import utils

import seqbayes as sb
from cases import agree
from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    MergeError,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
    Product,
)
from seqbayes.likelihoods import Exponential, Fields, Poisson
from seqbayes.statistics import FieldSums


def visits(**changed):
    fields = {
        "wait": NormalInverseGamma(),
        "page": Dirichlet.flat(["a", "b", "c"]),
        "clicks": Gamma(),
    }
    return Product({**fields, **changed})


X = {"wait": 1.5, "page": "a", "clicks": 3}
XS = [X, {"wait": -0.5, "page": "b", "clicks": 0}, {"wait": 2.0, "page": "a", "clicks": 7}]


def learned(xs=XS, **changed):
    state = visits(**changed)
    for x in xs:
        state.learn_one(x)
    return state


# Fields.


def test_fields_are_priors_by_name():
    state = visits()
    assert list(state.fields) == ["wait", "page", "clicks"]
    assert state.fields["clicks"] == Gamma()
    assert state.likelihood == Fields(
        {
            "wait": NormalInverseGamma().likelihood,
            "page": sb.likelihoods.Categorical(),
            "clicks": Poisson(),
        }
    )
    state.learn_one(X)
    assert state.fields["clicks"] == Gamma(), "the prior is not changed by the data"


def test_a_sequence_of_states_has_numbers_for_names():
    pixels = Product([Beta()] * 20)
    assert list(pixels.fields) == list(range(20))
    assert pixels == Product({i: Beta() for i in range(20)})
    pixels.learn_one([1, 0] * 10)
    assert pixels.n_samples == 1.0
    assert pixels.mean == {i: 2 / 3 if i % 2 == 0 else 1 / 3 for i in range(20)}


def test_the_given_states_are_not_changed():
    given = Gamma(2, 3)
    state = Product({"a": given, "b": given})
    state.learn_one({"a": 5, "b": 0})
    assert given == Gamma(2, 3)
    assert state.posterior.fields == {"a": (7.0, 4.0), "b": (2.0, 4.0)}
    given.learn_one(9)
    assert state.prior.fields == {"a": (2.0, 3.0), "b": (2.0, 3.0)}


@pytest.mark.parametrize(
    "fields", [{}, [], None, 3, "ab", Beta(), {"a": 1}, {"a": Beta}, {None: Beta()}, [Beta(), None]]
)
def test_fields_are_checked(fields):
    with pytest.raises(PriorError):
        Product(fields)


def test_a_state_with_data_is_refused_as_a_prior():
    seen = Beta()
    seen.learn_one(True)
    with pytest.raises(
        PriorError, match="field 'a', got a state with data of weight 1: call rollover"
    ):
        Product({"a": seen})
    seen.rollover()
    assert Product({"a": seen}).mean == {"a": 2 / 3}


@pytest.mark.parametrize("fields", [None, {}, {"a": Beta()}, [Poisson()]])
def test_likelihoods_of_fields_are_checked(fields):
    with pytest.raises(PriorError):
        Fields(fields)


def test_likelihoods_of_fields_are_values():
    one, other = Fields({"a": Poisson(), "b": Exponential()}), Fields({"b": Exponential()})
    assert one != other
    assert hash(one) == hash(Fields({"b": Exponential(), "a": Poisson()}))
    assert one == Fields({"b": Exponential(), "a": Poisson()})


# Observations.


@pytest.mark.parametrize(
    "shaped",
    [
        (1.5, "a", 3),
        [1.5, "a", 3],
        np.array([1.5, "a", 3], dtype=object),
        {"clicks": np.int64(3), "wait": np.float64(1.5), "page": np.str_("a")},
        type("Row", (dict,), {})(X),
        pd.Series(X).to_dict(),
    ],
    ids=["tuple", "list", "array", "numpy", "subclass", "series"],
)
def test_observations_of_many_types(shaped):
    state = visits()
    state.learn_one(shaped)
    assert state == learned([X])
    assert state.log_predictive(shaped) == learned([X]).log_predictive(X)
    state.unlearn_one(shaped)
    assert state == visits()


def test_vectors_are_arrays():
    for kind in (bool, int, float, np.uint8, object):
        pixels = Product([Beta()] * 3)
        pixels.learn_one(np.array([1, 0, 1], dtype=kind))
        assert pixels.mle == {0: 1.0, 1: 0.0, 2: 1.0}


def test_dates_in_arrays_are_refused():
    state = Product([NormalInverseGamma()] * 2)
    with pytest.raises(ObservationError, match="field 0"):
        state.learn_one(np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]"))


def test_an_omitted_field_is_marginalised_out():
    state = learned()
    state.learn_one({"page": "c"})
    assert state.n_samples == 4.0
    assert [state.marginal(name).n_samples for name in state.fields] == [3.0, 4.0, 3.0]
    assert state.posterior.fields["wait"] == learned().posterior.fields["wait"]
    assert state.log_predictive({"clicks": 2}) == state.marginal("clicks").log_predictive(2)
    assert state.predictive.p({"clicks": 2}) == state.marginal("clicks").predictive.p(2)
    step = state.explain({"clicks": 2})
    assert list(step.at) == ["clicks"]
    assert step.evidence == pytest.approx(state.predictive.p({"clicks": 2}), rel=1e-14)
    state.unlearn_one({"page": "c"})
    assert state == learned()


def test_evidence_is_that_of_the_fields():
    xs = [*XS, {"page": "c"}, {"wait": 0.25, "clicks": 2}]
    alone = {name: state.clone() for name, state in visits().fields.items()}
    for x in xs:
        for name, value in x.items():
            alone[name].learn_one(value)
    wanted = math.fsum(state.log_evidence for state in alone.values())
    assert learned(xs).log_evidence == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("name", ["wait", "page", "clicks"])
def test_missing_values_must_be_omitted(name, missing):
    state = learned()
    with pytest.raises(ObservationError, match=rf"field '{name}'.*leave a missing field out"):
        state.learn_one({**X, name: missing})
    assert state == learned()


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ({}, "at least one field"),
        ({"wait": 1.0, "colour": "red"}, "unknown field 'colour': expected some of 'wait', 'page'"),
        ({"wait": 1.0, "page": "d", "clicks": 1}, "field 'page': unknown category 'd'"),
        ((1.0, "a"), "a mapping from field to value, or 3 values in order"),
        ("abc", "a mapping from field to value, or 3 values in order"),
        (b"abc", "a mapping from field to value"),
        ({"wait"}, "a mapping from field to value"),
        (np.array(3.0), "a mapping from field to value"),
        (np.ones((3, 3)), "field 'wait': expected a finite number"),
        (pd.Series(X), "a mapping from field to value"),
    ],
    ids=str,
)
def test_errors_name_the_field(x, words):
    state = learned()
    with pytest.raises(ObservationError, match=words):
        state.learn_one(x)
    assert state == learned()


class LargeSums(sb.Gamma):
    """A state whose accumulator cannot check quickly whether an observation is valid."""


@pytest.mark.parametrize(
    ("fields", "first", "bad"),
    [
        ([Gamma(), NormalInverseGamma()], [3, 2.5e153], [4, -3e153]),
        ([DirichletProcess(), NormalInverseGamma()], ["a", 2.5e153], ["b", -3e153]),
        (
            [
                Dirichlet.flat(["a", "b"], sb.likelihoods.Multinomial()),
                Gamma(likelihood=Exponential()),
            ],
            [{"a": 1}, 1e308],
            [{"b": 2}, 1.5e308],
        ),
        ([Gamma(), Product([Beta(), NormalInverseGamma()])], [3, [1, 2.5e153]], [4, [1, -3e153]]),
        ([NormalInverseGamma()] * 2, [1e140, 2.5e153], [2.0, -3e153]),
        ([LargeSums(), NormalInverseGamma()], [3, 2.5e153], [4, -3e153]),
        ([Gamma(), NormalInverseWishart([0.0, 0.0])], [3, [1.0, 8e149]], [4, [1.0, -9e149]]),
    ],
    ids=lambda value: None,
)
def test_an_overflow_in_the_last_field_changes_no_field(fields, first, bad):
    state = Product(fields)
    state.learn_one(first)
    before = state.statistics.dump()
    with pytest.raises(ObservationError):
        state.learn_one(bad)
    assert state.statistics.dump() == before
    with pytest.raises(ObservationError):
        state.learn_many([first, bad])
    assert state.statistics.dump() == before
    other = Product(fields)
    other.learn_one(bad)
    with pytest.raises(ObservationError):
        state.merge(other)
    assert state.statistics.dump() == before


def test_large_values_that_fit_are_learned():
    state = Product([Gamma(), NormalInverseGamma()])
    state.learn_one([3, 1e152])
    state.learn_one([4, -1e152])
    assert state.n_samples == 2.0
    assert state.marginal(1).mle.variance == pytest.approx(1e304, rel=1e-15)


def test_unlearning_refuses_another_set_of_fields():
    state = visits()
    state.learn_one(X)
    before = state.statistics.dump()
    for x in ({"wait": 1.5}, {"wait": 1.5, "page": "a"}, {**X, "page": "b"}, {**X, "wait": 2.0}):
        with pytest.raises(ObservationError, match="cannot unlearn"):
            state.unlearn_one(x)
        assert state.statistics.dump() == before
    partly = learned([{"wait": 1.5}, {"page": "a"}])
    for x in (X, {"wait": 1.5, "page": "a"}):
        with pytest.raises(ObservationError, match="cannot unlearn"):
            partly.unlearn_one(x)
        assert partly == learned([{"wait": 1.5}, {"page": "a"}])
    partly.unlearn_one({"wait": 1.5})
    assert partly == learned([{"page": "a"}])


# Batches.


def test_columns_are_learned_at_once():
    columns = {name: [x[name] for x in XS] for name in X}
    tables = {
        "mapping": columns,
        "arrays": {name: np.array(column) for name, column in columns.items()},
        "iterators": {name: iter(column) for name, column in columns.items()},
        "frame": pd.DataFrame(columns),
        "frame in another order": pd.DataFrame(columns)[["clicks", "wait", "page"]],
        "array": np.array([list(x.values()) for x in XS], dtype=object),
        "rows": [tuple(x.values()) for x in XS],
    }
    for name, table in tables.items():
        state = visits()
        state.learn_many(table)
        agree("columns", name, "tables", state.posterior, learned().posterior, 1e-14)
        assert state.n_samples == 3.0
        state = visits()
        state.learn_many(pd.DataFrame(columns) if name == "iterators" else table, w=[1, 2, 0.5])
        wanted = visits()
        for x, w in zip(XS, [1, 2, 0.5], strict=True):
            wanted.learn_one(x, w)
        agree("columns with weights", name, "tables", state.posterior, wanted.posterior, 1e-14)
        assert state.n_samples == 3.5


def test_columns_of_some_fields():
    state = learned()
    state.learn_many({"clicks": [1, 2], "page": ["a", "c"]})
    wanted = learned([*XS, {"clicks": 1, "page": "a"}, {"clicks": 2, "page": "c"}])
    agree("columns of some fields", "visits", "tables", state.posterior, wanted.posterior, 1e-14)
    assert state.n_samples == 5.0
    assert state.marginal("wait").n_samples == 3.0


def test_columns_of_fields_within_fields():
    state = Product({"size": Product({"x": Gamma(), "y": Beta()}), "z": Gamma()})
    rows = [{"size": {"x": 1, "y": True}, "z": 4}, {"size": {"x": 2, "y": False}, "z": 5}]
    one = state.clone()
    for x in rows:
        one.learn_one(x)
    state.learn_many({"size": {"x": iter([1, 2]), "y": [True, False]}, "z": [4, 5]})
    assert state.posterior == one.posterior
    assert state.mean == {"size": {"x": 4 / 3, "y": 0.5}, "z": 10 / 3}
    for size in ({}, {"x": [1]}, {"x": [1, 2], "y": [True]}, {"w": [1, 2]}, [1, 2], [{"x": 1}]):
        with pytest.raises(ObservationError):
            state.learn_many({"size": size, "z": [4, 5]})
    assert state.posterior == one.posterior


def test_vectors_are_learned_as_arrays():
    rows = np.random.default_rng(3).random((50, 4)) < 0.3
    for table in (rows, rows.astype(float), rows.tolist(), list(rows), np.asfortranarray(rows)):
        pixels = Product([Beta()] * 4)
        pixels.learn_many(table)
        assert pixels.mle == {i: rows[:, i].mean() for i in range(4)}
        assert pixels.n_samples == 50.0


@pytest.mark.parametrize(
    ("xs", "words"),
    [
        ({}, "at least one field"),
        ({"colour": [1]}, "unknown field 'colour'"),
        ({"wait": [1.0], "page": ["a", "b"]}, "equal length, got {'wait': 1, 'page': 2}"),
        ({"wait": [1.0, math.nan]}, "field 'wait': .* got nan at position 1"),
        ({"wait": 1.0}, "expected many observations"),
        (np.ones((2, 4)), r"expected 3 columns, got shape \(2, 4\)"),
        ([X, X, {**X, "wait": math.inf}], "field 'wait': .* got inf .* at position 2"),
        ([X, {}], "at least one field.* at position 1"),
        ([X, {"page": "b"}, {"page": "d"}], "unknown category 'd'.* at position 2"),
        (pd.DataFrame({"wait": [1.0], "other": [2.0]}), "unknown field 'other'"),
    ],
    ids=str,
)
def test_batches_are_refused_completely(xs, words):
    state = learned()
    with pytest.raises(ObservationError, match=words):
        state.learn_many(xs)
    assert state == learned()


# The belief.


def test_fields_without_an_answer_have_none():
    state = Product({"a": Gamma.jeffreys(), "b": Beta()})
    assert state.mle is None
    assert state.mean == {"a": None, "b": 0.5}
    assert state.map == {"a": None, "b": None} or state.map is None
    assert state.interval()["a"] is None
    assert state.log_evidence is None
    assert state.log_predictive({"b": True}) == math.log(0.5)
    with pytest.raises(PriorError, match=r"field 'a': .*improper"):
        _ = state.predictive
    with pytest.raises(PriorError, match="improper"):
        state.log_predictive({"a": 3, "b": True})
    state.learn_one({"a": 3})
    assert state.mle == {"a": 3.0, "b": None}
    assert state.predict_one() == {"a": 3.5, "b": True}


def test_answers_are_those_of_the_fields():
    state = learned()
    alone = {name: state.marginal(name) for name in state.fields}
    for name in ("mle", "map", "mean", "var"):
        assert getattr(state, name) == {k: getattr(s, name) for k, s in alone.items()}
    assert state.interval(0.9, "hdi") == {k: s.interval(0.9, "hdi") for k, s in alone.items()}
    assert state.predict_one() == {k: s.predict_one() for k, s in alone.items()}
    at = {"wait": (0.5, 2.0), "page": {"a": 0.2, "b": 0.3, "c": 0.5}, "clicks": 2.5}
    wanted = math.fsum(alone[k].logpdf(v) for k, v in at.items())
    assert state.logpdf(at) == pytest.approx(wanted, rel=1e-14)
    assert state.pdf({"clicks": 2.5}) == alone["clicks"].pdf(2.5)
    assert state.cdf(at) == {k: alone[k].cdf(v) for k, v in at.items()}
    assert state.sf(tuple(at.values())) == {k: alone[k].sf(v) for k, v in at.items()}
    assert state.ppf(0.3) == {k: s.ppf(0.3) for k, s in alone.items()}
    for wrong in ({}, {"other": 1.0}, 3.0, (1.0, 2.0), None):
        with pytest.raises(PriorError):
            state.pdf(wrong)


def test_predictive_is_a_joint_distribution():
    predictive = learned().predictive
    assert predictive.p(X) == pytest.approx(math.exp(learned().log_predictive(X)), rel=1e-12)
    assert predictive.p(tuple(X.values())) == predictive.p(X)
    assert predictive.mean["page"] is predictive.var["page"] is None
    assert predictive.std["clicks"] == predictive.marginal("clicks").std
    assert predictive.mode["page"] == "a"
    assert set(predictive.sample(rng=np.random.default_rng(1))) == set(X)
    draws = predictive.sample(5, np.random.default_rng(1))
    assert [set(x) for x in draws] == [set(X)] * 5
    learned().learn_many(draws)
    assert predictive.marginal(["wait", "page"]).p({"page": "a"}) == predictive.p({"page": "a"})
    with pytest.raises(ObservationError, match="expected a field"):
        predictive.marginal("other")
    for wrong in ({}, {"other": 1}, (1.0,), 3.0):
        with pytest.raises(ObservationError):
            predictive.p(wrong)
    for question in ("cdf", "sf", "ppf", "isf", "interval"):
        with pytest.raises(NotImplementedError, match="marginal"):
            getattr(predictive, question)(0.5)
    assert "Product({'wait': StudentT" in repr(predictive)


def test_probabilities_of_labels_are_by_field():
    shapes = Product({"size": Beta(), "colour": Dirichlet.flat(["red", "blue"])})
    shapes.learn_one({"colour": "red"})
    assert shapes.predict_proba_one()["colour"] == {"red": 2 / 3, "blue": 1 / 3}
    with pytest.raises(NotImplementedError):
        visits().predict_proba_one()


def test_open_vocabularies_are_fields_too():
    words = Product({"word": DirichletProcess(), "length": Gamma()})
    words.learn_many([{"word": "to", "length": 2}, {"word": "be"}, {"word": "or", "length": 2}])
    assert words.predict_one()["word"] == "to"
    assert words.map["word"] is None
    step = words.explain({"word": "new", "length": 3})
    product = step.prior * step.likelihood / step.evidence
    assert product == pytest.approx(step.posterior, rel=1e-12)
    assert words.log_predictive({"word": "new"}) == math.log(1 / 4)
    assert through_json(words) == words


def test_vectors_are_fields_too():
    points = np.random.default_rng(4).normal(size=(20, 2))
    counts = list(range(20))
    state, alone = (
        Product({"at": NormalInverseWishart([0, 0]), "n": Gamma()}),
        NormalInverseWishart([0, 0]),
    )
    for point, n in zip(points, counts, strict=True):
        state.learn_one({"at": point, "n": n})
        alone.learn_one(point)
    assert state.marginal("at") == alone
    bulk = state.clone()
    bulk.learn_many({"at": points, "n": counts})
    agree("columns of vectors", "at and n", "tables", bulk.mle, state.mle, 1e-13)
    x = {"at": [0.5, -0.5], "n": 3}
    wanted = alone.log_predictive(x["at"]) + state.marginal("n").log_predictive(3)
    assert state.log_predictive(x) == pytest.approx(wanted, rel=1e-14)
    assert through_json(state) == state
    with pytest.raises(ObservationError, match=r"field 'at': expected a finite number .*float.$"):
        state.learn_one({"at": np.array([1.0, math.nan]), "n": 3})


def test_marginals_are_separate_states():
    state = learned()
    clicks = state.marginal("clicks")
    clicks.learn_one(100)
    assert state == learned()
    with pytest.raises(PriorError, match="expected a field"):
        state.marginal("other")


def test_draws_come_from_one_seed():
    fields = visits().fields
    one, other = Product(fields, seed=5), Product(fields, seed=5)
    assert one.sample() == other.sample()
    assert one.sample() != Product(fields, seed=6).sample()


# Copies.


def through_json(state):
    return sb.State.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))


def test_documents_contain_one_document_per_field():
    document = learned().to_dict()
    assert document["family"] == "Product"
    named = dict(document["fields"]["pairs"])
    assert list(named) == ["wait", "page", "clicks"]
    assert sb.State.from_dict(named["clicks"]) == learned().marginal("clicks")
    assert sb.Product.from_dict(document) == learned()
    with pytest.raises(PriorError, match="expected family"):
        sb.Gamma.from_dict(document)


def test_names_of_any_kind_survive():
    state = Product({("a", 1): Beta(), 7: Gamma(), True: Beta(), "s": Beta()})
    state.learn_one({7: 3, True: False})
    read = through_json(state)
    assert read == state
    assert list(map(repr, read.fields)) == list(map(repr, state.fields))
    with pytest.raises(PriorError, match="cannot be represented as JSON"):
        Product({frozenset("a"): Beta()}).to_dict()


def test_documents_that_contradict_themselves_are_refused():
    def refuse(change):
        document = json.loads(json.dumps(learned().to_dict()))
        change(document)
        with pytest.raises(PriorError) as caught:
            sb.State.from_dict(document)
        assert len(str(caught.value)) < 600

    def fields(document):
        return document["fields"]["pairs"]

    refuse(lambda d: d.update(statistics=[2.0, 0.0]))  # less data than a field has
    refuse(lambda d: d.update(statistics=[10.0, 0.0]))  # more data than all fields have
    refuse(lambda d: d.update(statistics=[3.0]))
    refuse(lambda d: d.update(statistics=[3.0, "0"]))
    refuse(lambda d: d.update(statistics=None))
    refuse(lambda d: d.update(statistics=[10**400, 0.0]))
    refuse(lambda d: d.update(seed="7"))
    refuse(lambda d: d.update(fields=fields(d)))
    refuse(lambda d: d["fields"].update(pairs=[]))
    refuse(lambda d: d["fields"].update(pairs={}))
    refuse(lambda d: d["fields"].update(more=1))
    refuse(lambda d: d.pop("fields"))
    refuse(lambda d: fields(d).append(fields(d)[0]))  # twice
    refuse(lambda d: fields(d).append(["other", 3]))
    refuse(lambda d: fields(d).append([None, fields(d)[0][1]]))
    refuse(lambda d: fields(d)[0][1].update(seqbayes=2))
    refuse(lambda d: fields(d)[0][1].update(family="os.system"))


def test_deeply_nested_documents_are_refused():
    document = Beta().to_dict()
    for _ in range(100_000):
        document = {
            "seqbayes": 1,
            "family": "Product",
            "fields": {"pairs": [["a", document]]},
            "statistics": [0.0, 0.0],
            "seed": None,
        }
    with pytest.raises(PriorError, match="nested too deeply"):
        sb.State.from_dict(document)


def test_copies_share_nothing():
    state = Product({"size": Product({"x": Gamma(), "y": Beta()}), "z": Gamma()})
    x = {"size": {"x": 1, "y": True}, "z": 4}
    state.learn_one(x)
    for copied in (
        copy.copy(state),
        copy.deepcopy(state),
        pickle.loads(pickle.dumps(state)),
        state.clone(include_attributes=True),
        through_json(state),
        state + state.clone(),
    ):
        assert copied == state
        copied.learn_one(x)
        assert copied.n_samples == 2.0
        assert copied.marginal("size").n_samples == 2.0
        copied.rollover()
        assert state.n_samples == state.marginal("size").n_samples == 1.0
        assert state.fields["size"].fields["x"] == Gamma()


def test_merging_names_the_field():
    state = learned()
    for other, words in (
        (visits(clicks=Gamma(2, 2)), "field 'clicks': priors differ: shape"),
        (visits(clicks=Gamma(likelihood=Exponential())), "field 'clicks': likelihoods differ"),
        (visits(more=Beta()), "fields differ"),
        (Product({k: visits().fields[k] for k in ("page", "wait", "clicks")}), "fields differ"),
        (Beta(), "cannot merge Beta into Product"),
    ):
        with pytest.raises(MergeError, match=words):
            state.merge(other)
        assert state != other
    assert state == learned()


def test_str_is_short_for_many_fields():
    assert len(str(Product([Beta()] * 100))) < 500
    assert str(Product({"a": Beta()})) == (
        "Product(a: Beta(1, 1)) + 0 observed (Fields) = Product(a: Beta(1, 1))"
    )


# The accumulator, and River.


def test_an_accumulator_filled_field_by_field():
    state = visits()
    statistics = state.statistics
    assert isinstance(statistics, FieldSums)
    statistics.parts["clicks"].add_sums(3.0, 10.0, 3.0, learned().marginal("clicks").observe(0).n)
    statistics.add_sums(3.0)
    assert state.n_samples == 3.0
    assert state.posterior.fields["clicks"] == (11.0, 4.0)
    assert statistics.is_possible()
    with pytest.raises(ObservationError, match="overflows"):
        statistics.add_sums(math.inf)


def test_products_in_river_windows():
    rolling = utils.Rolling(Product, window_size=2, fields=visits().fields)
    for x in [X, *XS, {"page": "c"}]:
        rolling.update(x)
    wanted = learned([XS[2], {"page": "c"}])
    agree("windows", "visits", "unlearn_one", rolling.obj.posterior, wanted.posterior, 1e-14)
    assert rolling.n_samples == 2.0
    assert rolling.get() == rolling.obj.get()
