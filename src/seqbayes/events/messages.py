"""Formats of messages other than JSON: MessagePack, Avro and Protobuf."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from seqbayes.console.text import printable
from seqbayes.errors import PriorError, SourceError
from seqbayes.extras import install_command

MessageFormat = Literal["json", "msgpack", "avro", "protobuf"]

Decode = Callable[[bytes], Any]


class Messages:
    """Decodes messages into mappings.

    Parameters
    ----------
    format
        "msgpack", "avro" or "protobuf".
    schema
        Path of an Avro schema in JSON (``.avsc``), or of a Protobuf descriptor set, as written by
        ``protoc --include_imports --descriptor_set_out``.
    message
        Full name of the Protobuf message.
    registry
        URL of a schema registry: messages begin with the id of their schema, as Confluent's
        serialisers write them. For Avro, it replaces `schema`.
    name
        The name of the source in errors.

    Raises
    ------
    PriorError
        If an option is invalid or missing.
    SourceError
        If a library is not installed, or the schema cannot be read.

    Examples
    --------
    >>> messages = Messages("msgpack")
    >>> messages.decode([bytes([0x81, 0xA1, 0x78, 0x07]), b"x"])
    ([{'x': 7}], [0], [(1, 'expected a mapping with field names, got another value')])
    """

    def __init__(
        self,
        format: str,  # noqa: A002
        schema: str | None = None,
        message: str | None = None,
        registry: str | None = None,
        name: str = "",
    ) -> None:
        makers: dict[str, Callable[[], Decode]] = {
            "msgpack": _msgpack,
            "avro": lambda: _avro(schema, registry, name),
            "protobuf": lambda: _protobuf(schema, message, registry, name),
        }
        if format not in makers:
            known = ", ".join(map(repr, ("json", *makers)))
            raise PriorError(f"expected format {known}, got {format!r}")
        if format == "msgpack" and (schema or message or registry):
            raise PriorError("MessagePack messages have no schema")
        self._decode = makers[format]()

    def decode(
        self, raw: Sequence[bytes]
    ) -> tuple[list[Mapping[str, Any]], list[int], list[tuple[int, str]]]:
        """Return the records, their indices, and the index and reason of each undecodable message.

        Raises
        ------
        SourceError
            If the schema registry cannot be used.
        """
        records, index, refused = [], [], []
        for i, each in enumerate(raw):
            try:
                record = self._decode(bytes(each))
            except SourceError:
                raise
            except Exception as error:  # the libraries raise errors of many kinds
                refused.append((i, printable(str(error) or type(error).__name__, 200)))
                continue
            if isinstance(record, Mapping) and all(type(key) is str for key in record):
                records.append(record)
                index.append(i)
            else:
                refused.append((i, "expected a mapping with field names, got another value"))
        return records, index, refused


def messages_of(
    format: str,  # noqa: A002
    schema: str | None = None,
    message: str | None = None,
    registry: str | None = None,
    name: str = "",
) -> Messages | None:
    """Return the decoder of a format; None for JSON, which layouts decode.

    Raises
    ------
    PriorError
        If an option is invalid or missing.
    SourceError
        If a library is not installed, or the schema cannot be read.
    """
    if format == "json":
        if schema or message or registry:
            raise PriorError("JSON messages have no schema: set 'format'")
        return None
    return Messages(format, schema, message, registry, name)


def _msgpack() -> Decode:
    return msgspec.msgpack.Decoder().decode


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read the schema {path}: {error.strerror}") from None


def _avro(schema: str | None, registry: str | None, name: str) -> Decode:
    if (schema is None) == (registry is None):
        raise PriorError("format 'avro' needs either a schema or a registry")
    if registry is not None:
        return _registered("avro", registry, name, None)
    try:
        import fastavro
    except ModuleNotFoundError:
        raise SourceError(f"Avro needs fastavro: {install_command('avro')}") from None
    assert schema is not None
    try:
        parsed = fastavro.parse_schema(msgspec.json.decode(_read(schema)))
    except (msgspec.MsgspecError, fastavro.schema.SchemaParseException, ValueError) as error:
        raise SourceError(f"{schema} is not an Avro schema: {error}") from None

    def decode(raw: bytes) -> Any:
        stream = io.BytesIO(raw)
        try:
            record = fastavro.schemaless_reader(stream, parsed, None)
        except (EOFError, IndexError):
            raise ValueError("the message ends before its last field") from None
        if stream.tell() != len(raw):
            raise ValueError(
                "the message has bytes after its last field: was it written with another schema?"
            )
        return record

    return decode


def _protobuf(schema: str | None, message: str | None, registry: str | None, name: str) -> Decode:
    if schema is None or message is None:
        raise PriorError("format 'protobuf' needs a schema (a descriptor set) and a message")
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        from google.protobuf.message import DecodeError
    except ModuleNotFoundError:
        raise SourceError(f"Protobuf needs protobuf: {install_command('protobuf')}") from None
    pool = descriptor_pool.DescriptorPool()
    try:
        for each in descriptor_pb2.FileDescriptorSet.FromString(_read(schema)).file:
            pool.Add(each)
        kind: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(message))
    except DecodeError:
        raise SourceError(
            f"{schema} is not a Protobuf descriptor set: write it with protoc --include_imports"
            " --descriptor_set_out"
        ) from None
    except (KeyError, TypeError) as error:
        raise SourceError(f"{schema} has no message {message!r}: {error}") from None
    if registry is not None:
        parse = _registered("protobuf", registry, name, kind)
        return lambda raw: _mapping(parse(raw))
    return lambda raw: _mapping(kind.FromString(raw))


def _mapping(message: Any) -> dict[str, Any]:
    """Return a Protobuf message as a mapping; absent fields without presence get their default."""
    record: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            convert = _converter(kind.fields_by_name["value"])
            record[field.name] = {str(key): convert(each) for key, each in value.items()}
        elif field.is_repeated:
            record[field.name] = list(map(_converter(field), value))
        else:
            record[field.name] = _converter(field)(value)
    return record


def _converter(field: Any) -> Callable[[Any], Any]:
    """Return a function that converts one value of a Protobuf field."""
    if field.message_type is not None:
        name = field.message_type.full_name
        if name == "google.protobuf.Timestamp":
            return lambda value: value.ToDatetime()
        if name.startswith("google.protobuf.") and name.endswith("Value"):
            return lambda value: value.value
        return _mapping
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        return lambda value: names[value].name if value in names else value
    return lambda value: value


def _registered(format: str, registry: str, name: str, kind: Any) -> Decode:  # noqa: A002
    """Return a decoder for messages that begin with the id of their schema in a registry."""
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.error import SchemaRegistryError
        from confluent_kafka.serialization import MessageField, SerializationContext

        if format == "avro":
            from confluent_kafka.schema_registry.avro import AvroDeserializer
        else:
            from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
    except ModuleNotFoundError:
        needed = install_command("registry")
        raise SourceError(
            f"a schema registry needs confluent-kafka[schemaregistry]: {needed}"
        ) from None
    client = SchemaRegistryClient({"url": registry, "max.retries": 2})
    parse: Any
    if format == "avro":
        parse = AvroDeserializer(client)
    else:
        parse = ProtobufDeserializer(kind, {"use.deprecated.format": False}, client)
    context = SerializationContext(name, MessageField.VALUE)

    def decode(raw: bytes) -> Any:
        try:
            return parse(raw, context)
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                raise ValueError(
                    f"the schema registry does not have the schema of the message: {error}"
                ) from None
            raise SourceError(f"cannot read from the schema registry: {error}") from error
        except Exception as error:
            # httpx is the HTTP library of the client; its errors depend on the version
            if type(error).__module__.startswith("httpx"):
                raise SourceError(f"cannot read from the schema registry: {error}") from error
            raise

    return decode
