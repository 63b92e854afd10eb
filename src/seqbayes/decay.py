"""The former place of a name that pickles of earlier versions refer to."""

from seqbayes.forgetting import Decayed

__all__ = ["Decayed"]
