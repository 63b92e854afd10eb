"""Time of one pull and one update of bandits, compared with other libraries; decisions over HTTP.

Three arms with rewards of 0 and 1, and ten; every bandit meets the same rewards. bandit_http.py has
the clients of the server.
"""

import random
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from typing import Any

import bandit_http
from _shared import Row, machine, ratio, rounds, run, verdict
from river import bandit as river_bandit
from river import proba

from seqbayes import Beta
from seqbayes.bandit import Bandit, BayesUCB, Greedy, PerContext, Thompson, TopTwo

ROUNDS = 7
STEPS = 400
HEAD = f"""Microseconds of processor time for one pull and one update, the shortest of all
rounds; ratios to River's Thompson sampling are medians over {ROUNDS} rounds.

{machine(("river", "mabwiser", "bayesianbandits"))}"""


def loop(policy: Any, arms: int) -> Callable[[], None]:
    """A function that pulls and updates many times."""
    rng, names = random.Random(1), list(range(arms))
    rewards = [[rng.random() < (arm + 1) / (arms + 4) for arm in names] for _ in range(STEPS)]

    def steps() -> None:
        for reward in rewards:
            arm = policy.pull(names)
            policy.update(arm, reward[arm])

    return steps


class InContext:
    """A bandit per context with the interface of the others."""

    def __init__(self) -> None:
        self.bandit = PerContext(Bandit(Beta(), seed=1), by=["country"])

    def pull(self, arms: list[int]) -> int:
        arm: int = self.bandit.pull(arms, {"country": "de"})
        return arm

    def update(self, arm: int, reward: bool) -> None:
        self.bandit.update(arm, {"country": "de"}, reward)


class MABWiser:
    """Thompson sampling of MABWiser with the interface of the others."""

    def __init__(self, arms: int) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        self.mab = MAB(list(range(arms)), LearningPolicy.ThompsonSampling(), seed=1)
        self.mab.fit(list(range(arms)), [0] * arms)

    def pull(self, arms: list[int]) -> int:
        arm: int = self.mab.predict()
        return arm

    def update(self, arm: int, reward: bool) -> None:
        self.mab.partial_fit([arm], [int(reward)])


def policies(arms: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "River, Thompson": river_bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=1)
    }
    rules = {"Thompson": Thompson(), "top two": TopTwo(), "Bayes-UCB": BayesUCB()}
    for name, rule in rules.items():
        found[f"seqbayes, {name}"] = Bandit(Beta(), rule=rule, seed=1)
    found["seqbayes, greedy, min_share=.05"] = Bandit(Beta(), rule=Greedy(), min_share=0.05, seed=1)
    found["seqbayes, Thompson per context"] = InContext()
    try:
        found["MABWiser, Thompson"] = MABWiser(arms)
    except ImportError:
        print("mabwiser is not installed: skipped")
    return found


def steps(arms: int) -> Iterator[Row]:
    timers = {
        name: timeit.Timer(loop(policy, arms), timer=time.process_time)
        for name, policy in policies(arms).items()
    }
    times = rounds(ROUNDS, timers, repeats=1)
    peer = times["River, Thompson"]
    for name, seconds in times.items():
        micro = min(seconds) / STEPS * 1e6
        target = 15.0 if name == "seqbayes, Thompson" and arms == 3 else None
        yield Row(
            name,
            f"{micro:.1f} µs",
            f"≤ {target:.0f} µs" if target else "",
            verdict(micro, target) if target else "",
            f"{ratio(seconds, peer):.2f} × River",
        )


if __name__ == "__main__":
    sys.exit(
        run(
            __file__,
            __doc__ or "",
            "Bandits",
            HEAD,
            {"three": lambda: steps(3), "ten": lambda: steps(10), "http": bandit_http.rows},
            {"three": "Three arms", "ten": "Ten arms", "http": "Decisions over HTTP"},
            {
                "three": "",
                "ten": "",
                "http": "Decisions of `seqbayes serve` per second of elapsed time, with"
                " beliefs in SQLite and propensities that are exact for the newest commit. A"
                " decision is a choice and its reward, which is answered after its commit. Server,"
                " clients and other programs share the processors. The verdict compares this rate"
                " with the target.",
            },
        )
    )
