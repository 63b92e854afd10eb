"""``predict``: what a belief expects next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.console.plain import plain
from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.columns import kind_of
from seqbayes.mixture.answers import Answers
from seqbayes.stream.store import open_store
from seqbayes.stream.verbs.answers import answers, kept_beliefs, missing


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
    """Return what a belief expects of the next observation.

    Parameters
    ----------
    url
        Of the store.
    belief
        The name of the belief.
    key
        The texts of its key.
    values
        Observations whose log predictives are asked for. Of an estimator: features, as mappings.
    level
        Share of the predictive distribution that its interval holds.
    rest
        Whether the pooled rest is asked, not a key.
    prior
        Whether the prior is asked: what is expected under a key that has not been seen.
    as_of
        Time until which a belief that forgets is let forget, in seconds since 1970.

    Returns
    -------
    dict
        JSON values: ``prediction``, and as far as they exist ``mean``, ``var``, ``interval``,
        ``probabilities`` of labels, and ``values`` with the ``log_predictive`` of each. Of a
        mixture the ``prediction`` for a value is the component that most probably made it, and
        ``probabilities`` are those of all components to have made it.

    Raises
    ------
    MissingError
        If there is no such belief or key.
    ObservationError
        If a value is none that could be observed.
    StoreError
        If the store cannot be read.
    """
    with open_store(url, "read") as store, store.snapshot():
        (kept,) = kept_beliefs(store, belief)
        if prior:
            state, name = kept.prior, None
        else:
            if not rest:
                kept.stored(key)  # a whole key
            found = list(answers(store, kept, key, rest, as_of))
            if not found:
                raise missing(kept, key, rest)
            state, name = found[0].state, found[0].key
    told: dict[str, Any] = {"belief": belief, "key": name}
    if prior:
        told["prior"] = True
    if hasattr(state, "posterior"):
        return {**told, **_expect(state, values, level)}
    if isinstance(state, Answers):
        return {**told, **_expect_mixed(state, values)}
    return {**told, "values": [_estimate(state, each) for each in values]}


def _expect(state: Any, values: Sequence[Any], level: float) -> dict[str, Any]:
    """Return what the predictive distribution of a state has to say."""
    predictive = state.predictive
    told: dict[str, Any] = {"n": state.n_samples, "predictive": str(predictive)}
    told["prediction"] = plain(state.predict_one())
    for name in ("mean", "var"):
        told |= _existing(name, lambda name=name: getattr(predictive, name))
    told |= _existing("interval", lambda: predictive.interval(level))
    told |= _existing("probabilities", state.predict_proba_one)
    if values:
        told["values"] = [
            {"value": plain(x), "log_predictive": plain(state.log_predictive(x))} for x in values
        ]
    return told


def _existing(name: str, ask: Any) -> dict[str, Any]:
    """Return an answer by its name, or nothing of what this distribution does not have."""
    try:
        value = ask()
    except NotImplementedError:
        return {}
    if isinstance(value, Mapping):
        return {name: {_label(label): plain(each) for label, each in value.items()}}
    return {} if value is None else {name: plain(value)}


def _label(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _expect_mixed(mixture: Answers, values: Sequence[Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"n": mixture.n_samples, "predictive": str(mixture)}
    if values:
        told["values"] = [
            {
                "value": plain(x),
                "prediction": plain(mixture.predict_one(x)),
                "log_predictive": plain(mixture.log_predictive(x)),
                "probabilities": plain(mixture.predict_proba_one(x)),
            }
            for x in values
        ]
    return told


def _estimate(estimator: Any, features: Any) -> dict[str, Any]:
    """Return what an estimator makes of some features."""
    if not isinstance(features, Mapping):
        raise ObservationError(f"expected an object of features, got {features!r}")
    told: dict[str, Any] = {"value": plain(features)}
    for name, method in (
        ("prediction", "predict_one"),
        ("interval", "predict_interval"),
        ("probabilities", "predict_proba_one"),
        ("score", "score_one"),
    ):
        ask = getattr(estimator, method, None)
        if ask is not None:
            told |= _existing(name, lambda ask=ask: ask(features))
    return told


def read_value(text: str, state: Any) -> Any:
    """Return an observation as a belief takes it, out of a text such as a shell passes on.

    Parameters
    ----------
    text
        A number, a truth, or a label; JSON where an observation is several values.
    state
        The belief.

    Raises
    ------
    ObservationError
        If the text is no such value.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet, Gamma
    >>> read_value("true", Beta()), read_value("3", Gamma())
    (True, 3.0)
    >>> read_value("3", Dirichlet({"3": 1, "4": 1}))
    '3'
    """
    import msgspec

    from seqbayes.events.values import Misfit, coerce

    likelihood = getattr(state, "likelihood", None)
    if isinstance(state, Answers):
        likelihood = state.components[0].likelihood if state.components else None
    kind = "any" if likelihood is None else kind_of(likelihood)
    if kind == "text":
        return text
    value: Any = text
    if kind in ("any", "pair", "counts"):
        try:
            value = msgspec.json.decode(text)
        except msgspec.MsgspecError:
            raise ObservationError(f"expected JSON, got {text!r}") from None
    found = coerce(value, kind, text=True)
    if isinstance(found, Misfit):
        raise ObservationError(found.reason)
    if found is None:
        raise SeqbayesError(f"expected a value, got {text!r}")
    return found
