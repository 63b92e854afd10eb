"""The numbers by which beliefs are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from seqbayes.distributions import Beta, Distribution
from seqbayes.distributions.averaged import ProductOfTwo
from seqbayes.errors import PriorError
from seqbayes.model import Model
from seqbayes.predictive import LabelQuantile
from seqbayes.state import State


def named_beliefs(beliefs: Any) -> Mapping[Any, Any]:
    """Return beliefs, keyed by name: an item of a sequence by its position, from 0.

    Raises
    ------
    PriorError
        If the argument is neither a mapping nor iterable.
    """
    if isinstance(beliefs, Mapping):
        return beliefs
    if not isinstance(beliefs, Iterable):
        raise PriorError(f"expected beliefs to compare, keyed by name, got {beliefs!r}")
    return dict(enumerate(beliefs))


def number_of(
    belief: Model | Distribution, label: Any = None, quantity: str | float | None = None
) -> Distribution:
    """Return the distribution of the number that a belief is about.

    Parameters
    ----------
    belief
        A state with a proper posterior, or a distribution.
    label
        The label whose share is compared, for a belief about labels.
    quantity
        The number: by default the parameter (the mean, if there is also a variance), or for a
        `Hurdle` the expected observation; "mean" for the expected observation; or a probability p
        for the p-quantile of observations.

    Raises
    ------
    PriorError
        If the belief is improper, or not about one number, or the quantity is not available.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma
    >>> from seqbayes.likelihoods import Exponential
    >>> number_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red")
    Beta(alpha=2.0, beta=2.0)
    >>> number_of(Gamma(3, 20, likelihood=Exponential()), quantity="mean")
    InverseGamma(shape=3.0, scale=20.0)
    """
    if isinstance(belief, Distribution):
        if quantity is not None:
            raise PriorError(f"expected a state to compare its observations, got {belief!r}")
        return belief
    if not isinstance(belief, Model):
        raise PriorError(f"expected beliefs to compare, got {belief!r}")
    state = belief.as_of()
    if not state.conjugate or not (
        state.compares_expected or state.display_kind in ("number", "normal", "labels")
    ):
        raise PriorError(f"expected a belief about one number to compare, got {belief}")
    if state.display_kind == "labels":
        if quantity in (None, "mean"):
            return _share(state, label)
        return _quantile_of_labels(state, label, quantity)
    if label is not None:
        raise PriorError(
            f"only a belief about labels has a label: expected no label, got {label!r}"
        )
    if not state.is_proper(state.posterior):
        raise PriorError(
            f"{state.posterior} is improper: it cannot be compared before it has more data"
        )
    if quantity is not None or state.compares_expected:
        return _of_observations(state, "mean" if quantity is None else quantity)
    number: Distribution = state.plotted(state.posterior)
    return number


def _quantile_of_labels(state: Any, label: Any, p: Any) -> Distribution:
    """Return the distribution of a quantile of labels that are numbers."""
    check_quantity(p)
    if label is not None:
        raise PriorError(
            f"a quantile is computed over all labels: expected no label, got {label!r}"
        )
    weights, unknown = state.label_weights()
    numbers: dict[float, float] = {}
    for name, weight in weights.items():
        try:
            number = float(name)
        except (TypeError, ValueError):
            number = math.nan
        if unknown > 0.0 or not math.isfinite(number):
            raise PriorError(
                "quantiles need labels that are all known and are numbers: compare the share of"
                f" one label; got {'labels that are not known' if unknown else repr(name)}"
            )
        numbers[number] = numbers.get(number, 0.0) + weight
    if len(numbers) < 2 or not min(numbers.values()) > 0.0:
        raise PriorError(f"{weights} is improper: it cannot be compared before it has more data")
    return LabelQuantile(numbers, p)


def check_quantity(quantity: Any) -> None:
    """Check that a quantity of observations is "mean" or the probability of a quantile.

    Raises
    ------
    PriorError
        If the quantity is neither.
    """
    if quantity != "mean" and not (isinstance(quantity, float) and 0.0 < quantity < 1.0):
        raise PriorError(f"expected 'mean' or a probability as the quantity, got {quantity!r}")


def direction_of(state: State, quantity: str | float | None) -> int:
    """Return whether a quantity increases (1) or decreases (-1) with the tested parameter.

    Raises
    ------
    PriorError
        If the quantity is invalid.
    UnsupportedError
        If the quantity can be equal for different parameters, so that it is not tested.
    """
    if quantity is None:
        return 1
    check_quantity(quantity)
    return state.direction(None if quantity == "mean" else float(quantity))


def _of_observations(state: Any, quantity: Any) -> Distribution:
    """Return the distribution of the mean or of a quantile of observations."""
    p: float | None = None
    if quantity == "mean":
        found, name = state.expected, "mean"
    else:
        check_quantity(quantity)
        p, name = quantity, f"{quantity:g}-quantile"
        found = state.likelihood.quantile(state.posterior, p)
    if found is None:
        kind, reason = type(state.likelihood).__name__, state.reason_against(p)
        raise PriorError(f"the {name} of {kind} observations {reason}")
    number: Distribution = found
    return number


def product(
    first: Model | Distribution, second: Model | Distribution, label: Any = None
) -> Distribution:
    """Return the distribution of the product of two independent numbers.

    For example, a conversion rate times an order value is the revenue per visitor.

    Parameters
    ----------
    first, second
        Distributions of positive numbers, or beliefs. A belief stands for its expected observation,
        or for the share of a label.
    label
        The label whose share is used, for a belief about labels.

    Raises
    ------
    PriorError
        If a belief is improper, or not about a positive number.

    Examples
    --------
    >>> from seqbayes import Beta, Gamma
    >>> from seqbayes.likelihoods import Exponential
    >>> revenue = product(Beta(11, 91), Gamma(11, 200, likelihood=Exponential()))
    >>> round(revenue.mean, 4)
    2.1569
    """
    numbers, labelled = [], False
    for each in (first, second):
        if isinstance(each, Distribution):
            numbers.append(each)
        elif each.as_of().display_kind == "labels":
            numbers.append(number_of(each, label))
            labelled = True
        else:
            numbers.append(number_of(each, None, "mean"))
    if label is not None and not labelled:
        raise PriorError(
            f"only a belief about labels has a label: expected no label, got {label!r}"
        )
    return ProductOfTwo(*numbers)


def _share(state: Any, label: Any) -> Distribution:
    weights, unknown = state.label_weights()
    if label is None:
        raise PriorError(
            "a belief about labels is compared by the share of one label: expected one of"
            f" {list(weights)} as label"
        )
    # a label may be given as a string, as on the command line
    mine = {name for name in weights if name == label or str(name) == label}
    weight = math.fsum(weights[name] for name in mine)
    rest = math.fsum([unknown, *(each for name, each in weights.items() if name not in mine)])
    if not (weight > 0.0 and rest > 0.0):
        raise PriorError(f"the belief has no information about the share of {label!r}")
    return Beta(weight, rest)
