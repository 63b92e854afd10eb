"""The M&M story in a terminal of any size."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seqbayes import distributions
from seqbayes.console.charts import (
    curve,
    edges,
    fit,
    foot,
    interval_bar,
    panel,
    scale,
    share_bar,
    spread,
)
from seqbayes.console.palette import CANDY, LETTER, RULE, Signs
from seqbayes.console.text import density, percent, probability, signed
from seqbayes.explanation import Explanation
from seqbayes.replay.mms.eleven_rows import eleven_in_short, eleven_rows
from seqbayes.replay.mms.priors import UNNAMED
from seqbayes.replay.mms.steps import HYPOTHESIS, CandyBelief, CandyOpening, CandyStep

ESTIMATES = (
    "MLE: eaten of a colour ÷ all eaten. MAP: the most probable mix."
    " Mean: the average mix, which predicts.",
    "MLE: from the candies alone. MAP: most probable mix. Mean: average mix.",
)
"""Definitions of the estimates, for wide and for narrow screens."""

AXIS = 0.5
"""Upper limit of the axis of shares in the curves of Bayes' rule."""


class CandyScreen:
    """Draws the story.

    Parameters
    ----------
    opening
        The data that all screens share.
    signs
        Characters to draw with.
    """

    def __init__(self, opening: CandyOpening, signs: Signs) -> None:
        self._opening = opening
        self._signs = signs

    def draw(
        self, step: CandyStep | None, width: int, height: int, keys: str = ""
    ) -> RenderableType:
        """Return the screen after a step, or before the first."""
        foot = self._foot(step, width, keys)
        if width >= 108 and height >= 34:
            return self._large(step, width, height, foot)
        if width >= 72 and height >= 24:
            parts = self._medium(step, width, height, foot)
        else:
            parts = self._small(step, width, height, foot)
        return Text("\n").join(parts[:height])

    def table(self, step: CandyStep, width: int) -> list[Text]:
        """Return the belief about each colour, one per line under a header."""
        return [*self._shares(step.belief, width, full=width >= 72), *self._definitions(width)]

    # Screens of three sizes.

    def _large(self, step: CandyStep | None, width: int, height: int, foot: Text) -> RenderableType:
        belief = self._belief(step)
        rows = 3 if height >= 42 else 2
        eleven = eleven_rows if height >= 38 else eleven_in_short
        half = (width - 2) // 2
        inner = half - 4
        right = [
            *self._factories(belief, inner),
            Text(),
            self._evidence(belief),
            *self._predictions(step, inner, one_line=False),
        ]
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(
            panel("Bayes' rule", self._rule(step, inner, rows), half, 6 + 4 * rows),
            panel("Which factory made these?", right, half, 6 + 4 * rows),
        )
        table = [*self._shares(belief, 2 * half - 2, full=True), *self._definitions(2 * half - 2)]
        return Group(
            self._head(step, width),
            *self._prior(width, lines=2),
            Text(),
            *self._candy(step, width),
            *eleven(self._opening, step, width, self._signs),
            grid,
            panel("The belief about each colour", table, 2 * half + 2, len(table) + 2),
            Text(),
            foot,
        )

    def _medium(self, step: CandyStep | None, width: int, height: int, foot: Text) -> list[Text]:
        belief = self._belief(step)
        eleven = eleven_rows if height >= 28 else eleven_in_short
        parts = [
            [self._head(step, width), *self._prior(width, lines=1)],
            self._candy(step, width),
            eleven(self._opening, step, width, self._signs),
            self._rule(step, width),
            self._shares(belief, width, full=True),
            self._predictions(step, width, one_line=True) + self._factory_cells(belief, width),
            [foot],
        ]
        if sum(map(len, parts)) == height:  # definitions replace the conclusion
            parts[3] = parts[3][:-1]
        return spread(self._with_definitions(parts, 4, width, height), height)

    def _small(self, step: CandyStep | None, width: int, height: int, foot: Text) -> list[Text]:
        belief = self._belief(step)
        head = [self._head(step, width)]
        table = self._shares(belief, width, full=False)
        if step is None:
            parts = [head, self._prior(width, lines=5), self._introduction(), table, [foot]]
            parts = self._with_definitions(parts, 3, width, height)
        else:
            rest = [*self._predictions(step, width, one_line=False), self._evidence(belief)]
            rest += self._leading_mix(belief)
            rule = self._rule_in_words(step)
            parts = [head, self._candy(step, width)[:1], rule, table, rest, [foot]]
            parts = self._with_definitions(parts, 3, width, height)
        lines = [fit(line, width) for line in spread(parts, height)]
        return lines if len(lines) <= height else [*lines[: height - 1], foot]

    def _belief(self, step: CandyStep | None) -> CandyBelief:
        return self._opening.belief if step is None else step.belief

    def _with_definitions(
        self, parts: list[list[Text]], table: int, width: int, height: int
    ) -> list[list[Text]]:
        """Add the definitions to the table if there is room."""
        added = self._definitions(width)
        if sum(map(len, parts)) + len(added) <= height:
            parts[table] = [*parts[table], *added]
        return parts

    # Parts of the screen: a few lines each, at most `width` characters wide.

    def _head(self, step: CandyStep | None, width: int) -> Text:
        opening = self._opening
        bag = 0 if step is None else step.bag
        if width >= 72:
            left = "Tonight's posterior is tomorrow's prior"
            right = f"bag {bag} of {opening.bags}"
            if opening.seed is not None:
                right += f", shuffled with seed {opening.seed}"
        else:
            left, right = "The M&M story", f"bag {bag}/{opening.bags}"
        return edges(left, right, width)

    def _prior(self, width: int, lines: int) -> list[Text]:
        """Describe the prior in at most `lines` lines."""
        prior = self._opening.prior
        short = f"Prior: {prior.name}; weight: {prior.strength:g} imagined candies"
        if prior.unnamed:
            few = len(prior.unnamed) < 3
            colours = ", ".join(prior.unnamed) if few else f"{len(prior.unnamed)} colours"
            short += f" ({UNNAMED:g} each for {colours})"
        for text in (f"Prior: {prior.name}. {' '.join(prior.notes)}", short):
            wrapped = wrap(text, width)
            if len(wrapped) <= lines:
                break
        named = len(f"Prior: {prior.name}")
        first = Text(wrapped[0])
        first.stylize(RULE["prior"], 0, named)
        return [fit(line, width) for line in (first, *map(Text, wrapped[1:lines]))]

    def _candy(self, step: CandyStep | None, width: int) -> list[Text]:
        if step is None:
            total, bags = self._opening.total, self._opening.bags
            line = Text(f"{total:,} real M&M's, in {bags} closed {'bag' if bags == 1 else 'bags'}.")
            return [fit(line, width), fit(Text(f"Counts: {self._opening.source}"), width)]
        line = Text.assemble(
            (f"{self._signs.dot} {step.colour}", f"bold {CANDY[step.colour]}"),
            ". Predicted: ",
            step.predicted.colour,
        )
        if step.is_hit:
            line.append(", which was correct" if width >= 48 else ". Yes!", "bold")
        else:
            chance = f" ({percent(step.predicted.probability)} %)" if width >= 48 else ""
            line.append(f"{chance}. No.")
        if line.cell_len + 24 < width:
            line.append(f"  Candy {step.number:,} of {step.total:,}.")
        return [fit(line, width), fit(self._bag(step), width)]

    def _bag(self, step: CandyStep) -> Text:
        """Return the bag: a letter for each candy so far, the last one in reverse video."""
        strip = Text(f"Bag {step.bag:>2} ")
        for i, colour in enumerate(step.contents):
            if i >= step.place:
                strip.append(self._signs.free, "dim")
            elif i == step.place - 1:
                strip.append(LETTER[colour], f"bold reverse {CANDY[colour]}")
            else:
                strip.append(LETTER[colour], CANDY[colour])
        return strip

    def _rule(self, step: CandyStep | None, width: int, rows: int = 1) -> list[Text]:
        """Return Bayes' rule, with a curve for each factor that is a function of the share."""
        if step is None:
            return [fit(line, width) for line in self._introduction()]
        rule, next_rule, signs = step.rule, step.next_rule, self._signs
        curves = rule_curves(rule, next_rule, width - 25, AXIS, signs, rows)
        chance = [Text(f"probability of {self._observed(step)}", RULE["evidence"])]
        factors = [
            ("  prior", "prior", rule.prior, curves["prior"]),
            (f"{signs.times} likelihood", "likelihood", rule.likelihood, curves["likelihood"]),
            (f"{signs.over} evidence", "evidence", rule.evidence, chance),
            ("= posterior", "posterior", rule.posterior, curves["posterior"]),
        ]
        if rows > 1:
            factors.append(("  if once more", "next", next_rule.posterior, curves["next"]))
        lines = [Text(self._claim(step))]
        for name, key, number, picture in factors:
            label = Text(f"{name:<14}{density(number):>8}   ", RULE[key])
            lines += [Text(" " * label.cell_len) + above for above in picture[:-1]]
            lines.append(label + picture[-1])
        if rows > 1:
            low, high = "0 %", f"{percent(AXIS, 0)} %"
            lines.append(Text(f"{'':25}{low}{high:>{width - 25 - len(low)}}", "dim"))
        lines.append(self._conclusion(step))
        return [fit(line, width) for line in lines]

    def _claim(self, step: CandyStep) -> str:
        claim = percent(step.rule.at, 0)
        return f"Are {claim} % {HYPOTHESIS}, as Mars said in 2008?"

    def _observed(self, step: CandyStep) -> str:
        return HYPOTHESIS if step.fits else f"not {HYPOTHESIS}"

    def _conclusion(self, step: CandyStep) -> Text:
        factor = step.rule.likelihood / step.rule.evidence
        return Text.assemble(
            f"{self._observed(step).capitalize()}: this is now ",
            (f"{density(factor)} times", "bold"),
            " as probable.",
        )

    def _introduction(self) -> list[Text]:
        signs = self._signs
        return [
            Text(f"Is {HYPOTHESIS} as common as Mars said?"),
            Text("  prior: density before this candy", RULE["prior"]),
            Text(f"{signs.times} likelihood: of this candy at this share", RULE["likelihood"]),
            Text(f"{signs.over} evidence: of this candy at any share", RULE["evidence"]),
            Text("= posterior: density after it, the next prior", RULE["posterior"]),
        ]

    def _rule_in_words(self, step: CandyStep) -> list[Text]:
        """Return Bayes' rule in short lines."""
        rule, signs = step.rule, self._signs
        return [
            Text(f"Are {percent(rule.at, 0)} % {HYPOTHESIS}, as Mars said?"),
            Text.assemble(
                (f"  prior {density(rule.prior)}", RULE["prior"]),
                (f" {signs.times} likelihood {density(rule.likelihood)}", RULE["likelihood"]),
            ),
            Text.assemble(
                (f"{signs.over} evidence {density(rule.evidence)}", RULE["evidence"]),
                (f" = posterior {density(rule.posterior)}", RULE["posterior"]),
            ),
        ]

    def _shares(self, belief: CandyBelief, width: int, full: bool) -> list[Text]:
        """Return a row per colour: estimates, and a bar with the 95 % interval."""
        top = scale(max(share.high for share in belief.shares))
        fixed = 47 if full else 26
        room = max(4, width - fixed)
        header = Text.assemble(
            f"{'colour':<8} " + (f"{'eaten':>5} " if full else ""),
            (f"{'MLE':>5} ", RULE["likelihood"]),
            (f"{'MAP':>5} {'mean':>5} ", RULE["posterior"]),
            f"{'95 % interval':>15} " if full else "",
            f" 0 to {percent(top, 0)} %",
        )
        lines = [fit(header, width)]
        for share in belief.shares:
            style = CANDY[share.colour]
            row = Text.assemble(
                (LETTER[share.colour], f"bold {style}"),
                f" {share.colour:<6} ",
                f"{share.count:>5} " if full else "",
                f"{percent(share.mle):>5} {percent(share.map):>5} {percent(share.mean):>5} ",
                f"{percent(share.low):>6} to {percent(share.high):>5} " if full else "",
            )
            bar = interval_bar(share.low, share.mean, share.high, top, room, style, self._signs)
            lines.append(fit(row + Text(" ") + bar, width))
        return lines

    def _definitions(self, width: int) -> list[Text]:
        """Return the definitions of the columns of estimates."""
        text = next((each for each in ESTIMATES if len(each) <= width), ESTIMATES[-1])
        if self._signs.over == "/":
            text = text.replace("÷", "/")
        return [Text(line, "dim") for line in wrap(text, width)]

    def _predictions(self, step: CandyStep | None, width: int, one_line: bool) -> list[Text]:
        guess = self._belief(step).next
        tied = f" ({guess.tied} equally likely)" if guess.tied > 1 else ""
        coming = Text(f"Next: {guess.colour}, {percent(guess.probability)} %{tied}", RULE["next"])
        if step is None:
            return [fit(coming, width)]
        score = f"Correct: {step.hits:,} of {step.number:,}, {percent(step.hits / step.number)} %"
        room = width - (coming.cell_len + 2 if one_line else 0)
        if room >= len(score) + 20:
            score += " (by chance 16.7 %)"
        if one_line:
            return [fit(coming + Text(f". {score}"), width)]
        return [fit(coming, width), fit(Text(score), width)]

    def _evidence(self, belief: CandyBelief) -> Text:
        return Text(f"log evidence {signed(belief.log_evidence)}", RULE["evidence"])

    def _factories(self, belief: CandyBelief, width: int) -> list[Text]:
        """Return the mixes as rows with bars."""
        room = max(4, width - 42)
        lines = [Text(f"{'mix':<15}{'log Bayes factor':>16}  probable")]
        rows = [(rival.title, rival.log_bayes_factor, rival.probability) for rival in belief.rivals]
        for title, factor, p in (*rows, ("learned mix", 0.0, belief.other_probability)):
            row = Text(f"{title:<15}{signed(factor):>16}{probability(p):>10} ")
            lines.append(row + share_bar(p, room, RULE["posterior"], self._signs))
        lines.append(Text("Above 0, the candies favour the mix."))
        return [fit(line, width) for line in lines]

    def _factory_cells(self, belief: CandyBelief, width: int) -> list[Text]:
        """Return the mixes side by side, in two lines under a header."""
        header = Text("Which factory? Log Bayes factor (> 0: for it), probability. ")
        cells = [
            f"{mix.title} {signed(mix.log_bayes_factor, 1)}, {probability(mix.probability, 0)}"
            for mix in belief.rivals
        ]
        cells.append(f"learned mix {probability(belief.other_probability, 0)}")
        cells.append(self._evidence(belief).plain)
        wide = width // 3
        rows = [cells[:3], cells[3:]]
        lines = [header]
        lines += [Text("".join(f"{cell:<{wide}}" for cell in row)) for row in rows]
        lines[-1].stylize(RULE["evidence"], 2 * wide)
        return [fit(line, width) for line in lines]

    def _leading_mix(self, belief: CandyBelief) -> list[Text]:
        best = belief.leading_mix
        return [
            Text(f"Best factory: {best.title}, {probability(best.probability)}"),
            Text(f"log Bayes factor {signed(best.log_bayes_factor)} (> 0: for)"),
        ]

    def _foot(self, step: CandyStep | None, width: int, keys: str) -> Text:
        number = 0 if step is None else step.number
        return foot(number, self._opening.total, width, self._signs, keys)


def rule_curves(
    rule: Explanation, next_rule: Explanation, width: int, top: float, signs: Signs, rows: int = 1
) -> dict[str, list[Text]]:
    """Return the prior, likelihood and posteriors as curves over shares from 0 to `top`.

    The three densities have a common scale; the likelihood has a separate scale.
    """
    at = (np.arange(width) + 0.5) * top / width
    mark = min(width - 1, int(rule.at / top * width))
    curves = {
        "prior": distributions.Beta(*rule.before).pdf(at),
        "posterior": distributions.Beta(*rule.after).pdf(at),
        "next": distributions.Beta(*next_rule.after).pdf(at),
    }
    highest = max(float(heights.max()) for heights in curves.values())
    drawn = {
        name: curve(heights.tolist(), highest, mark, RULE[name], signs, rows)
        for name, heights in curves.items()
    }
    likelihood = at if rule.x else 1.0 - at
    drawn["likelihood"] = curve(
        likelihood.tolist(), float(likelihood.max()), mark, RULE["likelihood"], signs, rows
    )
    return drawn
