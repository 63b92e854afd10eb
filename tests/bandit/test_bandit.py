"""Bandits choose arms with the probabilities that they state."""

import copy
import itertools
import pickle
import random
from types import SimpleNamespace

import pytest
from scipy.stats import chisquare

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    ObservationError,
    PriorError,
    Windowed,
)
from seqbayes.bandit import Bandit, BayesUCB, Greedy, PerContext, Thompson, TopTwo
from seqbayes.compare import number_of

RULES = [Thompson(), TopTwo(), TopTwo(beta=0.2), BayesUCB(), Greedy()]
PULLS = 2000
# name -> (state, rewards of three arms, options)
BELIEFS = {
    "shares": (Beta(), {"a": [1, 1, 0], "b": [1, 0], "c": [1, 0, 0, 0]}, {}),
    "counts": (Gamma(1, 1), {"a": [3, 1, 0], "b": [2, 4], "c": []}, {}),
    "means": (Normal(0, 1, 1), {"a": [0.3], "b": [0.1, 0.4], "c": [-0.2, 0.5]}, {}),
    "unknown variance": (
        NormalInverseGamma(),
        {"a": [1.0, 2.0, 1.5], "b": [1.2, 2.4, 0.9, 1.7], "c": [1.1, 1.9, 1.4]},
        {"burn_in": 2},
    ),
    "decayed": (Decayed(Beta(), half_life=5), {"a": [1, 1, 0], "b": [1, 0], "c": [0, 1]}, {}),
    "labels": (
        Dirichlet({"hit": 1, "miss": 2}),
        {"a": ["hit"], "b": ["miss", "hit"], "c": ["miss"]},
        {"label": "hit"},
    ),
}


def learned(belief, **options):
    state, rewards, more = BELIEFS[belief]
    bandit = Bandit(state, seed=7, **more, **options)
    for arm, values in rewards.items():
        for value in values:
            bandit.update(arm, value)
    return bandit


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("belief", BELIEFS)
def test_arms_are_chosen_with_the_stated_probabilities(belief, rule, better):
    bandit = learned(belief, rule=rule, better=better, min_share=0.05)
    shares = bandit.shares("abc")
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
    assert min(shares.values()) >= 0.05
    for method in (bandit.pull, lambda arms: bandit.choose(arms).arm):
        chosen = [method("abc") for _ in range(PULLS)]
        counts = [chosen.count(arm) for arm in shares]
        expected = [PULLS * share for share in shares.values()]
        assert chisquare(counts, expected).pvalue > 1e-4


def test_thompson_sampling_chooses_by_the_probability_of_being_best():
    # P(Beta(2, 1) > Beta(1, 1)) = 2/3 by integration of 2x · x
    bandit = Bandit(Beta())
    bandit.update("a", True)
    assert bandit.shares("ab")["a"] == pytest.approx(2 / 3, rel=1e-10)
    assert bandit.clone({"better": "lower"}).shares("ab") == {"a": 0.5, "b": 0.5}


def test_top_two_is_thompson_sampling_repeated_until_the_arm_differs():
    bandit = learned("shares")
    p = bandit.shares("abc")
    # posteriors Beta(3, 2), Beta(2, 2) and Beta(2, 4): b has the mean between those of the others
    closest = {"a": "b", "b": "a", "c": "b"}
    expected = dict.fromkeys("abc", 0.0)
    for first, second in itertools.permutations("abc", 2):
        repeated = p[first] * p[second] * (1.0 - p[first] ** 4) / (1.0 - p[first])
        expected[first] += 0.3 * p[first] * p[second] / (1.0 - p[first])
        expected[second] += 0.7 * (repeated + p[first] ** 5 * (closest[first] == second))
    found = learned("shares", rule=TopTwo(beta=0.3)).shares("abc")
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_top_two_chooses_the_closest_arm_when_one_is_certain(better):
    sign = 1.0 if better == "higher" else -1.0
    bandit = Bandit(Normal(0, 1, 1), rule=TopTwo(beta=0.0), better=better, seed=1)
    for arm, level in {"a": 1e3, "b": 0.0, "c": -1.0}.items():
        for _ in range(100):
            bandit.update(arm, sign * level)
    assert bandit.shares("abc") == {"a": 0.0, "b": 1.0, "c": 0.0}
    assert {bandit.pull("abc") for _ in range(20)} == {"b"}
    bandit.retire("b")
    assert bandit.shares("abc") == {"a": 0.0, "b": 1.0, "c": 0.0}  # b again has its wide prior


def test_arms_at_the_same_distance_are_chosen_with_the_same_probability():
    bandit = Bandit(NormalInverseGamma(), rule=TopTwo(beta=0.0), burn_in=2, seed=1)
    for arm, level in {"a": 1e6, "b": 0.0, "c": 0.0}.items():
        for change in (-1.0, 1.0):
            bandit.update(arm, level + change)
    shares = bandit.shares("abc")
    assert shares["b"] == shares["c"] == pytest.approx(0.5, abs=1e-3)
    pulls = [bandit.pull("abc") for _ in range(400)]
    assert abs(pulls.count("b") - 200) < 60  # six standard deviations


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_bayes_ucb_takes_the_best_quantile(better):
    bandit = learned("means", rule=BayesUCB(), better=better)
    tail, ends = 1 / (bandit.n + 2), {}
    for arm, state in bandit.arms.items():
        ends[arm] = state.isf(tail) if better == "higher" else -state.ppf(tail)
    assert bandit.pull("abc") == max(ends, key=ends.get)


@pytest.mark.parametrize(
    ("state", "reward"),
    [
        (Beta(), lambda rng, arm: rng.random() < 0.3 + 0.05 * arm),
        (Beta(0.2, 0.3), lambda rng, arm: rng.random() < 0.5),  # not log-concave at first
        (Gamma(2.0, 1.0), lambda rng, arm: rng.randrange(3 + arm)),
        (Normal(0, 1, 1), lambda rng, arm: rng.gauss(0.1 * arm, 1.0)),
        (NormalInverseGamma(0, 1, 2, 1), lambda rng, arm: rng.gauss(0.1 * arm, 1.0)),
    ],
)
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_bayes_ucb_skips_only_quantiles_that_are_not_the_best(state, reward, better):
    bandit, rng = Bandit(state, rule=BayesUCB(), better=better, seed=1), random.Random(2)
    arms = range(4)
    for _ in range(150):
        tail, ends = 1 / (bandit.n + 2), {}
        for arm in arms:
            number = number_of(bandit.arms.get(arm, state))
            ends[arm] = number.isf(tail) if better == "higher" else -number.ppf(tail)
        best = [arm for arm in arms if ends[arm] == max(ends.values())]
        assert bandit.shares(arms) == {arm: (arm in best) / len(best) for arm in arms}
        chosen = bandit.pull(arms)
        assert chosen in best
        bandit.update(chosen, reward(rng, chosen))
    assert len(bandit.counts) > 1


def test_every_arm_is_chosen_during_the_burn_in_and_while_improper():
    bandit = Bandit(Beta(), burn_in=2, seed=1)
    assert bandit.shares("abc") == dict.fromkeys("abc", 1 / 3)
    for _ in range(6):
        bandit.update(bandit.pull("abc"), False)
    assert bandit.counts == dict.fromkeys("abc", 2)
    flat = Bandit(Normal.flat(), seed=1)
    assert flat.shares("ab") == {"a": 0.5, "b": 0.5}
    flat.update("a", 3.0)
    assert flat.pull("ab") == "b"
    assert flat.shares("ab") == {"a": 0.0, "b": 1.0}


def test_arms_can_be_added_and_retired():
    bandit = learned("shares")
    assert set(bandit.shares("abcd")) == set("abcd")
    assert bandit.arms["d"] == Beta()
    bandit.retire("b")
    assert "b" not in bandit.arms
    assert "b" not in bandit.ranking
    assert bandit.arms["a"].n_samples == 3
    with pytest.raises(KeyError):
        bandit.retire("b")
    assert bandit.shares("b") == {"b": 1.0}
    bandit.retire("a")
    fresh = Bandit(Beta())
    assert bandit.shares("ab") == fresh.shares("ab")


@pytest.mark.parametrize(
    ("state", "reward", "options"),
    [
        (Beta(0.01, 0.01), True, {}),
        (Gamma(0.001, 0.001), 0, {"better": "lower"}),
        (NormalInverseGamma(), 1.0, {"burn_in": 2}),
    ],
)
@pytest.mark.parametrize("rule", [Thompson(), TopTwo()], ids=repr)
def test_arms_with_equal_draws_are_chosen_with_the_stated_probabilities(
    state, reward, options, rule
):
    bandit = Bandit(state, rule=rule, seed=3, **options)
    for arm in "ab":
        for _ in range(20):
            bandit.update(arm, reward)
    pulls = [bandit.pull("ab") for _ in range(144)]
    assert abs(pulls.count("a") - 72) < 36  # six standard deviations


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_copy_makes_the_same_choices(rule, copy_of):
    bandit, rng = Bandit(Beta(), rule=rule, seed=5, min_share=0.1), random.Random(2)
    for _ in range(60):
        bandit.update(bandit.pull("abc"), rng.random() < 0.4)
    other = copy_of(bandit)
    assert [bandit.pull("abc") for _ in range(50)] == [other.pull("abc") for _ in range(50)]
    assert bandit.clone().n == 0
    assert bandit.clone().rule == rule


def test_a_refused_reward_changes_nothing():
    bandit = learned("shares")
    before = bandit.shares("abc"), bandit.counts, bandit.n
    with pytest.raises(ObservationError):
        bandit.update("a", 2)
    with pytest.raises(ObservationError):
        bandit.update("a", True, w=-1.0)
    with pytest.raises(ObservationError):
        bandit.update("new", 2)
    assert (bandit.shares("abc"), bandit.counts, bandit.n) == before
    assert "new" not in bandit.arms


def test_rewards_can_forget_by_time():
    bandit = Bandit(Decayed(Beta(), half_life=10, by="time"))
    bandit.update("a", True, t=0.0)
    bandit.update("a", False, t=10.0)
    assert bandit.arms["a"].posterior == (1.5, 2.0)


def test_arms_that_are_not_chosen_forget_by_time():
    bandit = Bandit(Decayed(Beta(), half_life=10, by="time"))
    bandit.update("old", True, t=0.0)
    bandit.update("new", True, t=10.0)
    bandit.update("new", True, t=5.0)  # late
    share = Bandit(Beta())
    share.update("old", True, w=0.5)
    share.update("new", True)
    share.update("new", True, w=2.0**-0.5)
    arms = ["old", "new", "prior"]
    assert bandit.shares(arms) == pytest.approx(share.shares(arms))
    assert bandit.ranking == ["new", "old", "prior"]


def test_the_time_of_a_reward_is_by_default_the_number_of_rewards_of_all_arms():
    counted = Bandit(Decayed(Beta(), half_life=4, by="time"))
    stated = Bandit(Decayed(Beta(), half_life=4, by="time"))
    for i, arm in enumerate("aabab", 1):
        counted.update(arm, i % 2 == 0)
        stated.update(arm, i % 2 == 0, t=i)
    assert counted.arms == stated.arms
    assert counted.arms["a"].clock == 4.0
    assert counted.shares("ab") == stated.shares("ab")


def test_an_arm_that_became_better_is_noticed_without_a_min_share():
    rng = random.Random(1)
    forgetting = Bandit(Decayed(Beta(), half_life=200, by="time"), seed=1)
    late = []
    for i in range(4000):
        rates = {"a": 0.5, "b": 0.1} if i < 1500 else {"a": 0.5, "b": 0.9}
        arm = forgetting.pull("ab")
        forgetting.update(arm, rng.random() < rates[arm])
        late.append(arm)
    assert late[1000:1500].count("a") > 400
    assert late[-500:].count("b") > 400


def test_windows_of_all_arms_end_at_the_same_time():
    bandit = Bandit(Windowed(Beta(), length=10.0))
    bandit.update("a", True, t=1.0)
    bandit.update("b", True, t=95.0)
    assert bandit.shares("ab") == pytest.approx({"a": 1 / 3, "b": 2 / 3})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state": 3}, "expected a State"),
        ({"better": "best"}, "better"),
        ({"min_share": 0.6}, "min_share"),
        ({"min_share": float("nan")}, "min_share"),
        ({"burn_in": 1.5}, "burn_in"),
        ({"seed": -1}, "seed"),
        ({"rule": "greedy"}, "rule"),
        ({"state": Dirichlet({"hit": 1, "miss": 1})}, "share of one"),
    ],
)
def test_invalid_parameters_are_refused(arguments, message):
    with pytest.raises(PriorError, match=message):
        Bandit(**{"state": Beta(), **arguments})


def test_invalid_arms_are_refused():
    bandit = Bandit(Beta(), min_share=0.4)
    with pytest.raises(PriorError, match="at least one arm"):
        bandit.pull([])
    with pytest.raises(PriorError, match="too large for 3 arms"):
        bandit.choose("abc")
    with pytest.raises(PriorError, match="distinct arms"):
        bandit.pull("aa")
    with pytest.raises(PriorError, match="beta"):
        TopTwo(beta=1.5)


def test_a_bandit_is_a_policy_of_river():
    from river import bandit as river_bandit

    rng = random.Random(3)
    history = [
        (["a", "b"], None, arm, float(rng.random() < {"a": 0.2, "b": 0.6}[arm]))
        for arm in rng.choices("ab", k=400)
    ]
    policy = Bandit(Beta(), seed=1)
    total, n = river_bandit.evaluate_offline(policy=policy, history=history)
    assert n == policy.n == sum(policy.counts.values()) > 100
    assert policy.counts["b"] > policy.counts["a"]
    assert policy.ranking == ["b", "a"]
    assert total.get() > 0.4 * n


class Env:
    """Three arms with rewards of 0 and 1, as River's `evaluate` uses environments."""

    action_space = SimpleNamespace(n=3, seed=id)

    def reset(self, seed):
        self.rng, self.steps = random.Random(seed), 0

    def step(self, arm):
        self.steps += 1
        reward = float(self.rng.random() < (0.1, 0.5, 0.2)[arm])
        return None, reward, self.steps == 200, False, {}


@pytest.mark.parametrize("rule", [Thompson(), TopTwo(), BayesUCB()], ids=repr)
def test_the_best_arm_is_found_in_an_environment_of_river(rule):
    from river import bandit as river_bandit

    policy = Bandit(Beta(), rule=rule, seed=1)
    trace = list(river_bandit.evaluate(policies=[policy], env=Env(), n_episodes=1, seed=2))
    late = [row["arm"] for row in trace[-50:]]
    assert len(trace) == 200
    assert max(set(late), key=late.count) == 1
    assert policy.n == 0  # River evaluates a clone


def test_a_bandit_per_context_is_a_contextual_policy_of_river():
    from river import bandit as river_bandit

    rng = random.Random(4)
    best = {"de": "a", "fr": "b"}
    history = []
    for _ in range(600):
        country, arm = rng.choice(["de", "fr"]), rng.choice("ab")
        reward = float(rng.random() < (0.6 if best[country] == arm else 0.2))
        history.append((["a", "b"], {"country": country}, arm, reward))
    policy = PerContext(Bandit(Beta(), seed=1), by="country")
    total, n = river_bandit.evaluate_offline(policy=policy, history=history)
    assert n > 150
    assert {key: bandit.ranking[0] for key, bandit in policy.bandits.items()} == {
        ("de",): "a",
        ("fr",): "b",
    }
    assert total.get() > 0.4 * n


def test_each_context_has_a_separate_bandit():
    chooser = PerContext(Bandit(Beta(), seed=1), by="country")
    for country, arm in [("de", "a"), ("fr", "b")]:
        for _ in range(30):
            chooser.update(arm, {"country": country, "age": 3}, True)
            chooser.update("ba"[arm == "b"], {"country": country}, False)
    assert chooser.pull("ab", {"country": "de"}) == "a"
    assert chooser.pull("ab", {"country": "fr"}) == "b"
    assert chooser.bandits[("de",)].n == 60
    assert chooser.choose("ab", {"country": "es"}).propensity == 0.5
    draws = [
        [chooser.pull("ab", {"country": country}) for _ in range(64)]
        for country in ("customer-germany", "partner-germany")
    ]
    assert draws[0] != draws[1]
    with pytest.raises(KeyError):
        chooser.pull("ab", {"age": 3})
    with pytest.raises(ValueError, match="one field"):
        PerContext(Bandit(Beta()), by=[])
    copied = copy.deepcopy(chooser)
    context = {"country": "it"}
    assert [chooser.pull("ab", context) for _ in range(20)] == [
        copied.pull("ab", context) for _ in range(20)
    ]
