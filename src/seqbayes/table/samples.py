"""Samples of the posteriors of all keys of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.figures.samples import Samples, named, state_samples
from seqbayes.state import State
from seqbayes.table.answers import Answers

Array = Any

KEY = "key"
"""Name of the dimension of the keys."""

MAX_NUMBERS = 100_000_000
"""Maximum number of sampled values of one variable, which take 0.8 GB."""


def check_size(n: int, shape: tuple[int, int]) -> None:
    """Raise an error if there are no keys, or if the samples would take too much memory.

    Raises
    ------
    UnsupportedError
        If there are no keys, or the samples would have more than `MAX_NUMBERS` values.
    """
    if not n:
        raise UnsupportedError("a table without keys has no samples")
    if n * math.prod(shape) > MAX_NUMBERS:
        raise UnsupportedError(
            f"samples of {n:,} keys in {shape[0]:,} chains of {shape[1]:,} draws are more than"
            f" {MAX_NUMBERS:,} numbers: choose keys with `select`, or fewer draws"
        )


def table_samples(states: Sequence[State], keys: Sequence[Any], shape: tuple[int, int]) -> Samples:
    """Return samples of the posterior, the prior and the next observation of every key.

    Parameters
    ----------
    states
        The beliefs of the keys, with the same seed.
    keys
        The keys.
    shape
        The numbers of chains and draws.

    Raises
    ------
    PriorError
        If a posterior is improper; the message names the key.
    """
    rng = np.random.default_rng(states[0].seed)
    parts = []
    for key, state in zip(keys, states, strict=True):
        try:
            parts.append(state_samples(state, shape, rng).groups)
        except PriorError as error:
            raise PriorError(f"key {key!r}: {error}") from None
    groups = {}
    for name in parts[0]:
        if all(name in part for part in parts):
            groups[name] = {
                variable: np.stack([part[name][variable] for part in parts], axis=2)
                for variable in parts[0][name]
            }
    return _with_keys(groups, keys)


def averaged_samples(
    answers: Answers, keys: Sequence[Any], seed: int | None, shape: tuple[int, int]
) -> Samples:
    """Return samples of posteriors that are averages over several priors."""
    rng = np.random.default_rng(seed)
    drawn = np.array([answers.sample(rng) for _ in range(math.prod(shape))])
    return _with_keys({"posterior": named(drawn.reshape(*shape, len(keys)), shape)}, keys)


def _with_keys(groups: dict[str, dict[str, Array]], keys: Sequence[Any]) -> Samples:
    names = [name for group in groups.values() for name in group]
    labels = [", ".join(map(str, key)) if isinstance(key, tuple) else key for key in keys]
    return Samples(groups, {name: [KEY] for name in names}, {KEY: labels})
