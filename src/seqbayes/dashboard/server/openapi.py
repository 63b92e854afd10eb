"""The OpenAPI document, generated from the types of the responses."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

import seqbayes
from seqbayes.dashboard import schema, views
from seqbayes.dashboard.live.entry_table import SORTS
from seqbayes.dashboard.live.hub import MAX_HZ
from seqbayes.dashboard.server.alerts import MAX_LISTED, MAX_MESSAGES
from seqbayes.dashboard.server.annotations import MAX_ANNOTATIONS
from seqbayes.dashboard.server.api import MAX_CARDS, MAX_LETTERS
from seqbayes.dashboard.server.comparisons import BEST
from seqbayes.dashboard.server.histories import MAX_KEYS as MAX_CURVES
from seqbayes.dashboard.server.responses import LEVELS, json_response
from seqbayes.dashboard.server.stories import MAX_SKIPPED, MAX_STEPS, CandyOptions, CoinOptions
from seqbayes.dashboard.server.streams import MAX_KEYS

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
    429: "Too many events are waiting, or too many tokens were wrong: retry after Retry-After.",
    500: "The store cannot be read.",
    503: "The service is temporarily unavailable: try again.",
}


async def get(request: Request) -> Response:
    """Return the OpenAPI document as a response."""
    return json_response(request, _encoded())


@functools.cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


def document() -> dict[str, Any]:
    """Return the OpenAPI document.

    Examples
    --------
    >>> document()["openapi"], sorted(document()["paths"])[:2]
    ('3.1.0', ['/api/alerts', '/api/annotations'])
    """
    bearer = {"type": "http", "scheme": "bearer", "description": "The token of the server."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "seqbayes",
            "version": seqbayes.__version__,
            "description": "Beliefs that learn from a stream, and events to learn from.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}],
        "paths": {**_read_paths(), **_write_paths(), **_choice_paths(), **_story_paths()},
        "components": {"schemas": _components(), "securitySchemes": {"bearer": bearer}},
    }


def _components() -> dict[str, Any]:
    found = schema.components()
    _, options = msgspec.json.schema_components(
        (CandyOptions, CoinOptions), ref_template="#/components/schemas/{name}"
    )
    for schema_ in found.values():
        kind = schema_.get("properties", {}).get("kind", {})
        if kind == {"type": "string"} and "mode" not in schema_["properties"]:
            kind["enum"] = list(views.all_views())
    return {**found, **options}


def _refer(kind: type[Any]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _content(kind: type[Any]) -> dict[str, Any]:
    return {JSON: {"schema": _refer(kind)}}


def _responses(good: dict[str, Any], *statuses: int) -> dict[str, Any]:
    refusals = {
        str(status): {"description": _DESCRIPTIONS[status], "content": _content(schema.Error)}
        for status in (401, 421, *statuses)
    }
    return {"200": {"description": "The answer.", **good}, **refusals}


def _get(
    name: str, summary: str, kind: type[Any], parameters: list[Any], *statuses: int
) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": _responses({"content": _content(kind)}, *statuses),
        }
    }


def _in_path(name: str, description: str) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": text,
    }


def _in_query(name: str, description: str, **of: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": of}


_NAME = _in_path("name", "The name of a belief.")
_KEY = _in_path("key", "The ID of a key: a JSON array of strings, or null for the pooled rest.")


def _whole(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


def _texts(most: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "maxItems": most}


_PAGE = [
    _in_query("sort", "Sort order of the keys.", type="string", enum=list(SORTS), default="n"),
    _in_query("order", "Descending or ascending.", type="string", enum=["desc", "asc"]),
    _in_query("search", "Text that the key contains.", type="string"),
    _in_query("offset", "Number of keys to skip.", **_whole(0, 10**9, 0)),
    _in_query(
        "cursor",
        "`next` of the previous page; empty for the first one. With `offset`, the page begins "
        "after this number of keys in the same order.",
        type="string",
    ),
    _in_query("limit", "Maximum number of keys to return.", **_whole(0, MAX_CARDS, 100)),
]
_PART = _in_query(
    "part", "The number whose history is returned, if a key has several numbers.", type="string"
)
_LEVEL = _in_query(
    "level",
    "Level of the intervals.",
    type="number",
    minimum=LEVELS[0],
    maximum=LEVELS[1],
    default=views.LEVEL,
)
_COMPARED = [
    _in_query(
        "keys",
        "IDs of 2 to 12 keys; by default the control and the keys with the most data.",
        **{**_texts(12), "minItems": 2},
    ),
    _in_query(
        "best",
        "Whether the highest or the lowest value is best.",
        type="string",
        enum=list(BEST),
        default=BEST[0],
    ),
    _in_query(
        "label",
        "The label whose shares are compared; by default the most frequent label.",
        type="string",
    ),
    _LEVEL,
    _in_query("control", "The key that the others are compared with, or best.", type="string"),
]


def _read_paths() -> dict[str, Any]:
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    metrics = {
        "operationId": "metrics",
        "summary": "Return metrics in the text format of Prometheus.",
        "responses": _responses(text),
    }
    one, compared = "/api/beliefs/{name}/{key}", "/api/compare/{name}"
    return {
        "/api/beliefs": _get("beliefs", "Return the beliefs.", schema.BeliefList, []),
        "/api/beliefs/{name}": _get(
            "cards", "Return keys of a belief.", schema.Cards,
            [_NAME, *_PAGE, _LEVEL], 404, 422, 500,
        ),
        one: _get(
            "detail", "Return everything about a key.", schema.Detail,
            [_NAME, _KEY, _PART, _LEVEL], 404, 422, 500,
        ),
        compared: _get(
            "compare", "Compare keys.", schema.KeyComparison,
            [_NAME, *_COMPARED], 404, 422, 500,
        ),
        "/api/dead-letters": _get(
            "dead_letters", "Return events that could not be used.", schema.DeadLetterList,
            [
                _in_query(
                    "limit", "Maximum number of dead letters to return.",
                    **_whole(0, MAX_CARDS, MAX_LETTERS),
                )
            ],
            422, 500,
        ),
        "/api/alerts": _get(
            "alerts", "Return alerts and their newest messages.", schema.AlertList,
            [
                _in_query(
                    "limit", "Maximum number of messages to return.",
                    **_whole(0, MAX_LISTED, MAX_MESSAGES),
                )
            ],
            422, 500,
        ),
        "/api/annotations": _annotation_path() | _get(
            "annotations", "Return the newest annotations.", schema.AnnotationList,
            [
                _in_query(
                    "limit", "Maximum number of annotations to return.",
                    **_whole(0, MAX_ANNOTATIONS, MAX_ANNOTATIONS),
                )
            ],
            422, 500,
        ),
        "/api/history/{name}": _get(
            "history", "Return the histories of several keys.", schema.HistoryList,
            [
                _NAME,
                _in_query("keys", "Key IDs.", minItems=1, **_texts(MAX_CURVES))
                | {"required": True},
                _PART,
                _LEVEL,
                _in_query(
                    "against",
                    "ID of a key: return the differences of the other keys to it. For beliefs "
                    "about labels, `part` is the label.",
                    type="string",
                ),
            ],
            404, 422, 500,
        ),
        "/api/health": _get(
            "health", "Return the status of the pipeline and the server.", schema.Health, [], 500
        ),
        "/api/session": _get(
            "session", "Return the permissions of this session.", schema.Session, []
        ),
        "/metrics": {"get": metrics},
        "/api/stream": {"get": _stream()},
    }  # fmt: skip


def _stream() -> dict[str, Any]:
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}}
    hz = {"type": "number", "minimum": 0.1, "maximum": MAX_HZ, "default": 10}
    events = {"content": {SSE: {"schema": {"type": "string"}}}}
    return {
        "operationId": "stream",
        "summary": "Stream changes as server-sent events of the types `hello`, `cards`, `step` and"
        " `health`.",
        "parameters": [
            last,
            _in_query(
                "belief", "Names of the beliefs to stream; all by default.", **_texts(MAX_KEYS)
            ),
            _in_query(
                "key",
                "Additional keys, as BELIEF/ID; if exactly one belief is selected, ID alone is"
                " enough.",
                **_texts(MAX_KEYS),
            ),
            _in_query(
                "top",
                "Number of keys to send for each belief; the keys with the most data are chosen.",
                **_whole(0, 500, 50),
            ),
            _in_query("hz", "Maximum number of frames per second.", **hz),
        ],
        "responses": _responses(events, 422, 503),
    }


def _write_paths() -> dict[str, Any]:
    event = {"type": "object"}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Ensures that the events of a repeated request are learned only once.",
        "schema": {"type": "string", "maxLength": 255},
    }
    outcome = _content(schema.Outcome)
    refused = {"anyOf": [_refer(schema.Outcome), _refer(schema.Error)]}
    responses = _responses({"content": outcome}, 403, 408, 409, 413, 415, 422, 429, 503)
    responses["422"]["content"] = {JSON: {"schema": refused}}
    return {
        "/api/events": {
            "post": {
                "operationId": "events",
                "summary": "Post events; the response is sent after the commit.",
                "security": [{"bearer": []}],
                "parameters": [key],
                "requestBody": {
                    "required": True,
                    "content": {
                        JSON: {"schema": {"anyOf": [event, {"type": "array", "items": event}]}},
                        NDJSON: {"schema": {"type": "string"}},
                    },
                },
                "responses": responses,
            }
        }
    }


def _post(name: str, summary: str, body: Any, responses: Any, *parameters: Any) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "security": [{"bearer": []}],
            "parameters": list(parameters),
            "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
            "responses": responses,
        }
    }


def _annotation_path() -> dict[str, Any]:
    stored = _responses({"content": _content(schema.AnnotationInfo)}, 403, 408, 413, 422, 500)
    summary = "Store an annotation, such as a deployment, or replace the one with the same ID."
    return _post("annotate", summary, _refer(schema.AnnotationBody), stored)


def _choice_paths() -> dict[str, Any]:
    context = {"type": "object"}
    contexts = {"anyOf": [context, {"type": "array", "items": context}]}
    reward = _refer(schema.RewardBody)
    rewards = {"anyOf": [reward, {"type": "array", "items": reward}]}
    chosen = _responses({"content": _content(schema.Decisions)}, 403, 404, 408, 409, 413, 422)
    learned = _responses({"content": _content(schema.Outcome)}, 403, 408, 409, 413, 422, 429, 503)
    refused = {"anyOf": [_refer(schema.Outcome), _refer(schema.Error)]}
    learned["422"]["content"] = {JSON: {"schema": refused}}

    choice = _in_path("name", "The name of a choice.")
    return {
        "/api/choose/{name}": _post(
            "choose", "Choose an arm for one context, or for each of an array.", contexts, chosen,
            choice,
        ),
        "/api/reward": _post(
            "reward", "Post rewards of decisions; the response is sent after the commit.",
            rewards, learned,
        ),
    }  # fmt: skip


def _story_paths() -> dict[str, Any]:
    story = _in_path("id", "The ID returned when the story was started.")
    first = _in_query("from", "Number of steps to skip.", **_whole(0, 10**6, 0))
    after = _in_query("after", "Number of sets to skip.", **_whole(0, MAX_SKIPPED, 0))
    count = _in_query("count", "Maximum number of steps to return.", **_whole(0, MAX_STEPS, 100))
    events = {"content": {SSE: {"schema": {"type": "string"}}}}
    return {
        **{
            f"/api/replay/{name}": {
                "post": {
                    "operationId": f"begin_{name}",
                    "summary": summary,
                    "requestBody": {"content": _content(options)},
                    "responses": _responses(
                        {"content": _content(schema.StoryOpening)}, 403, 408, 413, 422
                    ),
                }
            }
            for name, summary, options in (
                ("mms", "Start the replay of the candies.", CandyOptions),
                ("coins", "Start the replay of the coins.", CoinOptions),
            )
        },
        "/api/replay/{id}/steps": _get(
            "steps", "Return steps of a story.", schema.StorySteps, [story, first, count], 404, 422
        ),
        "/api/replay/{id}/stream": {
            "get": {
                "operationId": "endless",
                "summary": "Stream coin sets indefinitely, as server-sent events of the type"
                " `replay`.",
                "parameters": [story, after],
                "responses": _responses(events, 404, 422, 503),
            }
        },
    }
