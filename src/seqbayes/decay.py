"""Former location of a name to which pickles of earlier versions refer."""

from seqbayes.forgetting import Decayed

__all__ = ["Decayed"]
