"""Stop an experiment at any time with a bounded error rate."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from seqbayes import serialization
from seqbayes.compare import evidence
from seqbayes.compare.decision import Decision
from seqbayes.compare.numbers import direction_of, named_beliefs
from seqbayes.compare.planning import BETTER, more_observations
from seqbayes.errors import ObservationError, PriorError, UnsupportedError
from seqbayes.likelihoods import check_parameter
from seqbayes.state import State

_LARGEST_LOG = 700.0

_SHARE = 0.02
"""A block is closed when it contains this share of the data of each of its two arms."""


class Gate:
    """A sequential test that finds the best arm, and may be checked after every observation.

    Parameters
    ----------
    state
        The likelihood of observations: a state without data.
    arms
        Names of two or more arms.
    alpha
        Largest probability of ever calling an arm the best although it is not.
    effect
        Typical size of an effect: a difference in log odds or in log rates, or a difference between
        means in standard deviations. It determines how soon the test decides, not its guarantee.
    better
        Whether the "higher" or the "lower" parameter is better.
    label
        The label whose shares are compared, for states about labels.
    quantity
        The number by which arms are better, as in `compare`: by default the parameter. There is a
        test for quantities that are equal only if the parameters are equal.

    Raises
    ------
    PriorError
        If a parameter is invalid.
    UnsupportedError
        If there is no sequential test for the likelihood, or for the quantity.

    Notes
    -----
    For each pair of arms, an e-process tests the hypothesis that the first one is not better: a
    likelihood ratio of an effect to no effect, averaged over a prior on the effect. The unknown
    common rate, scale, mean or variance is eliminated from this ratio. An arm is the best if its
    e-values against all k - 1 others have reached k / alpha [1]_ [2]_. For a `Hurdle`, the null
    hypothesis is about the expected value, the denominator is the largest likelihood under it
    [3]_, (k - 1) / alpha suffices, and arms must receive their data in constant proportions.

    The assignment to arms may depend on time, but must not depend on outcomes. Rates of trials and
    events may vary over time if they are equal in all arms; their data are compared in blocks of at
    least 2 % of the data of an arm. The memory does not grow with the data.

    References
    ----------
    .. [1] Turner, R., Ly, A. and Grünwald, P. (2024). Generic E-variables for exact sequential
       k-sample tests that allow for optional stopping. JSPI 230.
    .. [2] Pérez-Ortiz, M. F. et al. (2024). E-statistics, group invariance and anytime-valid
       testing. Annals of Statistics 52.
    .. [3] Wasserman, L., Ramdas, A. and Balakrishnan, S. (2020). Universal inference. PNAS 117.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> gate = Gate(Beta(), ["A", "B"])
    >>> gate.learn_many("A", [True] * 8 + [False] * 92)
    >>> gate.learn_many("B", [True] * 30 + [False] * 70)
    >>> found = gate.decision()
    >>> found.best, found.guarantee, round(found.e_values["B"]["A"])
    ('B', 'anytime-valid', 105)
    """

    def __init__(
        self,
        state: State,
        arms: Iterable[Hashable],
        *,
        alpha: float = 0.05,
        effect: float = 0.2,
        better: str = "higher",
        label: Any = None,
        quantity: str | float | None = None,
    ) -> None:
        if not isinstance(state, State):
            raise PriorError(f"expected a state without data, got {state!r}")
        names: Any = arms
        self.names = tuple(names) if isinstance(names, Iterable) else (names,)
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise PriorError(f"expected two or more different arms, got {list(self.names)}")
        if better not in BETTER:
            raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
        self.alpha = check_parameter("alpha", alpha, high=0.5)
        self.effect = check_parameter("effect", effect, high=10.0)
        self.better, self.label, self.quantity = better, label, quantity
        self.kind = evidence.kind_of(state)
        rises = direction_of(state, quantity) > 0
        # whether the higher or the lower parameter is better
        self._better = better if rises else BETTER[1 - BETTER.index(better)]
        if self.kind == "labels" and label is None:
            raise PriorError(
                "a belief about labels is tested by the share of one label: pass a label"
            )
        self._prior = evidence.effect_prior(self.effect)
        self._arms = {name: state.clone() for name in self.names}
        self._pairs = [(a, b) for i, a in enumerate(self.names) for b in self.names[i + 1 :]]
        self._closed = dict.fromkeys(self._pairs, (_NOTHING, _NOTHING))
        # for pairs with blocks, the log likelihood ratios of all effects over closed blocks
        self._factors = {pair: np.zeros((2, len(self._prior.effects))) for pair in self._pairs}
        self._largest = {pair: np.full(2, -math.inf) for pair in self._pairs}

    def learn_one(self, arm: Hashable, x: Any) -> None:
        """Learn one observation from an arm.

        Raises
        ------
        ObservationError
            If the observation is outside the support, or the arm does not exist.
        """
        self._arm(arm).learn_one(x)
        self._close(arm)

    def learn_many(self, arm: Hashable, xs: Iterable[Any]) -> None:
        """Learn many observations from an arm; none of them is learned if one is invalid.

        Raises
        ------
        ObservationError
            If an observation is outside the support, or the arm does not exist.
        """
        self._arm(arm).learn_many(xs)
        self._close(arm)

    def look(self, states: Mapping[Any, State]) -> None:
        """Use the data of states that have learned more since the last call.

        The increments since the last call form one block; any number of calls is allowed.

        Parameters
        ----------
        states
            A state of every arm, with all its data.

        Raises
        ------
        ObservationError
            If an arm is missing, has fewer data than before, or has a state of another family or
            likelihood.
        """
        given: Any = states
        if not isinstance(given, Mapping) or set(given) != set(self.names):
            raise ObservationError(
                f"expected states for the arms {list(self.names)}, got {given!r:.200}"
            )
        for name, state in states.items():
            mine = self._arms[name]
            if type(state) is not type(mine) or state.likelihood != mine.likelihood:
                expected = f"expected a {type(mine).__name__} state of {mine.likelihood}"
                raise ObservationError(f"{expected} for arm {name!r}, got {state!r:.200}")
            if state.n_samples < mine.n_samples:
                expected = (
                    f"expected the state of arm {name!r} to contain the data of the previous call"
                )
                raise ObservationError(expected)
        for name, state in states.items():
            self._arms[name].statistics.load(state.statistics.dump())
        if self.kind in evidence.ADDITIVE:
            for pair in self._pairs:
                self._close_pair(pair, least=0.0)

    def _arm(self, arm: Hashable) -> State:
        if arm not in self._arms:
            raise ObservationError(f"expected one of the arms {list(self.names)}, got {arm!r}")
        return self._arms[arm]

    def _close(self, arm: Hashable) -> None:
        """Close the blocks of an arm that are large enough."""
        if self.kind not in evidence.ADDITIVE:
            return
        mine = evidence.sample_of(self._arms[arm], self.label).n
        for pair in self._pairs:
            if arm in pair and mine >= self._closed[pair][pair.index(arm)].n + 1.0:
                self._close_pair(pair, _SHARE)

    def _samples(self, pair: tuple[Any, Any]) -> tuple[Any, Any]:
        first, second = (evidence.sample_of(self._arms[name], self.label) for name in pair)
        return first, second

    def _close_pair(self, pair: tuple[Any, Any], least: float) -> None:
        """Close the block of a pair if both arms have at least the given share of their data in it.

        Whether the block is closed depends only on the numbers of observations, not on outcomes.
        """
        now, closed = self._samples(pair), self._closed[pair]
        sizes = [mine.n - before.n for mine, before in zip(now, closed, strict=True)]
        enough = max(1.0, least * min(each.n for each in now))
        if min(sizes) < enough:
            return
        block = [evidence.Sample(*np.subtract(*each)) for each in zip(now, closed, strict=True)]
        self._factors[pair] += evidence.log_factors(self.kind, block[0], block[1], self._prior)
        self._closed[pair] = now

    def _log_e(self, pair: tuple[Any, Any]) -> Any:
        """Return the current log e-values of a pair, and remember the largest."""
        if self.kind in evidence.ADDITIVE:
            found = evidence.mixed(self._factors[pair], self._prior)
        else:
            found = evidence.log_e_values(self.kind, *self._samples(pair), self._prior)
        self._largest[pair] = np.maximum(self._largest[pair], found)
        return self._largest[pair]

    @property
    def best(self) -> Hashable:
        """The arm that is the best; None while the test has not decided."""
        leader, log_e = _leader(self._log_e_values())
        return leader if log_e >= self._log_limit(self.alpha) else None

    def _log_limit(self, alpha: float) -> float:
        return evidence.log_limit(self.kind, len(self.names), alpha)

    def decision(self) -> Decision:
        """Return the current result of the test."""
        samples = {name: evidence.sample_of(s, self.label) for name, s in self._arms.items()}
        found = self._log_e_values()
        leader, log_e = _leader(found)
        reached = log_e >= self._log_limit(self.alpha)
        more = None
        if not reached:
            more = more_observations(self.kind, samples, self._prior, self.alpha, self._better)
        return Decision(
            "anytime-valid",
            "",
            self.alpha,
            leader if reached else None,
            {
                a: {b: math.exp(min(log_e, _LARGEST_LOG)) for b, log_e in others.items()}
                for a, others in found.items()
            },
            math.exp(min(0.0, self._log_limit(1.0) - log_e)),
            0.0 if reached else more,
        )

    def _log_e_values(self) -> dict[Any, dict[Any, float]]:
        """Return the largest log e-value so far of each arm being better than each other arm."""
        flip = BETTER.index(self._better)
        found: dict[Any, dict[Any, float]] = {name: {} for name in self.names}
        for a, b in self._pairs:
            sides = self._log_e((a, b)).tolist()
            found[a][b], found[b][a] = sides[flip], sides[1 - flip]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as a compact, versioned dictionary of JSON values.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> gate = Gate(Gamma(1, 1), ["A", "B"], better="lower")
        >>> gate.learn_one("A", 3)
        >>> Gate.from_dict(gate.to_dict()).better
        'lower'
        """
        options: dict[str, Any] = {
            "alpha": self.alpha,
            "effect": self.effect,
            "better": self.better,
        }
        if self.quantity is not None:
            options["quantity"] = self.quantity
        return {
            "seqbayes": serialization.VERSION,
            "gate": options,
            "label": serialization.encode(self.label),
            "arms": [[serialization.encode(a), s.to_dict()] for a, s in self._arms.items()],
            "pairs": [
                [
                    *(list(each) for each in self._closed[pair]),
                    self._factors[pair].ravel().tolist(),
                    serialization.encode(self._largest[pair].tolist()),
                ]
                for pair in self._pairs
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a gate from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe a gate.
        """
        serialization.Document(data)
        try:
            states = {serialization.decode(a): State.from_dict(s) for a, s in data["arms"]}
            label = serialization.decode(data["label"])
            gate = cls(next(iter(states.values())), states, label=label, **data["gate"])
            for pair, (first, second, factors, largest) in zip(
                gate._pairs, data["pairs"], strict=True
            ):
                gate._closed[pair] = evidence.Sample(*first), evidence.Sample(*second)
                gate._factors[pair] = np.array(factors, float).reshape(2, -1)
                gate._largest[pair] = np.array(serialization.decode(largest), float)
                np.broadcast_shapes(gate._factors[pair].shape, (2, len(gate._prior.effects)))
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise PriorError(f"cannot read the gate: {error}") from None
        gate._arms = states
        return gate


_NOTHING = evidence.Sample(0.0, 0.0, 0.0)


def _leader(found: Mapping[Any, Mapping[Any, float]]) -> tuple[Any, float]:
    """Return the arm whose smallest evidence against another arm is largest, and this evidence."""
    weakest = {name: min(others.values()) for name, others in found.items()}
    return max(weakest.items(), key=lambda item: item[1])


def decide(
    beliefs: Mapping[Any, Any] | Sequence[Any],
    *,
    alpha: float = 0.05,
    effect: float = 0.2,
    better: str = "higher",
    label: Any = None,
    quantity: str | float | None = None,
) -> Decision:
    """Apply a sequential test to the data that states have learned.

    Parameters
    ----------
    beliefs
        Two or more states, keyed by name, with all data of an experiment; the items of a sequence
        are named 0, 1, …
    alpha, effect, better, label, quantity
        As in `Gate`.

    Returns
    -------
    Decision
        The result. If there is no test for the data or the quantity, its guarantee is "none", with
        a reason.

    Raises
    ------
    PriorError
        If a parameter is invalid.

    Notes
    -----
    If the function is called repeatedly as more trials or events arrive, the arms must receive data
    in constant proportions. Otherwise use a `Gate`, which compares block by block.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> found = decide({"A": Beta(1 + 0, 1 + 0), "B": Beta(1, 1)})
    >>> found.best, found.p_value
    (None, 1.0)
    """
    beliefs = named_beliefs(beliefs)
    states = list(beliefs.values())
    if len(states) < 2:
        raise PriorError(f"expected two or more beliefs to compare, got {len(states)}")
    try:
        for state in states:
            if not isinstance(state, State):
                raise UnsupportedError("only the data of states can be tested")
        if any(state.likelihood != states[0].likelihood for state in states):
            raise UnsupportedError("the likelihoods differ")
        if any(type(state) is not type(states[0]) for state in states):
            raise UnsupportedError("the families of the priors differ")
        gate = Gate(
            states[0],
            beliefs,
            alpha=alpha,
            effect=effect,
            better=better,
            label=label,
            quantity=quantity,
        )
        known = [s.marginal("amount") if gate.kind == "hurdle" else s for s in states]
        if known[0].two_sample == "normal" and len({s.prior.known_variance for s in known}) > 1:
            raise UnsupportedError("the known variances differ")
        gate.look(beliefs)
        return gate.decision()
    except UnsupportedError as error:
        return Decision("none", str(error), alpha, None, {}, 1.0, None)
