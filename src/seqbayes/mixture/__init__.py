"""Mixtures of states, which estimate the components and the component of each observation."""

from typing import Any

from seqbayes.misplaced import missing
from seqbayes.mixture.dirichlet_process import DirichletProcessMixture
from seqbayes.mixture.em.loop import Iteration, Trace
from seqbayes.mixture.em.settings import Constant, HalfLife, Power
from seqbayes.mixture.mixture import Mixture
from seqbayes.mixture.prequential import Prequential

__all__ = [
    "Constant",
    "DirichletProcessMixture",
    "HalfLife",
    "Iteration",
    "Mixture",
    "Power",
    "Prequential",
    "Trace",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
