"""The former place of a name that pickles of earlier versions refer to."""

from seqbayes.state import _restore

__all__ = ["_restore"]
