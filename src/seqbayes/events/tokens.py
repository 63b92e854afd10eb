"""Tokenizer for alert conditions and expressions in configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from seqbayes.errors import PriorError

MAX_LENGTH = 2000
"""Maximum number of characters of the input."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<quoted>`[^`]+`)
      | (?P<sign>>=|<=|==|!=|\*\*|[-+*/%()\[\],=<>~])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A token: its kind, its text and its position.

    Kinds are "number", "name", "text", "quoted" (a name in backticks), "sign" and "end".
    """

    kind: str
    text: str
    at: int


class Tokens:
    """The tokens of a string, read in order.

    Parameters
    ----------
    text
        The text.

    Raises
    ------
    PriorError
        If `text` contains an invalid character, or is too long.

    Examples
    --------
    >>> tokens = Tokens("P(mean > 2)")
    >>> tokens.take("P"), tokens.take("("), tokens.next().text
    (True, True, 'mean')
    >>> tokens.expect("<")
    Traceback (most recent call last):
    seqbayes.errors.PriorError: expected '<' at column 8, got '>' in "P(mean > 2)"
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise PriorError(f"expected at most {MAX_LENGTH} characters, got {len(text)}")
        self._tokens = list(self._split())
        self._place = 0

    def _split(self) -> Iterator[Token]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                self._refuse("expected a name, a number or an operator", self.text[at], at)
            kind = str(found.lastgroup)
            yield Token(kind, found[kind], found.start(kind))
            at = found.end()
        yield Token("end", "", end)

    @property
    def current(self) -> Token:
        """The next token to read."""
        return self._tokens[self._place]

    def next(self) -> Token:
        """Read a token."""
        token = self.current
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def take(self, *texts: str) -> bool:
        """Read these names or symbols if they are next; return whether they were."""
        found = self._tokens[self._place : self._place + len(texts)]
        if [each.text for each in found if each.kind in ("name", "sign")] != list(texts):
            return False
        self._place += len(texts)
        return True

    def take_one_of(self, *texts: str) -> str | None:
        """Read and return the next token if it is one of these names or signs, otherwise None."""
        return next((text for text in texts if self.take(text)), None)

    def expect(self, text: str) -> None:
        """Read this name or sign.

        Raises
        ------
        PriorError
            If the next token is different.
        """
        if not self.take(text):
            self.refuse(f"expected {text!r}")

    def refuse(self, expected: str, token: Token | None = None, hint: str = "") -> NoReturn:
        """Raise the error for a token, by default the next token.

        Parameters
        ----------
        expected
            Description of the expected token.
        token
            The token.
        hint
            The end of the message, such as a suggestion.
        """
        token = self.current if token is None else token
        if token.kind == "end":
            raise PriorError(f'{expected} at its end, after "{self.text}"{hint}')
        self._refuse(expected, token.text, token.at, hint)

    def _refuse(self, expected: str, got: str, at: int, hint: str = "") -> NoReturn:
        raise PriorError(f'{expected} at column {at + 1}, got {got!r} in "{self.text}"{hint}')

    def end(self, expected: str) -> None:
        """Check that all tokens have been read.

        Raises
        ------
        PriorError
            If any tokens are left.
        """
        if self.current.kind != "end":
            self.refuse(expected)

    def number(self, expected: str = "expected a number") -> float:
        """Read a number with an optional sign; a following ``%`` divides it by 100.

        Raises
        ------
        PriorError
            If the next token is not a number, or the number is too large.
        """
        sign = -1.0 if self.take_one_of("-", "+") == "-" else 1.0
        token = self.current
        if token.kind != "number":
            self.refuse(expected)
        value = float(self.next().text)
        if value == float("inf"):
            self.refuse("expected a number up to 1.8e308", token)
        return sign * (value / 100.0 if self.take("%") else value)
