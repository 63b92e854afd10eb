"""Sources of events: files, standard input, directories, Python iterables, database queries.

Sources that need a client library (redis, nats, kafka) are imported from separate modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqbayes.misplaced import missing

if TYPE_CHECKING:
    from seqbayes.stream.sources.directory import Directory
    from seqbayes.stream.sources.file import File
    from seqbayes.stream.sources.iterable import Dataset, Iterated
    from seqbayes.stream.sources.query import Query
    from seqbayes.stream.sources.stdin import Stdin

__all__ = ["Dataset", "Directory", "File", "Iterated", "Query", "Stdin"]

_HOMES = {"Dataset": "iterable", "Iterated": "iterable"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    found = getattr(import_module(f"{__name__}.{_HOMES.get(name, name.lower())}"), name)
    globals()[name] = found
    return found
