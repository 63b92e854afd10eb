"""Decision ids, which contain the decision itself."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.sources.posted import REWARD

_DIGEST = 12
"""Length of a digest in bytes."""


class DecisionError(SeqbayesError):
    """A decision id, a context or a reward is invalid."""


class IssuedDecision(msgspec.Struct, array_like=True):
    """The contents of a decision id: choice, arm, propensity, context and time."""

    choice: str
    arm: str
    propensity: float
    context: dict[str, Any]
    issued: int
    nonce: str

    @property
    def identity(self) -> str:
        """The event id of this decision's reward; it starts with the time of the decision."""
        return f"{REWARD}{self.issued:013d}-{self.nonce}"


class DecisionIds:
    """The decision ids of a choice: each contains the decision and a keyed digest (HMAC-SHA-256).

    Decisions need not be stored, and cannot be lost or changed.

    Parameters
    ----------
    choice
        Name of the choice.
    secret
        The key of the digests.

    Examples
    --------
    >>> ids = DecisionIds("layout", "secret")
    >>> decision = ids.decode(ids.encode("red", 0.25, {"country": "de"}, 1_714_521_600_000))
    >>> decision.arm, decision.propensity, decision.context
    ('red', 0.25, {'country': 'de'})
    """

    def __init__(self, choice: str, secret: str) -> None:
        self._choice, self._key = choice, secret.encode()
        self._named = msgspec.json.encode(choice)

    def encode(self, arm: str, propensity: float, context: Mapping[str, Any], issued: int) -> str:
        """Return the id of a new decision, issued at a given number of milliseconds since 1970."""
        nonce = secrets.token_urlsafe(12)
        body = msgspec.json.encode(
            IssuedDecision(self._choice, arm, propensity, dict(context), issued, nonce)
        )
        text = base64.urlsafe_b64encode(self._digest(body) + body).rstrip(b"=").decode()
        return f"d{text}"  # on the command line, a leading "-" would make it an option

    def decode(self, text: str) -> IssuedDecision:
        """Return the decision of an id.

        Raises
        ------
        DecisionError
            If the id was not issued by this choice, or was changed.
        """
        try:
            coded = text.removeprefix("d").encode("ascii")
            raw = base64.urlsafe_b64decode(coded + b"=" * (-len(coded) % 4))
            digest, body = raw[:_DIGEST], raw[_DIGEST:]
            if not hmac.compare_digest(digest, self._digest(body)):
                raise ValueError
            return msgspec.json.decode(body, type=IssuedDecision)
        except (ValueError, msgspec.MsgspecError):
            raise DecisionError(
                f"this is not a decision of choice {self._choice!r}, or it was changed:"
                f" {text[:100]!r}"
            ) from None

    def _digest(self, body: bytes) -> bytes:
        return hmac.digest(self._key, self._named + body, "sha256")[:_DIGEST]
