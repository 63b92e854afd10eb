"""Values of fields: parsed from text, and converted to the kind that a belief reads."""

from __future__ import annotations

import contextlib
import datetime
import math
import numbers
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from seqbayes.console.text import printable, shorten
from seqbayes.errors import ObservationError

LONE_SURROGATE = "a string with a lone surrogate, half of a character"

MAX_INTEGER_BITS = 4096
"""Maximum number of bits of an integer; Python converts at most 4,300 digits to a string."""


class InvalidValue:
    """Placeholder for a value that cannot be used, with the reason."""

    __slots__ = ("reason",)
    __hash__ = None  # type: ignore[assignment]  # so that it cannot be a label

    def __init__(self, reason: str) -> None:
        self.reason = reason


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_number(cell: str) -> float | None:
    """Parse a cell as a number; a blank cell is None.

    Raises
    ------
    ObservationError
        If the cell is not a number, or exceeds the range of a double. Underscores and digits other
        than 0 to 9 are rejected.

    Examples
    --------
    >>> parse_number(" 2.5e3 ")
    2500.0
    >>> parse_number("12abc")
    Traceback (most recent call last):
    seqbayes.errors.ObservationError: expected a number, got '12abc'
    """
    number = None
    if "_" not in cell and cell.isascii():
        with contextlib.suppress(ValueError):
            number = float(cell)
    if number is None:
        _check_blank(cell, "a number")
    elif math.isinf(number) and any(map(str.isdigit, cell)):
        raise ObservationError(too_large(cell))
    return number


def too_large(number: str) -> str:
    """Return the reason why a number outside the range of a double is rejected."""
    return f"the number {shorten(number)} is too large: expected at most 1.8e308"


def parse_boolean(cell: str) -> bool | None:
    """Parse a cell that holds true, false, yes, no, 1 or 0; a blank cell is None."""
    found = _BOOLEANS.get(cell)
    if found is None:
        found = _BOOLEANS.get(cell.strip().lower())
    if found is None:
        _check_blank(cell, "true, false, yes, no, 1 or 0")
    return found


def parse_text(cell: str) -> str | None:
    """Return a cell unchanged; a blank cell is None."""
    return cell if cell and not cell.isspace() else None


def _check_blank(cell: str, expected: str) -> None:
    if cell and not cell.isspace():
        raise ObservationError(f"expected {expected}, got {shorten(cell)!r}")


def format_value(value: Any, to_string: Callable[[Any], str] = repr) -> str:
    """Format a value for a message."""
    try:
        return to_string(value)
    except ValueError:  # the value is an integer of thousands of digits
        return f"<{type(value).__name__}>"


def coerce(value: Any, kind: str, text: bool = False) -> Any:
    """Convert a value to its kind; return an `InvalidValue` if that is impossible.

    Parameters
    ----------
    value
        A value from a decoded record.
    kind
        "number", "boolean", "text", "time", "pair", "counts", or "any"; for an estimator,
        "feature", which is a number if a cell can be parsed as one, or "label", which remains a
        string.
    text
        Whether a string is a cell that must be parsed.

    Examples
    --------
    >>> coerce(3, "text"), coerce("0.5", "number", text=True)
    ('3', 0.5)
    >>> coerce("0.5", "feature", text=True), coerce("0.5", "label", text=True)
    (0.5, '0.5')
    >>> coerce("0.5", "number").reason
    "expected a number, got the string '0.5': remove its quotation marks"
    """
    if value is None or value is UNSET:
        return value
    try:
        return _COERCE[kind](value, text)
    except ObservationError as error:
        return InvalidValue(str(error))


def _number(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_number(value)
    if isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool):
        if isinstance(value, int) and value.bit_length() > 1024:
            raise ObservationError(too_large(format_value(value)))
        return value
    raise _quoted(value) or _invalid_value("a number", value)


def _quoted(value: Any) -> ObservationError | None:
    """Return the error for a number within quotation marks."""
    try:
        number = parse_number(value) if isinstance(value, str) else None
    except ObservationError:
        number = None
    if number is None:
        return None
    expected = f"expected a number, got the string {shorten(value)!r}"
    return ObservationError(f"{expected}: remove its quotation marks")


def _boolean(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_boolean(value)
    if isinstance(value, str):
        raise ObservationError(
            f"expected true, false, 1 or 0 without quotation marks, got the string"
            f" {printable(shorten(value))!r}"
        )
    return value if isinstance(value, bool) else _number(value, text)


def _text(value: Any, text: bool) -> Any:
    if isinstance(value, str):
        return parse_text(_storable(value)) if text else _storable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(float(value))
    if isinstance(value, datetime.datetime):
        return str(_in_utc(value))
    if isinstance(value, (numbers.Integral, Decimal, datetime.date)):
        return str(_storable(value))
    raise _invalid_value("a string", value)


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    """Return a time in UTC, unless it has no time zone: engines choose different zones."""
    if value.tzinfo is not None:
        with contextlib.suppress(OverflowError):  # in the first or the last year
            return value.astimezone(datetime.UTC)
    return value


def _time(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            if not text:
                raise _quoted(value) or _invalid_value("a time in RFC 3339", value) from None
    return _number(value, text)


def _pair(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return tuple(_number(each, False) for each in value)
    raise _invalid_value("two numbers", value)


def _counts(value: Any, text: bool) -> Any:
    if isinstance(value, Mapping):
        return {_text(label, False): _number(count, False) for label, count in value.items()}
    raise _invalid_value("an object of counts", value)


def _any(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)):
        for each in value:
            _any(each, text)
    return _storable(value)


def _storable(value: Any) -> Any:
    """Return a value unchanged, after a check that it can be converted to text.

    Raises
    ------
    ObservationError
        If `value` is an integer of thousands of digits, or a string with a lone surrogate.
    """
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ObservationError(f"{LONE_SURROGATE}: {value[:60]!a}") from None
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise ObservationError(f"expected a number below 2**{MAX_INTEGER_BITS}")
    return value


def _feature(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.date):
        return str(value)
    if not (text and isinstance(value, str)):
        return _any(value, text)
    try:
        return parse_number(value)
    except ObservationError:
        return _storable(value)


def _label(value: Any, text: bool) -> Any:
    if isinstance(value, (str, datetime.date)):
        return _text(value, text)
    return _any(value, text)


def _invalid_value(expected: str, value: Any) -> ObservationError:
    return ObservationError(f"expected {expected}, got {printable(format_value(value))}")


_COERCE: dict[str, Callable[[Any, bool], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "time": _time,
    "pair": _pair,
    "counts": _counts,
    "any": _any,
    "feature": _feature,
    "label": _label,
}


def seconds(value: Any, unit: float = 1.0) -> Any:
    """Convert a time to seconds since 1970; a time without a zone is in UTC.

    Parameters
    ----------
    value
        A number of time units, a `datetime`, or a marker of a missing time, which is returned
        unchanged.
    unit
        Length of one time unit, in seconds.

    Examples
    --------
    >>> seconds(datetime.datetime(2024, 1, 1)), seconds(1704067200000, 1e-3)
    (1704067200.0, 1704067200.0)
    """
    if type(value) is float and unit == 1.0:
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.UTC)
        return value.timestamp()
    if isinstance(value, (numbers.Real, Decimal)):
        try:
            return float(value) * unit
        except (OverflowError, ValueError):  # the value exceeds 1e308, or is a signalling NaN
            return InvalidValue(f"expected a time, got {printable(repr(value))}")
    return value


def parse_column(cells: list[str], kind: str) -> list[Any]:
    """Parse the cells of a column; an invalid cell becomes an `InvalidValue`.

    Examples
    --------
    >>> parse_column(["1", "2.5", " "], "number"), parse_column(["yes", "0"], "boolean")
    ([1.0, 2.5, None], [True, False])
    """
    if kind == "text":
        return [cell if cell and not cell.isspace() else None for cell in cells]
    if kind == "number":
        text = "".join(cells)
        if text.isascii() and "_" not in text:
            try:
                numbers_ = list(map(float, cells))
            except ValueError:
                pass
            else:
                if math.inf not in numbers_ and -math.inf not in numbers_:
                    return numbers_
    if kind == "boolean":
        known = list(map(_BOOLEANS.get, cells))
        if None not in known:
            return known
    return [coerce(cell, kind, text=True) for cell in cells]
