"""Register and find prior families and their likelihoods.

The built-in classes are registered with the same function that other packages use. An installed
package declares the module that registers its classes as an entry point in the group
`seqbayes.plugins`. These plug-ins are imported when a name is unknown, and when `families` is
called.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar, overload

from seqbayes.errors import PriorError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.statistics import Learner

GROUP = "seqbayes.plugins"
"""The entry-point group for packages that register families or likelihoods."""

_BUILT_IN = "seqbayes.families"

_Class = TypeVar("_Class", bound=type)

_families: dict[str, Any] = {}
_likelihoods: dict[str, type[Likelihood]] = {}
_plugins_loaded = False


@overload
def register(cls: _Class, /, *, under: Any = None) -> _Class: ...


@overload
def register(cls: None = None, /, *, under: Any = None) -> Callable[[_Class], _Class]: ...


def register(cls: Any = None, /, *, under: Any = None) -> Any:
    """Register a prior family, or a likelihood under the families that are its conjugate priors.

    This function can be used as a decorator or called directly. A registered class can be read from
    JSON, and can be named in options and configuration files.

    Parameters
    ----------
    cls
        A subclass of `State`, with at least one likelihood in `likelihoods`, or a subclass of
        `Likelihood`.
    under
        The family or families of a likelihood; None if `cls` is a family.

    Returns
    -------
    the class, or a decorator if no class is given

    Raises
    ------
    PriorError
        If another class has the same name, or the class is neither a family nor a likelihood.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from seqbayes import Beta, register
    >>> from seqbayes.likelihoods import Bernoulli
    >>> @register(under=Beta)
    ... @dataclass(frozen=True, slots=True)
    ... class Coin(Bernoulli):
    ...     "Heads (True) or tails (False)."
    >>> Beta.from_dict(Beta(2, 3, likelihood=Coin()).to_dict()).likelihood
    Coin()
    """
    if cls is None:
        return lambda decorated: register(decorated, under=under)
    if isinstance(cls, type) and issubclass(cls, Likelihood):
        for family in under if isinstance(under, Iterable) else (under,):
            _add_likelihood(cls, family)
    elif under is None and isinstance(cls, type) and issubclass(cls, Learner):
        _add_family(cls)
    else:
        raise PriorError(
            f"expected a subclass of State, or a subclass of Likelihood and the families that it"
            f" is registered under, got {cls!r} under {under!r}"
        )
    return cls


def _add_family(cls: Any) -> None:
    """Add a family and its likelihoods to the registry, after checking their names."""
    if not cls.likelihoods:
        raise PriorError(f"the family {cls.__name__} has no likelihoods")
    _check_name_is_free(_families, cls, "family")
    for kind in cls.likelihoods:
        _check_name_is_free(_likelihoods, kind, "likelihood")
    _families[cls.__name__] = cls
    _likelihoods.update((kind.__name__, kind) for kind in cls.likelihoods)


def _add_likelihood(cls: type[Likelihood], family: Any) -> None:
    """Add a likelihood to the registry and to the likelihoods of a family."""
    if not (isinstance(family, type) and issubclass(family, Learner)):
        raise PriorError(
            f"expected the family of the likelihood {cls.__name__}, such as"
            f" register({cls.__name__}, under=Gamma), got {family!r}"
        )
    _check_name_is_free(_likelihoods, cls, "likelihood")
    _likelihoods[cls.__name__] = cls
    declared: Any = family
    others = tuple(kind for kind in declared.likelihoods if kind.__name__ != cls.__name__)
    declared.likelihoods = (*others, cls)


def _check_name_is_free(known: dict[str, Any], cls: type, what: str) -> None:
    """Raise an error if another class has this name; a class may be redefined."""
    if not cls.__module__.startswith("seqbayes."):
        _load_built_in()
    other = known.get(cls.__name__)
    if other is not None and _path(other) != _path(cls):
        raise PriorError(f"the {what} {_path(cls)} has the same name as {_path(other)}")


def _path(cls: type) -> str:
    """Return the full name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def families(plugins: bool = True) -> dict[str, Any]:
    """Return all registered families, keyed by name.

    Parameters
    ----------
    plugins
        Whether to load plug-ins first.

    Examples
    --------
    >>> "Gamma" in families()
    True
    """
    _load_built_in()
    if plugins:
        _load_plugins()
    built_in = import_module(_BUILT_IN).__all__
    in_order = {name: _families[name] for name in built_in if name in _families}
    return in_order | _families


def find_family(name: str) -> Any:
    """Return the family with the given name; plug-ins are loaded if the name is unknown.

    Raises
    ------
    PriorError
        If no family has this name.
    """
    found = known_family(name)
    if found is None:
        raise PriorError(f"expected family {' or '.join(families())}, got {name!r}")
    return found


def known_family(name: Any, plugins: bool = True) -> Any:
    """Return the family with the given name, or None; no other built-in family is imported.

    Parameters
    ----------
    name
        The name of the class.
    plugins
        Whether to load plug-ins if the name is unknown.

    Examples
    --------
    >>> known_family("Beta").__name__, known_family("Alpha")
    ('Beta', None)
    """
    package = import_module(_BUILT_IN)
    if name not in _families and name in package.__all__:
        getattr(package, name)  # registers it
    if name not in _families and plugins:
        _load_plugins()
    return _families.get(name)


def subfamilies(base: Any) -> dict[str, Any]:
    """Return the registered subfamilies of a class, and the class itself if it is a family."""
    own = {base.__name__: base} if base.likelihoods else {}
    return {name: kind for name, kind in families().items() if issubclass(kind, base)} | own


def named_subfamily(base: Any, name: Any) -> dict[str, Any]:
    """Return the subfamily with this name, if any, and the class itself if it is a family."""
    own = {base.__name__: base} if base.likelihoods else {}
    kind = known_family(name, plugins=False) if isinstance(name, str) else None
    return ({name: kind} if kind is not None and issubclass(kind, base) else {}) | own


def _load_built_in() -> None:
    """Import all built-in families."""
    package = import_module(_BUILT_IN)
    for name in package.__all__:
        getattr(package, name)


def likelihoods_of(family: Any, plugins: bool = True) -> dict[str, type[Likelihood]]:
    """Return the likelihoods of a family, keyed by name, with the default first.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> list(likelihoods_of(Beta))[:2]
    ['Bernoulli', 'Binomial']
    """
    if plugins:
        _load_plugins()
    return {kind.__name__: kind for kind in family.likelihoods}


def find_likelihood(name: str, family: Any = None) -> type[Likelihood]:
    """Return the likelihood with the given name; plug-ins are loaded if the name is unknown.

    Parameters
    ----------
    name
        The name of the class.
    family
        If given, the likelihood must belong to this family.

    Raises
    ------
    PriorError
        If no likelihood has this name.
    """

    def known(plugins: bool) -> dict[str, type[Likelihood]]:
        if family is not None:
            return likelihoods_of(family, plugins)
        families(plugins)
        return _likelihoods

    found = known(False).get(name) or known(True).get(name)
    if found is None:
        raise PriorError(f"expected likelihood {' or '.join(known(True))}, got {name!r}")
    return found


def _load_plugins() -> None:
    """Import the plug-in modules of installed packages, once."""
    global _plugins_loaded
    if _plugins_loaded:
        return
    _plugins_loaded = True
    from importlib.metadata import entry_points  # this import takes longer than most of the core

    for entry in entry_points(group=GROUP):
        _load_built_in()
        try:
            entry.load()
        except Exception as error:
            warnings.warn(
                f"cannot load the seqbayes plug-in {entry.value!r}: {error}",
                RuntimeWarning,
                stacklevel=3,
            )
