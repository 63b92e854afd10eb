"""Many observations are added to a table in blocks, with the result of a single block."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from seqbayes import Beta, Decayed, Gamma, Normal, NormalInverseGamma, ObservationError, likelihoods
from seqbayes.table import Table, rows

N = 200
RNG = np.random.default_rng(5)
TRIALS = np.column_stack([RNG.integers(0, 4, N), np.full(N, 4)])

CASES: dict[str, tuple[Any, Any]] = {
    "bernoulli": (Beta(), RNG.random(N) < 0.4),
    "trials": (Beta(likelihood=likelihoods.Binomial()), TRIALS),
    "far values": (Normal(0, 1, 1), RNG.normal(1e6, 1, N) * np.where(RNG.random(N) < 0.1, 1e9, 1)),
    "two parameters": (NormalInverseGamma(), RNG.normal(5, 1, N)),
    "events": (Decayed(Gamma(), half_life=7), RNG.poisson(4, N)),
    "times": (Decayed(Gamma(), half_life=7e3, by="time"), RNG.poisson(4, N)),
}


def integers() -> Any:
    return RNG.integers(0, 60, N)


def arrow_texts() -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.array([f"key {key}" for key in integers()]).slice(3).cast(pa.string())


def options(state: Any, n: int) -> dict[str, Any]:
    timed = getattr(state, "timed", False)
    return {"w": RNG.random(n), "t": np.sort(RNG.random(n) * 9e4) if timed else None}


@pytest.mark.parametrize("make_keys", [integers, arrow_texts])
@pytest.mark.parametrize("name", CASES)
def test_blocks_give_the_same_table(name: str, make_keys: Any, monkeypatch: Any) -> None:
    state, xs = CASES[name]
    keys = make_keys()
    xs = xs[: len(keys)]
    for arguments in ({"t": options(state, len(xs))["t"]}, options(state, len(xs))):
        whole, divided = (Table(state, max_keys=40, policy="inactive") for _ in range(2))
        whole.learn_many(keys, xs, **arguments)
        monkeypatch.setattr(rows, "_BLOCK", 7)
        divided.learn_many(keys, xs, **arguments)
        monkeypatch.undo()
        assert divided.keys == whole.keys
        assert len(whole) == 40
        for key in whole:
            assert divided[key].to_dict() == whole[key].to_dict()


@pytest.mark.parametrize("bad", [np.nan, 1e200])
def test_an_error_in_a_later_block_changes_nothing(bad: float, monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "_BLOCK", 7)
    table = Table(NormalInverseGamma())
    keys = integers()
    table.learn_many(keys[:50], RNG.normal(0, 1, 50))
    before = copy.deepcopy(table)
    xs = RNG.normal(0, 1, N) * 2.0 ** RNG.integers(-300, 300, N)  # sums get more parts
    xs[150] = bad
    with pytest.raises(ObservationError, match="at position 150"):
        table.learn_many(keys + np.arange(N) // 9, xs)
    assert table.keys == before.keys
    for key in before:
        assert table[key].to_dict() == before[key].to_dict()
    table.learn_many(keys, xs[:150].repeat(2)[:N] * 0.5)
    before.learn_many(keys, xs[:150].repeat(2)[:N] * 0.5)
    for key in before:
        assert table[key] == before[key]


def test_strings_that_are_not_utf8_in_a_later_block_change_nothing(monkeypatch: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    monkeypatch.setattr(rows, "_BLOCK", 2)
    ends = pa.py_buffer(np.arange(7, dtype=np.int32))
    keys = pa.Array.from_buffers(pa.string(), 6, [None, ends, pa.py_buffer(b"abcab\xff")])
    table = Table(Beta())
    table.learn_many(["b"], [True])
    with pytest.raises(ObservationError, match="not UTF-8"):
        table.learn_many(keys, np.ones(6))
    assert table.keys == ["b"]
    assert table.n_samples.tolist() == [1.0]


def test_the_number_of_keys_is_checked_first(monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "_BLOCK", 7)
    table = Table(Beta())
    with pytest.raises(ObservationError, match=f"expected {N} keys, got {N - 1}"):
        table.learn_many(np.arange(N - 1), np.ones(N))
    assert table.keys == []
