"""The story of the two coins as text and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from seqbayes.console.palette import Signs
from seqbayes.console.text import count_of, density, signed
from seqbayes.replay.coins.formulas import chance, divisions, objective, objective_name
from seqbayes.replay.coins.steps import (
    COINS,
    PRIORS,
    CoinOpening,
    Coins,
    CoinStep,
    EmState,
    PlannedStep,
    SetRow,
    StepKind,
)
from seqbayes.replay.story import Schedule, Story, StoryScreen


class CoinStory(Coins, Story[CoinStep]):
    """Two coins, learned with their labels and then without them.

    Parameters
    ----------
    iterations
        Number of EM iterations.
    start
        Initial probabilities of heads of A and B.
    prior
        ``flat``, or ``beta22`` for MAP-EM.
    learn_weights
        Whether to learn the probabilities of picking each coin as well, with the same kind of
        prior.

    Raises
    ------
    PriorError
        If `prior`, `start` or `iterations` is invalid.

    Examples
    --------
    >>> from seqbayes.replay.coins import CoinStory
    >>> *_, last = CoinStory(iterations=10)
    >>> print("A {:.2f}, B {:.2f}".format(*last.thetas))
    A 0.80, B 0.52
    """

    name = "coins"

    @property
    def total(self) -> int:  # type: ignore[override]
        """Number of steps."""
        return len(self.plan)

    @property
    def schedule(self) -> Schedule:
        """A schedule with time to read new content, and less time for each repetition."""
        return reading(self.plan)

    def screen(self, signs: Signs) -> StoryScreen[CoinStep]:
        """Return a screen that draws the story with this character set."""
        from seqbayes.replay.coins.screen import CoinScreen  # imports rich

        return CoinScreen(self.opening, signs)

    def opening_lines(self) -> Iterator[str]:
        """Yield the lines printed before the first step."""
        sets = self.opening.sets
        a, b = self.opening.hyperparameters
        yield (
            f"Two coins, {len(sets)} sets of {len(sets[0].sequence)} tosses,"
            f" each set with one of them. {self.opening.source}"
        )
        yield f"Prior for each coin's probability of heads: Beta({a:g}, {b:g})"
        yield "1. The coins are known: count heads and tails of each"

    def step_lines(self, step: CoinStep) -> Iterator[str]:
        """Yield the line of one step."""
        where = "known"
        if step.iteration:
            where = f"{step.iteration} {'M-step' if step.kind == StepKind.DIVIDE else 'E-step'}"
        if step.kind == StepKind.HIDE:
            start = step.path[0]
            a, b = map(chance, start.thetas)
            yield "# 2. The coins are unknown: split every set, update the coins, repeat"
            yield (
                "# A coin receives its probability times the heads and tails of a set: their"
                " expectation, the average over both possible coins"
            )
            yield f"start A {a}, B {b}; {self._objective(start)}"
        elif step.kind == StepKind.ROW:
            yield f"{where} {_describe_row(step.rows[-1])}"
        elif step.kind == StepKind.SUMS:
            assert step.sums is not None
            sums = "; ".join(
                f"{coin} {one.heads:.1f} heads, {one.tails:.1f} tails"
                for coin, one in zip(COINS, step.sums, strict=True)
            )
            yield f"{where} sums: {sums}"
        else:
            line = "; ".join(divisions(step, self.opening))
            if step.path:
                before, after = (objective(one, self.opening) for one in step.path[-2:])
                line += f"; {objective_name(self.opening)} {signed(before)} → {signed(after)}"
            yield f"{where} {line}"
            if not step.path and self.opening.flat:
                yield f"# {with_prior(step)}"

    def _objective(self, state: EmState) -> str:
        return f"{objective_name(self.opening)} {signed(objective(state, self.opening))}"

    def opening_event(self) -> dict[str, Any]:
        """Return the event before the first step."""
        opening = self.opening
        return {
            "event": "start",
            "story": self.name,
            "source": opening.source,
            "sets": [tosses.sequence for tosses in opening.sets],
            "noted": [tosses.known_coin for tosses in opening.sets],
            "prior": {"name": opening.prior, "hyperparameters": list(opening.hyperparameters)},
            "start": _by_coin(opening.start),
            "learn_weights": opening.learn_weights,
            "iterations": opening.iterations,
        }

    def step_event(self, step: CoinStep) -> dict[str, Any]:
        """Return the event of one step."""
        event: dict[str, Any] = {"event": step.kind.value, "number": step.number}
        event["iteration"] = step.iteration
        if step.kind == StepKind.ROW:
            event |= _encode_row(step.rows[-1])
        if step.sums is not None:
            event["sums"] = _by_coin([one._asdict() for one in step.sums])
        if step.kind == StepKind.SUMS:
            event["rows"] = [_encode_row(row) for row in step.rows]
        if step.thetas is not None:
            event["thetas"] = _by_coin(step.thetas)
        if step.path:
            event |= _encode_state(step.path[-1])
        return event

    def closing_event(self, step: CoinStep | None) -> dict[str, Any]:
        """Return the state of EM after the last step."""
        last = step.path[-1] if step is not None and step.path else None
        return {
            "iterations": 0 if step is None else max(0, len(step.path) - 1),
            "thetas": None if last is None else _by_coin(last.thetas),
            **({} if last is None else _encode_state(last)),
        }

    def summary(self, step: CoinStep | None, stopped: bool) -> list[str]:
        """Return the results as sentences."""
        opening = self.opening
        if step is None:
            return ["Stopped before the first set."]
        if not step.path:
            text = "Stopped while the coins are known." if stopped else "The coins are known."
            return [text, *_known(step)]
        first, last = step.path[0], step.path[-1]
        taken = len(step.path) - 1
        if taken == 0:
            return [
                f"Stopped in the first iteration of {opening.iterations}: {_estimates(last)},"
                " the initial guess."
            ]
        return [
            _done(opening, step, taken, stopped),
            _describe_improvement(opening, first, last),
            _clusters(opening, last),
            _prior(opening, last),
        ]


def with_prior(step: CoinStep) -> str:
    """Return the estimates of known coins with a prior, to compare them with the MLE."""
    assert step.sums is not None
    a, b = PRIORS["beta22"]
    estimates = ", ".join(
        f"{coin} {(one.heads + a - 1.0) / (one.heads + one.tails + a + b - 2.0):.3f}"
        for coin, one in zip(COINS, step.sums, strict=True)
    )
    return f"These are the MLE. The MAP with the prior Beta({a:g}, {b:g}) is {estimates}"


def reading(plan: tuple[PlannedStep, ...]) -> Schedule:
    """Return a schedule with time to read new content, and less time for each repetition."""
    until = list(accumulate(map(_seconds, plan), initial=4.0))
    return lambda number: until[number]


def _seconds(step: PlannedStep) -> float:
    kind, iteration, shown = step
    if iteration > 1:
        return 3.0 / iteration
    if kind == StepKind.ROW:
        return (5.0 if shown == 1 else 2.5) if iteration else 1.2
    return {StepKind.HIDE: 5.0, StepKind.SUMS: 3.0, StepKind.DIVIDE: 4.0}[kind]


def _describe_row(row: SetRow) -> str:
    tosses, (a, b) = row
    text = f"set {tosses.number} {tosses.sequence}"
    if a.rule is None:
        heads, tails = count_of(tosses.heads, "head"), count_of(tosses.tails, "tail")
        return f"{text} coin {tosses.known_coin}: {heads}, {tails}"
    rule = a.rule
    return (
        f"{text}: P(A) {density(rule.prior)} × {density(rule.likelihood)}"
        f" ÷ {density(rule.evidence)} = {chance(a.share)};"
        f" A {a.heads:.1f} heads, {a.tails:.1f} tails;"
        f" B {b.heads:.1f} heads, {b.tails:.1f} tails"
    )


def _by_coin(pair: Any) -> dict[str, Any]:
    return dict(zip(COINS, pair, strict=True))


def _encode_row(row: SetRow) -> dict[str, Any]:
    portions = [
        {
            "responsibility": portion.share,
            "heads": portion.heads,
            "tails": portion.tails,
            **({} if portion.rule is None else {"rule": portion.rule._asdict()}),
        }
        for portion in row.portions
    ]
    return {"set": row.tosses.number, "tosses": row.tosses.sequence, **_by_coin(portions)}


def _encode_state(state: EmState) -> dict[str, Any]:
    return {
        "weights": _by_coin(state.weights),
        "log_likelihood": state.log_likelihood,
        "log_posterior": state.log_posterior,
        "shares_of_A": list(state.shares),
    }


def _estimates(state: EmState) -> str:
    return " and ".join(
        f"{chance(theta)} for coin {coin}" for coin, theta in zip(COINS, state.thetas, strict=True)
    )


def _known(step: CoinStep) -> list[str]:
    if step.kind != StepKind.DIVIDE or step.thetas is None:
        return []
    a, b = map(chance, step.thetas)
    return [f"Heads divided by tosses: {a} for coin A and {b} for coin B."]


def _done(opening: CoinOpening, step: CoinStep, taken: int, stopped: bool) -> str:
    last = step.path[-1]
    if stopped:
        of = f"Stopped after {count_of(taken, 'iteration')} of {opening.iterations}"
    else:
        of = f"EM took {count_of(taken, 'iteration')}"
    start = " and ".join(f"{theta:g}" for theta in opening.start)
    known = " and ".join(map(chance, opening.known))
    return (
        f"{of} from {start}: the probability of heads is {_estimates(last)} (with labels: {known})."
    )


def _describe_improvement(opening: CoinOpening, first: EmState, last: EmState) -> str:
    before, after = objective(first, opening), objective(last, opening)
    if opening.start[0] == opening.start[1]:
        return (
            f"The {objective_name(opening)} went from {signed(before)} to {signed(after)} and does"
            " not change further. Both coins started with the same value, so every set is split"
            " evenly between them: this is a saddle point, not a maximum. Any difference between"
            " the starting values breaks the symmetry."
        )
    return (
        f"The {objective_name(opening)} rose from {signed(before)} to {signed(after)}. No iteration"
        " can decrease it; the final value depends on the starting values."
    )


def _clusters(opening: CoinOpening, last: EmState) -> str:
    shares = [
        f"{chance(share)} (set {tosses.number})"
        for tosses, share in zip(opening.sets, last.shares, strict=True)
    ]
    text = f"Which coin was tossed in each set? Coin A with probability {', '.join(shares)}."
    if last.thetas[0] == last.thetas[1]:
        return text
    estimated = ["A" if share > 0.5 else "B" for share in last.shares]
    agree = sum(c == tosses.known_coin for c, tosses in zip(estimated, opening.sets, strict=True))
    n = len(opening.sets)
    if agree < n - agree:
        return (
            f"{text} The more probable coin is the true one for {n - agree} of {n} sets, with A and"
            " B swapped: which coin is called A depends only on the starting values."
        )
    return f"{text} The more probable coin is the true one for {agree} of {n} sets."


def _prior(opening: CoinOpening, last: EmState) -> str:
    a, b = opening.hyperparameters
    picked = "Both coins are picked with the same probability, which is not learned."
    if opening.learn_weights:
        picked = (
            f"Coin A is picked with probability {chance(last.weights[0])}, which is learned too."
        )
    if opening.flat:
        return f"{picked} The prior is flat, so that the MAP is the maximum of the likelihood."
    return (
        f"{picked} The prior for each coin is Beta({a:g}, {b:g}), equivalent to {a - 1:g} head and"
        f" {b - 1:g} tail observed before. The M-step takes the mode of the posterior (MAP)."
    )
