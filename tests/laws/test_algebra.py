"""Posterior = prior + statistics: batches, weights, merging, unlearning, forgetting, rollover."""

import itertools

import numpy as np
import pytest

import seqbayes as sb
from cases import CAN_SCALE, CAN_UNLEARN, CASES, agree, each_of
from seqbayes import MergeError, ObservationError

every = each_of(CASES)
unlearned = each_of(CAN_UNLEARN)
scaled = each_of(CAN_SCALE)
WEIGHTS = [1.0, 0.0, 2.5, 0.125, 3.0, 1.0, 0.3, 1e-3]


def same(law, case, suspects, got, wanted, rel=1e-12):
    """Assert that two states give the same answers."""
    scale = scale_of(wanted)
    agree(law, case, suspects, belief(got), belief(wanted), rel, rel * scale)
    agree(f"{law} (n)", case, suspects, got.n_samples, wanted.n_samples, rel)
    agree(f"{law} (evidence)", case, suspects, got.log_evidence, wanted.log_evidence, 1e-10, 1e-9)
    agree(f"{law} (MLE)", case, suspects, got.mle, wanted.mle, rel, rel * scale)


def belief(state):
    """Return the hyperparameters of the posterior, whatever the order of the labels."""
    return by_name(state.posterior)


def by_name(posterior):
    if hasattr(posterior, "fields"):
        return {name: by_name(h) for name, h in posterior.fields.items()}
    if hasattr(posterior, "categories"):
        return dict(zip(posterior.categories, posterior.alpha.tolist(), strict=True))
    return posterior


def scale_of(state):
    """Return the scale against which differences of means round."""
    if isinstance(state, sb.Product):
        return max(scale_of(state.marginal(name)) for name in state.fields)
    mean = getattr(state.posterior, "mean", None)
    return 0.0 if mean is None else float(np.max(np.abs(mean))) + 1.0


@every
def test_learning_one_at_a_time_equals_learning_a_batch(case):
    xs = case.observations(50)
    batch = case.new()
    assert batch.learn_many(xs) is None
    same("one at a time = batch", case, "likelihood.summarise", batch, case.new(xs))


@every
def test_learning_one_at_a_time_equals_learning_a_batch_with_weights(case):
    xs = case.observations(len(WEIGHTS), salt=1)
    batch = case.new()
    batch.learn_many(xs, w=WEIGHTS)
    same("weighted batch", case, "likelihood.summarise", batch, case.new(xs, WEIGHTS))
    batch = case.new()
    batch.learn_many(xs, w=0.25)
    same("one weight for all", case, "arrays.weights", batch, case.new(xs, [0.25] * len(xs)))


@every
def test_batches_of_many_types_are_accepted(case):
    """An array, a tuple and a generator are equivalent; an empty batch changes nothing."""
    xs = case.observations(20, salt=2)
    wanted = case.new(xs)
    shapes = {"tuple": tuple(xs), "generator": iter(xs), "array": array_of(xs)}
    for name, shaped in shapes.items():
        state = case.new()
        state.learn_many(shaped)
        same(f"batch as {name}", case, "arrays", state, wanted)
    for nothing in ([], (), np.array([]), iter([])):
        state = case.new()
        state.learn_many(nothing)
        assert state == case.new(), f"{case.id}: learning {nothing!r} is learning nothing"


def array_of(xs):
    if not isinstance(xs[0], dict):
        return np.array(xs)
    array = np.empty(len(xs), dtype=object)
    array[:] = xs
    return array


@every
def test_batch_follows_single_observations(case):
    xs = case.observations(30, salt=3)
    state = case.new(xs[:7])
    state.learn_many(xs[7:20])
    for x in xs[20:]:
        state.learn_one(x)
    same("batch in the middle", case, "merge of summarise", state, case.new(xs))


@every
def test_split_and_merge_equals_the_whole(case):
    xs = case.observations(40, salt=4)
    whole = case.new(xs)
    for cut in (0, 1, 13, 40):
        left, right = case.new(xs[:cut]), case.new(xs[cut:])
        untouched = case.new(xs[cut:])
        both = left + right
        left.merge(right)
        same("split + merge = whole", case, "statistics.merge", left, whole)
        assert both == left
        assert right == untouched


@every
def test_merging_counts_the_prior_once(case):
    two = case.new() + case.new()
    assert two == case.new()
    same("prior once", case, "merge", two, case.new(), 0.0)


@every
def test_merging_a_state_with_itself_doubles_the_data(case):
    xs = case.observations(9, salt=5)
    state = case.new(xs)
    state.merge(state)
    same("merge with itself", case, "statistics.merge", state, case.new(xs, [2.0] * 9))


@every
def test_merging_different_states_is_refused(case):
    state = case.new(case.observations(3, salt=6))
    before = state.to_dict()
    other_prior = case.new()
    other_prior.learn_many(case.observations(3, salt=7))
    other_prior.rollover()
    strangers = [other_prior]
    strangers += [other.new() for other in CASES if other.family is not case.family][:3]
    strangers += [
        other.new()
        for other in CASES
        if other.family is case.family and other.likelihood != case.likelihood
    ]
    for stranger in strangers:
        with pytest.raises(MergeError):
            state.merge(stranger)
        with pytest.raises(MergeError):
            _ = state + stranger
    for nothing in (None, 3, "state"):
        with pytest.raises(MergeError):
            state.merge(nothing)
        with pytest.raises(TypeError):
            _ = state + nothing
    assert state.to_dict() == before


@unlearned
def test_unlearning_inverts_learning(case):
    xs = case.observations(30, salt=8)
    state = case.new(xs)
    for x in xs[:17]:
        state.unlearn_one(x)
    same("unlearn ∘ learn", case, "statistics.remove", state, case.new(xs[17:]), 1e-11)


@unlearned
def test_unlearning_inverts_weights(case):
    xs = case.observations(len(WEIGHTS), salt=9)
    state = case.new(xs, WEIGHTS)
    for i in (2, 6, 0, 1):
        state.unlearn_one(xs[i], WEIGHTS[i])
    kept = [3, 4, 5, 7]
    wanted = case.new([xs[i] for i in kept], [WEIGHTS[i] for i in kept])
    same("unlearn a weight", case, "statistics.remove", state, wanted, 1e-11)


@unlearned
def test_unlearning_everything_gives_the_empty_state(case):
    xs = case.observations(7, salt=10)
    for w, order in itertools.product((1.0, 0.1, 1e-13, 1e13), (xs, xs[::-1])):
        state = case.new(xs, [w] * 7)
        for x in order:
            state.unlearn_one(x, w)
        assert state == case.new(), f"{case.id}, {w=}: emptied, but has {state.statistics!r}"


@unlearned
def test_unlearning_some_data_leaves_the_rest(case):
    """After unlearning, the rest remains exactly, however unequal the weights."""
    x, y = case.observations(2, salt=11)
    for heavy, light in ((1e15, 1.0), (1.0, 1e-14)):
        state = case.new([x, y], [heavy, light])
        state.unlearn_one(x, heavy)
        wanted = belief(case.new([y], [light]))
        agree("the light one is left", case, "statistics.remove", belief(state), wanted, 0.1)
        agree("its weight", case, "statistics.remove", state.n_samples, light, 0.1)


@unlearned
def test_unlearning_refuses_what_was_not_learned(case):
    xs = case.observations(3, salt=12)
    empty = case.new()
    with pytest.raises(ObservationError):
        empty.unlearn_one(xs[0])
    assert empty == case.new()
    state, same_state = case.new(xs), case.new(xs)
    for w in (3.5, 1e9):
        with pytest.raises(ObservationError):
            state.unlearn_one(xs[0], w)
    assert state == same_state


@pytest.mark.parametrize(
    ("state", "seen", "strange"),
    [
        (sb.Beta(), [True, True], False),
        (sb.Beta(likelihood=sb.likelihoods.Binomial(5)), [5, 4], 0),
        (sb.Gamma(), [3, 4], 9),
        (sb.Gamma(likelihood=sb.likelihoods.Exponential()), [1.0, 2.0], 3.5),
        (sb.Normal(), [0.0, 1.0, 2.0], 100.0),
        (sb.NormalInverseGamma(), [1e6, 1e6 + 1.0], 1e6 + 3.0),
        (sb.Normal(), [5.0], 6.0),
        (sb.Dirichlet.flat(["a", "b"]), ["a", "a"], "b"),
        (
            sb.Dirichlet.flat(["a", "b"], sb.likelihoods.Multinomial()),
            [{"a": 2}, {"a": 1, "b": 1}],
            {"b": 2},
        ),
        (sb.DirichletProcess(), ["a"], "b"),
    ],
    ids=str,
)
def test_unlearning_refuses_unknown_values(state, seen, strange):
    """An observation that cannot have been learned is refused if the sums show it."""
    state = state.clone()
    state.learn_many(seen)
    before = state.to_dict()
    with pytest.raises(ObservationError, match="cannot unlearn"):
        state.unlearn_one(strange)
    assert state.to_dict() == before


@every
def test_a_weight_equals_repetition(case):
    xs = case.observations(5, salt=13)
    counts = [3, 1, 2, 0, 4]
    repeated = [x for x, n in zip(xs, counts, strict=True) for _ in range(n)]
    same("weights = repetition", case, "_add(w)", case.new(xs, counts), case.new(repeated))
    halves = case.new([x for x in xs for _ in range(2)], [0.5] * 10)
    same("two halves = one", case, "_add(w)", halves, case.new(xs))
    tenths = case.new([x for x in xs for _ in range(10)], [0.1] * 50)
    same("ten tenths = one", case, "_add(w)", tenths, case.new(xs))


@every
def test_weight_zero_changes_nothing(case):
    state = case.new()
    for x in case.observations(4, salt=14):
        state.learn_one(x, 0.0)
        if case.supports("unlearn"):
            state.unlearn_one(x, 0.0)
    state.learn_many(case.observations(4, salt=14), w=0.0)
    assert state == case.new()


@every
def test_unsupported_operations_are_refused_with_the_reason(case):
    xs = case.observations(4, salt=22)
    state = case.new(xs)
    operations = {
        "unlearn": lambda: state.unlearn_one(xs[0]),
        "scale": lambda: state.forget(0.5),
        "merge": lambda: state.merge(case.new(xs)),
    }
    for operation, reason in state.unsupported.items():
        with pytest.raises(sb.UnsupportedError, match=reason):
            operations[operation]()
        assert state == case.new(xs)
    if "scale" in state.unsupported:
        with pytest.raises(sb.PriorError, match=state.unsupported["scale"]):
            sb.Decayed(case.new(), half_life=10.0)
    else:
        sb.Decayed(case.new(), half_life=10.0).learn_one(xs[0])


@unlearned
def test_river_names_are_aliases(case):
    xs = case.observations(6, salt=15)
    state, other = case.new(xs), case.new()
    for x in xs:
        other.update(x)
    assert other == state
    state.unlearn_one(xs[0])
    other.revert(xs[0])
    assert other == state
    agree("get() is the expected next observation", case, "get", other.get(), expected(other), 0.0)
    agree("mode = MAP", case, "mode", other.mode, other.map, 0.0)


def expected(state):
    if state.display_kind == "product":
        return {name: expected(state.marginal(name)) for name in state.fields}
    return state.mean if state.display_kind == "labels" else state.predictive.mean


@scaled
def test_forgetting(case):
    xs = case.observations(10, salt=16)
    state = case.new(xs)
    state.forget(1.0)
    assert state == case.new(xs), f"{case.id}: forget(1) is the identity"
    state.forget(0.25)
    same("forget scales", case, "statistics.scale", state, case.new(xs, [0.25] * 10))
    agree("forget scales n", case, "statistics.scale", state.n_samples, 2.5)
    state.forget(0.0)
    assert state == case.new(), f"{case.id}: forget(0) is the prior, not {state!r}"


@scaled
def test_learning_continues_after_forgetting(case):
    """Decay by .9 at each step is a weight of .9**age."""
    xs = case.observations(30, salt=17)
    state = case.new()
    for x in xs:
        state.forget(0.9)
        state.learn_one(x)
    weights = [0.9 ** (29 - i) for i in range(30)]
    same("decay", case, "statistics.scale", state, case.new(xs, weights), 1e-11)


@every
def test_forgetting_refuses_an_invalid_share(case):
    xs = case.observations(2, salt=18)
    state, same_state = case.new(xs), case.new(xs)
    for factor in (-0.1, 1.1, float("nan"), float("inf"), "0.5", None, 1j):
        with pytest.raises(ObservationError, match="factor"):
            state.forget(factor)
        assert state == same_state, factor


@every
def test_rollover(case):
    """Tonight's posterior is tomorrow's prior: the belief is unchanged, the evidence restarts."""
    xs, more = case.observations(12, salt=19), case.observations(9, salt=20)
    state, whole = case.new(xs), case.new(xs)
    before = belief(state)
    tonight = state.log_evidence
    state.rollover()
    agree("rollover keeps the posterior", case, "_set_prior", belief(state), before, 0.0)
    assert state.n_samples == 0.0
    assert state.log_evidence == 0.0
    assert state.mle is None
    for x in more:
        state.learn_one(x)
        whole.learn_one(x)
    agree("rollover, then learn", case, "combine", belief(state), belief(whole), 1e-11, 1e-12)
    agree(
        "evidence adds up", case, "log_marginal", tonight + state.log_evidence, whole.log_evidence
    )


@every
def test_rollover_under_an_improper_prior(case):
    if not case.has_flat:
        pytest.skip("no flat prior")
    xs = case.observations(8, salt=21)
    state = case.flat(xs)
    assert state.log_evidence is None or case.flat().is_proper(case.flat().prior)
    before = belief(state)
    state.rollover()
    agree("rollover of a flat prior", case, "_set_prior", belief(state), before, 0.0)
    state.learn_one(xs[0])
    wanted = belief(case.flat([*xs, xs[0]]))
    agree("rollover, then learn", case, "combine", belief(state), wanted, 1e-11, 1e-12)


def test_the_seed_is_not_part_of_the_belief():
    one, other = sb.Beta(seed=1), sb.Beta(seed=2)
    other.learn_one(True)
    one.merge(other)
    assert one == sb.Beta(seed=3) + other
