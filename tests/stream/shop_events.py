"""Beliefs about the events of shops, and the Avro schema of the events."""

from seqbayes import Beta, Gamma
from seqbayes.stream import Belief

BELIEFS = [
    Belief("sold", Beta(), field="sold", by="shop"),
    Belief("calls", Gamma(), field="calls", by="shop"),
]
SCHEMA = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "shop", "type": "string"},
        {"name": "sold", "type": "boolean"},
        {"name": "calls", "type": "long"},
    ],
}
