"""Stories told one event at a time: what happens in `story`, how it looks in the renderers."""

from seqbayes.replay.priors import Prior
from seqbayes.replay.story import Opening, Snapshot, Step, Story

__all__ = ["Opening", "Prior", "Snapshot", "Step", "Story"]
