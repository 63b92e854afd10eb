"""The formulas for independent fields: sums over the fields, or mappings from field to result."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from seqbayes import distributions
from seqbayes.errors import PriorError
from seqbayes.state import State
from seqbayes.statistics import FieldStatistic
from seqbayes.tables import by_field


class ProductHyperparameters(NamedTuple):
    """Hyperparameters keyed by field, and the families of the fields in order."""

    fields: dict[Any, Any]
    families: tuple[type[State], ...]

    def members(self) -> list[tuple[Any, type[State], Any]]:
        """Return the name, family and hyperparameters of every field."""
        return [
            (name, family, h)
            for (name, h), family in zip(self.fields.items(), self.families, strict=True)
        ]


class ProductFormulas:
    """The functions of hyperparameters that `Product` supplies as a family."""

    @staticmethod
    def combine(prior: ProductHyperparameters, statistic: FieldStatistic) -> ProductHyperparameters:
        """Return the hyperparameters after learning data with these statistics."""
        fields = {
            name: family.combine(h, statistic.fields[name]) for name, family, h in prior.members()
        }
        return ProductHyperparameters(fields, prior.families)

    @staticmethod
    def is_proper(hyperparameters: ProductHyperparameters) -> bool:
        """Whether the densities of all fields integrate to one."""
        return all(family.is_proper(h) for _, family, h in hyperparameters.members())

    @staticmethod
    def log_z(hyperparameters: ProductHyperparameters) -> Any:
        """Return the sum of the fields' log normalising constants."""
        return sum(family.log_z(h) for _, family, h in hyperparameters.members())

    @staticmethod
    def log_marginal(hyperparameters: ProductHyperparameters, statistic: FieldStatistic) -> Any:
        """Return the sum of the fields' log marginal likelihoods, minus the log base measures."""
        return sum(
            family.log_marginal(h, statistic.fields[name])
            for name, family, h in hyperparameters.members()
        )

    @classmethod
    def log_probability(cls, hyperparameters: ProductHyperparameters, statistics: Any) -> float:
        """Return the sum of the fields' log marginal likelihoods."""
        return math.fsum(
            family.log_probability(h, statistics.parts[name])
            for name, family, h in hyperparameters.members()
        )

    @staticmethod
    def log_likelihood(theta: Any, statistic: FieldStatistic) -> Any:
        """Return the sum of the fields' log likelihoods, minus the log base measures."""
        theta = by_field(theta, statistic.fields, PriorError)
        families = zip(statistic.fields, statistic.families, strict=True)
        return sum(
            family.log_likelihood(theta[name], statistic.fields[name])
            for name, family in families
            if name in theta
        )

    @staticmethod
    def belief(hyperparameters: ProductHyperparameters) -> distributions.Product:
        """Return the joint distribution of the fields' parameters."""
        return distributions.Product(
            {n: family.belief(h) for n, family, h in hyperparameters.members()}
        )
