"""A source over a list of mappings."""

from seqbayes.stream.sources import Iterated


def Events(events):  # noqa: N802
    return Iterated(events, name="listed")
