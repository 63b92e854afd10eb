"""Former location of a name, which pickles of earlier versions refer to."""

from seqbayes.forgetting import Decayed

__all__ = ["Decayed"]
