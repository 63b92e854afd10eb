"""Former location of a name to which pickles of earlier versions refer."""

from seqbayes.state import _restore

__all__ = ["_restore"]
