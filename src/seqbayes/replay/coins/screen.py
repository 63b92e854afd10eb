"""How one moment of the coins looks in a terminal of any size."""

from __future__ import annotations

from textwrap import wrap

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seqbayes.console.charts import curve, edges, fit, foot, panel, spread
from seqbayes.console.palette import COIN, RULE, Signs
from seqbayes.console.text import density, signed
from seqbayes.replay.coins.story import COINS, Kind, Opening, Portion, Row, Standing, Step, Tosses
from seqbayes.replay.coins.wording import chance, climbed, divisions, height, plural

_NARROW = 72
_FULL = 60
"""The widest table of shares needs so much."""
_STRIP = 12
"""Letters that share a set out, beside its numbers."""


class Screen:
    """Draws the story.

    Parameters
    ----------
    opening
        What all screens of a story have in common.
    signs
        What to draw with.
    """

    def __init__(self, opening: Opening, signs: Signs) -> None:
        self._opening = opening
        self._signs = signs

    def draw(self, step: Step | None, width: int, height: int) -> RenderableType:
        """Return the screen after a step, or before the first."""
        if width >= 112 and height >= 30:
            return self._large(step, width, height)
        parts = [
            self._head(step, width),
            self._shares(step, width),
            self._detail(step, width),
            self._standing(step, width),
            [foot(_number(step), self._total(step), width, self._signs)],
        ]
        lines = [fit(line, width) for line in spread(parts, height)]
        # on a tiny screen what goes is the middle, never where the story is
        return Text("\n").join(lines if len(lines) <= height else [*lines[: height - 1], lines[-1]])

    def table(self, step: Step, width: int) -> list[Text]:
        """Return the last E-step and the way to the estimates."""
        lines = self._shares(step, width)
        if step.path:
            lines += [Text(), *self._path(step, width, rows=16)]
        return [fit(line, width) for line in lines]

    def _large(self, step: Step | None, width: int, height: int) -> RenderableType:
        left = 79 if width >= 134 else 66
        right = width - left - 2
        rows = min(height - 19, self._opening.iterations + 1)
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(
            panel("Who tossed this?", self._shares(step, left - 4), left, 11),
            panel(_title(step), self._detail(step, right - 4), right, 11),
        )
        path = [Text("Nowhere yet: the coins are noted.", "dim")]
        if step is not None and step.path:
            path = self._path(step, width - 4, rows)
        return Group(
            *self._head(step, width),
            Text(),
            grid,
            Text(),
            panel("Where EM has been", path, width, rows + 3),
            foot(_number(step), self._total(step), width, self._signs),
        )

    def _total(self, step: Step | None) -> int:
        return 2 * len(self._opening.sets) + 2 + 2 * self._opening.iterations

    # The pieces: each a few lines, none wider than asked.

    def _head(self, step: Step | None, width: int) -> list[Text]:
        """Where the story is."""
        iterations = self._opening.iterations
        if step is None or step.iteration == 0:
            right = "the coins are noted"
        elif width >= _NARROW:
            right = f"nobody noted them: iteration {step.iteration} of {iterations}"
        else:
            right = f"iteration {step.iteration}/{iterations}"
        title = "The two coins" if width < _NARROW else "The two coins: who tossed this?"
        return [edges(title, right, width), fit(Text(_title(step), "italic"), width)]

    def _shares(self, step: Step | None, width: int) -> list[Text]:
        """The table of the E-step: what each coin gets of each set."""
        full = width >= _FULL
        label, cell = (18, 20) if full else (8, 14)
        names = Text(" " * label)
        columns = Text(f"  {'set':<{label - 2}}" if full else f" {'set':<{label - 1}}", "dim")
        for coin, theta in zip(COINS, self._thetas(step), strict=True):
            said = f"coin {coin}" + ("" if theta is None else f", {chance(theta)}")
            names.append(f"{said:>{cell}}", f"bold {COIN[coin]}")
            heads, tails = ("heads", "tails") if full else ("H", "T")
            part = f"P({coin})"
            columns.append(_cells(part, heads, tails, full), COIN[coin])
            if coin == "A":
                names.append(" ")
                columns.append(" ")
        lines = [names, columns]
        rows = {row.tosses.number: row for row in step.rows} if step is not None else {}
        last = max(rows, default=0) if step is not None and step.kind == Kind.ROW else 0
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

    def _row(self, tosses: Tosses, row: Row | None, now: bool, known: bool, width: int) -> Text:
        full = width >= _FULL
        mark = ">" if now else " "
        noted = f" {tosses.noted}" if known else " ?"
        if full:
            line = Text(f"{mark} {tosses.number} {tosses.sequence}{noted}  ")
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

    def _thetas(self, step: Step | None) -> tuple[float | None, float | None]:
        """The chances that the table is made with."""
        if step is None or step.thetas is None:
            return None, None
        if step.kind == Kind.DIVIDE and len(step.path) > 1:
            return step.path[-2].thetas
        return step.thetas

    def _detail(self, step: Step | None, width: int) -> list[Text]:
        """What this step does, in at most ten lines."""
        if step is None:
            lines = self._introduction(width)
        elif step.kind == Kind.HIDE:
            lines = self._guess(step, width)
        elif step.kind == Kind.ROW:
            lines = self._rule(step.rows[-1], width)
        elif step.kind == Kind.SUMS:
            lines = self._sums(width)
        else:
            lines = self._division(step, width)
        return [fit(line, width) for line in lines]

    def _introduction(self, width: int) -> list[Text]:
        n, tosses = len(self._opening.sets), len(self._opening.sets[0].sequence)
        return _prose(
            f"Two coins, A and B, and each has its own chance of heads. {n} times one of them was"
            f" picked and tossed {tosses} times. Somebody noted which: this is the easy case.",
            width,
        )

    def _guess(self, step: Step, width: int) -> list[Text]:
        a, b = step.path[0].thetas
        lines = _prose(
            "Now forget who tossed what. Guess two chances,"
            f" {chance(a)} for A and {chance(b)} for B, and then:",
            width,
        )
        lines += _prose("E-step: how probable is each coin for each set? Share it so.", width)
        lines += _prose("M-step: divide as if the shares were counts. Repeat.", width)
        return lines

    def _rule(self, row: Row, width: int) -> list[Text]:
        """Bayes' rule for both coins, and what follows for the heads."""
        tosses, portions = row
        heads, tails = plural("head", tosses.heads), plural("tail", tosses.tails)
        rules = [portion.rule for portion in portions if portion.rule is not None]
        if not rules:
            return _prose(
                f"Coin {tosses.noted} was noted: all {heads} and {tails} count for it.", width
            )
        times, over = self._signs.times, self._signs.over
        if width >= _NARROW:
            said = (": how often it is picked", f" of {heads}", ": either coin", ": it was this")
        else:
            said = ("", "", "", "")
        name = max(14, 11 + max(map(len, said)))
        lines = [Text(f"{'':{name}}")]
        for coin in COINS:
            lines[0].append(f"{'coin ' + coin:>9}", COIN[coin])
        for sign, part, words in zip(
            (" ", times, over, "="),
            ("prior", "likelihood", "evidence", "posterior"),
            said,
            strict=True,
        ):
            numbers = (getattr(rule, part) for rule in rules)
            shown = (chance(x) if part in ("prior", "posterior") else density(x) for x in numbers)
            text = f"{sign} {part}{words}"
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
            "Every set is shared out. The sums are what each coin is expected to have shown.",
            width,
        )

    def _division(self, step: Step, width: int) -> list[Text]:
        """The M-step in numbers."""
        lines = []
        for said in divisions(step, self._opening):
            said = said.replace("÷", self._signs.over)
            lines.append(Text(said, COIN[said[0]]))
        if not self._opening.flat:
            a, b = self._opening.hyperparameters
            lines.append(Text(f"with the prior Beta({a:g}, {b:g}) on both", RULE["prior"]))
        if step.path:
            was, now = (height(one, self._opening) for one in step.path[-2:])
            lines += _prose(
                f"The {climbed(self._opening)} rose by {density(now - was)}."
                if now > was
                else f"The {climbed(self._opening)} stays.",
                width,
            )
        else:
            lines += _prose("Heads by tosses of each coin: nothing to it.", width)
        return lines

    def _standing(self, step: Step | None, width: int) -> list[Text]:
        """The present estimates on a line, and how high EM has climbed."""
        if step is None or step.thetas is None:
            return []
        lines = [self._places(step.thetas, width)]
        said = Text()
        for coin, theta in zip(COINS, step.thetas, strict=True):
            said.append(f"{coin} {theta:.4f}  ", COIN[coin])
        if step.path:
            last = step.path[-1]
            if self._opening.learn_weights:
                said.append(f"A picked {chance(last.weights[0])}")
            if width < _NARROW and step.kind in (Kind.HIDE, Kind.ROW):
                said = Text()  # the table says it, and rows are scarce
            lines += [*([said] if said else []), self._climb(step.path, width)]
        else:
            lines.append(said)
        return [fit(line, width) for line in lines]

    def _climb(self, path: tuple[Standing, ...], width: int) -> Text:
        heights = [height(one, self._opening) for one in path]
        line = Text(f"{climbed(self._opening)} {signed(heights[-1])} ", RULE["evidence"])
        room = width - line.cell_len
        if len(path) > 1 and room >= 8:
            shown = heights[-room:]
            low, top = min(heights), max(heights) - min(heights)
            above = [h - low for h in shown]
            line += curve(above, top or 1.0, len(shown) - 1, RULE["evidence"], self._signs)[0]
        return line

    def _places(self, thetas: tuple[float, float], width: int) -> Text:
        """A line from 0 to 1 with the letters of the coins on it."""
        room = max(8, width - 4)
        a, b = (min(room - 1, int(theta * room)) for theta in thetas)
        line = Text("0 ") + Text(self._signs.free * room, "dim") + Text(" 1")
        for coin, place in (("A", a), ("B", b)):
            letter = "=" if a == b else coin
            style = "bold" if a == b else f"bold reverse {COIN[coin]}"
            line = line[: 2 + place] + Text(letter, style) + line[3 + place :]
        return line

    def _path(self, step: Step, width: int, rows: int) -> list[Text]:
        """A line for every iteration: the start, and the last ones as far as there is room."""
        numbered = list(enumerate(step.path))
        shown = numbered if len(numbered) <= rows else numbered[:1] + numbered[1 - rows :]
        full = width >= 56
        name = f"{climbed(self._opening):>17}" if full else f"{climbed(self._opening)[4:]:>11}"
        header = Text("  i")
        for coin in COINS:
            header.append(f"{'coin ' + coin:>8}", COIN[coin])
        header.append(name, RULE["evidence"])
        lines = [header]
        for i, one in shown:
            line = Text(f"{i:>3}")
            for coin, theta in zip(COINS, one.thetas, strict=True):
                line.append(f"{theta:>8.4f}", COIN[coin])
            line.append(f"{signed(height(one, self._opening)):>{len(name)}}", RULE["evidence"])
            if full:
                line += Text("   ") + self._places(one.thetas, width - line.cell_len - 3)
            lines.append(line)
        return [fit(line, width) for line in lines]


def _number(step: Step | None) -> int:
    return 0 if step is None else step.number


def _title(step: Step | None) -> str:
    """What this step is called."""
    if step is None:
        return "Two coins, five sets of tosses"
    if step.kind == Kind.HIDE:
        return "The labels are gone"
    if step.kind == Kind.ROW:
        row = step.rows[-1].tosses.number
        return f"Set {row}, with its label" if step.iteration == 0 else f"E-step, set {row}"
    if step.kind == Kind.SUMS:
        return f"E-step {step.iteration}: expected heads and tails"
    return "The coins, known" if step.iteration == 0 else f"M-step {step.iteration}: new chances"


def _portion(portion: Portion, full: bool) -> str:
    if portion.rule is None and portion.share == 0.0:
        return _cells("", "", "", full)
    heads, tails = f"{portion.heads:.1f}", f"{portion.tails:.1f}"
    return _cells(chance(portion.share), heads, tails, full)


def _cells(share: str, heads: str, tails: str, full: bool) -> str:
    return f"{share:>6}{heads:>7}{tails:>7}" if full else f"{share:>4}{heads:>5}{tails:>5}"


def _prose(text: str, width: int) -> list[Text]:
    return [Text(line) for line in wrap(text, min(width, 88))]
