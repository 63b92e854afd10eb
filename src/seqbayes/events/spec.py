"""Creates states from options, based on the signatures of families and likelihoods."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from seqbayes import registry
from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError
from seqbayes.likelihoods import Likelihood
from seqbayes.state import State


def option_name(name: str) -> str:
    """Convert a class or method name to the form used in options.

    Examples
    --------
    >>> option_name("NormalInverseGamma"), option_name("from_mean")
    ('normal-inverse-gamma', 'from-mean')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()


def families() -> dict[str, type[State]]:
    """Return the families that options can declare, keyed by their names in options.

    The observations of these families can be read from columns, and their priors do not consist of
    other states.
    """
    return {
        option_name(name): family
        for name, family in registry.families().items()
        if family.table_form is None and has_likelihoods(family)
    }


def find_family(name: str) -> type[State] | None:
    """Return a family by its name in options, or None; other built-in families are not imported.

    Examples
    --------
    >>> find_family("normal-inverse-gamma").__name__
    'NormalInverseGamma'
    """
    class_name = "".join(map(str.capitalize, name.split("-")))
    found: type[State] | None = registry.known_family(class_name, plugins=False)
    return table_families().get(name, families().get(name)) if found is None else found


def table_families() -> dict[str, type[State]]:
    """Return the families with their own table schema, keyed by their names in options."""
    known = registry.families()
    return {option_name(n): family for n, family in known.items() if family.table_form is not None}


def likelihoods_of(family: type[State], plugins: bool = True) -> dict[str, type[Likelihood]]:
    """Return the likelihoods of a family, keyed by name in options; the first is the default."""
    known = registry.likelihoods_of(family, plugins)
    return {option_name(name): kind for name, kind in known.items() if kind.columnar}


def has_likelihoods(family: type[State]) -> bool:
    """Whether a family has a likelihood whose observations can be read from columns."""
    return bool(likelihoods_of(family, plugins=False) or likelihoods_of(family))


def fixed_parameters() -> dict[str, list[str]]:
    """Return the fixed parameters of the likelihoods, each with the likelihoods that have it.

    Examples
    --------
    >>> fixed_parameters()["trials"]
    ['binomial', 'multinomial']
    """
    found: dict[str, list[str]] = {}
    for family in families().values():
        for name, kind in likelihoods_of(family).items():
            for field in fields(kind):  # type: ignore[arg-type]
                owners = found.setdefault(field.name, [])
                if name not in owners:
                    owners.append(name)
    return found


def constructors(family: type[State]) -> dict[str, Callable[..., State]]:
    """Return the named priors of a family, keyed by their names in options.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> list(constructors(Beta))
    ['flat', 'jeffreys', 'haldane', 'from-mean', 'from-interval']
    """
    found = {}
    for name, member in vars(family).items():
        if (
            isinstance(member, classmethod)
            and "likelihood" in inspect.signature(member.__func__).parameters
        ):
            found[option_name(name)] = getattr(family, name)
    return found


def make_likelihood(
    family: type[State], name: str | None, fixed: Mapping[str, str], values: int = 1
) -> Likelihood:
    """Create a likelihood by name (by default the first of the family) with its fixed parameters.

    Parameters
    ----------
    family
        The prior's family.
    name
        Name of the likelihood.
    fixed
        Its fixed parameters, as strings.
    values
        Number of columns of an observation. The second column contains the parameter that varies
        between observations.

    Raises
    ------
    PriorError
        If the family has no likelihood named `name`, or the likelihood has no parameter named in
        `fixed`.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> make_likelihood(Gamma, None, {}, values=2)
    Poisson(exposure=None)
    """
    known = likelihoods_of(family, plugins=False)
    if name is not None and option_name(name) not in known:
        known = likelihoods_of(family)
    kind = next(iter(known.values())) if name is None else known.get(option_name(name))
    if kind is None:
        raise PriorError(
            f"{option_name(family.__name__)} has no likelihood {name!r}: expected"
            f" {_either(known)}{_suggest(name, known)}"
        )
    own = {field.name: "None" in str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for parameter, text in fixed.items():
        if parameter not in own:
            has = f": expected {_either(own)}{_suggest(parameter, own)}" if own else ""
            raise PriorError(f"{option_name(kind.__name__)} has no parameter {parameter!r}{has}")
        none = own[parameter] and text.lower() == "none"
        arguments[parameter] = None if none else _number(parameter, text)
    if values == 2 and kind.varying is not None and kind.varying not in fixed:
        arguments[kind.varying] = None
    return kind(**arguments)


def make_prior(
    family: type[State],
    prior: str | Mapping[str, Any] | None,
    likelihood: Likelihood,
    categories: Sequence[str] | None = None,
) -> State:
    """Create a state without data from the description of its prior in an option.

    Parameters
    ----------
    family
        The prior's family.
    prior
        Hyperparameters ``name=value,…``, a named prior ``flat``, or one with arguments,
        ``from-mean:mean=0.2,strength=10``. ``name.label=value`` sets an entry of a mapping;
        ``label=value`` suffices if a mapping is the only parameter of the prior. The pairs may also
        be a JSON object, or a mapping in which "from" names the prior. None for the family's
        default.
    likelihood
        The likelihood.
    categories
        Labels for a prior that is defined by them.

    Raises
    ------
    PriorError
        If the named prior does not exist, or its values are invalid.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Normal
    >>> print(make_prior(Normal, "prior_mean=85,prior_variance=1600", Normal().likelihood))
    Normal(85, 1600, 1) + 0 observed (Normal) = Normal(85, 1600, 1)
    >>> make_prior(Dirichlet, "red=40,blue=2", Dirichlet().likelihood).alpha
    {'red': 40.0, 'blue': 2.0}
    """
    name, constructor, pairs = _choose_constructor(family, prior, categories)
    signature = inspect.signature(constructor).parameters
    own = {key: value for key, value in signature.items() if key not in ("likelihood", "seed")}
    arguments = _arguments(own, pairs, f"{option_name(family.__name__)} {name}".strip())
    if categories is not None:
        if "categories" not in own:
            raise PriorError(f"--categories cannot be combined with {_described(family, prior)}")
        repeated = [label for label in categories if list(categories).count(label) > 1]
        if repeated:
            raise PriorError(f"category {repeated[0]!r} is given twice")
        arguments["categories"] = list(categories)
    missing = [
        key
        for key, value in own.items()
        if key not in arguments and (value.default is value.empty or _needs_labels(value))
    ]
    if missing:
        raise PriorError(_missing_message(family, name, missing))
    return constructor(**arguments, likelihood=likelihood)


def factory(template: State) -> Callable[[], State]:
    """Return a fast function that creates states with the same prior and likelihood."""
    family, likelihood = type(template), template.likelihood
    if "likelihood" not in inspect.signature(family).parameters:
        return template.clone
    prior = {name: getattr(template, name) for name in family.parameters}
    return lambda: family(**prior, likelihood=likelihood)


def _choose_constructor(
    family: type[State], prior: str | Mapping[str, Any] | None, categories: Sequence[str] | None
) -> tuple[str, Callable[..., State], Mapping[str, Any]]:
    """Return the name of the prior, its constructor, and the pairs of its arguments."""
    named = constructors(family)
    if isinstance(prior, Mapping):
        head, pairs = prior.get("from", ""), {k: v for k, v in prior.items() if k != "from"}
        if not isinstance(head, str):
            raise PriorError(f"expected the name of a prior as 'from', got {head!r}")
    else:
        text = prior or ""
        if not text and categories is not None and "flat" in named:
            text = "flat"
        head, _, rest = text.partition(":")
        if text.startswith("{") or "=" in head:
            head, rest = "", text
        pairs = _pairs(rest)
    if not head:
        return "", family, pairs
    if option_name(head) not in named:
        raise PriorError(
            f"{option_name(family.__name__)} has no prior {head!r}: expected {_either(named)},"
            f" or name=value for {_either(family.parameters, 'and')}{_suggest(head, named)}"
        )
    return option_name(head), named[option_name(head)], pairs


def _pairs(text: str) -> dict[str, Any]:
    if text.startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise PriorError(f"cannot read prior {text!r}: {error}") from None
    pairs: dict[str, Any] = {}
    for item in text.split(",") if text else ():
        name, equals, value = item.rpartition("=")
        if not equals or not name:
            raise PriorError(f"expected name=value in the prior, got {item!r}")
        if name in pairs:
            raise PriorError(f"{name!r} is given twice in the prior")
        pairs[name.strip()] = value
    return pairs


def _arguments(
    own: Mapping[str, inspect.Parameter], pairs: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return the constructor arguments that the pairs name."""
    mappings = [name for name, each in own.items() if "Mapping" in str(each.annotation)]
    arguments: dict[str, Any] = {}
    for key, value in pairs.items():
        head, dot, label = key.partition(".")
        if key in own and isinstance(value, dict):
            arguments[key] = {k: _number(k, v) for k, v in value.items()}
        elif key in own and key not in mappings:
            arguments[key] = _number(key, value)
        elif dot and head in mappings:
            arguments.setdefault(head, {})[label] = _number(key, value)
        elif len(own) == 1 and mappings:
            arguments.setdefault(mappings[0], {})[key] = _number(key, value)
        else:
            names = [f"{name}.LABEL" if name in mappings else name for name in own]
            expected = f"{_either(names) or 'nothing'}{_suggest(key, own)}"
            raise PriorError(f"{what} has no {key!r}: expected {expected}")
    return arguments


def _needs_labels(parameter: inspect.Parameter) -> bool:
    # a default with unnamed shares is useless if the labels come from data
    return "Mapping" in str(parameter.annotation) and parameter.default is not None


def _missing_message(family: type[State], name: str, missing: Sequence[str]) -> str:
    what = f"{option_name(family.__name__)}" + (f" {name} prior" if name else "")
    if "categories" in missing or not name:
        return (
            f"{what} needs its categories: --categories red,green,… or --prior red=40,green=25,…;"
            " if they are not known in advance, --state dirichlet-process"
        )
    return f"{what} needs {_either(missing, 'and')}: see seqbayes watch --help"


def _described(family: type[State], prior: str | Mapping[str, Any] | None) -> str:
    return f"{option_name(family.__name__)}" + (f" with --prior {prior}" if prior else "")


def _number(name: str, text: Any) -> int | float:
    """Return a number from an option, or from a JSON value."""
    try:
        if isinstance(text, (int, float)) and not isinstance(text, bool):
            return text
        if isinstance(text, str) and "_" not in text:
            return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        pass
    raise PriorError(f"expected a number as {name}, got {text!r}")


def _suggest(given: object, known: Iterable[str]) -> str:
    """Return a suggestion such as "; did you mean 'jeffreys'?", or an empty string."""
    return did_you_mean(given, known).replace(":", ";", 1)


def _either(names: Sequence[str] | Mapping[str, Any], last: str = "or") -> str:
    *others, final = list(names) or [""]
    return f"{', '.join(others)} {last} {final}" if others else final
