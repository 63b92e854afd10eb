"""Events from a stream: sources, durable beliefs, nothing lost, nothing counted twice."""

from seqbayes.events.belief import Belief, Times
from seqbayes.stream.history import History
from seqbayes.stream.pipeline import Collector, Pace, Pipeline
from seqbayes.stream.source import Batch, Source, SourceError, register_source
from seqbayes.stream.store import DeadLetter, LeaseError, Store, StoreError, open_store

__all__ = [
    "Batch",
    "Belief",
    "Collector",
    "DeadLetter",
    "History",
    "LeaseError",
    "Pace",
    "Pipeline",
    "Source",
    "SourceError",
    "Store",
    "StoreError",
    "Times",
    "open_store",
    "register_source",
]
