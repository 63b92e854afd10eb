"""Expressions over the fields of an event, parsed once into functions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from seqbayes.console.suggestions import did_you_mean
from seqbayes.events import operations
from seqbayes.events.operations import Evaluate
from seqbayes.events.tokens import Tokens

MAX_DEPTH = 50
"""Maximum nesting depth of parentheses and signs."""

_COMPARISONS = ("==", "!=", ">=", "<=", ">", "<", "=")
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}
_WORDS = ("and", "or", "not", "in", *_LITERALS)

_CALL = re.compile(r"\s*[a-z]\w*\(")
_OPERATION = re.compile(r"\s(?:[-+*/~<>]|[=!<>]=|=|and|or|in)\s|^\s*[(`]|^\s*not\s")


class Expression:
    """An expression over the fields of an event.

    Parameters
    ----------
    text
        The expression. Fields are denoted by name, in backticks if the name contains characters
        other than letters, digits and ``_``.

    Attributes
    ----------
    names : tuple of str
        The fields that the expression reads.

    Raises
    ------
    PriorError
        If the expression is invalid; the message contains the column.

    Notes
    -----
    A value that is missing makes the result missing, as in SQL: comparisons with it are neither
    true nor false, except ``= null`` and ``!= null``. A value that cannot be used, such as a
    string in a sum, makes the result invalid.

    Examples
    --------
    >>> rate = Expression("bytes / seconds")
    >>> rate.names, rate.evaluate((10, 4), False)
    (('bytes', 'seconds'), 2.5)
    >>> Expression("status in [200, 204] and path ~ '^/api'").evaluate((200, "/api/x"), False)
    True
    >>> Expression("lgo(x)")
    Traceback (most recent call last):
    seqbayes.errors.PriorError: unknown function at column 1, got 'lgo' in "lgo(x)": did you mean
    'log'?
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parser = _ExpressionParser(text)
        self._node = parser.parse()
        self.names = tuple(parser.names)

    def evaluate(self, values: Sequence[Any], text: bool) -> Any:
        """Return the value of the expression.

        Parameters
        ----------
        values
            The values of the fields in `names`.
        text
            Whether strings are cells, which may contain numbers.

        Returns
        -------
        object
            A number, a string, a boolean, the marker of a missing value, or an `InvalidValue`.
        """
        return self._node(values, text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def is_expression(name: str) -> bool:
    """Whether a field name is an expression.

    A name is an expression if it begins with a call, or contains an operator between spaces
    outside of parentheses.

    Examples
    --------
    >>> is_expression("bytes / seconds"), is_expression("log(x)"), is_expression("not ok")
    (True, True, True)
    >>> is_expression("sepal-length"), is_expression("speed (km / h)"), is_expression("a b")
    (False, False, False)
    """
    outside = re.sub(r"\([^()]*\)", "()", name)
    return _CALL.match(name) is not None or _OPERATION.search(outside) is not None


class _ExpressionParser:
    """Parses by recursive descent; each method returns a function for the part it has read."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self.names: dict[str, int] = {}
        self._depth = 0

    def parse(self) -> Evaluate:
        found = self._either()
        self._tokens.end("expected an operator or the end")
        return found

    def _either(self) -> Evaluate:
        found = self._both()
        while self._tokens.take("or"):
            found = operations.either(found, self._both())
        return found

    def _both(self) -> Evaluate:
        found = self._negation()
        while self._tokens.take("and"):
            found = operations.both(found, self._negation())
        return found

    def _negation(self) -> Evaluate:
        if self._tokens.take("not"):
            return self._nested(lambda: operations.negation(self._negation()))
        return self._comparison()

    def _nested(self, read: Callable[[], Evaluate]) -> Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._tokens.refuse(f"expected at most {MAX_DEPTH} nested parentheses")
        found = read()
        self._depth -= 1
        return found

    def _comparison(self) -> Evaluate:
        tokens, found = self._tokens, self._sum()
        if (op := tokens.take_one_of(*_COMPARISONS)) is not None:
            if op in ("=", "==", "!=") and tokens.take("null"):
                return operations.absence(found, op == "!=")
            return operations.comparison(op, found, self._sum())
        if tokens.take("~"):
            return operations.match(found, self._pattern())
        if tokens.take("in"):
            return operations.membership(found, self._list())
        if tokens.take("not", "in"):
            return operations.negation(operations.membership(found, self._list()))
        return found

    def _pattern(self) -> re.Pattern[str]:
        token = self._tokens.current
        if token.kind != "text":
            self._tokens.refuse("expected a regular expression in quotation marks")
        try:
            found = re.compile(token.text[1:-1])
        except (re.error, OverflowError, RecursionError) as error:
            self._tokens.refuse(f"expected a regular expression ({error})")
        self._tokens.next()
        return found

    def _list(self) -> list[Any]:
        self._tokens.expect("[")
        found = [self._literal()]
        while self._tokens.take(","):
            found.append(self._literal())
        self._tokens.expect("]")
        return found

    def _literal(self) -> Any:
        token = self._tokens.current
        if token.kind == "text":
            return self._tokens.next().text[1:-1]
        if token.kind == "name" and token.text in _LITERALS:
            return _LITERALS[self._tokens.next().text]
        return self._number()

    def _number(self) -> float:
        value = self._tokens.number("expected a number, or a string in quotation marks")
        return int(value) if value.is_integer() and abs(value) < 2.0**53 else value

    def _sum(self) -> Evaluate:
        found = self._product()
        while (op := self._tokens.take_one_of("+", "-")) is not None:
            found = operations.arithmetic(op, found, self._product())
        return found

    def _product(self) -> Evaluate:
        found = self._factor()
        while (op := self._tokens.take_one_of("*", "/")) is not None:
            found = operations.arithmetic(op, found, self._factor())
        return found

    def _factor(self) -> Evaluate:
        if self._tokens.take("-"):
            zero = operations.constant(0)
            return self._nested(lambda: operations.arithmetic("-", zero, self._factor()))
        return self._atom()

    def _atom(self) -> Evaluate:
        tokens, token = self._tokens, self._tokens.current
        if tokens.take("("):
            found = self._nested(self._either)
            tokens.expect(")")
            return found
        if token.kind == "number":
            return operations.constant(self._number())
        if token.kind == "text" or (token.kind == "name" and token.text in _LITERALS):
            return operations.constant(self._literal())
        if token.kind == "quoted":
            return self._field(tokens.next().text[1:-1])
        if token.kind != "name" or token.text in _WORDS:
            tokens.refuse("expected a field, a value or a function")
        tokens.next()
        if tokens.take("("):
            return self._call(token.text, token)
        return self._field(token.text)

    def _field(self, name: str) -> Evaluate:
        return operations.field(self.names.setdefault(name, len(self.names)))

    def _call(self, name: str, token: Any) -> Evaluate:
        tokens = self._tokens
        known = operations.FUNCTIONS
        if name == "bucket":
            return self._bucket()
        if name not in known:
            names = ["bucket", *known]
            hint = did_you_mean(name, names) or f"; the functions are {', '.join(names)}"
            tokens.refuse("unknown function", token, hint)
        fewest, most, function = known[name]
        given = [self._nested(self._either)]
        while tokens.take(","):
            given.append(self._nested(self._either))
        tokens.expect(")")
        if not fewest <= len(given) <= most:
            count = "one argument" if most == 1 else f"{fewest} arguments or more"
            tokens.refuse(f"expected {count}", token)
        return operations.call(name, function, given)

    def _bucket(self) -> Evaluate:
        tokens = self._tokens
        found = self._nested(self._either)
        tokens.expect(",")
        start = tokens.current
        if start.text == "[":
            edges = self._list()
            numbers = all(isinstance(each, (int, float)) for each in edges)
            if not numbers or any(a >= b for a, b in itertools.pairwise(edges)):
                tokens.refuse("expected numbers in ascending order", start)
            tokens.expect(")")
            return operations.labelled_bucket(found, edges)
        width = self._number()
        if not width > 0.0:
            tokens.refuse("expected a width above 0", start)
        tokens.expect(")")
        return operations.bucket(found, width)
