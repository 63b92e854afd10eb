"""Former location of a name, which pickles of earlier versions refer to."""

from seqbayes.state import _restore

__all__ = ["_restore"]
