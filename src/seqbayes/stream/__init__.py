"""Streams of events: sources, durable beliefs, and exactly-once processing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqbayes.misplaced import missing

if TYPE_CHECKING:
    from seqbayes.events.belief import Belief, Times
    from seqbayes.stream.figures import plot_history
    from seqbayes.stream.history import History
    from seqbayes.stream.pipeline import Collector, Pace, Pipeline
    from seqbayes.stream.source import Batch, Source, SourceError, register_source
    from seqbayes.stream.stores import DeadLetter, LeaseError, Store, StoreError, open_store
    from seqbayes.stream.verbs.backfill import backfill
    from seqbayes.stream.verbs.backup import backup
    from seqbayes.stream.verbs.check import check
    from seqbayes.stream.verbs.choose import choose
    from seqbayes.stream.verbs.compare import compare
    from seqbayes.stream.verbs.dead_letters import dead_letters
    from seqbayes.stream.verbs.export import export
    from seqbayes.stream.verbs.init import init
    from seqbayes.stream.verbs.merge import merge
    from seqbayes.stream.verbs.predict import predict
    from seqbayes.stream.verbs.reset import reset
    from seqbayes.stream.verbs.reward import reward
    from seqbayes.stream.verbs.run import run
    from seqbayes.stream.verbs.shared import MissingError
    from seqbayes.stream.verbs.show import show
    from seqbayes.stream.verbs.status import status

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
    "backfill",
    "backup",
    "check",
    "choose",
    "compare",
    "dead_letters",
    "export",
    "init",
    "merge",
    "open_store",
    "plot_history",
    "predict",
    "register_source",
    "reset",
    "reward",
    "run",
    "show",
    "status",
]

# Imported on first use, because each command needs only some of them.
_HOMES = {
    "seqbayes.events.belief": ("Belief", "Times"),
    "seqbayes.stream.figures": ("plot_history",),
    "seqbayes.stream.history": ("History",),
    "seqbayes.stream.pipeline": ("Collector", "Pace", "Pipeline"),
    "seqbayes.stream.source": ("Batch", "Source", "SourceError", "register_source"),
    "seqbayes.stream.stores": ("DeadLetter", "LeaseError", "Store", "StoreError", "open_store"),
    "seqbayes.stream.verbs.shared": ("MissingError",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    own = f"{__name__}.verbs.{name}"  # each function has a module of its name
    home = next((home for home, names in _HOMES.items() if name in names), own)
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return __all__
