"""The Dirichlet process prior, for the shares of labels that are not known in advance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from seqbayes import distributions, likelihoods
from seqbayes.elicit import check_proportions
from seqbayes.explanation import Explanation
from seqbayes.families.dirichlet import LabelState, by_label
from seqbayes.families.dirichlet_belief import DirichletBelief, log_multivariate_beta
from seqbayes.likelihoods import LabelLikelihood, check_parameter
from seqbayes.numerics import sc, special
from seqbayes.numerics.elementary import logarithm
from seqbayes.registry import register


class DirichletProcessHyperparameters(NamedTuple):
    """Concentration of all unknown labels, and the weight of every known label."""

    concentration: float
    atoms: dict[Any, float]


@register
class DirichletProcess(LabelState[DirichletProcessHyperparameters]):
    """Belief about the shares of an open vocabulary: a label is added when it first occurs.

    Parameters
    ----------
    concentration
        Weight of unknown labels, > 0: the next label is new with probability
        ``concentration / (concentration + n)``.
    atoms
        Labels known in advance, with their prior weights, > 0.
    likelihood
        `Categorical`.
    seed
        Seed for `sample`.

    Notes
    -----
    The evidence is the exchangeable partition probability: the probability of the pattern of
    repeated and new labels, without the names of new labels. The random measure has no density over
    all labels, so there is no mode; `pdf` is the density of the known labels' shares.

    Raises
    ------
    PriorError
        If the concentration or an atom's weight is not above zero.

    References
    ----------
    .. [1] Pitman, J. (1995). Exchangeable and partially exchangeable random partitions.
    .. [2] Ghosal, S. and van der Vaart, A. (2017). Fundamentals of Nonparametric Bayesian
       Inference.

    Examples
    --------
    >>> from seqbayes import DirichletProcess
    >>> words = DirichletProcess(concentration=1.0)
    >>> words.learn_many(["to", "be", "or", "not", "to", "be"])
    >>> words.predict_one(), round(words.unseen, 4)
    ('to', 0.1429)
    """

    likelihoods = (likelihoods.Categorical,)
    parameters = ("concentration", "atoms")
    open_ended = True
    component_adapter = None
    component_adapter_reason = "the number of its labels is not fixed; use a Dirichlet"

    def __init__(
        self,
        concentration: float = 1.0,
        atoms: Mapping[Any, float] | None = None,
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.concentration = check_parameter("concentration", concentration)
        self.atoms = {
            label: check_parameter(f"weight of {label!r}", weight)
            for label, weight in by_label({} if atoms is None else atoms, "weights").items()
        }
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def from_proportions(
        cls,
        proportions: Mapping[Any, float],
        strength: float,
        concentration: float = 1.0,
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with these known labels, equivalent to `strength` observations."""
        strength = check_parameter("strength", strength)
        shares = check_proportions(proportions)
        return cls(concentration, {k: strength * p for k, p in shares.items()}, likelihood, seed)

    def _categories(self) -> None:
        return None

    @property
    def prior(self) -> DirichletProcessHyperparameters:
        """The prior's hyperparameters."""
        return DirichletProcessHyperparameters(self.concentration, dict(self.atoms))

    @property
    def categories(self) -> tuple[Any, ...]:
        """The labels known so far, in order of first appearance."""
        return tuple(self.posterior.atoms)

    @property
    def vocabulary(self) -> Mapping[Any, Any]:
        """A mapping whose keys are the labels that were observed."""
        cells: Mapping[Any, Any] = self._statistics.cells
        return cells

    def label_weights(self) -> tuple[dict[Any, float], float]:
        """Return the weight of every known label, and the total weight of all others."""
        concentration, atoms = self.posterior
        return atoms, concentration

    @staticmethod
    def combine(
        prior: DirichletProcessHyperparameters, statistic: dict[Any, float]
    ) -> DirichletProcessHyperparameters:
        """Return the hyperparameters after learning these counts."""
        atoms = dict(prior.atoms)
        for label, count in statistic.items():
            atoms[label] = atoms.get(label, 0.0) + count
        return DirichletProcessHyperparameters(prior.concentration, atoms)

    @property
    def prior_share(self) -> float:
        """Weight of the prior in the predicted shares."""
        prior = self.concentration + math.fsum(self.atoms.values())
        return prior / (prior + math.fsum(self.statistics.value.values()))

    @staticmethod
    def is_proper(hyperparameters: DirichletProcessHyperparameters) -> bool:
        """Return True: the prior is always proper."""
        return True

    @staticmethod
    def log_z(hyperparameters: DirichletProcessHyperparameters) -> float:
        """Return the log normaliser of the known labels' shares."""
        concentration, atoms = hyperparameters
        alpha = np.array([*atoms.values(), concentration])
        return float(log_multivariate_beta(alpha))

    @staticmethod
    def log_marginal(
        hyperparameters: DirichletProcessHyperparameters, statistic: dict[Any, float]
    ) -> float:
        """Return the log exchangeable partition probability of these counts."""
        concentration, atoms = hyperparameters
        counts = {label: n for label, n in statistic.items() if n > 0.0}
        if not counts:
            return 0.0
        largest = max(counts, key=lambda label: atoms.get(label, 0.0) + counts[label])
        n, weight = counts.pop(largest), atoms.get(largest, 0.0)
        others = math.fsum(counts.values())
        rest = math.fsum(v for label, v in atoms.items() if label != largest) + concentration
        log_concentration = math.log(concentration)
        terms = [
            special.log_rising(atoms[label], m)
            if label in atoms
            else log_concentration + math.lgamma(m)
            for label, m in counts.items()
        ]
        if n + others <= rest:  # few data
            terms.append(-special.log_rising(weight + rest, n + others))
            terms.append(
                special.log_rising(weight, n) if weight else log_concentration + math.lgamma(n)
            )
        else:  # computed from the other labels' small weights if one label dominates
            terms.append(-special.log_rising(weight + n, rest + others))
            terms.append(
                special.log_rising(weight, rest)
                if weight
                else log_concentration + math.lgamma(rest)
            )
        return math.fsum(terms)

    @staticmethod
    def log_likelihood(theta: Any, statistic: dict[Any, float]) -> float:
        """Return the log probability of counts of known labels, given their shares."""
        return math.fsum(
            float(sc.xlogy(count, theta.get(label, 0.0))) for label, count in statistic.items()
        )

    @property
    def mle(self) -> dict[Any, float] | None:
        """The observed shares; None without data."""
        counts = self._statistics.value
        total = math.fsum(counts.values())
        return {label: n / total for label, n in counts.items()} if total > 0.0 else None

    @staticmethod
    def belief(hyperparameters: DirichletProcessHyperparameters) -> DirichletBelief:
        """Return the distribution of the known labels' shares."""
        concentration, atoms = hyperparameters
        return DirichletBelief([*atoms.values(), concentration], tuple(atoms), rest=True)

    def explain(self, x: Any, at: Any = None, log: bool = False) -> Explanation:
        """Return the terms of Bayes' rule for one observation, without learning it.

        Parameters
        ----------
        x
            The label. The likelihood of a new label is the total share of all unknown labels; the
            densities are those of the known labels' shares.
        at
            The shares at which the densities are evaluated; by default the posterior mean.
        log
            Whether to return logarithms.

        Examples
        --------
        >>> words = DirichletProcess(concentration=1.0, atoms={"to": 2, "be": 1})
        >>> print(words.explain("or"))
        prior 3 × likelihood 0.25 ÷ evidence 0.25 = posterior 3
        """
        one = self.observe(x)
        before = self.posterior
        concentration, atoms = before
        if x in atoms:
            return super().explain(x, at, log)
        if at is None:
            at = self.belief(before).mean
        fewer = DirichletProcessHyperparameters(concentration + 1.0, atoms)
        step = Explanation(
            x,
            at,
            prior=self.belief(before).logpdf(at),
            likelihood=logarithm(max(0.0, 1.0 - math.fsum(at.values()))),
            evidence=self.log_marginal(before, one.value),
            posterior=self.belief(fewer).logpdf(at),
            before=before,
            after=self.combine(before, one.value),
            log=True,
        )
        return step if log else step.exponentiated()

    @property
    def unseen(self) -> float:
        """Predictive probability that the next label is a new one."""
        concentration, atoms = self.posterior
        return float(concentration / (concentration + math.fsum(atoms.values())))

    @property
    def predictive(self) -> distributions.Distribution:
        """The distribution of the next label."""
        concentration, atoms = self.posterior
        return self.likelihood.predictive(atoms, concentration)

    def predict_proba_one(self, x: Any = None) -> dict[Any, float]:
        """Return the predictive probability of every known label; `unseen` is the remainder."""
        concentration, atoms = self.posterior
        whole = concentration + math.fsum(atoms.values())
        return {label: weight / whole for label, weight in atoms.items()}
