"""A table equals a dictionary of states."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Gamma,
    MergeError,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
    likelihoods,
)
from seqbayes.table import Table
from seqbayes.table.index import Index

N = 60

BELIEFS = {
    "bernoulli": (Beta(), lambda rng: rng.random(N) < 0.4),
    "binomial": (Beta(likelihood=likelihoods.Binomial(5)), lambda rng: rng.integers(0, 6, N)),
    "trials": (
        Beta(likelihood=likelihoods.Binomial()),
        lambda rng: [(int(k), 7) for k in rng.integers(0, 8, N)],
    ),
    "geometric": (
        Beta(2, 3, likelihood=likelihoods.Geometric()),
        lambda rng: rng.geometric(0.3, N),
    ),
    "negative binomial": (
        Beta(2, 3, likelihood=likelihoods.NegativeBinomial(2.5)),
        lambda rng: rng.integers(0, 9, N),
    ),
    "poisson": (Gamma(), lambda rng: rng.poisson(4, N)),
    "large counts": (Gamma(), lambda rng: rng.poisson(1e6, N)),
    "exposures": (
        Gamma(likelihood=likelihoods.Poisson(None)),
        lambda rng: list(
            zip(rng.poisson(4, N).tolist(), (rng.random(N) + 0.1).tolist(), strict=True)
        ),
    ),
    "exponential": (
        Gamma(likelihood=likelihoods.Exponential()),
        lambda rng: rng.exponential(1, N),
    ),
    "weibull": (Gamma(likelihood=likelihoods.Weibull(2.5)), lambda rng: rng.exponential(1, N)),
    "inverse gamma": (
        Gamma(likelihood=likelihoods.InverseGamma(2)),
        lambda rng: rng.exponential(1, N),
    ),
    "laplace": (Gamma(likelihood=likelihoods.Laplace(1)), lambda rng: rng.normal(0, 3, N)),
    "pareto": (Gamma(likelihood=likelihoods.Pareto(2)), lambda rng: 2 + rng.exponential(1, N)),
    "normal": (Normal(0, 10, 4), lambda rng: rng.normal(5, 2, N)),
    "far from zero": (NormalInverseGamma(), lambda rng: rng.normal(1e9, 1, N)),
    "an outlier": (
        NormalInverseGamma(0, 1, 1, 1),
        lambda rng: np.where(rng.random(N) < 0.1, 1e36, rng.normal(0, 1, N)),
    ),
    "log-normal": (
        NormalInverseGamma(1, 1, 1, 1, likelihood=likelihoods.LogNormal()),
        lambda rng: rng.lognormal(1, 1, N),
    ),
    "labels": (Dirichlet({"a": 1, "b": 2, "c": 0.5}), lambda rng: rng.choice(["a", "b", "c"], N)),
    "counts of labels": (
        Dirichlet({"a": 1, "b": 2}, likelihood=likelihoods.Multinomial()),
        lambda rng: [{"a": int(k), "b": 3} for k in rng.integers(0, 4, N)],
    ),
}
FORGETTING = ["no decay", "events", "time"]


def prototype(state: Any, forgetting: str) -> Any:
    return state if forgetting == "no decay" else Decayed(state, half_life=7.3, by=forgetting)


def learn(name: str, forgetting: str, weighted: bool) -> tuple[Table, dict[Any, Any]]:
    """Let a table and a dictionary of states learn the same observations, twice."""
    state, draw = BELIEFS[name]
    empty = prototype(state, forgetting)
    rng = np.random.default_rng(len(name))
    table, states = Table(empty), {}
    for _ in range(2):
        xs, keys = draw(rng), rng.integers(0, 9, N)
        w = rng.random(N) if weighted else None
        t = rng.normal(0, 30, N) if forgetting == "time" else None
        table.learn_many(keys, xs, w, t)
        for i, (key, x) in enumerate(zip(keys.tolist(), list(xs), strict=True)):
            belief = states.setdefault(key, empty.clone())
            time = {} if t is None else {"t": float(t[i])}
            belief.learn_one(x, 1.0 if w is None else float(w[i]), **time)
    return table, states


def at(values: Any, i: int) -> Any:
    """Return the values of row i."""
    if isinstance(values, dict):
        return {name: at(value, i) for name, value in values.items()}
    if isinstance(values, tuple):
        return tuple(at(value, i) for value in values)
    return values[i] if isinstance(values, np.ndarray) else values


def is_close(value: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return all(is_close(value[name], expected[name]) for name in expected)
    if isinstance(expected, tuple):
        return all(is_close(v, e) for v, e in zip(value, expected, strict=True))
    if expected is None:
        return bool(np.isnan(list(value.values()) if isinstance(value, dict) else value).all())
    return bool(value == expected or abs(value - expected) <= 1e-11 * abs(expected))


def is_same(value: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return all(is_same(v, e) for v, e in zip(value, expected, strict=True))
    return bool(np.array_equal(value, expected))


@pytest.mark.parametrize(
    ("forgetting", "weighted"),
    [("no decay", False), ("no decay", True), ("events", True), ("time", True)],
)
@pytest.mark.parametrize("name", BELIEFS)
def test_posteriors_are_those_of_a_dictionary_of_states_to_the_last_bit(
    name: str, forgetting: str, weighted: bool
) -> None:
    table, states = learn(name, forgetting, weighted)
    assert table.keys == list(states)
    for i, (key, state) in enumerate(states.items()):
        assert is_same(at(tuple(table.posterior), i), tuple(state.posterior)), key
        assert is_same(tuple(table[key].posterior), tuple(state.posterior)), key


@pytest.mark.parametrize("forgetting", FORGETTING)
@pytest.mark.parametrize("name", BELIEFS)
def test_answers_are_those_of_the_states(name: str, forgetting: str) -> None:
    table, states = learn(name, forgetting, weighted=False)
    answers = {
        "mean": table.mean,
        "var": table.var,
        "mle": table.mle,
        "map": table.map,
        "log_evidence": table.log_evidence,
        "interval": table.interval(0.9),
    }
    for i, state in enumerate(states.values()):
        for attribute, values in answers.items():
            expected = getattr(state, attribute)
            expected = expected(0.9) if attribute == "interval" else expected
            assert is_close(at(values, i), expected), attribute


@pytest.mark.parametrize("name", BELIEFS)
def test_a_split_and_merged_table_equals_the_whole(name: str) -> None:
    state, draw = BELIEFS[name]
    rng = np.random.default_rng(5)
    xs, keys = list(draw(rng)), rng.integers(0, 9, N)
    whole, first, second = Table(state), Table(state), Table(state)
    whole.learn_many(keys, xs)
    first.learn_many(keys[:50], xs[:50])
    second.learn_many(keys[50:], xs[50:])
    total = first + second
    assert total.keys == whole.keys
    assert is_same(tuple(total.posterior), tuple(whole.posterior))


@pytest.mark.parametrize("forgetting", ["events", "time"])
def test_tables_that_forget_merge_as_their_states_do(forgetting: str) -> None:
    table, states = learn("poisson", forgetting, weighted=False)
    other, others = learn("poisson", forgetting, weighted=False)
    total = table + other
    for i, key in enumerate(total.keys):
        assert is_same(at(tuple(total.posterior), i), tuple((states[key] + others[key]).posterior))


@pytest.mark.parametrize("name", BELIEFS)
def test_unlearning_is_the_inverse_of_learning(name: str) -> None:
    table, _ = learn(name, "no decay", weighted=False)
    before = table.posterior
    x = next(iter(BELIEFS[name][1](np.random.default_rng(3))))
    table.learn_one(4, x)
    table.unlearn_one(4, x)
    assert is_same(tuple(table.posterior), tuple(before))


@pytest.mark.parametrize("forgetting", FORGETTING)
@pytest.mark.parametrize("name", BELIEFS)
def test_forgetting_and_rolling_over_are_those_of_the_states(name: str, forgetting: str) -> None:
    table, states = learn(name, forgetting, weighted=False)
    for change in [lambda b: b.forget(0.3), lambda b: b.forget(0.5), lambda b: b.rollover()]:
        change(table)
        for state in states.values():
            change(state)
        for i, (key, state) in enumerate(states.items()):
            assert is_same(at(tuple(table.posterior), i), tuple(state.posterior))
            assert is_same(tuple(table[key].prior), tuple(state.prior))
    x = next(iter(BELIEFS[name][1](np.random.default_rng(3))))
    time = {"t": 99.0} if forgetting == "time" else {}
    states["new"] = prototype(BELIEFS[name][0], forgetting)
    for key in ["new", table.keys[0]]:
        table.learn_one(key, x, **time)
        states[key].learn_one(x, **time)
        assert is_same(tuple(table[key].posterior), tuple(states[key].posterior))
    assert is_same(tuple(table["new"].posterior), tuple(states["new"].posterior))
    assert is_same(tuple(table["new"].prior), tuple(states["new"].prior))


@pytest.mark.parametrize("forgetting", FORGETTING)
@pytest.mark.parametrize("name", BELIEFS)
def test_a_refused_batch_changes_nothing(name: str, forgetting: str) -> None:
    table, _ = learn(name, forgetting, weighted=False)
    before, keys = table.posterior, table.keys
    good = list(BELIEFS[name][1](np.random.default_rng(3)))[:3]
    times = [0.0, 1.0, 2.0, 3.0] if forgetting == "time" else None
    with pytest.raises(ObservationError, match="position 3"):
        table.learn_many([1, 2, "new", "newer"], [*good, "invalid"], t=times)
    with pytest.raises(ObservationError):
        table.learn_one("newest", "invalid", t=times and times[0])
    assert table.keys == keys
    assert is_same(tuple(table.posterior), tuple(before))


def test_an_overflow_in_the_middle_of_a_batch_changes_nothing() -> None:
    for state, bad in [
        (Gamma(likelihood=likelihoods.Exponential()), [1e308, 1e308]),
        (NormalInverseGamma(), [4.0, 1e160]),
    ]:
        table = Table(state)
        table.learn_many([1, 2, 3], [1.0, 2.0, 3.0])
        before = table.posterior
        with pytest.raises(ObservationError, match=r"too large.*position 3"):
            table.learn_many([1, 9, 3, 3], [1.0, 2.0, *bad])
        assert table.keys == [1, 2, 3]
        assert is_same(tuple(table.posterior), tuple(before))
        table.learn_many([9], [2.0])  # the data of its refused batch were removed
        alone = state.clone()
        alone.learn_one(2.0)
        assert table[9] == alone


@pytest.mark.parametrize("forgetting", FORGETTING)
def test_pickles_copies_and_selections_continue_learning_like_the_table(forgetting: str) -> None:
    for name in ("an outlier", "labels"):
        table, _ = learn(name, forgetting, weighted=True)
        copies = [pickle.loads(pickle.dumps(table)), copy.copy(table), table.select(table.keys)]
        x = next(iter(BELIEFS[name][1](np.random.default_rng(3))))
        time = {"t": 9.0} if forgetting == "time" else {}
        for each in [table, *copies]:
            each.learn_one("new", x, **time)
            each.learn_one(3, x, **time)
        for each in copies:
            assert each.keys == table.keys
            assert is_same(tuple(each.posterior), tuple(table.posterior))


def test_answers_as_of_a_later_time() -> None:
    table, states = learn("poisson", "time", weighted=False)
    posterior = table.answers(at=500.0).posterior
    for i, state in enumerate(states.values()):
        assert is_same(at(tuple(posterior), i), tuple(state.as_of(500.0).posterior))
    with pytest.raises(ObservationError, match="cannot go back"):
        table.answers(at=-500.0)


def test_log_predictive_densities_are_those_of_the_states() -> None:
    for name in ("bernoulli", "large counts", "exponential", "log-normal"):
        table, states = learn(name, "no decay", weighted=False)
        xs = list(BELIEFS[name][1](np.random.default_rng(3)))[: len(table)]
        found = table.answers().log_predictive(xs)
        for x, value, state in zip(xs, found, states.values(), strict=True):
            assert is_close(value, state.log_predictive(x))


def test_improper_posteriors_are_nan() -> None:
    table = Table(Gamma.flat(likelihood=likelihoods.Exponential()))
    table.learn_many(["a", "b"], [2.0, 1.0], [1.0, 0.0])
    assert table.mean[0] == 1.0
    assert np.isnan(table.mean[1])
    assert np.isnan(table.log_evidence).all()
    densities = table.answers().log_predictive([1.0, 1.0])
    assert is_close(densities[0], table["a"].log_predictive(1.0))
    assert np.isnan(densities[1])


@pytest.mark.parametrize(
    "keys",
    [
        [3, 1, 3, 2**70],
        ["x", "y", "x", "z"],
        [("a", 1), ("b", 1), ("a", 1), ("a", 2)],
        [1, "1", 1, (1,)],
        np.array([5, -7, 5, 2**62]),
        np.array([5, 2**63, 5, 9], np.uint64),
        np.array(["x", "y", "x", "z"]),
    ],
    ids=repr,
)
def test_keys_may_be_integers_strings_and_tuples(keys: Any) -> None:
    table = Table(Beta())
    table.learn_many(keys, [True, False, True, False])
    listed = keys.tolist() if isinstance(keys, np.ndarray) else keys
    assert table.keys == list(dict.fromkeys(listed))
    assert table.n_samples.tolist() == [2.0, 1.0, 1.0]
    assert all(key in table for key in listed)
    assert "absent" not in table
    assert table[listed[0]].mean == 0.75


@pytest.mark.parametrize("key", [1.5, True, None, (1, 2.0), (), b"x"])
def test_other_keys_are_refused(key: Any) -> None:
    table = Table(Beta())
    table.learn_one(1, True)
    with pytest.raises(ObservationError, match="expected keys that are integers, strings"):
        table.learn_many([2, key], [True, True])
    assert table.keys == [1]


def test_keys_of_arrow_arrays_and_data_frames() -> None:
    pa = pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    words = ["x", "y", "x", "z"]
    columns = [
        pa.array(words),
        pa.chunked_array([words[:2], words[2:]]),
        pa.array(words).dictionary_encode(),
        pd.Series(words),
        pd.Series(pd.Categorical(words, categories=["unused", "z", "y", "x"])),
    ]
    for column in columns:
        table = Table(Beta())
        table.learn_many(column, [True, False, True, False])
        assert table.keys == ["x", "y", "z"]
        assert table.n_samples.tolist() == [2.0, 1.0, 1.0]
    for column in [pa.array([7, 8, 7]), pd.Series([7, 8, 7])]:
        table = Table(Beta())
        table.learn_many(column, [True, False, True])
        assert table.keys == [7, 8]
    with pytest.raises(ObservationError, match="1 missing"):
        Table(Beta()).learn_many(pa.array(["x", None]), [True, True])


def test_many_integer_keys_keep_their_rows_while_the_index_grows() -> None:
    rng = np.random.default_rng(0)
    keys = rng.integers(-(2**40), 2**40, 3000)
    table = Table(Gamma())
    for part in np.array_split(np.repeat(keys, 2), 7):
        table.learn_many(part, np.ones(len(part)))
    assert table.keys == list(dict.fromkeys(keys.tolist()))
    assert (table.n_samples >= 2.0).all()


def test_the_keys_whose_parameter_is_surely_high_come_first() -> None:
    table = Table(Beta())
    table.learn_many([1] * 100 + [2] + [3] * 100, [True] * 101 + [False] * 100)
    assert [key for key, _ in table.top(3)] == [1, 2, 3]
    assert [key for key, _ in table.top(1, better="lower")] == [3]
    assert is_close(table.top(1)[0][1], table[1].interval()[0])
    with pytest.raises(PriorError, match="'higher' or 'lower'"):
        table.top(1, better="best")
    labels, _ = learn("labels", "no decay", weighted=False)
    with pytest.raises(PriorError, match="cannot be ranked by several parameters"):
        labels.top(1)


def test_eviction_keeps_the_number_of_keys_below_the_limit() -> None:
    table = Table(Beta(), max_keys=2)
    table.learn_many(["a", "a", "b", "c", "c", "c"], [True] * 6)
    assert table.keys == ["a", "c"]
    table = Table(Beta(), max_keys=2, policy="oldest")
    table.learn_many(["a", "a", "b", "c"], [True] * 4)
    assert table.keys == ["b", "c"]
    assert table.evict(1) == ["b"]
    table.learn_one("b", False)
    assert table["b"].posterior == Beta(1, 2).prior


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (DirichletProcess(), "cannot be the prior of a table"),
        (NormalInverseWishart([0, 0]), "cannot be the prior of a table"),
    ],
)
def test_states_without_a_fixed_number_of_sums_are_refused(state: Any, message: str) -> None:
    with pytest.raises(PriorError, match=message):
        Table(state)


def test_errors_of_arguments() -> None:
    table = Table(Beta())
    with pytest.raises(ObservationError, match="expected 2 keys, got 1"):
        table.learn_many(["a"], [True, False])
    with pytest.raises(ObservationError, match="one for each observation"):
        table.learn_many("a", [True])
    with pytest.raises(ObservationError, match="only beliefs with a half-life in time take times"):
        table.learn_one("a", True, t=3.0)
    with pytest.raises(ObservationError, match="finite weight >= 0"):
        table.learn_one("a", True, w=-1.0)
    with pytest.raises(KeyError):
        table["a"]
    with pytest.raises(ObservationError, match="unknown key 'a'"):
        table.unlearn_one("a", True)
    with pytest.raises(KeyError):
        table.select(["a"])
    for invalid in (0, -3, 1.5):
        with pytest.raises(PriorError, match="max_keys"):
            Table(Beta(), max_keys=invalid)  # type: ignore[arg-type]
    with pytest.raises(PriorError, match="expected a state"):
        Table(3)  # type: ignore[arg-type]
    with pytest.raises(PriorError, match="expected policy to be one of"):
        Table(Beta(), policy="newest")
    with pytest.raises(MergeError, match="priors differ"):
        table.merge(Table(Beta(2, 1)))
    with pytest.raises(ObservationError, match="factor from 0 to 1"):
        table.forget(2.0)
    assert len(table) == 0
    assert table.mean.tolist() == []


def test_an_overflow_leaves_the_clock_of_a_key_unchanged() -> None:
    belief: Any = Decayed(NormalInverseGamma(), half_life=1.0, by="time")
    table = Table(belief)
    table.learn_one("a", 2.0, t=0.0)
    with pytest.raises(ObservationError, match="its square overflows"):
        table.learn_one("a", 1e160, t=5.0)
    table.learn_one("a", 4.0, t=0.5)
    belief.learn_one(2.0, t=0.0)
    belief.learn_one(4.0, t=0.5)
    assert is_same(tuple(table["a"].posterior), tuple(belief.posterior))


def test_an_observation_that_raises_another_error_changes_nothing() -> None:
    class Faulty(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("no items")

    counts = Table(Dirichlet({"a": 1, "b": 2}, likelihood=likelihoods.Multinomial()))
    counts.learn_one(1, {"a": 2})
    before = counts.posterior
    with pytest.raises(RuntimeError):
        counts.learn_many([1, 2, 3], [{"a": 1}, {"b": 1}, Faulty(a=1)])
    with pytest.raises(RuntimeError):
        counts.learn_one(4, Faulty(a=1))
    assert counts.keys == [1]
    assert is_same(tuple(counts.posterior), tuple(before))


@pytest.mark.parametrize("name", ["bernoulli", "exponential", "normal", "log-normal", "labels"])
def test_tails_and_quantiles_are_those_of_the_states(name: str) -> None:
    table, states = learn(name, "no decay", weighted=False)
    answers = table.answers()
    for method in ("ppf", "isf"):
        values = getattr(answers, method)(0.2)
        for i, state in enumerate(states.values()):
            assert is_close(at(values, i), getattr(state, method)(0.2))
    quantiles = next(iter(states.values())).ppf(0.7)
    for method in ("cdf", "sf"):
        values = getattr(table, method)(quantiles)
        for i, state in enumerate(states.values()):
            assert is_close(at(values, i), getattr(state, method)(quantiles))


def test_draws_follow_the_posterior_of_each_key() -> None:
    table = Table(Beta(seed=1))
    table.learn_many(np.repeat([1, 2], 400), np.repeat([True, False], 400))
    draws = np.array([table.answers().sample(np.random.default_rng(k)) for k in range(200)])
    assert draws.shape == (200, 2)
    assert np.abs(draws.mean(axis=0) - table.mean).max() < 0.001


@pytest.mark.parametrize("form", ["list", "array", "chunks", "dictionary"])
def test_texts_have_the_rows_of_a_dictionary(form: str) -> None:
    pa = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(1)
    # of all lengths around whole words, with shared beginnings, and not ASCII
    words = [
        ("ab\u00e9\U0001f600"[int(k) % 4] * (int(k) % 23)) + str(k)
        for k in rng.integers(0, 999, 4000)
    ]
    words += ["", "\0", "\0\0", "x" * 300_000]
    read = {
        "list": list,
        "array": lambda part: pa.array([None, *part])[1:],
        "chunks": lambda part: pa.chunked_array([part[:7], part[7:]]),
        "dictionary": lambda part: pa.array(part).dictionary_encode(),
    }[form]
    index, rows = Index(), {}
    expected = [rows.setdefault(word, len(rows)) for word in words]
    parts = [words[i : i + 1300] for i in range(0, len(words), 1300)]
    found = np.concatenate([index.rows(read(part), add=True) for part in parts])
    assert found.tolist() == expected
    assert index.keys == list(rows)
    assert index.rows(read(words), add=False).tolist() == expected
    assert set(index.rows(read([word + "!" for word in words]), add=False).tolist()) == {-1}
    assert index.at(np.array([3, 0])) == [index.keys[3], index.keys[0]]
    assert index.take(np.array([5, 2])).keys == [index.keys[5], index.keys[2]]
    assert pickle.loads(pickle.dumps(index)).find(words[9]) == expected[9]


def test_keys_of_another_kind_move_the_index_to_a_dict() -> None:
    index = Index()
    assert index.rows([5, 6], add=True).tolist() == [0, 1]
    assert index.rows(["5", 6, 2**70, ("a", 1)], add=False).tolist() == [-1, 1, -1, -1]
    assert index.rows(["5", "6"], add=True).tolist() == [2, 3]
    assert index.keys == [5, 6, "5", "6"]
    texts = Index()
    texts.rows(["a", "b"], add=True)
    assert texts.rows(["b", "\ud800", 1], add=False).tolist() == [1, -1, -1]
    assert texts.rows(["c", "\ud800", "a"], add=True).tolist() == [2, 3, 0]
    assert texts.keys == ["a", "b", "c", "\ud800"]


def test_bytes_of_arrow_texts_that_are_not_utf_8_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    ends = pa.py_buffer(np.array([0, 1, 2], np.int32))
    halves = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer("\u00e9".encode())])
    table = Table(Beta())
    table.learn_many(["a"], [True])
    with pytest.raises(ObservationError, match="not UTF-8"):
        table.learn_many(halves, [True, False])
    assert table.keys == ["a"]
    assert table.n_samples.tolist() == [1.0]


def test_a_table_is_unchanged_after_an_overflow_in_a_large_batch() -> None:
    rng = np.random.default_rng(2)
    table = Table(Normal(0, 1, 1))
    keys = rng.integers(0, 50, 500)
    table.learn_many(keys, rng.normal(0, 1, 500))
    before = copy.deepcopy(table)
    xs = rng.normal(0, 1e-9, 500)
    xs[400:] = 1e153  # the square of some key overflows
    with pytest.raises(ObservationError, match="at position 4"):
        table.learn_many(np.concatenate([keys[:400], np.full(100, 7)]), xs * 9)
    assert table.keys == before.keys
    for key in before:
        assert table[key].to_dict() == before[key].to_dict()
