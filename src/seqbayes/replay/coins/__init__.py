"""The story of the two coins: EM, one step at a time."""

from seqbayes.replay.coins.story import Kind, Opening, Row, Standing, Step, Story

__all__ = ["Kind", "Opening", "Row", "Standing", "Step", "Story"]
