"""``predict``: the predictive distribution of the next observation."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from seqbayes.checks import check_level
from seqbayes.console.log import Log
from seqbayes.console.plain import plain
from seqbayes.console.text import printable, weight_of_data
from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.values import InvalidValue, coerce
from seqbayes.stream.stores import open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    add_as_of,
    add_key,
    add_level,
    add_store,
    print_json,
    reports_errors,
)
from seqbayes.stream.verbs.stored import key_states, missing_key, stored_beliefs

_DIGITS = re.compile(r"\d+\.\d{6,}(e[+-]?\d+)?")

EXAMPLES = f"""\
examples:
  seqbayes predict beliefs.db conversion A
  seqbayes predict beliefs.db seconds A --value 45 --value 90 --json
  seqbayes predict beliefs.db seconds --prior

{EPILOG}"""


def predict(
    url: str,
    belief: str,
    key: str | Sequence[str] = (),
    values: Sequence[Any] = (),
    level: float = 0.95,
    rest: bool = False,
    prior: bool = False,
    as_of: float | None = None,
) -> dict[str, Any]:
    """Return the predictive distribution of the next observation.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of the belief.
    key
        Values of the key.
    values
        Observations whose log predictive densities are returned; for an estimator, feature
        mappings.
    level
        Probability of the predictive interval.
    rest
        Whether to use the pooled rest instead of a key.
    prior
        Whether to use the prior: the prediction for a key without data.
    as_of
        Time in seconds since 1970 to which a belief with a half-life in time is decayed.

    Returns
    -------
    dict
        JSON values: ``prediction`` and, if they exist, ``mean``, ``var``, ``interval``,
        ``probabilities`` of labels, and ``values`` with the ``log_predictive`` of each. For a
        mixture, the ``prediction`` for a value is its most probable component, and
        ``probabilities`` are the responsibilities of all components.

    Raises
    ------
    MissingError
        If the belief or the key does not exist.
    ObservationError
        If a value is not a valid observation.
    StoreError
        If the store cannot be read.
    """
    with open_store(url, "read") as store, store.snapshot():
        (stored,) = stored_beliefs(store, belief)
        if prior:
            state, name = stored.prior, None
        else:
            if not rest:
                stored.encode_key(key)  # an incomplete key raises an error here
            found = list(key_states(store, stored, key, rest, as_of))
            if not found:
                raise missing_key(stored, key, rest)
            state, name = found[0].state, found[0].key
    result: dict[str, Any] = {"belief": belief, "key": name}
    if prior:
        result["prior"] = True
    return {**result, **forecast(state, values, level)}


def forecast(state: Any, values: Sequence[Any] = (), level: float = 0.95) -> dict[str, Any]:
    """Return the predictive distribution of a state, a mixture or an estimator as JSON values.

    Parameters
    ----------
    state
        The state, mixture or estimator.
    values
        Observations, or feature mappings for an estimator.
    level
        Probability of the predictive interval.

    Returns
    -------
    dict
        The values described in `predict`.

    Raises
    ------
    ObservationError
        If a value is not a valid observation.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> forecast(Beta(2, 1), [True])["values"]
    [{'value': True, 'log_predictive': -0.4054651081081644}]
    """
    if state.conjugate:
        return _state_forecast(state, values, level)
    if state.display_kind == "mixture":
        result = {"n": state.n_samples, "predictive": str(state)}
        forecasts = [{"value": plain(x), **plain(state.forecasts(x))} for x in values]
        return {**result, "values": forecasts} if values else result
    return {"values": [_estimator_forecast(state, each) for each in values]}


def _state_forecast(state: Any, values: Sequence[Any], level: float) -> dict[str, Any]:
    """Return the predictive distribution of a state as JSON values."""
    predictive = state.predictive
    result: dict[str, Any] = {"n": state.n_samples, "predictive": str(predictive)}
    result["prediction"] = plain(state.predict_one())
    result |= _existing("mean", lambda: predictive.mean)
    result |= _existing("var", lambda: predictive.var)
    result |= _existing("interval", lambda: predictive.interval(level))
    result |= _existing("probabilities", state.predict_proba_one)
    if values:
        result["values"] = [
            {"value": plain(x), "log_predictive": plain(state.log_predictive(x))} for x in values
        ]
    return result


def _existing(name: str, compute: Any) -> dict[str, Any]:
    """Return a dictionary with one value, or an empty one if the value does not exist."""
    try:
        value = compute()
    except NotImplementedError:
        return {}
    if isinstance(value, Mapping):
        return {name: {_label(label): plain(each) for label, each in value.items()}}
    return {} if value is None else {name: plain(value)}


def _label(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _estimator_forecast(estimator: Any, features: Any) -> dict[str, Any]:
    """Return the predictions of an estimator for some features."""
    if not isinstance(features, Mapping):
        raise ObservationError(f"expected an object of features, got {features!r}")
    result: dict[str, Any] = {"value": plain(features)}
    for name, value in estimator.forecasts(features).items():
        result |= _existing(name, lambda value=value: value)
    return result


def parse_value(text: str, state: Any) -> Any:
    """Parse an observation from a command-line argument.

    Parameters
    ----------
    text
        A number, a boolean or a label; JSON if an observation has several values.
    state
        The state of the belief.

    Raises
    ------
    ObservationError
        If the text is not a valid observation.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet, Gamma
    >>> parse_value("true", Beta()), parse_value("3", Gamma())
    (True, 3.0)
    >>> parse_value("3", Dirichlet({"3": 1, "4": 1}))
    '3'
    """
    likelihood = state.likelihood
    kind = "any" if likelihood is None else likelihood.observation_kind
    if kind == "text":
        return text
    value: Any = text
    if kind in ("any", "pair", "counts"):
        try:
            value = msgspec.json.decode(text)
        except msgspec.MsgspecError:
            raise ObservationError(f"expected JSON, got {text!r}") from None
    found = coerce(value, kind, text=True)
    if isinstance(found, InvalidValue):
        raise ObservationError(found.reason)
    if found is None:
        raise SeqbayesError(f"expected a value, got {text!r}")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=False)
    parser.add_argument(
        "--prior", action="store_true", help="use the prior: the prediction for a key without data"
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="X",
        help="print the log predictive density of this observation (JSON if it has several values;"
        " for an estimator, the features); repeatable",
    )
    add_level(parser, "the interval")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    add_as_of(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Print the predictive distribution of the next observation; return the exit status."""
    check_level(args.level, "equal-tailed")
    with open_store(args.store, "read") as store:
        (stored,) = stored_beliefs(store, args.belief)
    result = predict(
        args.store,
        args.belief,
        args.key,
        [parse_value(text, stored.prior) for text in args.value],
        args.level,
        args.rest,
        args.prior,
        args.as_of,
    )
    if args.json:
        print_json(result)
    else:
        for line in _sentences(result, args.level):
            sys.stdout.write(line + "\n")
    return 0


def _sentences(result: dict[str, Any], level: float) -> Iterator[str]:
    """Yield the lines of the output."""
    count = f": n = {weight_of_data(result['n'])}" if "n" in result else ""
    yield f"{result['belief']} {_key_name(result)}{count}"
    if "predictive" in result:
        shown = _DIGITS.sub(lambda found: f"{float(found[0]):.6g}", result["predictive"])
        yield f"  predictive    {shown}".replace("\n", "\n                ")
    labelled = "probabilities" in result  # mean and interval are meaningless for labels
    for name, title in (
        ("prediction", "prediction"),
        ("mean", "mean"),
        ("var", "variance"),
        ("interval", f"{level * 100:g} % between"),
    ):
        if name in result and not (labelled and name != "prediction"):
            yield f"  {title:13} {_format(result[name])}"
    for label, share in _most_probable(result.get("probabilities", {})):
        yield f"  p({printable(label, 30)}) = {share:.4g}"
    for each in result.get("values", ()):
        answers = (f"{k.replace('_', ' ')} {_format(v)}" for k, v in each.items() if k != "value")
        yield f"  {_format(each['value'])}: {', '.join(answers)}"


def _key_name(result: Mapping[str, Any]) -> str:
    """Return the key, formatted as in `show`."""
    if result.get("prior"):
        return "prior"
    if result["key"] is None:
        return "(rest)"
    return " / ".join(printable(text) or "(empty)" for text in result["key"].values()) or "all"


def _most_probable(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the twelve most probable labels with their probabilities."""
    return sorted(shares.items(), key=lambda item: -item[1])[:12]


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " and ".join(map(_format, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_format(each)}" for name, each in value.items())
    return printable(str(value), 60)
