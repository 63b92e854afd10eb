"""Numbers and strings for display."""

from __future__ import annotations

import math


def signed(number: float, digits: int = 3) -> str:
    """Format a number with a minus or plus sign; zero has no sign.

    Examples
    --------
    >>> signed(-10.9381), signed(6.1692), signed(0.0001)
    ('−10.938', '+6.169', '0.000')
    """
    text = f"{number:+,.{digits}f}"
    if not text.strip("+-0.,"):
        return text[1:]
    return text.replace("-", "−")


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share as a percentage, without the percent sign; None becomes a dash.

    Examples
    --------
    >>> percent(0.2076), percent(None)
    ('20.8', '–')
    """
    return "–" if share is None else f"{100.0 * share:.{digits}f}"


def probability(p: float, digits: int = 1) -> str:
    """Format a probability as a percentage that is never rounded to 0 or 100.

    Examples
    --------
    >>> probability(0.9979), probability(0.999999), probability(0.0), probability(3.7e-08)
    ('99.8 %', '> 99.9 %', '0 %', '< 0.1 %')
    >>> probability(0.9979, digits=0)
    '> 99 %'
    """
    if p in (0.0, 1.0):
        return f"{100 * p:.0f} %"
    least = 10.0**-digits
    if 100.0 * p < least:
        return f"< {least:.{digits}f} %"
    if 100.0 * (1.0 - p) < least:
        return f"> {100.0 - least:.{digits}f} %"
    return f"{100.0 * p:.{digits}f} %"


def density(number: float) -> str:
    """Format a positive number with three digits, in at most seven characters.

    Examples
    --------
    >>> density(2.0514), density(33.8), density(0.2), density(1.2e-11), density(12345.0)
    ('2.05', '33.8', '0.200', '1.2e-11', '1.2e+04')
    """
    if number == 0.0:
        return "0"
    if 1e-3 <= number < 999.5:
        return f"{number:#.3g}".rstrip(".")
    return f"{number:.0f}" if 1.0 < number < 1e4 else f"{number:.1e}"


def times(log_factor: float) -> str:
    """Format a Bayes factor of at least 1, given its logarithm.

    Examples
    --------
    >>> times(6.169), times(0.3), times(60.1)
    ('478', '1.3', '1.3e+26')
    """
    if log_factor > math.log(1e6):
        return f"{math.exp(log_factor):.1e}" if log_factor < 700.0 else f"e^{log_factor:.0f}"
    factor = math.exp(log_factor)
    return f"{factor:,.0f}" if factor >= 10.0 else f"{factor:.1f}"


def shorten(text: str, length: int = 60) -> str:
    """Truncate a string."""
    return text if len(text) <= length else f"{text[:length]}…"


def printable(text: str, length: int = 60) -> str:
    r"""Truncate a string and escape its control characters.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    text = shorten(text, length)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def encodable(text: str) -> str:
    r"""Return a string with lone surrogates escaped, so that it can be encoded in UTF-8.

    File names and arguments contain lone surrogates in place of bytes that are not UTF-8.

    Examples
    --------
    >>> print(encodable("gr\udcf6sse.jsonl"))
    gr\udcf6sse.jsonl
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless the count is 1.

    Examples
    --------
    >>> count_of(1, "event"), count_of(2500, "event")
    ('1 event', '2,500 events')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def weight_of_data(n: float) -> str:
    """Return a weight of data, with two decimals unless it is a whole number.

    Examples
    --------
    >>> weight_of_data(1234.0), weight_of_data(11.9909278561)
    ('1,234', '11.99')
    """
    return f"{n:,.{0 if n % 1 == 0 else 2}f}"
