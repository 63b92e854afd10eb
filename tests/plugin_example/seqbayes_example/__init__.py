"""A likelihood and a prior family that are not part of seqbayes; importing registers them."""

from seqbayes_example.gumbel import Gumbel
from seqbayes_example.pareto import Pareto, Uniform

__all__ = ["Gumbel", "Pareto", "Uniform"]
