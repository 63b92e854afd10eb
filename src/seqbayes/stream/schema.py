"""Validation of configuration tables; every error is reported, not only the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import SeqbayesError

T = TypeVar("T")


class ConfigError(SeqbayesError):
    """A configuration is invalid; `errors` lists all errors with their key paths.

    Examples
    --------
    >>> print(ConfigError("a.toml", ["belief.x.field: required, but missing"]))
    a.toml has an error:
      belief.x.field: required, but missing
    """

    def __init__(self, name: str, errors: list[str]) -> None:
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        super().__init__("\n  ".join([f"{name} has {count}:", *errors]))
        self.errors = errors


class ErrorList:
    """Collects the errors of a configuration while it is read.

    Parameters
    ----------
    top
        The top-level keys. In a file, a top-level key that follows the header of a table belongs to
        this table by mistake.
    """

    def __init__(self, top: Collection[str] = ()) -> None:
        self.found: list[str] = []
        self._top = top

    def add(self, path: str, text: object) -> None:
        """Add an error at the path of a key."""
        self.found.append(f"{path}: {text}" if path else str(text))

    def convert(self, path: str, value: Any, kind: Any, otherwise: Any) -> Any:
        """Convert a value to a type; if that fails, add an error and return `otherwise`."""
        choices = _choices(kind)
        if choices and value not in choices:
            known = " or ".join(map(repr, choices))
            self.add(path, f"expected {known}, got {value!r}{did_you_mean(value, choices)}")
            return otherwise
        tables = [each for each in (kind, *get_args(kind)) if get_origin(each) is dict]
        if tables and isinstance(value, Mapping):
            return self._convert_each(path, value, get_args(tables[0])[1])
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            text, _, place = str(error).partition(" - at `$")
            where = f"{path}{place.removesuffix('`')}" if place else path
            self.add(where, _in_words(f"{text[:1].lower()}{text[1:]}"))
            return otherwise

    def _convert_each(self, path: str, values: Mapping[str, Any], kind: Any) -> dict[str, Any]:
        """Convert the values of a table to one type; omit invalid values and add their errors."""
        found = {
            name: self.convert(join(path, name), value, kind, _WRONG)
            for name, value in values.items()
        }
        return {name: value for name, value in found.items() if value is not _WRONG}

    def within(self, path: str) -> bool:
        """Whether there is an error at or below the path of a key."""
        return any(each.startswith((f"{path}: ", f"{path}.")) for each in self.found)

    def catch(self, path: str, make: Callable[[], T]) -> T | None:
        """Return the result of a function; if it fails, add its error and return None."""
        try:
            return make()
        except (SeqbayesError, TypeError, ValueError) as error:
            self.add(path, error)
            return None

    def unknown(self, path: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Add an error for every unknown key, with a suggestion."""
        known = list(known)
        for key in given:
            if key not in known:
                hint = did_you_mean(key, known) or f"; expected one of {', '.join(known)}"
                if path and key in self._top:
                    hint = f" of a [{path}]; put the top-level key before the first table"
                self.add(join(path, key), f"unknown key{hint}")

    def read(self, path: str, table: Any, kind: type[T]) -> T | None:
        """Convert a table to a struct, and add its errors.

        An invalid value is replaced with its default, so that the other values are checked, too.
        The result is None if a required value is missing.
        """
        if not isinstance(table, Mapping):
            self.add(path, f"expected a table, got {table!r}")
            return None
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
        self.unknown(path, table, fields)
        values = {}
        whole = True
        for name, field in fields.items():
            if name in table:
                found = self.convert(join(path, name), table[name], field.type, _WRONG)
                if found is not _WRONG:
                    values[field.name] = found
                else:
                    whole &= not field.required
            elif field.required:
                self.add(join(path, name), "required, but missing")
                whole = False
        return kind(**values) if whole else None


_WRONG: Any = object()

_WORDS = {
    "object": "a table",
    "array": "a list",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}


def _choices(kind: Any) -> tuple[Any, ...]:
    """Return the values that a type allows if it is a Literal or an optional Literal."""
    kinds = [each for each in (kind, *get_args(kind)) if get_origin(each) is Literal]
    return get_args(kinds[0]) if kinds else ()


def _in_words(text: str) -> str:
    """Replace the names of JSON types in a message with plain words.

    Examples
    --------
    >>> _in_words("expected `str | array | null`, got `int`")
    'expected a string or a list, got a whole number'
    """

    def replacement(match: re.Match[str]) -> str:
        kinds = [kind for kind in match[1].split(" | ") if kind != "null"]
        return " or ".join(_WORDS.get(kind, kind) for kind in kinds)

    return re.sub("`([a-z |]+)`", replacement, text)


def join(path: str, key: str) -> str:
    """Return the path of a key within a table.

    Examples
    --------
    >>> join("belief", "a b"), join("", "store")
    ('belief."a b"', 'store')
    """
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    shown = key if bare else msgspec.json.encode(key).decode()
    return f"{path}.{shown}" if path else shown
