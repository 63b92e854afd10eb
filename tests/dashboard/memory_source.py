"""A source over a list of mappings."""

from seqbayes.stream.sources import Iterated


def Events(events):
    return Iterated(events, name="listed")
