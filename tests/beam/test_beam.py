"""Beliefs combined by Apache Beam's direct runner equal those of one process."""

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("apache_beam") is None:
    pytest.skip("needs the extra beam: pip install -e '.[beam]'", allow_module_level=True)

import apache_beam as beam
from apache_beam.testing.util import assert_that

from seqbayes import Beta, Decayed, NormalInverseGamma
from seqbayes.beam import Learn
from seqbayes.errors import PriorError
from seqbayes.river import ConjugateNB

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Apache Beam


def test_the_posteriors_of_keys_are_those_of_one_process():
    seen = []
    xs = np.random.default_rng(0).normal(1e7, 1.0, 300).tolist()
    elements = [("ab"[i % 2], x) for i, x in enumerate(xs)]
    parts = [Learn(NormalInverseGamma()) for _ in range(3)]
    for key in "ab":
        alone = NormalInverseGamma()
        alone.learn_many([x for k, x in elements if k == key])
        learn, made = parts[0], []
        for i in range(3):
            each = learn.create_accumulator()
            for x in [x for k, x in elements if k == key][i::3]:
                each = learn.add_input(each, x)
            made.append(each)
        merged = learn.extract_output(learn.merge_accumulators(made))
        assert merged.posterior == alone.posterior
        seen.append((key, repr(alone.posterior)))

    def check(pairs):
        assert sorted((key, repr(state.posterior)) for key, state in pairs) == seen

    with beam.Pipeline(runner="DirectRunner") as pipeline:
        result = pipeline | beam.Create(elements) | beam.CombinePerKey(Learn(NormalInverseGamma()))
        assert_that(result, check)


def test_weights_and_times_are_arguments():
    learn = Learn(Decayed(Beta(), 60.0, "time"), arguments=True)
    state = learn.add_input(learn.create_accumulator(), (True, 2.0, 100.0))
    assert (state.n_samples, state.clock) == (2.0, 100.0)


def test_states_that_cannot_be_merged_are_refused():
    with pytest.raises(PriorError, match="half-life in events"):
        Learn(Decayed(Beta(), 60.0))
    with pytest.raises(PriorError, match="expected a state"):
        Learn(0.5)
    with pytest.raises(PriorError, match="cannot be merged"):
        Learn(ConjugateNB())
