"""Streams of events: sources, durable beliefs, and exactly-once processing."""

from typing import Any

from seqbayes.events.belief import Belief, Times
from seqbayes.misplaced import missing
from seqbayes.stream.history import History
from seqbayes.stream.pipeline import Collector, Pace, Pipeline
from seqbayes.stream.source import Batch, Source, SourceError, register_source
from seqbayes.stream.stores import DeadLetter, LeaseError, Store, StoreError, open_store
from seqbayes.stream.verbs.check import check
from seqbayes.stream.verbs.dead_letters import dead_letters
from seqbayes.stream.verbs.export import export
from seqbayes.stream.verbs.init import init
from seqbayes.stream.verbs.merge import merge
from seqbayes.stream.verbs.predict import predict
from seqbayes.stream.verbs.reset import reset
from seqbayes.stream.verbs.run import run
from seqbayes.stream.verbs.shared import MissingError
from seqbayes.stream.verbs.show import show

__all__ = [
    "Batch",
    "Belief",
    "Collector",
    "DeadLetter",
    "History",
    "LeaseError",
    "MissingError",
    "Pace",
    "Pipeline",
    "Source",
    "SourceError",
    "Store",
    "StoreError",
    "Times",
    "check",
    "dead_letters",
    "export",
    "init",
    "merge",
    "open_store",
    "predict",
    "register_source",
    "reset",
    "run",
    "show",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
