"""Stores: durable beliefs with the positions of sources, changed in one transaction."""

from typing import Any

from seqbayes.misplaced import missing
from seqbayes.stream.stores.base import Mode, Store
from seqbayes.stream.stores.lazy import LazyStates, StateChunk
from seqbayes.stream.stores.memory import MemoryStore
from seqbayes.stream.stores.readable import CLASH, ReadableStore
from seqbayes.stream.stores.reader import StoredSource, StoreReader
from seqbayes.stream.stores.records import (
    STREAM,
    Annotation,
    Changes,
    Contents,
    DeadLetter,
    DeclarationError,
    HistoryPoint,
    Lease,
    LeaseError,
    Partition,
    Reason,
    Runner,
    RunnerStatus,
    SeenId,
    SourcePosition,
    StateRows,
    StoredAlert,
    StoredEntry,
    StoredLetter,
    StoredMessage,
    StoredState,
    StoreError,
    UnavailableError,
    surplus_times,
)
from seqbayes.stream.stores.registry import (
    check_url,
    open_store,
    register_store,
    store_kind,
    store_path,
    store_schemes,
)
from seqbayes.stream.stores.writable import WritableStore, difference

__all__ = [
    "CLASH",
    "STREAM",
    "Annotation",
    "Changes",
    "Contents",
    "DeadLetter",
    "DeclarationError",
    "HistoryPoint",
    "LazyStates",
    "Lease",
    "LeaseError",
    "MemoryStore",
    "Mode",
    "Partition",
    "ReadableStore",
    "Reason",
    "Runner",
    "RunnerStatus",
    "SeenId",
    "SourcePosition",
    "StateChunk",
    "StateRows",
    "Store",
    "StoreError",
    "StoreReader",
    "StoredAlert",
    "StoredEntry",
    "StoredLetter",
    "StoredMessage",
    "StoredSource",
    "StoredState",
    "UnavailableError",
    "WritableStore",
    "check_url",
    "difference",
    "open_store",
    "register_store",
    "store_kind",
    "store_path",
    "store_schemes",
    "surplus_times",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
