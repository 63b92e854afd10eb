"""Parts of the OpenAPI document: operations, parameters and responses."""

from __future__ import annotations

from typing import Any

from seqbayes.dashboard import schema

JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"

_DESCRIPTIONS = {
    401: "A token is required.",
    403: "The request was sent by a page of another origin.",
    404: "Not found.",
    408: "The body was not received in time.",
    409: "This server does not accept events.",
    413: "The body is too long.",
    415: "The content type is not supported.",
    421: "The host name is not allowed.",
    422: "The request is invalid; the response describes the error.",
    429: "Too many events are waiting, or too many tokens were wrong: wait as Retry-After says.",
    500: "The store cannot be read.",
    503: "The service is temporarily unavailable: try again.",
}


def refer(kind: type[Any]) -> dict[str, Any]:
    """Return a reference to the schema of a type."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def one_or_many(kind: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value, or of an array of such values."""
    return {"anyOf": [kind, {"type": "array", "items": kind}]}


def content(kind: type[Any]) -> dict[str, Any]:
    """Return the content of a JSON body with this type."""
    return {JSON: {"schema": refer(kind)}}


def text(media_type: str) -> dict[str, Any]:
    """Return the content of a text body."""
    return {media_type: {"schema": {"type": "string"}}}


def responses(good: dict[str, Any], *statuses: int) -> dict[str, Any]:
    """Return the responses of an operation: the content, and errors with these statuses."""
    refusals = {
        str(status): {"description": _DESCRIPTIONS[status], "content": content(schema.Error)}
        for status in (401, 421, *statuses)
    }
    return {"200": {"description": "The answer.", "content": good}, **refusals}


def responses_of_events(*statuses: int) -> dict[str, Any]:
    """Return the responses of an operation that learns events."""
    found = responses(content(schema.Outcome), 403, 408, 409, 413, *statuses, 422, 429, 503)
    refused = {"anyOf": [refer(schema.Outcome), refer(schema.Error)]}
    found["422"]["content"] = {JSON: {"schema": refused}}
    return found


def get_operation(
    name: str, summary: str, good: dict[str, Any], parameters: list[Any], *statuses: int
) -> dict[str, Any]:
    """Return a GET operation with this content, these parameters and these error statuses."""
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": responses(good, *statuses),
        }
    }


def post_operation(
    name: str, summary: str, body: dict[str, Any], answers: dict[str, Any], *parameters: Any
) -> dict[str, Any]:
    """Return a POST operation that requires a token, with these contents of its body."""
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "security": [{"bearer": []}],
            "parameters": list(parameters),
            "requestBody": {"required": True, "content": body},
            "responses": answers,
        }
    }


def in_path(name: str, description: str) -> dict[str, Any]:
    """Return a parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def in_query(name: str, description: str, **of: Any) -> dict[str, Any]:
    """Return a parameter in the query with this schema."""
    return {"name": name, "in": "query", "description": description, "schema": of}


def limit_of(what: str, most: int, default: int) -> dict[str, Any]:
    """Return the parameter that limits the number of results."""
    return in_query("limit", f"Maximum number of {what} to return.", **integer(0, most, default))


def integer(low: int, high: int, default: int) -> dict[str, Any]:
    """Return the schema of an integer."""
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


def strings(most: int) -> dict[str, Any]:
    """Return the schema of an array of strings."""
    return {"type": "array", "items": {"type": "string"}, "maxItems": most}
