"""The M&M story: real candies, drawn one at a time."""

from seqbayes.replay.mms.priors import Prior
from seqbayes.replay.mms.steps import CandyBelief, CandyOpening, CandyStep
from seqbayes.replay.mms.story import CandyStory

__all__ = ["CandyBelief", "CandyOpening", "CandyStep", "CandyStory", "Prior"]
