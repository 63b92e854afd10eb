"""The story of the two coins: EM, one step at a time."""

from seqbayes.replay.coins.steps import CoinOpening, CoinStep, EmState, SetRow, StepKind
from seqbayes.replay.coins.story import CoinStory

__all__ = ["CoinOpening", "CoinStep", "CoinStory", "EmState", "SetRow", "StepKind"]
