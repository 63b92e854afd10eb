"""The story as lines: words for pipes and logs, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqbayes.console.text import density, percent, signed
from seqbayes.replay.mms.story import Opening, Rival, Snapshot, Step
from seqbayes.replay.mms.summary import verdict
from seqbayes.replay.telling import dump, spell


class Plain:
    """One line a candy; what frames them starts with ``#``.

    Parameters
    ----------
    opening
        What all lines of a story have in common.
    ascii_only
        Spell signs that ASCII lacks in ASCII.
    """

    def __init__(self, opening: Opening, ascii_only: bool = False) -> None:
        self._opening = opening
        self._ascii_only = ascii_only

    def _line(self, text: str) -> str:
        return spell(text, self._ascii_only)

    def opening(self) -> Iterator[str]:
        """Return what is said before the first candy."""
        opening = self._opening
        bags = "1 bag" if opening.bags == 1 else f"{opening.bags} bags"
        yield self._line(f"# {opening.total:,} real M&M's out of {bags}")
        yield self._line(f"# totals: {opening.source}; dealt into bags from seed {opening.seed}")
        for note in (f"Prior: {opening.prior.name}.", *opening.prior.notes):
            yield self._line(f"# {note}")
        yield self._line(
            "# P(p | colour) at p, the share that Mars published in 2008 ="
            " prior × likelihood ÷ evidence"
        )

    def step(self, step: Step) -> Iterator[str]:
        """Return the line of one candy."""
        rule, share = step.rule, step.belief.share(step.colour)
        favourite = step.belief.favourite
        outcome = "yes" if step.came_true else f"no, {step.predicted.colour}"
        yield self._line(
            f"{step.number} bag {step.bag} {step.colour} (predicted: {outcome})"
            f" at {percent(rule.at, 0)} %: {density(rule.prior)} × {density(rule.likelihood)}"
            f" ÷ {density(rule.evidence)} = {density(rule.posterior)};"
            f" mean {percent(share.mean)} % [{percent(share.low)}, {percent(share.high)}];"
            f" log evidence {signed(step.belief.log_evidence)};"
            f" {favourite.title} {signed(favourite.log_bayes_factor)}"
        )

    def closing(self, step: Step | None, stopped: bool) -> Iterator[str]:
        """Return what was learned."""
        for sentence in verdict(self._opening, step, stopped):
            yield self._line(f"# {sentence}")


class Json:
    """One JSON object a line, with numbers in full."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def opening(self) -> Iterator[str]:
        """Return the event before the first candy."""
        opening = self._opening
        yield dump(
            event="start",
            story="mms",
            source=opening.source,
            seed=opening.seed,
            bags=opening.bags,
            candies=opening.total,
            prior={
                "name": opening.prior.name,
                "alpha": dict(opening.prior.alpha),
                "notes": list(opening.prior.notes),
            },
            belief=_belief(opening.belief),
        )

    def step(self, step: Step) -> Iterator[str]:
        """Return the event of one candy."""
        rule = step.rule
        yield dump(
            event="candy",
            number=step.number,
            bag=step.bag,
            colour=step.colour,
            predicted={
                "colour": step.predicted.colour,
                "probability": step.predicted.probability,
                "tied": step.predicted.tied,
                "came_true": step.came_true,
            },
            hits=step.hits,
            rule={
                "share": rule.at,
                "prior": rule.prior,
                "likelihood": rule.likelihood,
                "evidence": rule.evidence,
                "posterior": rule.posterior,
                "next_posterior": step.again.posterior,
            },
            belief=_belief(step.belief),
        )

    def closing(self, step: Step | None, stopped: bool) -> Iterator[str]:
        """Return the last event."""
        yield dump(
            event="end",
            interrupted=stopped,
            candies=0 if step is None else step.number,
            hits=0 if step is None else step.hits,
            belief=_belief(self._opening.belief if step is None else step.belief),
            summary=verdict(self._opening, step, stopped),
        )


def _belief(belief: Snapshot) -> dict[str, Any]:
    return {
        "alpha": {share.colour: share.alpha for share in belief.shares},
        "seen": {share.colour: share.seen for share in belief.shares},
        "mle": {share.colour: share.mle for share in belief.shares},
        "map": {share.colour: share.map for share in belief.shares},
        "mean": {share.colour: share.mean for share in belief.shares},
        "interval": {share.colour: [share.low, share.high] for share in belief.shares},
        "next": {"colour": belief.next.colour, "probability": belief.next.probability},
        "log_evidence": belief.log_evidence,
        "mixes": {rival.name: _rival(rival) for rival in belief.rivals},
        "some_other_mix": belief.other,
    }


def _rival(rival: Rival) -> dict[str, float]:
    return {
        "log_likelihood": rival.log_likelihood,
        "log_bayes_factor": rival.log_bayes_factor,
        "probability": rival.probability,
    }
