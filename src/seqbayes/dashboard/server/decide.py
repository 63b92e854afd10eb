"""``POST /api/choose/{name}`` and ``POST /api/reward``: choices, and rewards that count once."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.server.ingest import Commits, http_source
from seqbayes.dashboard.server.responses import HttpError, body_of, json_response, path_segments
from seqbayes.events.fields import explain
from seqbayes.events.keys import write_key
from seqbayes.stream.choices import Chooser, DecisionResponse, RewardBody, post_rewards
from seqbayes.stream.decisions import DecisionError

MAX_DECISIONS = 10_000
"""Maximum number of contexts or rewards in a request."""

AT_ONCE = 100
"""Maximum number of contexts for which arms are chosen without another thread."""

QUICK_SECONDS = 0.005
"""Maximum expected processor time of a request whose probabilities are computed without another
thread; switching to a thread, and contention with it, take more than a short computation."""

LONGEST = 1 << 20
"""Maximum size in bytes of a request for choices."""


class Decide:
    """The handlers.

    Parameters
    ----------
    hub
        The hub, which has the current beliefs.
    commits
        Waits for the commits of rewards.
    """

    def __init__(self, hub: Hub, commits: Commits) -> None:
        self._hub, self._commits = hub, commits
        self._computing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def choose(self, request: Request) -> Response:
        """Choose an arm for one context, or for each context of an array."""
        name, *rest = path_segments(request, "/api/choose/")
        choosers = self._choosers()
        chooser = None if rest else choosers.get(name)
        if chooser is None:
            path = "/".join([name, *rest])[:200]
            names = ", ".join(map(repr, choosers))
            raise HttpError(404, f"there is no choice {path!r}; the choices are {names}")
        contexts = _decode(await body_of(request, LONGEST) or b"{}", dict[str, Any])
        if len(contexts) * chooser.seconds <= QUICK_SECONDS:
            decisions = self._choose(chooser, contexts, chooser.choose)
        elif len(contexts) <= AT_ONCE:
            decisions = await self._choose_few(chooser, contexts)
        else:
            decisions = await run_in_threadpool(self._choose, chooser, contexts, chooser.choose)
        return json_response(request, {"decisions": decisions})

    async def _choose_few(
        self, chooser: Chooser, contexts: list[dict[str, Any]]
    ) -> list[DecisionResponse] | None:
        """Choose arms; use probabilities that another request has computed meanwhile, if any."""
        decisions = self._choose(chooser, contexts, chooser.choose_at_once)
        if decisions is not None:
            return decisions
        async with self._computing[chooser.name]:
            decisions = self._choose(chooser, contexts, chooser.choose_at_once)
            if decisions is None:
                decisions = await run_in_threadpool(self._choose, chooser, contexts, chooser.choose)
        return decisions

    def _choose(
        self,
        chooser: Chooser,
        contexts: list[dict[str, Any]],
        choose: Callable[..., DecisionResponse | None],
    ) -> list[DecisionResponse] | None:
        """Return a decision for each context, or None if `choose` returns None."""
        board, belief = self._hub.board, chooser.belief.name

        def state_of(key: tuple[str, ...]) -> Any:
            # states are replaced, never changed, so shares are computed without the lock
            with board.lock:
                entry = board.entry(belief, write_key(key))
                return None if entry is None else entry.state

        decisions = []
        for i, context in enumerate(contexts, 1):
            try:
                decided = choose(context, state_of)
            except DecisionError as error:
                raise HttpError(422, f"context {i}: {error}") from None
            if decided is None:
                return None
            decisions.append(decided)
        return decisions

    async def reward(self, request: Request) -> Response:
        """Learn the reward of one decision, or of each decision of an array."""
        choosers = self._choosers()
        source = http_source(self._hub.provider.source)
        given = _decode(await body_of(request, source.longest), RewardBody)
        try:
            posted = post_rewards(choosers, given, source)
        except DecisionError as error:
            raise HttpError(422, str(error)) from None
        outcome, _ = await self._commits.commit(source, posted)
        refused = outcome.unused > 0 and outcome.accepted == 0
        return json_response(request, outcome, 422 if refused else 200)

    def _choosers(self) -> Mapping[str, Chooser]:
        found = self._hub.provider.choosers
        if not found:
            raise HttpError(409, "the configuration of this server has no choices")
        return found


@functools.cache
def _decoder(kind: Any, one: bool) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind if one else list[kind])


def _decode(body: bytes, kind: Any) -> list[Any]:
    """Return the objects of a body that is one object or an array of them."""
    one = not body.lstrip().startswith(b"[")
    try:
        found = _decoder(kind, one).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HttpError(422, explain(error)) from None
    objects = [found] if one else found
    if len(objects) > MAX_DECISIONS:
        raise HttpError(413, f"expected at most {MAX_DECISIONS:,} objects")
    return objects
