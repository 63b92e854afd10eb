"""Units in metric names, as recommended by Prometheus: unabbreviated plural base units."""

from __future__ import annotations

import re
from typing import NamedTuple

_PREFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "K": 1e3,
    "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
    "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "kilo": 1e3, "mega": 1e6,
    "giga": 1e9, "tera": 1e12,
}  # fmt: skip

_BASES = {
    "seconds": ("s", "second", "seconds", "sec", "secs"),
    "bytes": ("B", "byte", "bytes"),
    "meters": ("m", "meter", "meters", "metre", "metres"),
    "grams": ("g", "gram", "grams"),
    "volts": ("V", "volt", "volts"),
    "amperes": ("A", "ampere", "amperes"),
    "joules": ("J", "joule", "joules"),
    "watts": ("W", "watt", "watts"),
}


class Unit(NamedTuple):
    """The name of a unit in a metric, and the conversion factor from the configured unit."""

    name: str
    factor: float


_KNOWN = {
    **{
        prefix + spelling: Unit(base, factor)
        for base, spellings in _BASES.items()
        for prefix, factor in _PREFIXES.items()
        for spelling in spellings
    },
    **dict.fromkeys(("min", "mins", "minute", "minutes"), Unit("seconds", 60.0)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), Unit("seconds", 3600.0)),
    **dict.fromkeys(("d", "day", "days"), Unit("seconds", 86400.0)),
    **dict.fromkeys(("week", "weeks"), Unit("seconds", 604800.0)),
    **dict.fromkeys(("kb", "Kb"), Unit("bytes", 1e3)),
    **dict.fromkeys(("mb", "Mb"), Unit("bytes", 1e6)),
    **dict.fromkeys(("gb", "Gb"), Unit("bytes", 1e9)),
    **dict.fromkeys(("%", "percent"), Unit("ratio", 0.01)),
    **dict.fromkeys(("°C", "C"), Unit("celsius", 1.0)),
    "€": Unit("eur", 1.0),
    "$": Unit("usd", 1.0),
    "£": Unit("gbp", 1.0),
}

_RESERVED = ("count", "sum", "total", "bucket", "info", "low", "high")
"""Suffixes with a special meaning in names of metrics."""


def unit_of(text: str) -> Unit:
    """Return the unit of a belief for its metrics' names; its name is empty if there is no unit.

    Examples
    --------
    >>> unit_of("ms"), unit_of("EUR"), unit_of("")
    (Unit(name='seconds', factor=0.001), Unit(name='eur', factor=1.0), Unit(name='', factor=1.0))
    >>> unit_of("km/h").name, round(unit_of("km/h").factor, 6)
    ('meters_per_second', 0.277778)
    """
    (name, factor), *below = (_part(each) for each in re.split(r"/|\bper\b|_per_", text))
    if name in _RESERVED:
        name += "s"
    for each in below:
        known = each.name in _BASES
        name = f"{name}_per_{each.name[:-1] if known else each.name}".lstrip("_")
        factor /= each.factor
    return Unit(name, factor)


def _part(text: str) -> Unit:
    text = text.strip()
    plain = "" if text == "1" else re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return _KNOWN.get(text) or _KNOWN.get(text.lower()) or Unit(plain, 1.0)
