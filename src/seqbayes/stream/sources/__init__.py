"""Sources of events: files, standard input, directories, Python's iterables, queries.

Those that need a client (redis, nats, kafka) are imported from their own modules.
"""

from seqbayes.stream.sources.directory import Directory
from seqbayes.stream.sources.file import File
from seqbayes.stream.sources.iterable import Dataset, Iterated
from seqbayes.stream.sources.query import Query
from seqbayes.stream.sources.stdin import Stdin

__all__ = ["Dataset", "Directory", "File", "Iterated", "Query", "Stdin"]
