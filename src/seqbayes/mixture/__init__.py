"""Mixtures of states: which component made an observation, and what the components are."""

from seqbayes.mixture.dirichlet_process import DirichletProcessMixture
from seqbayes.mixture.model import Mixture
from seqbayes.mixture.prequential import Prequential
from seqbayes.mixture.steps import Constant, HalfLife, Power
from seqbayes.mixture.trace import Iteration, Trace

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
