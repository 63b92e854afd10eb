"""Changed documents are refused or are valid states."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

import seqbayes as sb
from cases import CASES, ONE_CASE_PER_LIKELIHOOD
from seqbayes import ObservationError, PriorError, SeqbayesError

leaves = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.sampled_from([10**400, -1, 0, 1e308, -1e308, -0.5, math.nan, math.inf, "", "inf", "Beta"]),
    some.floats(),
    some.text(max_size=5),
)
documents = some.recursive(
    leaves,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4),
        some.dictionaries(some.text(max_size=5), inner, max_size=3),
        some.builds(lambda v: {"number": v}, inner),
        some.builds(lambda v: {"pairs": v}, inner),
    ),
    max_leaves=8,
)


def changed(document, path, value):
    if not path:
        return value
    copied = json.loads(json.dumps(document))
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    if value is DELETED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copied


DELETED = object()


@given(data=some.data())
def test_changed_documents_are_refused_or_read_completely(data):
    case = data.draw(some.sampled_from(CASES))
    document = case.new(case.observations(3, salt=106)).to_dict()
    path = data.draw(some.sampled_from(list(walk(document))))
    value = data.draw(some.one_of(some.just(DELETED), documents)) if path else data.draw(documents)
    check_document(changed(document, path, value), case)


def walk(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    if isinstance(value, list):
        for i, inner in enumerate(value):
            yield from walk(inner, (*path, i))


def check_document(document, case):
    """A document is refused, or gives a state that works in every respect."""
    try:
        state = sb.State.from_dict(document)
    except SeqbayesError as error:
        if len(str(error)) > 600:
            raise AssertionError("the message repeats the document") from error
        return
    assert sb.State.from_dict(state.to_dict()) == state
    json.dumps(state.to_dict(), allow_nan=False)
    assert state.n_samples >= 0.0
    assert state == state + state.clone()
    str(state)
    _ = state.posterior, state.mle, state.log_evidence
    if type(state) is case.family and state.likelihood == case.likelihood:
        try:
            state.learn_one(case.observations(1, salt=107)[0])
        except ObservationError:
            return  # documents of another scale, or with other labels
        assert state.n_samples > 0.0


@given(documents)
def test_any_json_is_refused_or_read_completely(document):
    check_document(document, CASES[0])


ONE_CASE_PER_FAMILY = list({case.family: case for case in ONE_CASE_PER_LIKELIHOOD}.values())


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_every_place_in_a_document_is_checked(case):
    document = case.new(case.observations(3, salt=108)).to_dict()
    values = (None, [], {}, "x", -1, 10**400, math.nan, True, [[1]], {"pairs": [[1, 2]]})
    if case not in ONE_CASE_PER_FAMILY:  # most of the document is read by the family
        values = values[2:6]
    for path in walk(document):
        for value in values:
            check_document(changed(document, path, value), case)
        if path:
            check_document(changed(document, path, DELETED), case)


def test_deep_documents_are_refused():
    document = sb.Beta().to_dict()
    nested = []
    for _ in range(100_000):
        nested = [nested]
    document["statistics"] = nested
    with pytest.raises(PriorError):
        sb.State.from_dict(document)
    document = sb.Dirichlet().to_dict()
    document["prior"]["alpha"] = nested
    with pytest.raises(PriorError):
        sb.State.from_dict(document)


def test_nothing_in_a_document_is_looked_up_by_name():
    document = sb.Beta().to_dict()
    for name in ("State", "os.system", "__class__", "Gamma.flat"):
        with pytest.raises(PriorError):
            sb.State.from_dict({**document, "family": name})
        with pytest.raises(PriorError):
            sb.State.from_dict({**document, "likelihood": [name, {}]})
    with pytest.raises(PriorError, match="Beta"):
        sb.Beta.from_dict(sb.Gamma().to_dict())
    with pytest.raises(PriorError, match="upgrade"):
        sb.State.from_dict({**document, "seqbayes": 2})
