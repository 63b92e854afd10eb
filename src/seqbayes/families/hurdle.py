"""Beliefs about amounts that are often zero, such as the revenue from a visitor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from seqbayes import distributions, likelihoods, serialization
from seqbayes.distributions.averaged import ProductOfTwo
from seqbayes.errors import ObservationError, PriorError, UnsupportedError
from seqbayes.families.beta import Beta
from seqbayes.families.product import Product
from seqbayes.likelihoods import Fields
from seqbayes.model import Summary, TableForm
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import HurdleSums, Statistics, arrays, as_real

_MAX_TERMS = 10_000_000
"""Maximum number of terms in the density of the expected value; this many take about a second."""


@register
class Hurdle(Product):
    """Belief about amounts that are often zero: whether there is an amount, and how large it is.

    A zero is learned only by the belief about the share of amounts; any other number is learned by
    the belief about amounts as well.

    Parameters
    ----------
    amount
        A state without data: the prior and the likelihood of the amounts other than zero. The
        likelihood must be continuous, such as that of ``Gamma(likelihood=Exponential())`` or of a
        `Normal` with `LogNormal`.
    share
        Prior on the share of amounts, ``Beta(1, 1)`` by default.
    seed
        Seed for `sample`.

    Notes
    -----
    Estimates are mappings with "share" and "amount": the probability of an amount, and the
    parameter of the likelihood of amounts. `expected` is the distribution of the expected value of
    an observation, such as the revenue per visitor.

    Raises
    ------
    PriorError
        If a prior has data, the share is not a probability, or amounts are whole numbers.

    References
    ----------
    .. [1] Cragg, J. G. (1971). Some statistical models for limited dependent variables with
       application to the demand for durable goods. Econometrica 39, 829-844.

    Examples
    --------
    >>> from seqbayes import Gamma, Hurdle
    >>> from seqbayes.likelihoods import Exponential
    >>> revenue = Hurdle(Gamma(2, 20, likelihood=Exponential()))
    >>> revenue.learn_many([0, 0, 0, 31.5, 0, 12.0, 0, 0])
    >>> revenue.mean["share"], revenue.marginal("amount").n_samples
    (0.3, 2.0)
    >>> per_visitor = revenue.expected
    >>> round(per_visitor.mean, 3), [round(end, 2) for end in per_visitor.interval()]
    (6.35, [1.02, 20.59])
    >>> revenue.predictive.p(0), round(revenue.predictive.mean, 3)
    (0.7, 6.35)
    """

    likelihoods = (likelihoods.Hurdle,)
    display_kind = "hurdle"
    compares_expected = True
    component_adapter = None
    component_adapter_reason = "its observations are zeros and amounts"

    table_form = TableForm(("fields",), states=("fields",))

    def __init__(self, amount: State, share: State | None = None, seed: int | None = None) -> None:
        share = Beta() if share is None else share
        super().__init__({"share": share, "amount": amount}, seed)
        _check(share, amount)

    @property
    def amount(self) -> State:
        """The prior on the amounts."""
        found: State = self.fields["amount"]
        return found

    @property
    def share(self) -> State:
        """The prior on the share of amounts."""
        found: State = self.fields["share"]
        return found

    @staticmethod
    def joint_likelihood(fields: Mapping[Any, State]) -> Fields:
        """Return the likelihood of a number that may be zero."""
        return likelihoods.Hurdle({name: state.likelihood for name, state in fields.items()})

    @property
    def two_sample(self) -> str:
        """The method of the sequential test; empty if it does not exist for the amounts."""
        amount = self.amount
        if amount.two_sample in ("normal", "student"):
            known = amount.likelihood.of_logarithm
        else:
            known = amount.two_sample == "scale" and amount.likelihood.mean_power is not None
        return "hurdle" if known else ""

    def direction(self, p: float | None) -> int:
        """Return 1 for the mean (None), which is tested.

        Raises
        ------
        UnsupportedError
            If the quantity is a quantile.
        """
        if p is None:
            return 1
        raise UnsupportedError(
            "quantiles of numbers that are often zero have no sequential test, because they depend"
            " on two parameters, the share and the amounts: omit the quantity"
        )

    @classmethod
    def table_errors(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the errors of a table; see `Model.table_errors`."""
        names = set(values.get("fields", {}))
        if "amount" not in names or not names <= {"share", "amount"}:
            yield "fields", f"expected amount and, optionally, share, got {sorted(names)}"

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Self:
        """Return the state of a table's fields; see `Model.from_table`."""
        fields = values["fields"]
        return cls(fields["amount"], fields.get("share"))

    @classmethod
    def from_document(cls, document: serialization.Document) -> Self:
        """Return the state that a document describes."""
        found = super().from_document(document)
        if tuple(found.fields) != ("share", "amount"):
            raise PriorError(f"expected the fields share and amount, got {list(found.fields)}")
        _check(found.share, found.amount)
        return found

    def as_component(self) -> Self:
        """Return the state."""
        return self

    def new_statistics(self) -> HurdleSums:
        """Return empty statistics."""
        parts = {name: state.new_statistics() for name, state in self.fields.items()}
        return HurdleSums(parts, tuple(map(type, self.fields.values())))

    def named(self, x: Any) -> dict[Any, Any]:
        """Return whether there is an amount, and the amount if there is one."""
        value = as_real(x, "a finite number")
        return {"share": value != 0.0, **({"amount": x} if value != 0.0 else {})}

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the statistics of many numbers, without learning them."""
        values = arrays.reals(xs, "a finite number")
        weights = arrays.weights(w, len(values))
        total = self.new_statistics()
        paid = values != 0.0
        total.add_sums(arrays.total(1.0, weights, len(values)))
        total.parts["share"].merge(self.share.summarise(paid, weights))
        try:
            amounts = self.amount.summarise(
                values[paid], None if weights is None else weights[paid]
            )
        except ObservationError:
            for i, value in enumerate(values.tolist()):  # the error states the position
                try:
                    self.observe(value)
                except ObservationError as error:
                    raise ObservationError(f"{error} at position {i}") from None
            raise
        total.parts["amount"].merge(amounts)
        return total

    def in_words(self) -> str:
        """Return the prior as text."""
        return _own_name(super().in_words())

    def __str__(self) -> str:
        return _own_name(super().__str__())

    @property
    def expected(self) -> distributions.Distribution | None:
        """The distribution of the expected value of an observation: share times mean amount.

        The value is None while a belief is improper, if amounts have no finite mean or can be
        negative, or if the belief about their mean extends over too many orders of magnitude.
        """
        posterior = self.posterior.fields
        if not self.is_proper(self.posterior):
            return None
        amount = self.amount.likelihood.expectation(posterior["amount"])
        if amount is None or amount.support[0] < 0.0:
            return None
        product = ProductOfTwo(Beta.belief(posterior["share"]), amount)
        return product if product.terms <= _MAX_TERMS else None

    def reason_against(self, p: float | None) -> str:
        """Return why the mean (None) or the p-quantile of observations is not available."""
        amount, posterior = self.amount.likelihood, self.posterior.fields["amount"]
        if p is not None or amount.predictive(posterior).support[0] < 0.0:
            return "is available only for positive amounts, and these may be negative"
        if amount.expectation(posterior) is None:
            return str(amount.reason_against(posterior, None))
        return (
            "extends over too many orders of magnitude, because too few amounts say little about"
            " their variance: learn more of them, use a prior that describes the variance, or"
            " compare the shares (`marginal('share')`)"
        )

    def predict_one(self, x: Any = None) -> Any:
        """Predict the next number: the mean."""
        return self.predictive.mean if self.is_proper(self.posterior) else None

    def predict_proba_one(self, x: Any = None) -> dict[Any, Any]:
        """Raise an error: observations are numbers."""
        return self.likelihood.labels(self.posterior)

    def get(self) -> Any:
        """Return the value of the state as a River statistic: the predicted number."""
        return self.predict_one()

    def summary(self) -> Summary:
        """Return the mean and the interval of the expected value of an observation."""
        expected = self.expected
        if expected is None:
            return Summary(None, None)
        mean = expected.mean
        return Summary(mean if np.isfinite(mean) else None, expected.interval())


def _own_name(text: str) -> str:
    return text.replace("Product(share", "Hurdle(share")


def _check(share: State, amount: State) -> None:
    """Raise an error if a share is not a probability, or an amount is not continuous."""
    if not isinstance(share.likelihood, likelihoods.Bernoulli):
        raise PriorError(f"expected a Beta prior on a share, got {share!r}")
    if amount.display_kind not in ("number", "normal") or not amount.likelihood.continuous:
        raise PriorError(f"expected a prior on a continuous amount, got {amount!r}")
