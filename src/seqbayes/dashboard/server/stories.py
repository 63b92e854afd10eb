"""The stories of ``seqbayes replay``, as steps for a page."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.hub import frame
from seqbayes.dashboard.server.access import client_of
from seqbayes.dashboard.server.responses import HttpError, body_of, integer_parameter, json_response
from seqbayes.dashboard.server.streams import EventStream
from seqbayes.datasets import factory_mixes
from seqbayes.errors import SeqbayesError
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.coins.endless import EndlessCoins
from seqbayes.replay.mms import CandyStory, Prior
from seqbayes.replay.mms.bag import read_bag
from seqbayes.replay.player import encode
from seqbayes.replay.story import Story

MAX_STORIES = 16
"""Maximum number of cached stories; the least recently used are recomputed on request."""

MAX_STEPS = 500

MAX_BAG = 3000
"""Maximum number of candies in the reader's bag, which is part of the story's id."""

MAX_ENDLESS = 20
"""Maximum number of concurrent endless streams."""

MAX_CLIENT_ENDLESS = 5
"""Maximum number of concurrent endless streams of one client."""

MAX_SKIPPED = 100_000
"""Maximum number of sets of the endless stream that a client may skip."""

PACE = 0.05
"""Minimum number of seconds between two sets of the endless stream."""


class CandyOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Options of the story of the candies."""

    seed: int = 1
    bags: int | None = None
    prior: str | dict[str, float] = "park"
    strength: float | None = None
    bag: str | None = None


class CoinOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Options of the story of the coins."""

    iterations: int = 10
    start: tuple[float, float] = (0.6, 0.5)
    prior: str = "flat"
    learn_weights: bool = False
    seed: int = 1


class StoryBuffer:
    """The steps of a story that have been requested so far, as JSON."""

    def __init__(self, story: Story[Any]) -> None:
        self._story = story
        self._steps = iter(story)
        self._encoded: list[str] = []
        self._lock = threading.Lock()
        self.opening = story.opening_event()
        self.total = story.total

    def steps(self, first: int, count: int) -> bytes:
        """Return steps, numbered from 0, as JSON."""
        with self._lock:
            while len(self._encoded) < first + count:
                step = next(self._steps, None)
                if step is None:
                    break
                self._encoded.append(encode(self._story.step_event(step)))
            steps = self._encoded[first : first + count]
        return f'{{"steps": [{", ".join(steps)}], "total": {self.total}}}'.encode()


class Stories:
    """The handlers of ``/api/replay/``."""

    def __init__(self) -> None:
        self._buffers: OrderedDict[str, StoryBuffer] = OrderedDict()
        self._lock = threading.Lock()
        self._endless: Counter[str] = Counter()
        self.closing = asyncio.Event()

    async def begin(self, request: Request) -> Response:
        """Start a story."""
        name = request.path_params["story"]
        kind = {"mms": CandyOptions, "coins": CoinOptions}.get(name)
        if kind is None:
            raise HttpError(404, "expected /api/replay/mms or /api/replay/coins")
        body = await body_of(request, 1 << 16) or b"{}"
        try:
            options: Any = msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise HttpError(422, str(error)) from None
        identity = f"{name}-{msgspec.json.encode(options, order='deterministic').hex()}"
        story = await run_in_threadpool(self._find, identity)
        mixes = {"mixes": _mixes()} if name == "mms" else {}
        return json_response(request, {"id": identity, **story.opening, **mixes})

    def _find(self, identity: str) -> StoryBuffer:
        with self._lock:
            found = self._buffers.get(identity)
        if found is None:
            found = _make_story(identity)
        with self._lock:
            found = self._buffers.setdefault(identity, found)
            self._buffers.move_to_end(identity)
            while len(self._buffers) > MAX_STORIES:
                self._buffers.popitem(last=False)
        return found

    async def steps(self, request: Request) -> Response:
        """Return steps of a story."""
        first = integer_parameter(request, "from", 0, 0, 10**6)
        count = integer_parameter(request, "count", 100, 0, MAX_STEPS)
        story = await run_in_threadpool(self._find, request.path_params["id"])
        return json_response(request, await run_in_threadpool(story.steps, first, count))

    async def stream(self, request: Request) -> Response:
        """Stream coin sets indefinitely, with online EM; skip the first `after` sets."""
        after = integer_parameter(request, "after", 0, 0, MAX_SKIPPED)
        options = _options(request.path_params["id"])
        if not isinstance(options, CoinOptions):
            raise HttpError(404, "only the coins replay has an endless stream")
        client = client_of(request.scope)
        if self._endless[client] >= MAX_CLIENT_ENDLESS or self._endless.total() >= MAX_ENDLESS:
            raise HttpError(503, "too many endless streams are open", {"retry-after": "5"})
        try:
            endless = EndlessCoins(
                options.start, options.prior, options.learn_weights, options.seed
            )
        except SeqbayesError as error:
            raise HttpError(422, str(error)) from None
        self._endless[client] += 1
        return EventStream(self._sets(endless, after), partial(self._ended, client))

    def _ended(self, client: str) -> None:
        self._endless[client] -= 1
        self._endless += Counter()  # adding an empty Counter removes clients whose count is zero

    async def _sets(self, endless: EndlessCoins, after: int) -> AsyncIterator[bytes]:
        sets = iter(endless)
        await run_in_threadpool(lambda: deque(islice(sets, after), maxlen=0))
        for tossed in sets:
            yield frame("replay", tossed, str(tossed["number"]))
            await asyncio.sleep(PACE)
            if self.closing.is_set():
                return


def _mixes() -> dict[str, Any]:
    """Return the published mixes of the factories."""
    return {
        mix.name: {"title": mix.title, "shares": dict(mix.shares)}
        for mix in factory_mixes().values()
    }


def _options(identity: str) -> CandyOptions | CoinOptions:
    """Return the options that an id encodes."""
    name, _, text = identity.partition("-")
    kind: Any = {"mms": CandyOptions, "coins": CoinOptions}.get(name)
    try:
        if kind is None or len(text) > 1 << 17:
            raise ValueError
        options: CandyOptions | CoinOptions = msgspec.json.decode(bytes.fromhex(text), type=kind)
    except (msgspec.MsgspecError, ValueError):
        raise HttpError(404, "unknown replay: create one with a POST request") from None
    return options


def _make_story(identity: str) -> StoryBuffer:
    options = _options(identity)
    try:
        if isinstance(options, CandyOptions):
            return _candies(options)
        return _coins(options)
    except SeqbayesError as error:
        raise HttpError(422, str(error)) from None


def _candies(options: CandyOptions) -> StoryBuffer:
    if not 0 <= options.seed < 1 << 63:
        raise HttpError(422, f"expected a seed >= 0, got {options.seed}")
    prior = _prior(options.prior, options.strength)
    bag = None if options.bag is None else read_bag(options.bag)
    if bag is not None and len(bag) > MAX_BAG:
        raise HttpError(422, f"expected a bag of up to {MAX_BAG} candies, got {len(bag)}")
    return StoryBuffer(CandyStory(prior, options.seed, options.bags, bag))


def _prior(given: str | Mapping[str, float], strength: float | None) -> Prior:
    if isinstance(given, str):
        return Prior.parse({"walk": "park"}.get(given, given), strength)
    return Prior.from_proportions(given, *(() if strength is None else (strength,)))


def _coins(options: CoinOptions) -> StoryBuffer:
    if not 1 <= options.iterations <= 1000:
        raise HttpError(422, f"expected 1 to 1000 iterations, got {options.iterations}")
    return StoryBuffer(
        CoinStory(options.iterations, options.start, options.prior, options.learn_weights)
    )
