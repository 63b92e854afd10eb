"""A typed client of the API without additional dependencies."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from seqbayes.dashboard import schema
from seqbayes.dashboard.client_methods import ClientMethods, T
from seqbayes.errors import SeqbayesError

__all__ = ["ApiError", "Client"]


class ApiError(SeqbayesError):
    """The server rejected a request; `status` is the HTTP status, `retry_after` is in seconds."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {reason}")
        self.status, self.retry_after = status, retry_after


class Client(ClientMethods):
    """A client of ``seqbayes serve``, for use in one thread at a time.

    Parameters
    ----------
    url
        URL of the server, such as ``http://127.0.0.1:8765``.
    token
        The token; it is required for writing, and for reading from another machine.
    timeout
        Maximum number of seconds without data from the server before a call fails.

    Raises
    ------
    ApiError
        If the server rejects a request.
    OSError
        If the server cannot be reached.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._host, self._timeout = parts.netloc, timeout
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._connection = self._kind(self._host, timeout=timeout)

    def post(self, events: Iterable[Mapping[str, Any]], key: str | None = None) -> schema.Outcome:
        """Post events, and return when they are committed.

        Parameters
        ----------
        events
            Any number of mappings.
        key
            An idempotency key: if the call fails and is repeated with the same key, its events are
            learned only once.
        """
        headers = {"Content-Type": "application/x-ndjson", **self._headers}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = b"\n".join(map(msgspec.json.encode, events))
        response = self._send(self._connection, "POST", "/api/events", body, headers)
        return _read(response, schema.Outcome, (200, 422))

    def choose(
        self, name: str, contexts: Iterable[Mapping[str, Any]] = ({},)
    ) -> list[schema.DecisionResponse]:
        """Choose an arm for each context.

        Parameters
        ----------
        name
            Name of a choice in the configuration.
        contexts
            The values of the other key fields of its belief.
        """
        path = f"/api/choose/{quote(name, safe='')}"
        return _read(self._post(path, list(contexts)), schema.Decisions).decisions

    def reward(self, decision: str, reward: Any, event: Mapping[str, Any] = {}) -> schema.Outcome:
        """Post the reward of a decision, and return when it is committed; a repetition is ignored.

        Parameters
        ----------
        decision
            The decision id that `choose` returned.
        reward
            The observed value.
        event
            Additional fields of the event, such as a timestamp.
        """
        body = schema.RewardBody(decision, reward, dict(event))
        return _read(self._post("/api/reward", body), schema.Outcome, (200, 422))

    def annotate(
        self, text: str, at: float | None = None, belief: str = "", name: str | None = None
    ) -> schema.AnnotationInfo:
        """Store an annotation, such as a note about a deployment, to be shown in histories.

        Parameters
        ----------
        text
            The text.
        at
            Seconds since 1970; by default the present.
        belief
            The belief that the annotation is about; by default all beliefs.
        name
            Id of the annotation. An existing annotation with the same id is replaced, so that a
            call can be repeated.
        """
        body = schema.AnnotationBody(text, at, belief, name)
        return _read(self._post("/api/annotations", body), schema.AnnotationInfo)

    def stream(self, last: str = "", **query: Any) -> Iterator[tuple[str, Any, str]]:
        """Yield the name, data and id of every event, until the server closes the stream.

        Parameters
        ----------
        last
            Id of the last event received.
        query
            Parameters belief, key (each a string or a list of strings), top and hz.
        """
        connection = self._kind(self._host, timeout=self._timeout)
        headers = {**self._headers, "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        try:
            path = f"/api/stream?{urlencode(query, doseq=True)}"
            response = self._send(connection, "GET", path, None, headers)
            if response.status != 200:
                _read(response, schema.Error)
            name, number = "message", ""
            for line in response:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    number = value
                elif field == "data":
                    yield name, msgspec.json.decode(value), number
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, path: str, kind: type[T]) -> T:
        """Return the response to a GET request for a path, decoded as a type."""
        return _read(self._send(self._connection, "GET", path, None, self._headers), kind)

    def _post(self, path: str, body: Any) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json", **self._headers}
        return self._send(self._connection, "POST", path, msgspec.json.encode(body), headers)

    @staticmethod
    def _send(
        connection: Any, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        try:
            connection.request(method, path, body, headers)
            response: http.client.HTTPResponse = connection.getresponse()
        except (http.client.HTTPException, OSError):
            connection.close()  # the next call opens a new connection
            raise
        return response


def _read(response: http.client.HTTPResponse, kind: type[T], good: Iterable[int] = (200,)) -> T:
    body = response.read()
    if response.status in good:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError:
            pass  # a response with status 422 whose body has another form
    try:
        reason = msgspec.json.decode(body, type=schema.Error).error
    except msgspec.MsgspecError:
        reason = response.reason
    wait = response.headers.get("Retry-After", "")
    raise ApiError(response.status, reason, float(wait) if wait.isdecimal() else None)
