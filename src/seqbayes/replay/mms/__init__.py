"""The M&M story: real candies, eaten one at a time."""

from seqbayes.replay.mms.priors import Prior
from seqbayes.replay.mms.story import Opening, Snapshot, Step, Story

__all__ = ["Opening", "Prior", "Snapshot", "Step", "Story"]
