"""Stores: durable beliefs with the positions of sources, changed in one transaction."""

from seqbayes.stream.stores.base import Mode, Store, WritableStore, difference
from seqbayes.stream.stores.memory import MemoryStore
from seqbayes.stream.stores.readable import CLASH, ReadableStore
from seqbayes.stream.stores.reader import StoredSource, StoreReader
from seqbayes.stream.stores.records import (
    Changes,
    Contents,
    DeadLetter,
    DeclarationError,
    HistoryPoint,
    Lease,
    LeaseError,
    Place,
    Pulse,
    Reason,
    Runner,
    SeenId,
    StoredEntry,
    StoredLetter,
    StoredState,
    StoreError,
    surplus_times,
)
from seqbayes.stream.stores.registry import (
    check_url,
    open_store,
    register_store,
    store_path,
    store_schemes,
)

__all__ = [
    "CLASH",
    "Changes",
    "Contents",
    "DeadLetter",
    "DeclarationError",
    "HistoryPoint",
    "Lease",
    "LeaseError",
    "MemoryStore",
    "Mode",
    "Place",
    "Pulse",
    "ReadableStore",
    "Reason",
    "Runner",
    "SeenId",
    "Store",
    "StoreError",
    "StoreReader",
    "StoredEntry",
    "StoredLetter",
    "StoredSource",
    "StoredState",
    "WritableStore",
    "check_url",
    "difference",
    "open_store",
    "register_store",
    "store_path",
    "store_schemes",
    "surplus_times",
]
