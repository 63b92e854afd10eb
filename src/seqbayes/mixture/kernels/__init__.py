"""Components of a mixture at work: compiled densities, shares and M-steps."""

from seqbayes.mixture.kernels.base import Kernel
from seqbayes.mixture.kernels.fields import Fields
from seqbayes.mixture.kernels.gaussian import SHAPES, Gaussian, KnownVariance
from seqbayes.mixture.kernels.labels import Labels
from seqbayes.mixture.kernels.pairs import Pair

__all__ = ["SHAPES", "Fields", "Gaussian", "Kernel", "KnownVariance", "Labels", "Pair"]
