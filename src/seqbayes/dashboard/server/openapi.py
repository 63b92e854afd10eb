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
from seqbayes.dashboard.server.operations import (
    JSON,
    NDJSON,
    SSE,
    content,
    get_operation,
    in_path,
    in_query,
    integer,
    limit_of,
    one_or_many,
    post_operation,
    refer,
    responses,
    responses_of_events,
    strings,
    text,
)
from seqbayes.dashboard.server.responses import LEVELS, json_response
from seqbayes.dashboard.server.stories import MAX_SKIPPED, MAX_STEPS, CandyOptions, CoinOptions
from seqbayes.dashboard.server.streams import MAX_KEYS


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
        "paths": {
            **_belief_paths(), **_record_paths(), **_server_paths(), **_event_paths(),
            **_story_paths(),
        },
        "components": {"schemas": _components(), "securitySchemes": {"bearer": bearer}},
    }  # fmt: skip


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


_NAME = in_path("name", "The name of a belief.")
_KEY = in_path("key", "The ID of a key: a JSON array of strings, or null for the pooled rest.")


_PAGE = [
    in_query("sort", "Sort order of the keys.", type="string", enum=list(SORTS), default="n"),
    in_query("order", "Descending or ascending.", type="string", enum=["desc", "asc"]),
    in_query("search", "Text that the key contains.", type="string"),
    in_query("offset", "Number of keys to skip.", **integer(0, 10**9, 0)),
    in_query(
        "cursor",
        "`next` of the previous page; empty for the first one. With `offset`, the page begins "
        "after this number of keys in the same order.",
        type="string",
    ),
    limit_of("keys", MAX_CARDS, 100),
]
_PART = in_query(
    "part", "The number whose history is returned, if a key has several numbers.", type="string"
)
_LEVEL = in_query(
    "level",
    "Level of the intervals.",
    type="number",
    minimum=LEVELS[0],
    maximum=LEVELS[1],
    default=views.LEVEL,
)
_COMPARED = [
    in_query(
        "keys",
        "IDs of 2 to 12 keys; by default the control and the keys with the most data.",
        **{**strings(12), "minItems": 2},
    ),
    in_query(
        "best",
        "Whether the highest or the lowest value is best.",
        type="string",
        enum=list(BEST),
        default=BEST[0],
    ),
    in_query(
        "label",
        "The label whose shares are compared; by default the most frequent label.",
        type="string",
    ),
    _LEVEL,
    in_query("control", "The key with which the others are compared, or 'best'.", type="string"),
    in_query(
        "quantity",
        "What is compared instead of the parameter: 'mean' (the expected observation), or the "
        "probability of a quantile of observations, such as 0.95.",
        type="string",
    ),
]


def _belief_paths() -> dict[str, Any]:
    against = in_query(
        "against",
        "ID of a key: return each other key's difference from it. For beliefs about labels, "
        "`part` is the label.",
        type="string",
    )
    curves = in_query("keys", "Key IDs.", minItems=1, **strings(MAX_CURVES)) | {"required": True}
    return {
        "/api/beliefs": get_operation(
            "beliefs", "Return the beliefs.", content(schema.BeliefList), []
        ),
        "/api/beliefs/{name}": get_operation(
            "cards", "Return keys of a belief.", content(schema.Cards),
            [_NAME, *_PAGE, _LEVEL], 404, 422, 500,
        ),
        "/api/beliefs/{name}/{key}": get_operation(
            "detail", "Return everything about a key.", content(schema.Detail),
            [_NAME, _KEY, _PART, _LEVEL], 404, 422, 500,
        ),
        "/api/compare/{name}": get_operation(
            "compare", "Compare keys.", content(schema.KeyComparison),
            [_NAME, *_COMPARED], 404, 422, 500,
        ),
        "/api/history/{name}": get_operation(
            "history", "Return the histories of several keys.", content(schema.HistoryList),
            [_NAME, curves, _PART, _LEVEL, against], 404, 422, 500,
        ),
    }  # fmt: skip


def _record_paths() -> dict[str, Any]:
    return {
        "/api/dead-letters": get_operation(
            "dead_letters", "Return events that could not be used.", content(schema.DeadLetterList),
            [limit_of("dead letters", MAX_CARDS, MAX_LETTERS)], 422, 500,
        ),
        "/api/alerts": get_operation(
            "alerts", "Return alerts and their newest messages.", content(schema.AlertList),
            [limit_of("messages", MAX_LISTED, MAX_MESSAGES)], 422, 500,
        ),
        "/api/annotations": get_operation(
            "annotations", "Return the newest annotations.", content(schema.AnnotationList),
            [limit_of("annotations", MAX_ANNOTATIONS, MAX_ANNOTATIONS)], 422, 500,
        )
        | post_operation(
            "annotate",
            "Store an annotation, such as a deployment, or replace the one with the same ID.",
            content(schema.AnnotationBody),
            responses(content(schema.AnnotationInfo), 403, 408, 413, 422, 500),
        ),
    }  # fmt: skip


def _server_paths() -> dict[str, Any]:
    return {
        "/api/health": get_operation(
            "health", "Return the status of the pipeline and the server.", content(schema.Health),
            [], 500,
        ),
        "/api/session": get_operation(
            "session", "Return the permissions of this session.", content(schema.Session), []
        ),
        "/metrics": get_operation(
            "metrics", "Return metrics in the Prometheus text format.", text("text/plain"), []
        ),
        "/api/stream": get_operation(
            "stream",
            "Stream changes as server-sent events of the types `hello`, `cards`, `step` and"
            " `health`.",
            text(SSE), _STREAMED, 422, 503,
        ),
    }  # fmt: skip


_STREAMED = [
    {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
    in_query("belief", "Names of the beliefs to stream; all by default.", **strings(MAX_KEYS)),
    in_query(
        "key",
        "Additional keys, as BELIEF/ID; if exactly one belief is selected, ID alone is enough.",
        **strings(MAX_KEYS),
    ),
    in_query(
        "top",
        "Number of keys to send for each belief; the keys with the most data are chosen.",
        **integer(0, 500, 50),
    ),
    in_query(
        "hz", "Maximum number of frames per second.",
        type="number", minimum=0.1, maximum=MAX_HZ, default=10,
    ),
]  # fmt: skip


def _event_paths() -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Ensures that the events of a repeated request are learned only once.",
        "schema": {"type": "string", "maxLength": 255},
    }
    objects = {JSON: {"schema": one_or_many({"type": "object"})}}
    chosen = responses(content(schema.Decisions), 403, 404, 408, 409, 413, 422)
    return {
        "/api/events": post_operation(
            "events", "Post events; the response is sent after the commit.",
            objects | text(NDJSON), responses_of_events(415), key,
        ),
        "/api/choose/{name}": post_operation(
            "choose", "Choose an arm for one context, or for each context of an array.",
            objects, chosen, in_path("name", "The name of a choice."),
        ),
        "/api/reward": post_operation(
            "reward", "Post rewards for decisions; the response is sent after the commit.",
            {JSON: {"schema": one_or_many(refer(schema.RewardBody))}}, responses_of_events(),
        ),
    }  # fmt: skip


def _story_paths() -> dict[str, Any]:
    story = in_path("id", "The ID returned when the story was started.")
    first = in_query("from", "Number of steps to skip.", **integer(0, 10**6, 0))
    after = in_query("after", "Number of sets to skip.", **integer(0, MAX_SKIPPED, 0))
    count = in_query("count", "Maximum number of steps to return.", **integer(0, MAX_STEPS, 100))
    opening = responses(content(schema.StoryOpening), 403, 408, 413, 422)
    started = {
        f"/api/replay/{name}": {
            "post": {
                "operationId": f"begin_{name}",
                "summary": summary,
                "requestBody": {"content": content(options)},
                "responses": opening,
            }
        }
        for name, summary, options in (
            ("mms", "Start the replay of the candies.", CandyOptions),
            ("coins", "Start the replay of the coins.", CoinOptions),
        )
    }
    return {
        **started,
        "/api/replay/{id}/steps": get_operation(
            "steps", "Return steps of a story.", content(schema.StorySteps),
            [story, first, count], 404, 422,
        ),
        "/api/replay/{id}/stream": get_operation(
            "endless",
            "Stream coin sets indefinitely, as server-sent events of the type `replay`.",
            text(SSE), [story, after], 404, 422, 503,
        ),
    }  # fmt: skip
