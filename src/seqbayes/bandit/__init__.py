"""Choose between arms based on the beliefs about their rewards."""

from typing import Any

from seqbayes.bandit.bandit import Bandit
from seqbayes.bandit.linear import LinearBandit
from seqbayes.bandit.offline import InversePropensity
from seqbayes.bandit.per_context import PerContext
from seqbayes.bandit.policy import Choice
from seqbayes.bandit.rules import BayesUCB, Greedy, Rule, Thompson, TopTwo
from seqbayes.misplaced import missing

__all__ = [
    "Bandit",
    "BayesUCB",
    "Choice",
    "Greedy",
    "InversePropensity",
    "LinearBandit",
    "PerContext",
    "Rule",
    "Thompson",
    "TopTwo",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
