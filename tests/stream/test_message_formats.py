"""Messages in MessagePack, Avro and Protobuf give the same beliefs and dead letters as JSON."""

import base64
import datetime
import http.server
import io
import json
import threading
from contextlib import closing

import msgspec
import pytest
from shop_events import BELIEFS, SCHEMA

from seqbayes.errors import PriorError, SourceError
from seqbayes.events.messages import Messages, messages_of
from seqbayes.stream import Batch, Pipeline, open_store
from seqbayes.stream.source import load_source
from seqbayes.stream.sources.broker import Broker

fastavro = pytest.importorskip("fastavro")
descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")

EVENTS = [
    {"shop": "north", "sold": True, "calls": 3},
    {"shop": "süd", "sold": False, "calls": 0},
    {"shop": "north", "sold": True, "calls": -1},  # refused by one belief
    {"shop": "", "sold": False, "calls": 2**40},
]


def descriptors():
    """Return a descriptor set with a message Event, and its class."""
    from google.protobuf import descriptor_pool, message_factory, timestamp_pb2

    files = descriptor_pb2.FileDescriptorSet()
    files.file.add().ParseFromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = files.file.add(name="event.proto", package="shop", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    event = file.message_type.add(name="Event")
    kinds = {"shop": 9, "sold": 8, "calls": 3, "tags": 9, "at": 11, "kind": 14}
    for number, (name, kind) in enumerate(kinds.items(), 1):
        event.field.add(name=name, number=number, type=kind, label=3 if name == "tags" else 1)
    event.field[4].type_name = ".google.protobuf.Timestamp"
    event.field[5].type_name = ".shop.Kind"
    for number, name in enumerate(["WEB", "APP"]):
        if not number:
            file.enum_type.add(name="Kind")
        file.enum_type[0].value.add(name=name, number=number)
    pool = descriptor_pool.DescriptorPool()
    for each in files.file:
        pool.Add(each)
    return files, message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Event"))


def avro(record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), record)
    return out.getvalue()


def prepare(name, folder):
    """Return the options of a format, and a function that writes a message."""
    if name == "msgpack":
        return {}, msgspec.msgpack.encode
    if name == "avro":
        (folder / "e.avsc").write_text(json.dumps(SCHEMA))
        return {"schema": str(folder / "e.avsc")}, avro
    if name == "json":
        return {}, msgspec.json.encode
    files, kind = descriptors()
    (folder / "e.desc").write_bytes(files.SerializeToString())
    options = {"schema": str(folder / "e.desc"), "message": "shop.Event"}
    return options, lambda event: kind(**event).SerializeToString()


class Fake(Broker):
    """A broker over a list of messages."""

    def __init__(self, messages, decoder):
        super().__init__("fake", "stop", 1.0)
        self._list, self._place, self._messages = messages, 0, decoder

    def seek(self, token):
        self._place = token or 0

    def _open(self):
        pass

    _disconnect = _open

    def _read(self, size, timeout):
        start, self._place = self._place, min(self._place + 2, len(self._list))
        self.caught_up = start == self._place
        records = self._list[start : self._place]
        return Batch(records, self._place, range(start, self._place)) if records else None


def learn(messages, decoder):
    """Return the states, and position, belief and reason of the dead letters."""
    store = open_store("memory:")
    with Pipeline(Fake(messages, decoder), BELIEFS, store) as pipeline:
        for _ in pipeline:
            if pipeline.idle:
                break
        pipeline.commit()
        states = {
            (name, key): state
            for name, table in pipeline.tables.items()
            for key, state in table.states.items()
        }
        letters = [letter for _, letter, _ in store.letters()]
    return states, letters


@pytest.mark.parametrize("name", ["msgpack", "avro", "protobuf"])
def test_beliefs_and_dead_letters_equal_those_of_json(name, tmp_path):
    options, write = prepare(name, tmp_path)
    expected, letters = learn([json.dumps(event).encode() for event in EVENTS], None)
    states, found = learn([write(event) for event in EVENTS], messages_of(name, **options))
    assert states == expected
    assert [(each.position, each.belief, each.reason) for each in found] == [
        (each.position, each.belief, each.reason.replace("-1.0 (float)", "-1 (int)"))
        for each in letters
    ]
    assert json.loads(found[0].raw)["calls"] == -1  # as JSON, for a retry


@pytest.mark.parametrize("name", ["msgpack", "avro", "protobuf"])
def test_any_bytes_become_a_dead_letter_and_the_rest_is_learned(name, tmp_path):
    options, write = prepare(name, tmp_path)
    good = write(EVENTS[0])
    bad = [good[:-2] if name != "protobuf" else good[:3], b"\xff" * 9, good[:4] + b"\xff\xff"]
    bad += [msgspec.msgpack.encode([1]), b"", msgspec.msgpack.encode({1: 2})] * (name == "msgpack")
    bad += [good + b"\0"] * (name != "protobuf")
    records, index, refused = Messages(name, **options).decode([good, *bad, good])
    assert [record["shop"] for record in records] == ["north", "north"]
    assert index == [0, len(bad) + 1]
    assert [i for i, _ in refused] == list(range(1, len(bad) + 1))
    assert all(why and why.isprintable() for _, why in refused)
    _, letters = learn([good, *bad], messages_of(name, **options))
    assert [letter.raw for letter in letters] == bad


def test_fields_of_protobuf_have_the_values_of_events(tmp_path):
    files, kind = descriptors()
    (tmp_path / "e.desc").write_bytes(files.SerializeToString())
    messages = Messages("protobuf", str(tmp_path / "e.desc"), "shop.Event")
    event = kind(shop="a", tags=["x", "y"], kind=1)
    event.at.FromSeconds(1704067200)
    (record,), _, _ = messages.decode([event.SerializeToString()])
    assert record == {
        "shop": "a",
        "sold": False,
        "calls": 0,
        "tags": ["x", "y"],
        "at": datetime.datetime(2024, 1, 1),
        "kind": "APP",
    }
    (empty,), _, _ = messages.decode([b""])
    assert "at" not in empty


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (("xml",), PriorError, "expected format 'json', 'msgpack', 'avro', 'protobuf', got 'xml'"),
        (("msgpack", "a.avsc"), PriorError, "MessagePack messages have no schema"),
        (("json", "a.avsc"), PriorError, "JSON messages have no schema"),
        (("avro",), PriorError, "either a schema or a registry"),
        (("avro", "none.avsc"), SourceError, "cannot read the schema none.avsc: No such file"),
        (("avro", __file__), SourceError, "is not an Avro schema"),
        (("protobuf", "a.desc"), PriorError, "and a message"),
        (("protobuf", __file__, "M"), SourceError, "is not a Protobuf descriptor set"),
    ],
)
def test_invalid_options_are_refused_with_the_remedy(options, error, match):
    with pytest.raises(error, match=match):
        messages_of(*options)


def test_an_unknown_message_is_named(tmp_path):
    files, _ = descriptors()
    (tmp_path / "e.desc").write_bytes(files.SerializeToString())
    with pytest.raises(SourceError, match=r"has no message 'shop\.Evnt'"):
        Messages("protobuf", str(tmp_path / "e.desc"), "shop.Evnt")


class Registry(http.server.BaseHTTPRequestHandler):
    """Run a schema registry with an Avro schema (id 7) and a Protobuf schema (id 9)."""

    def do_GET(self):
        number = self.path.removeprefix("/schemas/ids/")[:1]
        proto = base64.b64encode(descriptors()[0].file[-1].SerializeToString()).decode()
        schemas = {
            "7": {"schema": json.dumps(SCHEMA)},
            "9": {"schema": proto, "schemaType": "PROTOBUF"},
        }
        found = number in schemas
        answer = schemas.get(number, {"error_code": 40403, "message": "no"})
        body = json.dumps(answer).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def registry():
    pytest.importorskip("confluent_kafka.schema_registry.avro")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def framed(event, number=7):
    return b"\0" + number.to_bytes(4, "big") + avro(event)


def test_messages_with_a_schema_in_a_registry(registry):
    messages = Messages("avro", registry=registry, name="events")
    raw = [framed(EVENTS[0]), framed(EVENTS[0], 8), avro(EVENTS[0]), framed(EVENTS[1])]
    records, index, refused = messages.decode(raw)
    assert records == EVENTS[:2]
    assert index == [0, 3]
    assert [i for i, _ in refused] == [1, 2]
    assert "does not have the schema of the message" in refused[0][1]


def test_messages_of_protobuf_with_a_schema_in_a_registry(registry, tmp_path):
    options, write = prepare("protobuf", tmp_path)
    pytest.importorskip("confluent_kafka.schema_registry.protobuf")
    messages = Messages("protobuf", **options, registry=registry, name="events")
    head = b"\0" + (9).to_bytes(4, "big") + b"\0"  # the last byte: the first message of the file
    other = b"\0" + (8).to_bytes(4, "big") + b"\0"
    raw = [
        head + write(EVENTS[0]),
        write(EVENTS[0]),
        other + write(EVENTS[0]),
        head[:3],
        head + b"\xff",
        head + write(EVENTS[1]),
    ]
    records, index, refused = messages.decode(raw)
    assert [{name: each[name] for name in EVENTS[0]} for each in records] == EVENTS[:2]
    assert index == [0, 5]
    assert [i for i, _ in refused] == [1, 2, 3, 4]
    assert all(reason for _, reason in refused)


def test_a_registry_that_cannot_be_reached_stops_the_source():
    pytest.importorskip("confluent_kafka.schema_registry.avro")
    messages = Messages("avro", registry="http://127.0.0.1:1")
    with pytest.raises(SourceError, match="cannot read from the schema registry"):
        messages.decode([framed(EVENTS[0])])


def test_messages_of_kafka_with_a_schema_registry(server, registry):
    broker = server("kafka")
    broker.make("avro-events")
    broker.publish("avro-events", [framed(event) for event in EVENTS])
    options = broker.source("avro-events", format="avro", registry=registry)
    kind = options.pop("kind")
    found = []
    with closing(load_source(kind)(**options)) as source:
        source.seek(None)
        for batch in source.batches(timeout=0.05):
            found += [] if batch is None else batch.records
            if len(found) == len(EVENTS):
                break
    assert sorted(found, key=str) == sorted(EVENTS, key=str)  # of several partitions
