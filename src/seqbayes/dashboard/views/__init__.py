"""States as JSON values for pages: pure functions of what a state has learned."""

from seqbayes.dashboard.views.cards import (
    Summary,
    card,
    cards,
    kind_of,
    seen,
    summaries,
    summarise,
)
from seqbayes.dashboard.views.compare import compare, drawn_shares, share_of
from seqbayes.dashboard.views.details import detail, surprise
from seqbayes.dashboard.views.followed import Followed, followable, followed
from seqbayes.dashboard.views.steps import told_step

__all__ = [
    "Followed",
    "Summary",
    "card",
    "cards",
    "compare",
    "detail",
    "drawn_shares",
    "followable",
    "followed",
    "kind_of",
    "seen",
    "share_of",
    "summaries",
    "summarise",
    "surprise",
    "told_step",
]
