"""Independent beliefs about several named fields."""

from __future__ import annotations

import copy
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from seqbayes import distributions, serialization, tables
from seqbayes.checks import check_level
from seqbayes.distributions.product import none_if_all_none
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.explanation import Explanation
from seqbayes.families.dirichlet import by_label
from seqbayes.families.product_formulas import ProductFormulas, ProductHyperparameters
from seqbayes.likelihoods import Fields
from seqbayes.likelihoods.base import observe_all
from seqbayes.model import TableForm
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import FieldSums, Statistics, arrays
from seqbayes.tables import by_field


@register
class Product(
    ProductFormulas,
    State[ProductHyperparameters, dict[Any, Any], dict[Any, Any], dict[Any, Any]],
):
    """Joint belief about several named fields, which are independent of each other.

    An observation is a mapping from field to value, or a sequence or an array of one value per
    field, in order. A field that is missing in a mapping is marginalised out. If the value of a
    field is invalid, nothing is learned.

    Parameters
    ----------
    fields
        Mapping from name to prior. A prior is a state without data, of any family including
        `Product` (use `rollover` to turn a posterior into a prior). If `fields` is a sequence of
        states, their names are 0, 1, ….
    seed
        Seed for `sample`.

    Notes
    -----
    Estimates, intervals, tails and quantiles are mappings from field to the value of the field's
    state, which may be None. Instead of a mapping whose values are all None, the result is None.
    Densities and predictive probabilities are joint over the given fields.

    `n_samples` is the total weight of the observations; ``marginal(name).n_samples`` is the weight
    of a single field.

    Raises
    ------
    PriorError
        If there are no fields, a value is not a state, or a state has data.

    References
    ----------
    .. [1] Bishop, C. M. (2006). Pattern Recognition and Machine Learning, sections 8.2 and 9.3.3.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma, NormalInverseGamma, Product
    >>> visits = Product(
    ...     {"wait": NormalInverseGamma(), "page": Dirichlet.flat(["a", "b"]), "clicks": Gamma()}
    ... )
    >>> visits.learn_one({"wait": 1.5, "page": "a", "clicks": 3})
    >>> visits.learn_one({"page": "a", "clicks": 4})
    >>> visits.mle["page"], visits.mle["clicks"], visits.marginal("wait").n_samples
    ({'a': 1.0, 'b': 0.0}, 3.5, 1.0)
    >>> round(visits.log_predictive({"page": "b"}), 4)
    -1.3863

    Vectors of zeros and ones:

    >>> from seqbayes import Beta
    >>> pixels = Product([Beta()] * 3)
    >>> pixels.learn_many([[1, 0, 1], [1, 1, 0]])
    >>> pixels.mean
    {0: 0.75, 1: 0.5, 2: 0.5}
    """

    likelihoods = (Fields,)
    parameters = ("fields",)
    display_kind = "product"
    component_adapter: ClassVar[Any] = "seqbayes.mixture.components.state_adapters:FIELDS"

    table_form = TableForm(("fields",), states=("fields",), by_field=True)

    likelihood: Fields
    _statistics: FieldSums

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Self:
        """Return the product of a table's fields; see `Model.from_table`."""
        return cls(values.get("fields", {}))

    def __init__(
        self, fields: Mapping[Any, State] | Sequence[State], seed: int | None = None
    ) -> None:
        named = by_label(fields, "states")
        for name, state in named.items():
            if not isinstance(state, State):
                raise PriorError(f"expected a state as field {name!r}, got {state!r}")
            if state.n_samples > 0.0:
                raise PriorError(
                    f"expected a prior as field {name!r}, got a state with data "
                    f"of weight {state.n_samples:g}: call rollover() or clone()"
                )
        if not named:
            raise PriorError(f"expected at least one field, got {fields!r}")
        self.fields = {name: state.clone() for name, state in named.items()}
        super().__init__(likelihood=self.joint_likelihood(self.fields), seed=seed)

    @staticmethod
    def joint_likelihood(fields: Mapping[Any, State]) -> Fields:
        """Return the likelihood of observations of all fields."""
        return Fields({name: state.likelihood for name, state in fields.items()})

    def new_statistics(self) -> FieldSums:
        """Return empty statistics."""
        parts = {name: state.new_statistics() for name, state in self.fields.items()}
        return FieldSums(parts, tuple(map(type, self.fields.values())))

    def summarise(self, xs: Any, w: Any = None) -> Statistics:
        """Return the statistics of rows, or of columns keyed by field, without learning them."""
        columns = tables.columns(xs, self.fields)
        if columns is None:
            rows: FieldSums = observe_all(self.new_statistics(), xs, w)
            return rows
        total = self.new_statistics()
        n = tables.length(columns)
        weights = arrays.weights(w, n)
        total.add_sums(arrays.total(1.0, weights, n))
        for name, column in columns.items():
            try:
                part = self.fields[name].summarise(column, weights)
            except ObservationError as error:
                raise ObservationError(f"field {reprlib.repr(name)}: {error}") from None
            total.parts[name].merge(part)
        return total

    def named(self, x: Any) -> dict[Any, Any]:
        """Return the values of an observation, keyed by field."""
        return dict(by_field(x, self.fields))

    def _states(self) -> dict[Any, State]:
        """Return a state for every field; these states share their statistics with this one."""
        parts = self._statistics.parts
        return {name: state.with_statistics(parts[name]) for name, state in self.fields.items()}

    def parts(self) -> dict[Any, State]:
        """Return the belief about every field, as a separate state."""
        return {name: copy.copy(state) for name, state in self._states().items()}

    @property
    def prior_share(self) -> float | None:
        """The largest weight of a prior among the fields with data."""
        states = [state for state in self._states().values() if state.n_samples > 0.0]
        return max((s.prior_share for s in states if s.prior_share is not None), default=None)

    def as_component(self) -> Self:
        """Return the product of the fields' priors as components."""
        fields = {name: state.as_component() for name, state in self.fields.items()}
        same = all(fields[name] is state for name, state in self.fields.items())
        return self if same else type(self)(fields, self.seed)

    def marginal(self, name: Any) -> State:
        """Return the belief about one field, as a separate state.

        Raises
        ------
        PriorError
            If the field does not exist.
        """
        if name not in self.fields:
            raise PriorError(f"expected a field of {tuple(self.fields)}, got {name!r}")
        return copy.copy(self._states()[name])

    @property
    def prior(self) -> ProductHyperparameters:
        """The prior's hyperparameters."""
        families = tuple(map(type, self.fields.values()))
        return ProductHyperparameters({k: s.prior for k, s in self.fields.items()}, families)

    @property
    def posterior(self) -> ProductHyperparameters:
        """The posterior's hyperparameters."""
        return self.combine(self.prior, self._statistics.value)

    def observation_parameter(self, theta: Any) -> dict[Any, Any]:
        """Return the parameters of the fields' likelihoods."""
        named = by_field(theta, self.fields, PriorError)
        return {name: self.fields[name].observation_parameter(v) for name, v in named.items()}

    # The result for a field is that of its state.

    def _each(self, answer: Callable[[State], Any]) -> dict[Any, Any] | None:
        return none_if_all_none({name: answer(state) for name, state in self._states().items()})

    @property
    def mle(self) -> dict[Any, Any] | None:
        """The maximum likelihood estimate of every field; None if it does not exist."""
        return self._each(lambda state: state.mle)

    @property
    def map(self) -> dict[Any, Any] | None:
        """The posterior mode of every field; None if it does not exist."""
        return self._each(lambda state: state.map)

    @property
    def mean(self) -> dict[Any, Any] | None:
        """The posterior mean of every field; None if it does not exist."""
        return self._each(lambda state: state.mean)

    @property
    def var(self) -> dict[Any, Any] | None:
        """The posterior variance of every field; None if it does not exist."""
        return self._each(lambda state: state.var)

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> dict[Any, Any] | None:
        """Return the credible interval of every field's parameter; None while improper."""
        check_level(level, kind)
        return self._each(lambda state: state.interval(level, kind))

    def proper_posterior(self) -> ProductHyperparameters:
        """Return the posterior's hyperparameters; raise PriorError if one is improper."""
        for name, state in self._states().items():
            try:
                state.proper_posterior()
            except PriorError as error:
                raise PriorError(f"field {name!r}: {error}") from None
        return self.posterior

    @property
    def predictive(self) -> distributions.Distribution:
        """The joint distribution of the next value of every field."""
        self.proper_posterior()
        fields = {name: state.predictive for name, state in self._states().items()}
        return self.likelihood.predictive(fields)

    def predict_one(self, x: Any = None) -> dict[Any, Any] | None:
        """Predict the next value of every field: the most probable label or the mean."""
        return self._each(lambda state: state.predict_one())

    def predict_proba_one(self, x: Any = None) -> dict[Any, Any]:
        """Return the predictive probability of every label of every field."""
        return {name: state.predict_proba_one() for name, state in self._states().items()}

    def get(self) -> dict[Any, Any] | None:
        """Return the value of every field as a River statistic."""
        return self._each(lambda state: state.get())

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data) for the fields of `x`.

        Raises
        ------
        ObservationError
            If `x` is outside the support or contains none of the fields.
        """
        self.observe(x)
        states = self._states()
        values = self.named(x)
        return math.fsum(states[name].log_predictive(value) for name, value in values.items())

    def explain(self, x: Any, at: Any = None, log: bool = False) -> Explanation:
        """Return the terms of Bayes' rule for the fields of an observation.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> print(Product([Beta(2, 2), Beta(1, 1)]).explain({0: True}))
        prior 1.44 × likelihood 0.6 ÷ evidence 0.5 = posterior 1.728
        """
        one = self.observe(x)
        states, before, named = self._states(), self.posterior, self.named(x)
        places = {} if at is None else by_field(at, self.fields, PriorError)
        steps = {
            name: states[name].explain(value, places.get(name), log=True)
            for name, value in named.items()
        }
        step = Explanation(
            x,
            {name: each.at for name, each in steps.items()} if at is None else at,
            prior=math.fsum(each.prior for each in steps.values()),
            likelihood=math.fsum(each.likelihood for each in steps.values()),
            evidence=math.fsum(each.evidence for each in steps.values()),
            posterior=math.fsum(each.posterior for each in steps.values()),
            before=before,
            after=self.combine(before, one.value),
            log=True,
        )
        return step if log else step.exponentiated()

    def rollover(self) -> None:
        """Make the posterior the new prior, and reset the statistics."""
        rolled = {name: copy.copy(state) for name, state in self._states().items()}
        for state in rolled.values():
            state.rollover()
        self.fields = rolled
        self._statistics = self.new_statistics()

    def check_mergeable(self, other: Any) -> None:
        """Raise an error if the family or the fields differ, or a field cannot be merged."""
        if type(other) is not type(self):
            raise MergeError(f"cannot merge {type(other).__name__} into {type(self).__name__}")
        if tuple(other.fields) != tuple(self.fields):
            raise MergeError(f"fields differ: {tuple(self.fields)} and {tuple(other.fields)}")
        for name, state in self.fields.items():
            try:
                state.check_mergeable(other.fields[name])
            except MergeError as error:
                raise MergeError(f"field {name!r}: {error}") from None

    # Serialization, including every field's data.

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a versioned dictionary of JSON values, nested by field."""
        named = [
            [serialization.encode(name), state.to_dict()] for name, state in self._states().items()
        ]
        return {
            "seqbayes": serialization.VERSION,
            "family": type(self).__name__,
            "fields": {"pairs": named},
            "statistics": list(self._statistics.dump()[:2]),
            "seed": self.seed,
        }

    @classmethod
    def from_document(cls, document: serialization.Document) -> Self:
        """Return the product that a document describes."""
        states = document.states(State.from_dict)
        n = document.numbers("statistics", 2)
        product: Self = _restore(cls, by_label(states, "states"), n, document.seed())
        if not product.statistics.is_possible():
            raise PriorError(f"cannot read statistics {n!r}: they do not match the fields")
        return product

    def __reduce__(self) -> tuple[Any, ...]:
        n = self._statistics.dump()[:2]
        return _restore, (type(self), self._states(), n, self.seed)


def _restore(
    kind: type[Product], states: Mapping[Any, State], n: tuple[float, float], seed: int | None
) -> Any:
    """Return a product with the priors and data of these states; `n` is its total weight."""
    product = kind.__new__(kind)
    product.fields = {
        name: state.with_statistics(state.new_statistics()) for name, state in states.items()
    }
    State.__init__(
        product,
        likelihood=product.joint_likelihood(product.fields),
        seed=seed,
    )
    product.statistics.load((*n, tuple(state.statistics.dump() for state in states.values())))
    return product
