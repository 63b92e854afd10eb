"""Types of the responses of the API, for clients and for the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from seqbayes.dashboard.schema.basics import Error, Ok, Session, StoryOpening, StorySteps
from seqbayes.dashboard.schema.beliefs import (
    BeliefInfo,
    BeliefList,
    Card,
    Cards,
    Component,
    Density,
    Estimate,
    LabelShare,
    Marginal,
    NamedEstimate,
    Spark,
    Start,
    Variance,
)
from seqbayes.dashboard.schema.comparisons import (
    Arm,
    ComparedShare,
    Contrast,
    KeyComparison,
    KeyDifference,
    SequentialTest,
)
from seqbayes.dashboard.schema.details import (
    BayesStep,
    Detail,
    HistoryCurve,
    HistoryList,
    KeyHistory,
    Mark,
    PredictiveCurve,
    Quantile,
    Recent,
    Responsibilities,
    Responsibility,
)
from seqbayes.dashboard.schema.streams import (
    AlertInfo,
    AlertList,
    AlertMessage,
    AnnotationBody,
    AnnotationInfo,
    AnnotationList,
    DeadLetterInfo,
    DeadLetterList,
    Decisions,
    Health,
    RefusalCount,
    SourceInfo,
)
from seqbayes.stream.choices import DecisionResponse, RewardBody
from seqbayes.stream.sources.posted import Outcome

__all__ = [
    "ANSWERS",
    "AlertInfo",
    "AlertList",
    "AlertMessage",
    "AnnotationBody",
    "AnnotationInfo",
    "AnnotationList",
    "Arm",
    "BayesStep",
    "BeliefInfo",
    "BeliefList",
    "Card",
    "Cards",
    "ComparedShare",
    "Component",
    "Contrast",
    "DeadLetterInfo",
    "DeadLetterList",
    "DecisionResponse",
    "Decisions",
    "Density",
    "Detail",
    "Error",
    "Estimate",
    "Health",
    "HistoryCurve",
    "HistoryList",
    "KeyComparison",
    "KeyDifference",
    "KeyHistory",
    "LabelShare",
    "Marginal",
    "Mark",
    "NamedEstimate",
    "Ok",
    "Outcome",
    "PredictiveCurve",
    "Quantile",
    "Recent",
    "RefusalCount",
    "Responsibilities",
    "Responsibility",
    "RewardBody",
    "SequentialTest",
    "Session",
    "SourceInfo",
    "Spark",
    "Start",
    "StoryOpening",
    "StorySteps",
    "Variance",
    "components",
]

ANSWERS = (
    Error, BeliefList, Cards, Detail, HistoryList, KeyComparison, DeadLetterList, Health, Session,
    Ok, StorySteps, AlertList, AnnotationList, AnnotationBody, StoryOpening, Outcome, Decisions,
    RewardBody,
)  # fmt: skip


def components() -> dict[str, Any]:
    """Return the JSON schemas of all responses, keyed by name."""
    _, found = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    return found
