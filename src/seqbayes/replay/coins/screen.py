"""The story of the two coins in a terminal of any size."""

from __future__ import annotations

from textwrap import wrap

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seqbayes.console.charts import curve, edges, fit, foot, panel, spread
from seqbayes.console.palette import COIN, RULE, Signs
from seqbayes.console.text import count_of, density, signed
from seqbayes.replay.coins.formulas import chance, divisions, objective, objective_name
from seqbayes.replay.coins.steps import (
    COINS,
    CoinOpening,
    CoinStep,
    EmState,
    Portion,
    SetRow,
    StepKind,
    TossSet,
)

_NARROW = 72
_FULL = 60
"""Width of the full table."""
_STRIP = 12
"""Number of letters that show how a set is split."""


class CoinScreen:
    """Draws the story.

    Parameters
    ----------
    opening
        The data that all steps share.
    signs
        Characters to draw with.
    """

    def __init__(self, opening: CoinOpening, signs: Signs) -> None:
        self._opening = opening
        self._signs = signs

    def draw(
        self, step: CoinStep | None, width: int, height: int, keys: str = ""
    ) -> RenderableType:
        """Return the screen after a step; None stands for the opening."""
        number = 0 if step is None else step.number
        progress = foot(number, self._total, width, self._signs, keys)
        if width >= 112 and height >= 30:
            return self._large(step, width, height, progress)
        parts = [
            self._head(step, width),
            self._shares(step, width),
            self._detail(step, width),
            self._current_estimates(step, width),
            [progress],
        ]
        lines = [fit(line, width) for line in spread(parts, height)]
        # on a tiny screen, keep the last line
        return Text("\n").join(lines if len(lines) <= height else [*lines[: height - 1], lines[-1]])

    def table(self, step: CoinStep, width: int) -> list[Text]:
        """Return the last E-step and the path of the estimates."""
        lines = self._shares(step, width)
        if step.path:
            lines += [Text(), *self._path(step, width, rows=16)]
        return [fit(line, width) for line in lines]

    def _large(
        self, step: CoinStep | None, width: int, height: int, progress: Text
    ) -> RenderableType:
        left = 79 if width >= 134 else 66
        right = width - left - 2
        rows = min(height - 19, self._opening.iterations + 1)
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(
            panel("Which coin was tossed?", self._shares(step, left - 4), left, 11),
            panel(_title(step), self._detail(step, right - 4), right, 11),
        )
        path = [Text("No iteration yet: the coins are known.", "dim")]
        if step is not None and step.path:
            path = self._path(step, width - 4, rows)
        return Group(
            *self._head(step, width),
            Text(),
            grid,
            Text(),
            panel("Iterations of EM", path, width, rows + 3),
            progress,
        )

    @property
    def _total(self) -> int:
        return 2 * len(self._opening.sets) + 2 + 2 * self._opening.iterations

    # Parts of the screen: a few lines each, at most `width` characters wide.

    def _head(self, step: CoinStep | None, width: int) -> list[Text]:
        """Return the title and the current step."""
        iterations = self._opening.iterations
        if step is None or step.iteration == 0:
            right = "the coins are known"
        elif width >= _NARROW:
            right = f"the coins are unknown: iteration {step.iteration} of {iterations}"
        else:
            right = f"iteration {step.iteration}/{iterations}"
        title = "The two coins" if width < _NARROW else "The two coins: which was tossed?"
        return [edges(title, right, width), fit(Text(_title(step), "italic"), width)]

    def _shares(self, step: CoinStep | None, width: int) -> list[Text]:
        """Return the table of the E-step: the share of each coin in each set."""
        full = width >= _FULL
        label, cell = (18, 20) if full else (8, 14)
        names = Text(" " * label)
        columns = Text(f"  {'set':<{label - 2}}" if full else f" {'set':<{label - 1}}", "dim")
        for coin, theta in zip(COINS, self._thetas(step), strict=True):
            text = f"coin {coin}" + ("" if theta is None else f", {chance(theta)}")
            names.append(f"{text:>{cell}}", f"bold {COIN[coin]}")
            heads, tails = ("heads", "tails") if full else ("H", "T")
            part = f"P({coin})"
            columns.append(_cells(part, heads, tails, full), COIN[coin])
            if coin == "A":
                names.append(" ")
                columns.append(" ")
        lines = [names, columns]
        rows = {row.tosses.number: row for row in step.rows} if step is not None else {}
        last = max(rows, default=0) if step is not None and step.kind == StepKind.ROW else 0
        for tosses in self._opening.sets:
            known = step is None or step.iteration == 0
            lines.append(
                self._row(tosses, rows.get(tosses.number), tosses.number == last, known, width)
            )
        sums = Text(f"  {'sum':<{label - 2}}" if full else f" {'sum':<{label - 1}}", "bold")
        if step is not None and step.sums is not None:
            for i, (coin, one) in enumerate(zip(COINS, step.sums, strict=True)):
                cells = _cells(f"{one.sets:.1f}", f"{one.heads:.1f}", f"{one.tails:.1f}", full)
                sums.append(" " * i + cells, f"bold {COIN[coin]}")
        return [fit(line, width) for line in (*lines, sums)]

    def _row(self, tosses: TossSet, row: SetRow | None, now: bool, known: bool, width: int) -> Text:
        full = width >= _FULL
        mark = ">" if now else " "
        known_coin = f" {tosses.known_coin}" if known else " ?"
        if full:
            line = Text(f"{mark} {tosses.number} {tosses.sequence}{known_coin}  ")
        else:
            line = Text(f"{mark}{tosses.number} {tosses.heads}H{tosses.tails}T ")
        if row is None:
            line.stylize("dim")
            return line
        if now:
            line.stylize("bold")
        for i, (coin, portion) in enumerate(zip(COINS, row.portions, strict=True)):
            style = f"bold {COIN[coin]}" if now else COIN[coin]
            line.append(" " * i)
            line.append(_portion(portion, full), style)
        if full and width >= line.cell_len + 2 + _STRIP:
            a = round(_STRIP * row.portions[0].share)
            line.append("  ").append("A" * a, COIN["A"]).append("B" * (_STRIP - a), COIN["B"])
        return line

    def _thetas(self, step: CoinStep | None) -> tuple[float | None, float | None]:
        """Return the probabilities of heads that the table is based on."""
        if step is None or step.thetas is None:
            return None, None
        if step.kind == StepKind.DIVIDE and len(step.path) > 1:
            return step.path[-2].thetas
        return step.thetas

    def _detail(self, step: CoinStep | None, width: int) -> list[Text]:
        """Describe the step in at most ten lines."""
        if step is None:
            lines = self._introduction(width)
        elif step.kind == StepKind.HIDE:
            lines = self._guess(step, width)
        elif step.kind == StepKind.ROW:
            lines = self._rule(step.rows[-1], width)
        elif step.kind == StepKind.SUMS:
            lines = self._sums(width)
        else:
            lines = self._division(step, width)
        return [fit(line, width) for line in lines]

    def _introduction(self, width: int) -> list[Text]:
        n, tosses = len(self._opening.sets), len(self._opening.sets[0].sequence)
        return _prose(
            f"Two coins, A and B, each with its own probability of heads. {n} times one of them was"
            f" picked and tossed {tosses} times. First, the easy case: it is known which coin.",
            width,
        )

    def _guess(self, step: CoinStep, width: int) -> list[Text]:
        a, b = step.path[0].thetas
        lines = _prose(
            "Now remove the labels. Guess two probabilities,"
            f" {chance(a)} for A and {chance(b)} for B, and then:",
            width,
        )
        lines += _prose(
            "E-step: how probable is each coin for each set? Split the set accordingly.", width
        )
        lines += _prose(
            "M-step: treat the shares as counts and estimate both coins. Repeat.", width
        )
        return lines

    def _rule(self, row: SetRow, width: int) -> list[Text]:
        """Return Bayes' rule for both coins, and the resulting shares of heads and tails."""
        tosses, portions = row
        heads, tails = count_of(tosses.heads, "head"), count_of(tosses.tails, "tail")
        rules = [portion.rule for portion in portions if portion.rule is not None]
        if not rules:
            return _prose(
                f"Coin {tosses.known_coin} is known: all {heads} and {tails} are attributed to it.",
                width,
            )
        times, over = self._signs.times, self._signs.over
        if width >= _NARROW:
            meanings = (": of picking it", f" of {heads}", ": with either coin", ": of this coin")
        else:
            meanings = ("", "", "", "")
        name = max(14, 11 + max(map(len, meanings)))
        lines = [Text(f"{'':{name}}")]
        for coin in COINS:
            lines[0].append(f"{'coin ' + coin:>9}", COIN[coin])
        for sign, part, meaning in zip(
            (" ", times, over, "="),
            ("prior", "likelihood", "evidence", "posterior"),
            meanings,
            strict=True,
        ):
            numbers = (getattr(rule, part) for rule in rules)
            shown = (chance(x) if part in ("prior", "posterior") else density(x) for x in numbers)
            text = f"{sign} {part}{meaning}"
            lines.append(Text(f"{text:<{name}}" + "".join(f"{x:>9}" for x in shown), RULE[part]))
        for coin, portion in zip(COINS, portions, strict=True):
            share = f"{chance(portion.share)} {times} "
            line = Text(f"{coin}: {share}{tosses.heads} = {portion.heads:.1f} heads, ", COIN[coin])
            line.append(f"{share}{tosses.tails} = " if width >= 46 else "")
            line.append(f"{portion.tails:.1f} tails")
            lines.append(line)
        return lines

    def _sums(self, width: int) -> list[Text]:
        return _prose(
            "Every set is split between the coins. The sums are the expected heads and tails of"
            " each.",
            width,
        )

    def _division(self, step: CoinStep, width: int) -> list[Text]:
        """Return the M-step in numbers."""
        lines = []
        for text in divisions(step, self._opening):
            lines.append(Text(text.replace("÷", self._signs.over), COIN[text[0]]))
        if not self._opening.flat:
            a, b = self._opening.hyperparameters
            lines.append(Text(f"with the prior Beta({a:g}, {b:g}) on both", RULE["prior"]))
        if step.path:
            was, now = (objective(one, self._opening) for one in step.path[-2:])
            lines += _prose(
                f"The {objective_name(self._opening)} rose by {density(now - was)}."
                if now > was
                else f"The {objective_name(self._opening)} does not change.",
                width,
            )
        else:
            lines += _prose("For each coin, heads divided by tosses.", width)
        return lines

    def _current_estimates(self, step: CoinStep | None, width: int) -> list[Text]:
        """Return the current estimates on a line, and the progress of EM."""
        if step is None or step.thetas is None:
            return []
        lines = [self._number_line(step.thetas, width)]
        text = Text()
        for coin, theta in zip(COINS, step.thetas, strict=True):
            text.append(f"{coin} {theta:.4f}  ", COIN[coin])
        if step.path:
            last = step.path[-1]
            if self._opening.learn_weights:
                text.append(f"P(pick A) {chance(last.weights[0])}")
            if width < _NARROW and step.kind in (StepKind.HIDE, StepKind.ROW):
                text = Text()  # the table shows this weight, and space is limited
            lines += [*([text] if text else []), self._objective_curve(step.path, width)]
        else:
            lines.append(text)
        return [fit(line, width) for line in lines]

    def _objective_curve(self, path: tuple[EmState, ...], width: int) -> Text:
        values = [objective(one, self._opening) for one in path]
        line = Text(f"{objective_name(self._opening)} {signed(values[-1])} ", RULE["evidence"])
        room = width - line.cell_len
        if len(path) > 1 and room >= 8:
            shown = values[-room:]
            low, top = min(values), max(values) - min(values)
            above = [h - low for h in shown]
            line += curve(above, top or 1.0, len(shown) - 1, RULE["evidence"], self._signs)[0]
        return line

    def _number_line(self, thetas: tuple[float, float], width: int) -> Text:
        """Return a line from 0 to 1 with the letters of the coins on it."""
        room = max(8, width - 4)
        a, b = (min(room - 1, int(theta * room)) for theta in thetas)
        line = Text("0 ") + Text(self._signs.free * room, "dim") + Text(" 1")
        for coin, place in (("A", a), ("B", b)):
            letter = "=" if a == b else coin
            style = "bold" if a == b else f"bold reverse {COIN[coin]}"
            line = line[: 2 + place] + Text(letter, style) + line[3 + place :]
        return line

    def _path(self, step: CoinStep, width: int, rows: int) -> list[Text]:
        """Return one line per iteration: the first, and as many of the most recent ones as fit."""
        numbered = list(enumerate(step.path))
        shown = numbered if len(numbered) <= rows else numbered[:1] + numbered[1 - rows :]
        full = width >= 56
        name = (
            f"{objective_name(self._opening):>17}"
            if full
            else f"{objective_name(self._opening)[4:]:>11}"
        )
        header = Text("  i")
        for coin in COINS:
            header.append(f"{'coin ' + coin:>8}", COIN[coin])
        header.append(name, RULE["evidence"])
        lines = [header]
        for i, one in shown:
            line = Text(f"{i:>3}")
            for coin, theta in zip(COINS, one.thetas, strict=True):
                line.append(f"{theta:>8.4f}", COIN[coin])
            line.append(f"{signed(objective(one, self._opening)):>{len(name)}}", RULE["evidence"])
            if full:
                line += Text("   ") + self._number_line(one.thetas, width - line.cell_len - 3)
            lines.append(line)
        return [fit(line, width) for line in lines]


def _title(step: CoinStep | None) -> str:
    """Return the title of a step."""
    if step is None:
        return "Two coins, five sets of tosses"
    if step.kind == StepKind.HIDE:
        return "Without labels"
    if step.kind == StepKind.ROW:
        row = step.rows[-1].tosses.number
        return f"Set {row}, with its label" if step.iteration == 0 else f"E-step, set {row}"
    if step.kind == StepKind.SUMS:
        return f"E-step {step.iteration}: expected heads and tails"
    return "The coins, known" if step.iteration == 0 else f"M-step {step.iteration}: new estimates"


def _portion(portion: Portion, full: bool) -> str:
    if portion.rule is None and portion.share == 0.0:
        return _cells("", "", "", full)
    heads, tails = f"{portion.heads:.1f}", f"{portion.tails:.1f}"
    return _cells(chance(portion.share), heads, tails, full)


def _cells(share: str, heads: str, tails: str, full: bool) -> str:
    return f"{share:>6}{heads:>7}{tails:>7}" if full else f"{share:>4}{heads:>5}{tails:>5}"


def _prose(text: str, width: int) -> list[Text]:
    return [Text(line) for line in wrap(text, min(width, 88))]
