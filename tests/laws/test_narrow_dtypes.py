"""Arrays of any numeric dtype and layout are learned like the same values as Python numbers."""

import numpy as np
import pytest

from cases import ONE_CASE_PER_LIKELIHOOD, agree
from seqbayes import ObservationError

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "float16", "float32", "bool"]


def numeric(case):
    """Return observations as an array of floats, None if they are labels or mappings."""
    try:
        array = np.array(case.observations(40), float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim in (1, 2) else None


NUMERIC = [case for case in ONE_CASE_PER_LIKELIHOOD if numeric(case) is not None]
SCALAR = [case for case in NUMERIC if numeric(case).ndim == 1]


def narrowed(values, dtype):
    """Return the values, as nearly as the dtype holds them; whole numbers are rounded up."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return values != 0.0
    if kind in "iu":
        return np.clip(np.ceil(values), np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
    return values.astype(dtype)


def layouts(array):
    """Yield the array in several layouts."""
    read_only = array.copy()
    read_only.setflags(write=False)
    yield read_only
    yield np.repeat(array, 2, axis=0)[::2]
    yield array[::-1][::-1]
    yield np.asfortranarray(array)
    yield array.astype(array.dtype.newbyteorder(">"))


def learned(case, xs):
    """Return the state, or the beginning of the error's message."""
    state = case.new()
    try:
        state.learn_many(xs)
    except ObservationError:
        return None
    return state


@pytest.mark.parametrize("case", NUMERIC, ids=lambda case: case.id)
def test_narrow_arrays_are_learned_like_python_numbers(case):
    numbers = np.tile(numeric(case), (8, 1) if numeric(case).ndim == 2 else 8)
    for array in (narrowed(numbers, dtype) for dtype in DTYPES):
        listed = [tuple(row) if isinstance(row, list) else row for row in array.tolist()]
        wanted = learned(case, listed)
        for xs in layouts(array):
            law, got = f"{xs.dtype} array", learned(case, xs)
            assert (got is None) == (wanted is None), law
            if got is not None:
                agree(law, case, "learn_many", got.posterior, wanted.posterior, 1e-13)
                agree(law, case, "learn_many", got.log_evidence, wanted.log_evidence, 1e-12, 1e-12)


@pytest.mark.parametrize("case", SCALAR, ids=lambda case: case.id)
def test_functions_take_arrays_of_narrow_dtypes(case):
    predictive = case.new(case.observations(20)).predictive
    for dtype in ("int8", "uint8", "int16", "float16", "float32", ">f4"):
        values = narrowed(numeric(case)[:9], dtype).astype(dtype)
        for name in ("logp", "cdf", "sf", "logcdf", "logsf"):
            function = getattr(predictive, name)
            wanted = [float(function(v)) for v in values.tolist()]
            with np.errstate(all="ignore"):
                got = np.asarray(function(values), float)
            assert got.tolist() == pytest.approx(wanted, rel=1e-12, abs=1e-12), (name, dtype)
