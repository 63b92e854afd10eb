"""The coins as lines: words for pipes and logs, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqbayes.console.text import density, signed
from seqbayes.replay.coins.story import COINS, Kind, Opening, Row, Standing, Step
from seqbayes.replay.coins.summary import verdict
from seqbayes.replay.coins.wording import chance, climbed, divisions, height, plural
from seqbayes.replay.telling import dump, spell


class Plain:
    """One line a step; what frames them starts with ``#``.

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
        """Return what is said before the first step."""
        sets = self._opening.sets
        a, b = self._opening.hyperparameters
        yield self._line(
            f"# Two coins, {len(sets)} sets of {len(sets[0].sequence)} tosses,"
            f" each with one of them. {self._opening.source}"
        )
        yield self._line(f"# Prior of either coin's chance of heads: Beta({a:g}, {b:g})")
        yield self._line("# 1. Somebody noted the coins: count heads and tails of each")

    def step(self, step: Step) -> Iterator[str]:
        """Return the line of one step."""
        if step.kind == Kind.HIDE:
            start = step.path[0]
            yield self._line("# 2. Nobody noted them: share every set out, divide, repeat")
            yield self._line(f"start {_both(start.thetas)}; {self._height(start)}")
        elif step.kind == Kind.ROW:
            row = self._row(step.rows[-1])
            yield self._line(f"{_where(step)} {row}")
        elif step.kind == Kind.SUMS:
            assert step.sums is not None
            sums = "; ".join(
                f"{coin} {one.heads:.1f} heads, {one.tails:.1f} tails"
                for coin, one in zip(COINS, step.sums, strict=True)
            )
            yield self._line(f"{_where(step)} sums: {sums}")
        else:
            said = "; ".join(divisions(step, self._opening))
            if step.path:
                said += f"; {self._height(step.path[-2])} → {self._height(step.path[-1], name='')}"
            yield self._line(f"{_where(step)} {said}")

    def _height(self, standing: Standing, name: str | None = None) -> str:
        name = climbed(self._opening) if name is None else name
        return f"{name} {signed(height(standing, self._opening))}".strip()

    @staticmethod
    def _row(row: Row) -> str:
        tosses, (a, b) = row
        said = f"set {tosses.number} {tosses.sequence}"
        if a.rule is None:
            heads, tails = plural("head", tosses.heads), plural("tail", tosses.tails)
            return f"{said} coin {tosses.noted}: {heads}, {tails}"
        rule = a.rule
        return (
            f"{said}: P(A) {density(rule.prior)} × {density(rule.likelihood)}"
            f" ÷ {density(rule.evidence)} = {chance(a.share)};"
            f" A {a.heads:.1f} heads, {a.tails:.1f} tails;"
            f" B {b.heads:.1f} heads, {b.tails:.1f} tails"
        )

    def closing(self, step: Step | None, stopped: bool) -> Iterator[str]:
        """Return what was learned."""
        for sentence in verdict(self._opening, step, stopped):
            yield self._line(f"# {sentence}")


def _where(step: Step) -> str:
    if step.iteration == 0:
        return "known"
    return f"{step.iteration} {'M-step' if step.kind == Kind.DIVIDE else 'E-step'}"


def _both(thetas: tuple[float, float]) -> str:
    return f"A {chance(thetas[0])}, B {chance(thetas[1])}"


class Json:
    """One JSON object a line, with numbers in full.

    Parameters
    ----------
    opening
        What all lines of a story have in common.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def opening(self) -> Iterator[str]:
        """Return the event before the first step."""
        opening = self._opening
        yield dump(
            event="start",
            story="coins",
            source=opening.source,
            sets=[tosses.sequence for tosses in opening.sets],
            noted=[tosses.noted for tosses in opening.sets],
            prior={"name": opening.prior, "hyperparameters": list(opening.hyperparameters)},
            start=_by_coin(opening.start),
            learn_weights=opening.learn_weights,
            iterations=opening.iterations,
        )

    def step(self, step: Step) -> Iterator[str]:
        """Return the event of one step."""
        event: dict[str, Any] = {"event": step.kind.value, "number": step.number}
        event["iteration"] = step.iteration
        if step.kind == Kind.ROW:
            event |= _row(step.rows[-1])
        if step.sums is not None:
            event["sums"] = _by_coin([one._asdict() for one in step.sums])
        if step.kind == Kind.SUMS:
            event["rows"] = [_row(row) for row in step.rows]
        if step.thetas is not None:
            event["thetas"] = _by_coin(step.thetas)
        if step.path:
            event |= _standing(step.path[-1])
        yield dump(**event)

    def closing(self, step: Step | None, stopped: bool) -> Iterator[str]:
        """Return the last event."""
        last = step.path[-1] if step is not None and step.path else None
        yield dump(
            event="end",
            interrupted=stopped,
            iterations=0 if step is None else max(0, len(step.path) - 1),
            thetas=None if last is None else _by_coin(last.thetas),
            **({} if last is None else _standing(last)),
            summary=verdict(self._opening, step, stopped),
        )


def _by_coin(pair: Any) -> dict[str, Any]:
    return dict(zip(COINS, pair, strict=True))


def _row(row: Row) -> dict[str, Any]:
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


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "weights": _by_coin(standing.weights),
        "log_likelihood": standing.log_likelihood,
        "log_posterior": standing.log_posterior,
        "shares_of_A": list(standing.shares),
    }
